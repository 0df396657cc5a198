//! The trait of all protectors: two steps that differ by kind, and the wrapping that is the same for all.

use strongroom_crypto::OpenError;
use strongroom_crypto::password::Parameters;
use strongroom_envelope::protector::{ProtectorKind as Kind, ProtectorRecord, unwrap_root, wrap_root};
use strongroom_envelope::{Id, Timestamp};
use strongroom_secret::{RootKey, SecretBytes, WrappingKey};

use crate::binding;
use crate::secret_file::ForgetError;
use crate::unwrap::UnwrapError;
use crate::wrap::WrapError;

/// One way to wrap a key, on this host and for this process.
///
/// A kind says how a wrapping key comes to be ([`new_wrapping_key`](Self::new_wrapping_key)) and how it
/// is found again ([`wrapping_key`](Self::wrapping_key)); what is wrapped under it, and in which
/// record, is the same for all kinds. A kind that works by other means than derivation (a certificate,
/// a token, a plug-in, shares) hands out a fresh random wrapping key and finds it again by those
/// means. The two steps know nothing of root keys, so they serve application keys as well.
///
/// All calls may block: on the disk, on a derivation of half a second, later on a device.
pub trait Protector: Send + Sync {
    /// The kind, as records and people name it.
    fn kind(&self) -> Kind;

    /// Whether a person is needed each time it opens.
    fn attended(&self) -> bool;

    /// The store whose keys it wraps.
    fn store_id(&self) -> Id;

    /// What it is bound to here and now, for people: at most 16 pairs of at most 256 bytes.
    fn bound_to(&self) -> Vec<(String, String)>;

    /// Makes a new wrapping key, and whatever finding it again needs, under a new id.
    ///
    /// # Errors
    /// [`WrapError`]; nothing is left behind then, and nothing that existed was changed.
    fn new_wrapping_key(
        &self,
        protector_id: Id,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(WrappingKey, WrappingTerms), WrapError>;

    /// Finds the wrapping key of an earlier [`new_wrapping_key`](Self::new_wrapping_key) again.
    ///
    /// # Errors
    /// [`UnwrapError`] says what is in the way.
    fn wrapping_key(&self, protector_id: Id, terms: &WrappingTerms) -> Result<WrappingKey, UnwrapError>;

    /// Removes what [`new_wrapping_key`](Self::new_wrapping_key) put down outside the record; that
    /// there is nothing is fine.
    ///
    /// # Errors
    /// [`ForgetError`]; what is left is a secret that opens nothing.
    fn discard(&self, protector_id: Id) -> Result<(), ForgetError>;

    /// What may be the reason when everything is at hand and the wrapped key does not authenticate.
    fn hint(&self) -> &'static str;

    /// The names in [`bound_to`](Self::bound_to) that are an alarm when they differ.
    fn identity(&self) -> &'static [&'static str] {
        &[]
    }

    /// The secrets that a new wrap leaves with people, to be handed out once: the shares. Empty for all other kinds.
    fn hand_out(&self) -> Vec<SecretBytes> {
        Vec::new()
    }

    /// What in the record is weaker than it would be made today, for people; a reason to wrap again.
    fn outdated(&self, _record: &ProtectorRecord) -> Option<String> {
        None
    }

    /// Wraps the root key under a new wrapping key, and opens it again before it answers.
    ///
    /// # Errors
    /// [`WrapError`]; nothing is left behind then, and nothing that existed was changed.
    fn wrap(
        &self,
        root: &RootKey,
        protector_id: Id,
        fill: &mut dyn FnMut(&mut [u8]),
        now: Timestamp,
    ) -> Result<ProtectorRecord, WrapError> {
        let (wrapping_key, terms) = self.new_wrapping_key(protector_id, fill)?;
        let kind = self.kind();
        let record = ProtectorRecord {
            store_id: self.store_id(),
            protector_id,
            kind,
            bound_to: self.bound_to(),
            created_at: now,
            salt: terms.salt,
            parameters: terms.parameters,
            wrapped: wrap_root(&wrapping_key, self.store_id(), protector_id, kind, root),
            parameter: terms.parameter,
            blob: terms.blob,
        };
        let outcome = match self.unwrap(&record) {
            Ok(opened) if opened.same_as(root) => return Ok(record),
            Ok(_) => WrapError::OpensToAnotherKey,
            Err(source) => WrapError::DoesNotOpen { source },
        };
        // What is left if this fails too is a secret that opens nothing.
        let _ = self.discard(protector_id);
        Err(outcome)
    }

