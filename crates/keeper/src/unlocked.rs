//! Everything an unlocked store holds in memory, shared by the threads that serve it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use parking_lot::{Mutex, RwLock};
use strongroom_engine::catalogue;
use strongroom_engine::rule::{Change, NameChange, Opened, Refusal};
use strongroom_envelope::keyring::Keyring;
use strongroom_envelope::log::AuditPosition;
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp, body, protector};
use strongroom_secret::SecretBytes;
use strongroom_store::Store;

use crate::committer::Order;
use crate::facade::{Alarm, Failure};
use crate::index::Index;
use crate::jobs::Bell;
use crate::journal::Journal;
use crate::keys::ApplicationKeys;
use crate::protectors::{self, Judged};
use crate::quarantine::{self, Finding, Quarantine};
use crate::resealing::Resealing;
use crate::retries::Retries;
use crate::seals::Seals;
use crate::stored::StoredValues;
use crate::tokens::Tokens;
use crate::transactions::Unfinished;
use crate::witness::Witness;

/// The newest version of any body that this release knows.
const NEWEST_BODY_VERSION: u64 = 1;
/// How often a read that disagrees with the index is repeated before the committer is asked: a batch may be between its COMMIT and
/// its entry in the index.
const READ_ATTEMPTS: usize = 3;

/// An unlocked store.
pub struct Unlocked {
    /// The untrusted map below.
    pub store: Arc<dyn Store>,
    /// The keys.
    pub seals: RwLock<Seals>,
    /// What the store is expected to hold.
    pub index: RwLock<Index>,
    /// Application keys ready for use.
    pub keys: ApplicationKeys,
    /// Which values are not under the active version of their key.
    pub stored: StoredValues,
    /// Transactions that are not closed.
    pub unfinished: Unfinished,
    /// Which records are not under the active store key.
    pub resealing: Resealing,
    /// Tokens by their hash.
    pub tokens: Tokens,
    /// Commits of the last day that came with a key.
    pub retries: Mutex<Retries>,
    /// Deleted secrets and when they were deleted.
    pub deleted: Mutex<HashMap<Id, Timestamp>>,
    /// Records that failed.
    pub quarantine: Quarantine,
    /// Trail and anchor.
    pub witness: Arc<Witness>,
    /// The system log.
    pub journal: Arc<dyn Journal>,
    /// Names the instance.
    pub store_id: Id,
    /// Recognises the root key.
    pub root_id: [u8; 16],
    /// This life of the store.
    pub incarnation: Id,
    /// When it was unlocked.
    pub unlocked_at: Timestamp,
    /// The newest epoch, for status.
    pub epoch: AtomicU64,
    /// How the protectors were judged.
    pub protectors: Mutex<Vec<Judged>>,
    /// What an operator should know, by word.
    pub alarms: Mutex<BTreeMap<&'static str, Alarm>>,
    /// How many requests of others were worked on, so that jobs step back for them.
    pub answered: AtomicU64,
    /// Rung when a job was made or changed.
    pub job_bell: Bell,
    writing: AtomicBool,
    /// Records of a batch whose outcome nobody knows: they may be old or new until the next start.
    doubtful: Mutex<HashSet<RecordKey>>,
    orders: SyncSender<Order>,
}

/// What [`Unlocked::assemble`] is made of; the rest starts empty.
pub struct Parts {
    /// The untrusted map below.
    pub store: Arc<dyn Store>,
    /// The keys.
    pub seals: Seals,
    /// What the store is expected to hold.
    pub index: Index,
    /// Application keys ready for use.
    pub keys: ApplicationKeys,
    /// Which values are not under the active version of their key.
    pub stored: StoredValues,
    /// Transactions that are not closed.
    pub unfinished: Unfinished,
    /// Which records are not under the active store key.
    pub resealing: Resealing,
    /// Tokens by their hash.
    pub tokens: Tokens,
    /// Commits of the last day that came with a key.
    pub retries: Retries,
    /// Deleted secrets and when they were deleted.
    pub deleted: HashMap<Id, Timestamp>,
    /// Records that failed.
    pub quarantine: Quarantine,
    /// Trail and anchor.
    pub witness: Arc<Witness>,
    /// The system log.
    pub journal: Arc<dyn Journal>,
    /// Names the instance.
    pub store_id: Id,
    /// This life of the store.
    pub incarnation: Id,
    /// The newest epoch.
    pub epoch: u64,
    /// When it was unlocked.
    pub unlocked_at: Timestamp,
}

