//! What a rule may know, and the record of what it was told.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use strongroom_envelope::body::{self, Body, BodyError};
use strongroom_envelope::value::Context;
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp};
use strongroom_secret::SecretBytes;

use super::{Change, Commit, Done, IdsRequest, KeyChoice, KeyHandle, Need, PageRequest, Refusal, Stop};
use crate::key::Wraps;
use crate::name::Name;
use crate::policy::{Action, Decision, Object, Principal, decide};

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
    records: Vec<RecordAnswer>,
    names: Vec<(RecordKind, Name, Option<Id>)>,
    pages: Vec<(PageRequest, Vec<(Name, Id)>)>,
    ids: Vec<(IdsRequest, Vec<Id>)>,
    keys: Vec<(KeyChoice, Result<Arc<KeyHandle>, Refusal>)>,
    wraps: Vec<(Option<Id>, Arc<Wraps>)>,
    stored: Vec<(Id, Vec<(u32, u64)>)>,
    uses: Vec<(Id, u32, u64)>,
}

/// A record as the shell answered it, and as the first run of the rule decoded it: the runs after it look again.
struct RecordAnswer {
    key: RecordKey,
    answer: Result<Option<Opened>, Refusal>,
    decoded: OnceLock<Box<dyn Any + Send + Sync>>,
    /// Whether a run of the rule has looked at it. The runs after it do so too, so that this need not be undone.
    told: AtomicBool,
}

impl Answers {
    /// Answers [`Need::Record`]; a refusal when the record cannot be served.
    pub fn record(&mut self, key: RecordKey, answer: Result<Option<Opened>, Refusal>) {
        let (decoded, told) = (OnceLock::new(), AtomicBool::new(false));
        self.records.push(RecordAnswer { key, answer, decoded, told });
    }
    /// Answers [`Need::Name`].
    pub fn name(&mut self, kind: RecordKind, name: Name, id: Option<Id>) {
        self.names.push((kind, name, id));
    }
    /// Answers [`Need::Page`].
    pub fn page(&mut self, request: PageRequest, names: Vec<(Name, Id)>) {
        self.pages.push((request, names));
    }
    /// Answers [`Need::Ids`].
    pub fn ids(&mut self, request: IdsRequest, ids: Vec<Id>) {
        self.ids.push((request, ids));
    }
    /// Answers [`Need::Wraps`].
    pub fn wraps(&mut self, key: Option<Id>, wraps: Arc<Wraps>) {
        self.wraps.push((key, wraps));
    }
    /// Answers [`Need::Stored`]: versions that have none may be left out.
    pub fn stored(&mut self, key: Id, counts: Vec<(u32, u64)>) {
        self.stored.push((key, counts));
    }
    /// Answers [`Need::Uses`]: how many are granted. They are used up, whatever the rule does with them.
    pub fn uses(&mut self, key: Id, version: u32, granted: u64) {
        self.uses.push((key, version, granted));
    }
    /// Answers [`Need::Key`].
    pub fn key(&mut self, choice: KeyChoice, answer: Result<Arc<KeyHandle>, Refusal>) {
        self.keys.push((choice, answer));
    }

    /// Where the answer about `key` stands. Answers stand in the order they were asked for, and rules look at them in that
    /// order, so the search begins behind the last hit: a list of a thousand records is not a million comparisons.
    fn position(&self, key: RecordKey, begin: usize) -> Option<usize> {
        let (before, after) = self.records.split_at_checked(begin)?;
        let is_it = |answer: &RecordAnswer| answer.key == key;
        match after.iter().position(is_it) {
            Some(at) => Some(begin + at),
            None => before.iter().position(is_it),
        }
    }
}

impl RecordAnswer {
    fn expectation(&self) -> Option<(RecordKey, Generation)> {
        let opened = self.answer.as_ref().ok()?;
        Some((self.key, opened.as_ref().map_or(Generation::NONE, |opened| opened.generation)))
    }

    fn body<T: Stored>(&self) -> Result<Option<&T>, Refusal> {
        let Some(opened) = self.answer.as_ref().map_err(Clone::clone)? else {
            return Ok(None);
        };
        if self.decoded.get().is_none() {
            let decoded: T = body::decode_strict(opened.body.expose()).map_err(|error| self.unusable(error))?;
            // Another thread cannot have been faster: answers belong to one run of one rule.
            let _ = self.decoded.set(Box::new(decoded));
        }
        let decoded = self.decoded.get().and_then(|body| body.downcast_ref());
        Ok(Some(decoded.expect("a rule reads a record as one type of body")))
    }

