//! Strongroom's byte formats: parsed, printed, sealed and opened, with no input or output, no clock and no randomness of their own.
//!
//! The normative pages are in `docs/spec/`; each module follows the page of its name.

pub mod anchor;
pub mod audit_line;
pub mod body;
pub mod credential;
pub mod keyring;
pub mod log;
pub mod protector;
pub mod record;
pub mod snapshot;
pub mod stream;
pub mod two_tier;
pub mod value;

mod data_key;
mod generation;
mod hexadecimal;
mod id;
mod pin;
mod record_key;
mod timestamp;

pub use data_key::{DataKeyRefusal, SEALED_DATA_KEY, SealedDataKey};
pub use generation::{Generation, GenerationRefusal};
pub use id::{Id, IdRefusal};
pub use pin::{Pin, PinRefusal};
pub use record::Tag;
pub use record_key::{RecordKey, RecordKeyRefusal, RecordKind};
pub use timestamp::{Timestamp, TimestampRefusal};
