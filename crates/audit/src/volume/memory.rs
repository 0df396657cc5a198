//! A volume in memory for tests: it stops, fails or fills up at a chosen step, and knows what a power cut would leave.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Access, Volume, VolumeFile};

/// A handle; clones share the volume.
#[derive(Clone, Default)]
pub(crate) struct MemoryVolume(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Every file ever made, by number.
    files: Vec<Content>,
    entries: BTreeMap<String, usize>,
    durable_entries: BTreeMap<String, usize>,
    steps: u64,
    trouble: Trouble,
    capacity: Option<u64>,
    reserved: BTreeMap<usize, u64>,
}

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// What a sync would make durable.
    dirty: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Cut(u64),
}

/// What goes wrong, and at which step; a step is a call that changes something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Trouble {
    #[default]
    None,
    /// From this step on nothing happens any more.
    Stop(u64),
    /// The same, but half of a write at this step still gets through.
    StopHalfWay(u64),
    /// So many syncs from this step on fail, and forget what they should have written.
    FailSyncs(u64, u64),
}

/// What a power cut leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PowerCut {
    /// Nothing.
    DurableOnly,
    /// All of it: only the process ended.
    Everything,
    /// The first half of the changes, the last one half.
    FirstHalf,
    /// Only the last change to each file: zeros before it.
    LastOnly,
}

pub(crate) const POWER_CUTS: [PowerCut; 4] =
    [PowerCut::DurableOnly, PowerCut::Everything, PowerCut::FirstHalf, PowerCut::LastOnly];

impl MemoryVolume {
    pub(crate) fn set_trouble(&self, trouble: Trouble) {
        self.state().trouble = trouble;
    }

    /// Bytes that all files together may take.
    pub(crate) fn set_capacity(&self, capacity: u64) {
        self.state().capacity = Some(capacity);
    }

    pub(crate) fn steps(&self) -> u64 {
        self.state().steps
    }

    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        state.entries.get(name).map(|&file| state.files[file].now.clone())
    }

    /// The volume as it is after a power cut.
    pub(crate) fn after(&self, cut: PowerCut) -> MemoryVolume {
        let state = self.state();
        let entries = match cut {
            PowerCut::DurableOnly => &state.durable_entries,
            _ => &state.entries,
        };
        let mut after = State { entries: entries.clone(), ..State::default() };
        after.durable_entries.clone_from(entries);
        after.files = state.files.iter().map(|content| content.after(cut)).collect();
        MemoryVolume(Arc::new(Mutex::new(after)))
    }

    /// Writes all files into a folder of the disk.
    pub(crate) fn copy_to(&self, folder: &Path) {
        let state = self.state();
        for (name, &file) in &state.entries {
            std::fs::write(folder.join(name), &state.files[file].now).expect("a test folder");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test thread panicked with the lock")
    }
}

impl Content {
    fn after(&self, cut: PowerCut) -> Content {
        let mut durable = self.durable.clone();
        let dirty = &self.dirty;
        match cut {
            PowerCut::DurableOnly => {}
            // What a failed sync forgot is still in memory, but no sync will write it.
            PowerCut::Everything => {
                return Content { now: self.now.clone(), durable, dirty: dirty.clone() };
            }
            PowerCut::FirstHalf => {
                for (index, change) in dirty.iter().take(dirty.len().div_ceil(2)).enumerate() {
                    match change {
                        Change::Write(offset, bytes) if index == dirty.len() / 2 => {
                            let half = bytes[..bytes.len() / 2].to_vec();
                            Change::Write(*offset, half).apply(&mut durable);
                        }
                        whole => whole.apply(&mut durable),
                    }
                }
            }
            PowerCut::LastOnly => {
                if let Some(change) = dirty.last() {
                    change.apply(&mut durable);
                }
            }
        }
        Content { now: durable.clone(), durable, dirty: Vec::new() }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Cut(length) => bytes.resize(usize::try_from(*length).expect("small"), 0),
            Change::Write(offset, new) => {
                let start = usize::try_from(*offset).expect("small");
                let end = start + new.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[start..end].copy_from_slice(new);
            }
        }
    }
}

