//! The one thread that changes the store: it batches commits, seals them, writes each batch with its log record, and answers only
//! when the witness has the batch too.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};

use strongroom_engine::name::Name;
use strongroom_engine::rule::{Change, Commit, NameChange};
use strongroom_envelope::anchor::{Position, Slot};
use strongroom_envelope::log::{self, AuditEntry, LogRecord, LoggedChange, LoggedCommit};
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Tag, anchor};
use strongroom_store::{Batch, Change as StoreChange, CommitError};

use crate::clock::now;
use crate::index::Expected;
use crate::journal::Severity;
use crate::reply::Finish;
use crate::snapshot::Snapshotter;
use crate::unlocked::Unlocked;
use crate::witness::{BatchNote, Note, describe};

/// What the committer is told.
pub enum Order {
    /// Make these changes.
    Job(Box<Job>),
    /// Compare one record with the index while nothing is being written.
    Check(RecordKey, SyncSender<bool>),
    /// Remove a record that the index does not know.
    Discard(RecordKey),
    /// Write a snapshot and end.
    Stop,
    /// End as it is.
    Abandon,
}

/// One commit on its way.
pub struct Job {
    /// The changes and what must hold.
    pub commit: Commit,
    /// Its line.
    pub entry: AuditEntry,
    /// Names the commit for retries.
    pub commit_id: Id,
    /// How often it was refused because something else came first.
    pub lost_races: u32,
    /// Digest of the request, for a commit id that came with a key.
    pub request_digest: Option<[u8; 16]>,
    /// What a retry is answered.
    pub reply: Vec<u8>,
    /// Called once.
    pub finish: Finish<Outcome>,
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Durable and witnessed.
    Done,
    /// Something it was based on has changed; nothing was written.
    Conflict,
    /// The commit id is known: it was done before.
    Repeated,
    /// The data volume is full; nothing was written.
    Full,
    /// An IO error at commit: nobody knows.
    Unknown,
    /// The store has stopped writing.
    Stopped,
    /// Surely not written.
    Failed,
    /// The trail cannot be written.
    AuditUnavailable,
}

/// Where the commit log stands.
#[derive(Debug, Clone)]
pub struct LogPosition {
    /// The newest epoch.
    pub epoch: u64,
    /// SHA-256 of its log record.
    pub hash: [u8; 32],
    /// This life of the store.
    pub incarnation: Id,
}

/// The state of the committer thread.
pub struct Committer {
    unlocked: Arc<Unlocked>,
    queue: Receiver<Order>,
    position: LogPosition,
    snapshots: Snapshotter,
    stopped: bool,
    /// Sealed records of the batch, one after the other.
    sealed: Vec<u8>,
}

/// A job whose preconditions hold, with its place among the sealed changes of the batch.
struct Admitted {
    job: Job,
    changes: std::ops::Range<usize>,
}

/// One sealed change of the batch.
struct SealedChange {
    key: RecordKey,
    old: Generation,
    new: Generation,
    tag: Tag,
    name_tag: Option<[u8; 8]>,
    bytes: std::ops::Range<usize>,
}

/// What the index will say once the batch is committed.
#[derive(Default)]
struct Overlay {
    records: HashMap<RecordKey, Generation>,
    names: HashMap<(RecordKind, Name), Option<Id>>,
    added: i64,
}

impl Committer {
    /// For the thread that will run it.
    pub fn new(unlocked: Arc<Unlocked>, queue: Receiver<Order>, position: LogPosition, snapshots: Snapshotter) -> Self {
        Self { unlocked, queue, position, snapshots, stopped: false, sealed: Vec::new() }
    }

    /// Works until told to stop or until nobody can give orders any more.
    pub fn run(mut self) {
        let limits = self.unlocked.store.limits();
        let mut held: Option<Order> = None;
        loop {
            let first = match held.take() {
                Some(order) => order,
                None => match self.queue.recv() {
                    Ok(order) => order,
                    Err(_) => break,
                },
            };
            match first {
                Order::Check(key, answer) => drop(answer.send(self.unlocked.agrees(key))),
                Order::Discard(key) => self.discard(key),
                Order::Stop => break,
                Order::Abandon => return,
                Order::Job(job) => {
                    let mut jobs = vec![*job];
                    let mut bytes = commit_bytes(&jobs[0].commit);
                    while jobs.len() < limits.batch_commits && bytes < limits.batch_bytes {
                        match self.queue.try_recv() {
                            Ok(Order::Job(job)) => {
                                bytes += commit_bytes(&job.commit);
                                jobs.push(*job);
                            }
                            Ok(other) => {
                                held = Some(other);
                                break;
                            }
                            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                        }
                    }
                    jobs.sort_by_key(|job| std::cmp::Reverse(job.lost_races));
                    self.batch(jobs);
                    self.snapshot(false);
                }
            }
        }
        self.snapshot(true);
    }

