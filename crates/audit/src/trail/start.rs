//! Beginning a trail, and opening one after whatever ended the process before.

use strongroom_envelope::Timestamp;
use strongroom_envelope::audit_line::{self, Checkpoint, Line};
use strongroom_envelope::log::AuditEntry;

use super::{Keys, SinceCheckpoint, Trail, own_entry};
use crate::Position;
use crate::chain;
use crate::checkpoint_key::{CheckpointKey, KeyFile};
use crate::error::TrailError;
use crate::segment;
use crate::settings::TrailSettings;
use crate::tail::{self, CheckpointState, Extent, Inspection, Tail};
use crate::tape::Tape;
use crate::volume::{Access, Volume, VolumeFile};

/// See [`Trail::create`].
pub(crate) fn create(
    settings: TrailSettings,
    volume: Box<dyn Volume>,
    now: Timestamp,
) -> Result<(Trail, [u8; 32]), TrailError> {
    let folder = |attempt| move |source| TrailError::Folder { attempt, source };
    volume.create_folder().map_err(folder("creating"))?;
    if let Inspection::Present(_) = tail::inspect(&*volume, Extent::SinceCheckpoint)? {
        return Err(TrailError::Exists);
    }
    let mut keys = KeyFile::create(&*volume).map_err(key_file("creating"))?;
    claim(&keys)?;
    keys.clear().map_err(key_file("clearing"))?;
    let key = CheckpointKey::generate(0);
    let key_zero = key.public();
    keys.store(&key).map_err(key_file("writing"))?;
    // Segments without a whole line may be left over from a beginning that was interrupted.
    for number in segment::numbers(&*volume).map_err(folder("listing"))? {
        volume.remove(&segment::name(number)).map_err(in_segment("removing", number))?;
    }
    let file = volume.open(&segment::name(1), Access::Create).map_err(in_segment("creating", 1))?;
    volume.sync_folder().map_err(folder("syncing"))?;
    let mut trail = assemble(settings, volume, (1, file), Position::default(), (keys, key), now)?;
    trail.fill_line(&own_entry(chain::BEGIN, now));
    let checkpoint = Checkpoint { number: 0, next_key: key_zero, signature: None };
    trail.line.checkpoint = Some(checkpoint);
    let line = &trail.line;
    trail.tape.append(|out| audit_line::render(line, out));
    trail.line.checkpoint = None;
    trail.tape.write()?;
    trail.tape.sync()?;
    Ok((trail, key_zero))
}

/// See [`Trail::open`].
pub(crate) fn open(settings: TrailSettings, volume: Box<dyn Volume>, now: Timestamp) -> Result<Trail, TrailError> {
    let keys = match KeyFile::open(&*volume) {
        Ok(keys) => Some(keys),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(key_file("opening")(error)),
    };
    if let Some(keys) = &keys {
        claim(keys)?;
    }
    let Inspection::Present(tail) = tail::inspect(&*volume, Extent::SinceCheckpoint)? else {
        return Err(TrailError::Missing);
    };
    let number = ready(tail.checkpoint)?;
    let mut keys = keys.ok_or(TrailError::KeyLost { number })?;
    let file = settle(&*volume, &tail)?;
    let loaded = keys.load().map_err(key_file("reading"))?;
    let key = loaded.into_iter().find(|key| key.number == number);
    let key = key.ok_or(TrailError::KeyLost { number })?;
    // Either the key before, whose checkpoint is durable now, or the key after, whose checkpoint never was written.
    keys.erase_others(number).map_err(key_file("erasing a key in"))?;
    let segment = (tail.newest.0, file);
    let mut trail = assemble(settings, volume, segment, tail.last, (keys, key), now)?;
    trail.last_epoch = tail.last_epoch;
    trail.within_batch = tail.last_place.map(|(epoch, _)| epoch) > tail.last_epoch.map(|(epoch, _)| epoch);
    trail.since_checkpoint.lines = tail.unsigned_lines;
    trail.since_checkpoint.macs = tail.unsigned_macs;
    if tail.torn_bytes.is_some() {
        trail.append(&cut_entry(&tail, now), None);
        trail.write()?;
        trail.sync_all()?;
    }
    trail.found = Some(tail.unsigned);
    Ok(trail)
}

