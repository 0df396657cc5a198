//! The boot order of a store: root key, keyring, history, verdict, inventory; then and only then anything is written.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use parking_lot::Mutex;
use strongroom_audit::{Inspection, Trail, TrailError, TrailSettings};
use strongroom_engine::catalogue::{InstanceBody, NAMED};
use strongroom_engine::key::KeyBody;
use strongroom_engine::stored::Family;
use strongroom_envelope::anchor::Slot;
use strongroom_envelope::keyring::Keyring;
use strongroom_envelope::{Id, RecordKey, RecordKind, body};
use strongroom_secret::{RootKey, SecretBytes};
use strongroom_store::Store;

use crate::anchor::{AnchorError, AnchorFile};
use crate::catalogue::{self, BrokenHistory, History, Inventory, Known};
use crate::clock::now;
use crate::committer::{Committer, Order};
use crate::facade::LockReason;
use crate::jobs::Jobs;
use crate::journal::Severity;
use crate::keys::ApplicationKeys;
use crate::quarantine::{Finding, Quarantine};
use crate::resealing::Resealing;
use crate::seals::Seals;
use crate::settings::Settings;
use crate::snapshot::Snapshotter;
use crate::stored::StoredValues;
use crate::tokens::Tokens;
use crate::transactions::Unfinished;
use crate::unlocked::{Parts, Unlocked};
use crate::verdict::{self, Claimed, Remembered, TrailMemory};
use crate::witness::{BatchNote, Note, Witness, describe};
use crate::worker::Workers;

/// Orders that may wait for the committer.
const ORDERS: usize = 4096;

/// An unlocked store with its threads.
pub struct Running {
    /// The store.
    pub unlocked: Arc<Unlocked>,
    /// The threads that run operations.
    pub workers: Arc<Workers>,
    committer: Mutex<Option<JoinHandle<()>>>,
    jobs: Mutex<Option<Jobs>>,
}

impl Running {
    /// Lets jobs go on; the trail tells by now what was done before, so that its lines stay in order.
    pub fn start_jobs(&self) -> std::io::Result<()> {
        *self.jobs.lock() = Some(Jobs::start(&self.unlocked, &self.workers)?);
        Ok(())
    }

    /// Finishes what waits, writes a snapshot, ends the threads.
    pub fn stop(&self) {
        self.end(Order::Stop);
    }

    fn end(&self, how: Order) {
        let jobs = self.jobs.lock().take();
        if let Some(jobs) = jobs {
            jobs.stop();
        }
        self.workers.stop();
        let committer = self.committer.lock().take();
        if let Some(committer) = committer {
            drop(self.unlocked.order(how));
            drop(committer.join());
            // Replies that wait hold the store; none may be the last to let go of it.
            self.unlocked.witness.barrier();
        }
    }
}

/// Without a stop the threads end too, and let go of store, trail and anchor; nothing more is written than was told.
impl Drop for Running {
    fn drop(&mut self) {
        self.end(Order::Abandon);
    }
}

