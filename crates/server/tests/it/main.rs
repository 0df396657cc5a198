//! The server as its callers see it: a real one, on a socket and on TCP, over a real keeper in folders of its own.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod administration;
mod canary;
mod certificate;
mod column;
mod column_openssl;
mod coverage;
mod credential;
mod garbage;
mod hostile;
mod job;
mod key;
mod key_batch;
mod key_canary;
mod key_limit;
mod key_password;
mod limits;
mod lock;
mod lockout;
mod monitoring;
mod policy;
mod protector;
mod raw;
mod retry;
mod secret;
mod setting;
mod shown;
mod site;
mod stop;
mod tls;
mod token;
mod transaction;
mod transaction_archive;
