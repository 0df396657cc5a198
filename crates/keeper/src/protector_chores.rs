//! `protector list | add | drop | prove | replace`.

use std::sync::Arc;

use strongroom_engine::policy::Action;
use strongroom_engine::rule::{Change, Commit, NameChange, Trace};
use strongroom_envelope::RecordKey;
use strongroom_envelope::log::AuditEntry;
use strongroom_envelope::protector::ProtectorRecord;
use strongroom_protector::{Given, Kind, Protector, TokenKey, check_strength, configured, renewal};
use strongroom_secret::Passphrase;

use crate::clock::now;
use crate::committer::Order;
use crate::facade::{
    Caller, Failure, LockReason, ProtectorFault, ProtectorMade, ProtectorSpec, ProtectorState, ProtectorView,
};
use crate::journal::Severity;
use crate::keeper::{Inner, Keeper, State, Unsealed};
use crate::protectors::{self, Judged, NotOne};
use crate::quarantine;
use crate::root::{not_configured, wrong_password};
use crate::settle::{commit_and_wait, raise_protector_alarms};
use crate::unlocked::Unlocked;
use crate::witness::describe;
use crate::worker::entry;

/// Protectors of one kind that may exist at once: an unlock tries each password, a start each device.
const MOST_OF_A_KIND: usize = 8;

impl Keeper {
    /// Every protector of the root key.
    pub async fn protector_list(&self, caller: Caller) -> Result<Vec<ProtectorView>, Failure> {
        self.chore(move |inner| inner.protector_list(&caller)).await
    }

    /// Adds a protector; it has been opened back when this answers.
    pub async fn protector_add(&self, caller: Caller, spec: ProtectorSpec) -> Result<ProtectorMade, Failure> {
        let is_by_password = matches!(spec, ProtectorSpec::Password(_));
        let work = move |inner: &Arc<Inner>| inner.protector_add(&caller, spec);
        if is_by_password { self.password_chore(work).await } else { self.chore(work).await }
    }

    /// Drops a protector, by id or by kind. Another must have opened since the process started.
    pub async fn protector_drop(
        &self,
        caller: Caller,
        which: String,
        attended_start: bool,
    ) -> Result<ProtectorView, Failure> {
        self.chore(move |inner| inner.protector_drop(&caller, &which, attended_start)).await
    }

    /// Proves that a protector opens; `typed` is a password, or shares, one in each line.
    pub async fn protector_prove(
        &self,
        caller: Caller,
        which: String,
        typed: Option<Passphrase>,
    ) -> Result<ProtectorView, Failure> {
        let is_typed = typed.is_some();
        let work = move |inner: &Arc<Inner>| inner.protector_prove(&caller, &which, typed);
        if is_typed { self.password_chore(work).await } else { self.chore(work).await }
    }

    /// Makes a protector anew in the place of a broken or tampered one, with another password, or with other shares.
    pub async fn protector_replace(
        &self,
        caller: Caller,
        which: String,
        passphrase: Option<Passphrase>,
    ) -> Result<ProtectorMade, Failure> {
        let is_typed = passphrase.is_some();
        let work = move |inner: &Arc<Inner>| inner.protector_replace(&caller, &which, passphrase);
        if is_typed { self.password_chore(work).await } else { self.chore(work).await }
    }
}

