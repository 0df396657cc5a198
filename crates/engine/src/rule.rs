//! How a rule is written: facts go in; a reply and a commit come out, or a need, or a refusal.

mod facts;
mod refusal;

use std::sync::Arc;

use strongroom_crypto::{SealingKey, asymmetric, column_envelope, mac};
use strongroom_envelope::value::Purpose;
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind};
use strongroom_secret::SecretBytes;

pub use facts::{Answers, Facts, Opened, Randomness, Stored, Trace};
pub use refusal::Refusal;

use crate::key::State;
use crate::name::Name;
use crate::policy::Action;

/// One operation of the product: what a caller asks for, and the rule that answers it.
pub trait Operation: Send + 'static {
    /// What the caller gets.
    type Reply: Reply;
    /// The word of this operation in policy, audit, HTTP and on the command line.
    const ACTION: Action;
    /// The rule. It must call [`Facts::permit`] before it returns [`Done`]; the shell refuses a reply otherwise.
    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<Self::Reply>, Stop>;
}

/// What an operation answers, and how much of it a retry with the same commit id may be given again.
pub trait Reply: Send + Sized + 'static {
    /// The bytes kept in the commit log for a retry; empty when the reply holds a secret or changed nothing.
    fn remember(&self) -> Vec<u8> {
        Vec::new()
    }
    /// The reply made from what [`Reply::remember`] kept.
    fn recall(_remembered: &[u8]) -> Option<Self> {
        None
    }
}

/// A finished rule.
pub struct Done<R> {
    /// For the caller.
    pub reply: R,
    /// For the committer; empty for a read.
    pub commit: Commit,
}

impl<R> Done<R> {
    /// A rule that only read.
    pub fn read(reply: R) -> Self {
        Self { reply, commit: Commit::default() }
    }
}

/// Why a rule stopped before it was done.
#[derive(Debug)]
pub enum Stop {
    /// It needs these facts; run it again when they are there.
    Need(Vec<Need>),
    /// What was fetched does not fit together: something changed in between. Fetch everything anew; when that has not
    /// helped eight times it is [`Refusal::Contention`].
    Stale,
    /// The same; and when it still does not fit by then, what it refers to is lost, and this is the refusal.
    Lost(Refusal),
    /// It will not do what was asked.
    Refused(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A fact a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// The opened record at this place, or that there is none.
    Record(RecordKey),
    /// The id a name stands for among records of this kind.
    Name(RecordKind, Name),
    /// The names of this kind that begin with a prefix, in order.
    Page(PageRequest),
    /// The ids of the records of a kind that has no names, in rising order.
    Ids(IdsRequest),
    /// A version of an application key, ready for use.
    Key(KeyChoice),
    /// What the versions of this application key are wrapped under; none for one that is only being made.
    Wraps(Option<Id>),
    /// How many stored values there are under each version of an application key.
    Stored(Id),
    /// Uses of a key version that has a usage limit.
    Uses {
        /// The key.
        key: Id,
        /// Its version.
        version: u32,
        /// How many; fewer are granted when no more are left.
        wanted: u64,
    },
}

/// One page of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Which names.
    pub kind: RecordKind,
    /// What they begin with; empty for all.
    pub prefix: String,
    /// Only names greater than this one.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// One page of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdsRequest {
    /// Which records.
    pub kind: RecordKind,
    /// Only ids greater than this one.
    pub after: Option<Id>,
    /// At most so many.
    pub limit: usize,
    /// Of transactions: only those that are neither committed nor rolled back.
    pub unfinished: bool,
}

/// Which version of which application key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChoice {
    /// The active version of the built-in key with this name.
    Primary(&'static str),
    /// The active version of this key.
    Active(Id),
    /// Exactly this version, if its state lets it open.
    Exact(Id, u32),
    /// Exactly this version, even if it is compromised.
    Compromised(Id, u32),
    /// Exactly this version, in whatever state short of destroyed: for what the server itself does.
    Whatever(Id, u32),
}

/// An application key version that is ready for use.
pub struct KeyHandle {
    /// Id of the key.
    pub key_id: Id,
    /// Its version.
    pub version: u32,
    /// Its name.
    pub name: Name,
    /// The one thing it is for.
    pub purpose: Purpose,
    /// Where in its life the version is.
    pub state: State,
    /// The write of the key's record that said so.
    pub generation: Generation,
    /// How often a version of this key may protect something; none for as often as one likes.
    pub usage_limit: Option<u64>,
    /// The key itself; it outlives changes of the record that leave the version's wrap as it is.
    pub material: Arc<Material>,
}

/// A key, by what it is used for.
pub enum Material {
    /// Seals and opens values.
    Sealing(SealingKey),
    /// Makes and verifies MACs.
    Mac(Box<mac::Key>),
    /// Signs, and verifies what was signed.
    Sign(Box<KeyPair>),
    /// Wraps column encryption keys under RSA.
    Master(Box<column_envelope::MasterKey>),
}

/// A key that signs.
pub struct KeyPair {
    /// Signs.
    pub private: asymmetric::PrivateKey,
    /// Verifies.
    pub public: asymmetric::PublicKey,
}

impl KeyHandle {
    /// The key as one that seals values of this purpose.
    pub fn sealing(&self, purpose: Purpose) -> Result<&SealingKey, Refusal> {
        match &*self.material {
            Material::Sealing(sealing) if self.purpose == purpose => Ok(sealing),
            _ => Err(Refusal::WrongPurpose { key: self.name.to_string(), purpose: self.purpose }),
        }
    }
}

/// Changes that happen together or not at all, and what must still hold when they do.
#[derive(Default)]
pub struct Commit {
    /// At most 60.
    pub changes: Vec<Change>,
    /// Records that must still be of this generation ([`Generation::NONE`]: absent).
    pub expects: Vec<(RecordKey, Generation)>,
    /// Names that must still stand for this id.
    pub names: Vec<(RecordKind, Name, Option<Id>)>,
    /// The commit takes a right away or creates a key: trail and anchor are synced before the reply.
    pub witnessed: bool,
}

/// One change of one record.
pub enum Change {
    /// Write it, new or over the old.
    Put {
        /// Where.
        key: RecordKey,
        /// What, before sealing.
        body: SecretBytes,
        /// What happens to its name.
        name: NameChange,
    },
    /// Remove it.
    Delete {
        /// Where.
        key: RecordKey,
        /// What happens to its name.
        name: NameChange,
    },
}

impl Change {
    /// Where the change is made.
    pub fn key(&self) -> RecordKey {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } => *key,
        }
    }
    /// What happens to the record's name.
    pub fn name(&self) -> &NameChange {
        match self {
            Self::Put { name, .. } | Self::Delete { name, .. } => name,
        }
    }
}

/// What a change does to the name of its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameChange {
    /// Nothing, or the record has none.
    None,
    /// The name is taken.
    Take(Name),
    /// Another one is taken, the old one is free again.
    Move {
        /// Free again.
        from: Name,
        /// Taken.
        to: Name,
    },
    /// The name is free again.
    Free(Name),
}
