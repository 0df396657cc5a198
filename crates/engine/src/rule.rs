//! How a rule is written: facts go in; a reply and a commit come out, or a need, or a refusal.

use std::sync::Arc;

use strongroom_crypto::SealingKey;
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp, body};
use strongroom_secret::SecretBytes;

use crate::name::Name;
use crate::policy::{Action, Decision, Object, Principal, decide};

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
    /// A version of an application key, ready for use.
    Key(KeyChoice),
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

/// Which version of which application key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChoice {
    /// The active version of the key with this name.
    Active(&'static str),
    /// Exactly this version.
    Exact(Id, u32),
}

/// An application key version that is ready for use.
pub struct KeyHandle {
    /// Id of the key.
    pub key_id: Id,
    /// Its version.
    pub version: u32,
    /// The key itself.
    pub sealing: SealingKey,
}

/// Why an operation was refused. The shell turns each into one error code; none holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing there, or nothing the caller may know of.
    #[error("there is no {what} `{target}`")]
    NotFound {
        /// `secret`, `token` …
        what: &'static str,
        /// The name or id asked for.
        target: String,
    },
    /// The name is taken.
    #[error("the name `{name}` is already in use")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The secret is deleted and can be undeleted.
    #[error("`{target}` is deleted")]
    Deleted {
        /// The name or id asked for.
        target: String,
    },
    /// Compare-and-set failed.
    #[error("version {expected} was expected, the current version is {found}")]
    VersionConflict {
        /// What the caller expected; 0 means "must not exist".
        expected: u32,
        /// What is there; 0 means "nothing".
        found: u32,
    },
    /// Policy does not allow it.
    #[error("not permitted: {reason}")]
    Denied {
        /// Which rule decided; names roles and actions only.
        reason: String,
    },
    /// An argument is malformed.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which argument.
        field: &'static str,
        /// What is wrong with it and how to mend it.
        reason: String,
    },
    /// More than a limit allows.
    #[error("{what} is {actual} bytes, at most {limit} are allowed")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large it is.
        actual: usize,
        /// The limit.
        limit: usize,
    },
    /// The application key is not available now.
    #[error("the key `{key}` is locked")]
    KeyLocked {
        /// Name or id of the key.
        key: String,
    },
    /// A record this needs failed verification and is kept aside.
    #[error("`{target}` is quarantined: {finding}")]
    Quarantined {
        /// What was asked for.
        target: String,
        /// The finding.
        finding: &'static str,
    },
    /// A record this needs was written by a newer release.
    #[error("`{target}` was written by a newer release")]
    WrittenByNewer {
        /// What was asked for.
        target: String,
    },
    /// A value does not open; nothing more is said.
    #[error("the value does not open")]
    DoesNotOpen,
    /// Facts changed under the rule more often than it was repeated.
    #[error("too many changes at once on `{target}`; try again")]
    Contention {
        /// What was asked for.
        target: String,
    },
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

/// Where ids and keys come from; nonces do not, they are drawn inside `crypto`.
pub trait Randomness {
    /// Fills the whole buffer.
    fn fill(&mut self, buffer: &mut [u8]);
}

/// An opened record.
pub struct Opened {
    /// The generation it was read at.
    pub generation: Generation,
    /// Its body.
    pub body: SecretBytes,
}

/// What has been fetched for a rule so far.
#[derive(Default)]
pub struct Answers {
    records: Vec<(RecordKey, Result<Option<Opened>, Refusal>)>,
    names: Vec<(RecordKind, Name, Option<Id>)>,
    pages: Vec<(PageRequest, Vec<(Name, Id)>)>,
    keys: Vec<(KeyChoice, Result<Arc<KeyHandle>, Refusal>)>,
}

impl Answers {
    /// Answers [`Need::Record`]; a refusal when the record cannot be served.
    pub fn record(&mut self, key: RecordKey, answer: Result<Option<Opened>, Refusal>) {
        self.records.push((key, answer));
    }
    /// Answers [`Need::Name`].
    pub fn name(&mut self, kind: RecordKind, name: Name, id: Option<Id>) {
        self.names.push((kind, name, id));
    }
    /// Answers [`Need::Page`].
    pub fn page(&mut self, request: PageRequest, names: Vec<(Name, Id)>) {
        self.pages.push((request, names));
    }
    /// Answers [`Need::Key`].
    pub fn key(&mut self, choice: KeyChoice, answer: Result<Arc<KeyHandle>, Refusal>) {
        self.keys.push((choice, answer));
    }
}

/// What was done to what, for the audit trail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// The canonical name or id that was judged and acted on.
    pub target: String,
    /// The application key version used, if one was.
    pub key: Option<(Id, u32)>,
    /// Number of items, for batch requests.
    pub count: Option<u32>,
    permitted: bool,
}

impl Trace {
    /// Whether the rule asked for permission.
    pub fn permitted(&self) -> bool {
        self.permitted
    }
}

/// What a rule may know: the time, who asks, what was fetched. It records what it was told, so that the commit holds only
/// while that is still true.
pub struct Facts<'a> {
    now: Timestamp,
    principal: &'a Principal,
    answers: &'a Answers,
    randomness: &'a mut dyn Randomness,
    expects: Vec<(RecordKey, Generation)>,
    name_expects: Vec<(RecordKind, Name, Option<Id>)>,
    trace: Trace,
}

