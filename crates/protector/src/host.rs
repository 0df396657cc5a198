//! Who and where we are: host name, machine id, the account's name, the service's group.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use strongroom_crypto::{derive, hash, labels};
use strongroom_envelope::Id;
use thiserror::Error;

/// The machine id cannot be used.
#[derive(Debug, Error)]
pub enum MachineIdError {
    /// The file cannot be read.
    #[error("machine id unreadable: {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a regular file.
    #[error("machine id unreadable: {} is not a regular file", path.display())]
    NotAFile {
        /// What lies there.
        path: PathBuf,
    },
    /// It holds nothing but white space.
    #[error("machine id file {} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The host has not been given an id yet, see machine-id(5).
    #[error("machine id file {} says `uninitialized`", path.display())]
    Uninitialized {
        /// The file.
        path: PathBuf,
    },
    /// It holds more than an id.
    #[error("machine id file {} is longer than {LONGEST_MACHINE_ID} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
}

impl MachineIdError {
    /// What the operator can do about it.
    #[must_use]
    pub fn how_to_mend(&self) -> String {
        match self {
            Self::Unreadable { path, .. } | Self::NotAFile { path } => {
                format!("make {} a readable file, or name another file that holds this host's id", path.display())
            }
            Self::Empty { path } | Self::Uninitialized { path } => format!(
                "let the host finish its first start, or run systemd-machine-id-setup, so that {} holds an id",
                path.display()
            ),
            Self::TooLong { path } => {
                format!("name a file that holds this host's id only, instead of {}", path.display())
            }
        }
    }
}

/// The host's own id. It is confidential (machine-id(5)): a key is derived from it, it is never shown.
pub(crate) struct MachineId(Vec<u8>);

impl MachineId {
    pub(crate) fn read(path: &Path) -> Result<Self, MachineIdError> {
        let unreadable = |source| MachineIdError::Unreadable { path: path.to_path_buf(), source };
        // Without NONBLOCK a pipe of that name would hold the start up forever.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| unreadable(errno.into()))?;
        let found = rustix::fs::fstat(&handle).map_err(|errno| unreadable(errno.into()))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(MachineIdError::NotAFile { path: path.to_path_buf() });
        }
        let mut text = Vec::new();
        File::from(handle).take(LONGEST_MACHINE_ID + 1).read_to_end(&mut text).map_err(unreadable)?;
        Self::from_text(&text, path)
    }

    fn from_text(text: &[u8], path: &Path) -> Result<Self, MachineIdError> {
        let path = path.to_path_buf();
        if text.len() as u64 > LONGEST_MACHINE_ID {
            return Err(MachineIdError::TooLong { path });
        }
        match text.trim_ascii() {
            b"" => Err(MachineIdError::Empty { path }),
            b"uninitialized" => Err(MachineIdError::Uninitialized { path }),
            id => Ok(Self(id.to_vec())),
        }
    }

    /// The text without surrounding white space.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What may be shown: the first 8 bytes of its SHA-256, in hex.
    pub(crate) fn fingerprint(&self) -> String {
        hash::sha256(&[&self.0]).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Tells a store whether it is on the same host as before, without telling anybody the machine id (docs/spec/credential.md).
///
/// # Errors
/// When the host has no id that can be read.
pub fn host_id(machine_id_file: &Path, store_id: Id) -> Result<[u8; 16], MachineIdError> {
    let machine_id = MachineId::read(machine_id_file)?;
    Ok(derive::bytes(&store_id.0, &[machine_id.as_bytes()], labels::HOST_ID, b""))
}

/// The host's name as the kernel has it.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The name of an account in /etc/passwd; accounts from a directory service have only their uid here.
pub(crate) fn user_name(uid: u32) -> Option<String> {
    let table = fs::read("/etc/passwd").ok()?;
    find_name(&table, uid)
}

/// The number of a group in /etc/group.
pub(crate) fn group_id(name: &str) -> Option<u32> {
    let table = fs::read("/etc/group").ok()?;
    find_number(&table, name)
}

/// Tables are `name:password:number:…`, one entry in a line.
fn entries(table: &[u8]) -> impl Iterator<Item = (&str, u32)> {
    table.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = core::str::from_utf8(line).ok()?.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let number = fields.nth(1)?.parse().ok()?;
        Some((name, number))
    })
}

fn find_name(table: &[u8], uid: u32) -> Option<String> {
    entries(table).find(|(_, number)| *number == uid).map(|(name, _)| name.to_owned())
}

fn find_number(table: &[u8], name: &str) -> Option<u32> {
    entries(table).find(|(found, _)| *found == name).map(|(_, number)| number)
}

/// Longer files hold something else than an id.
const LONGEST_MACHINE_ID: u64 = 1024;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"root:x:0:0:root:/root:/bin/bash\n\
        # a comment\n\
        :x:7:7::/:\n\
        broken:x\n\
        \xff\xfe:x:8:8::/:\n\
        wide:x:99999999999:1::/:\n\
        strongroom:x:1000:1000::/var/lib/strongroom:/usr/sbin/nologin\n\
        twin:x:1000:1000::/:/bin/sh";

    #[test]
    fn the_first_entry_with_the_number_names_the_account() {
        assert_eq!(find_name(TABLE, 0).as_deref(), Some("root"));
        assert_eq!(find_name(TABLE, 1000).as_deref(), Some("strongroom"));
        for absent in [7, 8, 1001] {
            assert_eq!(find_name(TABLE, absent), None);
        }
    }

    #[test]
    fn groups_are_found_by_their_whole_name() {
        assert_eq!(find_number(b"adm:x:4:syslog\nstrongroom:x:990:\n", "strongroom"), Some(990));
        assert_eq!(find_number(b"strongroom2:x:991:\n", "strongroom"), None);
    }

    #[test]
    fn a_machine_id_is_the_text_without_white_space() {
        let read = |text: &[u8]| MachineId::from_text(text, Path::new("/etc/machine-id"));
        assert_eq!(read(b" \t4f0c\r\n").unwrap().as_bytes(), b"4f0c");
        assert!(matches!(read(b"\n"), Err(MachineIdError::Empty { .. })));
        assert!(matches!(read(b"uninitialized\n"), Err(MachineIdError::Uninitialized { .. })));
        assert!(matches!(read(&[b'a'; 1025]), Err(MachineIdError::TooLong { .. })));
        assert!(read(&[b'a'; 1024]).is_ok());
    }

    /// SHA-256("abc") of FIPS 180-4, shortened.
    #[test]
    fn a_machine_id_is_shown_as_a_short_digest() {
        let id = MachineId::from_text(b"abc\n", Path::new("x")).unwrap();
        assert_eq!(id.fingerprint(), "ba7816bf8f01cfea");
    }
}
