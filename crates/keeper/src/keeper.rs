//! The keeper: one instance, locked or unlocked, and everything that is asked of it.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use strongroom_engine::name::Selector;
use strongroom_engine::policy::{Action, Decision, Object, Principal, decide};
use strongroom_engine::rule::{Operation, Refusal, Trace};
use strongroom_engine::stored::Family;
use strongroom_engine::{job, key, secret, token};
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp};
use strongroom_protector::Surroundings;
use strongroom_store::{DataDirectory, Store};
use tokio::sync::{Semaphore, oneshot};

use crate::alarms::alarm;
use crate::boot::{Running, Witnessing};
use crate::clock::now;
use crate::facade::{Alarm, Caller, Failure, LockReason, Status};
use crate::jobs;
use crate::journal::Severity;
use crate::key_import::WrappingPair;
use crate::reply::{Courier, Finish};
use crate::settings::Settings;
use crate::uses;
use crate::witness::{Note, Witness, describe};
use crate::words::failure_word;
use crate::worker::{Run, ask, entry, system_caller};

/// How long an expired token stays listed, milliseconds: a week.
const EXPIRED_TOKENS_KEPT: i64 = 7 * 24 * 60 * 60 * 1000;
/// How long a job that is done stays listed, milliseconds: 30 days.
const ENDED_JOBS_KEPT: i64 = 30 * 24 * 60 * 60 * 1000;
/// How long values may lie without the layer of an application key before no more of them are taken, milliseconds: 30 days.
const CLEAR_FOR: i64 = 30 * 24 * 60 * 60 * 1000;
/// Administrative requests that may wait.
const STEWARD_QUEUE: usize = 64;
/// Those among them that bring a password: each takes a derivation or more, and what comes after them waits for all of that.
const PASSWORD_QUEUE: usize = 16;

/// One instance. Cheap to clone.
#[derive(Clone)]
pub struct Keeper {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) state: RwLock<State>,
    courier: Arc<Courier>,
    /// For keys that users bring.
    pub(crate) wrapping: Mutex<Option<WrappingPair>>,
    /// `None` when the instance has ended.
    steward: Mutex<Option<SyncSender<Chore>>>,
    passwords: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Held as long as the instance: its lock keeps a second server away.
    _directory: DataDirectory,
}

/// Locked or unlocked.
#[derive(Clone)]
pub(crate) enum State {
    Locked(Arc<Locked>),
    Unlocked(Arc<Unsealed>),
}

/// What there is while the store is locked.
pub(crate) struct Locked {
    pub(crate) reason: LockReason,
    pub(crate) store_id: Id,
    pub(crate) alarms: Vec<Alarm>,
    /// Trail and anchor, taken when the store is unlocked.
    pub(crate) witnessing: Mutex<Option<Witnessing>>,
}

/// What there is while it is unlocked.
pub(crate) struct Unsealed {
    pub(crate) running: Running,
    pub(crate) surroundings: Arc<Surroundings>,
}

type Chore = Box<dyn FnOnce() + Send>;

impl Keeper {
    /// Puts an instance together and starts the thread for administration.
    pub(crate) fn assemble(
        settings: Settings,
        directory: DataDirectory,
        store: Arc<dyn Store>,
        state: State,
    ) -> std::io::Result<Self> {
        let (steward, chores) = sync_channel::<Chore>(STEWARD_QUEUE);
        let look_every = settings.look_every;
        let inner = Arc::new(Inner {
            settings,
            store,
            state: RwLock::new(state),
            courier: Arc::default(),
            wrapping: Mutex::new(None),
            steward: Mutex::new(Some(steward)),
            passwords: Arc::new(Semaphore::new(PASSWORD_QUEUE)),
            thread: Mutex::new(None),
            _directory: directory,
        });
        inner.send_by_courier();
        inner.open_keys();
        let weak = Arc::downgrade(&inner);
        let run = move || work_off(&chores, &weak, look_every);
        let thread = thread::Builder::new().name("steward".into()).spawn(run)?;
        *inner.thread.lock() = Some(thread);
        Ok(Self { inner })
    }

