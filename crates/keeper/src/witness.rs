//! The thread that owns trail and anchor: no reply leaves before its record is where it must be.
//!
//! Order of a batch: its lines are written, then the anchor, then its replies leave; both are synced soon after. Lines of reads
//! and refusals are synced before their replies, many at a time.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use strongroom_audit::{Place, Position, Synced, Trail, TrailError};
use strongroom_envelope::anchor::Slot;
use strongroom_envelope::log::AuditEntry;
use strongroom_envelope::{Id, Timestamp};
use strongroom_secret::MacKey;

use crate::anchor::{AnchorError, AnchorFile};
use crate::clock::now;
use crate::journal::{Journal, Severity};
use crate::reply::{Courier, Finish};

const QUEUE: usize = 8192;
const TURN: usize = 2048;
const TRAIL_SYNC: Duration = Duration::from_millis(100);
const ANCHOR_SYNC: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(10);

/// What the witness is told.
pub enum Note {
    /// One line that is durable before `finish` is called.
    Line {
        /// What happened.
        entry: AuditEntry,
        /// Called once the line is where it must be, or with `false` when it could not be brought there.
        finish: Finish<bool>,
    },
    /// A batch that the store has committed.
    Batch(BatchNote),
    /// The store is unlocked: lines carry MACs from here on.
    Arm(MacKey),
    /// The store is locked: the key is forgotten.
    Disarm,
    /// Everything said before is synced, trail and anchor, when `finish` is called.
    Barrier(Finish<bool>),
    /// Checkpoint, sync, end.
    Stop,
}

/// A committed batch.
pub struct BatchNote {
    /// Its epoch, and what the anchor will say. Audit seq and head are filled in here.
    pub slot: Slot,
    /// Its audit entries.
    pub entries: Vec<AuditEntry>,
    /// The first of them that the trail does not have yet.
    pub first: usize,
    /// Its replies.
    pub finish: Vec<Finish<bool>>,
    /// Trail and anchor are synced before the replies.
    pub witnessed: bool,
}

/// The witness could not take a note because it has ended.
#[derive(Debug, thiserror::Error)]
#[error("the witness has ended")]
pub struct WitnessEnded;

struct Shared {
    open: AtomicBool,
    synced: Mutex<Position>,
    slot: Mutex<Option<Slot>>,
    courier: OnceLock<Arc<Courier>>,
}

impl Shared {
    fn answer(&self, waiting: &mut Vec<Finish<bool>>, done: bool) {
        let waiting = mem::take(waiting);
        match self.courier.get() {
            Some(courier) => courier.answer(waiting, done),
            None => waiting.into_iter().for_each(|finish| finish.call(done)),
        }
    }
}

