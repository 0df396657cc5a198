//! The end of a trail as it lies on disk: what a start has to know before anything may be written.

use std::io;

use strongroom_secret::MacKey;

use crate::Position;
use crate::chain::{Chain, Flaw};
use crate::checkpoint_key;
use crate::error::TrailError;
use crate::segment::{self, Piece, SegmentReader};
use crate::settings::TrailSettings;
use crate::step::{MAC, Stepper};
use crate::volume::{Access, DiskVolume, Volume};

mod scan;

pub(crate) use scan::Extent;
use scan::{Scan, SeenCheckpoint};

/// What lies in the folder of a trail.
#[derive(Debug)]
pub enum Inspection {
    /// No whole line: there is no trail.
    Missing,
    /// A trail, whose newest segment holds together.
    Present(Box<Tail>),
}

/// The end of an existing trail.
#[derive(Debug, Clone)]
pub struct Tail {
    /// The last whole line.
    pub last: Position,
    /// The highest epoch that a line gives an anchor value for, with that value.
    pub last_epoch: Option<(u64, [u8; 32])>,
    /// Up to where the trail tells of changes: the epoch and the place in that batch. A batch of which
    /// only a part got into the trail ends here, and the rest is to be appended; [`u32::MAX`] stands for
    /// a whole batch, when only a checkpoint tells of it.
    pub last_place: Option<(u64, u32)>,
    /// Bytes behind the last whole line, left by a crash; opening cuts them off and writes a line about it.
    pub torn_bytes: Option<u64>,
    /// Whether checkpoints can go on.
    pub checkpoint: CheckpointState,
    /// Lines behind the last checkpoint, which no signature covers yet.
    pub unsigned_lines: u64,
    /// How many of them carry a MAC.
    pub(crate) unsigned_macs: u64,
    pub(crate) unsigned: Unsigned,
    /// The segment to go on with, and where its whole lines end.
    pub(crate) newest: (u64, u64),
    /// Newer segments without a whole line, with their lengths.
    pub(crate) blank: Vec<(u64, u64)>,
}

/// How the key file and the trail's last checkpoint fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointState {
    /// The key that the last checkpoint announced is there.
    Ready {
        /// The last checkpoint.
        number: u64,
    },
    /// It is not there, and no later one: the file was lost or damaged.
    KeyLost {
        /// The last checkpoint.
        number: u64,
    },
    /// A later key is there: checkpoints were cut off the trail.
    Truncated {
        /// The last checkpoint of the trail.
        number: u64,
        /// The number of the key.
        key: u64,
    },
}

/// Where the lines behind the last checkpoint lie.
#[derive(Debug, Clone)]
pub(crate) struct Unsigned {
    pub(crate) checkpoint: u64,
    pub(crate) after: Position,
    pub(crate) until: Position,
    /// Segments and offsets, rising.
    pub(crate) pieces: Vec<(u64, u64)>,
}

/// What the check of the stepping MACs found in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailReport {
    /// Lines whose MAC is right.
    pub with_mac: u64,
    /// Lines without one: written while the store was locked.
    pub without_mac: u64,
}