impl Inner {
    /// Permits, runs, and writes the line of a refusal; a change writes its own line with its commit.
    fn protector_chore<T>(
        &self,
        caller: &Caller,
        action: Action,
        target: &str,
        run: impl FnOnce(&Arc<Unsealed>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.permit(caller, action, target)?;
        let outcome = self.unsealed().and_then(|unsealed| run(&unsealed));
        if let Err(failure) = &outcome {
            self.line(caller, action.word(), target, crate::words::failure_word(failure))?;
        }
        outcome
    }

    fn protector_list(&self, caller: &Caller) -> Result<Vec<ProtectorView>, Failure> {
        let action = Action::ProtectorList;
        self.protector_chore(caller, action, "", |unsealed| {
            let mut views: Vec<ProtectorView> =
                unsealed.running.unlocked.protectors.lock().iter().map(|judged| judged.view(true)).collect();
            views.sort_by_key(|view| view.created_at);
            self.line(caller, action.word(), "", "ok")?;
            Ok(views)
        })
    }

    fn protector_add(&self, caller: &Caller, spec: ProtectorSpec) -> Result<ProtectorMade, Failure> {
        let action = Action::ProtectorAdd;
        let kind = spec.kind();
        self.protector_chore(caller, action, kind.name(), |unsealed| {
            let unlocked = &unsealed.running.unlocked;
            let existing = unlocked.protectors.lock().iter().filter(|judged| judged.kind() == Some(kind)).count();
            let most = if matches!(kind, Kind::Account | Kind::Machine) { 1 } else { MOST_OF_A_KIND };
            if existing >= most {
                return Err(exists(kind, existing));
            }
            let (name, given) = spec.given()?;
            let protector = configured(&unsealed.surroundings, kind, &name, given).map_err(not_configured)?;
            put(unlocked, caller, action, None, &*protector)
        })
    }

    fn protector_drop(&self, caller: &Caller, which: &str, attended_start: bool) -> Result<ProtectorView, Failure> {
        let action = Action::ProtectorDrop;
        self.protector_chore(caller, action, which, |unsealed| {
            let unlocked = &unsealed.running.unlocked;
            let all = unlocked.protectors.lock().clone();
            let dropped = one(&all, which)?.clone();
            // What opened at start need not open now: those that would be left are tried again.
            let others: Vec<Judged> =
                all.into_iter().filter(|other| other.key != dropped.key && still_opens(unsealed, other)).collect();
            may_drop(&others, &dropped, attended_start)?;
            take_away(unlocked, &dropped, line(caller, action, &dropped))?;
            forget(unsealed, &dropped);
            raise_protector_alarms(unlocked);
            self.scrub_store()?;
            Ok(dropped.view(false))
        })
    }

    fn protector_prove(
        &self,
        caller: &Caller,
        which: &str,
        typed: Option<Passphrase>,
    ) -> Result<ProtectorView, Failure> {
        let action = Action::ProtectorProve;
        self.protector_chore(caller, action, which, |unsealed| {
            let unlocked = &unsealed.running.unlocked;
            let mut judged = one(&unlocked.protectors.lock(), which)?.clone();
            // The record as it lies in the store: it may have been damaged since the start, or be right again.
            let served = is_served(unlocked, judged.key);
            let stored = protectors::stored(&*unlocked.store).map_err(|_| Failure::StorageFailed)?;
            let record = stored.into_iter().find(|stored| stored.key == judged.key).and_then(|found| found.record.ok());
            let record = record.ok_or_else(|| unreadable(which))?;
            let protector = protector_of(unsealed, &record, typed)?;
            let opened = protector.unwrap(&record).map_err(|error| match record.kind {
                Kind::Password => wrong_password(),
                _ => fault(ProtectorFault::DoesNotOpen, error.to_string(), &error.how_to_mend()),
            })?;
            if !served || !opened.same_as(unlocked.seals.read().root()) {
                let fix = "make it anew with `strongroom protector replace`";
                return Err(fault(ProtectorFault::DoesNotOpen, "its record is not authentic".into(), fix));
            }
            let mut proofs = protectors::proofs(unlocked);
            proofs.note(judged.key.id, now());
            let commit = Commit { changes: vec![protectors::proof_change(&proofs)], ..Commit::default() };
            commit_and_wait(unlocked, commit, line(caller, action, &judged))?;
            (judged.state, judged.reason, judged.proven_at) = (ProtectorState::Proven, None, Some(now()));
            judged.record = Some(record);
            let mut all = unlocked.protectors.lock();
            all.retain(|other| other.key != judged.key);
            all.push(judged.clone());
            drop(all);
            raise_protector_alarms(unlocked);
            Ok(judged.view(false))
        })
    }

    fn protector_replace(
        &self,
        caller: &Caller,
        which: &str,
        passphrase: Option<Passphrase>,
    ) -> Result<ProtectorMade, Failure> {
        let action = Action::ProtectorReplace;
        self.protector_chore(caller, action, which, |unsealed| {
            let unlocked = &unsealed.running.unlocked;
            let old = one(&unlocked.protectors.lock(), which)?.clone();
            if unlocked.index.read().get(old.key).is_none() {
                let what = format!("protector `{which}` was never made by this server");
                return Err(fault(ProtectorFault::NotFound, what, "drop it"));
            }
            let protector = replacement_of(unsealed, &old, which, passphrase)?;
            let made = put(unlocked, caller, action, Some(&old), &*protector)?;
            forget(unsealed, &old);
            self.scrub_wraps(unlocked);
            Ok(made)
        })
    }

    /// Removes old bytes; what an alarm said of them is over then.
    pub(crate) fn scrub_on_request(&self) -> Result<(), Failure> {
        self.scrub_store()?;
        if let Ok(unsealed) = self.unsealed() {
            unsealed.running.unlocked.clear("scrub_failed");
        }
        Ok(())
    }

    /// The wraps of before shall not be found in the store's files. What was made is handed out all the same when that fails: it is
    /// shown this once, and without it nobody could open what it wraps.
    pub(crate) fn scrub_wraps(&self, unlocked: &Unlocked) {
        if self.scrub_store().is_err() {
            let message = "old wraps may still be in the store's files".to_owned();
            let fix = "`strongroom store scrub` removes them; the server's log says why that failed".to_owned();
            unlocked.raise("scrub_failed", message, fix);
        }
    }

    /// Old bytes go: a wrap that was dropped is not left in the store's file.
    pub(crate) fn scrub_store(&self) -> Result<(), Failure> {
        // A store that is locked for its own sake is evidence.
        if let State::Locked(locked) = &*self.state.read()
            && !matches!(locked.reason, LockReason::Administrator | LockReason::Attended)
        {
            return Err(Failure::Locked { reason: locked.reason });
        }
        self.store.scrub().map_err(|error| {
            self.settings.journal.event(Severity::Error, "scrub_failed", &describe(&error));
            Failure::StorageFailed
        })
    }
}

impl ProtectorSpec {
    fn kind(&self) -> Kind {
        match self {
            Self::Account => Kind::Account,
            Self::Machine => Kind::Machine,
            Self::Password(_) => Kind::Password,
            Self::Shares { .. } => Kind::Shares,
            Self::Rsa(_) => Kind::Rsa,
            Self::Pkcs11 { .. } => Kind::Pkcs11,
            Self::Plugin(_) => Kind::Plugin,
        }
    }

