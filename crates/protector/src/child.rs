//! A child process that is asked one question: bounded in time and output, and gone when the answer is there.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType};
use rustix::process::{Pid, PidfdFlags, Signal};
use strongroom_secret::SecretBytes;
use thiserror::Error;

/// A child process gave no answer.
#[derive(Debug, Error)]
pub enum ChildError {
    /// It could not be started.
    #[error("it cannot be started: {source}")]
    Start {
        /// Why.
        source: io::Error,
    },
    /// It took too long and was killed.
    #[error("it gave no answer within {} seconds and was ended", limit.as_secs())]
    TimedOut {
        /// How long it had.
        limit: Duration,
    },
    /// It said too much and was killed.
    #[error("it answered with more than {limit} bytes and was ended")]
    TooMuch {
        /// How much it may say.
        limit: usize,
    },
    /// It ended with a failure.
    #[error("it failed or crashed")]
    Failed,
    /// Talking to it failed.
    #[error("talking to it failed: {source}")]
    Talk {
        /// Why.
        source: io::Error,
    },
}

/// How long a child may take and how much it may say.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) time: Duration,
    pub(crate) output: usize,
}

/// What a child said, and whether it ended well.
pub(crate) struct Answer {
    pub(crate) output: SecretBytes,
    pub(crate) is_success: bool,
}

/// Asks through standard input and takes the answer from standard output.
pub(crate) fn ask_by_pipes(mut command: Command, question: &[u8], limits: Limits) -> Result<Answer, ChildError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = Running::start(command)?;
    let (to, from) = (running.0.stdin.take(), running.0.stdout.take());
    let (to, from) = to.zip(from).ok_or_else(|| talk(Errno::BADF))?;
    running.converse(Some(to.into()), from.into(), question, limits)
}

/// Asks and takes the answer through a socket that is the child's standard input: what a library in it prints on
/// standard output is no answer.
pub(crate) fn ask_by_socket(mut command: Command, question: &[u8], limits: Limits) -> Result<Answer, ChildError> {
    let flags = SocketFlags::CLOEXEC;
    let (ours, its) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(talk)?;
    command.stdin(Stdio::from(its)).stdout(Stdio::null());
    let mut running = Running::start(command)?;
    let to = ours.try_clone().map_err(|source| ChildError::Talk { source })?;
    running.converse(Some(to), ours, question, limits)
}

/// A child that does not outlive this value, nor does anything that it started in its process group.
struct Running(Child);

impl Running {
    /// Nothing is inherited: no environment but what the command sets, no directory, no descriptor of ours.
    fn start(mut command: Command) -> Result<Self, ChildError> {
        command.stderr(Stdio::null()).current_dir("/").process_group(0);
        // The command goes when this returns, and with it our ends of what the child got.
        command.spawn().map(Self).map_err(|source| ChildError::Start { source })
    }

    fn converse(
        &mut self,
        to: Option<OwnedFd>,
        from: OwnedFd,
        question: &[u8],
        limits: Limits,
    ) -> Result<Answer, ChildError> {
        let clock = Clock { deadline: Instant::now() + limits.time, limit: limits.time };
        let output = exchange(to, from, question, limits, &clock)?;
        let ended = rustix::process::pidfd_open(Pid::from_child(&self.0), PidfdFlags::empty()).map_err(talk)?;
        clock.wait(&mut [PollFd::new(&ended, PollFlags::IN)])?;
        self.end_group();
        let status = self.0.wait().map_err(|source| ChildError::Talk { source })?;
        Ok(Answer { output, is_success: status.success() })
    }

    /// Before the child is waited for, so that the group's number cannot be anybody else's.
    fn end_group(&self) {
        let _gone = rustix::process::kill_process_group(Pid::from_child(&self.0), Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.end_group();
            let _status = self.0.wait();
        }
    }
}

struct Clock {
    deadline: Instant,
    limit: Duration,
}

impl Clock {
    /// Waits until one of `watched` is ready.
    fn wait(&self, watched: &mut [PollFd<'_>]) -> Result<(), ChildError> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ChildError::TimedOut { limit: self.limit });
            }
            let left = Timespec::try_from(left).map_err(|_| talk(Errno::INVAL))?;
            match poll(watched, Some(&left)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(talk(errno)),
            }
        }
    }
}

/// Sends the question and reads the answer to its end, whichever the child is ready for.
fn exchange(
    mut to: Option<OwnedFd>,
    from: OwnedFd,
    mut question: &[u8],
    limits: Limits,
    clock: &Clock,
) -> Result<SecretBytes, ChildError> {
    for end in to.iter().chain([&from]) {
        rustix::io::ioctl_fionbio(end, true).map_err(talk)?;
    }
    let mut answer = SecretBytes::with_capacity(PIECE);
    loop {
        if question.is_empty() {
            to.take().into_iter().for_each(finish);
        }
        let mut watched = vec![PollFd::new(&from, PollFlags::IN)];
        watched.extend(to.as_ref().map(|to| PollFd::new(to, PollFlags::OUT)));
        clock.wait(&mut watched)?;
        if let Some(end) = &to {
            match rustix::io::write(end, question) {
                Ok(written) => question = &question[written..],
                Err(Errno::AGAIN | Errno::INTR) => {}
                // It did not want to hear all of it; what it says is still to be read.
                Err(Errno::PIPE | Errno::CONNRESET) => question = &[],
                Err(errno) => return Err(talk(errno)),
            }
        }
        if read_piece(from.as_fd(), &mut answer)? {
            return Ok(answer);
        }
        if answer.len() > limits.output {
            return Err(ChildError::TooMuch { limit: limits.output });
        }
    }
}

/// Tells the child that the question ends here.
fn finish(to: OwnedFd) {
    // Of a pipe, closing is enough.
    let _pipe = rustix::net::shutdown(&to, Shutdown::Write);
}

/// Reads what is there; whether that was the end.
fn read_piece(from: BorrowedFd<'_>, answer: &mut SecretBytes) -> Result<bool, ChildError> {
    let before = answer.len();
    let room = answer.extend_zeroed(PIECE);
    let outcome = rustix::io::read(from, room);
    answer.truncate(before + *outcome.as_ref().unwrap_or(&0));
    match outcome {
        Ok(read) => Ok(read == 0),
        Err(Errno::AGAIN | Errno::INTR) => Ok(false),
        Err(Errno::CONNRESET) => Ok(true),
        Err(errno) => Err(talk(errno)),
    }
}

fn talk(errno: Errno) -> ChildError {
    ChildError::Talk { source: errno.into() }
}

const PIECE: usize = 4096;