    /// Opens the record. What comes out is a *candidate*: it is the root key only when its root id is.
    ///
    /// The record may be hostile; nothing in it but ids, terms and the wrapped key is used.
    ///
    /// # Errors
    /// [`UnwrapError`] says what is in the way.
    fn unwrap(&self, record: &ProtectorRecord) -> Result<RootKey, UnwrapError> {
        self.check_place(record)?;
        let (store_id, protector_id) = (record.store_id, record.protector_id);
        let wrapping_key = self.wrapping_key(protector_id, &WrappingTerms::of(record))?;
        unwrap_root(&wrapping_key, store_id, protector_id, record.kind, &record.wrapped)
            .map_err(|OpenError| UnwrapError::NotAuthentic { hint: self.hint() })
    }

    /// What differs between the record's binding and ours although it may open, for people: another
    /// user, uid or host. An alarm, and a reason to wrap again. Only for records that are authentic.
    fn binding_changed(&self, record: &ProtectorRecord) -> Option<String> {
        binding::difference(self.identity(), &record.bound_to, &self.bound_to())
    }

    /// Removes the record's secret file after the record was dropped or replaced. Only for records
    /// that are authentic: a forged id could name another protector's file.
    ///
    /// # Errors
    /// [`ForgetError`]; what is left is a secret that opens nothing.
    fn forget(&self, record: &ProtectorRecord) -> Result<(), ForgetError> {
        self.check_place(record).map_err(|source| ForgetError::OtherRecord { source })?;
        self.discard(record.protector_id)
    }

    /// Whether the record is for this kind and store.
    ///
    /// # Errors
    /// [`UnwrapError::OtherKind`] or [`UnwrapError::OtherStore`].
    fn check_place(&self, record: &ProtectorRecord) -> Result<(), UnwrapError> {
        let (expected, found) = (self.kind(), record.kind);
        if found != expected {
            return Err(UnwrapError::OtherKind { expected, found });
        }
        let (expected, found) = (self.store_id(), record.store_id);
        if found != expected {
            return Err(UnwrapError::OtherStore { expected, found });
        }
        Ok(())
    }
}

/// What a record says about finding its wrapping key again. Hostile until the record is authentic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappingTerms {
    /// 16 to 32 bytes.
    pub salt: Vec<u8>,
    /// The cost of the derivation; of a password only.
    pub parameters: Option<Parameters>,
    /// The name of a section of the local configuration; empty for kinds that need none.
    pub parameter: String,
    /// What the kind's own means need; empty for kinds that need nothing.
    pub blob: Vec<u8>,
}

impl WrappingTerms {
    /// A new salt, and no derivation.
    pub(crate) fn salted(fill: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut salt = vec![0; SALT_BYTES];
        fill(&mut salt);
        Self { salt, parameters: None, parameter: String::new(), blob: Vec::new() }
    }

    /// What the record says.
    #[must_use]
    pub fn of(record: &ProtectorRecord) -> Self {
        Self {
            salt: record.salt.clone(),
            parameters: record.parameters,
            parameter: record.parameter.clone(),
            blob: record.blob.clone(),
        }
    }

    /// Refuses a derivation, a section's name or a blob where the kind has none.
    pub(crate) fn without_parameters(&self, kind: Kind) -> Result<&Self, UnwrapError> {
        match self.parameters {
            None => self.without_means(kind),
            Some(_) => Err(UnwrapError::Derivation { kind }),
        }
    }

    /// Refuses a section's name or a blob where the kind has none.
    pub(crate) fn without_means(&self, kind: Kind) -> Result<&Self, UnwrapError> {
        if self.parameter.is_empty() && self.blob.is_empty() { Ok(self) } else { Err(UnwrapError::Blob { kind }) }
    }
}

/// Bytes of every new salt.
const SALT_BYTES: usize = 32;