    /// Runs an operation: authorised, executed, audited, durable before it answers.
    pub async fn execute<O: Operation>(&self, caller: Caller, operation: O) -> Result<O::Reply, Failure> {
        let unsealed = match self.inner.unsealed() {
            Ok(unsealed) => unsealed,
            Err(failure) => {
                self.refused(caller, O::ACTION.word(), "", failure_word(&failure)).await?;
                return Err(failure);
            }
        };
        let (answer, answered) = oneshot::channel();
        let run = Run {
            unlocked: Arc::clone(&unsealed.running.unlocked),
            workers: Arc::clone(&unsealed.running.workers),
            caller,
            operation,
            attempt: 0,
            answer,
        };
        run.submit()?;
        answered.await.unwrap_or(Err(Failure::Stopping))
    }

    /// Who holds the token with this hash, if it is live and the store unlocked.
    pub fn authenticate(&self, token_sha256: &[u8; 32]) -> Option<Principal> {
        let unsealed = self.inner.unsealed().ok()?;
        unsealed.running.unlocked.tokens.principal(token_sha256, now())
    }

    /// Records a request that never became an operation; durable before it answers.
    pub async fn refused(
        &self,
        caller: Caller,
        operation: &str,
        target: &str,
        outcome: &'static str,
    ) -> Result<(), Failure> {
        let Some(witness) = self.inner.witness() else { return Ok(()) };
        let trace = Trace::of(target);
        let entry = entry(&caller, operation, &trace, outcome);
        let (answer, answered) = oneshot::channel();
        let finish = Finish::reply(move |durable| {
            let _gone = answer.send(durable);
        });
        witness.tell(Note::Line { entry, finish }).map_err(|_| Failure::Stopping)?;
        if answered.await.unwrap_or(false) { Ok(()) } else { Err(Failure::AuditUnavailable) }
    }

    /// Gives answers to those who wait for them on this runtime, many at a time, until the keeper is gone. A server runs it
    /// beside its requests; without it each answer wakes the runtime by itself.
    pub fn deliver(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut deliveries = self.inner.courier.attach();
        async move { while deliveries.recv().await.is_some() {} }
    }

    /// The state, without names and without a line; for health.
    pub fn status(&self) -> Status {
        self.inner.status()
    }

    /// Runs an administrative request on the thread for it.
    pub(crate) async fn chore<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Inner>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (answer, answered) = oneshot::channel();
        let inner = Arc::clone(&self.inner);
        let chore = Box::new(move || {
            let outcome = work(&inner);
            // Whoever has the answer may let go of the keeper, and expects its locks to be free then.
            drop(inner);
            drop(answer.send(outcome));
        });
        let steward = self.inner.steward.lock().clone().ok_or(Failure::Stopping)?;
        steward.try_send(chore).map_err(|_| Failure::Busy)?;
        drop(steward);
        answered.await.unwrap_or(Err(Failure::Stopping))
    }

    /// The same for a request that brings a password.
    pub(crate) async fn password_chore<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Inner>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = Arc::clone(&self.inner.passwords).try_acquire_owned().map_err(|_| Failure::Busy)?;
        let work = move |inner: &Arc<Inner>| {
            let _turn = turn;
            work(inner)
        };
        self.chore(work).await
    }

    /// Ends: finishes what waits, writes a snapshot, signs a last checkpoint, syncs the anchor. Blocks.
    pub fn stop(&self) {
        let state = self.inner.state.read().clone();
        if let State::Unlocked(unsealed) = &state {
            let stopped = crate::witness::system_entry(now(), "server.stop", "", "ok");
            unsealed.running.unlocked.witness.tell_and_wait(stopped);
            unsealed.running.stop();
        }
        if let Some(witness) = self.inner.witness() {
            witness.stop();
        }
        self.inner.dismiss_steward();
        // A store that is locked for its own sake is left as it was found.
        let is_evidence = matches!(&state, State::Locked(locked) if locked.reason != LockReason::Administrator);
        if is_evidence {
            return;
        }
        if let Err(error) = self.inner.store.fold() {
            self.inner.settings.journal.event(Severity::Warning, "store_not_folded", &describe(&error));
        }
    }
}

impl Inner {
    pub(crate) fn unsealed(&self) -> Result<Arc<Unsealed>, Failure> {
        match &*self.state.read() {
            State::Unlocked(unsealed) => Ok(Arc::clone(unsealed)),
            State::Locked(locked) => Err(Failure::Locked { reason: locked.reason }),
        }
    }