    fn unusable(&self, error: BodyError) -> Refusal {
        let target = self.key.id.to_string();
        match error {
            BodyError::Newer { .. } => Refusal::WrittenByNewer { target },
            BodyError::Malformed => Refusal::Quarantined { target, finding: "unreadable" },
        }
    }
}

/// A body that a rule can read: owned, so that it is decoded once however often the rule is run.
pub trait Stored: Body + Any + Send + Sync {}
impl<T: Body + Any + Send + Sync> Stored for T {}

/// What was done to what, for the audit trail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// The canonical name or id that was judged and acted on.
    pub target: String,
    /// The application key version used, if one was.
    pub key: Option<(Id, u32)>,
    /// Number of items, for batch requests.
    pub count: Option<u32>,
    /// The names of the values' contexts.
    pub context: Vec<String>,
    permitted: bool,
}

impl Trace {
    /// For what is done without a rule.
    #[must_use]
    pub fn of(target: impl Into<String>) -> Self {
        Self { target: target.into(), ..Self::default() }
    }

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
    /// Where the next record answer is likely to stand.
    next: usize,
    name_expects: Vec<(RecordKind, Name, Option<Id>)>,
    key_expects: Vec<(RecordKey, Generation)>,
    trace: Trace,
}

impl<'a> Facts<'a> {
    /// For the shell, once per run of a rule.
    pub fn new(
        now: Timestamp,
        principal: &'a Principal,
        answers: &'a Answers,
        randomness: &'a mut dyn Randomness,
    ) -> Self {
        let (name_expects, key_expects) = (Vec::new(), Vec::new());
        Self { now, principal, answers, randomness, next: 0, name_expects, key_expects, trace: Trace::default() }
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
        self.trace.permitted = false;
        self.trace.target = match object {
            Object::Name(name) | Object::Owned { name, .. } => name.to_owned(),
            Object::Id(_) | Object::System => object.to_string(),
        };
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

    /// Notes the names of a value's context for the audit line; its texts are never written.
    pub fn context(&mut self, context: &Context) {
        for (name, _) in context.pairs() {
            let noted = &self.trace.context;
            if noted.len() < Context::MOST_PAIRS && !noted.iter().any(|noted| noted == name) {
                self.trace.context.push(name.to_owned());
            }
        }
    }

    /// Notes the key version used, where the rule did not ask for it by [`Facts::key`].
    pub fn used_key(&mut self, key_id: Id, version: u32) {
        self.trace.key = Some((key_id, version));
    }

    /// The record at `key`, decoded, or `None`. What was read becomes a precondition of the commit.
    pub fn record<T: Stored>(&mut self, key: RecordKey) -> Result<Option<&'a T>, Stop> {
        let answers: &'a Answers = self.answers;
        let Some((at, answer)) =
            answers.position(key, self.next).and_then(|at| answers.records.get(at).map(|answer| (at, answer)))
        else {
            return Err(Stop::Need(vec![Need::Record(key)]));
        };
        self.next = at + 1;
        answer.told.store(true, Ordering::Relaxed);
        Ok(answer.body()?)
    }