/// Why an established store could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The judgement: the store stays locked.
    #[error("the store is locked: {reason}")]
    Locked {
        /// Why.
        reason: LockReason,
        /// What exactly was found.
        detail: String,
    },
    /// The store could not be read.
    #[error("reading the store")]
    Store(#[from] strongroom_store::StoreError),
    /// The trail could not be opened.
    #[error("opening the audit trail")]
    Trail(#[from] TrailError),
    /// The anchor could not be opened or written.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// A thread could not be started.
    #[error("starting a thread")]
    Thread(#[from] std::io::Error),
}

/// Trail and anchor: not yet in the hands of a witness, or already.
pub enum Witnessing {
    /// The anchor file; the trail is still closed.
    Anchor(Box<AnchorFile>),
    /// Both belong to the thread.
    Started(Arc<Witness>),
}

/// What the inventory found, for the judgement of protectors and for the report.
#[derive(Default)]
pub struct Found {
    /// Differences between store and index.
    pub findings: Vec<(RecordKey, Finding)>,
    /// Alarms of the verdict.
    pub alarms: Vec<&'static str>,
    /// Records verified.
    pub records: u64,
    /// Duration, milliseconds.
    pub milliseconds: u64,
    /// Keys in the store that are no record keys of ours.
    pub strangers: u64,
    /// The instance record.
    pub instance: Option<InstanceBody>,
}

/// What anchor and trail remember, read without writing anything.
pub fn remembered(slot: Option<&Slot>, trail: &TrailSettings) -> Result<Remembered, TrailError> {
    let trail = match Trail::inspect(trail)? {
        Inspection::Missing => None,
        Inspection::Present(tail) => {
            Some(TrailMemory { seq: tail.last.seq, last_epoch: tail.last_epoch, last_place: tail.last_place })
        }
    };
    Ok(Remembered { slot: slot.cloned(), trail })
}

/// How the trail is kept.
pub fn trail_settings(settings: &Settings) -> TrailSettings {
    TrailSettings::new(settings.trail_directory(), settings.node.clone())
}

/// Opens, judges and verifies the store under this root key, then starts its threads.
pub fn establish(
    settings: &Settings,
    store: Arc<dyn Store>,
    root: RootKey,
    store_id: Id,
    remembered: &Remembered,
    witnessing: &mut Option<Witnessing>,
) -> Result<(Running, Found), BootError> {
    let begun = Instant::now();
    let keyring = keyring(&*store, &root)?;
    let seals = Seals::new(root, keyring);
    let known = Known {
        store_id,
        required_epoch: remembered.required().map_or(0, |(epoch, _)| epoch),
        told_epoch: remembered.trail.and_then(|trail| trail.last_place).map_or(0, |(epoch, _)| epoch),
    };
    let history = catalogue::history(&*store, &seals, known).map_err(broken)?;
    let instance = instance(&*store, &seals);
    let claimed_id = instance.as_ref().map_or(store_id, |instance| instance.store_id);
    let mut alarms = judge(remembered, &history, claimed_id, known)?;
    if trail_altered(settings, &seals)? {
        alarms.push("trail_altered");
    }
    let mut inventory = catalogue::inventory(&*store, &seals, &history.index)?;
    let found = Found {
        findings: std::mem::take(&mut inventory.findings),
        alarms,
        records: inventory.verified,
        strangers: inventory.strangers,
        milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        instance,
    };
    let witness = started(settings, witnessing)?;
    drop(witness.tell(Note::Arm(seals.audit())));
    let trail = remembered.trail;
    let verified = Verified { store, seals, store_id, history, inventory, found: &found, witness, trail };
    let running = resume(settings, verified)?;
    Ok((running, found))
}

fn locked(reason: LockReason, detail: impl std::fmt::Display) -> BootError {
    BootError::Locked { reason, detail: detail.to_string() }
}

fn broken(error: BrokenHistory) -> BootError {
    match error {
        BrokenHistory::Store(error) => BootError::Store(error),
        other => locked(LockReason::BrokenChain, describe(&other)),
    }
}

fn keyring(store: &dyn Store, root: &RootKey) -> Result<Keyring, BootError> {
    let sealed = store.read(&[&RecordKey::KEYRING.to_bytes()])?.pop().flatten();
    let Some(sealed) = sealed else {
        return Err(locked(LockReason::BrokenChain, "the keyring is missing"));
    };
    match Keyring::open(root, &sealed) {
        Ok((keyring, _)) => Ok(keyring),
        Err(error) => Err(locked(LockReason::BrokenChain, format!("the keyring does not open: {error}"))),
    }
}

fn judge(
    remembered: &Remembered,
    history: &History,
    store_id: Id,
    known: Known,
) -> Result<Vec<&'static str>, BootError> {
    let first_untold = history.untold.iter().find(|batch| batch.epoch > known.told_epoch);
    let claimed = Claimed {
        store_id,
        epoch: history.position.epoch,
        at_required: history.required,
        untold_ms: first_untold.map_or(0, |batch| history.newest_at.0 - batch.time.0),
    };
    verdict::judge(remembered, &claimed).map_err(|reason| {
        let required = known.required_epoch;
        locked(reason, format!("the store is at epoch {}, epoch {required} is required", claimed.epoch))
    })
}

/// Whether the lines after the last checkpoint are not those that this instance wrote.
fn trail_altered(settings: &Settings, seals: &Seals) -> Result<bool, BootError> {
    let trail = trail_settings(settings);
    Ok(match Trail::inspect(&trail)? {
        Inspection::Missing => false,
        Inspection::Present(tail) => tail.verify(&trail, &seals.audit()).is_err(),
    })
}

fn instance(store: &dyn Store, seals: &Seals) -> Option<InstanceBody> {
    let sealed = store.read(&[&RecordKey::INSTANCE.to_bytes()]).ok()?.pop().flatten()?;
    let mut opened = SecretBytes::with_capacity(sealed.len());
    seals.open(RecordKey::INSTANCE, &sealed, &mut opened).ok()?;
    body::decode_strict(opened.expose()).ok()
}

/// Opens the trail, or makes one, and hands it with the anchor to a witness.
pub fn started(settings: &Settings, witnessing: &mut Option<Witnessing>) -> Result<Arc<Witness>, BootError> {
    let anchor = match witnessing.take() {
        Some(Witnessing::Started(witness)) => {
            *witnessing = Some(Witnessing::Started(Arc::clone(&witness)));
            return Ok(witness);
        }
        Some(Witnessing::Anchor(anchor)) => anchor,
        None => return Err(BootError::Thread(std::io::Error::other("the anchor file is not open"))),
    };
    let trail = trail_settings(settings);
    let trail = match Trail::inspect(&trail)? {
        Inspection::Missing => Trail::create(trail, now())?.0,
        Inspection::Present(_) => Trail::open(trail, now())?,
    };
    let witness = Arc::new(Witness::start(trail, *anchor, Arc::clone(&settings.journal))?);
    *witnessing = Some(Witnessing::Started(Arc::clone(&witness)));
    Ok(witness)
}

/// A verified store that is about to be started.
pub struct Verified<'a> {
    /// The untrusted map below.
    pub store: Arc<dyn Store>,
    /// The keys.
    pub seals: Seals,
    /// Names the instance.
    pub store_id: Id,
    /// What snapshot and log say.
    pub history: History,
    /// What the scan found.
    pub inventory: Inventory,
    /// The differences.
    pub found: &'a Found,
    /// Trail and anchor.
    pub witness: Arc<Witness>,
    /// What the trail already tells.
    pub trail: Option<TrailMemory>,
}

