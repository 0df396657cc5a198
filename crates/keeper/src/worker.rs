//! Runs operations: fetches what a rule needs, repeats it, hands its commit to the committer and its line to the witness.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use strongroom_crypto::{hash, labels, mac};
use strongroom_engine::policy::{Action, Identity, Principal};
use strongroom_engine::rule::{Answers, Done, Facts, Operation, Refusal, Reply, Stop, Trace};
use strongroom_envelope::log::{AuditEntry, LogRecord, LoggedCommit};
use strongroom_envelope::{Id, RecordKey};
use strongroom_secret::SecretBytes;
use tokio::sync::oneshot;

use crate::clock::now;
use crate::committer::{Job, Order, Outcome};
use crate::facade::{Caller, Failure};
use crate::needs::{ReadAhead, Unmet, fulfil};
use crate::random::{self, SystemRandomness};
use crate::reply::Finish;
use crate::unlocked::Unlocked;
use crate::uses::{self, Wanted};
use crate::witness::Note;
use crate::words::failure_word;

/// Requests that may wait for a worker; more are refused as busy.
const QUEUE: usize = 4096;
/// The same for what is slow: looks at keys, of which there is one at a time.
const ASIDE_QUEUE: usize = 8;
/// Work that a thread takes at once, so that the queue is not fought over.
const HANDFUL: usize = 16;
/// A rule whose facts do not fit together fetches them anew so often.
const ATTEMPTS: u32 = 8;
/// A commit that loses a race is judged anew so often. Among those that wait the oldest loser is admitted first, so with as many
/// clients on one record everybody gets a turn.
const COMMIT_ATTEMPTS: u32 = 256;
/// A rule asks at most so many times for more facts.
const ROUNDS: usize = 16;

/// A piece of work for a worker.
pub enum Work {
    /// Run this.
    Run(Box<dyn FnOnce() + Send>),
    /// End the thread.
    End,
}

/// The threads that run operations.
pub struct Workers {
    queue: SyncSender<Work>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// To a thread for what waits for devices and programs: no operation waits behind it.
    aside: SyncSender<Work>,
    aside_thread: Mutex<Option<JoinHandle<()>>>,
}

impl Workers {
    /// Starts `count` threads.
    pub fn start(count: usize) -> std::io::Result<Self> {
        let (aside, waiting) = sync_channel::<Work>(ASIDE_QUEUE);
        let aside_thread = thread::Builder::new().name("aside".into()).spawn(move || run(&Mutex::new(waiting)))?;
        let (queue, waiting) = sync_channel::<Work>(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        let threads = (0..count)
            .map(|number| {
                let waiting = Arc::clone(&waiting);
                thread::Builder::new().name(format!("worker-{number}")).spawn(move || run(&waiting))
            })
            .collect::<Result<_, _>>()?;
        let (threads, aside_thread) = (Mutex::new(threads), Mutex::new(Some(aside_thread)));
        Ok(Self { queue, threads, aside, aside_thread })
    }

    /// Hands over work, or says that too much is waiting.
    pub fn submit(&self, work: Work) -> Result<(), Failure> {
        self.queue.try_send(work).map_err(|error| refused(&error))
    }

    /// The same for what may take seconds, because it waits for a device or a program.
    pub fn submit_aside(&self, work: Work) -> Result<(), Failure> {
        self.aside.try_send(work).map_err(|error| refused(&error))
    }

    /// Finishes what waits and ends the threads.
    pub fn stop(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        for _ in &threads {
            drop(self.queue.send(Work::End));
        }
        for thread in threads {
            drop(thread.join());
        }
        let aside = self.aside_thread.lock().take();
        if let Some(thread) = aside {
            drop(self.aside.send(Work::End));
            drop(thread.join());
        }
    }
}

const fn refused(error: &TrySendError<Work>) -> Failure {
    match error {
        TrySendError::Full(_) => Failure::Busy,
        TrySendError::Disconnected(_) => Failure::Stopping,
    }
}

fn run(waiting: &Mutex<Receiver<Work>>) {
    let mut taken = VecDeque::with_capacity(HANDFUL);
    loop {
        {
            let waiting = waiting.lock();
            taken.extend(waiting.recv().ok());
            // `End` is taken alone: each thread ends by its own.
            while taken.len() < HANDFUL && matches!(taken.back(), Some(Work::Run(_))) {
                match waiting.try_recv() {
                    Ok(work) => taken.push_back(work),
                    Err(_) => break,
                }
            }
        }
        if taken.is_empty() {
            return;
        }
        while let Some(work) = taken.pop_front() {
            match work {
                Work::Run(run) => run(),
                Work::End => return,
            }
        }
    }
}

/// One operation on its way.
pub struct Run<O: Operation> {
    /// The store.
    pub unlocked: Arc<Unlocked>,
    /// The workers, for another attempt.
    pub workers: Arc<Workers>,
    /// Who asks.
    pub caller: Caller,
    /// What for.
    pub operation: O,
    /// How often it lost a race.
    pub attempt: u32,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<O::Reply, Failure>>,
}

/// What a rule came to, each with what its line says.
type Judged<R> = Result<(Done<R>, Trace), Box<(Halt, Trace)>>;

/// Why a rule has not come to its end.
enum Halt {
    /// It is refused.
    Refused(Failure),
    /// Uses of a key have to be set aside first.
    Waits(Wanted),
}

impl Halt {
    fn refused(failure: Failure, trace: Trace) -> Box<(Self, Trace)> {
        Box::new((Self::Refused(failure), trace))
    }
}

/// Commit id and digest of a request that may be retried.
struct Retry {
    commit_id: Id,
    digest: [u8; 16],
}

impl<O: Operation> Run<O> {
    /// Queues it.
    pub fn submit(self) -> Result<(), Failure> {
        let workers = Arc::clone(&self.workers);
        workers.submit(Work::Run(Box::new(move || self.work())))
    }

