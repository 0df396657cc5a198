//! Proves what the kernel does with the pages that hold keys.

use std::fs;

use strongroom_secret::{RootKey, arena_use};

use crate::child::{self, End};

/// The mappings of this process as `(first address, one past the last, permissions, flags)`.
fn mappings() -> Vec<(usize, usize, String, String)> {
    let mut found = Vec::new();
    for line in fs::read_to_string("/proc/self/smaps").unwrap().lines() {
        let first_word = line.split_whitespace().next().unwrap();
        if let Some((start, end)) = first_word.split_once('-') {
            let address = |text| usize::from_str_radix(text, 16).unwrap();
            let permissions = line.split_whitespace().nth(1).unwrap().to_owned();
            found.push((address(start), address(end), permissions, String::new()));
        } else if let Some(flags) = line.strip_prefix("VmFlags:") {
            found.last_mut().unwrap().3 = format!("{} ", flags.trim());
        }
    }
    found
}

#[test]
fn keys_lie_in_locked_pages_outside_of_core_dumps_and_forks() {
    let key = RootKey::fill_with(|slot| slot.fill(1));
    let address = key.expose().as_ptr() as usize;
    let all = mappings();
    let (.., flags) = all.iter().find(|(start, end, ..)| (*start..*end).contains(&address)).unwrap();
    for flag in ["lo ", "dd ", "wf "] {
        assert!(flags.contains(flag), "{flag}is missing in {flags}");
    }
}

#[test]
fn keys_lie_between_pages_that_fault() {
    let key = RootKey::fill_with(|slot| slot.fill(1));
    let address = key.expose().as_ptr() as usize;
    let all = mappings();
    let own = all.iter().position(|(start, end, ..)| (*start..*end).contains(&address)).unwrap();
    for neighbour in [&all[own - 1], &all[own + 1]] {
        assert_eq!(neighbour.2, "---p");
    }
    assert_eq!(all[own - 1].1, all[own].0);
    assert_eq!(all[own].1, all[own + 1].0);
}

#[test]
fn without_a_right_to_lock_keys_still_work_and_are_counted() {
    let end = child::run(|| {
        give_up_locking();
        let before = arena_use();
        let keys: Vec<RootKey> = (0..2000).map(|_| RootKey::fill_with(|slot| slot.fill(0xa7))).collect();
        assert!(keys.iter().all(|key| key.expose() == &[0xa7; 32]));
        let after = arena_use();
        assert_eq!(after.locked_bytes, before.locked_bytes);
        assert!(after.unlocked_bytes >= 3 * 16 * 1024, "{after:?}");
        assert_eq!(after.keys, before.keys + 2000);
        assert!(after.not_dumped && after.wiped_on_fork);
        let report = strongroom_secret::harden::process();
        let locked = report.measures.iter().find(|one| one.name == "keys_locked").unwrap();
        assert!(!locked.applied);
        let unlocked = format!("{} KiB not", after.unlocked_bytes / 1024);
        assert!(locked.detail.contains(&unlocked), "{}", locked.detail);
    });
    assert_eq!(end, End::Returned);
}

/// A limit of zero counts only for a process without CAP_IPC_LOCK.
fn give_up_locking() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives through the call; the others take integers.
    unsafe {
        assert_eq!(libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const none), 0);
        if libc::geteuid() == 0 {
            assert_eq!(libc::setuid(65_534), 0);
        }
    }
}
