//! The other administrative requests: quarantine, verify, scrub, doctor, the trail, upgrades.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use strongroom_engine::catalogue::{self as bodies, InstanceBody};
use strongroom_engine::policy::Action;
use strongroom_engine::rule::{Change, Commit, NameChange, Refusal, Trace};
use strongroom_engine::secret::SecretVersionBody;
use strongroom_engine::transaction::PartBody;
use strongroom_envelope::body::{self, Body};
use strongroom_envelope::log::AuditEntry;
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp};
use strongroom_secret::SecretBytes;

use crate::alarms::alarm;
use crate::catalogue;
use crate::committer::Order;
use crate::facade::{Alarm, Caller, Failure, QuarantineView, Release, Status, VerifyReport};
use crate::journal::Severity;
use crate::keeper::{Inner, Keeper};
use crate::program;
use crate::quarantine::{self, Finding};
use crate::settle::{commit_and_wait, instance_change};
use crate::unlocked::Unlocked;
use crate::words::failure_word;
use crate::worker::entry;

/// The most lines that one search answers.
const MOST_LINES: usize = 1000;

/// What is looked for in the trail; everything that is given must fit.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// The operation's word.
    pub operation: Option<String>,
    /// The principal.
    pub principal: Option<String>,
    /// The target.
    pub target: Option<String>,
    /// The request id.
    pub request: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// At most so many of the newest; at most 1,000.
    pub limit: usize,
}

impl Keeper {
    /// The state, as an audited operation.
    pub async fn status_read(&self, caller: Caller) -> Result<Status, Failure> {
        let keeper = self.clone();
        self.chore(move |inner| match inner.audited(&caller, Action::Status, "", || Ok(keeper.status())) {
            // The one answer that leaves without its line: it is how one learns that lines cannot be written.
            Err(Failure::AuditUnavailable) => Ok(keeper.status()),
            other => other,
        })
        .await
    }

    /// What is wrong and how to mend it.
    pub async fn doctor(&self, caller: Caller) -> Result<Vec<Alarm>, Failure> {
        let keeper = self.clone();
        self.chore(move |inner| inner.audited(&caller, Action::Doctor, "", || Ok(keeper.status().alarms))).await
    }

    /// Quarantined records.
    pub async fn quarantine_list(&self, caller: Caller) -> Result<Vec<QuarantineView>, Failure> {
        self.chore(move |inner| {
            inner.audited(&caller, Action::QuarantineList, "", || {
                let unsealed = inner.unsealed()?;
                let unlocked = &unsealed.running.unlocked;
                Ok(unlocked.quarantine.views(unlocked))
            })
        })
        .await
    }

    /// Checks a quarantined record again, accepts its older generation, or deletes it. Answers what is still wrong with it.
    pub async fn quarantine_release(
        &self,
        caller: Caller,
        record: String,
        how: Release,
    ) -> Result<Option<QuarantineView>, Failure> {
        self.chore(move |inner| {
            let action = Action::QuarantineRelease;
            inner.permit(&caller, action, &record)?;
            let released = release(inner, &caller, &record, how);
            if let Err(failure) = &released {
                inner.line(&caller, action.word(), &record, failure_word(failure))?;
            }
            released
        })
        .await
    }

    /// Verifies every record now.
    pub async fn verify(&self, caller: Caller) -> Result<VerifyReport, Failure> {
        self.chore(move |inner| {
            inner.audited(&caller, Action::StoreVerify, "", || verify(&inner.unsealed()?.running.unlocked))
        })
        .await
    }

    /// Removes old bytes from the store's files.
    pub async fn scrub(&self, caller: Caller) -> Result<(), Failure> {
        self.chore(move |inner| inner.audited(&caller, Action::StoreScrub, "", || inner.scrub_on_request())).await
    }

    /// Lines of the trail, the newest that fit, oldest first.
    pub async fn audit_search(&self, caller: Caller, query: AuditQuery) -> Result<Vec<String>, Failure> {
        self.chore(move |inner| inner.audited(&caller, Action::AuditSearch, "", || search(inner, &query))).await
    }

