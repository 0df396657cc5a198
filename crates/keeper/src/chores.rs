//! The other administrative requests: quarantine, verify, scrub, doctor, the trail, upgrades.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use strongroom_engine::catalogue::{self as bodies, InstanceBody};
use strongroom_engine::policy::Action;
use strongroom_engine::rule::{Change, Commit, NameChange, Refusal, Trace};
use strongroom_envelope::{Id, RecordKey, Timestamp, body};
use strongroom_secret::SecretBytes;

use crate::catalogue;
use crate::committer::Order;
use crate::facade::{Alarm, Caller, Failure, QuarantineView, Release, Status, VerifyReport};
use crate::keeper::{Inner, Keeper, Unsealed};
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
        self.chore(move |inner| inner.audited(&caller, Action::Status, "", || Ok(keeper.status()))).await
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
            let released = inner.unsealed().and_then(|unsealed| release(&unsealed, &caller, &record, how));
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
        self.chore(move |inner| inner.audited(&caller, Action::StoreScrub, "", || inner.scrub_store())).await
    }

    /// Lines of the trail, the newest that fit, oldest first.
    pub async fn audit_search(&self, caller: Caller, query: AuditQuery) -> Result<Vec<String>, Failure> {
        self.chore(move |inner| inner.audited(&caller, Action::AuditSearch, "", || search(inner, &query))).await
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
    fn audited<T>(
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

fn release(
    unsealed: &Arc<Unsealed>,
    caller: &Caller,
    shown: &str,
    how: Release,
) -> Result<Option<QuarantineView>, Failure> {
    let unlocked = &unsealed.running.unlocked;
    let unknown = || Refusal::NotFound { what: "quarantined record", target: shown.to_owned() };
    let key = quarantine::parse(shown).ok_or_else(unknown)?;
    let finding = unlocked.quarantine.finding(key).ok_or_else(unknown)?;
    let trace = Trace::of(shown);
    let line = entry(caller, Action::QuarantineRelease.word(), &trace, how.word());
    match how {
        // Reading is checking: a record that is right now leaves the list by itself.
        Release::Recheck => {
            drop(unlocked.fetch(&[key])?);
            crate::settle::tell(unlocked, line);
        }
        Release::AcceptOlder => accept_older(unlocked, key, finding, line)?,
        Release::Delete => delete(unlocked, key, line)?,
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
fn accept_older(
    unlocked: &Unlocked,
    key: RecordKey,
    finding: Finding,
    line: strongroom_envelope::log::AuditEntry,
) -> Result<(), Failure> {
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
    unlocked.seals.read().open(key, &found, &mut opened).map_err(|_| not_older())?;
    let name = match bodies::note(key.kind, opened.expose()).ok().and_then(|noted| noted.name) {
        Some(name) if unlocked.index.read().id_of(key.kind, &name).is_none() => NameChange::Take(name),
        Some(_) | None => NameChange::None,
    };
    let mut changes = vec![Change::Put { key, body: opened, name }];
    changes.extend(note_change(unlocked, key));
    commit_and_wait(unlocked, Commit { changes, witnessed: true, ..Commit::default() }, line)?;
    unlocked.quarantine.remove(key);
    Ok(())
}

/// Gives a record up: what the index expects and what is there.
fn delete(unlocked: &Unlocked, key: RecordKey, line: strongroom_envelope::log::AuditEntry) -> Result<(), Failure> {
    let mut changes: Vec<Change> = note_change(unlocked, key).into_iter().collect();
    if unlocked.index.read().get(key).is_some() {
        let name = name_of(unlocked, key).map_or(NameChange::None, NameChange::Free);
        changes.push(Change::Delete { key, name });
    } else {
        unlocked.order(Order::Discard(key))?;
    }
    if changes.is_empty() {
        crate::settle::tell(unlocked, line);
    } else {
        commit_and_wait(unlocked, Commit { changes, witnessed: true, ..Commit::default() }, line)?;
    }
    unlocked.quarantine.remove(key);
    Ok(())
}

fn name_of(unlocked: &Unlocked, key: RecordKey) -> Option<strongroom_engine::name::Name> {
    let index = unlocked.index.read();
    index.names_of(key.kind).find(|(_, id)| **id == key.id).map(|(name, _)| name.clone())
}

/// The change that removes the note about a quarantined record, if there is one.
fn note_change(unlocked: &Unlocked, key: RecordKey) -> Option<Change> {
    let place = RecordKey::quarantine(&key.to_bytes());
    let noted = unlocked.index.read().get(place).is_some();
    noted.then_some(Change::Delete { key: place, name: NameChange::None })
}

/// A scan beside running work: what differs is settled with the committer before it is a finding.
fn verify(unlocked: &Arc<Unlocked>) -> Result<VerifyReport, Failure> {
    let begun = Instant::now();
    let (records, differing) = {
        let seals = unlocked.seals.read();
        let index = unlocked.index.read();
        let inventory = catalogue::inventory(&*unlocked.store, &seals, &index).map_err(|_| Failure::StorageFailed)?;
        (inventory.verified, inventory.findings)
    };
    for (key, finding) in differing {
        if finding == Finding::Extra {
            unlocked.quarantine.found(unlocked, key, finding);
        } else {
            drop(unlocked.fetch(&[key])?);
        }
    }
    Ok(VerifyReport {
        records,
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
    let mut instance: InstanceBody =
        body::decode_strict(opened.body.expose()).map_err(|_| Failure::StorageFailed)?;
    instance.program_sha256 = program::sha256().ok_or(Failure::StorageFailed)?;
    let commit = Commit { changes: vec![instance_change(&instance)], witnessed: true, ..Commit::default() };
    let entry = entry(caller, Action::UpgradeAccept.word(), &Trace::default(), "ok");
    commit_and_wait(unlocked, commit, entry)?;
    unlocked.clear("program_changed");
    Ok(())
}

