//! The trail of one node while it is written: lines are chained as they are appended, then written, then synced.

use strongroom_crypto::signature;
use strongroom_envelope::Timestamp;
use strongroom_envelope::audit_line::{self, Checkpoint, Line};
use strongroom_envelope::log::AuditEntry;
use strongroom_secret::MacKey;

use crate::Position;
use crate::chain::{self, signed_text};
use crate::checkpoint_key::{CheckpointKey, KeyFile};
use crate::error::TrailError;
use crate::settings::TrailSettings;
use crate::step::Stepper;
use crate::tail::{self, Extent, Inspection, TailFinding, TailReport, Unsigned};
use crate::tape::{Synced, Tape};
use crate::volume::DiskVolume;

pub(crate) mod start;

/// The open trail of one node. One owner, blocking calls, no clock of its own.
pub struct Trail {
    settings: TrailSettings,
    tape: Tape,
    keys: Keys,
    /// Present while the store is unlocked.
    macs: Option<Macs>,
    /// Reused for every line, so that rendering one allocates nothing.
    line: Line,
    last_epoch: Option<(u64, [u8; 32])>,
    /// The last line of a batch is still to come.
    within_batch: bool,
    since_checkpoint: SinceCheckpoint,
    /// What lay behind the last checkpoint when the trail was opened.
    found: Option<Unsigned>,
}

/// The place of a change's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The batch.
    pub epoch: u64,
    /// The place of the entry in it, from 0.
    pub index: u32,
    /// A(epoch), with the last line of a batch.
    pub anchor: Option<[u8; 32]>,
}

/// The one-time keys of the checkpoints.
struct Keys {
    file: KeyFile,
    current: CheckpointKey,
    /// A used key that is still in the file, and the line that has to be durable before it goes.
    retiring: Option<(u64, u64)>,
}

struct Macs {
    audit_key: MacKey,
    stepper: Stepper,
}

/// The lines behind the last checkpoint.
#[derive(Debug, Clone, Copy)]
struct SinceCheckpoint {
    lines: u64,
    macs: u64,
    first_at: Timestamp,
    last_at: Timestamp,
}

impl Trail {
    /// Looks at the end of a trail and changes nothing.
    ///
    /// # Errors
    /// When something cannot be read, or a whole line of the newest segment does not fit.
    pub fn inspect(settings: &TrailSettings) -> Result<Inspection, TrailError> {
        tail::inspect(&DiskVolume::new(&settings.directory), Extent::Whole)
    }

    /// Begins a trail in a folder that has none. The answer's second part is the public key 0, with
    /// which the trail is verified for ever after: it belongs into other hands.
    ///
    /// # Errors
    /// [`TrailError::Exists`], [`TrailError::InUse`], or what the operating system refused.
    pub fn create(settings: TrailSettings, now: Timestamp) -> Result<(Trail, [u8; 32]), TrailError> {
        let volume = DiskVolume::new(&settings.directory);
        start::create(settings, Box::new(volume), now)
    }

    /// Opens an existing trail, and settles what a crash left: a torn end is cut, and a line says so;
    /// a checkpoint that was interrupted is taken back or completed.
    ///
    /// # Errors
    /// [`TrailError::Missing`], [`TrailError::InUse`], [`TrailError::KeyLost`],
    /// [`TrailError::Truncated`], [`TrailError::Broken`], or what the operating system refused.
    pub fn open(settings: TrailSettings, now: Timestamp) -> Result<Trail, TrailError> {
        let volume = DiskVolume::new(&settings.directory);
        start::open(settings, Box::new(volume), now)
    }

    /// Checks the stepping MACs of the lines that were behind the last checkpoint when the trail was opened.
    ///
    /// # Errors
    /// The first finding.
    pub fn verify_tail(&self, audit_key: &MacKey) -> Result<TailReport, TailFinding> {
        match &self.found {
            Some(unsigned) => unsigned.verify(self.tape.volume(), audit_key),
            None => Ok(TailReport { with_mac: 0, without_mac: 0 }),
        }
    }