    /// Permits what has an effect outside the store, and records that it begins; durable before it answers.
    pub async fn begin_effect(&self, caller: Caller, action: Action, target: String) -> Result<(), Failure> {
        self.chore(move |inner| {
            inner.permit(&caller, action, &target)?;
            inner.line(&caller, action.word(), &target, "begun")
        })
        .await
    }

    /// Notes how archiving went that nobody waits for: why it failed, or none when it works.
    pub fn note_archiving(&self, failed: Option<&str>) {
        let Ok(unsealed) = self.inner.unsealed() else { return };
        let unlocked = &unsealed.running.unlocked;
        match failed.map(|why| alarm("archive_failed", why)) {
            Some(Alarm { code, message, fix }) => {
                self.inner.settings.journal.event(Severity::Error, code, &message);
                unlocked.raise(code, message, fix);
            }
            None => unlocked.clear("archive_failed"),
        }
    }

    /// Accepts that the program has changed.
    pub async fn upgrade_accept(&self, caller: Caller) -> Result<(), Failure> {
        self.chore(move |inner| {
            let action = Action::UpgradeAccept;
            inner.permit(&caller, action, "")?;
            let accepted = inner.unsealed().and_then(|unsealed| accept_program(&unsealed.running.unlocked, &caller));
            if let Err(failure) = &accepted {
                inner.line(&caller, action.word(), "", failure_word(failure))?;
            }
            accepted
        })
        .await
    }
}

impl Inner {
    /// Permits, runs, and writes one durable line whatever came of it.
    pub(crate) fn audited<T>(
        &self,
        caller: &Caller,
        action: Action,
        target: &str,
        run: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.permit(caller, action, target)?;
        let outcome = run();
        let word = outcome.as_ref().map_or_else(failure_word, |_| "ok");
        self.line(caller, action.word(), target, word)?;
        outcome
    }
}

fn release(inner: &Inner, caller: &Caller, shown: &str, how: Release) -> Result<Option<QuarantineView>, Failure> {
    let unsealed = inner.unsealed()?;
    let unlocked = &unsealed.running.unlocked;
    let unknown = || Refusal::NotFound { what: "quarantined record", target: shown.to_owned() };
    let key = quarantine::parse(shown).ok_or_else(unknown)?;
    let finding = unlocked.quarantine.finding(key).ok_or_else(unknown)?;
    let line = entry(caller, Action::QuarantineRelease.word(), &Trace::of(shown), how.word());
    match how {
        // Reading is checking: a record that is right now leaves the list by itself.
        Release::Recheck => {
            drop(unlocked.fetch(&[key])?);
            inner.line(caller, Action::QuarantineRelease.word(), shown, how.word())?;
        }
        Release::AcceptOlder => accept_older(unlocked, key, finding, line)?,
        Release::Delete => delete(unlocked, key, finding, line)?,
    }
    Ok(unlocked.quarantine.views(unlocked).into_iter().find(|view| view.record == shown))
}

impl Release {
    const fn word(self) -> &'static str {
        match self {
            Self::Recheck => "rechecked",
            Self::AcceptOlder => "accepted_older",
            Self::Delete => "deleted",
        }
    }
}

/// Seals an authentic older generation anew. Bytes that do not authenticate are never accepted.
fn accept_older(unlocked: &Unlocked, key: RecordKey, finding: Finding, line: AuditEntry) -> Result<(), Failure> {
    refuse_vital(key)?;
    let not_older = || Refusal::Invalid {
        field: "how",
        reason: "only an authentic older record can be accepted; restore it, recheck it, or delete it".into(),
    };
    if finding != Finding::Older {
        return Err(not_older().into());
    }
    let found = unlocked.store.read(&[&key.to_bytes()]).map_err(|_| Failure::StorageFailed)?.pop().flatten();
    let mut opened = SecretBytes::with_capacity(found.as_ref().map_or(0, Vec::len));
    let found = found.ok_or_else(not_older)?;
    let header = unlocked.seals.read().open(key, &found, &mut opened).map_err(|_| not_older())?;
    if header.generation >= unlocked.index.read().generation(key) {
        return Err(not_older().into());
    }
    let name = older_name(unlocked, key, &opened)?;
    let changes = vec![Change::Put { key, body: opened, name }, quarantine::clearance(key)];
    replace(unlocked, key, finding, changes, line)
}

