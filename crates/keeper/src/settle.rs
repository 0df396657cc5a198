//! What follows an unlock: protectors judged and healed, proofs noted, findings reported, alarms raised.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use strongroom_engine::catalogue::{InstanceBody, ProofBody};
use strongroom_engine::rule::{Change, Commit, NameChange};
use strongroom_envelope::log::AuditEntry;
use strongroom_envelope::{RecordKey, body};
use strongroom_protector::{Kind, Protector, Surroundings};
use strongroom_secret::SecretBytes;

use crate::alarms::alarm;
use crate::boot::{Found, Running};
use crate::clock::now;
use crate::committer::{Job, Order, Outcome};
use crate::facade::{Failure, ProtectorState};
use crate::journal::Severity;
use crate::program;
use crate::protectors::{self, Judged, Tried};
use crate::quarantine::Finding;
use crate::reply::Finish;
use crate::settings::Settings;
use crate::unlocked::Unlocked;
use crate::witness::system_entry;

/// A password that was not proven for this long is an alarm, milliseconds.
const UNPROVEN_LIMIT_MS: i64 = 180 * 24 * 60 * 60 * 1000;

/// Judges, heals, notes, reports. Answers what was healed, for a person.
pub fn settle(
    settings: &Settings,
    running: &Running,
    found: &Found,
    tried: Vec<Tried>,
    surroundings: &Arc<Surroundings>,
) -> Vec<String> {
    let unlocked = &running.unlocked;
    report_findings(unlocked, found);
    let mut proofs = protectors::proofs(unlocked);
    let judged = protectors::judge(unlocked, tried, &found.findings, &proofs, now());
    *unlocked.protectors.lock() = judged.clone();
    let fell_back = fallback(&judged);
    if let Some(reason) = &fell_back {
        proofs.fallback_starts += 1;
        raise(unlocked, "fallback_used", reason);
    }
    for judged in judged.iter().filter(|judged| judged.state == ProtectorState::Proven) {
        proofs.note(judged.key.id, now());
    }
    let healed = heal_all(settings, unlocked, &judged, &mut proofs, surroundings);
    if healed.is_empty() {
        note_proofs(unlocked, &proofs);
    }
    raise_alarms(unlocked, found);
    check_program(unlocked, found.instance.as_ref());
    // Verifying took much more than what stays.
    strongroom_secret::release_freed_memory();
    healed
}

/// What the scan found is reported once, before anything is written over it; what it did not find any more is taken back.
fn report_findings(unlocked: &Unlocked, found: &Found) {
    for (key, finding) in &found.findings {
        if *finding != Finding::WrittenByNewer {
            unlocked.quarantine.report_new(unlocked, *key, *finding);
        }
    }
    unlocked.quarantine.reconcile(unlocked);
}

fn raise(unlocked: &Unlocked, code: &'static str, detail: &str) {
    let alarm = alarm(code, detail);
    unlocked.journal.event(Severity::Warning, code, &alarm.message);
    unlocked.raise(alarm.code, alarm.message, alarm.fix);
}

/// Why the first protector in order was not the one that opened, if so.
fn fallback(judged: &[Judged]) -> Option<String> {
    let unattended = |judged: &&Judged| judged.kind().is_some_and(|kind| !protectors::is_attended(kind));
    let first = judged.iter().find(unattended)?;
    if first.state == ProtectorState::Proven {
        return None;
    }
    let kind = first.kind().map_or("unknown", Kind::name);
    Some(format!("{kind} ({})", first.reason.as_deref().unwrap_or("did not open")))
}

fn heal_all(
    settings: &Settings,
    unlocked: &Unlocked,
    judged: &[Judged],
    proofs: &mut ProofBody,
    surroundings: &Arc<Surroundings>,
) -> Vec<String> {
    let mut healed = Vec::new();
    for judged in judged {
        let Some(kind) = judged.kind() else { continue };
        let Some(protector) = protectors::healed(kind, surroundings) else { continue };
        let Some((code, operation, reason)) = why_heal(judged, &*protector) else { continue };
        if kind == Kind::Machine && !settings.machine_protector {
            continue;
        }
        // Said before it is done: who ends the server in between must not end the alert.
        unlocked.journal.event(Severity::Warning, "protector_healing", &format!("{} ({reason})", kind.name()));
        match heal(unlocked, judged, &*protector, proofs, operation) {
            Ok(told) => {
                raise(unlocked, code, &format!("{} ({reason})", kind.name()));
                healed.push(format!("{told} ({reason})"));
            }
            Err(error) => raise(unlocked, "protector_broken", &format!("{} ({reason}): {error}", kind.name())),
        }
    }
    healed
}

/// Broken, or bound to what is no longer so. A tampered protector is never healed over.
fn why_heal(judged: &Judged, protector: &dyn Protector) -> Option<(&'static str, &'static str, String)> {
    match judged.state {
        ProtectorState::Broken => {
            let reason = judged.reason.clone().unwrap_or_default();
            Some(("protector_healed", "protector.heal", reason))
        }
        ProtectorState::Proven => {
            let moved = protector.binding_changed(judged.record.as_ref()?)?;
            Some(("protector_moved", "protector.rebind", moved))
        }
        ProtectorState::Tampered | ProtectorState::Unproven => None,
    }
}

