//! Freed memory back to the operating system, after work that needed much more than what stays.

/// Gives freed memory back, where the allocator can: glibc keeps what lies between pieces that are in use.
pub fn release_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `malloc_trim` takes no pointers and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
