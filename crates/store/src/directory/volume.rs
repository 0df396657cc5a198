//! Which kind of volume a directory lies on, and whether it is reached over a network.

use std::io;
use std::os::fd::AsFd;

/// Magic numbers of file systems whose locks, syncs or shared memory depend on another machine or
/// on the host of a virtual machine (linux/magic.h, and coreutils' list for those outside the kernel).
const NETWORK: &[(u32, &str)] = &[
    (0x0000_6969, "nfs"),
    (0x0000_517b, "smb"),
    (0xfe53_4d42, "smb2"),
    (0xff53_4d42, "cifs"),
    (0x0000_564c, "ncp"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "afs"),
    (0x7375_7245, "coda"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "ceph"),
    (0x0bd0_0bd0, "lustre"),
    (0x4750_4653, "gpfs"),
    (0x7461_636f, "ocfs2"),
    (0x0116_1970, "gfs2"),
    (0x1983_0326, "beegfs"),
    (0xaad7_aaea, "panfs"),
    (0x2003_0528, "orangefs"),
    (0x6163_6673, "acfs"),
    (0xbeef_dead, "snfs"),
    (0x0131_11a8, "ibrix"),
    (0x786f_4256, "vboxsf"),
    (0xbacb_acbc, "vmhgfs"),
    (0x7c7c_6673, "prl_fs"),
];

const FUSE: u32 = 0x6573_5546;

/// File systems in user space that store on a local disk. Every other one may be remote (sshfs,
/// s3fs, virtiofs, …), and the magic number does not tell.
const LOCAL_FUSE: &[&str] = &["fuseblk", "fuse.fuse-overlayfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs"];

/// The kind of network file system `directory` lies on, or `None` on a local volume.
pub(super) fn network(directory: impl AsFd) -> io::Result<Option<String>> {
    let status = rustix::fs::fstatfs(&directory)?;
    // The magic is 32 bits wide; the field is a signed word, so high ones arrive sign-extended.
    let magic = status.f_type as u32;
    if magic != FUSE {
        return Ok(by_magic(magic).map(str::to_owned));
    }
    let device = rustix::fs::fstat(&directory)?.st_dev;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    Ok(match kind_of_mount(&mounts, rustix::fs::major(device), rustix::fs::minor(device)) {
        Some(kind) if LOCAL_FUSE.contains(&kind) => None,
        Some(kind) => Some(kind.to_owned()),
        None => Some("fuse".to_owned()),
    })
}

fn by_magic(magic: u32) -> Option<&'static str> {
    NETWORK.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name)
}

/// The file system type that `mountinfo` (proc(5)) gives for a device.
fn kind_of_mount(mounts: &str, major: u32, minor: u32) -> Option<&str> {
    let device = format!("{major}:{minor}");
    mounts.lines().find_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        (mount.split(' ').nth(2)? == device).then(|| source.split(' ').next())?
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn network_magics_are_known_and_local_ones_are_not() {
        // Values of linux/magic.h.
        for (magic, name) in [(0x6969, "nfs"), (0xff53_4d42, "cifs"), (0x00c3_6400, "ceph")] {
            assert_eq!(by_magic(magic), Some(name));
        }
        for (magic, name) in [
            (0xef53, "ext4"),
            (0x0102_1994, "tmpfs"),
            (0x794c_7630, "overlayfs"),
            (0x5846_5342, "xfs"),
            (0x9123_683e, "btrfs"),
            (0x2fc1_2fc1, "zfs"),
        ] {
            assert_eq!(by_magic(magic), None, "{name}");
        }
    }

    #[test]
    fn the_kind_of_a_mount_is_found_by_its_device() {
        // The example line of proc(5), and one of sshfs.
        let mounts = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n\
                      71 28 0:55 / /home/a\\040b rw,nosuid shared:9 - fuse.sshfs user@host:/ rw\n";
        assert_eq!(kind_of_mount(mounts, 98, 0), Some("ext3"));
        assert_eq!(kind_of_mount(mounts, 0, 55), Some("fuse.sshfs"));
        assert_eq!(kind_of_mount(mounts, 0, 5), None);
    }

    #[test]
    fn the_volume_of_the_tests_is_local() {
        let directory = tempfile::tempdir().unwrap();
        let opened = std::fs::File::open(directory.path()).unwrap();
        assert_eq!(network(&opened).unwrap(), None);
    }
}