/// What the check of the stepping MACs found.
#[derive(Debug, thiserror::Error)]
pub enum TailFinding {
    /// A line was altered, or lines before it were removed or added.
    #[error("the MAC of audit line {seq} does not verify")]
    Mac {
        /// The number of the line.
        seq: u64,
    },
    /// A line does not fit the one before.
    #[error("the audit line after {after} does not fit: {flaw}")]
    Chain {
        /// The number of the line before.
        after: u64,
        /// What is wrong.
        flaw: Flaw,
    },
    /// The lines are not those that were there when the trail was inspected.
    #[error("the audit trail changed since it was inspected")]
    Changed,
    /// A segment could not be read.
    #[error("reading the audit segment {segment}")]
    Read {
        /// The file name.
        segment: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl Tail {
    /// Checks the stepping MACs of the lines behind the last checkpoint, reading them once more.
    ///
    /// # Errors
    /// The first finding.
    pub fn verify(&self, settings: &TrailSettings, audit_key: &MacKey) -> Result<TailReport, TailFinding> {
        self.unsigned.verify(&DiskVolume::new(&settings.directory), audit_key)
    }
}

/// Reads the end of the trail back to the last checkpoint, and at least its newest segment if `extent` says so; changes nothing.
pub(crate) fn inspect(volume: &dyn Volume, extent: Extent) -> Result<Inspection, TrailError> {
    let listed = segment::numbers(volume);
    let mut older = listed.map_err(|source| TrailError::Folder { attempt: "listing", source })?;
    let mut blank = Vec::new();
    let newest = loop {
        let Some(number) = older.pop() else {
            return Ok(Inspection::Missing);
        };
        let scan = Scan::run(volume, number, extent, true)?;
        if scan.first.is_some() {
            break scan;
        }
        blank.push((number, scan.length));
    };
    let scans = back_to_checkpoint(volume, newest, older, extent)?;
    Ok(Inspection::Present(Box::new(summarise(volume, &scans, blank)?)))
}

/// The newest segment and those before it, up to one with a checkpoint, oldest first.
fn back_to_checkpoint(
    volume: &dyn Volume,
    newest: Scan,
    mut older: Vec<u64>,
    extent: Extent,
) -> Result<Vec<Scan>, TrailError> {
    let mut scans = vec![newest];
    while let Some(number) = older.pop() {
        let Some(next) = scans.last() else { break };
        let signed = next.checkpoint.is_some();
        if signed && extent == Extent::SinceCheckpoint {
            break;
        }
        if signed {
            if let Some(last) = scan::last_position(volume, number)? {
                next.follows(last)?;
                break;
            }
            continue;
        }
        let scan = Scan::run(volume, number, extent, false)?;
        if scan.first.is_some() {
            next.follows(scan.last)?;
            scans.push(scan);
        }
    }
    scans.reverse();
    Ok(scans)
}

impl Unsigned {
    pub(crate) fn verify(&self, volume: &dyn Volume, audit_key: &MacKey) -> Result<TailReport, TailFinding> {
        let mut stepper = Stepper::after_checkpoint(audit_key, self.checkpoint);
        let mut chain = Chain::after(self.after);
        let mut report = TailReport { with_mac: 0, without_mac: 0 };
        for &(number, offset) in &self.pieces {
            let fail = |source| TailFinding::Read { segment: segment::name(number), source };
            let file = volume.open(&segment::name(number), Access::Read).map_err(fail)?;
            let mut reader = SegmentReader::new(file, offset);
            while chain.last() != Some(self.until)
                && let Some(Piece::Line(raw)) = reader.next().map_err(fail)?
            {
                let after = chain.last().map_or(0, |last| last.seq);
                let accepted = chain.accept(raw);
                let line = accepted.map_err(|flaw| TailFinding::Chain { after, flaw })?;
                match &line.mac {
                    None => report.without_mac += 1,
                    Some(mac) if verify_mac(&mut stepper, raw, mac) => report.with_mac += 1,
                    Some(_) => return Err(TailFinding::Mac { seq: line.seq }),
                }
            }
        }
        if chain.last() == Some(self.until) { Ok(report) } else { Err(TailFinding::Changed) }
    }
}

/// The MAC is over the line as it was before the MAC was put in front of its closing brace.
fn verify_mac(stepper: &mut Stepper, raw: &[u8], mac: &[u8; MAC]) -> bool {
    let without = raw.len().saturating_sub(MAC_FIELD);
    stepper.verify(&[&raw[..without], b"}"], mac)
}

fn summarise(volume: &dyn Volume, scans: &[Scan], blank: Vec<(u64, u64)>) -> Result<Tail, TrailError> {
    let newest = scans.last().ok_or(TrailError::Missing)?;
    let signed = scans.iter().rposition(|scan| scan.checkpoint.is_some());
    let Some((at, seen)) = signed.and_then(|at| Some((at, scans[at].checkpoint.as_ref()?))) else {
        let segment = segment::name(scans[0].number);
        return Err(TrailError::Broken { segment, line: 1, flaw: Flaw::Beginning });
    };
    let mut pieces = vec![(scans[at].number, seen.end)];
    pieces.extend(scans[at + 1..].iter().map(|scan| (scan.number, 0)));
    // A segment that grew while it was read has more whole lines than bytes at first.
    let torn = newest.length.saturating_sub(newest.whole) + blank.iter().map(|(_, length)| length).sum::<u64>();
    Ok(Tail {
        last: newest.last,
        last_epoch: scans.iter().filter_map(|scan| scan.last_epoch).max_by_key(|&(epoch, _)| epoch),
        last_place: scans.iter().filter_map(|scan| scan.last_place).max(),
        torn_bytes: (torn > 0).then_some(torn),
        checkpoint: checkpoint_state(volume, seen)?,
        unsigned_lines: scans[at..].iter().map(|scan| scan.unsigned.0).sum(),
        unsigned_macs: scans[at..].iter().map(|scan| scan.unsigned.1).sum(),
        unsigned: Unsigned { checkpoint: seen.number, after: seen.position, until: newest.last, pieces },
        newest: (newest.number, newest.whole),
        blank,
    })
}

fn checkpoint_state(volume: &dyn Volume, seen: &SeenCheckpoint) -> Result<CheckpointState, TrailError> {
    let number = seen.number;
    let keys = checkpoint_key::read(volume).map_err(|source| TrailError::KeyFile { attempt: "reading", source })?;
    if keys.iter().any(|key| key.number == number && key.public() == seen.next_key) {
        return Ok(CheckpointState::Ready { number });
    }
    let later = keys.iter().map(|key| key.number).filter(|&key| key > number).max();
    Ok(match later {
        Some(key) => CheckpointState::Truncated { number, key },
        None => CheckpointState::KeyLost { number },
    })
}

/// Bytes of `,"mac":"<32 digits>"}`.
const MAC_FIELD: usize = 42;
