//! A store in memory that runs rules as the keeper does: needs are fulfilled, commits are judged by what they expect.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use strongroom_engine::key::{KeyBody, Rotate, State, WrapKeyHandle, Wraps, new_application_key, unwrap_version};
use strongroom_engine::name::{Name, Selector};
use strongroom_engine::policy::{Channel, Identity, Principal, Role};
use strongroom_engine::rule::{
    Answers, Change, Commit, Facts, KeyChoice, KeyHandle, NameChange, Need, Opened, Operation, Randomness, Refusal,
    Stop, Trace,
};
use strongroom_engine::secret;
use strongroom_engine::stored::{Family, SealedUnder, sealed_under};
use strongroom_engine::transaction::closed_at;
use strongroom_envelope::body::{self, Body};
use strongroom_envelope::value::Purpose;
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp};
use strongroom_secret::{SecretBytes, WrapKey};

/// The moment at which every shell begins.
pub const BEGIN: Timestamp = Timestamp(1_700_000_000_000);

/// A store with its names and keys.
pub struct Shell {
    pub now: Timestamp,
    pub records: HashMap<RecordKey, (Generation, Vec<u8>)>,
    pub names: BTreeMap<(RecordKind, String), Id>,
    /// Records that cannot be served, with the refusal.
    pub refused: HashMap<RecordKey, Refusal>,
    pub locked_keys: bool,
    /// What the protector of keys yielded, when they have one of their own.
    pub own: Option<Arc<WrapKeyHandle>>,
    /// Uses that are left of every key that has a limit.
    pub uses_left: Cell<u64>,
    pub randomness: Seeded,
    epoch: u64,
    /// What happens when the rule has been run this many times, counted over one request.
    interruption: Option<(usize, Interruption)>,
    pub last: Account,
}

/// What became of the last request.
#[derive(Default)]
pub struct Account {
    pub trace: Trace,
    pub runs: usize,
    pub attempts: usize,
    pub witnessed: bool,
    pub changes: usize,
    pub bytes: usize,
}

pub type Interruption = Box<dyn FnOnce(&mut Shell)>;

/// SplitMix64: the same randomness every time.
pub struct Seeded(pub u64);