    /// The bytes of the body at `key`, whatever they mean. What was read becomes a precondition of the commit.
    pub fn body(&mut self, key: RecordKey) -> Result<Option<&'a SecretBytes>, Stop> {
        let answers: &'a Answers = self.answers;
        let Some(at) = answers.position(key, self.next) else {
            return Err(Stop::Need(vec![Need::Record(key)]));
        };
        self.next = at + 1;
        let answer = &answers.records[at];
        answer.told.store(true, Ordering::Relaxed);
        let opened = answer.answer.as_ref().map_err(Clone::clone)?;
        Ok(opened.as_ref().map(|opened| &opened.body))
    }

    /// Asks for several records at once, so that a rule that reads many stops once.
    pub fn prefetch(&self, keys: impl IntoIterator<Item = RecordKey>) -> Result<(), Stop> {
        let mut missing = Vec::new();
        let mut next = 0;
        for key in keys {
            match self.answers.position(key, next) {
                Some(at) => next = at + 1,
                None => missing.push(Need::Record(key)),
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(Stop::Need(missing)) }
    }

    /// Asks for several names at once.
    pub fn prefetch_names<'n>(&self, kind: RecordKind, names: impl IntoIterator<Item = &'n Name>) -> Result<(), Stop> {
        let known = &self.answers.names;
        let unknown = |name: &&Name| !known.iter().any(|(asked, known, _)| *asked == kind && known == *name);
        let missing: Vec<Need> = names.into_iter().filter(unknown).map(|name| Need::Name(kind, name.clone())).collect();
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

    /// A page of ids. Not a precondition either.
    pub fn ids(&mut self, request: &IdsRequest) -> Result<&'a [Id], Stop> {
        let answers: &'a Answers = self.answers;
        match answers.ids.iter().find(|(asked, _)| asked == request) {
            Some((_, ids)) => Ok(ids),
            None => Err(Stop::Need(vec![Need::Ids(request.clone())])),
        }
    }

    /// An application key version, ready for use. That an active one is still active becomes a precondition of the commit:
    /// nothing is sealed under a version that was replaced meanwhile.
    pub fn key(&mut self, choice: &KeyChoice) -> Result<Arc<KeyHandle>, Stop> {
        let Some((_, answer)) = self.answers.keys.iter().find(|(asked, _)| asked == choice) else {
            return Err(Stop::Need(vec![Need::Key(choice.clone())]));
        };
        let handle = answer.as_ref().map_err(Clone::clone)?;
        self.trace.key = Some((handle.key_id, handle.version));
        if matches!(choice, KeyChoice::Primary(_) | KeyChoice::Active(_)) {
            let expected = (RecordKey::new(RecordKind::Key, handle.key_id), handle.generation);
            if !self.key_expects.contains(&expected) {
                self.key_expects.push(expected);
            }
        }
        Ok(Arc::clone(handle))
    }

    /// What the versions of a key are wrapped under; of none: of one that is being made.
    pub fn wraps(&mut self, key: Option<Id>) -> Result<Arc<Wraps>, Stop> {
        let answer = self.answers.wraps.iter().find(|(asked, _)| *asked == key);
        answer.map(|(_, wraps)| Arc::clone(wraps)).ok_or_else(|| Stop::Need(vec![Need::Wraps(key)]))
    }

    /// How many stored values there are under each version of a key. A moment's picture.
    pub fn stored(&mut self, key: Id) -> Result<&'a [(u32, u64)], Stop> {
        let answers: &'a Answers = self.answers;
        let answer = answers.stored.iter().find(|(asked, _)| *asked == key);
        answer.map(|(_, counts)| counts.as_slice()).ok_or_else(|| Stop::Need(vec![Need::Stored(key)]))
    }

    /// How many uses of a key version are granted; none when its uses are not limited. `wanted` is asked once: rules ask for
    /// uses last, so that what was granted is used.
    pub fn uses(
        &mut self,
        key: &KeyHandle,
        wanted: impl FnOnce(&mut Self) -> Result<usize, Stop>,
    ) -> Result<Option<u64>, Stop> {
        if key.usage_limit.is_none() {
            return Ok(None);
        }
        let (id, version) = (key.key_id, key.version);
        let answer = self.answers.uses.iter().find(|(asked, number, _)| (*asked, *number) == (id, version));
        if let Some((_, _, granted)) = answer {
            return Ok(Some(*granted));
        }
        match wanted(self)? {
            0 => Ok(Some(0)),
            wanted => Err(Stop::Need(vec![Need::Uses { key: id, version, wanted: wanted as u64 }])),
        }
    }

    /// Ends a rule that changes something: the preconditions are what the rule was told.
    pub fn commit<R>(&mut self, reply: R, changes: Vec<Change>) -> Done<R> {
        let told = self.answers.records.iter().filter(|answer| answer.told.load(Ordering::Relaxed));
        let keys = std::mem::take(&mut self.key_expects);
        let expects = told.filter_map(RecordAnswer::expectation).chain(keys).collect();
        let names = std::mem::take(&mut self.name_expects);
        Done { reply, commit: Commit { changes, expects, names, witnessed: false } }
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
