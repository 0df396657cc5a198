//! The start: what the store is expected to hold, from snapshot and commit log; and what it does hold, from a scan.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use strongroom_engine::key::KeyBody;
use strongroom_engine::name::Name;
use strongroom_engine::reseal::is_sealed;
use strongroom_engine::stored::{Family, sealed_under};
use strongroom_engine::token::TokenBody;
use strongroom_engine::transaction;
use strongroom_envelope::anchor::{self, Position};
use strongroom_envelope::log::{self, AuditEntry, LogRecord};
use strongroom_envelope::snapshot::{Assembly, Page};
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp, body};
use strongroom_secret::SecretBytes;
use strongroom_store::{Store, StoreError};

use crate::committer::LogPosition;
use crate::index::{Expected, Index};
use crate::quarantine::Finding;
use crate::retries::Retries;
use crate::seals::Seals;
use crate::stored::listed_as;
use crate::unlocked::judge_bytes;

/// What snapshot and log say.
pub struct History {
    /// What the store is expected to hold; names are still missing.
    pub index: Index,
    /// Where the log stands.
    pub position: LogPosition,
    /// When its newest record was composed.
    pub newest_at: Timestamp,
    /// Commits of the last day that came with a key.
    pub retries: Retries,
    /// The authenticator of the epoch the anchor requires, if that epoch is known.
    pub required: Option<[u8; 32]>,
    /// Batches whose lines the trail does not have yet.
    pub untold: Vec<Untold>,
    /// The epoch of the snapshot it starts from; 0: none.
    pub snapshot_epoch: u64,
    /// The oldest log record in the store.
    pub oldest_log: u64,
    /// Bytes of log since the snapshot.
    pub log_bytes: usize,
}

/// A batch whose lines must be appended to the trail.
pub struct Untold {
    /// Its epoch.
    pub epoch: u64,
    /// When it was composed.
    pub time: Timestamp,
    /// Its authenticator.
    pub authenticator: [u8; 32],
    /// Its lines.
    pub entries: Vec<AuditEntry>,
}

/// What the caller knows before the log is read.
#[derive(Clone, Copy)]
pub struct Known {
    /// The store.
    pub store_id: Id,
    /// The epoch the anchor or the trail requires; 0: none.
    pub required_epoch: u64,
    /// The newest epoch with a line in the trail; 0: none.
    pub told_epoch: u64,
}

/// Why the history does not hold together. The store stays locked.
#[derive(Debug, thiserror::Error)]
pub enum BrokenHistory {
    /// The store could not be read.
    #[error("reading the commit log")]
    Store(#[from] StoreError),
    /// A page is there and is not what it must be.
    #[error("page {page} of the snapshot of epoch {epoch} does not open or does not fit")]
    Page {
        /// The snapshot.
        epoch: u64,
        /// The page.
        page: u64,
    },
    /// A log record does not open.
    #[error("the log record of epoch {epoch} does not open")]
    Log {
        /// Which.
        epoch: u64,
    },
    /// A log record is missing or does not continue the one before.
    #[error("the log record of epoch {epoch} does not continue epoch {after}")]
    Link {
        /// Which.
        epoch: u64,
        /// The one before.
        after: u64,
    },
    /// There is no log at all.
    #[error("there is no commit log")]
    Empty,
}

struct Reader<'a> {
    seals: &'a Seals,
    known: Known,
    scratch: SecretBytes,
    history: History,
    /// Epoch and hash of the last log record that was opened.
    linked: Option<(u64, [u8; 32])>,
}

