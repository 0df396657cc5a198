//! What is left when the process or the power ends at any step, when syncs fail, and when the volume is full.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use strongroom_envelope::Timestamp;
use strongroom_envelope::log::AuditEntry;
use strongroom_secret::MacKey;

use crate::error::TrailError;
use crate::tail::{self, Extent, Inspection};
use crate::tape::Synced;
use crate::trail::{Trail, start};
use crate::volume::memory::{MemoryVolume, POWER_CUTS, PowerCut, Trouble};
use crate::{Position, TrailSettings, checkpoint_key, search, verify};

/// Every step of a life with several checkpoints and segments, stopped before and in the middle of it, times every outcome of the power cut.
#[test]
fn every_step_may_be_the_last() {
    let undisturbed = MemoryVolume::default();
    let life = live(&undisturbed);
    assert!(life.end.is_ok());
    assert!(undisturbed.steps() > 60, "a life of {} steps", undisturbed.steps());
    for step in 0..=undisturbed.steps() {
        for trouble in [Trouble::Stop(step), Trouble::StopHalfWay(step)] {
            let volume = MemoryVolume::default();
            volume.set_trouble(trouble);
            let life = live(&volume);
            for cut in POWER_CUTS {
                recovers(&volume.after(cut), &life, &format!("{trouble:?} {cut:?}"));
            }
        }
    }
}

/// A crash while the crash before is being settled.
#[test]
fn every_step_of_opening_may_be_the_last() {
    let whole = MemoryVolume::default();
    live(&whole);
    for step in (0..whole.steps()).step_by(13) {
        let volume = MemoryVolume::default();
        volume.set_trouble(Trouble::StopHalfWay(step));
        let life = live(&volume);
        for first in [PowerCut::Everything, PowerCut::FirstHalf] {
            for opening_step in 0.. {
                let again = volume.after(first);
                again.set_trouble(Trouble::Stop(opening_step));
                let opened = start::open(settings(), Box::new(again.clone()), NOW);
                for second in POWER_CUTS {
                    let name = format!("step {step} {first:?}, {opening_step} {second:?}");
                    recovers(&again.after(second), &life, &name);
                }
                if opened.is_ok() || matches!(opened, Err(TrailError::Missing)) {
                    break;
                }
            }
        }
    }
}

/// Each sync fails, and up to three after it: what is called durable is durable all the same, and the caller hears of it.
#[test]
fn every_sync_may_fail() {
    let undisturbed = MemoryVolume::default();
    live(&undisturbed);
    let mut replaced = 0;
    for (count, stride) in [(1, 1), (2, 3), (3, 5), (4, 7)] {
        for step in (0..=undisturbed.steps()).step_by(stride) {
            let volume = MemoryVolume::default();
            volume.set_trouble(Trouble::FailSyncs(step, count));
            let life = live(&volume);
            replaced += u64::from(life.replaced);
            assert!(life.created.is_none() || life.end.is_ok(), "{count} at {step}: {:?}", life.end);
            for cut in POWER_CUTS {
                recovers(&volume.after(cut), &life, &format!("{count} syncs failed at {step}, {cut:?}"));
            }
        }
    }
    assert!(replaced > 20, "{replaced} segments were replaced");
}

/// The process ends right after a failed sync; the next one reads lines that only memory holds, and must write them again.
#[test]
fn lines_that_only_memory_holds_are_written_again_at_start() {
    let volume = MemoryVolume::default();
    let (mut trail, _) = start::create(settings(), Box::new(volume.clone()), NOW).unwrap();
    trail.append(&entry(1), None);
    trail.write().unwrap();
    let last = trail.position();
    // From the failing sync on nothing is carried out, as if the process had been killed in it.
    volume.set_trouble(Trouble::FailSyncs(0, u64::MAX));
    let mut file =
        crate::volume::Volume::open(&volume, &crate::segment::name(1), crate::volume::Access::Write).unwrap();
    file.sync().unwrap_err();
    drop(trail);
    let next = volume.after(PowerCut::Everything);
    let trail = start::open(settings(), Box::new(next.clone()), NOW).unwrap();
    assert_eq!(trail.synced(), last);
    let left = next.after(PowerCut::DurableOnly);
    let Inspection::Present(tail) = tail::inspect(&left, Extent::Whole).unwrap() else {
        panic!("the trail is there");
    };
    assert_eq!(tail.last, last);
}

