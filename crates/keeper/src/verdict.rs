//! The judgement of docs/spec/anchor.md: does the store continue what anchor and trail remember?

use strongroom_envelope::Id;
use strongroom_envelope::anchor::Slot;

use crate::facade::LockReason;

/// What is remembered outside the store.
#[derive(Default)]
pub struct Remembered {
    /// The newest whole slot of the anchor.
    pub slot: Option<Slot>,
    /// What the trail says, if there is one.
    pub trail: Option<TrailMemory>,
}

/// The end of the trail.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrailMemory {
    /// Its last line.
    pub seq: u64,
    /// The highest epoch with an authenticator.
    pub last_epoch: Option<(u64, [u8; 32])>,
    /// The last line of a change: epoch and place in the batch.
    pub last_place: Option<(u64, u32)>,
}

/// What the store says of itself.
pub struct Claimed {
    /// Names the instance.
    pub store_id: Id,
    /// The newest epoch.
    pub epoch: u64,
    /// The authenticator at the required epoch, if the log still reaches back to it.
    pub at_required: Option<[u8; 32]>,
    /// Milliseconds of batches whose lines the trail does not have.
    pub untold_ms: i64,
}

impl Remembered {
    /// The highest epoch that is remembered, and what is remembered of it.
    pub fn required(&self) -> Option<(u64, [u8; 32])> {
        let slot = self.slot.as_ref().map(|slot| (slot.epoch, slot.authenticator));
        let trail = self.trail.as_ref().and_then(|trail| trail.last_epoch);
        match (slot, trail) {
            (Some(slot), Some(trail)) if trail.0 > slot.0 => Some(trail),
            (Some(slot), _) => Some(slot),
            (None, trail) => trail,
        }
    }

    /// Whether what is remembered says anything about a store at this epoch. A trail that tells of no batch says as little as
    /// none, and so does a slot of epoch 0 once the first batch, which may be ahead of it after a crash, is not the newest.
    fn vouches_for(&self, epoch: u64) -> bool {
        match self.required() {
            None => false,
            Some((0, _)) => epoch <= 1,
            Some(_) => true,
        }
    }

    /// Whether anything at all says that an instance with data was here.
    pub fn knows_an_instance(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| slot.epoch > 0)
            || self.trail.as_ref().is_some_and(|trail| trail.last_epoch.is_some())
    }
}

/// Judges. `Ok` holds the alarms under which the store is accepted.
pub fn judge(remembered: &Remembered, claimed: &Claimed) -> Result<Vec<&'static str>, LockReason> {
    let mut alarms = Vec::new();
    if remembered.slot.as_ref().is_some_and(|slot| slot.store_id != claimed.store_id) {
        return Err(LockReason::ForeignAnchor);
    }
    if !remembered.vouches_for(claimed.epoch) {
        return Err(LockReason::NoAnchor);
    }
    match (&remembered.slot, &remembered.trail) {
        (None, _) => alarms.push("anchor_missing"),
        (Some(_), None) => alarms.push("trail_missing"),
        (Some(_), Some(_)) => {}
    }
    if let Some((epoch, authenticator)) = remembered.required() {
        if claimed.epoch < epoch {
            return Err(LockReason::RolledBack);
        }
        match claimed.at_required {
            Some(claimed) if strongroom_secret::constant_time_eq(&claimed, &authenticator) => {}
            Some(_) => return Err(LockReason::Forked),
            None if epoch == 0 => {}
            None => alarms.push("anchor_stale"),
        }
    }
    if disagree(remembered) {
        return Err(LockReason::Forked);
    }
    if truncated(remembered, claimed) {
        alarms.push("trail_truncated");
    }
    Ok(alarms)
}

/// Slot and trail remember the same epoch differently.
fn disagree(remembered: &Remembered) -> bool {
    let slot = remembered.slot.as_ref().map(|slot| (slot.epoch, slot.authenticator));
    let trail = remembered.trail.as_ref().and_then(|trail| trail.last_epoch);
    matches!((slot, trail), (Some(slot), Some(trail)) if slot.0 == trail.0 && slot.1 != trail.1)
}

fn truncated(remembered: &Remembered, claimed: &Claimed) -> bool {
    let Some(trail) = &remembered.trail else { return false };
    let behind_slot = remembered.slot.as_ref().is_some_and(|slot| slot.audit_seq > trail.seq);
    behind_slot || claimed.untold_ms > UNTOLD_LIMIT_MS
}

