//! Records that failed: kept aside, never served, reported once; right bytes coming back are served by themselves.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use strongroom_crypto::hash;
use strongroom_engine::catalogue::QuarantineBody;
use strongroom_engine::name::Name;
use strongroom_engine::rule::{Change, Commit, NameChange};
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp, body, log};
use strongroom_secret::SecretBytes;

use crate::clock::now;
use crate::committer::{Job, Order, Outcome};
use crate::facade::QuarantineView;
use crate::journal::Severity;
use crate::protectors;
use crate::reply::Finish;
use crate::unlocked::Unlocked;
use crate::witness::system_entry;

/// What is wrong with a record; the words of docs/spec/log.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Expected, not there.
    Missing,
    /// There, not expected.
    Extra,
    /// Authentic, of an earlier generation.
    Older,
    /// Does not parse or does not authenticate.
    Unreadable,
    /// Authentic, and not the one expected.
    Foreign,
    /// Authentic, of a newer release; refused for use, not quarantined.
    WrittenByNewer,
}

impl Finding {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Older => "older",
            Self::Unreadable => "unreadable",
            Self::Foreign => "foreign",
            Self::WrittenByNewer => "written_by_newer",
        }
    }
}

struct Listed {
    finding: Finding,
    found_at: Timestamp,
    name_tag: Option<[u8; 8]>,
}

/// The list of failed records.
#[derive(Default)]
pub struct Quarantine {
    listed: Mutex<BTreeMap<RecordKey, Listed>>,
    /// Length of the list, read on every read of a record.
    count: AtomicUsize,
    /// Name tags of records written by a newer release: not in quarantine, and their names are taken all the same.
    newer: Mutex<BTreeMap<RecordKey, [u8; 8]>>,
}

impl Quarantine {
    /// Number of records in quarantine.
    pub fn len(&self) -> u64 {
        self.count.load(Ordering::Relaxed) as u64
    }

    /// Lists a record; what was found at start is reported by [`Quarantine::report_new`] once the committer runs. False when it was
    /// listed before.
    pub fn list(&self, key: RecordKey, finding: Finding, name_tag: Option<[u8; 8]>) -> bool {
        let mut listed = self.listed.lock();
        let Entry::Vacant(place) = listed.entry(key) else { return false };
        place.insert(Listed { finding, found_at: now(), name_tag });
        self.count.store(listed.len(), Ordering::Relaxed);
        true
    }

    /// A read failed: lists the record and reports it, once.
    pub fn found(&self, unlocked: &Unlocked, key: RecordKey, finding: Finding) {
        if self.list(key, finding, None) {
            self.report(unlocked, key, finding);
            if key.kind == RecordKind::Protector {
                protectors::distrust(unlocked, key, finding);
            }
        }
    }

    /// Reports what the start-up scan listed, unless an earlier start has.
    pub fn report_new(&self, unlocked: &Unlocked, key: RecordKey, finding: Finding) {
        let place = RecordKey::quarantine(&key.to_bytes());
        if unlocked.index.read().get(place).is_none() {
            self.report(unlocked, key, finding);
        }
    }

    /// A record of its own, an audit line, the system log.
    fn report(&self, unlocked: &Unlocked, key: RecordKey, finding: Finding) {
        let shown = show(key);
        unlocked.journal.event(Severity::Critical, "quarantined", &format!("{shown} is {}", finding.word()));
        let bytes = unlocked.store.read(&[&key.to_bytes()]).ok().and_then(|mut found| found.pop()).flatten();
        let digest = bytes.map(|bytes| hash::sha256(&[&bytes]));
        let body = QuarantineBody::new(key, finding.word(), now(), digest);
        let place = RecordKey::quarantine(&key.to_bytes());
        let change =
            Change::Put { key: place, body: SecretBytes::from_vec(body::encode(&body)), name: NameChange::None };
        note(unlocked, change, "quarantine.found", &shown, finding.word());
    }