/// How one read compares with the index.
enum Compared {
    Absent,
    Agrees(Opened),
    Differs(Finding),
}

impl Unlocked {
    /// Puts the parts together; orders go to the committer through `orders`.
    pub fn assemble(parts: Parts, orders: SyncSender<Order>) -> Self {
        let root_id = protector::root_id(parts.seals.root());
        Self {
            store: parts.store,
            seals: RwLock::new(parts.seals),
            index: RwLock::new(parts.index),
            keys: parts.keys,
            stored: parts.stored,
            unfinished: parts.unfinished,
            resealing: parts.resealing,
            tokens: parts.tokens,
            retries: Mutex::new(parts.retries),
            deleted: Mutex::new(parts.deleted),
            quarantine: parts.quarantine,
            witness: parts.witness,
            journal: parts.journal,
            store_id: parts.store_id,
            root_id,
            incarnation: parts.incarnation,
            unlocked_at: parts.unlocked_at,
            epoch: AtomicU64::new(parts.epoch),
            protectors: Mutex::new(Vec::new()),
            alarms: Mutex::new(BTreeMap::new()),
            answered: AtomicU64::new(0),
            job_bell: Bell::default(),
            writing: AtomicBool::new(true),
            doubtful: Mutex::default(),
            orders,
        }
    }

    /// Gives the committer an order; waits when many are waiting.
    pub fn order(&self, order: Order) -> Result<(), Failure> {
        self.orders.send(order).map_err(|_| Failure::Stopping)
    }

    /// The opened records at these keys, in order: served only when they are exactly what the index expects.
    pub fn fetch(&self, keys: &[RecordKey]) -> Result<Vec<Result<Option<Opened>, Refusal>>, Failure> {
        let mut answers = self.compare(keys)?;
        for (key, answer) in keys.iter().zip(&mut answers) {
            if matches!(answer, Compared::Differs(_)) {
                *answer = self.settle(*key)?;
            }
            if matches!(answer, Compared::Differs(_)) && self.is_doubtful(key) {
                return Err(Failure::WritingStopped);
            }
        }
        Ok(keys.iter().zip(answers).map(|(key, answer)| self.serve(*key, answer)).collect())
    }

    fn serve(&self, key: RecordKey, answer: Compared) -> Result<Option<Opened>, Refusal> {
        match answer {
            Compared::Absent => {
                // What was there and should not be is gone.
                self.quarantine.healed(self, key);
                Ok(None)
            }
            Compared::Agrees(opened) => {
                if self.quarantine.healed(self, key) {
                    self.learn_again(key, &opened);
                }
                Ok(Some(opened))
            }
            Compared::Differs(Finding::WrittenByNewer) => Err(Refusal::WrittenByNewer { target: key.id.to_string() }),
            Compared::Differs(finding) => {
                self.quarantine.found(self, key, finding);
                Err(Refusal::Quarantined { target: key.id.to_string(), finding: finding.word() })
            }
        }
    }

    /// A difference may be a batch between COMMIT and index: look again, at last while nothing is being written.
    fn settle(&self, key: RecordKey) -> Result<Compared, Failure> {
        for attempt in 0..READ_ATTEMPTS {
            if attempt + 1 == READ_ATTEMPTS {
                let (answer, answered) = sync_channel(1);
                self.order(Order::Check(key, answer))?;
                answered.recv().map_err(|_| Failure::Stopping)?;
            }
            let mut answers = self.compare(&[key])?;
            match answers.pop() {
                Some(Compared::Differs(finding)) if attempt + 1 == READ_ATTEMPTS => {
                    return if self.order_agrees(key)? { self.settle(key) } else { Ok(Compared::Differs(finding)) };
                }
                Some(Compared::Differs(_)) | None => {}
                Some(agreed) => return Ok(agreed),
            }
        }
        Ok(Compared::Absent)
    }