/// A crash leaves at most the lines of 100 ms unwritten; this many are no crash.
const UNTOLD_LIMIT_MS: i64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(epoch: u64, authenticator: u8) -> Slot {
        Slot {
            counter: 1,
            store_id: Id([1; 16]),
            incarnation: Id([2; 16]),
            root_id: [3; 16],
            epoch,
            authenticator: [authenticator; 32],
            audit_seq: 10,
            audit_head: [0; 32],
        }
    }

    fn trail(last_epoch: Option<(u64, u8)>) -> TrailMemory {
        TrailMemory { seq: 10, last_epoch: last_epoch.map(|(epoch, byte)| (epoch, [byte; 32])), last_place: None }
    }

    fn claimed(epoch: u64, at_required: Option<u8>) -> Claimed {
        Claimed { store_id: Id([1; 16]), epoch, at_required: at_required.map(|byte| [byte; 32]), untold_ms: 0 }
    }

    fn check(
        slot: Option<Slot>,
        trail: Option<TrailMemory>,
        claimed: &Claimed,
        expected: Result<Vec<&'static str>, LockReason>,
    ) {
        assert_eq!(judge(&Remembered { slot, trail }, claimed), expected);
    }

    #[test]
    fn every_row_of_the_table() {
        let both = || (Some(slot(5, 7)), Some(trail(Some((5, 7)))));
        let (anchor, lines) = both();
        check(anchor, lines, &claimed(4, None), Err(LockReason::RolledBack));
        let (anchor, lines) = both();
        check(anchor, lines, &claimed(5, Some(8)), Err(LockReason::Forked));
        let (anchor, lines) = both();
        check(anchor, lines, &claimed(9, Some(8)), Err(LockReason::Forked));
        let (anchor, lines) = both();
        check(anchor, lines, &claimed(5, Some(7)), Ok(vec![]));
        let (anchor, lines) = both();
        check(anchor, lines, &claimed(6, Some(7)), Ok(vec![]));
        check(None, both().1, &claimed(5, Some(7)), Ok(vec!["anchor_missing"]));
        check(both().0, None, &claimed(5, Some(7)), Ok(vec!["trail_missing"]));
        check(None, None, &claimed(5, Some(7)), Err(LockReason::NoAnchor));
        check(None, Some(trail(None)), &claimed(5, None), Err(LockReason::NoAnchor));
        let foreign = Claimed { store_id: Id([9; 16]), ..claimed(5, Some(7)) };
        check(both().0, both().1, &foreign, Err(LockReason::ForeignAnchor));
    }

    #[test]
    fn the_higher_of_the_two_is_required() {
        check(Some(slot(5, 7)), Some(trail(Some((6, 8)))), &claimed(5, None), Err(LockReason::RolledBack));
        check(Some(slot(6, 8)), Some(trail(Some((5, 7)))), &claimed(5, None), Err(LockReason::RolledBack));
        check(None, Some(trail(Some((6, 8)))), &claimed(5, None), Err(LockReason::RolledBack));
        check(Some(slot(6, 8)), Some(trail(Some((6, 9)))), &claimed(6, Some(8)), Err(LockReason::Forked));
    }

    #[test]
    fn an_anchor_of_epoch_zero_vouches_for_the_first_batch_only() {
        let begun = || (Some(slot(0, 0)), Some(trail(None)));
        check(begun().0, begun().1, &claimed(1, None), Ok(vec![]));
        check(begun().0, begun().1, &claimed(2, None), Err(LockReason::NoAnchor));
        check(begun().0, None, &claimed(2, None), Err(LockReason::NoAnchor));
        check(begun().0, Some(trail(Some((2, 7)))), &claimed(2, Some(7)), Ok(vec![]));
    }

    #[test]
    fn a_trail_that_ends_too_early_is_an_alarm() {
        let late = Claimed { untold_ms: 10_001, ..claimed(9, Some(7)) };
        check(Some(slot(5, 7)), Some(trail(Some((5, 7)))), &late, Ok(vec!["trail_truncated"]));
        let mut short = trail(Some((5, 7)));
        short.seq = 9;
        check(Some(slot(5, 7)), Some(short), &claimed(5, Some(7)), Ok(vec!["trail_truncated"]));
    }
}
