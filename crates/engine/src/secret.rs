//! Secrets: a head record with the name and the table of versions, and one record per version.

mod body;
mod delete;
mod destroy;
mod find;
mod get;
mod import;
mod list;
mod put;
mod reencrypt;
mod rename;
mod reply;
mod show;

pub use body::{Provider, SecretBody, SecretVersionBody, VersionEntry};
pub use delete::{Delete, DeleteReply, Undelete, UndeleteReply};
pub use destroy::{Destroy, DestroyReply, Purge, PurgeReply};
pub use get::{Get, GetReply};
pub use import::{IMPORT_ROWS, Import, ImportReply, ImportRow, Imported, METADATA_BYTES, METADATA_PAIRS};
pub use list::{Entry, List, ListReply};
pub use put::{Put, PutReply};
pub(crate) use reencrypt::seal_again;
pub use rename::{Rename, RenameReply};
pub use show::{Show, ShowReply};

/// The name of the application key that secrets are sealed under.
pub const KEY_NAME: &str = "secrets";
/// The largest value, in bytes.
pub const VALUE_BYTES: usize = 1 << 20;
/// How many versions a secret keeps, the current one included, when nothing else was said.
pub const DEFAULT_KEEP: u32 = 10;
/// The most versions a secret can keep: destroying it, and storing a version while lowering the number to one, are each a
/// single commit, and a commit has 60 changes.
pub const KEEP_CEILING: u32 = 50;
/// The longest page of a list.
pub const LIST_LIMIT: usize = 1000;