/// Reads snapshot and log.
pub fn history(store: &dyn Store, seals: &Seals, known: Known) -> Result<History, BrokenHistory> {
    let scratch = SecretBytes::with_capacity(1 << 16);
    let mut reader = Reader { seals, known, scratch, history: empty_history(), linked: None };
    reader.snapshot(store)?;
    let mut outcome = Ok(());
    store.scan(&[RecordKind::Log.byte()], &mut |key, sealed| {
        outcome = reader.log(key, sealed);
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    outcome?;
    reader.end()
}

fn empty_history() -> History {
    History {
        index: Index::default(),
        position: LogPosition { epoch: 0, hash: [0; 32], incarnation: Id::NIL },
        newest_at: Timestamp(0),
        retries: Retries::default(),
        required: None,
        untold: Vec::new(),
        snapshot_epoch: 0,
        oldest_log: 0,
        log_bytes: 0,
    }
}

impl Reader<'_> {
    /// Takes the newest complete snapshot. Incomplete ones were being written when the server stopped.
    fn snapshot(&mut self, store: &dyn Store) -> Result<(), BrokenHistory> {
        let mut pages: BTreeMap<u64, u64> = BTreeMap::new();
        store.scan(&[RecordKind::Snapshot.byte()], &mut |key, _| {
            if let Ok(key) = RecordKey::from_bytes(key)
                && let Some(epoch) = key.epoch()
            {
                *pages.entry(epoch).or_default() += 1;
            }
            ControlFlow::Continue(())
        })?;
        for (epoch, there) in pages.into_iter().rev() {
            if self.take_snapshot(store, epoch, there)? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take_snapshot(&mut self, store: &dyn Store, epoch: u64, there: u64) -> Result<bool, BrokenHistory> {
        let Some(first) = self.page(store, epoch, 0)? else { return Ok(false) };
        if first.pages != there {
            return Ok(false);
        }
        let refused = |page| BrokenHistory::Page { epoch, page };
        let mut assembly = Assembly::begin(&first).map_err(|_| refused(0))?;
        self.history.index.reserve(usize::try_from(first.record_count).unwrap_or(0));
        self.take_page(&first);
        for number in 1..first.pages {
            let page = self.page(store, epoch, number)?.ok_or(refused(number))?;
            assembly.add(&page).map_err(|_| refused(number))?;
            self.take_page(&page);
        }
        let head = assembly.finish().map_err(|_| refused(first.pages))?;
        self.history.position = LogPosition { epoch, hash: head.log_hash, incarnation: head.incarnation };
        self.history.snapshot_epoch = epoch;
        self.note_required(first.record_count);
        Ok(true)
    }

    fn page(&mut self, store: &dyn Store, epoch: u64, number: u64) -> Result<Option<Page>, BrokenHistory> {
        let key = RecordKey::snapshot(epoch, number);
        // A scan, because the pages it goes through are forgotten afterwards.
        let mut found = None;
        store.scan(&key.to_bytes(), &mut |_, sealed| {
            found = Some(sealed.to_vec());
            ControlFlow::Break(())
        })?;
        let Some(sealed) = found else { return Ok(None) };
        let refused = BrokenHistory::Page { epoch, page: number };
        let Some(sealing) = self.seals.store_sealing(&sealed) else { return Err(refused) };
        match Page::open(sealing, key, &sealed, &mut self.scratch) {
            Ok((page, _)) => Ok(Some(page)),
            Err(_) => Err(refused),
        }
    }

    fn take_page(&mut self, page: &Page) {
        for entry in &page.entries {
            self.history.index.set(entry.key, Expected::new(entry.generation, entry.tag));
        }
        for commit in &page.commits {
            self.history.retries.insert(commit.id, commit.epoch, commit.time);
        }
    }

    fn log(&mut self, key: &[u8], sealed: &[u8]) -> Result<(), BrokenHistory> {
        let Some(epoch) = RecordKey::from_bytes(key).ok().and_then(|key| key.epoch()) else {
            return Ok(());
        };
        if self.history.oldest_log == 0 {
            self.history.oldest_log = epoch;
        }
        let needed = epoch >= self.known.required_epoch || epoch >= self.known.told_epoch;
        if epoch <= self.history.snapshot_epoch && !needed {
            return Ok(());
        }
        let sealing = self.seals.store_sealing(sealed).ok_or(BrokenHistory::Log { epoch })?;
        let (log, _) =
            LogRecord::open(sealing, epoch, sealed, &mut self.scratch).map_err(|_| BrokenHistory::Log { epoch })?;
        let hash = log::log_hash(sealed);
        self.link(&log, hash)?;
        let authenticator = self.authenticator(epoch, log.incarnation, log.record_count, hash);
        if epoch == self.known.required_epoch {
            self.history.required = Some(authenticator);
        }
        if epoch > self.history.snapshot_epoch {
            self.continues(&log)?;
            self.apply(&log)?;
            self.history.position = LogPosition { epoch, hash, incarnation: log.incarnation };
            self.history.newest_at = log.time;
            self.history.log_bytes += sealed.len();
        }
        if epoch >= self.known.told_epoch {
            self.history.untold.push(Untold { epoch, time: log.time, authenticator, entries: log.audit });
        }
        Ok(())
    }

    /// Records that were opened in a row must be linked; at the snapshot's epoch the snapshot says which one it is.
    fn link(&mut self, log: &LogRecord, hash: [u8; 32]) -> Result<(), BrokenHistory> {
        let epoch = log.epoch;
        if let Some((after, before)) = self.linked
            && log.previous != before
        {
            return Err(BrokenHistory::Link { epoch, after });
        }
        if epoch == self.history.snapshot_epoch && hash != self.history.position.hash {
            return Err(BrokenHistory::Link { epoch, after: epoch.saturating_sub(1) });
        }
        self.linked = Some((epoch, hash));
        Ok(())
    }

    /// Behind the snapshot nothing may be missing.
    fn continues(&self, log: &LogRecord) -> Result<(), BrokenHistory> {
        let position = &self.history.position;
        let follows = log.epoch == position.epoch + 1 || log.incarnation != position.incarnation;
        if log.previous == position.hash && follows {
            Ok(())
        } else {
            Err(BrokenHistory::Link { epoch: log.epoch, after: position.epoch })
        }
    }

    /// A required epoch below the snapshot vouches for it only if the records from there to the snapshot were all linked.
    fn end(self) -> Result<History, BrokenHistory> {
        let Self { history, linked, known, .. } = self;
        let newest = history.position.epoch;
        if newest == 0 {
            return Err(BrokenHistory::Empty);
        }
        let below = history.required.is_some() && known.required_epoch < history.snapshot_epoch;
        match linked {
            Some((last, _)) if below && last < history.snapshot_epoch => {
                Err(BrokenHistory::Link { epoch: history.snapshot_epoch, after: last })
            }
            _ => Ok(history),
        }
    }

    fn apply(&mut self, log: &LogRecord) -> Result<(), BrokenHistory> {
        let index = &mut self.history.index;
        for change in &log.changes {
            if index.generation(change.key) != change.old {
                return Err(BrokenHistory::Link { epoch: log.epoch, after: self.history.position.epoch });
            }
            if change.is_delete() {
                index.remove(change.key);
            } else {
                index.set(change.key, Expected::new(change.new, change.tag));
            }
        }
        if index.len() != log.record_count {
            return Err(BrokenHistory::Link { epoch: log.epoch, after: self.history.position.epoch });
        }
        for commit in log.commits.iter().filter(|commit| commit.keyed) {
            self.history.retries.insert(commit.id, log.epoch, log.time);
        }
        Ok(())
    }

    fn note_required(&mut self, record_count: u64) {
        let LogPosition { epoch, hash, incarnation } = self.history.position;
        if epoch == self.known.required_epoch {
            self.history.required = Some(self.authenticator(epoch, incarnation, record_count, hash));
        }
    }

    fn authenticator(&self, epoch: u64, incarnation: Id, record_count: u64, log_hash: [u8; 32]) -> [u8; 32] {
        let position = Position { store_id: self.known.store_id, incarnation, epoch, record_count, log_hash };
        anchor::authenticator(self.seals.anchor(), &position)
    }
}

/// What a scan of the store found.
#[derive(Default)]
pub struct Inventory {
    /// Records that are what they must be.
    pub verified: u64,
    /// Differences.
    pub findings: Vec<(RecordKey, Finding)>,
    /// Keys in the store that are no record keys of ours.
    pub strangers: u64,
    /// Names of secrets, their ids, and their current versions.
    pub secrets: Vec<(Name, Id, Option<Id>)>,
    /// Names of settings and their ids.
    pub settings: Vec<(Name, Id, Option<Id>)>,
    /// Names of credentials and their ids.
    pub credentials: Vec<(Name, Id, Option<Id>)>,
    /// Deleted secrets and when they were deleted.
    pub deleted: Vec<(Id, Timestamp)>,
    /// Application keys.
    pub keys: Vec<(Id, KeyBody)>,
    /// Records that an older store key sealed.
    pub older: Vec<RecordKey>,
    /// Stored values, by the key version they are sealed under.
    pub stored: crate::stored::Found,
    /// Transactions that are not closed.
    pub unfinished: Vec<Id>,
    /// Tokens.
    pub tokens: Vec<(Id, TokenBody)>,
    /// Keys of verified records, when they are asked for.
    seen: Option<Vec<RecordKey>>,
}

/// Verifies every record against the index, on two threads.
pub fn inventory(store: &dyn Store, seals: &Seals, index: &Index) -> Result<Inventory, StoreError> {
    let mut whole = take_inventory(store, seals, index, false)?;
    let differing = whole.findings.iter().filter(|(key, _)| index.get(*key).is_some()).count() as u64;
    if whole.verified + differing < index.len() {
        // Something is missing. That is rare, so which is found out in a second pass.
        whole = take_inventory(store, seals, index, true)?;
        let mut seen = whole.seen.take().unwrap_or_default();
        seen.extend(whole.findings.iter().map(|(key, _)| *key));
        seen.sort_unstable();
        let missing = index.sorted().into_iter().map(|(key, _)| key).filter(|key| seen.binary_search(key).is_err());
        whole.findings.extend(missing.map(|key| (key, Finding::Missing)));
    }
    Ok(whole)
}

fn take_inventory(store: &dyn Store, seals: &Seals, index: &Index, remember: bool) -> Result<Inventory, StoreError> {
    let bulk = RecordKind::SecretVersion.byte();
    let rest = (0..=u8::MAX).filter(|byte| ![bulk, RecordKind::Log.byte(), RecordKind::Snapshot.byte()].contains(byte));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| scan_kinds(store, seals, index, [bulk], remember));
        let mine = scan_kinds(store, seals, index, rest, remember);
        let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok(mine?.and(other?))
    })
}

