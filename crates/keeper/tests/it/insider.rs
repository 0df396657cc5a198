//! Somebody with the account's files: opens the root key as the server does, and writes what another release would.

use std::sync::Arc;

use strongroom_crypto::SealingKey;
use strongroom_envelope::keyring::Keyring;
use strongroom_envelope::log::{self, AuditPosition, LogRecord, LoggedChange};
use strongroom_envelope::{Generation, RecordKey, RecordKind, Timestamp, protector, record};
use strongroom_protector::{Account, Protector, Surroundings};
use strongroom_secret::{RootKey, SecretBytes};

use crate::rows::{Row, Rows};
use crate::site::Site;

/// The keys of a store.
pub struct Insider {
    keyring: Keyring,
}

impl Insider {
    pub fn of(site: &Site) -> Self {
        Self::among(site, &Rows::open(site).all())
    }

    /// The same, from the rows of a store that is no file.
    pub fn among(site: &Site, rows: &[Row]) -> Self {
        let keyring = of_kind(rows, RecordKind::Keyring).next().unwrap();
        let (keyring, _) = Keyring::open(&root(site, rows), &keyring.1).unwrap();
        Self { keyring }
    }

    /// What a row holds.
    pub fn opened(&self, row: &Row) -> SecretBytes {
        let mut body = SecretBytes::with_capacity(row.1.len());
        record::open(&self.sealing().0, RecordKey::from_bytes(&row.0).unwrap(), &row.1, &mut body).unwrap();
        body
    }

    fn sealing(&self) -> (SealingKey, u32) {
        let active = self.keyring.active_store_key();
        (SealingKey::new(active.key.expose()), active.id)
    }

    /// One more batch, which puts these bodies in the place of the records that are there.
    pub fn commit(&self, rows: &Rows, bodies: &[(RecordKey, Vec<u8>)]) {
        let (sealing, id) = self.sealing();
        let (newest_key, newest) = rows.of(RecordKind::Log).pop().unwrap();
        let epoch = RecordKey::from_bytes(&newest_key).unwrap().epoch().unwrap();
        let mut scratch = SecretBytes::with_capacity(newest.len());
        let (before, _) = LogRecord::open(&sealing, epoch, &newest, &mut scratch).unwrap();
        let mut changes = Vec::new();
        for (index, (key, body)) in bodies.iter().enumerate() {
            let there = rows.get(&key.to_bytes()).unwrap();
            let old = record::parse(*key, &there).unwrap().generation;
            let new = Generation::new(epoch + 1, u16::try_from(index).unwrap());
            let mut sealed = Vec::new();
            let tag = record::seal(&sealing, id, *key, new, body, &mut sealed);
            rows.put(&key.to_bytes(), &sealed);
            changes.push(LoggedChange { key: *key, old, new, tag, name_tag: None });
        }
        let next = LogRecord {
            epoch: epoch + 1,
            incarnation: before.incarnation,
            time: Timestamp(before.time.0 + 1),
            previous: log::log_hash(&newest),
            commits: Vec::new(),
            changes,
            audit: Vec::new(),
            audit_position: AuditPosition::default(),
            record_count: before.record_count,
        };
        let mut sealed = Vec::new();
        next.seal(&sealing, id, &mut sealed).unwrap();
        rows.put(&RecordKey::log(epoch + 1).to_bytes(), &sealed);
    }
}

impl Insider {
    /// Writes the whole log anew, its oldest records as if they had been written earlier. Anchor and trail know another history then.
    pub fn age(&self, rows: &Rows, oldest: usize, milliseconds: i64) {
        let (sealing, id) = self.sealing();
        let mut previous = [0; 32];
        for (number, (key, sealed)) in rows.of(RecordKind::Log).into_iter().enumerate() {
            let epoch = RecordKey::from_bytes(&key).unwrap().epoch().unwrap();
            let mut scratch = SecretBytes::with_capacity(sealed.len());
            let (mut log, _) = LogRecord::open(&sealing, epoch, &sealed, &mut scratch).unwrap();
            log.time.0 -= if number < oldest { milliseconds } else { 0 };
            log.previous = previous;
            let mut anew = Vec::new();
            log.seal(&sealing, id, &mut anew).unwrap();
            previous = log::log_hash(&anew);
            rows.put(&key, &anew);
        }
    }
}

fn of_kind(rows: &[Row], kind: RecordKind) -> impl Iterator<Item = &Row> {
    rows.iter().filter(move |(key, _)| key[0] == kind.byte())
}

fn root(site: &Site, rows: &[Row]) -> RootKey {
    let records = of_kind(rows, RecordKind::Protector);
    let parsed =
        records.map(|(key, stored)| protector::parse(RecordKey::from_bytes(key).unwrap(), stored).unwrap().record);
    let account = parsed.into_iter().find(|record| record.kind == protector::ProtectorKind::Account).unwrap();
    let places = (site.path("account"), site.path("machine"), site.path("machine-id"));
    let surroundings = Surroundings::new(account.store_id, places.0, places.1, places.2);
    Account::new(Arc::new(surroundings)).unwrap(&account).unwrap()
}
