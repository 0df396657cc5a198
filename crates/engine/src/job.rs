//! Jobs: work in the background that survives a restart, such as sealing again what is stored under an older key version.

mod body;
mod change;
mod list;

use strongroom_envelope::{Id, RecordKey, RecordKind, body as encoding};
use strongroom_secret::SecretBytes;

pub use body::{JobBody, JobKind, JobState};
pub use change::{Finish, FinishReply, Pause, Purge, PurgeReply, Resume};
pub(crate) use list::clear;
pub use list::{JobView, List, ListReply, Show};

use crate::rule::{Change, NameChange};

/// Writes a job's record.
pub fn change(id: Id, job: &JobBody) -> Change {
    let body = SecretBytes::from_vec(encoding::encode(job));
    Change::Put { key: record_key(id), body, name: NameChange::None }
}

/// Where the job `id` lies.
const fn record_key(id: Id) -> RecordKey {
    RecordKey::new(RecordKind::Job, id)
}