fn scan_kinds(
    store: &dyn Store,
    seals: &Seals,
    index: &Index,
    kinds: impl IntoIterator<Item = u8>,
    remember: bool,
) -> Result<Inventory, StoreError> {
    let mut inventory = Inventory { seen: remember.then(Vec::new), ..Inventory::default() };
    let mut body = SecretBytes::with_capacity(1 << 16);
    for kind in kinds {
        store.scan(&[kind], &mut |key, sealed| {
            inventory.take(seals, index, key, sealed, &mut body);
            ControlFlow::Continue(())
        })?;
    }
    Ok(inventory)
}

impl Inventory {
    fn take(&mut self, seals: &Seals, index: &Index, key: &[u8], sealed: &[u8], body: &mut SecretBytes) {
        let Ok(key) = RecordKey::from_bytes(key) else {
            self.strangers += 1;
            return;
        };
        let Some(expected) = index.get(key) else {
            self.findings.push((key, Finding::Extra));
            return;
        };
        body.truncate(0);
        match judge_bytes(seals, key, &expected, sealed, body).and_then(|()| self.learn(key, body)) {
            Ok(()) => {
                self.verified += 1;
                if is_sealed(key.kind) && seals.is_older(sealed) {
                    self.older.push(key);
                }
                if let Some(seen) = &mut self.seen {
                    seen.push(key);
                }
            }
            Err(finding) => self.findings.push((key, finding)),
        }
    }

