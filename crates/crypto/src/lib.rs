//! The only crate that names an algorithm: sealing, hashing, derivation, passwords, signatures.
//!
//! No input or output and no wall clock; secrets come and go in the types of `strongroom_secret`.
//! Formats are fixed by `docs/spec/cipher.md` and `docs/spec/labels.md`.

pub mod asymmetric;
mod block;
mod cipher;
pub mod column_cell;
pub mod column_envelope;
pub mod derive;
mod gcm;
pub mod hash;
pub mod kem;
pub mod key_wrap;
#[cfg(feature = "known-answers")]
pub mod known_answers;
pub mod labels;
pub mod mac;
pub mod oaep;
pub mod password;
#[cfg(feature = "pkcs12")]
pub mod pkcs12;
pub mod random;
pub mod selftest;
pub mod shamir;
pub mod signature;
pub mod stream;
pub mod weakness;

pub use cipher::{COMMITMENT, NONCE, OVERHEAD, OpenError, PLAINTEXT_LIMIT, SealingKey, TAG};
pub use labels::Label;
