//! The one-time keys that sign checkpoints, and the file with two slots they live in.

use std::io;

use strongroom_crypto::random;
use strongroom_crypto::signature::SigningKey;
use strongroom_secret::{KEY_BYTES, SecretBytes, SigningSeed};

use crate::volume::{Access, Volume, VolumeFile};

/// The name of the key file.
pub(crate) const FILE_NAME: &str = "checkpoint.key";

/// A signing key with its number: key `n` signs checkpoint `n + 1`.
pub(crate) struct CheckpointKey {
    pub(crate) number: u64,
    seed: SigningSeed,
}

impl CheckpointKey {
    pub(crate) fn generate(number: u64) -> CheckpointKey {
        CheckpointKey { number, seed: SigningSeed::fill_with(|seed| random::fill(seed)) }
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        SigningKey::from_seed(&self.seed).public()
    }

    /// Signs, for the only time: the key is wiped with it.
    pub(crate) fn sign(self, text: &[u8]) -> [u8; 64] {
        SigningKey::from_seed(&self.seed).sign(text)
    }
}

/// The key file, open for writing.
pub(crate) struct KeyFile {
    file: Box<dyn VolumeFile>,
}

impl KeyFile {
    /// Opens the file of an existing trail.
    pub(crate) fn open(volume: &dyn Volume) -> io::Result<KeyFile> {
        Ok(KeyFile { file: volume.open(FILE_NAME, Access::Write)? })
    }

    /// Opens the file of a trail to be made; it may be left over from another one.
    pub(crate) fn create(volume: &dyn Volume) -> io::Result<KeyFile> {
        match volume.open(FILE_NAME, Access::Create) {
            Ok(file) => Ok(KeyFile { file }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => KeyFile::open(volume),
            Err(error) => Err(error),
        }
    }

    /// Gives the file its two slots, both empty: whatever keys it held are gone.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        for slot in 0..SLOTS {
            write_whole(&mut *self.file, &[0; SLOT], slot * SLOT_DISTANCE)?;
        }
        write_whole(&mut *self.file, &[0], SLOTS * SLOT_DISTANCE - 1)?;
        self.file.sync()
    }

    /// False when another process has this trail open.
    pub(crate) fn claim(&self) -> io::Result<bool> {
        self.file.claim()
    }

    /// Writes a key into its slot, over the key two before it, durably.
    pub(crate) fn store(&mut self, key: &CheckpointKey) -> io::Result<()> {
        let mut slot = SecretBytes::with_capacity(SLOT);
        slot.extend_from_slice(&key.number.to_be_bytes());
        slot.extend_from_slice(key.seed.expose());
        slot.extend_from_slice(&[0; CHECKSUM_AT - ZEROS_AT]);
        let checksum = crc32fast::hash(slot.expose());
        slot.extend_from_slice(&checksum.to_be_bytes());
        write_whole(&mut *self.file, slot.expose(), slot_offset(key.number))?;
        self.file.sync()
    }

    /// Overwrites the slot that a key of this number lies in, durably.
    pub(crate) fn erase(&mut self, number: u64) -> io::Result<()> {
        write_whole(&mut *self.file, &[0; SLOT], slot_offset(number))?;
        self.file.sync()
    }

    /// Erases every slot but that of this number.
    pub(crate) fn erase_others(&mut self, number: u64) -> io::Result<()> {
        self.erase(number + 1)
    }

    /// The whole keys of both slots.
    pub(crate) fn load(&self) -> io::Result<Vec<CheckpointKey>> {
        load(&*self.file)
    }
}

/// The whole keys in the file of a volume; none when there is no file.
pub(crate) fn read(volume: &dyn Volume) -> io::Result<Vec<CheckpointKey>> {
    match volume.open(FILE_NAME, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => load(&*other?),
    }
}

fn load(file: &dyn VolumeFile) -> io::Result<Vec<CheckpointKey>> {
    let mut keys = Vec::new();
    for slot in 0..SLOTS {
        let mut bytes = SecretBytes::with_capacity(SLOT);
        let bytes = bytes.extend_zeroed(SLOT);
        if read_whole(file, bytes, slot * SLOT_DISTANCE)?
            && let Some(key) = parse(bytes)
            && key.number % SLOTS == slot
        {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// The key in a slot; a torn, erased or foreign slot holds none.
fn parse(slot: &[u8]) -> Option<CheckpointKey> {
    let (content, checksum) = slot.split_at_checked(CHECKSUM_AT)?;
    let (number, rest) = content.split_first_chunk::<8>()?;
    let (seed, zeros) = rest.split_at_checked(KEY_BYTES)?;
    let whole = checksum == crc32fast::hash(content).to_be_bytes();
    if !whole || zeros.iter().any(|&byte| byte != 0) {
        return None;
    }
    let seed = SigningSeed::from_slice(seed).ok()?;
    Some(CheckpointKey { number: u64::from_be_bytes(*number), seed })
}

fn slot_offset(number: u64) -> u64 {
    number % SLOTS * SLOT_DISTANCE
}

/// A slot is far smaller than a sector, so a short write here is a failing disk, not one to go on with.
fn write_whole(file: &mut dyn VolumeFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    match file.write_at(bytes, offset)? {
        written if written == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

fn read_whole(file: &dyn VolumeFile, bytes: &mut [u8], offset: u64) -> io::Result<bool> {
    Ok(file.read_at(bytes, offset)? == bytes.len())
}

const SLOTS: u64 = 2;
const SLOT_DISTANCE: u64 = 4_096;
const SLOT: usize = 64;
const ZEROS_AT: usize = 8 + KEY_BYTES;
const CHECKSUM_AT: usize = 60;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The CRC is the one of `zlib.crc32` in Python over number 5 and the seed 00 01 … 1f.
    #[test]
    fn a_slot_has_the_layout_of_the_page() {
        let mut slot = [0; SLOT];
        slot[7] = 5;
        for (index, byte) in slot[8..40].iter_mut().enumerate() {
            *byte = u8::try_from(index).unwrap();
        }
        slot[60..].copy_from_slice(&PYTHON_CRC.to_be_bytes());
        let key = parse(&slot).unwrap();
        assert_eq!(key.number, 5);
        assert_eq!(&key.seed.expose()[..], &slot[8..40]);
        for bit in 0..SLOT * 8 {
            let mut damaged = slot;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&damaged).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn an_erased_slot_holds_no_key() {
        assert!(parse(&[0; SLOT]).is_none());
    }

    const PYTHON_CRC: u32 = 0x3031_a0e0;
}
