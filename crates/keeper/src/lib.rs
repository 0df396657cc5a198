//! The unlocked store without a network: unlock, heal, committer, catalogue, quarantine, and the offline commands.
//!
//! ```text
//! keeper, open, root          one instance: opened, unlocked, locked, stopped
//! boot, verdict, catalogue    the boot order: history, judgement, inventory
//! first_start, settle         what is made once; what follows every unlock
//! committer, snapshot, witness  the one commit path: store, trail, anchor, reply
//! unlocked, index, seals, quarantine, keys, uses, tokens, retries  what is held in memory
//! worker, needs, reply        runs the rules of `engine`, with the facts they ask for; how answers leave
//! protectors, *_chores        the protectors of the root key; administration
//! ```

mod alarms;
mod anchor;
mod at_hand;
mod boot;
mod catalogue;
mod chores;
mod clock;
mod committer;
mod coverage;
pub mod facade;
mod first_start;
mod host;
mod index;
mod jobs;
pub mod journal;
mod keeper;
mod key_chores;
mod key_import;
mod key_opening;
mod key_password;
mod keys;
mod needs;
mod offline;
mod open;
mod program;
mod protector_chores;
mod protectors;
mod quarantine;
mod random;
mod reply;
mod resealing;
mod retries;
mod root;
mod seals;
mod settings;
mod settle;
mod snapshot;
mod store_key;
mod stored;
mod tokens;
mod transactions;
mod unlocked;
mod uses;
mod verdict;
mod witness;
mod words;
mod worker;

pub use boot::BootError;
pub use chores::AuditQuery;
pub use first_start::FirstStartError;
pub use host::HostError;
pub use keeper::Keeper;
pub use key_import::{KeyImport, WrappingView};
pub use offline::{AcceptError, Acceptance, anchor_accept};
pub use open::OpenError;
pub use settings::{LOOK_EVERY, Settings, StartReport};
pub use strongroom_protector::{
    ChildProgram, Configuration as ProtectorConfiguration, NameError, Pkcs11Settings, PluginSettings, RsaSettings,
    Settings as ProtectorSettings, serve_pkcs11,
};
pub use words::{failure_word, refusal_word};