    fn order_agrees(&self, key: RecordKey) -> Result<bool, Failure> {
        let (answer, answered) = sync_channel(1);
        self.order(Order::Check(key, answer))?;
        answered.recv().map_err(|_| Failure::Stopping)
    }

    /// Whether store and index agree on one record. Definite only on the committer's thread, between batches.
    pub fn agrees(&self, key: RecordKey) -> bool {
        self.compare(&[key]).is_ok_and(|answers| !matches!(answers[..], [Compared::Differs(_)]))
    }

    fn compare(&self, keys: &[RecordKey]) -> Result<Vec<Compared>, Failure> {
        let expected: Vec<_> = {
            let index = self.index.read();
            keys.iter().map(|key| index.get(*key)).collect()
        };
        let bytes: Vec<[u8; RecordKey::LENGTH]> = keys.iter().map(RecordKey::to_bytes).collect();
        let slices: Vec<&[u8]> = bytes.iter().map(<[u8; RecordKey::LENGTH]>::as_slice).collect();
        let found = self.store.read(&slices).map_err(|_| Failure::StorageFailed)?;
        Ok(keys
            .iter()
            .zip(expected)
            .zip(found)
            .map(|((key, expected), found)| match (expected, found) {
                (None, None) => Compared::Absent,
                (None, Some(_)) => Compared::Differs(Finding::Extra),
                (Some(_), None) => Compared::Differs(Finding::Missing),
                (Some(expected), Some(found)) => self.judge(*key, &expected, &found),
            })
            .collect())
    }

    fn judge(&self, key: RecordKey, expected: &crate::index::Expected, found: &[u8]) -> Compared {
        let mut body = SecretBytes::with_capacity(found.len());
        match judge_bytes(&self.seals.read(), key, expected, found, &mut body) {
            Ok(()) => Compared::Agrees(Opened { generation: expected.generation(), body }),
            Err(finding) => Compared::Differs(finding),
        }
    }

    /// A record that failed at start and is right now was not learnt then: its name, the key or token it holds.
    fn learn_again(&self, key: RecordKey, opened: &Opened) {
        let bytes = opened.body.expose();
        match key.kind {
            kind if catalogue::NAMED.contains(&kind) => {
                let Ok(noted) = catalogue::note(key.kind, bytes) else { return };
                let mut index = self.index.write();
                // A change that was committed in between has said it better.
                if index.generation(key) != opened.generation {
                    return;
                }
                if let Some(name) = noted.name.filter(|name| index.id_of(key.kind, name).is_none()) {
                    index.change_name(key, &NameChange::Take(name), noted.newest);
                }
                drop(index);
                if let Some(at) = noted.deleted_at {
                    self.deleted.lock().insert(key.id, at);
                }
                if key.kind == RecordKind::Key
                    && let Ok(body) = body::decode_strict(bytes)
                {
                    self.keys.insert(&self.seals.read(), key.id, opened.generation, &body);
                }
                self.observe_stored(key, Some(bytes));
            }
            RecordKind::Token => {
                if let Ok(token) = body::decode_strict(bytes) {
                    self.tokens.insert(key.id, token);
                }
            }
            RecordKind::Protector => protectors::trust_again(self, key),
            _ => self.observe_stored(key, Some(bytes)),
        }
    }