    /// Whether a record that was found right now was listed until now; its note is taken back.
    pub fn healed(&self, unlocked: &Unlocked, key: RecordKey) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 || !self.remove(key) {
            return false;
        }
        drop(unlocked.order(clearing(unlocked, key)));
        true
    }

    /// After the start-up scan: notes about records that are right again, or gone for good, are taken back.
    pub fn reconcile(&self, unlocked: &Unlocked) {
        let notes = unlocked.index.read().keys_of(RecordKind::Quarantine);
        for place in notes {
            let noted = unlocked.fetch(&[place]).ok().and_then(|mut fetched| fetched.pop());
            let Some(Ok(Some(opened))) = noted else { continue };
            let Ok(body) = body::decode_strict::<QuarantineBody>(opened.body.expose()) else { continue };
            let Ok(key) = body.record() else { continue };
            if self.finding(key).is_none() {
                drop(unlocked.order(clearing(unlocked, key)));
            }
        }
    }

    /// Every listed record.
    pub fn keys(&self) -> Vec<RecordKey> {
        self.listed.lock().keys().copied().collect()
    }

    /// Keeps the name of a record that a newer release has written.
    pub fn withhold(&self, key: RecordKey, name_tag: [u8; 8]) {
        self.newer.lock().insert(key, name_tag);
    }

    /// The record that had this name, when its name was learnt only from the log.
    pub fn named(&self, kind: RecordKind, name: &Name) -> Option<Id> {
        let newer = self.newer.lock();
        if self.count.load(Ordering::Relaxed) == 0 && newer.is_empty() {
            return None;
        }
        let tag = log::name_tag(kind, name.as_str());
        let of_newer = newer.iter().map(|(key, tag)| (key, Some(*tag)));
        let listed = self.listed.lock();
        let mut all = of_newer.chain(listed.iter().map(|(key, listed)| (key, listed.name_tag)));
        all.find(|(key, found)| key.kind == kind && *found == Some(tag)).map(|(key, _)| key.id)
    }

    /// Name tags of records whose names the index does not know, for the snapshot.
    pub fn name_tags(&self) -> Vec<(RecordKind, Id, [u8; 8])> {
        let newer = self.newer.lock();
        let of_newer = newer.iter().map(|(key, tag)| (key.kind, key.id, *tag));
        let listed = self.listed.lock();
        let tagged = listed.iter().filter_map(|(key, listed)| listed.name_tag.map(|tag| (key.kind, key.id, tag)));
        of_newer.chain(tagged).collect()
    }

    /// The finding of a listed record.
    pub fn finding(&self, key: RecordKey) -> Option<Finding> {
        self.listed.lock().get(&key).map(|listed| listed.finding)
    }

    /// Takes a record off the list without a word, for those who report themselves; false when it was not listed.
    pub fn remove(&self, key: RecordKey) -> bool {
        let mut listed = self.listed.lock();
        let was_listed = listed.remove(&key).is_some();
        self.count.store(listed.len(), Ordering::Relaxed);
        was_listed
    }

    /// The list, with names where they are known.
    pub fn views(&self, unlocked: &Unlocked) -> Vec<QuarantineView> {
        let index = unlocked.index.read();
        let listed = self.listed.lock();
        let name_of =
            |key: &RecordKey| index.names_of(key.kind).find(|(_, id)| **id == key.id).map(|(name, _)| name.to_string());
        listed
            .iter()
            .map(|(key, listed)| QuarantineView {
                record: show(*key),
                name: name_of(key),
                finding: listed.finding.word(),
                found_at: listed.found_at,
            })
            .collect()
    }
}

/// How a record key is shown to people and read back.
pub fn show(key: RecordKey) -> String {
    format!("{}/{}", key.kind.name(), key.id)
}

/// The record key that [`show`] wrote.
pub fn parse(text: &str) -> Option<RecordKey> {
    let (kind, id) = text.split_once('/')?;
    let kind = RecordKind::ALL.into_iter().find(|known| known.name() == kind)?;
    Some(RecordKey::new(kind, Id::parse(id).ok()?))
}

/// The change that takes the note about a record back; it changes nothing when there is none.
pub fn clearance(key: RecordKey) -> Change {
    Change::Delete { key: RecordKey::quarantine(&key.to_bytes()), name: NameChange::None }
}

/// The order that takes the note about a record back and says so.
pub fn clearing(unlocked: &Unlocked, key: RecordKey) -> Order {
    own_job(unlocked, clearance(key), "quarantine.healed", &show(key), "ok")
}

fn note(unlocked: &Unlocked, change: Change, operation: &str, target: &str, outcome: &str) {
    // When the committer has ended the server is stopping; the next start finds the record again.
    drop(unlocked.order(own_job(unlocked, change, operation, target, outcome)));
}

/// A commit of the server's own, which nobody waits for.
fn own_job(unlocked: &Unlocked, change: Change, operation: &str, target: &str, outcome: &str) -> Order {
    let journal = std::sync::Arc::clone(&unlocked.journal);
    Order::Job(Box::new(Job {
        commit: Commit { changes: vec![change], ..Commit::default() },
        entry: system_entry(now(), operation, target, outcome),
        commit_id: crate::random::id(),
        lost_races: 0,
        request_digest: None,
        reply: Vec::new(),
        finish: Finish::at_once(move |outcome| {
            if outcome != Outcome::Done {
                journal.event(Severity::Warning, "quarantine_not_noted", "a quarantine note could not be written");
            }
        }),
    }))
}
