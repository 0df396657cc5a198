//! `setting`: a registry of hierarchical names and typed values.

mod change;
mod file;
mod read;
pub mod registry_file;
mod value;

pub use change::{DeleteReply, DeleteRequest, SetReply, SetRequest};
pub use file::{ExportReply, ExportRequest, Exported, ImportError, ImportReply, ImportRequest, ImportRow, Imported};
pub use read::{GetReply, GetRequest, ListEntry, ListReply, ListRequest, Withheld};
pub use value::{Class, Value};

const EXAMPLE_ID: &str = "01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f";
const EXAMPLE_NAME: &str = "Provisioning/Engine/ConnectionString";
const EXAMPLE_TIME: &str = "2026-07-15T08:30:00.000Z";