    /// Waits for the chore that is being worked on: once the instance has ended, nothing of it touches the store or keeps the
    /// directory from the next one.
    fn dismiss_steward(&self) {
        drop(self.steward.lock().take());
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            drop(thread.join());
        }
    }

    /// A witness that has just been started learns how answers leave.
    pub(crate) fn send_by_courier(&self) {
        if let Some(witness) = self.witness() {
            witness.send_by(&self.courier);
        }
    }

    pub(crate) fn witness(&self) -> Option<Arc<Witness>> {
        match &*self.state.read() {
            State::Unlocked(unsealed) => Some(Arc::clone(&unsealed.running.unlocked.witness)),
            State::Locked(locked) => match &*locked.witnessing.lock() {
                Some(Witnessing::Started(witness)) => Some(Arc::clone(witness)),
                Some(Witnessing::Anchor(_)) | None => None,
            },
        }
    }

    fn status(&self) -> Status {
        match self.state.read().clone() {
            State::Locked(locked) => Status {
                locked: Some(locked.reason),
                store_id: locked.store_id,
                incarnation: None,
                root_id: None,
                records: 0,
                secrets: 0,
                epoch: 0,
                quarantined: 0,
                unprotected: 0,
                unprotected_overdue: None,
                transactions_clear: 0,
                transactions_unfinished: 0,
                keys_near_limit: 0,
                writable: false,
                auditing: self.witness().is_some_and(|witness| witness.is_open()),
                copies: 1,
                alarms: locked.alarms.clone(),
                unlocked_at: None,
            },
            State::Unlocked(unsealed) => unlocked_status(&unsealed),
        }
    }

    /// Judges an administrative request; a refusal gets its line. While the trail cannot be written only what must go on is
    /// let in; its lines go into the trail's reserve.
    pub(crate) fn permit(&self, caller: &Caller, action: Action, target: &str) -> Result<(), Failure> {
        let must_go_on = matches!(action, Action::Status | Action::Unlock | Action::Lock);
        if !must_go_on && self.witness().is_some_and(|witness| !witness.is_open()) {
            return Err(Failure::AuditUnavailable);
        }
        let object = if target.is_empty() { Object::System } else { Object::Name(target) };
        match decide(&caller.principal, action, object) {
            Decision::Allow => Ok(()),
            Decision::Deny(reason) => {
                self.line(caller, action.word(), target, "denied")?;
                Err(Refusal::Denied { reason }.into())
            }
        }
    }

    /// A durable line, written before the answer leaves.
    pub(crate) fn line(&self, caller: &Caller, operation: &str, target: &str, outcome: &str) -> Result<(), Failure> {
        let Some(witness) = self.witness() else { return Ok(()) };
        let trace = Trace::of(target);
        if witness.tell_and_wait(entry(caller, operation, &trace, outcome)) {
            Ok(())
        } else {
            Err(Failure::AuditUnavailable)
        }
    }

    /// Ends deletions whose time is over, and forgets tokens that expired long ago.
    fn tick(&self) {
        let Ok(unsealed) = self.unsealed() else { return };
        self.open_keys();
        let unlocked = &unsealed.running.unlocked;
        let retention_milliseconds = self.settings.deleted_retention_ms;
        let limit = now().0.saturating_sub(retention_milliseconds);
        let deleted: Vec<Id> = {
            let deleted = unlocked.deleted.lock();
            deleted.iter().filter(|(_, at)| at.0 <= limit).map(|(id, _)| *id).collect()
        };
        let expired = unlocked.tokens.expired_before(Timestamp(now().0 - EXPIRED_TOKENS_KEPT));
        // What is quarantined would be refused, with a line, at every look.
        let is_sound = |kind, id: &Id| unlocked.quarantine.finding(RecordKey::new(kind, *id)).is_none();
        let deleted = deleted.into_iter().filter(|id| is_sound(RecordKind::Secret, id));
        let mut expired = expired.into_iter().filter(|id| is_sound(RecordKind::Token, id));
        let mut deleted = deleted.map(|id| secret::Purge { id, retention_milliseconds });
        let retention_milliseconds = EXPIRED_TOKENS_KEPT;
        self.retire_store_keys(unlocked);
        unsealed.look_after_keys();
        let _ended = deleted.all(|purge| unsealed.run(purge))
            && expired.all(|id| unsealed.run(token::Purge { id, retention_milliseconds }));
    }
}