/// The name an older record had: it is taken again, unless another record has it now.
fn older_name(unlocked: &Unlocked, key: RecordKey, opened: &SecretBytes) -> Result<NameChange, Refusal> {
    let noted = bodies::note(key.kind, opened.expose()).ok().and_then(|noted| noted.name);
    let Some(older) = noted else { return Ok(NameChange::None) };
    let now = name_of(unlocked, key);
    match (unlocked.index.read().id_of(key.kind, &older), now) {
        (Some(holder), _) if holder != key.id => Err(Refusal::NameTaken { name: older.to_string() }),
        (Some(_), _) => Ok(NameChange::None),
        (None, Some(from)) => Ok(NameChange::Move { from, to: older }),
        (None, None) => Ok(NameChange::Take(older)),
    }
}

/// Gives a record up: what the index expects and what is there.
fn delete(unlocked: &Unlocked, key: RecordKey, finding: Finding, line: AuditEntry) -> Result<(), Failure> {
    refuse_vital(key)?;
    let listed = unlocked.index.read().get(key).is_some();
    if !listed {
        unlocked.order(Order::Discard(key))?;
    }
    let name = name_of(unlocked, key).map_or(NameChange::None, NameChange::Free);
    // Without its head nobody can reach a version or a part any more, and what it holds would stay in the store for ever.
    let below = match key.kind {
        RecordKind::Secret => {
            below(unlocked, RecordKind::SecretVersion, |body: SecretVersionBody| body.secret_id == key.id)?
        }
        RecordKind::Transaction => {
            below(unlocked, RecordKind::TransactionStep, |body: PartBody| body.transaction == key.id)?
        }
        _ => Vec::new(),
    };
    let line = AuditEntry { count: below.len() as u64, ..line };
    let gone = |key: &RecordKey| Change::Delete { key: *key, name: NameChange::None };
    let mut changes = vec![Change::Delete { key, name }, quarantine::clearance(key)];
    let most = unlocked.store.limits().commit_changes;
    let (first, rest) = below.split_at(below.len().min(most - changes.len()));
    changes.extend(first.iter().map(gone));
    replace(unlocked, key, finding, changes, line.clone())?;
    for keys in rest.chunks(most) {
        let changes = keys.iter().map(gone).collect();
        commit_and_wait(unlocked, Commit { changes, witnessed: true, ..Commit::default() }, line.clone())?;
    }
    Ok(())
}

/// The authentic records of a kind in the store that say they belong to what is deleted.
fn below<T: Body>(
    unlocked: &Unlocked,
    kind: RecordKind,
    belongs: impl Fn(T) -> bool,
) -> Result<Vec<RecordKey>, Failure> {
    let seals = unlocked.seals.read();
    let mut found = Vec::new();
    let mut opened = SecretBytes::with_capacity(1 << 16);
    let scanned = unlocked.store.scan(&[kind.byte()], &mut |key, sealed| {
        opened.truncate(0);
        if let Ok(key) = RecordKey::from_bytes(key)
            && seals.open(key, sealed, &mut opened).is_ok()
            && body::decode_strict(opened.expose()).is_ok_and(&belongs)
        {
            found.push(key);
        }
        ControlFlow::Continue(())
    });
    scanned.map_err(|_| Failure::StorageFailed)?;
    Ok(found)
}