    /// From here on lines carry MACs: the store is unlocked.
    pub fn arm(&mut self, audit_key: MacKey) {
        let mut stepper = Stepper::after_checkpoint(&audit_key, self.keys.current.number);
        for _ in 0..self.since_checkpoint.macs {
            stepper.step();
        }
        self.macs = Some(Macs { audit_key, stepper });
    }

    /// From here on lines carry none; the keys are wiped: the store is locked.
    pub fn disarm(&mut self) {
        self.macs = None;
    }

    /// Takes a line into memory and chains it. It is in the file after [`Trail::write`] and durable after [`Trail::sync`].
    pub fn append(&mut self, entry: &AuditEntry, place: Option<Place>) -> Position {
        self.fill_line(entry);
        self.line.epoch = place.map(|place| place.epoch);
        self.line.index = place.map(|place| place.index);
        self.line.anchor = place.and_then(|place| place.anchor);
        if let Some(Place { epoch, anchor, .. }) = place {
            self.last_epoch = anchor.map(|anchor| (epoch, anchor)).or(self.last_epoch);
            self.within_batch = anchor.is_none();
        }
        let macs = &mut self.macs;
        let line = &self.line;
        let position = self.tape.append(|out| {
            let start = out.len();
            audit_line::render_for_mac(line, out);
            if let Some(macs) = macs {
                let mac = macs.stepper.mac(&[&out[start..]]);
                audit_line::append_mac(&mac, out);
            }
        });
        let since = &mut self.since_checkpoint;
        if since.lines == 0 {
            since.first_at = entry.time;
        }
        since.lines += 1;
        since.macs += u64::from(self.macs.is_some());
        since.last_at = entry.time;
        position
    }

    /// Writes the lines that wait, in one write. After an error the lines that did not get through
    /// still wait, and the next call goes on with them; a torn line does not stay behind.
    ///
    /// # Errors
    /// What the operating system refused; [`TrailError::is_full`] tells whether room would help.
    pub fn write(&mut self) -> Result<(), TrailError> {
        self.tape.write()?;
        let margin = self.settings.closing_margin();
        if self.tape.length() + margin >= self.settings.segment_bytes {
            self.close_segment()?;
        }
        Ok(())
    }

    /// Makes the written lines durable. After a failed sync the segment is not trusted any more: the
    /// lines that are not durable go into a new one, and the answer says so.
    ///
    /// # Errors
    /// When they could not be made durable there either; a later call tries again.
    pub fn sync(&mut self) -> Result<Synced, TrailError> {
        self.sync_all()?;
        Ok(self.tape.take_outcome())
    }

    /// Whether there are lines to sign, enough of them or old enough, and no batch of which a part is still to come.
    #[must_use]
    pub fn checkpoint_due(&self, now: Timestamp) -> bool {
        let since = &self.since_checkpoint;
        // A clock that was set back must not put checkpoints off.
        let age = now.0.abs_diff(since.first_at.0);
        let limit = self.settings.checkpoint_milliseconds.unsigned_abs();
        let due = since.lines >= self.settings.checkpoint_lines || (since.lines > 0 && age >= limit);
        due && !self.within_batch
    }

    /// Signs everything so far, with the newest epoch and its anchor value, and makes it durable. Without new lines,
    /// or within a batch, nothing is signed: a checkpoint tells that everything up to its epoch is there.
    ///
    /// # Errors
    /// What the operating system refused. When the checkpoint's line was appended already, the next
    /// [`Trail::write`] and [`Trail::sync`] complete it.
    pub fn checkpoint(&mut self, now: Timestamp) -> Result<(), TrailError> {
        self.tape.write()?;
        self.sync_all()?;
        if self.since_checkpoint.lines == 0 || self.within_batch {
            return Ok(());
        }
        let next = CheckpointKey::generate(self.keys.current.number + 1);
        let stored = self.keys.file.store(&next);
        stored.map_err(|source| TrailError::KeyFile { attempt: "writing", source })?;
        self.append_checkpoint(next, now);
        self.tape.write()?;
        self.sync_all()?;
        Ok(())
    }

