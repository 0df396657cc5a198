//! The thread that works on jobs: it seals again what is stored under older key versions, in small commits beside all other work.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use strongroom_engine::job::{self, JobBody, JobKind, JobState};
use strongroom_engine::key::{KeyBody, State};
use strongroom_engine::policy::Action;
use strongroom_engine::reencrypt::{self, Reencrypt, ReencryptReply};
use strongroom_engine::reseal::{Reseal, is_sealed};
use strongroom_engine::rule::{Operation, Trace};
use strongroom_engine::stored::{Family, SealedUnder, sealed_under};
use strongroom_envelope::{Id, RecordKey, RecordKind, body};
use strongroom_secret::SecretBytes;
use strongroom_store::StoreError;
use tokio::sync::oneshot;

use crate::facade::Failure;
use crate::journal::Severity;
use crate::needs;
use crate::stored::Scope;
use crate::unlocked::Unlocked;
use crate::witness::describe;
use crate::worker::{Run, Workers, ask, entry, system_caller};

/// Commits on their way at once: enough that the committer finds the next one when it is done with the last, few enough that
/// those who wait for an answer are not behind many of them.
const IN_FLIGHT: usize = 3;
/// Records of a commit while others want to be answered: a worker is not held up for long.
const FEW: usize = 32;
/// How long nothing is sent then.
const STEP_BACK: Duration = Duration::from_millis(40);
/// Requests since the last commit from which on others count as wanting to be answered.
const BUSY: u64 = 2;
/// How long is waited after a failure that may pass, such as a full disk.
const PAUSE: Duration = Duration::from_secs(1);

/// How long is waited after old bytes could not be removed.
const SCRUB_AGAIN: Duration = Duration::from_secs(60);
/// The word of the alarm that says so.
const SCRUB_FAILED: &str = "scrub_failed";

/// How often everything is looked at before a job ends as incomplete.
const LOOKS: usize = 4;

/// Wakes whoever waits for something to do.
#[derive(Default)]
pub struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    /// There is something to do.
    pub fn ring(&self) {
        *self.rung.lock() = true;
        self.heard.notify_all();
    }

    /// Waits until it rings, at most for so long; true when it rang.
    fn wait(&self, limit: Option<Duration>) -> bool {
        let mut rung = self.rung.lock();
        match limit {
            Some(limit) if !*rung => drop(self.heard.wait_for(&mut rung, limit)),
            Some(_) => {}
            None => self.heard.wait_while(&mut rung, |rung| !*rung),
        }
        std::mem::take(&mut *rung)
    }

    /// Whether it rang meanwhile.
    fn rang(&self) -> bool {
        std::mem::take(&mut *self.rung.lock())
    }
}

/// The thread.
pub struct Jobs {
    unlocked: Arc<Unlocked>,
    ended: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Jobs {
    /// Starts it; jobs that ran when the server ended go on.
    pub fn start(unlocked: &Arc<Unlocked>, workers: &Arc<Workers>) -> std::io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let runner = Runner {
            unlocked: Arc::clone(unlocked),
            workers: Arc::clone(workers),
            ended: Arc::clone(&ended),
            again: VecDeque::new(),
            seen: 0,
        };
        let thread = thread::Builder::new().name("jobs".into()).spawn(move || runner.run())?;
        Ok(Self { unlocked: Arc::clone(unlocked), ended, thread: Mutex::new(Some(thread)) })
    }

    /// Ends it after what is on its way; jobs go on at the next start.
    pub fn stop(&self) {
        self.ended.store(true, Ordering::Release);
        self.unlocked.job_bell.ring();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            drop(thread.join());
        }
    }
}

/// The jobs that were done before this moment.
pub fn ended_before(unlocked: &Unlocked, limit: i64) -> Vec<Id> {
    let keys = unlocked.index.read().keys_of(RecordKind::Job);
    let is_over = |job: &JobBody| job.state == JobState::Done && job.updated_at.0 <= limit;
    let ended = |id: &Id| job_of(unlocked, *id).is_ok_and(|job| job.is_some_and(|job| is_over(&job)));
    keys.into_iter().map(|key| key.id).filter(ended).collect()
}

/// A job, unless it is gone or kept aside.
fn job_of(unlocked: &Unlocked, id: Id) -> Result<Option<JobBody>, Failure> {
    let fetched = unlocked.fetch(&[RecordKey::new(RecordKind::Job, id)])?.pop();
    let opened = fetched.and_then(Result::ok).flatten();
    Ok(opened.and_then(|opened| body::decode_strict(opened.body.expose()).ok()))
}

struct Runner {
    unlocked: Arc<Unlocked>,
    workers: Arc<Workers>,
    ended: Arc<AtomicBool>,
    /// Records that were too large for the commit they were asked for with.
    again: VecDeque<RecordKey>,
    /// How many requests had been answered when it was looked last.
    seen: u64,
}

