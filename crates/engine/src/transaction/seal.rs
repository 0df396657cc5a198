//! A transaction's own key, and what is sealed under it.

use minicbor::bytes::ByteVec;
use strongroom_crypto::SealingKey;
use strongroom_envelope::value::{Place, Purpose};
use strongroom_envelope::{Id, SealedDataKey, two_tier};
use strongroom_secret::{DataKey, SecretBytes};

use super::KEY_NAME;
use super::body::{Datum, TransactionBody};
use crate::rule::{Facts, KeyChoice, KeyHandle, Refusal, Stop};

/// The field in the place of a transaction's own key.
const DATA_KEY_FIELD: u16 = 7;
const PURPOSE: Purpose = Purpose::Transactions;

/// What parts of one transaction are sealed with; none when it is in clear.
pub(super) struct Seal {
    transaction: Id,
    own: Option<Own>,
}

struct Own {
    sealing: SealingKey,
    sealed: SealedDataKey,
    master: (Id, u32),
}

impl Seal {
    /// For a transaction in clear.
    pub fn clear(transaction: Id) -> Self {
        Self { transaction, own: None }
    }

    /// A new key for a transaction, sealed under the active version of the master key.
    pub fn new(facts: &mut Facts<'_>, transaction: Id) -> Result<Self, Stop> {
        let master = facts.key(&KeyChoice::Primary(KEY_NAME))?;
        Self::under(facts, &master, transaction)
    }

    /// A new key for a transaction, sealed under this version.
    pub fn under(facts: &mut Facts<'_>, master: &KeyHandle, transaction: Id) -> Result<Self, Stop> {
        let data_key = DataKey::fill_with(|slot| facts.fill(slot));
        let (key, version) = (master.key_id, master.version);
        let sealed =
            SealedDataKey::seal(master.sealing(PURPOSE)?, PURPOSE, key, version, &key_place(transaction), &data_key);
        let own = Own { sealing: SealingKey::new(data_key.expose()), sealed, master: (key, version) };
        Ok(Self { transaction, own: Some(own) })
    }

    /// The key of a transaction that is there.
    pub fn of(facts: &mut Facts<'_>, transaction: Id, body: &TransactionBody) -> Result<Self, Stop> {
        let Some(sealed) = &body.data_key else { return Ok(Self::clear(transaction)) };
        let sealed = SealedDataKey::from_bytes(PURPOSE, sealed).map_err(|_| Refusal::DoesNotOpen)?;
        let own = open_key(facts, transaction, sealed, false)?;
        if (Some(own.master.0), Some(own.master.1)) == (body.key_id, body.key_version) {
            Ok(Self { transaction, own: Some(own) })
        } else {
            Err(Refusal::DoesNotOpen.into())
        }
    }

    /// The same, in whatever state its master key is: for the server's jobs. Not asked for a transaction in clear.
    pub fn whatever(facts: &mut Facts<'_>, transaction: Id, body: &TransactionBody) -> Result<Self, Stop> {
        let sealed = body.data_key.as_ref().ok_or(Refusal::DoesNotOpen)?;
        let sealed = SealedDataKey::from_bytes(PURPOSE, sealed).map_err(|_| Refusal::DoesNotOpen)?;
        let own = open_key(facts, transaction, sealed, true)?;
        Ok(Self { transaction, own: Some(own) })
    }

    /// The master key it is sealed under.
    pub fn master(&self) -> Option<(Id, u32)> {
        self.own.as_ref().map(|own| own.master)
    }

    /// Notes the key in the transaction's body.
    pub fn note_in(&self, body: &mut TransactionBody) {
        body.key_id = self.master().map(|master| master.0);
        body.key_version = self.master().map(|master| master.1);
        body.data_key = self.own.as_ref().map(|own| ByteVec::from(own.sealed.as_bytes().to_vec()));
    }

    /// The bytes of a part as they are stored.
    pub fn seal(&self, (sequence, datum): (u32, Datum), clear: &[u8]) -> Vec<u8> {
        let Some(own) = &self.own else { return clear.to_vec() };
        let mut sealed = Vec::with_capacity(clear.len() + two_tier::LEAST_LENGTH);
        two_tier::seal(&own.sealing, &own.sealed, &part_place(self.transaction, sequence, datum), clear, &mut sealed);
        sealed
    }

    /// A part as it was. Each carries the key it was sealed with, which is another one than the transaction's own now when the
    /// master key was rotated in between; `whatever` its master key's state is, for the server's jobs.
    pub fn open(
        &self,
        facts: &mut Facts<'_>,
        (sequence, datum): (u32, Datum),
        stored: &[u8],
        whatever: bool,
    ) -> Result<SecretBytes, Stop> {
        let Some(own) = &self.own else { return Ok(SecretBytes::from_slice(stored)) };
        let sealed = two_tier::parse(stored).map_err(|_| Refusal::DoesNotOpen)?.data_key;
        let mut opened = SecretBytes::with_capacity(stored.len());
        let place = part_place(self.transaction, sequence, datum);
        let outcome = if sealed == own.sealed {
            two_tier::open(&own.sealing, PURPOSE, &place, stored, &mut opened)
        } else {
            let other = open_key(facts, self.transaction, sealed, whatever)?;
            two_tier::open(&other.sealing, PURPOSE, &place, stored, &mut opened)
        };
        outcome.map_err(|_| Refusal::DoesNotOpen)?;
        Ok(opened)
    }
}

/// Opens a transaction's key with the master key version it names.
fn open_key(facts: &mut Facts<'_>, transaction: Id, sealed: SealedDataKey, whatever: bool) -> Result<Own, Stop> {
    let header = sealed.header();
    let (key, version) = (header.key_id, header.key_version);
    let choice = if whatever { KeyChoice::Whatever(key, version) } else { KeyChoice::Exact(key, version) };
    let master = facts.key(&choice)?;
    let data_key = sealed.open(master.sealing(PURPOSE)?, &key_place(transaction)).map_err(|_| Refusal::DoesNotOpen)?;
    Ok(Own { sealing: SealingKey::new(data_key.expose()), sealed, master: (key, version) })
}

const fn key_place(transaction: Id) -> Place<'static> {
    Place::Record { key: TransactionBody::record_key(transaction), field: DATA_KEY_FIELD, version: 0 }
}

const fn part_place(transaction: Id, sequence: u32, datum: Datum) -> Place<'static> {
    Place::Record { key: TransactionBody::record_key(transaction), field: datum.field(), version: sequence }
}