    /// What is made from records in memory follows a committed change.
    pub fn observe(&self, change: &Change, generation: Generation) {
        // What was just written is what the index expects, whatever lay there before.
        if self.quarantine.len() > 0 && self.quarantine.remove(change.key()) {
            // This is the committer's thread, which must not wait for its own queue; when that is full the next start takes
            // the note back.
            let _full = self.orders.try_send(quarantine::clearing(self, change.key()));
        }
        self.resealing.observe(&change.key());
        match change.key().kind {
            RecordKind::Keyring => self.observe_keyring(change),
            RecordKind::Token => self.tokens.observe(change),
            RecordKind::Key => {
                self.keys.observe(&self.seals.read(), change, generation);
                self.stored.activated(&self.keys, &self.index.read());
            }
            RecordKind::Job => self.job_bell.ring(),
            RecordKind::Secret => self.observe_secret(change),
            _ => match change {
                Change::Put { key, body, .. } => self.observe_stored(*key, Some(body.expose())),
                Change::Delete { key, .. } => self.observe_stored(*key, None),
            },
        }
    }

    fn observe_stored(&self, record: RecordKey, body: Option<&[u8]>) {
        if record.kind == RecordKind::Transaction {
            self.unfinished.observe(record.id, body);
        }
        self.stored.observe(record, body);
    }

    /// The batch that brings a new keyring is the last one under the store key before.
    fn observe_keyring(&self, change: &Change) {
        let Change::Put { body, .. } = change else { return };
        let Ok(keyring) = Keyring::decode(body.expose()) else { return };
        let before = self.seals.read().active_store().1;
        let is_new = keyring.active_store_key().id != before;
        self.seals.write().set_keyring(keyring);
        if is_new {
            self.resealing.begin(&self.index.read());
        }
    }

    fn observe_secret(&self, change: &Change) {
        let deleted_at = match change {
            // A secret that takes its name is new: it cannot be deleted yet.
            Change::Put { name: NameChange::Take(_), .. } => return,
            Change::Put { key, body, .. } => {
                catalogue::note(key.kind, body.expose()).ok().and_then(|noted| noted.deleted_at)
            }
            Change::Delete { .. } => None,
        };
        let mut deleted = self.deleted.lock();
        match deleted_at {
            Some(at) => deleted.insert(change.key().id, at),
            None => deleted.remove(&change.key().id),
        };
    }

    /// The durable position of the trail, for the log record.
    pub fn audit_position(&self) -> AuditPosition {
        let position = self.witness.synced();
        AuditPosition { seq: position.seq, head: position.head }
    }

    /// Whether changes are accepted.
    pub fn is_writing(&self) -> bool {
        self.writing.load(Ordering::Acquire)
    }

    /// Nobody knows whether these records were changed; a difference is no finding until the next start.
    pub fn doubt(&self, keys: impl Iterator<Item = RecordKey>) {
        self.doubtful.lock().extend(keys);
    }

    fn is_doubtful(&self, key: &RecordKey) -> bool {
        !self.is_writing() && self.doubtful.lock().contains(key)
    }

    /// After a failed commit nothing is written any more.
    pub fn stop_writing(&self) {
        self.writing.store(false, Ordering::Release);
        self.raise(
            "writing_stopped",
            "the store has stopped writing after an IO error at commit".into(),
            "check the disk, then restart the server: it verifies and rewrites the store before it serves".into(),
        );
    }

    /// Raises an alarm; once per word.
    pub fn raise(&self, code: &'static str, message: String, fix: String) {
        self.alarms.lock().insert(code, Alarm { code, message, fix });
    }

    /// Takes an alarm back.
    pub fn clear(&self, code: &str) {
        self.alarms.lock().remove(code);
    }
}

/// Compares bytes found at `key` with what is expected there, and opens them into `body`.
pub fn judge_bytes(
    seals: &Seals,
    key: RecordKey,
    expected: &crate::index::Expected,
    found: &[u8],
    out: &mut SecretBytes,
) -> Result<(), Finding> {
    let opened = seals.open(key, found, out).map_err(|_| Finding::Unreadable)?;
    if opened.generation < expected.generation() {
        return Err(Finding::Older);
    }
    if opened.generation != expected.generation() || opened.tag != *expected.tag() {
        return Err(Finding::Foreign);
    }
    match body::version(out.expose()) {
        Ok(version) if version > NEWEST_BODY_VERSION => Err(Finding::WrittenByNewer),
        Ok(_) => Ok(()),
        Err(_) => Err(Finding::Unreadable),
    }
}