/// Starts the threads of a verified store.
pub fn resume(settings: &Settings, verified: Verified<'_>) -> Result<Running, BootError> {
    let Verified { store, seals, store_id, mut history, inventory, found, witness, trail } = verified;
    let quarantine = quarantine(&*store, &seals, found)?;
    let keys = ApplicationKeys::default();
    for (id, key) in &inventory.keys {
        let generation = history.index.generation(KeyBody::record_key(*id));
        keys.insert(&seals, *id, generation, key);
    }
    let tokens = Tokens::default();
    for (id, token) in inventory.tokens {
        tokens.insert(id, token);
    }
    history.index.set_names(RecordKind::Secret, inventory.secrets);
    history.index.set_names(RecordKind::Setting, inventory.settings);
    history.index.set_names(RecordKind::Credential, inventory.credentials);
    let key_names = inventory.keys.iter().map(|(id, key)| (key.name.clone(), *id, None)).collect();
    history.index.set_names(RecordKind::Key, key_names);
    let under = with_unknown(inventory.stored, &inventory.keys, &quarantine, &history.index);
    let unfinished = perhaps_unfinished(inventory.unfinished, &quarantine, &history.index);
    let stored = StoredValues::of(under, &keys);
    let snapshots = Snapshotter::new(history.snapshot_epoch, history.oldest_log, history.log_bytes);
    let position = history.position.clone();
    let parts = Parts {
        store,
        seals,
        index: history.index,
        keys,
        stored,
        unfinished: Unfinished::of(unfinished),
        resealing: Resealing::of(inventory.older),
        tokens,
        retries: history.retries,
        deleted: inventory.deleted.into_iter().collect::<HashMap<_, _>>(),
        quarantine,
        witness,
        journal: Arc::clone(&settings.journal),
        store_id,
        incarnation: position.incarnation,
        epoch: position.epoch,
        unlocked_at: now(),
    };
    let running = start_threads(settings, parts, position, snapshots)?;
    tell_untold(&running.unlocked, history.untold, trail);
    running.start_jobs()?;
    Ok(running)
}

