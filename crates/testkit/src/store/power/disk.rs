//! A disk that keeps what was synced and, of the rest, whatever it likes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::Event;
use crate::store::memory::split_mix;

/// What a disk writes wholly or not at all.
const SECTOR: usize = 512;

/// The files of one directory: what is surely on the disk, and what is on its way.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: Vec<File>,
    /// Names as the process sees them; each leads to one of the files.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<NameChange>,
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
enum Pending {
    Write { offset: usize, bytes: Vec<u8> },
    SetLength(usize),
}

#[derive(Debug, Clone)]
enum NameChange {
    Add { name: String, file: usize },
    Rename { from: String, to: String },
    Remove { name: String },
}

/// The files found after a power loss.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Image {
    /// Content by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Disk {
    /// A disk that holds the files of `directory`, all synced.
    pub fn of(directory: &Path) -> io::Result<Disk> {
        let mut disk = Disk::default();
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            disk.names.insert(name, disk.files.len());
            disk.files.push(File { durable: std::fs::read(entry.path())?, pending: Vec::new() });
        }
        disk.durable_names = disk.names.clone();
        Ok(disk)
    }

    /// Plays one event. Panics when it concerns a file the disk does not know: the trace is incomplete.
    pub fn play(&mut self, event: &Event) {
        match event {
            Event::Create { name } => self.create(name),
            Event::Write { name, offset, bytes } => {
                let offset = usize::try_from(*offset).expect("files of a test fit into memory");
                self.change(name, Pending::Write { offset, bytes: bytes.clone() });
            }
            Event::Append { name, bytes } => {
                let offset = self.length(name);
                self.change(name, Pending::Write { offset, bytes: bytes.clone() });
            }
            Event::SetLength { name, length } => {
                let length = usize::try_from(*length).expect("files of a test fit into memory");
                self.change(name, Pending::SetLength(length));
            }
            Event::SyncFile { name } => {
                if let Some(&file) = self.names.get(name) {
                    self.files[file].sync();
                }
            }
            Event::Rename { from, to } => {
                let file = self.names.remove(from).expect("a renamed file is known");
                self.names.insert(to.clone(), file);
                self.pending_names.push(NameChange::Rename { from: from.clone(), to: to.clone() });
            }
            Event::Remove { name } => {
                self.names.remove(name);
                self.pending_names.push(NameChange::Remove { name: name.clone() });
            }
            Event::SyncDirectory => {
                let changes = std::mem::take(&mut self.pending_names);
                changes.iter().for_each(|change| change.apply(&mut self.durable_names));
            }
            Event::Said(_) => {}
        }
    }

    /// What a power loss now could leave: of everything that is not synced any part, drawn by
    /// `seed`. Seed 0 loses all of it, seed 1 loses nothing.
    pub fn lose_power(&self, seed: u64) -> Image {
        let mut chance = Chance::of(seed);
        let mut names = self.durable_names.clone();
        // A journal keeps the order of names; a disk without one does not.
        let ordered = chance.keeps();
        for change in &self.pending_names {
            if chance.keeps() {
                change.apply(&mut names);
            } else if ordered {
                break;
            }
        }
        let mut contents = |file: &usize| self.files[*file].after_power_loss(&mut chance);
        Image { files: names.iter().map(|(name, file)| (name.clone(), contents(file))).collect() }
    }

    fn create(&mut self, name: &str) {
        if !self.names.contains_key(name) {
            let file = self.files.len();
            self.files.push(File::default());
            self.names.insert(name.to_owned(), file);
            self.pending_names.push(NameChange::Add { name: name.to_owned(), file });
        }
    }

    /// How long the process sees the file.
    fn length(&self, name: &str) -> usize {
        let file = &self.files[*self.names.get(name).expect("a changed file is known")];
        file.pending.iter().fold(file.durable.len(), |length, change| match change {
            Pending::Write { offset, bytes } => length.max(offset + bytes.len()),
            Pending::SetLength(length) => *length,
        })
    }

    fn change(&mut self, name: &str, pending: Pending) {
        let file = *self.names.get(name).expect("a changed file is known");
        self.files[file].pending.push(pending);
    }
}

impl Image {
    /// Writes the files into `directory`.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        self.files.iter().try_for_each(|(name, bytes)| std::fs::write(directory.join(name), bytes))
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            NameChange::Add { name, file } => {
                names.insert(name.clone(), *file);
            }
            NameChange::Rename { from, to } => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            NameChange::Remove { name } => {
                names.remove(name);
            }
        }
    }
}

impl File {
    fn sync(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        pending.iter().for_each(|change| change.apply(&mut self.durable));
    }

