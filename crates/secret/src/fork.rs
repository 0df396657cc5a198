//! Noticing that this process is a copy: a forked child, or a resumed snapshot of its machine.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::arena::Pages;
use crate::machine::{self, MachineState};

/// Remembers which process on which machine it was made in. State that must not be used twice (buffered random
/// bytes) keeps one beside it and asks [`ForkGuard::copied`] before each use.
///
/// A fork is always noticed: the answer costs one memory load where the kernel can wipe a page on
/// fork (Linux 4.14), else one system call. A resumed snapshot of a virtual machine is noticed
/// where the host shows it through a device this process can open (`/dev/vmclock0`,
/// `/dev/sysgenid`).
#[derive(Debug)]
pub struct ForkGuard {
    process: u64,
    machine: MachineState,
}

impl ForkGuard {
    /// A guard that reports a copy at its first question, so that state starts out unusable.
    #[must_use]
    pub const fn unseen() -> ForkGuard {
        ForkGuard { process: 0, machine: MachineState::UNSEEN }
    }

    /// A guard of the process as it is now.
    #[must_use]
    pub fn new() -> ForkGuard {
        ForkGuard { process: lineage(), machine: machine::state() }
    }

    /// Whether the process was copied since the guard was made or last asked.
    pub fn copied(&mut self) -> bool {
        let (process, machine) = (lineage(), machine::state());
        let copied = process != self.process || machine != self.machine;
        self.process = process;
        self.machine = machine;
        copied
    }
}

impl Default for ForkGuard {
    fn default() -> ForkGuard {
        ForkGuard::new()
    }
}

/// A number that differs between a process and every copy of it; never zero.
fn lineage() -> u64 {
    let Some(page) = MARKER.get_or_init(Marker::map) else {
        // SAFETY: getpid has no preconditions.
        return u64::from(unsafe { libc::getpid() }.unsigned_abs());
    };
    let marker = page.value();
    match marker.load(Ordering::Acquire) {
        0 => renew(marker),
        number => number,
    }
}

/// First use, or first use after a fork: the kernel zeroed the marker, the count went along.
#[cold]
fn renew(marker: &AtomicU64) -> u64 {
    let next = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    match marker.compare_exchange(0, next, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => next,
        Err(other_thread) => other_thread,
    }
}

/// How often a marker was renewed in this process and its ancestors.
static COUNT: AtomicU64 = AtomicU64::new(0);

static MARKER: OnceLock<Option<Marker>> = OnceLock::new();

/// One page that the kernel zeroes in a forked child.
struct Marker(Pages);

// SAFETY: the page is only accessed through the atomic that `value` answers.
unsafe impl Send for Marker {}
// SAFETY: as above.
unsafe impl Sync for Marker {}

impl Marker {
    fn map() -> Option<Marker> {
        let pages = Pages::map(size_of::<AtomicU64>());
        pages.advise(libc::MADV_WIPEONFORK).then_some(Marker(pages))
    }

    fn value(&self) -> &AtomicU64 {
        // SAFETY: the page is mapped for good, zeroed, aligned, and used for nothing else.
        unsafe { self.0.start.cast::<AtomicU64>().as_ref() }
    }
}
