//! Application keys: named, with versions that have states, each version wrapped.

mod body;
mod make;
mod unwrap;

pub use body::{KeyBody, KeyVersion, ROOT_PROTECTOR, State};
pub use make::{NewKey, new_application_key};
pub use unwrap::{UnwrapError, WrapKeyHandle, unwrap_version};