    /// The name of its section of the configuration, and what it needs beside that.
    fn given(self) -> Result<(String, Given), Failure> {
        Ok(match self {
            Self::Account | Self::Machine => (String::new(), Given::Nothing),
            Self::Password(passphrase) => {
                strong(&passphrase)?;
                (String::new(), Given::Typed(passphrase))
            }
            Self::Shares { threshold, count } => (String::new(), Given::NewShares { threshold, count }),
            Self::Rsa(name) | Self::Plugin(name) => (name, Given::Nothing),
            Self::Pkcs11 { name, token, label } => (name, Given::Key(TokenKey { token, label })),
        })
    }
}

pub(crate) fn strong(passphrase: &Passphrase) -> Result<(), Failure> {
    check_strength(passphrase)
        .map_err(|refusal| fault(ProtectorFault::Weak, refusal.to_string(), "choose at least 14 characters or 4 words"))
}

/// The protector that opens this record, with what a person typed if it needs a person.
fn protector_of(
    unsealed: &Unsealed,
    record: &ProtectorRecord,
    typed: Option<Passphrase>,
) -> Result<Box<dyn Protector>, Failure> {
    let kind = record.kind;
    let given = match typed {
        Some(typed) if protectors::is_attended(kind) => Given::Typed(typed),
        None if protectors::is_attended(kind) => return Err(nothing_typed(kind)),
        _ => Given::Nothing,
    };
    configured(&unsealed.surroundings, kind, &record.parameter, given).map_err(not_configured)
}

/// The protector that wraps anew in the place of `old`. What a forged record says of tokens, names and numbers is
/// not asked for: whoever wrote it would choose.
fn replacement_of(
    unsealed: &Unsealed,
    old: &Judged,
    which: &str,
    passphrase: Option<Passphrase>,
) -> Result<Box<dyn Protector>, Failure> {
    let record = old.record.as_ref().ok_or_else(|| unreadable(which))?;
    if old.state == ProtectorState::Tampered && record.kind.has_blob() {
        let what = "its record is not authentic, so it does not say what it was made for".into();
        return Err(fault(ProtectorFault::DoesNotOpen, what, "drop it and add it again"));
    }
    let given = match (record.kind, passphrase) {
        (Kind::Password, Some(passphrase)) => {
            strong(&passphrase)?;
            Given::Typed(passphrase)
        }
        (Kind::Password, None) => return Err(nothing_typed(Kind::Password)),
        (_, _) => renewal(record).map_err(|_| unreadable(which))?,
    };
    configured(&unsealed.surroundings, record.kind, &record.parameter, given).map_err(not_configured)
}

fn nothing_typed(kind: Kind) -> Failure {
    let (what, fix) = if kind == Kind::Shares {
        ("shares are needed", "give them on standard input, one in each line")
    } else {
        ("a password is needed", "give it on standard input")
    };
    fault(ProtectorFault::DoesNotOpen, what.into(), fix)
}

fn exists(kind: Kind, existing: usize) -> Failure {
    let what = match existing {
        1 => format!("there is a {kind} protector already"),
        _ => format!("there are {existing} {kind} protectors already"),
    };
    fault(ProtectorFault::Exists, what, "use `strongroom protector replace` to make it anew")
}

/// Wraps the root key with `protector` and commits it, in the place of `old` if there is one.
fn put(
    unlocked: &Unlocked,
    caller: &Caller,
    action: Action,
    old: Option<&Judged>,
    protector: &dyn Protector,
) -> Result<ProtectorMade, Failure> {
    // Devices and programs take their time: the keys are not held meanwhile.
    let root = protectors::copy(unlocked.seals.read().root());
    let fresh = protectors::fresh(protector, &root, now())
        .map_err(|error| fault(ProtectorFault::Surroundings, error.to_string(), &error.how_to_mend()))?;
    drop(root);
    let record = fresh.record.clone();
    let judged = Judged {
        key: record.record_key(),
        record: Some(record),
        state: ProtectorState::Proven,
        reason: None,
        proven_at: Some(now()),
    };
    let mut proofs = protectors::proofs(unlocked);
    let mut commit = protectors::replacement(old.map(|old| old.key), fresh, &mut proofs, now());
    if let Some(old) = old {
        commit.changes.push(quarantine::clearance(old.key));
        unlocked.quarantine.remove(old.key);
    }
    commit_and_wait(unlocked, commit, line(caller, action, &judged))?;
    let mut all = unlocked.protectors.lock();
    all.retain(|other| old.is_none_or(|old| old.key != other.key));
    all.push(judged.clone());
    drop(all);
    raise_protector_alarms(unlocked);
    Ok(ProtectorMade { view: judged.view(false), shares: protector.hand_out() })
}

/// The secret file of a protector that is gone is of no use any more; that it could not be removed is only worth a line.
fn forget(unsealed: &Unsealed, judged: &Judged) {
    let Some(record) = judged.record.as_ref().filter(|_| judged.state != ProtectorState::Tampered) else { return };
    let Some(protector) = protectors::healed(record.kind, &unsealed.surroundings) else { return };
    if let Err(error) = protector.forget(record) {
        let journal = &unsealed.running.unlocked.journal;
        journal.event(Severity::Warning, "secret_file_left", &error.to_string());
    }
}

/// Removes the record, its proof notes, and what was noted about a failure of it.
fn take_away(unlocked: &Unlocked, dropped: &Judged, line: AuditEntry) -> Result<(), Failure> {
    if unlocked.index.read().get(dropped.key).is_none() {
        unlocked.order(Order::Discard(dropped.key))?;
    }
    let mut proofs = protectors::proofs(unlocked);
    proofs.forget(dropped.key.id);
    let change = Change::Delete { key: dropped.key, name: NameChange::None };
    let changes = vec![change, protectors::proof_change(&proofs), quarantine::clearance(dropped.key)];
    unlocked.quarantine.remove(dropped.key);
    commit_and_wait(unlocked, Commit { changes, witnessed: true, ..Commit::default() }, line)?;
    unlocked.protectors.lock().retain(|judged| judged.key != dropped.key);
    Ok(())
}

/// Whether a proven protector is still in the store as it was, and opens; a password only a person could try.
fn still_opens(unsealed: &Unsealed, judged: &Judged) -> bool {
    let unlocked = &unsealed.running.unlocked;
    if judged.state != ProtectorState::Proven || !is_served(unlocked, judged.key) {
        return false;
    }
    let Some(record) = &judged.record else { return false };
    match protectors::unattended(record, &unsealed.surroundings) {
        Some(protector) => protector.unwrap(record).is_ok_and(|opened| opened.same_as(unlocked.seals.read().root())),
        None => protectors::is_attended(record.kind),
    }
}

/// Whether the store holds exactly what the index expects.
fn is_served(unlocked: &Unlocked, key: RecordKey) -> bool {
    unlocked.fetch(&[key]).is_ok_and(|fetched| matches!(fetched[..], [Ok(Some(_))]))
}

fn may_drop(others: &[Judged], dropped: &Judged, attended_start: bool) -> Result<(), Failure> {
    if others.is_empty() {
        return Err(fault(
            ProtectorFault::LastProven,
            "no other protector opens now, or has opened since the server started".into(),
            "add or prove another one first",
        ));
    }
    if dropped.opens_unattended() && !others.iter().any(Judged::opens_unattended) && !attended_start {
        return Err(fault(
            ProtectorFault::LastUnattended,
            "without it the server cannot start without a person".into(),
            "say --attended-start if that is what you want",
        ));
    }
    Ok(())
}

fn one<'a>(all: &'a [Judged], which: &str) -> Result<&'a Judged, Failure> {
    protectors::find(all, which).map_err(|not_one| {
        let what = match not_one {
            NotOne::None => format!("there is no protector `{which}`"),
            NotOne::Several => format!("there are several `{which}` protectors"),
        };
        fault(ProtectorFault::NotFound, what, "name it by the id that `strongroom protector list` shows")
    })
}

fn unreadable(which: &str) -> Failure {
    let fix = "drop it and add another one";
    fault(ProtectorFault::DoesNotOpen, format!("the record of protector `{which}` cannot be read"), fix)
}

fn fault(code: ProtectorFault, what: String, fix: &str) -> Failure {
    Failure::Protector { code, what, fix: fix.to_owned() }
}

fn line(caller: &Caller, action: Action, judged: &Judged) -> AuditEntry {
    let kind = judged.kind().map_or("unknown", Kind::name);
    let trace = Trace::of(format!("{kind} {}", judged.key.id));
    entry(caller, action.word(), &trace, "ok")
}