    /// Keeps what memory needs of a verified record.
    fn learn(&mut self, key: RecordKey, body: &SecretBytes) -> Result<(), Finding> {
        let unreadable = |_| Finding::Unreadable;
        match key.kind {
            RecordKind::Secret => {
                let noted = strongroom_engine::catalogue::note(key.kind, body.expose()).map_err(unreadable)?;
                self.secrets.push((noted.name.ok_or(Finding::Unreadable)?, key.id, noted.newest));
                self.deleted.extend(noted.deleted_at.map(|at| (key.id, at)));
            }
            RecordKind::Key => {
                self.keys.push((key.id, body::decode_strict(body.expose()).map_err(unreadable)?));
            }
            kind if Family::of(kind).is_some() => {
                let under = sealed_under(body.expose()).ok_or(Finding::Unreadable)?;
                self.stored.entry(listed_as(under)).or_default().push(key);
                let names = match kind {
                    RecordKind::Setting => Some(&mut self.settings),
                    RecordKind::Credential => Some(&mut self.credentials),
                    _ => None,
                };
                if let Some(names) = names {
                    let noted = strongroom_engine::catalogue::note(kind, body.expose()).map_err(unreadable)?;
                    names.push((noted.name.ok_or(Finding::Unreadable)?, key.id, None));
                }
                if kind == RecordKind::Transaction {
                    let closed = transaction::closed_at(body.expose()).ok_or(Finding::Unreadable)?;
                    self.unfinished.extend(closed.is_none().then_some(key.id));
                }
            }
            RecordKind::Token => {
                self.tokens.push((key.id, body::decode_strict(body.expose()).map_err(unreadable)?));
            }
            _ => {}
        }
        Ok(())
    }