    /// A record that is not in the index is not in the log either; removing it changes nothing that is expected.
    fn discard(&mut self, key: RecordKey) {
        if self.stopped || self.unlocked.index.read().get(key).is_some() {
            return;
        }
        let bytes = key.to_bytes();
        let changes = vec![StoreChange::Delete { key: &bytes }];
        if let Err(error) = self.unlocked.store.commit(&Batch { absent: Vec::new(), changes }) {
            self.unlocked.journal.event(Severity::Error, "discard_failed", &describe(&error));
        }
    }

    fn snapshot(&mut self, last: bool) {
        if self.stopped {
            return;
        }
        let result = self.snapshots.step(&self.unlocked, &self.position, last);
        if let Err(error) = result {
            self.unlocked.journal.event(Severity::Error, "snapshot_failed", &describe(&error));
        }
    }

    /// One batch: admit, seal, log, commit, apply, witness.
    fn batch(&mut self, jobs: Vec<Job>) {
        if self.stopped {
            return refuse(jobs, Outcome::Stopped);
        }
        if !self.unlocked.witness.is_open() {
            return refuse(jobs, Outcome::AuditUnavailable);
        }
        let epoch = self.position.epoch + 1;
        let mut overlay = Overlay::default();
        let mut changes = Vec::new();
        let mut admitted = Vec::with_capacity(jobs.len());
        self.sealed.clear();
        for job in jobs {
            match self.admit(&job, &admitted, &mut overlay) {
                Some(outcome) => job.finish.call(outcome),
                None => {
                    let begin = changes.len();
                    self.seal(&job.commit, epoch, &mut overlay, &mut changes);
                    admitted.push(Admitted { job, changes: begin..changes.len() });
                }
            }
        }
        if !admitted.is_empty() {
            self.commit(epoch, admitted, &changes, overlay.added);
        }
    }

    /// Why a job cannot be part of this batch, or `None`.
    fn admit(&self, job: &Job, admitted: &[Admitted], overlay: &mut Overlay) -> Option<Outcome> {
        if job.request_digest.is_some() {
            let known = self.unlocked.retries.lock().contains(&job.commit_id);
            if known || admitted.iter().any(|other| other.job.commit_id == job.commit_id) {
                return Some(Outcome::Repeated);
            }
        }
        let index = self.unlocked.index.read();
        let holds = job.commit.expects.iter().all(|(key, expected)| {
            overlay.records.get(key).copied().unwrap_or_else(|| index.generation(*key)) == *expected
        });
        let names_hold =
            job.commit.names.iter().all(|(kind, name, expected)| match overlay.names.get(&(*kind, name.clone())) {
                Some(id) => id == expected,
                None => index.id_of(*kind, name) == *expected,
            });
        if !(holds && names_hold && self.names_are_free(&job.commit, &index, overlay)) {
            return Some(Outcome::Conflict);
        }
        None
    }

    /// Uniqueness of names is judged here, whatever a rule believed.
    fn names_are_free(&self, commit: &Commit, index: &crate::index::Index, overlay: &Overlay) -> bool {
        commit.changes.iter().all(|change| {
            let key = change.key();
            let Some(name) = new_name(change) else { return true };
            let holder = match overlay.names.get(&(key.kind, name.clone())) {
                Some(id) => *id,
                None => index.id_of(key.kind, name),
            };
            holder.is_none_or(|id| id == key.id)
        })
    }