/// One commit on its way.
struct Flight {
    records: Vec<RecordKey>,
    answered: oneshot::Receiver<Result<ReencryptReply, Failure>>,
}

/// How a pass over what is to be done ended.
enum Pass {
    /// It looked at everything, and sealed so many; so many could not be.
    Whole { sealed: usize, failed: u64 },
    /// The server ends, or the job was paused.
    Broken,
}

impl Runner {
    fn run(mut self) {
        while !self.has_ended() {
            match self.next() {
                Ok(Some((id, job))) => self.work(id, &job),
                Ok(None) => {
                    self.unlocked.job_bell.wait(None);
                }
                // A job may wait behind it.
                Err(_) => self.rest(),
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The oldest job that runs.
    fn next(&self) -> Result<Option<(Id, JobBody)>, Failure> {
        let keys = self.unlocked.index.read().keys_of(RecordKind::Job);
        for key in keys {
            if let Some(job) = job_of(&self.unlocked, key.id)?.filter(|job| job.state == JobState::Running) {
                return Ok(Some((key.id, job)));
            }
        }
        Ok(None)
    }

    /// Works on one job until it is done, paused, or the server ends.
    fn work(&mut self, id: Id, job: &JobBody) {
        if job.kind == JobKind::Scrub {
            return self.scrub(id, job);
        }
        self.again.clear();
        for _ in 0..LOOKS {
            let Some(failed) = self.passes(id, job) else { return };
            let settled = self.settle(job);
            // A look that was cut short proves nothing.
            if self.has_ended() {
                return;
            }
            match settled {
                // Nothing is left but what failed every time.
                Ok(0) if self.waiting(job) <= failed => break,
                // What was written in the batch that began it all, or came since, is found only now.
                Ok(_) => {}
                Err(error) => {
                    self.unlocked.journal.event(Severity::Error, "job_failed", &describe(&error));
                    return self.rest();
                }
            }
        }
        self.end(id, job);
    }

    /// Removes old bytes from the store's files.
    fn scrub(&self, id: Id, job: &JobBody) {
        match self.unlocked.store.scrub() {
            Ok(()) => {
                self.unlocked.clear(SCRUB_FAILED);
                let done = entry(&system_caller(), Action::StoreScrub.word(), &Trace::of(job.key_name.as_str()), "ok");
                if self.unlocked.witness.tell_and_wait(done) {
                    return self.end(id, job);
                }
                self.rest();
            }
            Err(error) => {
                self.unlocked.journal.event(Severity::Error, SCRUB_FAILED, &describe(&error));
                let fix = "it is tried again every minute; the server's log says why that failed".to_owned();
                self.unlocked.raise(SCRUB_FAILED, "old wraps may still be in the store's files".to_owned(), fix);
                self.step_back(SCRUB_AGAIN);
            }
        }
    }

    /// Passes until one seals nothing more: how many failed in it. None when the server ends or the job was paused.
    fn passes(&mut self, id: Id, job: &JobBody) -> Option<u64> {
        loop {
            match self.pass(id, job) {
                Pass::Broken => return None,
                Pass::Whole { sealed: 0, failed } => return Some(failed),
                Pass::Whole { .. } => {}
            }
        }
    }

    /// Looks at everything once more, and removes old bytes where that belongs to the job. Answers how much was found.
    fn settle(&self, job: &JobBody) -> Result<usize, StoreError> {
        let found = self.look_again(job)?;
        if job.kind == JobKind::Convert && found == 0 {
            self.unlocked.store.scrub()?;
        }
        Ok(found)
    }

    /// How many are listed as to be done.
    fn waiting(&self, job: &JobBody) -> u64 {
        match job.kind {
            JobKind::Reseal => self.unlocked.resealing.len(),
            JobKind::Scrub => 0,
            JobKind::Reencrypt | JobKind::Convert => self.unlocked.stored.waiting(self.scope(job)),
        }
    }

    /// The values that a job is about.
    fn scope(&self, job: &JobBody) -> Scope {
        let purpose = self.unlocked.keys.purpose(job.key_id);
        let family = purpose.and_then(Family::under).unwrap_or(Family::Secrets);
        Scope { family, clear: job.kind == JobKind::Convert }
    }

    fn end(&self, id: Id, job: &JobBody) {
        // What proves the end is in the trail before the job says that it is done, whatever happens in between.
        if job.kind != JobKind::Scrub && self.left(job) == 0 && !self.prove(job) {
            return self.rest();
        }
        match ask(&self.unlocked, &self.workers, system_caller(), job::Finish { id }) {
            Ok(job::FinishReply::Done) => {
                let told = match job.kind {
                    JobKind::Scrub => format!("old wraps of the key {} are gone from the store's files", job.key_name),
                    _ => format!("nothing is left under older versions of the key {}", job.key_name),
                };
                self.unlocked.journal.event(Severity::Notice, "job_done", &told);
            }
            Ok(job::FinishReply::Incomplete(left)) => {
                let told = format!("{left} values could not be sealed again under the key {}", job.key_name);
                self.unlocked.journal.event(Severity::Error, "job_incomplete", &told);
            }
            Ok(job::FinishReply::Not) => {}
            Err(_) => self.rest(),
        }
    }

    /// Goes once through everything that is to be done.
    fn pass(&mut self, id: Id, job: &JobBody) -> Pass {
        let begun = Instant::now();
        let mut flights = VecDeque::with_capacity(IN_FLIGHT);
        let (mut after, mut sealed, mut failed, mut sent) = (None, 0, 0, 0);
        loop {
            if self.has_ended() || self.is_paused(id) {
                flights.into_iter().for_each(|flight: Flight| drop(flight.answered.blocking_recv()));
                return Pass::Broken;
            }
            let (most, in_flight) = if self.others_wait() { (FEW, 1) } else { (reencrypt::RECORDS, IN_FLIGHT) };
            let records = self.take(job, &mut after, most);
            let is_last = records.is_empty();
            sent += records.len();
            match self.send(job, records) {
                Some(flight) => flights.push_back(flight),
                None if is_last => {}
                // Too much is waiting: another pass takes them.
                None => {
                    sealed += 1;
                    self.step_back(PAUSE);
                }
            }
            while flights.len() >= in_flight || (is_last && !flights.is_empty()) {
                let Some(flight) = flights.pop_front() else { break };
                let (done, not) = self.land(flight);
                sealed += done;
                failed += not;
            }
            if is_last && self.again.is_empty() {
                return Pass::Whole { sealed, failed };
            }
            if most == FEW {
                self.step_back(STEP_BACK);
            }
            self.keep_pace(job, sent, begun);
        }
    }

    /// Whether others want to be answered now: then the job steps back.
    fn others_wait(&mut self) -> bool {
        let answered = self.unlocked.answered.load(Ordering::Relaxed);
        let since = answered.wrapping_sub(std::mem::replace(&mut self.seen, answered));
        since >= BUSY
    }

    /// Leaves the processors to others for a moment. The bell goes on ringing: it may say that this job is paused.
    fn step_back(&self, moment: Duration) {
        if !self.has_ended() && self.unlocked.job_bell.wait(Some(moment)) {
            self.unlocked.job_bell.ring();
        }
    }

    /// The next records: first those that were too large before.
    fn take(&mut self, job: &JobBody, after: &mut Option<RecordKey>, most: usize) -> Vec<RecordKey> {
        let rate = job.rate.and_then(|rate| usize::try_from(rate).ok()).unwrap_or(usize::MAX);
        let most = rate.clamp(1, most);
        if !self.again.is_empty() {
            let many = self.again.len().min(most);
            return self.again.drain(..many).collect();
        }
        let records = match job.kind {
            JobKind::Reseal => self.unlocked.resealing.older(*after, most),
            JobKind::Scrub => Vec::new(),
            JobKind::Reencrypt | JobKind::Convert => self.unlocked.stored.older(self.scope(job), *after, most),
        };
        if let Some(last) = records.last() {
            *after = Some(*last);
        }
        records
    }

    fn send(&self, job: &JobBody, records: Vec<RecordKey>) -> Option<Flight> {
        if records.is_empty() {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let sent = match job.kind {
            JobKind::Reseal => self.submit(Reseal { records: records.clone() }, answer),
            JobKind::Reencrypt | JobKind::Convert | JobKind::Scrub => {
                let (key, name) = (job.key_id, job.key_name.clone());
                self.submit(Reencrypt { key, name, records: records.clone() }, answer)
            }
        };
        sent.ok()?;
        Some(Flight { records, answered })
    }

    /// What became of a commit: how many values it sealed, and how many could not be.
    fn land(&mut self, flight: Flight) -> (usize, u64) {
        match flight.answered.blocking_recv().unwrap_or(Err(Failure::Stopping)) {
            Ok(reply) => {
                self.again.extend(flight.records.get(reply.looked_at..).unwrap_or_default());
                (reply.sealed, reply.failed.len() as u64)
            }
            Err(failure) => {
                self.unlocked.journal.event(Severity::Warning, "job_waits", &failure.to_string());
                self.step_back(PAUSE);
                // Whatever it was, it is tried again: a job that gives up leaves values behind.
                (usize::from(!matches!(failure, Failure::Refused(_))), 0)
            }
        }
    }

    /// Not faster than the job's rate: waits until so many may have been sent.
    fn keep_pace(&self, job: &JobBody, sent: usize, begun: Instant) {
        let Some(rate) = job.rate else { return };
        let due = begun + Duration::from_secs_f64(sent as f64 / f64::from(rate.max(1)));
        while !self.has_ended() && Instant::now() < due {
            if self.unlocked.job_bell.wait(Some(due.saturating_duration_since(Instant::now()))) {
                self.unlocked.job_bell.ring();
                return;
            }
        }
    }

    fn is_paused(&self, id: Id) -> bool {
        self.unlocked.job_bell.rang()
            && job_of(&self.unlocked, id).is_ok_and(|job| job.is_none_or(|job| job.state != JobState::Running))
    }

    /// Waits for something to change, or a moment.
    fn rest(&self) {
        if !self.has_ended() {
            self.unlocked.job_bell.wait(Some(PAUSE));
        }
    }

    /// Reads everything once more: what memory says is done must be so in the store.
    /// Answers how much was found that memory did not know of.
    fn look_again(&self, job: &JobBody) -> Result<usize, StoreError> {
        match job.kind {
            JobKind::Reseal => self.look_at_records(),
            JobKind::Scrub => Ok(0),
            JobKind::Reencrypt | JobKind::Convert => self.look_at_values(job),
        }
    }

    fn look_at_records(&self) -> Result<usize, StoreError> {
        let unlocked = &self.unlocked;
        let mut found = 0;
        for kind in RecordKind::ALL.into_iter().filter(|kind| is_sealed(*kind)) {
            unlocked.store.scan(&[kind.byte()], &mut |key, sealed| {
                if let Ok(key) = RecordKey::from_bytes(key)
                    && unlocked.seals.read().is_older(sealed)
                    && unlocked.index.read().get(key).is_some()
                {
                    found += usize::from(unlocked.resealing.found(key));
                }
                if self.has_ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        Ok(found)
    }

    fn look_at_values(&self, job: &JobBody) -> Result<usize, StoreError> {
        let mut found = 0;
        for kind in self.scope(job).family.kinds() {
            found += self.look_at_kind(job, *kind)?;
        }
        Ok(found)
    }

    fn look_at_kind(&self, job: &JobBody, kind: RecordKind) -> Result<usize, StoreError> {
        let unlocked = &self.unlocked;
        let mut found = 0;
        let mut opened = SecretBytes::with_capacity(1 << 16);
        unlocked.store.scan(&[kind.byte()], &mut |key, sealed| {
            opened.truncate(0);
            let is_open = RecordKey::from_bytes(key).ok().filter(|key| {
                let seals = unlocked.seals.read();
                seals.open(*key, sealed, &mut opened).is_ok()
            });
            if let (Some(key), Some(SealedUnder::Key(id, version))) = (is_open, sealed_under(opened.expose()))
                && id == job.key_id
                && version < job.key_version
                && unlocked.index.read().get(key).is_some()
            {
                found += usize::from(unlocked.stored.found(key, (id, version)));
            }
            if self.has_ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }

    /// How many are left under versions before the job's.
    fn left(&self, job: &JobBody) -> u64 {
        let stored = needs::stored(&self.unlocked, job.key_id);
        stored.iter().filter(|(version, _)| *version < job.key_version).map(|(_, count)| count).sum()
    }

    /// One line for each version that nothing is left under; whether all of them are in the trail.
    fn prove(&self, job: &JobBody) -> bool {
        self.versions_before(job).into_iter().all(|version| {
            let mut trace = Trace::of(job.key_name.as_str());
            trace.key = Some((job.key_id, version));
            self.unlocked.witness.tell_and_wait(entry(&system_caller(), "key.reencrypted", &trace, "none_left"))
        })
    }

    /// The versions before the job's that are not destroyed.
    fn versions_before(&self, job: &JobBody) -> Vec<u32> {
        if job.kind == JobKind::Reseal {
            return (1..job.key_version).collect();
        }
        let key = RecordKey::new(RecordKind::Key, job.key_id);
        let fetched = self.unlocked.fetch(&[key]).ok().and_then(|mut fetched| fetched.pop());
        let Some(Ok(Some(opened))) = fetched else { return Vec::new() };
        let Ok(key) = body::decode_strict::<KeyBody>(opened.body.expose()) else { return Vec::new() };
        let older = key.versions.iter().filter(|version| version.number < job.key_version);
        older.filter(|version| version.state != State::Destroyed).map(|version| version.number).collect()
    }

    fn submit<O: Operation>(
        &self,
        operation: O,
        answer: oneshot::Sender<Result<O::Reply, Failure>>,
    ) -> Result<(), Failure> {
        let run = Run {
            unlocked: Arc::clone(&self.unlocked),
            workers: Arc::clone(&self.workers),
            caller: system_caller(),
            operation,
            attempt: 0,
            answer,
        };
        run.submit()
    }
}
