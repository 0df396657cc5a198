//! Which stored records hold values under which application key.

use strongroom_envelope::value::Purpose;
use strongroom_envelope::{Id, RecordKind};

/// Records whose values are sealed under one application key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Values of secrets.
    Secrets,
    /// Data keys and parts of transactions.
    Transactions,
    /// Values of settings.
    Settings,
    /// Credentials of components.
    Credentials,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 4] = [Self::Secrets, Self::Transactions, Self::Settings, Self::Credentials];

    /// The kinds of its records.
    #[must_use]
    pub const fn kinds(self) -> &'static [RecordKind] {
        match self {
            Self::Secrets => &[RecordKind::SecretVersion],
            Self::Transactions => &[RecordKind::Transaction, RecordKind::TransactionStep],
            Self::Settings => &[RecordKind::Setting],
            Self::Credentials => &[RecordKind::Credential],
        }
    }

    /// What its key is for.
    #[must_use]
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::Secrets => Purpose::Secrets,
            Self::Transactions => Purpose::Transactions,
            Self::Settings => Purpose::Settings,
            Self::Credentials => Purpose::Credentials,
        }
    }

    /// The name of its key, which the server makes by itself.
    #[must_use]
    pub const fn key_name(self) -> &'static str {
        match self {
            Self::Secrets => crate::secret::KEY_NAME,
            Self::Transactions => crate::transaction::KEY_NAME,
            Self::Settings => crate::setting::KEY_NAME,
            Self::Credentials => crate::credential::KEY_NAME,
        }
    }

    /// The family that a record belongs to.
    #[must_use]
    pub fn of(kind: RecordKind) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.kinds().contains(&kind))
    }

    /// The family whose values a key of this purpose seals.
    #[must_use]
    pub fn under(purpose: Purpose) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.purpose() == purpose)
    }
}

/// What a record says that its value is sealed under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedUnder {
    /// A version of an application key; the nil id and version 0 for a secret that was imported in clear.
    Key(Id, u32),
    /// No application key, and that is as it shall be.
    Clear,
}

/// Reads it without the rest of the body: in every family key id and version are fields 5 and 6. None when the body is not one.
#[must_use]
pub fn sealed_under(body: &[u8]) -> Option<SealedUnder> {
    let mut decoder = minicbor::Decoder::new(body);
    let fields = decoder.map().ok()??;
    let mut key_id = None;
    for _ in 0..fields {
        match decoder.u32().ok()? {
            5 => key_id = Some(decoder.decode().ok()?),
            6 => return Some(SealedUnder::Key(key_id?, decoder.u32().ok()?)),
            7.. => break,
            _ => decoder.skip().ok()?,
        }
    }
    if key_id.is_none() { Some(SealedUnder::Clear) } else { None }
}
