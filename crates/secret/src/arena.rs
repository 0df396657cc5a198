//! The arena: 32-byte slots in pages that are locked into memory, left out of core dumps and
//! zeroed in a forked child.
//!
//! Chunks of pages are mapped as needed and live as long as the process; a slot that is given back
//! is wiped before it can be handed out again. Each chunk lies between two pages that fault on
//! access. When the memory-lock limit is used up, further chunks are not locked: keys still work,
//! and [`arena_use`] counts them.

use core::ptr::NonNull;
use std::alloc::{Layout, handle_alloc_error};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::key::KEY_BYTES;
use crate::wipe::wipe;

/// One slot of the arena; wiped and given back on drop.
pub(crate) struct Slot(NonNull<[u8; KEY_BYTES]>);

// SAFETY: a slot is the only owner of its 32 bytes; access goes through `&` and `&mut` as for a Box.
unsafe impl Send for Slot {}
// SAFETY: as above; there is no interior mutability.
unsafe impl Sync for Slot {}

impl Slot {
    /// A slot of 32 zero bytes.
    pub(crate) fn zeroed() -> Slot {
        let mut arena = lock();
        if let Some(free) = arena.free.pop() {
            arena.in_use += 1;
            return Slot(free.0);
        }
        arena.grow();
        let fresh = arena.free.pop().expect("a chunk that was just added has slots");
        arena.in_use += 1;
        Slot(fresh.0)
    }

    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        // SAFETY: the pointer comes from `Arena::grow`, is aligned, initialised (pages start
        // zeroed), never unmapped, and no other slot has the same address while this one lives.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn expose_mut(&mut self) -> &mut [u8; KEY_BYTES] {
        // SAFETY: as in `expose`, and `&mut self` makes this the only access.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        wipe(self.expose_mut());
        let mut arena = lock();
        arena.in_use -= 1;
        arena.free.push(FreeSlot(self.0));
    }
}

/// How much of the arena is in use, and how well it is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArenaUse {
    /// Keys that live now.
    pub keys: usize,
    /// Bytes of pages that are locked into memory.
    pub locked_bytes: usize,
    /// Bytes of pages that could not be locked, because the limit was used up.
    pub unlocked_bytes: usize,
    /// Whether every page is left out of core dumps.
    pub not_dumped: bool,
    /// Whether every page reads as zeros in a forked child.
    pub wiped_on_fork: bool,
}

/// What the arena looks like at this moment.
#[must_use]
pub fn arena_use() -> ArenaUse {
    let arena = lock();
    ArenaUse {
        keys: arena.in_use,
        locked_bytes: arena.locked_bytes,
        unlocked_bytes: arena.unlocked_bytes,
        not_dumped: arena.not_dumped,
        wiped_on_fork: arena.wiped_on_fork,
    }
}

/// Maps one chunk if there is none yet, so that reports can say what the system allows.
pub(crate) fn warm_up() {
    drop(Slot::zeroed());
}

struct Arena {
    free: Vec<FreeSlot>,
    in_use: usize,
    locked_bytes: usize,
    unlocked_bytes: usize,
    not_dumped: bool,
    wiped_on_fork: bool,
}

struct FreeSlot(NonNull<[u8; KEY_BYTES]>);

// SAFETY: a free slot is an address nobody else holds; it may move between threads.
unsafe impl Send for FreeSlot {}

static ARENA: Mutex<Arena> = Mutex::new(Arena {
    free: Vec::new(),
    in_use: 0,
    locked_bytes: 0,
    unlocked_bytes: 0,
    not_dumped: true,
    wiped_on_fork: true,
});

fn lock() -> MutexGuard<'static, Arena> {
    // The state stays whole when a holder panics: each step is one push, pop or addition.
    ARENA.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Arena {
    fn grow(&mut self) {
        let pages = Pages::map(CHUNK_BYTES);
        if pages.lock() {
            self.locked_bytes += pages.bytes;
        } else {
            self.unlocked_bytes += pages.bytes;
        }
        self.not_dumped &= pages.advise(libc::MADV_DONTDUMP);
        self.wiped_on_fork &= pages.advise(libc::MADV_WIPEONFORK);
        let slots = pages.bytes / KEY_BYTES;
        self.free.reserve(slots);
        // Backwards, so that slots are handed out in rising order.
        for number in (0..slots).rev() {
            // SAFETY: `number * KEY_BYTES` lies inside the mapping of `pages.bytes` bytes.
            let slot = unsafe { pages.start.add(number * KEY_BYTES) };
            self.free.push(FreeSlot(slot.cast()));
        }
    }
}

/// Pages mapped for good, between two guard pages.
pub(crate) struct Pages {
    pub(crate) start: NonNull<u8>,
    pub(crate) bytes: usize,
}

impl Pages {
    /// Maps at least `least` zeroed bytes; a system out of memory ends the process, as it does
    /// for any other allocation.
    pub(crate) fn map(least: usize) -> Pages {
        let page = page_bytes();
        let bytes = least.next_multiple_of(page);
        let whole = bytes + 2 * page;
        let refused =
            || -> ! { handle_alloc_error(Layout::from_size_align(whole, page).expect("page sizes are powers of two")) };
        // SAFETY: a new private anonymous mapping at an address of the kernel's choice.
        let mapping = unsafe {
            libc::mmap(core::ptr::null_mut(), whole, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
        };
        if mapping == libc::MAP_FAILED {
            refused();
        }
        // SAFETY: one page into a mapping of `whole` bytes, which is never null.
        let start = unsafe { NonNull::new_unchecked(mapping.cast::<u8>().add(page)) };
        // SAFETY: the range lies inside the mapping made above.
        let opened = unsafe { libc::mprotect(start.as_ptr().cast(), bytes, libc::PROT_READ | libc::PROT_WRITE) };
        if opened != 0 {
            refused();
        }
        Pages { start, bytes }
    }

    /// Keeps the pages out of swap; false when the limit is used up.
    pub(crate) fn lock(&self) -> bool {
        // SAFETY: the range is a mapping of this process; locking does not change its content.
        unsafe { libc::mlock(self.start.as_ptr().cast(), self.bytes) == 0 }
    }

    /// One `madvise` over all pages; false when the kernel does not know the advice.
    pub(crate) fn advise(&self, advice: libc::c_int) -> bool {
        // SAFETY: the range is a mapping of this process; callers pass DONTDUMP and WIPEONFORK,
        // neither of which changes the content in this process.
        unsafe { libc::madvise(self.start.as_ptr().cast(), self.bytes, advice) == 0 }
    }
}

fn page_bytes() -> usize {
    // SAFETY: sysconf has no preconditions.
    let answer = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(answer).unwrap_or(4096)
}

/// 512 keys; small against the usual limit of locked memory (8 MiB, on older systems 64 KiB).
const CHUNK_BYTES: usize = 16 * 1024;