    fn work(self) {
        if !self.unlocked.witness.is_open() {
            return self.reply(Err(Failure::AuditUnavailable));
        }
        if self.caller.principal.identity != Identity::System {
            self.unlocked.answered.fetch_add(1, Ordering::Relaxed);
        }
        let retry = self.caller.retry.as_ref().map(|key| self.retry(&key.key, &key.body_sha256));
        if let Some(retry) = &retry {
            let epoch = self.unlocked.retries.lock().epoch_of(&retry.commit_id);
            if let Some(epoch) = epoch {
                return self.repeat(retry, epoch);
            }
        }
        match self.judge() {
            Ok((done, trace)) if done.commit.changes.is_empty() => self.finish_read(done.reply, &trace),
            Ok((done, trace)) => self.finish_change(done, trace, retry),
            Err(halted) => match *halted {
                (Halt::Refused(failure), trace) => self.finish_refused(failure, &trace),
                (Halt::Waits(wanted), trace) => self.wait(wanted, trace),
            },
        }
    }

    /// Runs the rule until it is done or refuses.
    fn judge(&self) -> Judged<O::Reply> {
        let mut answers = Answers::default();
        let mut randomness = SystemRandomness;
        let mut stale = 0;
        let mut next = (O::ACTION == Action::SecretGet).then(ReadAhead::default);
        for _ in 0..ROUNDS * ATTEMPTS as usize {
            let mut facts = Facts::new(now(), &self.caller.principal, &answers, &mut randomness);
            let outcome = self.operation.apply(&mut facts);
            let trace = facts.into_trace();
            match outcome {
                Ok(done) if trace.permitted() => {
                    if let Some(next) = next {
                        next.learn(&self.unlocked);
                    }
                    return Ok((done, trace));
                }
                Ok(_) => return Err(Halt::refused(Failure::Internal { request_id: self.caller.request_id }, trace)),
                Err(Stop::Stale | Stop::Lost(_)) if stale + 1 < ATTEMPTS => {
                    stale += 1;
                    answers = Answers::default();
                }
                Err(Stop::Refused(refusal) | Stop::Lost(refusal)) => {
                    return Err(Halt::refused(refusal.into(), trace));
                }
                Err(Stop::Stale) => {
                    let target = trace.target.clone();
                    return Err(Halt::refused(Refusal::Contention { target }.into(), trace));
                }
                Err(Stop::Need(needs)) => match fulfil(&self.unlocked, &needs, &mut answers, next.as_mut()) {
                    Ok(()) => {}
                    Err(Unmet::Failed(failure)) => return Err(Halt::refused(failure, trace)),
                    Err(Unmet::Uses(wanted)) => return Err(Box::new((Halt::Waits(wanted), trace))),
                },
            }
        }
        Err(Halt::refused(Failure::Internal { request_id: self.caller.request_id }, Trace::default()))
    }

