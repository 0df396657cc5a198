//! Hardening of the process: what keeps its memory out of other hands, and what was achieved.

use std::fs;
use std::io;

use crate::arena::{self, arena_use};
use crate::machine;

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Short name, for example `core_dumps_off`.
    pub name: &'static str,
    /// Whether it is in force.
    pub applied: bool,
    /// What was found, for a person to read.
    pub detail: String,
}

/// Everything that was tried, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HardeningReport {
    /// One entry per measure.
    pub measures: Vec<Measure>,
}

impl HardeningReport {
    /// The measures that are not in force.
    pub fn missing(&self) -> impl Iterator<Item = &Measure> {
        self.measures.iter().filter(|measure| !measure.applied)
    }
}

/// Hardens this process and reports what is in force; to be called before the first key is made.
/// Calling it again is harmless and gives a fresh report.
///
/// Nothing here fails: a measure that cannot be had is reported, and the operator decides.
#[must_use]
pub fn process() -> HardeningReport {
    let memory_limit = raise_lock_limit();
    let measures = vec![
        not_dumpable(),
        core_dumps_off(),
        ptrace_refused(),
        keys_locked(memory_limit),
        keys_not_dumped(),
        keys_wiped_on_fork(),
        no_swap(),
        machine_copies_noticed(),
        descriptors_kept_back(),
    ];
    HardeningReport { measures }
}

fn not_dumpable() -> Measure {
    // SAFETY: both calls take integers only.
    let (set, now) =
        unsafe { (libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0), libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0)) };
    let applied = set == 0 && now == 0;
    let detail = if applied {
        "memory is closed to other processes of this account".to_owned()
    } else {
        format!("prctl(PR_SET_DUMPABLE): {}", io::Error::last_os_error())
    };
    Measure { name: "not_dumpable", applied, detail }
}

/// Programs that are started later (plug-ins, modules of tokens) get nothing that was open before this process began.
fn descriptors_kept_back() -> Measure {
    // SAFETY: the call takes integers only and changes a flag of descriptors, none of which it closes.
    let applied = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } == 0;
    let detail = if applied {
        "what was open before is not handed to child processes".to_owned()
    } else {
        format!("close_range: {}", io::Error::last_os_error())
    };
    Measure { name: "descriptors_kept_back", applied, detail }
}

fn core_dumps_off() -> Measure {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives through the call.
    let applied = unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) } == 0;
    let detail = if applied {
        "no core dumps, here and in child processes".to_owned()
    } else {
        format!("setrlimit(RLIMIT_CORE): {}", io::Error::last_os_error())
    };
    Measure { name: "core_dumps_off", applied, detail }
}

/// A process that is not dumpable is traced by privileged processes only; Yama narrows that.
fn ptrace_refused() -> Measure {
    // SAFETY: the call takes integers only.
    let applied = unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) } == 0;
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    let detail = match scope.as_deref().map(str::trim) {
        Ok("3") => "nobody can trace this process (Yama scope 3)".to_owned(),
        Ok(scope) => format!("only privileged processes can trace this one (Yama scope {scope})"),
        Err(_) => "only privileged processes can trace this one (no Yama)".to_owned(),
    };
    Measure { name: "ptrace_refused", applied, detail }
}

fn keys_locked(limit: MemoryLimit) -> Measure {
    arena::warm_up();
    let arena = arena_use();
    let limit = match limit {
        MemoryLimit::Bytes(bytes) => format!("the limit is {} KiB", bytes / 1024),
        MemoryLimit::None => "there is no limit".to_owned(),
        MemoryLimit::Unknown(reason) => format!("the limit is unknown: {reason}"),
    };
    Measure {
        name: "keys_locked",
        applied: arena.unlocked_bytes == 0,
        detail: format!(
            "{} KiB of keys locked into memory, {} KiB not; {limit}",
            arena.locked_bytes / 1024,
            arena.unlocked_bytes / 1024,
        ),
    }
}

fn keys_not_dumped() -> Measure {
    Measure {
        name: "keys_not_dumped",
        applied: arena_use().not_dumped,
        detail: "pages of keys are left out of core dumps (MADV_DONTDUMP)".to_owned(),
    }
}

fn keys_wiped_on_fork() -> Measure {
    Measure {
        name: "keys_wiped_on_fork",
        applied: arena_use().wiped_on_fork,
        detail: "pages of keys are zero in a forked child (MADV_WIPEONFORK)".to_owned(),
    }
}

/// Keys are locked; values that pass through are not, so swap can hold them.
fn no_swap() -> Measure {
    let (applied, detail) = match fs::read_to_string("/proc/swaps") {
        Ok(table) => match table.lines().skip(1).filter(|line| !line.trim().is_empty()).count() {
            0 => (true, "no swap".to_owned()),
            areas => (false, format!("{areas} swap areas: values in use may be written to them")),
        },
        Err(error) => (false, format!("/proc/swaps: {error}")),
    };
    Measure { name: "no_swap", applied, detail }
}

fn machine_copies_noticed() -> Measure {
    let device = machine::device();
    let detail = match device {
        Some(device) => format!("a resumed snapshot of this machine is noticed through {device}"),
        None => "no device shows whether this machine was resumed from a snapshot: do not clone \
                 it while it runs"
            .to_owned(),
    };
    Measure { name: "machine_copies_noticed", applied: device.is_some(), detail }
}

enum MemoryLimit {
    Bytes(u64),
    None,
    Unknown(io::Error),
}

/// Raises the soft limit of locked memory to the hard one, and answers what it is now.
fn raise_lock_limit() -> MemoryLimit {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives through the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) } != 0 {
        return MemoryLimit::Unknown(io::Error::last_os_error());
    }
    let raised = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
    // SAFETY: as above.
    if unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const raised) } == 0 {
        limit = raised;
    }
    match limit.rlim_cur {
        libc::RLIM_INFINITY => MemoryLimit::None,
        bytes => MemoryLimit::Bytes(bytes),
    }
}