/// Commits what ends a quarantine; when that fails the record stays listed.
fn replace(
    unlocked: &Unlocked,
    key: RecordKey,
    finding: Finding,
    changes: Vec<Change>,
    line: AuditEntry,
) -> Result<(), Failure> {
    unlocked.quarantine.remove(key);
    let done = commit_and_wait(unlocked, Commit { changes, witnessed: true, ..Commit::default() }, line);
    if done.is_err() {
        unlocked.quarantine.list(key, finding, None);
    }
    done
}

/// Without these nothing opens any more; a protector has rules of its own.
fn refuse_vital(key: RecordKey) -> Result<(), Refusal> {
    let reason = match key.kind {
        RecordKind::Keyring | RecordKind::Instance => "the store cannot do without it; restore it from a copy",
        RecordKind::Protector => "use `strongroom protector replace` or `strongroom protector drop`",
        _ => return Ok(()),
    };
    Err(Refusal::Invalid { field: "record", reason: reason.into() })
}

fn name_of(unlocked: &Unlocked, key: RecordKey) -> Option<strongroom_engine::name::Name> {
    let index = unlocked.index.read();
    index.names_of(key.kind).find(|(_, id)| **id == key.id).map(|(name, _)| name.clone())
}

/// A scan beside running work, which holds nothing up: what differs is settled with the committer before it is a finding, and
/// what was listed before is looked at again.
fn verify(unlocked: &Arc<Unlocked>) -> Result<VerifyReport, Failure> {
    let begun = Instant::now();
    let expected = unlocked.index.read().expectations();
    let inventory = {
        let seals = unlocked.seals.read();
        catalogue::inventory(&*unlocked.store, &seals, &expected).map_err(|_| Failure::StorageFailed)?
    };
    let listed = unlocked.quarantine.keys();
    for key in inventory.findings.into_iter().map(|(key, _)| key).chain(listed) {
        match unlocked.fetch(&[key]) {
            // Nobody knows yet which bytes are right here; the next start does.
            Ok(_) | Err(Failure::WritingStopped) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(VerifyReport {
        records: inventory.verified,
        findings: unlocked.quarantine.views(unlocked),
        milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

fn search(inner: &Inner, query: &AuditQuery) -> Result<Vec<String>, Failure> {
    let invalid = || Refusal::Invalid { field: "request", reason: "a request id is a UUID".into() };
    let request = query.request.as_deref().map(Id::parse).transpose().map_err(|_| invalid())?;
    let filter = strongroom_audit::Filter {
        operation: query.operation.clone(),
        principal: query.principal.clone(),
        target: query.target.clone(),
        request,
        since: query.since,
        until: None,
        limit: None,
    };
    let limit = query.limit.clamp(1, MOST_LINES);
    let mut newest = VecDeque::with_capacity(limit);
    strongroom_audit::search(&inner.settings.trail_directory(), &filter, &mut |_, raw| {
        if newest.len() == limit {
            newest.pop_front();
        }
        newest.push_back(String::from_utf8_lossy(raw).into_owned());
        ControlFlow::Continue(())
    })
    .map_err(|_| Failure::AuditUnavailable)?;
    Ok(newest.into())
}

fn accept_program(unlocked: &Arc<Unlocked>, caller: &Caller) -> Result<(), Failure> {
    let fetched = unlocked.fetch(&[RecordKey::INSTANCE])?.pop();
    let opened = fetched.and_then(Result::ok).flatten().ok_or(Failure::StorageFailed)?;
    let mut instance: InstanceBody = body::decode_strict(opened.body.expose()).map_err(|_| Failure::StorageFailed)?;
    instance.program_sha256 = program::sha256().ok_or(Failure::StorageFailed)?;
    let commit = Commit { changes: vec![instance_change(&instance)], witnessed: true, ..Commit::default() };
    let entry = entry(caller, Action::UpgradeAccept.word(), &Trace::default(), "ok");
    commit_and_wait(unlocked, commit, entry)?;
    unlocked.clear("program_changed");
    Ok(())
}
