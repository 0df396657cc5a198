//! The protectors of the root key: which opened, how each is judged, and the healing of broken ones.

use std::sync::Arc;

use strongroom_engine::catalogue::ProofBody;
use strongroom_engine::rule::{Change, Commit, NameChange};
use strongroom_envelope::protector::{ProtectorRecord, ProtectorRefusal, body_of, parse};
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp, body, protector};
use strongroom_protector::{Given, Kind, Protector, Surroundings, WrapError, configured};
use strongroom_secret::{RootKey, SecretBytes};
use strongroom_store::{Store, StoreError};

use crate::facade::{ProtectorState, ProtectorView};
use crate::quarantine::Finding;
use crate::settle::raise_protector_alarms;
use crate::unlocked::Unlocked;

/// One protector record as it lies in the store: hostile until the root key has vouched for it.
pub struct Stored {
    /// Where it lies.
    pub key: RecordKey,
    /// What it says, or why it says nothing.
    pub record: Result<ProtectorRecord, ProtectorRefusal>,
}

/// One protector, tried.
pub struct Tried {
    /// Where its record lies.
    pub key: RecordKey,
    /// What it says, if it says anything.
    pub record: Option<ProtectorRecord>,
    /// The candidate, or why there is none.
    pub outcome: Outcome,
}

/// What trying a protector came to.
pub enum Outcome {
    /// It yields this candidate.
    Candidate(RootKey),
    /// It does not open.
    Closed {
        /// Why.
        reason: String,
        /// What to do.
        mend: String,
    },
    /// It needs a person.
    Attended,
}

/// How a protector is judged once the root key and the catalogue are there.
#[derive(Clone)]
pub struct Judged {
    /// Where its record lies.
    pub key: RecordKey,
    /// What it says, if it says anything.
    pub record: Option<ProtectorRecord>,
    /// The judgement.
    pub state: ProtectorState,
    /// Why it does not open, or how it was tampered with.
    pub reason: Option<String>,
    /// When it last opened.
    pub proven_at: Option<Timestamp>,
}

/// Why [`Choice::Unvouched`] keeps the store locked.
pub const UNVOUCHED: &str = "there is no anchor, and only protectors opened that anybody could have made who has \
     their public part: `strongroom anchor accept`, or `root_id` in the configuration, says that the root key is right";

/// Which root key the candidates vouch for.
pub enum Choice {
    /// This one.
    Root(RootKey),
    /// This one, and nothing says that it is ours: only protectors opened that others can make, and there is no anchor.
    Unvouched(RootKey),
    /// No protector opened.
    None,
    /// What they yield is another root key than the anchor's, or they differ among themselves.
    Foreign,
}