impl Unsealed {
    /// Ends key versions whose time is over, makes new ones where that is wanted, and forgets jobs that ended long ago.
    fn look_after_keys(&self) {
        let unlocked = &self.running.unlocked;
        let stored = |id| unlocked.stored.counts(id, &unlocked.index.read());
        self.make_built_in_keys();
        let (ended, aged) = unlocked.keys.due(now(), stored);
        let rotate =
            |id| key::Rotate { selector: Selector::Id(id), reencrypt: true, expected_version: None, rate: None };
        let retention_milliseconds = ENDED_JOBS_KEPT;
        let limit = now().0.saturating_sub(retention_milliseconds);
        let forgotten = jobs::ended_before(unlocked, limit);
        let _ended = ended.into_iter().all(|id| self.run(key::Purge { id }))
            && aged.into_iter().all(|id| self.run(rotate(id)))
            && forgotten.into_iter().all(|id| self.run(job::Purge { id, retention_milliseconds }));
    }

    /// A store of an earlier release does not have all of them.
    fn make_built_in_keys(&self) {
        let keys = &self.running.unlocked.keys;
        let missing = Family::ALL.into_iter().filter(|family| !keys.has(family.key_name()));
        let _ended = missing.into_iter().all(|family| self.run(key::BuiltIn { family }));
    }

    /// Runs an operation of the server's own and waits for it; false when there is nobody left to run it. Its outcome is in
    /// the trail, and what failed is due again at the next look.
    fn run<O: Operation>(&self, operation: O) -> bool {
        let Running { unlocked, workers, .. } = &self.running;
        !matches!(ask(unlocked, workers, system_caller(), operation), Err(Failure::Stopping | Failure::Busy))
    }
}

/// Chores one after the other, and a look for old things from time to time, however busy it is.
fn work_off(chores: &Receiver<Chore>, keeper: &Weak<Inner>, look_every: Duration) {
    let mut due = Instant::now() + look_every;
    loop {
        match chores.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(chore) => chore(),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= due {
            due = Instant::now() + look_every;
            match keeper.upgrade() {
                Some(inner) => inner.tick(),
                None => return,
            }
        }
    }
}

fn unlocked_status(unsealed: &Unsealed) -> Status {
    let unlocked = &unsealed.running.unlocked;
    let mut alarms: Vec<Alarm> = unlocked.alarms.lock().values().cloned().collect();
    let quarantined = unlocked.quarantine.len();
    if quarantined > 0 {
        alarms.push(alarm("quarantined", &quarantined.to_string()));
    }
    let unprotected = unlocked.stored.unprotected();
    if unprotected > 0 {
        alarms.push(alarm("unprotected", &unprotected.to_string()));
    }
    let waiting: Vec<String> = unlocked.keys.rotation_waits(now()).iter().map(ToString::to_string).collect();
    if !waiting.is_empty() {
        alarms.push(alarm("rotation_waits", &waiting.join(", ")));
    }
    let (near, keys_near_limit) = uses::near(unlocked);
    alarms.extend(near);
    let (records, secrets) = {
        let index = unlocked.index.read();
        (index.len(), index.name_count(RecordKind::Secret))
    };
    Status {
        locked: None,
        store_id: unlocked.store_id,
        incarnation: Some(unlocked.incarnation),
        root_id: Some(unlocked.root_id),
        records,
        secrets,
        epoch: unlocked.epoch.load(Ordering::Acquire),
        quarantined,
        unprotected,
        transactions_clear: unlocked.stored.declared_clear(Family::Transactions),
        transactions_unfinished: unlocked.unfinished.len(),
        unprotected_overdue: unlocked.stored.unprotected_since().filter(|since| since.0 <= now().0 - CLEAR_FOR),
        keys_near_limit,
        writable: unlocked.is_writing(),
        auditing: unlocked.witness.is_open(),
        copies: 1,
        alarms,
        unlocked_at: Some(unlocked.unlocked_at),
    }
}
