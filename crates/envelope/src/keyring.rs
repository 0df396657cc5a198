//! The keyring: the store keys and the wrap keys, sealed under a key that only the root key yields.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::Write;
use minicbor::{Encoder, encode};
use strongroom_crypto::{SealingKey, derive, labels};
use strongroom_secret::{KeyringKey, RootKey, SecretBytes, StoreKey, WrapKey};

use crate::body::{self, BodyError, Rest};
use crate::record::{self, Header, RecordError, Tag};
use crate::{Generation, Id, RecordKey, Timestamp};

/// A store key and what the keyring says about it.
#[derive(Debug)]
pub struct StoreKeyEntry {
    /// The id that sealed records carry, derived from the key.
    pub id: u32,
    /// The key.
    pub key: StoreKey,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A wrap key and what the keyring says about it.
#[derive(Debug)]
pub struct WrapKeyEntry {
    /// Its id, which wrapped application keys carry.
    pub id: Id,
    /// Its version, from 1.
    pub version: u32,
    /// The key.
    pub key: WrapKey,
    /// When it was made.
    pub created_at: Timestamp,
}

/// All store keys and wrap keys of a store, each list oldest first; the last of a list is the active one.
#[derive(Debug)]
pub struct Keyring {
    store_keys: Vec<StoreKeyEntry>,
    wrap_keys: Vec<WrapKeyEntry>,
}

/// The keyring could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The sealed record did not open.
    #[error("opening the keyring")]
    Record(#[from] RecordError),
    /// It is authentic and its body was refused.
    #[error("decoding the keyring")]
    Body(#[from] BodyError),
    /// The id beside a store key is not the one its bytes give.
    #[error("store key {found:08x} of the keyring has the id {computed:08x}")]
    StoreKeyId {
        /// The id in the keyring.
        found: u32,
        /// The id that the key's bytes give.
        computed: u32,
    },
    /// Two keys have the same id.
    #[error("the keyring holds two keys of one id")]
    Twice,
}

impl Keyring {
    /// A keyring with one store key and one wrap key, out of the randomness that `fill` hands in.
    pub fn generate(fill: &mut dyn FnMut(&mut [u8]), now: Timestamp) -> Self {
        let mut keyring = Self { store_keys: Vec::new(), wrap_keys: Vec::new() };
        keyring.add_store_key(fill, now);
        keyring.add_wrap_key(fill, now);
        keyring
    }

    /// Every store key, oldest first.
    #[must_use]
    pub fn store_keys(&self) -> &[StoreKeyEntry] {
        &self.store_keys
    }

    /// Every wrap key, oldest first.
    #[must_use]
    pub fn wrap_keys(&self) -> &[WrapKeyEntry] {
        &self.wrap_keys
    }

    /// The store key that new records are sealed under.
    #[must_use]
    pub fn active_store_key(&self) -> &StoreKeyEntry {
        self.store_keys.last().expect("a keyring holds a store key")
    }

    /// The wrap key that application keys are wrapped under.
    #[must_use]
    pub fn active_wrap_key(&self) -> &WrapKeyEntry {
        self.wrap_keys.last().expect("a keyring holds a wrap key")
    }

    /// The store key of this id.
    #[must_use]
    pub fn store_key(&self, id: u32) -> Option<&StoreKeyEntry> {
        self.store_keys.iter().find(|entry| entry.id == id)
    }

    /// The wrap key of this id and version.
    #[must_use]
    pub fn wrap_key(&self, id: Id, version: u32) -> Option<&WrapKeyEntry> {
        self.wrap_keys.iter().find(|entry| entry.id == id && entry.version == version)
    }

    /// Makes a new active store key and returns its id; zero and an id that is there are avoided by drawing again.
    ///
    /// # Panics
    /// When `fill` never yields a key with a new id, which randomness cannot.
    pub fn add_store_key(&mut self, fill: &mut dyn FnMut(&mut [u8]), now: Timestamp) -> u32 {
        for _ in 0..MOST_DRAWS {
            let key = StoreKey::fill_with(|bytes| fill(bytes));
            let id = store_key_id(&key);
            if id != 0 && self.store_key(id).is_none() {
                self.store_keys.push(StoreKeyEntry { id, key, created_at: now });
                return id;
            }
        }
        panic!("{MOST_DRAWS} draws gave no store key of a new id: the randomness is broken");
    }

    /// Makes a new active wrap key: the next version of the present one's id, or version 1 of a new id.
    pub fn add_wrap_key(&mut self, fill: &mut dyn FnMut(&mut [u8]), now: Timestamp) {
        let (id, version) = match self.wrap_keys.last() {
            Some(active) => (active.id, active.version.saturating_add(1)),
            None => {
                let mut random = [0; 10];
                fill(&mut random);
                (Id::v7(now.0, random), 1)
            }
        };
        self.wrap_keys.push(WrapKeyEntry {
            id,
            version,
            key: WrapKey::fill_with(|bytes| fill(bytes)),
            created_at: now,
        });
    }

    /// Drops a store key, once no record is left under it. The active one stays.
    pub fn remove_store_key(&mut self, id: u32) -> bool {
        if self.active_store_key().id == id {
            return false;
        }
        let before = self.store_keys.len();
        self.store_keys.retain(|entry| entry.id != id);
        self.store_keys.len() < before
    }

    /// Seals the keyring under the root key and appends the record to `out`.
    ///
    /// # Panics
    /// When `generation` is none that a keyring can have, see [`record::seal`].
    pub fn seal(&self, root: &RootKey, generation: Generation, out: &mut Vec<u8>) -> Tag {
        record::seal(&sealing_key(root), 0, RecordKey::KEYRING, generation, self.encoded().expose(), out)
    }

    /// Opens the sealed keyring with the root key.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub fn open(root: &RootKey, sealed: &[u8]) -> Result<(Self, Header), KeyringError> {
        let mut plaintext = SecretBytes::with_capacity(sealed.len());
        let header = record::open(&sealing_key(root), RecordKey::KEYRING, sealed, &mut plaintext)?;
        Ok((Self::decode(plaintext.expose())?, header))
    }

    /// Reads the keyring's plaintext, which only [`Keyring::open`] and tests have.
    ///
    /// # Errors
    /// For everything that [`Keyring::encoded`] does not write.
    pub fn decode(plaintext: &[u8]) -> Result<Self, KeyringError> {
        body::check_version(plaintext, VERSION)?;
        let keyring = Self::read(&mut Decoder::new(plaintext)).map_err(|_| BodyError::Malformed)?;
        let mut rest = Rest(plaintext);
        let same = keyring.write(&mut Encoder::new(&mut rest)).is_ok() && rest.0.is_empty();
        if !same || keyring.store_keys.is_empty() || keyring.wrap_keys.is_empty() {
            return Err(BodyError::Malformed.into());
        }
        keyring.check_ids()?;
        Ok(keyring)
    }

    /// The keyring's plaintext, built where it is wiped.
    #[must_use]
    pub fn encoded(&self) -> SecretBytes {
        let mut room = Room(SecretBytes::with_capacity(32 + self.store_keys.len() * 64 + self.wrap_keys.len() * 80));
        self.write(&mut Encoder::new(&mut room)).expect("writing to memory does not fail");
        room.0
    }

    fn check_ids(&self) -> Result<(), KeyringError> {
        for (place, entry) in self.store_keys.iter().enumerate() {
            let computed = store_key_id(&entry.key);
            if entry.id != computed || computed == 0 {
                return Err(KeyringError::StoreKeyId { found: entry.id, computed });
            }
            if self.store_keys[..place].iter().any(|other| other.id == entry.id) {
                return Err(KeyringError::Twice);
            }
        }
        for (place, entry) in self.wrap_keys.iter().enumerate() {
            let name = (entry.id, entry.version);
            if self.wrap_keys[..place].iter().any(|other| (other.id, other.version) == name) {
                return Err(KeyringError::Twice);
            }
        }
        Ok(())
    }

    fn write<W: Write>(&self, encoder: &mut Encoder<W>) -> Result<(), encode::Error<W::Error>> {
        encoder.map(3)?.u8(0)?.u32(VERSION)?;
        encoder.u8(1)?.array(self.store_keys.len() as u64)?;
        for entry in &self.store_keys {
            encoder.array(3)?.u32(entry.id)?;
            encoder.bytes(entry.key.expose())?.i64(entry.created_at.0)?;
        }
        encoder.u8(2)?.array(self.wrap_keys.len() as u64)?;
        for entry in &self.wrap_keys {
            encoder.array(4)?.bytes(&entry.id.0)?.u32(entry.version)?;
            encoder.bytes(entry.key.expose())?.i64(entry.created_at.0)?;
        }
        Ok(())
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.map()?;
        body::expect_key(decoder, 0)?;
        decoder.u32()?;
        body::expect_key(decoder, 1)?;
        let store_keys = body::items(decoder, LEAST_STORE_KEY, |decoder| {
            body::array_of(decoder, 3)?;
            Ok(StoreKeyEntry {
                id: decoder.u32()?,
                key: StoreKey::from_slice(decoder.bytes()?).map_err(DecodeError::message)?,
                created_at: decoder.decode()?,
            })
        })?;
        body::expect_key(decoder, 2)?;
        let wrap_keys = body::items(decoder, LEAST_WRAP_KEY, |decoder| {
            body::array_of(decoder, 4)?;
            Ok(WrapKeyEntry {
                id: decoder.decode()?,
                version: decoder.u32()?,
                key: WrapKey::from_slice(decoder.bytes()?).map_err(DecodeError::message)?,
                created_at: decoder.decode()?,
            })
        })?;
        Ok(Self { store_keys, wrap_keys })
    }
}

/// The id of a store key: the first four bytes of a derivation from it.
#[must_use]
pub fn store_key_id(key: &StoreKey) -> u32 {
    u32::from_be_bytes(derive::bytes(b"", &[key.expose()], labels::STORE_KEY_ID, b""))
}

fn sealing_key(root: &RootKey) -> SealingKey {
    let key = KeyringKey::fill_with(|out| {
        derive::into(b"", &[root.expose()], labels::KEYRING, b"", out);
    });
    SealingKey::new(key.expose())
}

/// A writer into memory that is wiped.
struct Room(SecretBytes);

impl Write for Room {
    type Error = core::convert::Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

const VERSION: u32 = 1;
/// Array head, id, byte string of 32, moment: no store key takes fewer bytes.
const LEAST_STORE_KEY: usize = 1 + 1 + 34 + 1;
/// Array head, byte string of 16, version, byte string of 32, moment.
const LEAST_WRAP_KEY: usize = 1 + 17 + 1 + 34 + 1;
const MOST_DRAWS: usize = 64;
