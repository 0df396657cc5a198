//! Records that failed: kept aside, never served, reported once; right bytes coming back are served by themselves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use strongroom_engine::catalogue::QuarantineBody;
use strongroom_engine::name::Name;
use strongroom_engine::rule::{Change, Commit, NameChange};
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp, body, log};
use strongroom_secret::SecretBytes;

use crate::clock::now;
use crate::committer::{Job, Order, Outcome};
use crate::facade::QuarantineView;
use crate::journal::Severity;
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
}

impl Quarantine {
    /// Number of records in quarantine.
    pub fn len(&self) -> u64 {
        self.count.load(Ordering::Relaxed) as u64
    }

    /// Lists a record found at start; what must be reported is reported by [`Quarantine::report`] once the committer runs.
    pub fn list(&self, key: RecordKey, finding: Finding, name_tag: Option<[u8; 8]>) {
        let mut listed = self.listed.lock();
        listed.insert(key, Listed { finding, found_at: now(), name_tag });
        self.count.store(listed.len(), Ordering::Relaxed);
    }

    /// A read failed: lists the record and reports it, once.
    pub fn found(&self, unlocked: &Unlocked, key: RecordKey, finding: Finding) {
        if self.listed.lock().contains_key(&key) {
            return;
        }
        self.list(key, finding, None);
        self.report(unlocked, key, finding);
    }

    /// Reports a listed record: a record of its own, an audit line, the system log. A finding that is known is not repeated.
    pub fn report(&self, unlocked: &Unlocked, key: RecordKey, finding: Finding) {
        let place = RecordKey::quarantine(&key.to_bytes());
        if unlocked.index.read().get(place).is_some() {
            return;
        }
        let shown = show(key);
        unlocked.journal.event(Severity::Critical, "quarantined", &format!("{shown} is {}", finding.word()));
        let body = QuarantineBody::new(key, finding.word(), now(), None);
        let change = Change::Put { key: place, body: SecretBytes::from_vec(body::encode(&body)), name: NameChange::None };
        note(unlocked, change, "quarantine.found", &shown, finding.word());
    }

    /// A read succeeded: if the record was listed, it is served again by itself.
    pub fn healed(&self, unlocked: &Unlocked, key: RecordKey) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        {
            let mut listed = self.listed.lock();
            if listed.remove(&key).is_none() {
                return;
            }
            self.count.store(listed.len(), Ordering::Relaxed);
        }
        let place = RecordKey::quarantine(&key.to_bytes());
        if unlocked.index.read().get(place).is_some() {
            note(unlocked, Change::Delete { key: place, name: NameChange::None }, "quarantine.healed", &show(key), "ok");
        }
    }

    /// The listed record that had this name, when its name was learnt only from the log.
    pub fn named(&self, kind: RecordKind, name: &Name) -> Option<Id> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let tag = Some(log::name_tag(kind, name.as_str()));
        let listed = self.listed.lock();
        listed.iter().find(|(key, listed)| key.kind == kind && listed.name_tag == tag).map(|(key, _)| key.id)
    }

    /// Name tags of listed records, for the snapshot.
    pub fn name_tags(&self) -> Vec<(RecordKind, Id, [u8; 8])> {
        let listed = self.listed.lock();
        listed.iter().filter_map(|(key, listed)| listed.name_tag.map(|tag| (key.kind, key.id, tag))).collect()
    }

    /// The finding of a listed record.
    pub fn finding(&self, key: RecordKey) -> Option<Finding> {
        self.listed.lock().get(&key).map(|listed| listed.finding)
    }

    /// Takes a record off the list without a word, for a release that reports itself.
    pub fn remove(&self, key: RecordKey) {
        let mut listed = self.listed.lock();
        listed.remove(&key);
        self.count.store(listed.len(), Ordering::Relaxed);
    }

    /// The list, with names where they are known.
    pub fn views(&self, unlocked: &Unlocked) -> Vec<QuarantineView> {
        let index = unlocked.index.read();
        let listed = self.listed.lock();
        let name_of = |key: &RecordKey| {
            index.names_of(key.kind).find(|(_, id)| **id == key.id).map(|(name, _)| name.to_string())
        };
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

/// A commit of the server's own, which nobody waits for.
fn note(unlocked: &Unlocked, change: Change, operation: &str, target: &str, outcome: &str) {
    let journal = std::sync::Arc::clone(&unlocked.journal);
    let job = Job {
        commit: Commit { changes: vec![change], ..Commit::default() },
        entry: system_entry(now(), operation, target, outcome),
        commit_id: crate::random::id(),
        request_digest: None,
        reply: Vec::new(),
        finish: Box::new(move |outcome| {
            if outcome != Outcome::Done {
                journal.event(Severity::Warning, "quarantine_not_noted", "a quarantine note could not be written");
            }
        }),
    };
    // When the committer has ended the server is stopping; the next start finds the record again.
    drop(unlocked.order(Order::Job(Box::new(job))));
}