impl<'a> Facts<'a> {
    /// For the shell, once per run of a rule.
    pub fn new(now: Timestamp, principal: &'a Principal, answers: &'a Answers, randomness: &'a mut dyn Randomness) -> Self {
        Self { now, principal, answers, randomness, expects: Vec::new(), name_expects: Vec::new(), trace: Trace::default() }
    }

    /// The time of this request.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Who asks.
    pub fn principal(&self) -> &Principal {
        self.principal
    }

    /// A new time-ordered id.
    pub fn new_id(&mut self) -> Id {
        let mut random = [0; 10];
        self.randomness.fill(&mut random);
        Id::v7(self.now.0, random)
    }

    /// Randomness for ids and keys.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        self.randomness.fill(buffer);
    }

    /// Judges the request on the canonical object. Every rule calls it before it reads or changes the object.
    pub fn permit(&mut self, action: Action, object: Object<'_>) -> Result<(), Stop> {
        self.trace.target = object.to_string();
        match decide(self.principal, action, object) {
            Decision::Allow => {
                self.trace.permitted = true;
                Ok(())
            }
            Decision::Deny(reason) => Err(Refusal::Denied { reason }.into()),
        }
    }

    /// Notes the number of items of a batch request for the audit line.
    pub fn count(&mut self, items: u32) {
        self.trace.count = Some(items);
    }

    /// Notes the key version used, where the rule did not ask for it by [`Facts::key`].
    pub fn used_key(&mut self, key_id: Id, version: u32) {
        self.trace.key = Some((key_id, version));
    }

    /// The record at `key`, decoded, or `None`. What was read becomes a precondition of the commit.
    pub fn record<T: body::Body>(&mut self, key: RecordKey) -> Result<Option<T>, Stop> {
        let Some((_, answer)) = self.answers.records.iter().find(|(asked, _)| *asked == key) else {
            return Err(Stop::Need(vec![Need::Record(key)]));
        };
        let opened = answer.as_ref().map_err(Clone::clone)?;
        let generation = opened.as_ref().map_or(Generation::NONE, |opened| opened.generation);
        if !self.expects.iter().any(|(expected, _)| *expected == key) {
            self.expects.push((key, generation));
        }
        let Some(opened) = opened else { return Ok(None) };
        match body::decode_strict(opened.body.expose()) {
            Ok(decoded) => Ok(Some(decoded)),
            Err(body::BodyError::Newer { .. }) => Err(Refusal::WrittenByNewer { target: key.id.to_string() }.into()),
            Err(body::BodyError::Malformed) => {
                Err(Refusal::Quarantined { target: key.id.to_string(), finding: "unreadable" }.into())
            }
        }
    }

    /// Asks for several records at once, so that a rule that reads many stops once.
    pub fn prefetch(&self, keys: impl IntoIterator<Item = RecordKey>) -> Result<(), Stop> {
        let missing: Vec<Need> = keys
            .into_iter()
            .filter(|key| !self.answers.records.iter().any(|(asked, _)| asked == key))
            .map(Need::Record)
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(Stop::Need(missing)) }
    }

    /// The id that `name` stands for. The answer becomes a precondition of the commit.
    pub fn name(&mut self, kind: RecordKind, name: &Name) -> Result<Option<Id>, Stop> {
        let found = self.answers.names.iter().find(|(asked_kind, asked, _)| *asked_kind == kind && asked == name);
        let Some((_, _, id)) = found else {
            return Err(Stop::Need(vec![Need::Name(kind, name.clone())]));
        };
        if !self.name_expects.iter().any(|(expected_kind, expected, _)| *expected_kind == kind && expected == name) {
            self.name_expects.push((kind, name.clone(), *id));
        }
        Ok(*id)
    }

    /// A page of names. Not a precondition: a list is a moment's picture.
    pub fn page(&mut self, request: &PageRequest) -> Result<&'a [(Name, Id)], Stop> {
        let answers: &'a Answers = self.answers;
        match answers.pages.iter().find(|(asked, _)| asked == request) {
            Some((_, names)) => Ok(names),
            None => Err(Stop::Need(vec![Need::Page(request.clone())])),
        }
    }

    /// An application key version, ready for use.
    pub fn key(&mut self, choice: &KeyChoice) -> Result<Arc<KeyHandle>, Stop> {
        let Some((_, answer)) = self.answers.keys.iter().find(|(asked, _)| asked == choice) else {
            return Err(Stop::Need(vec![Need::Key(choice.clone())]));
        };
        let handle = answer.as_ref().map_err(Clone::clone)?;
        self.trace.key = Some((handle.key_id, handle.version));
        Ok(Arc::clone(handle))
    }

    /// Ends a rule that changes something: the preconditions are what the rule was told.
    pub fn commit<R>(&mut self, reply: R, changes: Vec<Change>) -> Done<R> {
        let commit = Commit {
            changes,
            expects: std::mem::take(&mut self.expects),
            names: std::mem::take(&mut self.name_expects),
            witnessed: false,
        };
        Done { reply, commit }
    }

    /// As [`Facts::commit`], for a commit that takes a right away or creates a key.
    pub fn commit_witnessed<R>(&mut self, reply: R, changes: Vec<Change>) -> Done<R> {
        let mut done = self.commit(reply, changes);
        done.commit.witnessed = true;
        done
    }

    /// What the audit line will say.
    pub fn into_trace(self) -> Trace {
        self.trace
    }
}
