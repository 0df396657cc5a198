//! Credentials of components: each belongs to one account, and only that account can read it.

mod body;
mod delete;
mod enroll;
mod get;
mod host;
mod list;
mod owned;
mod owner;
mod rebind;
mod reencrypt;
mod reply;
mod seal;
mod set;
mod show;

pub use body::CredentialBody;
pub use delete::{Delete, DeleteReply};
pub use enroll::{Enroll, EnrollReply};
pub use get::{Get, GetReply, Released};
pub use host::{ACCOUNT_BYTES, Account, Change as BindingChange, HostId, Local, Seen};
pub use list::{List, ListReply};
pub use owner::{CERTIFICATES, Owner, Pins};
pub use rebind::{Rebind, RebindReply};
pub(crate) use reencrypt::seal_again;
pub use set::{Set, SetReply, VALUE_BYTES};
pub use show::{Entry, Show};

use strongroom_envelope::{Id, RecordKind, body as encoding};
use strongroom_secret::SecretBytes;

use crate::find::Named;
use crate::name::Name;
use crate::rule::{Change, NameChange, Refusal};

/// The name of the application key that credentials are sealed under.
pub const KEY_NAME: &str = "credentials";
/// The longest page of a list.
pub const LIST_LIMIT: usize = 200;

impl Named for CredentialBody {
    const KIND: RecordKind = RecordKind::Credential;
    const WHAT: &'static str = "credential";

    fn name(&self) -> &Name {
        &self.name
    }
}

/// Writes a credential.
fn change(id: Id, credential: &CredentialBody, name: NameChange) -> Change {
    let body = SecretBytes::from_vec(encoding::encode(credential));
    Change::Put { key: CredentialBody::record_key(id), body, name }
}

/// Compare-and-set; 0 stands for a credential that is not there.
fn refuse_other_revision(expected: Option<u32>, found: u32) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != found => Err(Refusal::RevisionConflict { expected, found }),
        _ => Ok(()),
    }
}

/// The revision that follows.
fn next_revision(revision: u32) -> Result<u32, Refusal> {
    revision.checked_add(1).ok_or_else(|| Refusal::Invalid {
        field: "name",
        reason: "its revisions are used up: delete the credential and make it anew".to_owned(),
    })
}
