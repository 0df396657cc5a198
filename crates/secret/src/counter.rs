//! The processor's time counter, as a safe function.

/// A number that grows with time while the machine runs and that a resumed snapshot of a virtual
/// machine does not repeat in practice: the time-stamp counter (x86-64), the virtual count
/// register (AArch64). Zero where the processor offers none.
///
/// It is not random and not a clock; callers mix it into random bytes.
#[must_use]
pub fn cpu_time_counter() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: RDTSC exists on every x86-64 processor and touches no memory.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
    #[cfg(target_arch = "aarch64")]
    {
        let count: u64;
        // SAFETY: CNTVCT_EL0 is readable from user space on Linux and touches no memory.
        unsafe {
            core::arch::asm!("mrs {}, cntvct_el0", out(reg) count, options(nomem, nostack));
        }
        count
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::cpu_time_counter;

    #[test]
    fn grows() {
        let before = cpu_time_counter();
        let after = cpu_time_counter();
        assert!(after >= before);
        assert_ne!(before, 0);
    }
}
