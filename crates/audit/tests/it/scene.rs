//! Trails for the tests to work on.

use std::path::Path;

use strongroom_audit::{Place, Trail, TrailSettings};
use strongroom_envelope::log::AuditEntry;
use strongroom_envelope::{Id, Timestamp};
use strongroom_secret::MacKey;

pub const NOW: Timestamp = Timestamp(1_764_000_000_123);

pub fn settings(directory: &Path) -> TrailSettings {
    TrailSettings { reserve_bytes: 64 << 10, ..TrailSettings::new(directory, "vault-1") }
}

pub fn entry(target: impl Into<String>) -> AuditEntry {
    AuditEntry {
        time: NOW,
        principal: "uid:1000".into(),
        remote: "unix".into(),
        operation: "secret.get".into(),
        target: target.into(),
        outcome: "ok".into(),
        request: Id([9; 16]),
        ..AuditEntry::default()
    }
}

pub fn place(epoch: u64, index: u32) -> Place {
    Place { epoch, index, anchor: Some([u8::try_from(epoch % 251).unwrap(); 32]) }
}

pub fn audit_key() -> MacKey {
    MacKey::fill_with(|key| *key = core::array::from_fn(|index| u8::try_from(index).unwrap()))
}

/// Line 1, then `lines` lines with a checkpoint behind every third; the last one signs everything when they divide.
pub fn trail(directory: &Path, lines: u64) -> (Trail, [u8; 32]) {
    let (mut trail, key_zero) = Trail::create(settings(directory), NOW).unwrap();
    trail.arm(audit_key());
    for number in 1..=lines {
        trail.append(&entry(format!("name/{number}")), Some(place(number, 0)));
        if number % 3 == 0 {
            trail.checkpoint(NOW).unwrap();
        }
    }
    trail.write().unwrap();
    trail.sync().unwrap();
    (trail, key_zero)
}

/// The lines of a segment, without their line feeds.
pub fn lines(segment: &Path) -> Vec<Vec<u8>> {
    let content = std::fs::read(segment).unwrap();
    let content = content.strip_suffix(b"\n").unwrap();
    content.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

pub fn write_lines(segment: &Path, lines: &[Vec<u8>]) {
    let mut content = lines.join(&b'\n');
    content.push(b'\n');
    std::fs::write(segment, content).unwrap();
}