    fn seal(&mut self, commit: &Commit, epoch: u64, overlay: &mut Overlay, changes: &mut Vec<SealedChange>) {
        let seals = self.unlocked.seals.read();
        let index = self.unlocked.index.read();
        for change in &commit.changes {
            let key = change.key();
            let old = overlay.records.get(&key).copied().unwrap_or_else(|| index.generation(key));
            let begin = self.sealed.len();
            let (new, tag) = match change {
                Change::Put { body, .. } => {
                    let generation = Generation::new(epoch, changes.len() as u16);
                    (generation, seals.seal(key, generation, body.expose(), &mut self.sealed))
                }
                Change::Delete { .. } => (Generation::NONE, [0; 16]),
            };
            let name_tag = new_name(change).map(|name| log::name_tag(key.kind, name.as_str()));
            overlay.note(key, old, new, change.name());
            changes.push(SealedChange { key, old, new, tag, name_tag, bytes: begin..self.sealed.len() });
        }
    }

    fn commit(&mut self, epoch: u64, admitted: Vec<Admitted>, changes: &[SealedChange], added: i64) {
        let unlocked = Arc::clone(&self.unlocked);
        let records = unlocked.index.read().len().saturating_add_signed(added);
        let entries: Vec<AuditEntry> = admitted.iter().map(|admitted| admitted.job.entry.clone()).collect();
        let record = LogRecord {
            epoch,
            incarnation: self.position.incarnation,
            time: now(),
            previous: self.position.hash,
            commits: admitted.iter().map(|admitted| logged_commit(&admitted.job)).collect(),
            changes: changes.iter().filter(|change| !change.is_nothing()).map(SealedChange::logged).collect(),
            audit: entries,
            audit_position: unlocked.audit_position(),
            record_count: records,
        };
        let log_key = RecordKey::log(epoch);
        let log_begin = self.sealed.len();
        if let Err(error) = self.seal_log(&record) {
            unlocked.journal.event(Severity::Critical, "commit_failed", &describe(&error));
            return refuse(admitted.into_iter().map(|admitted| admitted.job).collect(), Outcome::Failed);
        }
        let log_hash = log::log_hash(&self.sealed[log_begin..]);
        match self.write(log_key, log_begin, changes) {
            Ok(()) => {
                self.position = LogPosition { epoch, hash: log_hash, incarnation: self.position.incarnation };
                self.snapshots.logged(self.sealed.len() - log_begin);
                self.apply(&admitted, changes, epoch);
                self.witness(admitted, record, log_hash);
            }
            Err(outcome) => refuse(admitted.into_iter().map(|admitted| admitted.job).collect(), outcome),
        }
    }

    fn seal_log(&mut self, record: &LogRecord) -> Result<(), log::SealLogError> {
        let seals = self.unlocked.seals.read();
        let (sealing, id) = seals.active_store();
        record.seal(sealing, id, &mut self.sealed).map(|_| ())
    }

    fn write(&mut self, log_key: RecordKey, log_begin: usize, changes: &[SealedChange]) -> Result<(), Outcome> {
        let keys: Vec<[u8; 17]> = changes.iter().map(|change| change.key.to_bytes()).collect();
        let log_key = log_key.to_bytes();
        let mut batch = Batch { absent: vec![&log_key], changes: Vec::with_capacity(changes.len() + 1) };
        for (key, change) in keys.iter().zip(changes) {
            batch.changes.push(if change.new.is_none() {
                StoreChange::Delete { key }
            } else {
                StoreChange::Put { key, value: &self.sealed[change.bytes.clone()] }
            });
        }
        batch.changes.push(StoreChange::Put { key: &log_key, value: &self.sealed[log_begin..] });
        self.unlocked.store.commit(&batch).map_err(|error| {
            let outcome = match &error {
                CommitError::Full => Outcome::Full,
                CommitError::Unknown { .. } => Outcome::Unknown,
                // The next log record is there although we did not write it: somebody else writes this store.
                CommitError::Stopped | CommitError::Precondition { .. } => Outcome::Stopped,
                CommitError::Failed { .. } | CommitError::Limit(_) => Outcome::Failed,
            };
            if outcome == Outcome::Unknown {
                self.unlocked.doubt(changes.iter().map(|change| change.key));
            }
            if matches!(outcome, Outcome::Unknown | Outcome::Stopped) {
                self.stopped = true;
                self.unlocked.stop_writing();
            }
            self.unlocked.journal.event(Severity::Critical, "commit_failed", &describe(&error));
            outcome
        })
    }

