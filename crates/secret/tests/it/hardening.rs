//! Proves what hardening does to the process, in a child so that the test's own stays as it was.

use std::fs;

use strongroom_secret::harden;

use crate::child::{self, End};

#[test]
fn after_hardening_the_process_is_not_dumpable() {
    let end = child::run(|| {
        let report = harden::process();
        // SAFETY: the call takes integers only.
        assert_eq!(unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) }, 0);
        let mut limit = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
        // SAFETY: the structure lives through the call.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit) }, 0);
        assert_eq!((limit.rlim_cur, limit.rlim_max), (0, 0));
        for name in ["not_dumpable", "core_dumps_off", "ptrace_refused"] {
            assert!(report.measures.iter().any(|one| one.name == name && one.applied), "{name}");
        }
    });
    assert_eq!(end, End::Returned);
}

#[test]
fn every_measure_is_reported_once_and_explained() {
    let end = child::run(|| {
        let first = harden::process();
        let names: Vec<&str> = first.measures.iter().map(|one| one.name).collect();
        assert_eq!(
            names,
            [
                "not_dumpable",
                "core_dumps_off",
                "ptrace_refused",
                "keys_locked",
                "keys_not_dumped",
                "keys_wiped_on_fork",
                "no_swap",
                "machine_copies_noticed",
                "descriptors_kept_back"
            ]
        );
        assert!(first.measures.iter().all(|one| !one.detail.is_empty()));
        assert_eq!(harden::process(), first, "a second call finds the same");
    });
    assert_eq!(end, End::Returned);
}

#[test]
fn an_abort_after_hardening_leaves_no_core() {
    let directory = tempfile::tempdir().unwrap();
    let end = child::run(|| {
        std::env::set_current_dir(directory.path()).unwrap();
        allow_core_dumps();
        let _ = harden::process();
        std::process::abort();
    });
    assert_eq!(end, End::Signal { number: libc::SIGABRT, core_dumped: false });
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// Raises the soft limit, so that the test means something where dumps are off by default.
fn allow_core_dumps() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives through both calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_CORE, &raw const limit), 0);
    }
}
