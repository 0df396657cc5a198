//! What a version of a master key wraps column encryption keys by.

use strongroom_crypto::SealingKey;
use strongroom_crypto::column_envelope::{MasterKey, Parts, PathTooLong};
use strongroom_envelope::value::{self, Context, Place, Purpose};
use strongroom_secret::{ColumnKey, SecretBytes};

use super::path::MasterPath;
use crate::rule::{KeyHandle, Material, Refusal};

/// How a column encryption key is wrapped. The words stand in the catalogues of databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// Under RSA, in the envelope of Microsoft's Always Encrypted (docs/spec/column-key.md).
    RsaOaep,
    /// Under AES-256, as a sealed value of purpose `columns` (docs/spec/column-key.md).
    Sealed,
}

impl Wrapping {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::RsaOaep => "RSA_OAEP",
            Self::Sealed => "STRONGROOM_SEALED",
        }
    }
}

/// A version of a master key, ready for use.
pub(super) struct Master<'a> {
    handle: &'a KeyHandle,
    key: Key<'a>,
}

enum Key<'a> {
    Rsa(&'a MasterKey),
    Symmetric(&'a SealingKey),
}

impl<'a> Master<'a> {
    /// A key handle as a master key.
    ///
    /// # Errors
    /// [`Refusal::WrongPurpose`] for a key that is something else.
    pub fn of(handle: &'a KeyHandle) -> Result<Self, Refusal> {
        let wrong = || Refusal::WrongPurpose { key: handle.name.to_string(), purpose: handle.purpose };
        if handle.purpose != Purpose::Columns {
            return Err(wrong());
        }
        let key = match &*handle.material {
            Material::Master(master) => Key::Rsa(master),
            Material::Sealing(sealing) => Key::Symmetric(sealing),
            Material::Mac(_) | Material::Sign(_) => return Err(wrong()),
        };
        Ok(Self { handle, key })
    }

    /// How it wraps.
    pub const fn wrapping(&self) -> Wrapping {
        match self.key {
            Key::Rsa(_) => Wrapping::RsaOaep,
            Key::Symmetric(_) => Wrapping::Sealed,
        }
    }

    /// Where it is found.
    pub fn path(&self) -> MasterPath {
        MasterPath { name: self.handle.name.clone(), version: self.handle.version }
    }

    /// Refuses a wrapping that is another than this key's.
    pub fn check(&self, asked: Wrapping) -> Result<(), Refusal> {
        let wrapping = self.wrapping();
        if asked == wrapping {
            return Ok(());
        }
        let reason = format!("the master key `{}` wraps by {}", self.handle.name, wrapping.word());
        Err(Refusal::Invalid { field: "algorithm", reason })
    }

    /// Wraps a column encryption key.
    pub fn wrap(&self, key: &ColumnKey) -> Result<Vec<u8>, Refusal> {
        match self.key {
            Key::Rsa(master) => {
                let too_long = |error: PathTooLong| Refusal::Invalid { field: "master", reason: error.to_string() };
                master.seal(&self.path().to_string(), key).map_err(too_long)
            }
            Key::Symmetric(sealing) => {
                let (mut sealed, context) = (Vec::new(), context());
                let (id, version) = (self.handle.key_id, self.handle.version);
                let place = Place::Context(&context);
                value::seal(sealing, Purpose::Columns, id, version, &place, key.expose(), &mut sealed);
                Ok(sealed)
            }
        }
    }

    /// Signs the metadata of this key.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for a key that cannot sign.
    pub fn sign_metadata(&self, enclave: bool) -> Result<Vec<u8>, Refusal> {
        match self.key {
            Key::Rsa(master) => Ok(master.sign_metadata(PROVIDER, &self.path().to_string(), enclave)),
            Key::Symmetric(_) => {
                let reason = format!("the master key `{}` is symmetric; only an RSA one signs", self.handle.name);
                Err(Refusal::Invalid { field: "path", reason })
            }
        }
    }

    /// Opens a column encryption key; one refusal for whatever does not fit.
    pub fn unwrap(&self, envelope: &[u8]) -> Result<ColumnKey, Refusal> {
        let opened = match self.key {
            Key::Rsa(master) => self.open_envelope(master, envelope),
            Key::Symmetric(sealing) => self.open_sealed(sealing, envelope),
        };
        opened.ok_or(Refusal::DoesNotOpen)
    }

    /// The signature is checked first. Then the path in the envelope must be this key's: as it is, or in small letters, as
    /// Microsoft's drivers for Java and for Azure write it. (The server writes it as it is, so that only a key that was brought
    /// has envelopes of the second kind.)
    fn open_envelope(&self, master: &MasterKey, envelope: &[u8]) -> Option<ColumnKey> {
        let key = master.open(envelope).ok()?;
        let written = Parts::parse(envelope).ok()?.path_text()?;
        let path = self.path().to_string();
        (written == path || written == path.to_ascii_lowercase()).then_some(key)
    }

    fn open_sealed(&self, sealing: &SealingKey, envelope: &[u8]) -> Option<ColumnKey> {
        let mut opened = SecretBytes::with_capacity(envelope.len());
        let header = value::open(sealing, Purpose::Columns, &Place::Context(&context()), envelope, &mut opened).ok()?;
        let expected = (self.handle.key_id, self.handle.version);
        let key = ColumnKey::from_slice(opened.expose()).ok()?;
        ((header.key_id, header.key_version) == expected).then_some(key)
    }
}

/// What the catalogues of databases call this kind of key store.
const PROVIDER: &str = "STRONGROOM";

/// What a sealed value of purpose `columns` is that holds a column encryption key, and nothing else under the same master key.
fn context() -> Context {
    Context::new([("holds", "column encryption key")]).expect("two short texts are a context")
}