    fn after_power_loss(&self, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.pending {
            for part in change.sectors() {
                if chance.keeps() {
                    part.apply(&mut bytes);
                } else if chance.grows() {
                    part.grow(&mut bytes);
                }
            }
        }
        bytes
    }
}

impl Pending {
    fn apply(&self, file: &mut Vec<u8>) {
        self.grow(file);
        match self {
            Pending::Write { offset, bytes } => {
                file[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
            Pending::SetLength(length) => file.truncate(*length),
        }
    }

    /// The file gets its new length, but not the content.
    fn grow(&self, file: &mut Vec<u8>) {
        let end = match self {
            Pending::Write { offset, bytes } => offset + bytes.len(),
            Pending::SetLength(length) => *length,
        };
        if file.len() < end {
            file.resize(end, 0);
        }
    }

    /// The parts that reach the disk or do not, each by itself.
    fn sectors(&self) -> Vec<Pending> {
        let Pending::Write { offset, bytes } = self else { return vec![self.clone()] };
        let mut parts = Vec::new();
        let mut start = 0;
        while start < bytes.len() {
            let end = (start + SECTOR - (offset + start) % SECTOR).min(bytes.len());
            parts.push(Pending::Write { offset: offset + start, bytes: bytes[start..end].to_vec() });
            start = end;
        }
        parts
    }
}

/// Decides what is kept.
struct Chance {
    state: u64,
    per_mille: u64,
}

impl Chance {
    fn of(seed: u64) -> Chance {
        let mut state = seed;
        let per_mille = match seed {
            0 => 0,
            1 => 1000,
            // Most often nearly all or nearly nothing: single losses are the hard cases.
            _ => [20, 150, 500, 850, 980][split_mix(&mut state) as usize % 5],
        };
        Chance { state, per_mille }
    }

    fn keeps(&mut self) -> bool {
        split_mix(&mut self.state) % 1000 < self.per_mille
    }

    /// A lost sector may still have made the file longer.
    fn grows(&mut self) -> bool {
        self.per_mille > 0 && split_mix(&mut self.state).is_multiple_of(4)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn played(events: &[Event]) -> Disk {
        let mut disk = Disk::default();
        events.iter().for_each(|event| disk.play(event));
        disk
    }

    fn write(offset: u64, bytes: &[u8]) -> Event {
        Event::Write { name: "a".into(), offset, bytes: bytes.to_vec() }
    }

    #[test]
    fn what_is_synced_survives_and_what_is_not_may_go() {
        let create = Event::Create { name: "a".into() };
        let sync = Event::SyncFile { name: "a".into() };
        let disk = played(&[create, Event::SyncDirectory, write(0, b"one"), sync, write(1, b"XX")]);
        assert_eq!(disk.lose_power(0).files["a"], b"one");
        assert_eq!(disk.lose_power(1).files["a"], b"oXX");
        for seed in 2..50 {
            let found = disk.lose_power(seed).files["a"].clone();
            assert!(found == b"one" || found == b"oXX", "a sector is not torn: {found:?}");
        }
    }

    #[test]
    fn writes_are_torn_at_sectors_and_reordered() {
        let disk = played(&[
            Event::Create { name: "a".into() },
            Event::SyncDirectory,
            write(100, &[1; 1000]),
            write(2000, &[2; 10]),
        ]);
        let images: Vec<_> = (2..400).map(|seed| disk.lose_power(seed).files["a"].clone()).collect();
        let byte = |image: &Vec<u8>, at: usize| image.get(at).copied().unwrap_or(0);
        // The second write without the first, and each of the three parts of the first without the others.
        assert!(images.iter().any(|image| byte(image, 2000) == 2 && byte(image, 100) == 0));
        for (there, gone) in [(100, 512), (512, 1024), (1024, 511)] {
            assert!(images.iter().any(|image| byte(image, there) == 1 && byte(image, gone) == 0));
        }
        assert!(images.iter().all(|image| byte(image, 100) == byte(image, 511)));
    }

    #[test]
    fn names_need_a_sync_of_the_directory() {
        let moved = Event::Rename { from: "a".into(), to: "b".into() };
        let disk = played(&[
            Event::Create { name: "a".into() },
            write(0, b"1"),
            Event::SyncFile { name: "a".into() },
            Event::SyncDirectory,
            moved,
        ]);
        assert_eq!(disk.lose_power(0).files.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(disk.lose_power(1).files["b"], b"1");
        let new = played(&[Event::Create { name: "a".into() }, Event::SyncFile { name: "a".into() }]);
        assert!(new.lose_power(0).files.is_empty());
    }
}
