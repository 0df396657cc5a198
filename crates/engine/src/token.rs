//! Access tokens: issued once, stored as a hash, revoked by id.

mod body;
mod issue;
mod list;
mod purge;
mod revoke;

pub use body::{TokenBody, digest};
pub use issue::{DESCRIPTION_BYTES, Issue, IssueReply, LIFETIME_MILLISECONDS};
pub use list::{LIST_LIMIT, List, ListReply, TokenView};
pub use purge::{Purge, PurgeReply};
pub use revoke::{Revoke, RevokeReply};