    /// The batch is durable: the index and what is made from records follow.
    fn apply(&self, admitted: &[Admitted], changes: &[SealedChange], epoch: u64) {
        self.unlocked.epoch.store(epoch, Ordering::Release);
        {
            let mut index = self.unlocked.index.write();
            for admitted in admitted {
                let version = new_version(&admitted.job.commit);
                for (change, sealed) in admitted.job.commit.changes.iter().zip(&changes[admitted.changes.clone()]) {
                    if sealed.new.is_none() {
                        index.remove(sealed.key);
                    } else {
                        index.set(sealed.key, Expected::new(sealed.new, sealed.tag));
                    }
                    index.change_name(sealed.key, change.name(), version);
                }
            }
        }
        for admitted in admitted {
            for (change, sealed) in admitted.job.commit.changes.iter().zip(&changes[admitted.changes.clone()]) {
                self.unlocked.observe(change, sealed.new);
            }
            if admitted.job.request_digest.is_some() {
                self.unlocked.retries.lock().insert(admitted.job.commit_id, epoch, now());
            }
        }
    }

    fn witness(&self, admitted: Vec<Admitted>, record: LogRecord, log_hash: [u8; 32]) {
        let unlocked = &self.unlocked;
        let authenticator = anchor::authenticator(
            unlocked.seals.read().anchor(),
            &Position {
                store_id: unlocked.store_id,
                incarnation: record.incarnation,
                epoch: record.epoch,
                record_count: record.record_count,
                log_hash,
            },
        );
        let slot = Slot {
            counter: 0,
            store_id: unlocked.store_id,
            incarnation: record.incarnation,
            root_id: unlocked.root_id,
            epoch: record.epoch,
            authenticator,
            audit_seq: 0,
            audit_head: [0; 32],
        };
        let witnessed = admitted.iter().any(|admitted| admitted.job.commit.witnessed);
        let finish = admitted.into_iter().map(|admitted| when_witnessed(admitted.job)).collect();
        let note = BatchNote { slot, entries: record.audit, first: 0, finish, witnessed };
        // When the witness has ended the replies are dropped with the note, and their callers learn that the server is stopping.
        drop(unlocked.witness.tell(Note::Batch(note)));
    }
}

impl SealedChange {
    /// A deletion of what is not there: the record may have been given up, and whoever listed it could not know.
    fn is_nothing(&self) -> bool {
        self.old.is_none() && self.new.is_none()
    }

    fn logged(&self) -> LoggedChange {
        LoggedChange { key: self.key, old: self.old, new: self.new, tag: self.tag, name_tag: self.name_tag }
    }
}

impl Overlay {
    fn note(&mut self, key: RecordKey, old: Generation, new: Generation, name: &NameChange) {
        self.added += i64::from(!new.is_none()) - i64::from(!old.is_none());
        self.records.insert(key, new);
        match name {
            NameChange::None => {}
            NameChange::Take(name) => {
                self.names.insert((key.kind, name.clone()), Some(key.id));
            }
            NameChange::Move { from, to } => {
                self.names.insert((key.kind, from.clone()), None);
                self.names.insert((key.kind, to.clone()), Some(key.id));
            }
            NameChange::Free(name) => {
                self.names.insert((key.kind, name.clone()), None);
            }
        }
    }
}

fn logged_commit(job: &Job) -> LoggedCommit {
    LoggedCommit {
        id: job.commit_id,
        request_digest: job.request_digest.unwrap_or_default(),
        reply: job.reply.clone(),
        keyed: job.request_digest.is_some(),
    }
}

fn when_witnessed(job: Job) -> Finish<bool> {
    job.finish.of(|witnessed| if witnessed { Outcome::Done } else { Outcome::AuditUnavailable })
}

fn refuse(jobs: Vec<Job>, outcome: Outcome) {
    for job in jobs {
        job.finish.call(outcome);
    }
}

/// The record of a version that a commit adds.
fn new_version(commit: &Commit) -> Option<Id> {
    let is_new = |change: &&Change| matches!(change, Change::Put { key, .. } if key.kind == RecordKind::SecretVersion);
    commit.changes.iter().find(is_new).map(|change| change.key().id)
}

/// The name a change gives to its record.
fn new_name(change: &Change) -> Option<&Name> {
    match change.name() {
        NameChange::Take(name) | NameChange::Move { to: name, .. } => Some(name),
        NameChange::None | NameChange::Free(_) => None,
    }
}

fn commit_bytes(commit: &Commit) -> usize {
    commit
        .changes
        .iter()
        .map(|change| match change {
            Change::Put { body, .. } => body.len() + 128,
            Change::Delete { .. } => 128,
        })
        .sum()
}