/// Values whose record failed may be sealed under any version: they are listed under version 0, and hold every older one back.
fn with_unknown(
    mut under: crate::stored::Found,
    keys: &[(Id, KeyBody)],
    quarantine: &Quarantine,
    index: &crate::index::Index,
) -> crate::stored::Found {
    for record in quarantine.keys().into_iter().filter(|record| index.get(*record).is_some()) {
        let Some(family) = Family::of(record.kind) else { continue };
        if let Some((id, _)) = keys.iter().find(|(_, key)| key.name.as_str() == family.key_name()) {
            under.entry((*id, 0)).or_default().push(record);
        }
    }
    under
}

/// A transaction whose record failed may be unfinished: it is listed with those that are, so that nobody takes their list for whole;
/// and is found there when it is right again.
fn perhaps_unfinished(mut unfinished: Vec<Id>, quarantine: &Quarantine, index: &crate::index::Index) -> Vec<Id> {
    let failed = quarantine.keys().into_iter().filter(|record| record.kind == RecordKind::Transaction);
    unfinished.extend(failed.filter(|record| index.get(*record).is_some()).map(|record| record.id));
    unfinished
}

/// Starts committer and workers over an assembled store.
pub fn start_threads(
    settings: &Settings,
    parts: Parts,
    position: crate::committer::LogPosition,
    snapshots: Snapshotter,
) -> Result<Running, BootError> {
    let (orders, queue) = sync_channel(ORDERS);
    let unlocked = Arc::new(Unlocked::assemble(parts, orders));
    let committer = Committer::new(Arc::clone(&unlocked), queue, position, snapshots);
    let committer = thread::Builder::new().name("committer".into()).spawn(move || committer.run())?;
    let workers = Arc::new(Workers::start(settings.workers.max(1))?);
    Ok(Running { unlocked, workers, committer: Mutex::new(Some(committer)), jobs: Mutex::new(None) })
}

/// Lists what the scan found, with the names that the log remembers of records that cannot be read.
fn quarantine(store: &dyn Store, seals: &Seals, found: &Found) -> Result<Quarantine, BootError> {
    let quarantine = Quarantine::default();
    let named = |key: &RecordKey| NAMED.contains(&key.kind);
    let wanted: Vec<RecordKey> = found.findings.iter().map(|(key, _)| *key).filter(named).collect();
    let tags = if wanted.is_empty() { Default::default() } else { catalogue::name_tags(store, seals, &wanted)? };
    for (key, finding) in &found.findings {
        match (finding, tags.get(key)) {
            (Finding::WrittenByNewer, Some(tag)) => quarantine.withhold(*key, *tag),
            (Finding::WrittenByNewer, None) => {}
            (finding, tag) => {
                quarantine.list(*key, *finding, tag.copied());
            }
        }
    }
    Ok(quarantine)
}

/// Appends the lines that the trail does not have yet, once each.
fn tell_untold(unlocked: &Unlocked, untold: Vec<catalogue::Untold>, trail: Option<TrailMemory>) {
    let (told_epoch, told_index) = trail.and_then(|trail| trail.last_place).unwrap_or((0, 0));
    for batch in untold {
        let skip = if batch.epoch == told_epoch { told_index as usize + 1 } else { 0 };
        if skip >= batch.entries.len() {
            continue;
        }
        let slot = Slot {
            counter: 0,
            store_id: unlocked.store_id,
            incarnation: unlocked.incarnation,
            root_id: unlocked.root_id,
            epoch: batch.epoch,
            authenticator: batch.authenticator,
            audit_seq: 0,
            audit_head: [0; 32],
        };
        let note = BatchNote { slot, first: skip, entries: batch.entries, finish: Vec::new(), witnessed: false };
        if unlocked.witness.tell(Note::Batch(note)).is_err() {
            unlocked.journal.event(Severity::Error, "audit_unavailable", "missing audit lines could not be appended");
        }
    }
}
