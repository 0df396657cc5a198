//! Somebody with the account's files: opens the root key as the server does, and writes what another release would.

use std::sync::Arc;

use strongroom_crypto::SealingKey;
use strongroom_envelope::anchor::{self, Position};
use strongroom_envelope::keyring::Keyring;
use strongroom_envelope::log::{self, AuditPosition, LogRecord, LoggedChange};
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp, protector, record};
use strongroom_protector::{Account, Protector, Surroundings};
use strongroom_secret::{AnchorKey, RootKey, SecretBytes};

use crate::rows::{Row, Rows};
use crate::site::Site;

/// The keys of a store.
pub struct Insider {
    keyring: Keyring,
    anchor: AnchorKey,
    store_id: Id,
}

impl Insider {
    pub fn of(site: &Site) -> Self {
        Self::among(site, &Rows::open(site).all())
    }

    /// The same, from the rows of a store that is no file.
    pub fn among(site: &Site, rows: &[Row]) -> Self {
        let keyring = of_kind(rows, RecordKind::Keyring).next().unwrap();
        let (root, store_id) = root(site, rows);
        let (keyring, _) = Keyring::open(&root, &keyring.1).unwrap();
        Self { keyring, anchor: anchor::anchor_key(&root), store_id }
    }

    /// What a row holds.
    pub fn opened(&self, row: &Row) -> SecretBytes {
        let mut body = SecretBytes::with_capacity(row.1.len());
        record::open(&self.sealing().0, RecordKey::from_bytes(&row.0).unwrap(), &row.1, &mut body).unwrap();
        body
    }

    /// How many store keys there are.
    pub fn store_keys(&self) -> usize {
        self.keyring.store_keys().len()
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
    /// The newest epoch, and what the anchor would say of it.
    pub fn age(&self, rows: &Rows, oldest: usize, milliseconds: i64) -> (u64, [u8; 32]) {
        let mut previous = [0; 32];
        let mut newest = None;
        for (number, (key, sealed)) in rows.of(RecordKind::Log).into_iter().enumerate() {
            // Each stays under the store key that it names (docs/spec/record.md: bytes 4 to 8).
            let id = u32::from_be_bytes(sealed[4..8].try_into().unwrap());
            let entry = self.keyring.store_keys().iter().find(|entry| entry.id == id).unwrap();
            let sealing = SealingKey::new(entry.key.expose());
            let epoch = RecordKey::from_bytes(&key).unwrap().epoch().unwrap();
            let mut scratch = SecretBytes::with_capacity(sealed.len());
            let (mut log, _) = LogRecord::open(&sealing, epoch, &sealed, &mut scratch).unwrap();
            log.time.0 -= if number < oldest { milliseconds } else { 0 };
            log.previous = previous;
            let mut anew = Vec::new();
            log.seal(&sealing, id, &mut anew).unwrap();
            previous = log::log_hash(&anew);
            rows.put(&key, &anew);
            let (store_id, incarnation, record_count) = (self.store_id, log.incarnation, log.record_count);
            newest = Some(Position { store_id, incarnation, epoch, record_count, log_hash: previous });
        }
        let newest = newest.unwrap();
        (newest.epoch, anchor::authenticator(&self.anchor, &newest))
    }

    /// Has the anchor say this of an epoch; the trail, which would say otherwise, goes.
    pub fn vouch(site: &Site, (epoch, authenticator): (u64, [u8; 32])) {
        let file = site.anchor_file();
        let mut bytes = std::fs::read(&file).unwrap();
        let newest =
            anchor::parse_file(&bytes).into_iter().filter_map(Result::ok).max_by_key(|slot| slot.counter).unwrap();
        // A number that is the newest in either place.
        let slot = anchor::encode(&anchor::Slot { counter: newest.counter + 2, epoch, authenticator, ..newest });
        bytes[..slot.len()].copy_from_slice(&slot);
        std::fs::write(&file, bytes).unwrap();
        std::fs::remove_dir_all(site.path("audit")).unwrap();
    }
}

fn of_kind(rows: &[Row], kind: RecordKind) -> impl Iterator<Item = &Row> {
    rows.iter().filter(move |(key, _)| key[0] == kind.byte())
}

/// The root key, and the store's id.
fn root(site: &Site, rows: &[Row]) -> (RootKey, Id) {
    let records = of_kind(rows, RecordKind::Protector);
    let parsed =
        records.map(|(key, stored)| protector::parse(RecordKey::from_bytes(key).unwrap(), stored).unwrap().record);
    let account = parsed.into_iter().find(|record| record.kind == protector::ProtectorKind::Account).unwrap();
    let places = (site.path("account"), site.path("machine"), site.path("machine-id"));
    let surroundings = Surroundings::new(account.store_id, places.0, places.1, places.2);
    (Account::new(Arc::new(surroundings)).unwrap(&account).unwrap(), account.store_id)
}
