//! Settings of a provisioning system: a registry of hierarchical names and typed values, encrypted unless their class says why not.

mod body;
mod class;
mod delete;
mod export;
mod get;
mod import;
mod list;
mod reencrypt;
mod reply;
mod seal;
mod set;
mod suspicion;
mod value;

pub use body::SettingBody;
pub use class::Class;
pub use delete::{Delete, DeleteReply};
pub use export::{EXPORT_LIMIT, Export, ExportReply, Exported};
pub use get::{Get, GetReply};
pub use import::{IMPORT_ROWS, Import, ImportReply, ImportRow, Imported};
pub use list::{Entry, List, ListReply};
pub(crate) use reencrypt::seal_again;
pub use set::{Set, SetReply};
pub use suspicion::{Suspicion, suspicion};
pub use value::{MOST_STRINGS, SettingValue, VALUE_BYTES, ValueType};

use strongroom_envelope::{Id, RecordKind, body as encoding};
use strongroom_secret::SecretBytes;

use crate::find::Named;
use crate::name::Name;
use crate::rule::{Change, NameChange, Refusal};

/// The name of the application key that settings are sealed under.
pub const KEY_NAME: &str = "settings";
/// The longest page of a list.
pub const LIST_LIMIT: usize = 200;

impl Named for SettingBody {
    const KIND: RecordKind = RecordKind::Setting;
    const WHAT: &'static str = "setting";

    fn name(&self) -> &Name {
        &self.name
    }
}

/// Writes a setting.
fn change(id: Id, setting: &SettingBody, name: NameChange) -> Change {
    let body = SecretBytes::from_vec(encoding::encode(setting));
    Change::Put { key: SettingBody::record_key(id), body, name }
}

/// Compare-and-set; 0 stands for a setting that is not there.
fn refuse_other_revision(expected: Option<u32>, found: u32) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != found => Err(Refusal::RevisionConflict { expected, found }),
        _ => Ok(()),
    }
}