fn ready(state: CheckpointState) -> Result<u64, TrailError> {
    match state {
        CheckpointState::Ready { number } => Ok(number),
        CheckpointState::KeyLost { number } => Err(TrailError::KeyLost { number }),
        CheckpointState::Truncated { number, key } => Err(TrailError::Truncated { checkpoint: number, key }),
    }
}

/// Cuts what is torn and makes what is whole durable.
fn settle(volume: &dyn Volume, tail: &Tail) -> Result<Box<dyn VolumeFile>, TrailError> {
    for &(number, _) in &tail.blank {
        volume.remove(&segment::name(number)).map_err(in_segment("removing", number))?;
    }
    let (newest, whole) = tail.newest;
    let open = |number| {
        let opened = volume.open(&segment::name(number), Access::Write);
        opened.map_err(in_segment("opening", number))
    };
    let mut file = open(newest)?;
    if file.length().map_err(in_segment("measuring", newest))? != whole {
        file.cut(whole).map_err(in_segment("cutting", newest))?;
    }
    for &(number, offset) in &tail.unsigned.pieces {
        if number == newest {
            rewrite(&mut *file, offset).map_err(in_segment("writing", number))?;
        } else {
            rewrite(&mut *open(number)?, offset).map_err(in_segment("writing", number))?;
        }
    }
    let synced = volume.sync_folder();
    synced.map_err(|source| TrailError::Folder { attempt: "syncing", source })?;
    Ok(file)
}

/// Writes the same bytes over themselves and syncs them. A sync that failed in the process before may
/// have left them in memory only, in pages that count as clean: reading them proves nothing.
fn rewrite(file: &mut dyn VolumeFile, mut offset: u64) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = file.read_at(&mut buffer, offset)?;
        let mut through = 0;
        while through < read {
            match file.write_at(&buffer[through..read], offset + through as u64)? {
                0 => return Err(std::io::ErrorKind::WriteZero.into()),
                count => through += count,
            }
        }
        if read == 0 {
            return file.sync();
        }
        offset += read as u64;
    }
}

fn assemble(
    settings: TrailSettings,
    volume: Box<dyn Volume>,
    (number, file): (u64, Box<dyn VolumeFile>),
    last: Position,
    (file_of_keys, current): (KeyFile, CheckpointKey),
    now: Timestamp,
) -> Result<Trail, TrailError> {
    let sizes = (settings.segment_bytes, settings.reserve_bytes);
    let tape = Tape::resume(volume, sizes, number, file, last)?;
    let line = Line { node: settings.node.clone(), ..Line::default() };
    Ok(Trail {
        settings,
        tape,
        keys: Keys { file: file_of_keys, current, retiring: None },
        macs: None,
        line,
        last_epoch: None,
        within_batch: false,
        since_checkpoint: SinceCheckpoint::none(now),
        found: None,
    })
}

/// How many bytes were cut, and behind which segment's last whole line.
fn cut_entry(tail: &Tail, now: Timestamp) -> AuditEntry {
    AuditEntry {
        target: segment::name(tail.newest.0),
        count: tail.torn_bytes.unwrap_or(0),
        ..own_entry(chain::CUT, now)
    }
}

fn claim(keys: &KeyFile) -> Result<(), TrailError> {
    match keys.claim() {
        Ok(true) => Ok(()),
        Ok(false) => Err(TrailError::InUse),
        Err(source) => Err(key_file("claiming")(source)),
    }
}

fn key_file(attempt: &'static str) -> impl Fn(std::io::Error) -> TrailError {
    move |source| TrailError::KeyFile { attempt, source }
}

fn in_segment(attempt: &'static str, number: u64) -> impl Fn(std::io::Error) -> TrailError {
    move |source| TrailError::Segment { attempt, segment: segment::name(number), source }
}