fn heal(
    unlocked: &Unlocked,
    old: &Judged,
    protector: &dyn Protector,
    proofs: &mut ProofBody,
    operation: &str,
) -> Result<String, String> {
    let fresh = {
        let seals = unlocked.seals.read();
        protectors::fresh(protector, seals.root(), now()).map_err(|error| error.to_string())?
    };
    let record = fresh.record.clone();
    let commit = protectors::replacement(Some(old.key), fresh, proofs, now());
    let target = format!("{} {} for {}", record.kind.name(), record.protector_id, old.key.id);
    commit_and_wait(unlocked, commit, system_entry(now(), operation, &target, "ok"))
        .map_err(|failure| failure.to_string())?;
    let mut all = unlocked.protectors.lock();
    all.retain(|judged| judged.key != old.key);
    let told = format!("{} protector made anew as {}", record.kind.name(), record.protector_id);
    all.push(Judged {
        key: record.record_key(),
        record: Some(record),
        state: ProtectorState::Proven,
        reason: None,
        proven_at: Some(now()),
    });
    Ok(told)
}

fn note_proofs(unlocked: &Unlocked, proofs: &ProofBody) {
    let commit = Commit { changes: vec![protectors::proof_change(proofs)], ..Commit::default() };
    if let Err(failure) = commit_and_wait(unlocked, commit, system_entry(now(), "protector.proven", "", "ok")) {
        unlocked.journal.event(Severity::Warning, "proofs_not_noted", &failure.to_string());
    }
}

/// Alarms that hold as long as what they say is so; also called after protectors change.
pub fn raise_protector_alarms(unlocked: &Unlocked) {
    let judged = unlocked.protectors.lock().clone();
    let set = |code: &'static str, detail: Option<String>| match detail {
        Some(detail) => {
            let alarm = alarm(code, &detail);
            unlocked.raise(alarm.code, alarm.message, alarm.fix);
        }
        None => unlocked.clear(code),
    };
    let offline = judged.iter().any(|judged| {
        judged.state != ProtectorState::Tampered && judged.kind().is_some_and(protectors::works_elsewhere)
    });
    set("no_offline_protector", (!offline).then(String::new));
    let is_broken = |judged: &&Judged| judged.state == ProtectorState::Broken;
    // Of those that are healed it is said when they are not.
    match judged.iter().filter(is_broken).find(|judged| judged.kind().is_some_and(|kind| kind.has_parameter())) {
        Some(broken) => set("protector_broken", Some(broken.told())),
        None if judged.iter().any(|judged| is_broken(&judged)) => {}
        None => set("protector_broken", None),
    }
    let tampered = judged.iter().find(|judged| judged.state == ProtectorState::Tampered);
    set("protector_tampered", tampered.map(|judged| judged.key.id.to_string()));
    let limit = now().0 - UNPROVEN_LIMIT_MS;
    let long_ago = judged
        .iter()
        .find(|judged| judged.state == ProtectorState::Unproven && judged.proven_at.is_none_or(|at| at.0 < limit));
    set("protector_unproven", long_ago.map(|judged| judged.key.id.to_string()));
}

fn raise_alarms(unlocked: &Unlocked, found: &Found) {
    raise_protector_alarms(unlocked);
    for code in &found.alarms {
        raise(unlocked, code, "");
        tell(unlocked, system_entry(now(), &format!("alarm.{code}"), "", "ok"));
    }
    if found.strangers > 0 {
        raise(unlocked, "strangers", &found.strangers.to_string());
        tell(unlocked, system_entry(now(), "alarm.strangers", "", "ok"));
    }
    let newer = found.findings.iter().filter(|(_, finding)| *finding == Finding::WrittenByNewer).count();
    if newer > 0 {
        raise(unlocked, "written_by_newer", &newer.to_string());
    }
    raise_copies(unlocked);
}

/// One machine keeps one copy.
pub fn raise_copies(unlocked: &Unlocked) {
    let single = alarm("single_copy", "");
    unlocked.raise(single.code, single.message, single.fix);
}

/// A line of the server's own that nobody waits for.
pub fn tell(unlocked: &Unlocked, entry: AuditEntry) {
    let finish = Finish::at_once(|_| {});
    drop(unlocked.witness.tell(crate::witness::Note::Line { entry, finish }));
}

fn check_program(unlocked: &Unlocked, instance: Option<&InstanceBody>) {
    let Some(instance) = instance else { return };
    if program::sha256().is_some_and(|digest| digest != instance.program_sha256) {
        raise(unlocked, "program_changed", "");
    }
}

/// The change that seals what program runs here.
pub fn instance_change(instance: &InstanceBody) -> Change {
    let body = SecretBytes::from_vec(body::encode(instance));
    Change::Put { key: RecordKey::INSTANCE, body, name: NameChange::None }
}

/// Hands a commit to the committer and waits until it is witnessed. For threads, not for the runtime.
pub fn commit_and_wait(unlocked: &Unlocked, commit: Commit, entry: AuditEntry) -> Result<(), Failure> {
    let (answer, answered) = sync_channel(1);
    let commit_id = crate::random::id();
    let job = Job {
        commit,
        entry,
        commit_id,
        lost_races: 0,
        request_digest: None,
        reply: Vec::new(),
        finish: Finish::at_once(move |outcome| {
            let _gone = answer.send(outcome);
        }),
    };
    unlocked.order(Order::Job(Box::new(job)))?;
    match answered.recv().map_err(|_| Failure::Stopping)? {
        Outcome::Done => Ok(()),
        Outcome::Conflict | Outcome::Repeated | Outcome::Failed => Err(Failure::StorageFailed),
        Outcome::Full => Err(Failure::StorageFull),
        Outcome::Unknown => Err(Failure::OutcomeUnknown { commit_id }),
        Outcome::Stopped => Err(Failure::WritingStopped),
        Outcome::AuditUnavailable => Err(Failure::AuditUnavailable),
    }
}
