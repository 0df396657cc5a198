//! Always Encrypted's cells, key envelopes, normal forms and the signed manifest: pure, byte-compatible with Microsoft's.
//!
//! The normative pages are `docs/spec/cell.md`, `docs/spec/column-key.md` and `docs/spec/manifest.md`.

pub mod cell;
pub mod class;
pub mod envelope;
pub mod manifest;
pub mod master;
pub mod plain;

pub use cell::{CellKey, CellNotOpened, Mode, key_check};
pub use class::Class;
pub use envelope::KeyEnvelope;
pub use manifest::Manifest;
pub use plain::{BadValue, Format, PlainType, Style, Tagged, TextEncoding, Unsupported};