impl State {
    /// One more step; an error when nothing happens any more, true when half of it does.
    fn step(&mut self) -> io::Result<bool> {
        self.steps += 1;
        match self.trouble {
            Trouble::Stop(at) | Trouble::StopHalfWay(at) if self.steps > at => Err(io::Error::other("stopped")),
            Trouble::StopHalfWay(at) => Ok(self.steps == at),
            _ => Ok(false),
        }
    }

    fn sync_fails(&mut self) -> bool {
        match &mut self.trouble {
            Trouble::FailSyncs(at, count) if self.steps >= *at && *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }

    fn used(&self) -> u64 {
        let used = |(&file, content): (&usize, &Content)| {
            let length = content.now.len() as u64;
            length.max(self.reserved.get(&file).copied().unwrap_or(0))
        };
        self.entries.values().map(|file| used((file, &self.files[*file]))).sum()
    }

    fn free(&self) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()))
    }

    fn change(&mut self, file: usize, change: Change) {
        let content = &mut self.files[file];
        change.apply(&mut content.now);
        content.dirty.push(change);
    }
}

impl Volume for MemoryVolume {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.state().entries.keys().cloned().collect())
    }

    fn create_folder(&self) -> io::Result<()> {
        Ok(())
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn VolumeFile>> {
        let mut state = self.state();
        let present = state.entries.get(name).copied();
        if matches!(access, Access::Create | Access::Replace) {
            state.step()?;
        }
        let file = match (present, access) {
            (Some(_), Access::Create) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(file), Access::Replace) => {
                state.change(file, Change::Cut(0));
                file
            }
            (Some(file), _) => file,
            (None, Access::Read | Access::Write) => return Err(io::ErrorKind::NotFound.into()),
            (None, Access::Create | Access::Replace) => {
                state.files.push(Content::default());
                let file = state.files.len() - 1;
                state.entries.insert(name.to_owned(), file);
                file
            }
        };
        Ok(Box::new(MemoryFile { volume: self.clone(), file }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        state.entries.remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        if state.sync_fails() {
            return Err(io::Error::other("the disk failed"));
        }
        state.durable_entries = state.entries.clone();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.state().free())
    }
}

struct MemoryFile {
    volume: MemoryVolume,
    file: usize,
}

impl VolumeFile for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.volume.state();
        let content = &state.files[self.file].now;
        let start = usize::try_from(offset).expect("small").min(content.len());
        let count = buffer.len().min(content.len() - start);
        buffer[..count].copy_from_slice(&content[start..start + count]);
        Ok(count)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.volume.state();
        let half = state.step()?;
        let length = state.files[self.file].now.len() as u64;
        let held = length.max(state.reserved.get(&self.file).copied().unwrap_or(0));
        let room = held.saturating_add(state.free()).saturating_sub(offset);
        let fitting = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let count = if half { fitting / 2 } else { fitting };
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.change(self.file, Change::Write(offset, bytes[..count].to_vec()));
        Ok(count)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.volume.state();
        state.step()?;
        let fails = state.sync_fails();
        let content = &mut state.files[self.file];
        let dirty = std::mem::take(&mut content.dirty);
        if fails {
            return Err(io::Error::other("the disk failed"));
        }
        for change in dirty {
            change.apply(&mut content.durable);
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.volume.state().files[self.file].now.len() as u64)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.volume.state();
        state.step()?;
        state.change(self.file, Change::Cut(length));
        state.reserved.remove(&self.file);
        Ok(())
    }

    fn reserve(&mut self, end: u64) -> io::Result<()> {
        let mut state = self.volume.state();
        state.step()?;
        let length = state.files[self.file].now.len() as u64;
        let held = length.max(state.reserved.get(&self.file).copied().unwrap_or(0));
        if end.saturating_sub(held) > state.free() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.reserved.insert(self.file, end.max(held));
        Ok(())
    }

    fn claim(&self) -> io::Result<bool> {
        Ok(true)
    }
}
