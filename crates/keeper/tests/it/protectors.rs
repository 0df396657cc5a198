//! The protectors that an operator adds: shares, a certificate, a token, a plug-in. Each opens the root key alone.

mod hostile;
mod life;
mod parts;
mod slow;
mod token;