/// The handle of the witness thread.
pub struct Witness {
    sender: SyncSender<Note>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Witness {
    /// Starts the thread.
    pub fn start(trail: Trail, anchor: AnchorFile, journal: Arc<dyn Journal>) -> std::io::Result<Self> {
        let (sender, queue) = sync_channel(QUEUE);
        let shared = Arc::new(Shared {
            open: AtomicBool::new(true),
            synced: Mutex::new(trail.synced()),
            slot: Mutex::new(anchor.newest().copied()),
            courier: OnceLock::new(),
        });
        let keeper = Keeping {
            queue,
            trail,
            anchor,
            shared: Arc::clone(&shared),
            journal,
            written: Vec::new(),
            durable: Vec::new(),
            slot: None,
            anchor_first: false,
            trail_due: None,
            anchor_due: None,
            failing_since: None,
        };
        let thread = thread::Builder::new().name("witness".into()).spawn(move || keeper.run())?;
        Ok(Self { sender, shared, thread: Mutex::new(Some(thread)) })
    }

    /// Whether ordinary requests may be served: the trail can be written.
    pub fn is_open(&self) -> bool {
        self.shared.open.load(Ordering::Acquire)
    }

    /// Names the way that answers take from here on. The first stays.
    pub fn send_by(&self, courier: &Arc<Courier>) {
        let _first = self.shared.courier.set(Arc::clone(courier));
    }

    /// The last line that is durable.
    pub fn synced(&self) -> Position {
        *self.shared.synced.lock()
    }

    /// What the anchor says.
    pub fn slot(&self) -> Option<Slot> {
        *self.shared.slot.lock()
    }

    /// Hands over a note; waits when many are waiting.
    pub fn tell(&self, note: Note) -> Result<(), WitnessEnded> {
        self.sender.send(note).map_err(|_| WitnessEnded)
    }

    /// Hands over a line and waits until it is durable. For threads, not for the runtime.
    pub fn tell_and_wait(&self, entry: AuditEntry) -> bool {
        let (sender, receiver) = sync_channel(1);
        let finish = Finish::at_once(move |done| {
            let _gone = sender.send(done);
        });
        self.tell(Note::Line { entry, finish }).is_ok() && receiver.recv().unwrap_or(false)
    }

    /// Waits until everything said so far is synced.
    pub fn barrier(&self) -> bool {
        let (sender, receiver) = sync_channel(1);
        let finish = Finish::at_once(move |done| {
            let _gone = sender.send(done);
        });
        self.tell(Note::Barrier(finish)).is_ok() && receiver.recv().unwrap_or(false)
    }

    /// Ends the thread after a last checkpoint and sync.
    pub fn stop(&self) {
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            drop(self.sender.send(Note::Stop));
            // A reply that the thread itself carries may be the last to hold the witness.
            if thread.thread().id() != thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stop();
    }
}

#[derive(Debug, thiserror::Error)]
enum WitnessError {
    #[error("the audit trail cannot be written")]
    Trail(#[from] TrailError),
    #[error(transparent)]
    Anchor(#[from] AnchorError),
}

struct Keeping {
    queue: Receiver<Note>,
    trail: Trail,
    anchor: AnchorFile,
    shared: Arc<Shared>,
    journal: Arc<dyn Journal>,
    /// Replies that wait for write and anchor.
    written: Vec<Finish<bool>>,
    /// Replies that wait for the sync.
    durable: Vec<Finish<bool>>,
    slot: Option<Slot>,
    /// A waiting reply needs the anchor synced too.
    anchor_first: bool,
    trail_due: Option<Instant>,
    anchor_due: Option<Instant>,
    failing_since: Option<Instant>,
}

impl Keeping {
    fn run(mut self) {
        loop {
            match self.queue.recv_timeout(self.patience()) {
                Ok(first) => {
                    if self.gather(first) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.turn();
        }
        self.end();
    }

    /// How long nothing need be done.
    fn patience(&self) -> Duration {
        if self.failing_since.is_some() {
            return RETRY;
        }
        let due = [self.trail_due, self.anchor_due].into_iter().flatten().min();
        due.map_or(IDLE, |due| due.saturating_duration_since(Instant::now()))
    }

    /// Takes what waits; true when it was told to end.
    fn gather(&mut self, first: Note) -> bool {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(note) = next {
            if matches!(note, Note::Stop) {
                self.turn();
                return true;
            }
            self.take(note);
            taken += 1;
            next = if taken < TURN { self.queue.try_recv().ok() } else { None };
        }
        false
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Line { entry, finish } => {
                self.trail.append(&entry, None);
                self.durable.push(finish);
            }
            Note::Batch(batch) => self.take_batch(batch),
            Note::Arm(key) => self.trail.arm(key),
            Note::Disarm => self.trail.disarm(),
            Note::Barrier(finish) => {
                self.anchor_first = true;
                self.durable.push(finish);
            }
            Note::Stop => {}
        }
    }

    fn take_batch(&mut self, mut batch: BatchNote) {
        let epoch = batch.slot.epoch;
        let last = batch.entries.len().saturating_sub(1);
        for (index, entry) in batch.entries.iter().enumerate().skip(batch.first) {
            let anchor = (index == last).then_some(batch.slot.authenticator);
            self.trail.append(entry, Some(Place { epoch, index: index as u32, anchor }));
        }
        let position = self.trail.position();
        batch.slot.audit_seq = position.seq;
        batch.slot.audit_head = position.head;
        // Lines of older batches are appended again after a crash; the anchor never goes back for them.
        let newest = self.slot.as_ref().or(self.anchor.newest()).map_or(0, |newest| newest.epoch);
        if epoch >= newest {
            self.slot = Some(batch.slot);
        }
        if batch.witnessed {
            self.anchor_first = true;
            self.durable.append(&mut batch.finish);
        } else {
            self.written.append(&mut batch.finish);
        }
    }

    fn turn(&mut self) {
        match self.write() {
            Ok(()) => self.recovered(),
            Err(error) => self.failed(&error),
        }
    }

    fn write(&mut self) -> Result<(), WitnessError> {
        let now_instant = Instant::now();
        self.trail.write()?;
        if let Some(slot) = self.slot {
            self.anchor.write(slot)?;
            self.slot = None;
            *self.shared.slot.lock() = self.anchor.newest().copied();
            self.anchor_due.get_or_insert(now_instant + ANCHOR_SYNC);
        }
        self.trail_due.get_or_insert(now_instant + TRAIL_SYNC);
        self.shared.answer(&mut self.written, true);
        let due = |due: Option<Instant>| due.is_some_and(|due| due <= now_instant);
        if !self.durable.is_empty() || due(self.trail_due) {
            self.sync_trail()?;
        }
        if self.anchor_first || due(self.anchor_due) {
            self.anchor.sync()?;
            self.anchor_due = None;
            self.anchor_first = false;
        }
        self.shared.answer(&mut self.durable, true);
        if self.trail.checkpoint_due(now()) {
            self.trail.checkpoint(now())?;
            *self.shared.synced.lock() = self.trail.synced();
        }
        Ok(())
    }

    fn sync_trail(&mut self) -> Result<(), WitnessError> {
        if let Synced::Replaced { segment, error } = self.trail.sync()? {
            let told = format!("syncing segment {segment} failed ({error}); its last lines stand in a new segment too");
            self.journal.event(Severity::Critical, "audit_segment_replaced", &told);
        }
        self.trail_due = None;
        *self.shared.synced.lock() = self.trail.synced();
        Ok(())
    }

    fn failed(&mut self, error: &WitnessError) {
        if self.failing_since.is_none() {
            self.failing_since = Some(Instant::now());
            self.shared.open.store(false, Ordering::Release);
            self.journal.event(Severity::Critical, "audit_unavailable", &describe(error));
        }
        self.shared.answer(&mut self.written, false);
        self.shared.answer(&mut self.durable, false);
    }

    /// Opens the gate again once lines can be written and the reserve is there.
    fn recovered(&mut self) {
        let roomy = self.trail.reserve_ok();
        if self.failing_since.is_some() && roomy {
            self.failing_since = None;
            self.journal.event(Severity::Notice, "audit_resumed", "the audit trail is written again");
        } else if self.failing_since.is_none() && !roomy {
            self.failing_since = Some(Instant::now());
            self.journal.event(
                Severity::Critical,
                "audit_unavailable",
                "the audit volume is full; only its reserve is left",
            );
        }
        self.shared.open.store(self.failing_since.is_none(), Ordering::Release);
    }

    fn end(mut self) {
        let ended = self.write().and_then(|()| {
            self.trail.checkpoint(now())?;
            self.sync_trail()?;
            Ok(self.anchor.sync()?)
        });
        if let Err(error) = ended {
            self.failed(&error);
        }
    }
}

/// The error and its causes in one line.
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}

/// A line that says what the server itself did.
pub fn system_entry(time: Timestamp, operation: &str, target: &str, outcome: &str) -> AuditEntry {
    AuditEntry {
        context: Vec::new(),
        time,
        principal: "system".into(),
        remote: String::new(),
        operation: operation.into(),
        target: target.into(),
        key: None,
        key_version: 0,
        outcome: outcome.into(),
        count: 0,
        request: Id::NIL,
    }
}