impl Randomness for Seeded {
    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = self.0;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// An administrator at the local socket.
pub fn admin() -> Principal {
    caller(Role::Admin)
}

pub fn caller(role: Role) -> Principal {
    Principal { identity: Identity::Peer { uid: 1000 }, role: Some(role), channel: Channel::Local }
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// The keyring's only wrap key.
fn wrap() -> WrapKeyHandle {
    WrapKeyHandle::new(Id([9; 16]), 1, &WrapKey::from_slice(&[9; 32]).unwrap())
}

impl Shell {
    fn wraps(&self) -> Wraps {
        Wraps { root: vec![wrap()], own: self.own.clone() }
    }

    pub fn new() -> Self {
        let mut randomness = Seeded(7);
        let made = new_application_key(name(secret::KEY_NAME), Purpose::Secrets, &wrap(), &mut randomness, BEGIN);
        let mut shell = Self {
            now: BEGIN,
            records: HashMap::new(),
            names: BTreeMap::new(),
            refused: HashMap::new(),
            locked_keys: false,
            own: None,
            uses_left: Cell::new(0),
            randomness,
            epoch: 0,
            interruption: None,
            last: Account::default(),
        };
        let change = made.change();
        shell.commit(Commit { changes: vec![change], ..Commit::default() }).unwrap();
        shell
    }

    /// Makes a new version of the key for secrets, without a job.
    pub fn rotate(&mut self) {
        let selector = Selector::Name(name(secret::KEY_NAME));
        self.admin(&Rotate { selector, reencrypt: false, expected_version: None, rate: None }).unwrap();
    }

    /// The active version of the key for secrets.
    pub fn active(&self) -> (Id, u32) {
        let handle = self.key(&KeyChoice::Primary(secret::KEY_NAME)).unwrap();
        (handle.key_id, handle.version)
    }

    /// A key version, ready for use.
    pub fn handle(&self, (id, version): (Id, u32)) -> Arc<KeyHandle> {
        self.key(&KeyChoice::Exact(id, version)).unwrap()
    }

    /// The active version of the key with this name.
    pub fn key_handle(&self, name: &str) -> Arc<KeyHandle> {
        self.key(&KeyChoice::Active(self.names[&(RecordKind::Key, name.to_owned())])).unwrap()
    }

    /// The record of the key with this name.
    pub fn key_body(&self, name: &str) -> KeyBody {
        self.body(RecordKind::Key, self.names[&(RecordKind::Key, name.to_owned())])
    }

    /// Lets `then` happen after the rule's run number `runs` of the next request: between its reading and its commit.
    pub fn interrupt_after(&mut self, runs: usize, then: impl FnOnce(&mut Shell) + 'static) {
        self.interruption = Some((runs, Box::new(then)));
    }

    pub fn admin<O: Operation>(&mut self, operation: &O) -> Result<O::Reply, Refusal> {
        self.execute(&admin(), operation)
    }

    /// Runs a request to its end.
    pub fn execute<O: Operation>(&mut self, principal: &Principal, operation: &O) -> Result<O::Reply, Refusal> {
        self.last = Account::default();
        for _ in 0..ATTEMPTS {
            self.last.attempts += 1;
            if let Some(outcome) = self.attempt(principal, operation) {
                return outcome;
            }
        }
        Err(Refusal::Contention { target: self.last.trace.target.clone() })
    }

    /// One attempt; none when facts changed under it.
    fn attempt<O: Operation>(&mut self, principal: &Principal, operation: &O) -> Option<Result<O::Reply, Refusal>> {
        let mut answers = Answers::default();
        for _ in 0..ROUNDS {
            let mut facts = Facts::new(self.now, principal, &answers, &mut self.randomness);
            let outcome = operation.apply(&mut facts);
            self.last.trace = facts.into_trace();
            self.last.runs += 1;
            self.interrupt();
            match outcome {
                Ok(done) => {
                    assert!(self.last.trace.permitted(), "a rule asks for permission before it is done");
                    self.last.witnessed = done.commit.witnessed;
                    return self.commit(done.commit).ok().map(|()| Ok(done.reply));
                }
                Err(Stop::Refused(refusal)) => return Some(Err(refusal)),
                Err(Stop::Stale | Stop::Lost(_)) => return None,
                Err(Stop::Need(needs)) => {
                    assert!(!needs.is_empty(), "a rule that stops says what it needs");
                    needs.into_iter().for_each(|need| self.fulfil(need, &mut answers));
                }
            }
        }
        panic!("the rule needs facts without end");
    }

    fn interrupt(&mut self) {
        let runs = self.last.runs;
        if let Some((_, then)) = self.interruption.take_if(|(at, _)| *at == runs) {
            let before = std::mem::take(&mut self.last);
            then(self);
            self.last = before;
        }
    }

    fn fulfil(&self, need: Need, answers: &mut Answers) {
        match need {
            Need::Record(key) => answers.record(key, self.opened(key)),
            Need::Name(kind, name) => {
                let id = self.names.get(&(kind, name.to_string())).copied();
                answers.name(kind, name, id);
            }
            Need::Page(request) => {
                let begin = request.after.clone().map_or_else(
                    || Bound::Included((request.kind, request.prefix.clone())),
                    |after| Bound::Excluded((request.kind, after)),
                );
                let names = self.names.range((begin, Bound::Unbounded));
                let page = names
                    .filter(|((kind, name), _)| *kind == request.kind && name.starts_with(&request.prefix))
                    .take(request.limit)
                    .map(|((_, text), id)| (name(text), *id))
                    .collect();
                answers.page(request, page);
            }
            Need::Ids(request) => {
                let wanted = |body: &[u8]| !request.unfinished || closed_at(body) == Some(None);
                let of_kind = self.records.iter().filter(|(key, (_, body))| key.kind == request.kind && wanted(body));
                let of_kind = of_kind.map(|(key, _)| key.id);
                let mut ids: Vec<Id> = of_kind.filter(|id| request.after.is_none_or(|after| *id > after)).collect();
                ids.sort_unstable();
                ids.truncate(request.limit);
                answers.ids(request, ids);
            }
            Need::Key(choice) => {
                let handle = self.key(&choice);
                answers.key(choice, handle);
            }
            Need::Wraps(id) => answers.wraps(id, Arc::new(self.wraps())),
            Need::Stored(id) => answers.stored(id, self.stored(id)),
            Need::Uses { key, version, wanted } => {
                let granted = self.uses_left.get().min(wanted);
                self.uses_left.set(self.uses_left.get() - granted);
                answers.uses(key, version, granted);
            }
        }
    }

    fn opened(&self, key: RecordKey) -> Result<Option<Opened>, Refusal> {
        if let Some(refusal) = self.refused.get(&key) {
            return Err(refusal.clone());
        }
        let record = self.records.get(&key);
        Ok(record.map(|(generation, body)| Opened { generation: *generation, body: SecretBytes::from_slice(body) }))
    }

    fn key(&self, choice: &KeyChoice) -> Result<Arc<KeyHandle>, Refusal> {
        let locked = || Refusal::KeyLocked { key: secret::KEY_NAME.to_owned() };
        if self.locked_keys {
            return Err(locked());
        }
        let id = match choice {
            KeyChoice::Primary(name) => self.names[&(RecordKind::Key, (*name).to_owned())],
            KeyChoice::Active(id)
            | KeyChoice::Exact(id, _)
            | KeyChoice::Compromised(id, _)
            | KeyChoice::Whatever(id, _) => *id,
        };
        let (generation, bytes) = self.records.get(&KeyBody::record_key(id)).ok_or(Refusal::DoesNotOpen)?;
        let key: KeyBody = body::decode_strict(bytes).unwrap();
        let name = key.name.to_string();
        let version = match choice {
            KeyChoice::Primary(_) | KeyChoice::Active(_) => {
                key.active().ok_or(Refusal::NoActiveVersion { key: name })?
            }
            KeyChoice::Exact(_, number) | KeyChoice::Compromised(_, number) => {
                let version = key.version(*number).ok_or(Refusal::DoesNotOpen)?;
                let anyway = matches!(choice, KeyChoice::Compromised(..)) && version.state == State::Compromised;
                if !version.state.opens() && !anyway {
                    let (version, state) = (*number, version.state);
                    return Err(Refusal::KeyNotUsable { key: name, version, state });
                }
                version
            }
            KeyChoice::Whatever(_, number) => key.version(*number).ok_or(Refusal::DoesNotOpen)?,
        };
        let handle = unwrap_version(id, *generation, &key, version.number, &self.wraps());
        handle.map(Arc::new).map_err(strongroom_engine::key::UnwrapError::refusal)
    }

    fn stored(&self, key: Id) -> Vec<(u32, u64)> {
        let mut counts = BTreeMap::new();
        for (_, (_, body)) in self.records.iter().filter(|(at, _)| Family::of(at.kind).is_some()) {
            if let Some(SealedUnder::Key(id, version)) = sealed_under(body)
                && id == key
            {
                *counts.entry(version).or_default() += 1;
            }
        }
        counts.into_iter().collect()
    }

    /// Applies a commit when everything it expects still holds.
    pub fn commit(&mut self, commit: Commit) -> Result<(), Lost> {
        let generation = |records: &HashMap<RecordKey, (Generation, Vec<u8>)>, key: &RecordKey| {
            records.get(key).map_or(Generation::NONE, |(generation, _)| *generation)
        };
        let records_hold = commit.expects.iter().all(|(key, expected)| generation(&self.records, key) == *expected);
        let names_hold =
            commit.names.iter().all(|(kind, name, id)| self.names.get(&(*kind, name.to_string())).copied() == *id);
        if !records_hold || !names_hold {
            return Err(Lost);
        }
        self.last.changes = commit.changes.len();
        if commit.changes.is_empty() {
            return Ok(());
        }
        assert!(commit.changes.len() <= COMMIT_CHANGES, "a commit has at most 60 changes");
        self.epoch += 1;
        for (index, change) in commit.changes.into_iter().enumerate() {
            self.change(change, Generation::new(self.epoch, u16::try_from(index).unwrap()));
        }
        assert!(self.last.bytes <= COMMIT_BYTES, "a commit has at most 1 MiB + 64 KiB");
        Ok(())
    }

    fn change(&mut self, change: Change, generation: Generation) {
        let kind = change.key().kind;
        match change.name().clone() {
            NameChange::None => {}
            NameChange::Take(name) => self.take(kind, &name, change.key().id),
            NameChange::Move { from, to } => {
                assert_eq!(self.names.remove(&(kind, from.to_string())), Some(change.key().id));
                self.take(kind, &to, change.key().id);
            }
            NameChange::Free(name) => {
                assert_eq!(self.names.remove(&(kind, name.to_string())), Some(change.key().id));
            }
        }
        match change {
            Change::Put { key, body, .. } => {
                self.last.bytes += body.len();
                self.records.insert(key, (generation, body.expose().to_vec()));
            }
            Change::Delete { key, .. } => {
                assert!(self.records.remove(&key).is_some(), "what is deleted was there");
            }
        }
    }

    fn take(&mut self, kind: RecordKind, name: &Name, id: Id) {
        let before = self.names.insert((kind, name.to_string()), id);
        assert_eq!(before, None, "a name is taken once");
    }

    /// The body of a stored record.
    pub fn body<T: Body>(&self, kind: RecordKind, id: Id) -> T {
        body::decode_strict(&self.records[&RecordKey::new(kind, id)].1).unwrap()
    }

    /// How many records of a kind there are.
    pub fn count(&self, kind: RecordKind) -> usize {
        self.records.keys().filter(|key| key.kind == kind).count()
    }

    /// The head of the secret with this name.
    pub fn head(&self, name: &str) -> secret::SecretBody {
        self.body(RecordKind::Secret, self.id(name))
    }

    pub fn id(&self, name: &str) -> Id {
        self.names[&(RecordKind::Secret, name.to_owned())]
    }
}

/// A precondition did not hold.
#[derive(Debug)]
pub struct Lost;

const ATTEMPTS: usize = 8;
const ROUNDS: usize = 16;
const COMMIT_CHANGES: usize = 60;
const COMMIT_BYTES: usize = (1 << 20) + (64 << 10);
