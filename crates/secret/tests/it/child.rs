//! Runs a piece of a test in a forked child, so that it can change, or end, its process.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// How a child ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// It returned.
    Returned,
    /// It panicked, for example in an assertion.
    Panicked,
    /// A signal ended it.
    Signal { number: i32, core_dumped: bool },
}

/// Forks, runs `work` in the child and waits for its end.
pub fn run(work: impl FnOnce()) -> End {
    // SAFETY: each test has a process of its own under nextest; under a threaded runner the
    // child may only rely on what the C library makes safe after fork, which holds for malloc.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        let code = i32::from(catch_unwind(AssertUnwindSafe(work)).is_err());
        // SAFETY: ends the child without running the parent's exit handlers.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: `status` lives through the call and `child` is a child of this process.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    if libc::WIFSIGNALED(status) {
        End::Signal { number: libc::WTERMSIG(status), core_dumped: libc::WCOREDUMP(status) }
    } else if libc::WEXITSTATUS(status) == 0 {
        End::Returned
    } else {
        End::Panicked
    }
}