    /// Whether there is room for urgent lines after this one; tries to make it when there was not.
    /// While it is false, only lines that must be written should be appended.
    pub fn reserve_ok(&mut self) -> bool {
        self.tape.reserve_ok()
    }

    /// The last line that was appended.
    #[must_use]
    pub fn position(&self) -> Position {
        self.tape.appended()
    }

    /// The last line that is in the file.
    #[must_use]
    pub fn written(&self) -> Position {
        self.tape.written()
    }

    /// The last line that is durable.
    #[must_use]
    pub fn synced(&self) -> Position {
        self.tape.synced()
    }

    /// Bytes of lines in memory that are not known to be durable.
    #[must_use]
    pub fn backlog_bytes(&self) -> usize {
        self.tape.backlog_bytes()
    }

    /// The number of the last checkpoint.
    #[must_use]
    pub fn checkpoint_number(&self) -> u64 {
        self.keys.current.number
    }

    fn fill_line(&mut self, entry: &AuditEntry) {
        let position = self.tape.appended();
        let line = &mut self.line;
        line.seq = position.seq + 1;
        line.prev = position.head;
        line.time = entry.time;
        line.principal.clone_from(&entry.principal);
        line.remote.clone_from(&entry.remote);
        line.operation.clone_from(&entry.operation);
        line.target.clone_from(&entry.target);
        line.key = entry.key;
        line.key_version = (entry.key_version != 0).then_some(entry.key_version);
        line.outcome.clone_from(&entry.outcome);
        line.count = (entry.count != 0).then_some(entry.count);
        line.context.clone_from(&entry.context);
        line.request = (!entry.request.is_nil()).then_some(entry.request);
    }

    /// Appends the line of the next checkpoint; the key that signs it is wiped from memory with that.
    fn append_checkpoint(&mut self, next: CheckpointKey, now: Timestamp) {
        self.fill_line(&own_entry(chain::CHECKPOINT, now));
        let line = &mut self.line;
        line.epoch = self.last_epoch.map(|(epoch, _)| epoch);
        line.index = None;
        line.anchor = self.last_epoch.map(|(_, anchor)| anchor);
        let (number, next_key) = (next.number, next.public());
        line.checkpoint = Some(Checkpoint { number, next_key, signature: None });
        let used = std::mem::replace(&mut self.keys.current, next);
        let used_number = used.number;
        let signature: [u8; signature::SIGNATURE] = used.sign(&signed_text(line));
        line.checkpoint = Some(Checkpoint { number, next_key, signature: Some(signature) });
        let position = self.tape.append(|out| audit_line::render(line, out));
        line.checkpoint = None;
        self.keys.retiring = Some((used_number, position.seq));
        self.since_checkpoint = SinceCheckpoint::none(now);
        if let Some(macs) = &mut self.macs {
            macs.stepper = Stepper::after_checkpoint(&macs.audit_key, number);
        }
    }

    fn sync_all(&mut self) -> Result<(), TrailError> {
        self.tape.sync()?;
        self.retire_key()
    }

    /// Overwrites the used key in the file once its checkpoint is durable.
    fn retire_key(&mut self) -> Result<(), TrailError> {
        if let Some((number, seq)) = self.keys.retiring
            && self.tape.synced().seq >= seq
        {
            let erased = self.keys.file.erase(number);
            erased.map_err(|source| TrailError::KeyFile { attempt: "erasing a key in", source })?;
            self.keys.retiring = None;
        }
        Ok(())
    }

    fn close_segment(&mut self) -> Result<(), TrailError> {
        if self.tape.reserve_ok() {
            self.checkpoint(self.since_checkpoint.last_at)?;
            self.tape.begin_segment()?;
        }
        Ok(())
    }
}

impl SinceCheckpoint {
    fn none(now: Timestamp) -> SinceCheckpoint {
        SinceCheckpoint { lines: 0, macs: 0, first_at: now, last_at: now }
    }
}

/// An entry of the trail about itself.
fn own_entry(operation: &str, now: Timestamp) -> AuditEntry {
    AuditEntry {
        time: now,
        principal: "system".into(),
        operation: operation.into(),
        outcome: "ok".into(),
        ..AuditEntry::default()
    }
}
