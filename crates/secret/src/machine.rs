//! Noticing that the machine below was copied: a snapshot of a virtual machine that was resumed.
//!
//! Linux learns of it through VMGENID and reseeds its own generator, but shows the event to
//! programs only where there is a device that can be mapped: `/dev/vmclock0` (VMClock, Linux 6.13;
//! layout in `linux/vmclock-abi.h`) or `/dev/sysgenid` (some vendors' kernels). Where neither can
//! be opened, nothing is noticed here, and nonces rest on the time counter mixed into them.

use core::ptr::NonNull;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What the machine shows of its own history; two unequal answers mean that it was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MachineState([u64; 2]);

impl MachineState {
    pub(crate) const UNSEEN: MachineState = MachineState([0; 2]);
}

/// The state now; one or two memory loads.
pub(crate) fn state() -> MachineState {
    source().map_or(MachineState::UNSEEN, |page| page.state())
}

/// The device that tells, for a report.
pub(crate) fn device() -> Option<&'static str> {
    source().map(|page| match page.device {
        Device::VmClock => VMCLOCK,
        Device::SysGenId => SYSGENID,
    })
}

fn source() -> Option<&'static Page> {
    static SOURCE: OnceLock<Option<Page>> = OnceLock::new();
    SOURCE
        .get_or_init(|| {
            Page::map(Path::new(VMCLOCK), Device::VmClock).or_else(|| Page::map(Path::new(SYSGENID), Device::SysGenId))
        })
        .as_ref()
}

#[derive(Clone, Copy)]
enum Device {
    VmClock,
    SysGenId,
}

/// A device's page, mapped for good and read-only.
struct Page {
    start: NonNull<u8>,
    device: Device,
}

// SAFETY: the page is only read, through atomics; the mapping is never taken away.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

impl Page {
    fn map(path: &Path, device: Device) -> Option<Page> {
        let file = File::open(path).ok()?;
        // SAFETY: a new shared read-only mapping of one page at an address of the kernel's choice.
        let mapping =
            unsafe { libc::mmap(core::ptr::null_mut(), PAGE, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if mapping == libc::MAP_FAILED {
            return None;
        }
        let page = Page { start: NonNull::new(mapping.cast())?, device };
        page.is_what_it_says().then_some(page)
    }

    fn is_what_it_says(&self) -> bool {
        match self.device {
            Device::VmClock => self.load_u32(0) == VMCLOCK_MAGIC,
            Device::SysGenId => true,
        }
    }

    fn state(&self) -> MachineState {
        match self.device {
            Device::VmClock => {
                MachineState([self.load_u64(VMCLOCK_DISRUPTION_MARKER), self.load_u64(VMCLOCK_GENERATION_COUNTER)])
            }
            Device::SysGenId => MachineState([u64::from(self.load_u32(0)), 0]),
        }
    }

    fn load_u32(&self, offset: usize) -> u32 {
        assert!(offset <= PAGE - size_of::<u32>() && offset.is_multiple_of(size_of::<u32>()));
        // SAFETY: inside the page and aligned (just checked); the host may write at any time,
        // hence an atomic.
        unsafe { self.start.add(offset).cast::<AtomicU32>().as_ref() }.load(Ordering::Acquire)
    }

    fn load_u64(&self, offset: usize) -> u64 {
        assert!(offset <= PAGE - size_of::<u64>() && offset.is_multiple_of(size_of::<u64>()));
        // SAFETY: as in `load_u32`.
        unsafe { self.start.add(offset).cast::<AtomicU64>().as_ref() }.load(Ordering::Acquire)
    }
}

const VMCLOCK: &str = "/dev/vmclock0";
const SYSGENID: &str = "/dev/sysgenid";
/// The length both drivers insist on or allow; the least page size of Linux.
const PAGE: usize = 4096;
/// "VCLK", little-endian; on a big-endian machine the device is not used.
const VMCLOCK_MAGIC: u32 = 0x4b4c_4356;
/// Changes when the machine was resumed or moved to another host.
const VMCLOCK_DISRUPTION_MARKER: usize = 16;
/// Changes when the machine was resumed from a snapshot; constant on hosts that do not offer it.
const VMCLOCK_GENERATION_COUNTER: usize = 104;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::{Device, PAGE, Page};

    /// A file stands in for the device: both are pages that somebody else writes to.
    fn device(magic: &[u8; 4]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(PAGE as u64).unwrap();
        file.as_file().write_all_at(magic, 0).unwrap();
        file
    }

    #[test]
    fn vmclock_tells_of_a_resumed_snapshot_and_of_a_move() {
        let file = device(b"VCLK");
        let page = Page::map(file.path(), Device::VmClock).unwrap();
        let at_first = page.state();
        assert_eq!(page.state(), at_first);
        file.as_file().write_all_at(&[1], 104).unwrap();
        let resumed = page.state();
        assert_ne!(resumed, at_first);
        file.as_file().write_all_at(&[1], 16).unwrap();
        assert_ne!(page.state(), resumed);
    }

    #[test]
    fn another_device_is_not_taken_for_a_vmclock() {
        assert!(Page::map(device(b"KLCV").path(), Device::VmClock).is_none());
    }

    #[test]
    fn sysgenid_tells_of_a_resumed_snapshot() {
        let file = device(&[0; 4]);
        let page = Page::map(file.path(), Device::SysGenId).unwrap();
        let at_first = page.state();
        file.as_file().write_all_at(&[1], 0).unwrap();
        assert_ne!(page.state(), at_first);
    }
}
