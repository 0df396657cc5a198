//! Writes the index down in sealed pages, a page at a time between batches, and lets old pages and old log records go.

use std::ops::ControlFlow;

use strongroom_crypto::SealingKey;
use strongroom_engine::catalogue::NAMED;
use strongroom_envelope::log::{self, LogRecord};
use strongroom_envelope::snapshot::{self, IndexEntry, KeyedCommit, Page, SnapshotHead};
use strongroom_envelope::{Id, RecordKey, RecordKind};
use strongroom_secret::SecretBytes;
use strongroom_store::{Batch, Change, CommitError, StoreError};

use crate::clock::now;
use crate::committer::LogPosition;
use crate::retries::KEPT_MS;
use crate::unlocked::Unlocked;

/// A snapshot is due after so many epochs …
const EPOCHS: u64 = 10_000;
/// … or so many bytes of log.
const LOG_BYTES: usize = 64 << 20;
/// Old records that go in one store transaction.
const CHUNK: usize = 64;

/// Why a snapshot could not be written; the log goes on growing until one can.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The store refused a page or a removal.
    #[error("writing a snapshot page or removing an old record")]
    Commit(#[from] CommitError),
    /// The store could not be read.
    #[error("looking for old snapshot pages and log records")]
    Read(#[from] StoreError),
}

/// When the next snapshot is due, and the one that is being written.
pub struct Snapshotter {
    last_epoch: u64,
    log_bytes: usize,
    pending: Vec<Page>,
    old_pages: Vec<RecordKey>,
    /// The oldest log record that is still there, and up to where they may go.
    oldest_log: u64,
    prune_below: u64,
}

impl Snapshotter {
    /// After a start: the epoch of the newest complete snapshot (0: none), the oldest log record, and the bytes of log since.
    pub fn new(last_epoch: u64, oldest_log: u64, log_bytes: usize) -> Self {
        Self { last_epoch, log_bytes, pending: Vec::new(), old_pages: Vec::new(), oldest_log, prune_below: 0 }
    }

    /// Notes that a log record of so many bytes was written.
    pub fn logged(&mut self, bytes: usize) {
        self.log_bytes += bytes;
    }

    /// Does the next small piece of work; all of it when this is the last chance.
    pub fn step(&mut self, unlocked: &Unlocked, position: &LogPosition, last: bool) -> Result<(), SnapshotError> {
        let since = position.epoch - self.last_epoch;
        let due = since >= EPOCHS || self.log_bytes >= LOG_BYTES || (last && since > 0);
        if self.pending.is_empty() && due {
            self.begin(unlocked, position);
        }
        loop {
            if !self.write_page(unlocked)? && !self.remove_old(unlocked)? {
                return Ok(());
            }
            if !last {
                return Ok(());
            }
        }
    }

    fn begin(&mut self, unlocked: &Unlocked, position: &LogPosition) {
        let head = SnapshotHead { epoch: position.epoch, incarnation: position.incarnation, log_hash: position.hash };
        let commits: Vec<KeyedCommit> =
            unlocked.retries.lock().iter().map(|(id, epoch, time)| KeyedCommit { id, epoch, time }).collect();
        let entries = entries(unlocked);
        // Written from the end of the list: the first page comes off last.
        self.pending = snapshot::pages(head, entries.into_iter(), &commits).collect();
        self.pending.reverse();
        self.log_bytes = 0;
    }

    /// Writes one page; true when there was one.
    fn write_page(&mut self, unlocked: &Unlocked) -> Result<bool, SnapshotError> {
        let Some(page) = self.pending.last() else { return Ok(false) };
        let mut sealed = Vec::new();
        {
            let seals = unlocked.seals.read();
            let (sealing, id): (&SealingKey, u32) = seals.active_store();
            page.seal(sealing, id, &mut sealed);
        }
        let key = page.record_key().to_bytes();
        let epoch = page.head.epoch;
        let changes = vec![Change::Put { key: &key, value: &sealed }];
        unlocked.store.commit(&Batch { absent: Vec::new(), changes })?;
        self.pending.pop();
        if self.pending.is_empty() {
            self.last_epoch = epoch;
            self.prune_below = epoch;
            self.old_pages = older_pages(unlocked, epoch)?;
        }
        Ok(true)
    }

    /// Removes a few old pages, then a few old log records; true when there may be more.
    fn remove_old(&mut self, unlocked: &Unlocked) -> Result<bool, SnapshotError> {
        let keys: Vec<RecordKey> = if self.old_pages.is_empty() {
            self.prunable_logs(unlocked)?
        } else {
            let keep = self.old_pages.len().saturating_sub(CHUNK);
            self.old_pages.split_off(keep)
        };
        if keys.is_empty() {
            return Ok(false);
        }
        let bytes: Vec<[u8; 17]> = keys.iter().map(RecordKey::to_bytes).collect();
        let changes = bytes.iter().map(|key| Change::Delete { key }).collect();
        unlocked.store.commit(&Batch { absent: Vec::new(), changes })?;
        Ok(true)
    }

    /// The oldest log records that nothing needs any more: below the newest snapshot, a day old, their lines in the trail.
    fn prunable_logs(&mut self, unlocked: &Unlocked) -> Result<Vec<RecordKey>, SnapshotError> {
        let mut keys = Vec::new();
        let limit = now().0 - KEPT_MS;
        while keys.len() < CHUNK && self.oldest_log < self.prune_below && unlocked.witness.is_open() {
            let key = RecordKey::log(self.oldest_log);
            let found = unlocked.store.read(&[&key.to_bytes()])?.pop().flatten();
            if let Some(found) = found {
                let seals = unlocked.seals.read();
                let mut scratch = SecretBytes::with_capacity(found.len());
                let young = seals
                    .store_sealing(&found)
                    .and_then(|sealing| LogRecord::open(sealing, self.oldest_log, &found, &mut scratch).ok())
                    .is_none_or(|(log, _)| log.time.0 > limit);
                if young {
                    self.prune_below = 0;
                    break;
                }
                keys.push(key);
            }
            self.oldest_log += 1;
        }
        Ok(keys)
    }
}

fn older_pages(unlocked: &Unlocked, epoch: u64) -> Result<Vec<RecordKey>, StoreError> {
    let mut older = Vec::new();
    unlocked.store.scan(&[RecordKind::Snapshot.byte()], &mut |key, _| {
        if let Ok(key) = RecordKey::from_bytes(key)
            && key.epoch().is_some_and(|found| found < epoch)
        {
            older.push(key);
        }
        ControlFlow::Continue(())
    })?;
    Ok(older)
}

/// The index with name tags, in rising order.
fn entries(unlocked: &Unlocked) -> Vec<IndexEntry> {
    let index = unlocked.index.read();
    let mut tags: Vec<(RecordKind, Id, [u8; 8])> = unlocked.quarantine.name_tags();
    for kind in NAMED {
        tags.extend(index.names_of(kind).map(|(name, id)| (kind, *id, log::name_tag(kind, name.as_str()))));
    }
    tags.sort_unstable();
    let tag_of = |key: &RecordKey| {
        let place = tags.partition_point(|(kind, id, _)| (*kind, *id) < (key.kind, key.id));
        tags.get(place).filter(|(kind, id, _)| (*kind, *id) == (key.kind, key.id)).map(|(_, _, tag)| *tag)
    };
    index
        .sorted()
        .into_iter()
        .map(|(key, expected)| IndexEntry {
            key,
            generation: expected.generation(),
            tag: *expected.tag(),
            name_tag: tag_of(&key),
        })
        .collect()
}