/// Full at every size: no torn line, no doubled line, and everything goes on once there is room.
#[test]
fn a_full_volume_tears_nothing() {
    let mut refused = 0;
    for capacity in (9_000..14_000).step_by(37) {
        let volume = MemoryVolume::default();
        let small = TrailSettings { reserve_bytes: 0, ..settings() };
        let (mut trail, key_zero) = start::create(small, Box::new(volume.clone()), NOW).unwrap();
        volume.set_capacity(capacity);
        for count in 1..20 {
            trail.append(&entry(count), None);
            if let Err(error) = trail.write() {
                assert!(error.is_full(), "{error}");
                refused += 1;
                let content = volume.content(&crate::segment::name(1)).unwrap();
                assert_eq!(content.last(), Some(&b'\n'), "capacity {capacity}");
            }
        }
        volume.set_capacity(u64::MAX);
        trail.write().unwrap();
        trail.sync().unwrap();
        trail.checkpoint(NOW).unwrap();
        let report = check(&volume, key_zero, "capacity");
        assert_eq!(report.unsigned_lines, 0);
        assert_eq!(targets(&volume).len(), 19);
    }
    assert!(refused > 100, "refused {refused} times");
}

/// The line of a checkpoint does not fit: until it is durable the key that signed it stays, for a start without that line.
#[test]
fn a_used_key_stays_until_its_checkpoint_is_durable() {
    let volume = MemoryVolume::default();
    let small = TrailSettings { reserve_bytes: 0, ..settings() };
    let (mut trail, key_zero) = start::create(small, Box::new(volume.clone()), NOW).unwrap();
    trail.append(&entry(1), None);
    trail.write().unwrap();
    let used = volume.content(&crate::segment::name(1)).unwrap().len() + 8_192;
    volume.set_capacity(used as u64 + 100);
    assert!(trail.checkpoint(NOW).unwrap_err().is_full());
    trail.sync().unwrap();
    assert_eq!(checkpoint_key::read(&volume).unwrap().len(), 2);
    let left = volume.after(PowerCut::Everything);
    let mut again = start::open(settings(), Box::new(left.clone()), NOW).unwrap();
    assert_eq!(again.checkpoint_number(), 0);
    again.checkpoint(NOW).unwrap();
    check(&left, key_zero, "without the line");

    volume.set_capacity(u64::MAX);
    trail.write().unwrap();
    trail.sync().unwrap();
    one_key(&volume, &trail, "with the line");
    check(&volume, key_zero, "with the line");
}

/// While the reserve cannot be had the gate is told so, urgent lines still fit, and room opens it again.
#[test]
fn the_reserve_keeps_room_for_urgent_lines() {
    let volume = MemoryVolume::default();
    let reserving = TrailSettings { reserve_bytes: 4_096, segment_bytes: 1 << 20, ..settings() };
    let (mut trail, _) = start::create(reserving, Box::new(volume.clone()), NOW).unwrap();
    assert!(trail.reserve_ok());
    let used = 8_192 + 4_096 + 4_096 + 700;
    volume.set_capacity(used);
    let mut lines = 0;
    while trail.reserve_ok() {
        lines += 1;
        trail.append(&entry(lines), None);
        trail.write().unwrap();
    }
    assert!(lines > 5, "the gate closed after {lines} lines");
    for urgent in 0..5 {
        trail.append(&entry(lines + urgent), None);
        trail.write().unwrap();
    }
    trail.sync().unwrap();
    assert!(!trail.reserve_ok());
    volume.set_capacity(1 << 20);
    assert!(trail.reserve_ok());
}

/// What a life left behind, and what it was told.
struct Life {
    created: Option<[u8; 32]>,
    synced: Position,
    /// The hash of every line that was appended, by its number.
    appended: BTreeMap<u64, [u8; 32]>,
    replaced: bool,
    end: Result<(), TrailError>,
}

fn live(volume: &MemoryVolume) -> Life {
    let mut life =
        Life { created: None, synced: Position::default(), appended: BTreeMap::new(), replaced: false, end: Ok(()) };
    life.end = live_until_trouble(volume, &mut life);
    life
}