    fn finish_read(self, reply: O::Reply, trace: &Trace) {
        let entry = self.entry(trace, "ok");
        self.tell(entry, Ok(reply));
    }

    fn finish_refused(self, failure: Failure, trace: &Trace) {
        let entry = self.entry(trace, failure_word(&failure));
        self.tell(entry, Err(failure));
    }

    /// The answer leaves when its line is durable.
    fn tell(self, entry: AuditEntry, outcome: Result<O::Reply, Failure>) {
        let answer = self.answer;
        let finish = Finish::reply(move |durable: bool| {
            let outcome = if durable { outcome } else { Err(Failure::AuditUnavailable) };
            drop(answer.send(outcome));
        });
        // A witness that has ended drops the note, and the caller learns that the server is stopping.
        drop(self.unlocked.witness.tell(Note::Line { entry, finish }));
    }

    fn finish_change(self, done: Done<O::Reply>, trace: Trace, retry: Option<Retry>) {
        let commit_id = retry.as_ref().map_or_else(random::id, |retry| retry.commit_id);
        let unlocked = Arc::clone(&self.unlocked);
        let job = Job {
            entry: self.entry(&trace, "ok"),
            commit: done.commit,
            commit_id,
            lost_races: self.attempt,
            request_digest: retry.map(|retry| retry.digest),
            reply: done.reply.remember(),
            finish: Finish::reply(move |outcome| self.committed(outcome, commit_id, done.reply, &trace)),
        };
        // A committer that has ended drops the job, and the caller learns that the server is stopping.
        drop(unlocked.order(Order::Job(Box::new(job))));
    }

    fn committed(mut self, outcome: Outcome, commit_id: Id, reply: O::Reply, trace: &Trace) {
        let failure = match outcome {
            Outcome::Done => return self.reply(Ok(reply)),
            Outcome::Conflict | Outcome::Repeated if self.attempt + 1 < COMMIT_ATTEMPTS => {
                self.attempt += 1;
                return self.again(trace);
            }
            Outcome::Conflict | Outcome::Repeated => Refusal::Contention { target: trace.target.clone() }.into(),
            Outcome::Full => Failure::StorageFull,
            Outcome::Unknown => Failure::OutcomeUnknown { commit_id },
            Outcome::Stopped => Failure::WritingStopped,
            Outcome::Failed => Failure::StorageFailed,
            Outcome::AuditUnavailable => return self.reply(Err(Failure::AuditUnavailable)),
        };
        self.finish_refused(failure, trace);
    }

    /// Begins anew when more uses of a key are set aside.
    fn wait(self, wanted: Wanted, trace: Trace) {
        let unlocked = Arc::clone(&self.unlocked);
        uses::wait(&unlocked, wanted, move |outcome| match outcome {
            Ok(()) => {
                if let Err(refused) = self.requeue() {
                    // This may be the witness's own thread, which must not wait for its queue: without a line, as for a request
                    // that finds the queue full at once.
                    let (run, failure) = *refused;
                    run.reply(Err(failure));
                }
            }
            Err(Failure::Stopping) => self.reply(Err(Failure::Stopping)),
            Err(failure) => self.finish_refused(failure, &trace),
        });
    }

    /// Queues another attempt. It was accepted once, so when the queue is full by now its refusal gets a line.
    fn again(self, trace: &Trace) {
        if let Err(refused) = self.requeue() {
            let (run, failure) = *refused;
            run.finish_refused(failure, trace);
        }
    }

    /// Queues it once more; or gives it back, and why.
    fn requeue(self) -> Result<(), Box<(Self, Failure)>> {
        let workers = Arc::clone(&self.workers);
        let run = Arc::new(Mutex::new(Some(self)));
        let queued = Arc::clone(&run);
        let work = move || {
            let run = queued.lock().take();
            if let Some(run) = run {
                run.work();
            }
        };
        match workers.submit(Work::Run(Box::new(work))) {
            Ok(()) => Ok(()),
            Err(failure) => run.lock().take().map_or(Ok(()), |run| Err(Box::new((run, failure)))),
        }
    }

    fn reply(self, outcome: Result<O::Reply, Failure>) {
        // A caller that has gone away does not need its answer.
        drop(self.answer.send(outcome));
    }

