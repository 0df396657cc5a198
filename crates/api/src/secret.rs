//! `secret`: passwords and credentials for other systems.

mod change;
mod import;
mod read;

pub use change::{
    DeleteReply, DeleteRequest, DestroyReply, DestroyRequest, PutReply, PutRequest, RenameReply, RenameRequest,
    UndeleteReply, UndeleteRequest,
};
pub use import::{ImportError, ImportReply, ImportRequest, ImportRow, Imported};
pub use read::{
    GetReply, GetRequest, ListEntry, ListReply, ListRequest, ShowReply, ShowRequest, VersionEntry, Withheld,
};

const EXAMPLE_ID: &str = "01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f";
