//! The words on the wire from outside.
#![allow(clippy::unwrap_used, missing_docs)]

mod registry_file;
