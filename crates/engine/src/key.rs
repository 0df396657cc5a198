//! Application keys: named, with versions that have states, each version wrapped.
//!
//! ```text
//! body, state, algorithm   what is stored of a key; the life of a version
//! make, unwrap             new versions; versions ready for use
//! create, show, list, rotate, change, destroy, limit   administration
//! encrypt, decrypt, rewrap, datakey, mac, random   use
//! protect, change_password another protector, another password for the same versions
//! ```

mod algorithm;
mod apply;
mod body;
mod built_in;
mod change;
mod change_password;
mod create;
mod decrypt;
mod destroy;
mod encrypt;
mod import;
mod limit;
mod list;
mod mac;
mod make;
mod protect;
mod random;
mod rewrap;
mod rotate;
mod show;
mod state;
mod unwrap;

pub use algorithm::Algorithm;
pub use apply::{BATCH_LIMIT, PLAINTEXT_BYTES};
pub(crate) use apply::{active, named, permitted_id};
pub use body::{KeyBody, KeyVersion, PASSWORD_PROTECTOR, Protection, ROOT_PROTECTOR};
pub use built_in::{BuiltIn, BuiltInReply};
pub use change::{ChangeReply, ChangeState};
pub use change_password::ChangePassword;
pub use create::Create;
pub use decrypt::{Decrypt, DecryptItem, DecryptReply};
pub use destroy::{Destroy, LONGEST_WAIT, Purge, PurgeReply, USUAL_WAIT, Undestroy};
pub use encrypt::{DataKey, DataKeyReply, Encrypt, EncryptItem, EncryptReply};
pub use import::Import;
pub(crate) use limit::Allowance;
pub use limit::{Limit, is_near, reserve};
pub use list::{List, ListReply};
pub use mac::{MacReply, MakeMac, Sign, Verify, VerifyItem, VerifyReply};
pub use make::{NewKey, new_application_key};
pub use protect::Protect;
pub use random::{RANDOM_BYTES, Random, RandomReply};
pub use rewrap::Rewrap;
pub use rotate::{Rotate, RotateReply};
pub use show::{KeyView, Show, VersionView};
pub use state::{State, Step};
pub use unwrap::{UnwrapError, WrapKeyHandle, Wraps, handle, unwrap_bytes, unwrap_version};

/// The keys that the server makes for itself; nobody can create, suspend or deactivate one of these names.
pub const BUILT_IN: [&str; 5] = ["secrets", "transactions", "settings", "credentials", crate::reseal::STORE_KEY_NAME];