/// All protector records in the store.
pub fn stored(store: &dyn Store) -> Result<Vec<Stored>, StoreError> {
    let mut found = Vec::new();
    store.scan(&[RecordKind::Protector.byte()], &mut |key, bytes| {
        if let Ok(key) = RecordKey::from_bytes(key) {
            found.push(Stored { key, record: parse(key, bytes).map(|parsed| parsed.record) });
        }
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Chooses the root key among the candidates; `expected` is the root id that anchor or configuration vouch for.
///
/// Without one, all candidates have to be the same, and one has to come from a protector whose secret nobody outside
/// has: anybody who has a certificate can wrap a root key of his own for it.
pub fn choose(tried: &[Tried], expected: Option<[u8; 16]>) -> Choice {
    let mut chosen: Option<&RootKey> = None;
    let mut any = false;
    let mut is_vouched_for = expected.is_some();
    for (kind, candidate) in tried.iter().filter_map(Tried::candidate) {
        any = true;
        match (expected, chosen) {
            (Some(expected), _) if protector::root_id(candidate) != expected => {}
            (None, Some(chosen)) if !chosen.same_as(candidate) => return Choice::Foreign,
            _ => chosen = Some(candidate),
        }
        is_vouched_for |= vouches(kind);
    }
    match chosen {
        Some(root) if is_vouched_for => Choice::Root(copy(root)),
        Some(root) => Choice::Unvouched(copy(root)),
        None if any => Choice::Foreign,
        None => Choice::None,
    }
}

/// Whether only who knows a secret can have made what a protector of this kind opens.
const fn vouches(kind: Kind) -> bool {
    match kind {
        Kind::Account | Kind::Machine | Kind::Password | Kind::Shares => true,
        Kind::Rsa | Kind::Pkcs11 | Kind::Plugin => false,
    }
}

/// A copy that can be wrapped while others use the keys.
pub fn copy(root: &RootKey) -> RootKey {
    RootKey::fill_with(|key| key.copy_from_slice(root.expose()))
}

impl Tried {
    fn candidate(&self) -> Option<(Kind, &RootKey)> {
        match (&self.outcome, &self.record) {
            (Outcome::Candidate(root), Some(record)) => Some((record.kind, root)),
            _ => None,
        }
    }
}

/// Judges every protector, listed or found. `findings` are those of the start-up scan.
pub fn judge(
    unlocked: &Unlocked,
    tried: Vec<Tried>,
    findings: &[(RecordKey, Finding)],
    proofs: &ProofBody,
    now: Timestamp,
) -> Vec<Judged> {
    let finding_of = |key: RecordKey| findings.iter().find(|(found, _)| *found == key).map(|(_, finding)| *finding);
    let mut judged: Vec<Judged> = tried
        .into_iter()
        .map(|tried| {
            let mut judged = judge_one(unlocked, &tried, proofs.last_proven_at(tried.key.id), now);
            if let Some(finding) = finding_of(tried.key) {
                judged.state = ProtectorState::Tampered;
                judged.reason = Some(format!("the record is {}", finding.word()));
            }
            judged
        })
        .collect();
    let missing =
        findings.iter().filter(|(key, finding)| key.kind == RecordKind::Protector && *finding == Finding::Missing);
    judged.extend(missing.map(|(key, _)| Judged {
        key: *key,
        record: None,
        state: ProtectorState::Tampered,
        reason: Some("the record is missing".into()),
        proven_at: proofs.last_proven_at(key.id),
    }));
    judged
}

fn judge_one(unlocked: &Unlocked, tried: &Tried, proven_at: Option<Timestamp>, now: Timestamp) -> Judged {
    let (state, reason, proven_at) = match &tried.outcome {
        Outcome::Candidate(root) if root.same_as(unlocked.seals.read().root()) => {
            (ProtectorState::Proven, None, Some(now))
        }
        Outcome::Candidate(_) => (ProtectorState::Tampered, Some("it yields another root key".to_owned()), proven_at),
        Outcome::Closed { reason, .. } => (ProtectorState::Broken, Some(reason.clone()), proven_at),
        Outcome::Attended => (ProtectorState::Unproven, None, proven_at),
    };
    Judged { key: tried.key, record: tried.record.clone(), state, reason, proven_at }
}

/// The record of a protector failed while the server runs: it is not one that opens any more.
pub fn distrust(unlocked: &Unlocked, key: RecordKey, finding: Finding) {
    for judged in unlocked.protectors.lock().iter_mut().filter(|judged| judged.key == key) {
        judged.state = ProtectorState::Tampered;
        judged.reason = Some(format!("the record is {}", finding.word()));
    }
    raise_protector_alarms(unlocked);
}

/// The record of a protector is right again. That it opens is shown by `prove` or the next start.
pub fn trust_again(unlocked: &Unlocked, key: RecordKey) {
    let stored = stored(&*unlocked.store).unwrap_or_default();
    let record = stored.into_iter().find(|stored| stored.key == key).and_then(|found| found.record.ok());
    for judged in unlocked.protectors.lock().iter_mut().filter(|judged| judged.key == key) {
        judged.state = ProtectorState::Unproven;
        judged.reason = None;
        judged.record = record.clone();
    }
    raise_protector_alarms(unlocked);
}

impl Judged {
    /// The row of `protector list`; the wrapped key only when `wrapped` is asked for.
    pub fn view(&self, wrapped: bool) -> ProtectorView {
        let record = self.record.as_ref();
        ProtectorView {
            id: self.key.id,
            kind: record.map_or_else(|| "unknown".to_owned(), |record| record.kind.name().to_owned()),
            attended: record.is_some_and(|record| is_attended(record.kind)),
            bound_to: record.map(|record| record.bound_to.clone()).unwrap_or_default(),
            thumbprint: record.map_or([0; 32], ProtectorRecord::thumbprint),
            created_at: record.map_or(Timestamp(0), |record| record.created_at),
            last_proven_at: self.proven_at,
            state: self.state,
            reason: self.reason.clone(),
            wrapped: record.filter(|_| wrapped).map(|record| record.wrapped.to_vec()),
        }
    }

    /// What it is and why it does not open, in one line.
    pub fn told(&self) -> String {
        let kind = self.kind().map_or("unknown", Kind::name);
        let name = self.record.as_ref().map_or("", |record| record.parameter.as_str());
        let reason = self.reason.as_deref().unwrap_or("did not open");
        if name.is_empty() { format!("{kind} ({reason})") } else { format!("{kind}:{name} ({reason})") }
    }

    /// Its kind, when its record can be read.
    pub fn kind(&self) -> Option<Kind> {
        self.record.as_ref().map(|record| record.kind)
    }

    /// Whether it opened since this process started and needs no person.
    pub fn opens_unattended(&self) -> bool {
        self.state == ProtectorState::Proven && self.kind().is_some_and(|kind| !is_attended(kind))
    }
}

/// Whether protectors of this kind need a person.
pub const fn is_attended(kind: Kind) -> bool {
    match kind {
        Kind::Account | Kind::Machine | Kind::Rsa | Kind::Pkcs11 | Kind::Plugin => false,
        Kind::Password | Kind::Shares => true,
    }
}

/// Whether a protector of this kind opens on another host and for another account, too.
pub const fn works_elsewhere(kind: Kind) -> bool {
    match kind {
        Kind::Account | Kind::Machine | Kind::Pkcs11 | Kind::Plugin => false,
        Kind::Password | Kind::Shares | Kind::Rsa => true,
    }
}

/// A new protector, wrapped and opened back, ready to be committed.
pub struct Fresh {
    /// Its record.
    pub record: ProtectorRecord,
    /// The change that stores it.
    pub change: Change,
}

/// Why a new protector could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FreshError {
    /// It could not wrap.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// Its record would not be readable.
    #[error(transparent)]
    Record(#[from] ProtectorRefusal),
}

impl FreshError {
    /// What the operator can do about it.
    pub fn how_to_mend(&self) -> String {
        match self {
            Self::Wrap(error) => error.how_to_mend(),
            Self::Record(_) => "give the protector shorter names and labels".to_owned(),
        }
    }
}

/// Wraps the root key anew. The wrap has been opened back when this returns; nothing existing was changed.
pub fn fresh(protector: &dyn Protector, root: &RootKey, now: Timestamp) -> Result<Fresh, FreshError> {
    let id = crate::random::id();
    let record = protector.wrap(root, id, &mut |buffer| strongroom_crypto::random::fill(buffer), now)?;
    let body = SecretBytes::from_vec(body_of(&record)?);
    let change = Change::Put { key: record.record_key(), body, name: NameChange::None };
    Ok(Fresh { record, change })
}

/// The protector that opens this record without a person.
pub fn unattended(record: &ProtectorRecord, surroundings: &Arc<Surroundings>) -> Option<Box<dyn Protector>> {
    configured(surroundings, record.kind, &record.parameter, Given::Nothing).ok()
}

/// The protector of a kind that keeps a secret file, and is healed.
pub fn healed(kind: Kind, surroundings: &Arc<Surroundings>) -> Option<Box<dyn Protector>> {
    strongroom_protector::unattended(surroundings).into_iter().find(|protector| protector.kind() == kind)
}

/// A commit that puts `fresh` in the place of `old`, with the proof notes that follow.
pub fn replacement(old: Option<RecordKey>, fresh: Fresh, proofs: &mut ProofBody, now: Timestamp) -> Commit {
    let mut changes = vec![fresh.change];
    if let Some(old) = old {
        changes.push(Change::Delete { key: old, name: NameChange::None });
        proofs.forget(old.id);
    }
    proofs.note(fresh.record.protector_id, now);
    changes.push(proof_change(proofs));
    Commit { changes, witnessed: true, ..Commit::default() }
}

/// The change that stores the proof notes.
pub fn proof_change(proofs: &ProofBody) -> Change {
    let body = SecretBytes::from_vec(body::encode(proofs));
    Change::Put { key: RecordKey::PROOF, body, name: NameChange::None }
}

/// The proof notes as they are stored.
pub fn proofs(unlocked: &Unlocked) -> ProofBody {
    let fetched = unlocked.fetch(&[RecordKey::PROOF]).ok().and_then(|mut records| records.pop());
    let opened = fetched.and_then(Result::ok).flatten();
    opened.and_then(|opened| body::decode_strict(opened.body.expose()).ok()).unwrap_or_default()
}

/// Finds one protector by id or, when there is only one such, by kind or by kind and name: `rsa:office`.
pub fn find<'a>(judged: &'a [Judged], which: &str) -> Result<&'a Judged, NotOne> {
    if let Ok(id) = Id::parse(which) {
        return judged.iter().find(|judged| judged.key.id == id).ok_or(NotOne::None);
    }
    let (kind_name, name) = which.split_once(':').map_or((which, None), |(kind, name)| (kind, Some(name)));
    let is_meant =
        |record: &ProtectorRecord| record.kind.name() == kind_name && name.is_none_or(|name| record.parameter == name);
    let mut of_kind = judged.iter().filter(|judged| judged.record.as_ref().is_some_and(is_meant));
    match (of_kind.next(), of_kind.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(NotOne::Several),
        (None, _) => Err(NotOne::None),
    }
}

/// Why [`find`] found not exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOne {
    /// There is none.
    None,
    /// There are several of the kind.
    Several,
}