    fn and(mut self, other: Self) -> Self {
        self.verified += other.verified;
        self.strangers += other.strangers;
        self.findings.extend(other.findings);
        self.secrets.extend(other.secrets);
        self.settings.extend(other.settings);
        self.credentials.extend(other.credentials);
        self.deleted.extend(other.deleted);
        self.keys.extend(other.keys);
        self.tokens.extend(other.tokens);
        self.older.extend(other.older);
        self.unfinished.extend(other.unfinished);
        for (under, records) in other.stored {
            self.stored.entry(under).or_default().extend(records);
        }
        self.seen = match (self.seen, other.seen) {
            (Some(mut mine), Some(theirs)) => {
                mine.extend(theirs);
                Some(mine)
            }
            _ => None,
        };
        self
    }
}

/// The name tags that snapshot and log know of these records. Read only when a record with a name failed.
pub fn name_tags(
    store: &dyn Store,
    seals: &Seals,
    wanted: &[RecordKey],
) -> Result<BTreeMap<RecordKey, [u8; 8]>, StoreError> {
    let mut tags = BTreeMap::new();
    let mut scratch = SecretBytes::with_capacity(1 << 16);
    let mut note = |key: RecordKey, tag: Option<[u8; 8]>| {
        if let Some(tag) = tag
            && wanted.contains(&key)
        {
            tags.insert(key, tag);
        }
    };
    store.scan(&[RecordKind::Snapshot.byte()], &mut |key, sealed| {
        let page = RecordKey::from_bytes(key).ok().zip(seals.store_sealing(sealed));
        let page = page.and_then(|(key, sealing)| Page::open(sealing, key, sealed, &mut scratch).ok());
        for entry in page.iter().flat_map(|(page, _)| &page.entries) {
            note(entry.key, entry.name_tag);
        }
        ControlFlow::Continue(())
    })?;
    store.scan(&[RecordKind::Log.byte()], &mut |key, sealed| {
        let epoch = RecordKey::from_bytes(key).ok().and_then(|key| key.epoch());
        let log = epoch.zip(seals.store_sealing(sealed));
        let log = log.and_then(|(epoch, sealing)| LogRecord::open(sealing, epoch, sealed, &mut scratch).ok());
        for change in log.iter().flat_map(|(log, _)| &log.changes) {
            note(change.key, change.name_tag);
        }
        ControlFlow::Continue(())
    })?;
    Ok(tags)
}