    /// The commit was done before: the answer of the first, if it was kept.
    fn repeat(self, retry: &Retry, epoch: u64) {
        let outcome = match logged_commit(&self.unlocked, epoch, &retry.commit_id) {
            Ok(Some(logged)) if logged.request_digest != retry.digest => Err(Failure::RetryMismatch),
            Ok(Some(logged)) => O::Reply::recall(&logged.reply).ok_or(Failure::ReplyNotKept),
            Ok(None) => Err(Failure::ReplyNotKept),
            Err(failure) => Err(failure),
        };
        let word = outcome.as_ref().map_or_else(failure_word, |_| "repeated");
        let entry = self.entry(&Trace::default(), word);
        self.tell(entry, outcome);
    }

    fn retry(&self, key: &str, body_sha256: &[u8; 32]) -> Retry {
        let seals = self.unlocked.seals.read();
        let digest = mac::hmac_sha256(seals.request().expose(), &[labels::REQUEST.as_bytes(), body_sha256]);
        Retry { commit_id: commit_id(&self.caller, O::ACTION, key), digest: first(&digest) }
    }

    fn entry(&self, trace: &Trace, outcome: &str) -> AuditEntry {
        entry(&self.caller, O::ACTION.word(), trace, outcome)
    }
}

/// Whether a request that may be a retry was done before. What it was done with may be of no use any more by then.
pub fn was_done(unlocked: &Unlocked, caller: &Caller, action: Action) -> bool {
    let retry = caller.retry.as_ref().map(|retry| commit_id(caller, action, &retry.key));
    retry.is_some_and(|commit_id| unlocked.retries.lock().epoch_of(&commit_id).is_some())
}

/// Names the commit of a request that may be retried.
fn commit_id(caller: &Caller, action: Action, key: &str) -> Id {
    let principal = caller.principal.identity.to_string();
    let word = action.word().as_bytes();
    let id = hash::sha256(&[labels::COMMIT_ID.as_bytes(), principal.as_bytes(), &[0], word, &[0], key.as_bytes()]);
    Id(first(&id))
}

/// Runs an operation and waits for its answer; not for a thread that runs operations.
pub fn ask<O: Operation>(
    unlocked: &Arc<Unlocked>,
    workers: &Arc<Workers>,
    caller: Caller,
    operation: O,
) -> Result<O::Reply, Failure> {
    let (answer, answered) = oneshot::channel();
    let (unlocked, workers) = (Arc::clone(unlocked), Arc::clone(workers));
    Run { unlocked, workers, caller, operation, attempt: 0, answer }.submit()?;
    answered.blocking_recv().unwrap_or(Err(Failure::Stopping))
}

/// The server itself.
pub fn system_caller() -> Caller {
    Caller { principal: Principal::system(), remote: String::new(), request_id: random::id(), retry: None }
}

/// The line of one request.
pub fn entry(caller: &Caller, operation: &str, trace: &Trace, outcome: &str) -> AuditEntry {
    AuditEntry {
        time: now(),
        principal: caller.principal.identity.to_string(),
        remote: caller.remote.clone(),
        operation: operation.to_owned(),
        target: trace.target.clone(),
        key: trace.key.map(|(id, _)| id),
        key_version: trace.key.map_or(0, |(_, version)| version),
        outcome: outcome.to_owned(),
        count: u64::from(trace.count.unwrap_or(0)),
        request: caller.request_id,
        context: trace.context.clone(),
    }
}

fn logged_commit(unlocked: &Unlocked, epoch: u64, commit_id: &Id) -> Result<Option<LoggedCommit>, Failure> {
    let key = RecordKey::log(epoch).to_bytes();
    let found = unlocked.store.read(&[&key]).map_err(|_| Failure::StorageFailed)?.pop().flatten();
    let Some(found) = found else { return Ok(None) };
    let seals = unlocked.seals.read();
    let mut scratch = SecretBytes::with_capacity(found.len());
    let log =
        seals.store_sealing(&found).and_then(|sealing| LogRecord::open(sealing, epoch, &found, &mut scratch).ok());
    Ok(log.and_then(|(log, _)| log.commits.into_iter().find(|logged| logged.id == *commit_id)))
}

fn first(bytes: &[u8; 32]) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&bytes[..16]);
    first
}