fn live_until_trouble(volume: &MemoryVolume, life: &mut Life) -> Result<(), TrailError> {
    let (mut trail, key_zero) = start::create(settings(), Box::new(volume.clone()), NOW)?;
    life.created = Some(key_zero);
    life.synced = trail.synced();
    trail.arm(audit_key());
    for count in 1..=14 {
        for part in 0..3 {
            let position = trail.append(&entry(count * 10 + part), None);
            life.appended.insert(position.seq, position.head);
            if part == 1 {
                retried(|| trail.write())?;
            }
        }
        retried(|| trail.write())?;
        if count % 2 == 0 {
            life.replaced |= matches!(retried(|| trail.sync())?, Synced::Replaced { .. });
            life.synced = trail.synced();
        }
        if count % 5 == 0 {
            retried(|| trail.checkpoint(NOW))?;
            life.synced = trail.synced();
        }
    }
    Ok(())
}

/// What the keeper does: the gate is closed and the call repeated until it succeeds.
fn retried<T>(mut call: impl FnMut() -> Result<T, TrailError>) -> Result<T, TrailError> {
    for _ in 0..5 {
        if let Ok(done) = call() {
            return Ok(done);
        }
    }
    call()
}

/// Opens what is left, goes on, and has it verified: nothing that was durable is missing or different.
fn recovers(left: &MemoryVolume, life: &Life, name: &str) {
    let mut trail = match start::open(settings(), Box::new(left.clone()), NOW) {
        Ok(trail) => trail,
        Err(TrailError::Missing) => {
            assert!(life.created.is_none(), "{name}: the trail is gone");
            start::create(settings(), Box::new(left.clone()), NOW).unwrap();
            return;
        }
        Err(error) => panic!("{name}: {error} {error:?}"),
    };
    trail.verify_tail(&audit_key()).unwrap_or_else(|finding| panic!("{name}: {finding}"));
    assert!(trail.synced().seq >= life.synced.seq, "{name}: durable lines are gone");
    one_key(left, &trail, name);
    trail.arm(audit_key());
    trail.append(&entry(999), None);
    trail.write().unwrap();
    trail.checkpoint(NOW).unwrap();
    one_key(left, &trail, name);
    let Some(key_zero) = life.created else { return };
    let report = check(left, key_zero, name);
    assert_eq!(report.last, trail.position(), "{name}");
    let heads = heads(left);
    for (seq, head) in life.appended.range(..=life.synced.seq) {
        assert_eq!(heads.get(seq), Some(head), "{name}: line {seq}");
    }
}

/// The key file holds the key of the last checkpoint and no other.
fn one_key(volume: &MemoryVolume, trail: &Trail, name: &str) {
    let keys = checkpoint_key::read(volume).unwrap();
    let numbers: Vec<u64> = keys.iter().map(|key| key.number).collect();
    assert_eq!(numbers, [trail.checkpoint_number()], "{name}: keys in the file");
}

fn check(volume: &MemoryVolume, key_zero: [u8; 32], name: &str) -> crate::Report {
    let folder = tempfile::tempdir().unwrap();
    volume.copy_to(folder.path());
    verify(folder.path(), Some(key_zero)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn heads(volume: &MemoryVolume) -> BTreeMap<u64, [u8; 32]> {
    let folder = tempfile::tempdir().unwrap();
    volume.copy_to(folder.path());
    let mut heads = BTreeMap::new();
    search(folder.path(), &crate::Filter::default(), &mut |line, raw| {
        heads.insert(line.seq, strongroom_crypto::hash::sha256(&[raw]));
        ControlFlow::Continue(())
    })
    .unwrap();
    heads
}

fn targets(volume: &MemoryVolume) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    volume.copy_to(folder.path());
    let mut targets = Vec::new();
    let filter = crate::Filter { target: Some("t*".into()), ..Default::default() };
    search(folder.path(), &filter, &mut |line, _| {
        targets.push(line.target.clone());
        ControlFlow::Continue(())
    })
    .unwrap();
    targets.dedup();
    targets
}

fn settings() -> TrailSettings {
    TrailSettings { segment_bytes: 6_000, reserve_bytes: 1_000, ..TrailSettings::new("/nowhere", "n1") }
}

fn entry(count: u64) -> AuditEntry {
    AuditEntry {
        time: NOW,
        principal: "uid:1000".into(),
        operation: "secret.get".into(),
        target: format!("t{count}"),
        outcome: "ok".into(),
        ..AuditEntry::default()
    }
}

fn audit_key() -> MacKey {
    MacKey::fill_with(|key| *key = [7; 32])
}

const NOW: Timestamp = Timestamp(1_700_000_000_000);
