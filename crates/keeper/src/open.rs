//! Opening an instance: the first start, or the boot order of an existing one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_audit::TrailError;
use strongroom_envelope::Id;
use strongroom_protector::{Kind, Surroundings};
use strongroom_secret::harden;
use strongroom_store::OpenError as FileError;
use strongroom_store::{DataDirectory, DirectoryError, OpenOptions, SqliteStore, Store, StoreError};

use crate::anchor::{AnchorError, AnchorFile, resolved};
use crate::at_hand::AtHand;
use crate::boot::{self, BootError, Witnessing};
use crate::clock::now;
use crate::facade::{Alarm, LockReason};
use crate::first_start::{FirstStartError, first_start};
use crate::journal::Severity;
use crate::keeper::{Keeper, Locked, State, Unsealed};
use crate::protectors::{self, Choice, Outcome, Stored, Tried};
use crate::settings::{Settings, StartReport};
use crate::settle::settle;
use crate::verdict::Remembered;
use crate::witness::{describe, system_entry};

/// Why an instance could not be opened. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The program does not compute what it must.
    #[error("the program's self-test failed")]
    SelfTest(#[from] strongroom_crypto::selftest::SelfTestFailure),
    /// The data directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The store's file cannot be used.
    #[error(transparent)]
    StoreFile(#[from] strongroom_store::OpenError),
    /// The store could not be read.
    #[error("reading the store")]
    Store(#[from] StoreError),
    /// The anchor cannot be used.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// Whoever copies the data would have the key to it as well.
    #[error("the protector's secret files would lie inside the data directory, in {}", .0.display())]
    SecretsInside(PathBuf),
    /// The trail, the threads.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The instance could not be made.
    #[error("making a new instance")]
    FirstStart(#[from] FirstStartError),
    /// There is no place for a protector's secret file.
    #[error(transparent)]
    Surroundings(#[from] strongroom_protector::SurroundingsError),
    /// No protector opens and none that needs a person exists.
    #[error("no protector opens the root key; nothing was changed\n{report}")]
    NoProtectorOpens {
        /// Each protector, what it is bound to, why it failed, what to do.
        report: String,
    },
    /// A thread could not be started.
    #[error("starting a thread")]
    Thread(#[from] std::io::Error),
}

impl OpenError {
    /// Whether something is not as this program left it; starting again does not help.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::SelfTest(_) | Self::Store(StoreError::Damaged(_)) => true,
            Self::StoreFile(error) => is_altered(error),
            Self::Boot(BootError::Trail(error)) => is_damage(error),
            _ => false,
        }
    }

    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::SelfTest(_) => "do not use this program; install it again",
            Self::Directory(DirectoryError::InUse { .. }) => {
                "a server runs on it already: use that one, or stop it first"
            }
            Self::Directory(_) => {
                "name a directory on a local volume that belongs to this account, or one that is not there yet"
            }
            Self::StoreFile(FileError::Missing { .. }) => "name the data directory: `--data`",
            Self::StoreFile(FileError::Full(_)) | Self::Store(StoreError::Full(_)) => {
                "make room on the volume of the data directory"
            }
            Self::StoreFile(FileError::Held(_)) | Self::Store(StoreError::Held(_)) => {
                "end the other program that has the store open"
            }
            Self::StoreFile(_) | Self::Store(_) => {
                "check the disk and who writes to the data directory; restore a copy if need be"
            }
            Self::Anchor(AnchorError::Inside(_)) => "put the anchor on another volume: `--anchor-dir`",
            Self::Anchor(AnchorError::InUse(_)) => {
                "another server holds it: stop that one, or give each its own `--anchor-dir`"
            }
            Self::Anchor(_) => "give the anchor's directory to this account; never delete the anchor file",
            Self::SecretsInside(_) => {
                "set STRONGROOM_ACCOUNT_DIR and STRONGROOM_MACHINE_DIR to directories outside of it"
            }
            Self::Boot(BootError::Trail(error)) | Self::FirstStart(FirstStartError::Boot(BootError::Trail(error))) => {
                trail_fix(error)
            }
            Self::Boot(_) | Self::FirstStart(_) => "check the disk, its free space and the owner of the directories",
            Self::Surroundings(_) => "set the directories as the message says",
            Self::NoProtectorOpens { .. } => "mend one of the protectors above; nothing was written",
            Self::Thread(_) => "give this process more memory or threads",
        }
    }
}

/// Whether the store's file is another than the one that was left. A full or failing disk is not: it may be well again.
fn is_altered(error: &FileError) -> bool {
    match error {
        FileError::ForeignEntry { .. }
        | FileError::LeftOver { .. }
        | FileError::ForeignFile { .. }
        | FileError::Newer { .. }
        | FileError::UnknownFormat { .. }
        | FileError::ForeignSchema { .. }
        | FileError::ForeignRow
        | FileError::NotWal
        | FileError::Damaged(_) => true,
        FileError::Missing { .. }
        | FileError::File { .. }
        | FileError::Setting(_)
        | FileError::Held(_)
        | FileError::Full(_)
        | FileError::Recover(_)
        | FileError::Failed(_) => false,
    }
}

fn is_damage(error: &TrailError) -> bool {
    matches!(error, TrailError::Broken { .. } | TrailError::KeyLost { .. } | TrailError::Truncated { .. })
}

fn trail_fix(error: &TrailError) -> &'static str {
    match error {
        error if is_damage(error) => {
            "keep the trail's folder as evidence under another name and start again: a new trail begins, with an alarm"
        }
        TrailError::InUse => "another server writes it: stop that one, or give each its own `--audit-dir`",
        TrailError::Folder { .. } | TrailError::Segment { .. } | TrailError::KeyFile { .. } => {
            "give the trail's folder to this account and see that its volume has room"
        }
        _ => "start again",
    }
}

impl Keeper {
    /// Opens the instance in `settings.data`, or makes one there. Locked is no error. Blocks.
    pub fn open(settings: Settings) -> Result<(Self, StartReport), OpenError> {
        let directory = DataDirectory::open_or_create(&settings.data)?;
        let store = SqliteStore::open(directory.canonical(), OpenOptions::default())?;
        Self::open_with(settings, directory, Arc::new(store))
    }

    /// As [`Keeper::open`], over another store.
    pub fn open_with(
        settings: Settings,
        directory: DataDirectory,
        store: Arc<dyn Store>,
    ) -> Result<(Self, StartReport), OpenError> {
        let hardening = harden::process();
        strongroom_crypto::selftest::run()?;
        let anchor = AnchorFile::open(&settings.anchor_directory, directory.canonical())?;
        refuse_secrets_inside(&settings, directory.canonical())?;
        let trail = boot::trail_settings(&settings);
        let remembered = boot::remembered(anchor.newest(), &trail).map_err(BootError::Trail)?;
        let stored = protectors::stored(&*store)?;
        let mut report = StartReport { hardening, ..StartReport::empty() };
        let state = if !stored.is_empty() || !is_empty(&*store)? {
            existing(&settings, &store, anchor, &remembered, &stored, &mut report)?
        } else if remembered.knows_an_instance() {
            let store_id = remembered.slot.as_ref().map_or(Id::NIL, |slot| slot.store_id);
            let detail = "the directory is empty, but anchor or trail remember an instance in it".to_owned();
            stay_locked(
                &settings,
                LockReason::InstanceMissing,
                detail,
                store_id,
                Witnessing::Anchor(Box::new(anchor)),
                &mut report,
            )
        } else {
            let (running, surroundings) = first_start(&settings, Arc::clone(&store), anchor)?;
            report.created = true;
            report.audit_key_zero = key_zero(&settings);
            State::Unlocked(Arc::new(Unsealed { running, surroundings }))
        };
        finish_report(&state, &mut report);
        if report.alarms.iter().any(|alarm| alarm.code == "trail_missing") {
            report.audit_key_zero = key_zero(&settings);
        }
        Ok((Self::assemble(settings, directory, store, state)?, report))
    }
}

impl StartReport {
    fn empty() -> Self {
        Self {
            created: false,
            locked: None,
            explanation: None,
            hardening: harden::HardeningReport { measures: Vec::new() },
            protectors: Vec::new(),
            healed: Vec::new(),
            alarms: Vec::new(),
            audit_key_zero: None,
            records: 0,
            milliseconds: 0,
        }
    }
}

/// A directory that cannot be determined is refused where it is needed.
fn refuse_secrets_inside(settings: &Settings, data: &Path) -> Result<(), OpenError> {
    let Ok(surroundings) = Surroundings::resolve(Id::NIL, &settings.protector) else { return Ok(()) };
    for directory in [&surroundings.account_directory, &surroundings.machine_directory] {
        if resolved(directory).is_ok_and(|directory| directory.starts_with(data)) {
            return Err(OpenError::SecretsInside(directory.clone()));
        }
    }
    Ok(())
}

fn is_empty(store: &dyn Store) -> Result<bool, StoreError> {
    let mut empty = true;
    store.scan(&[], &mut |_, _| {
        empty = false;
        std::ops::ControlFlow::Break(())
    })?;
    Ok(empty)
}

/// The store the records speak of: the anchor's word, else what the protector records agree on.
fn store_id(remembered: &Remembered, stored: &[Stored]) -> Option<Id> {
    let from_anchor = remembered.slot.as_ref().map(|slot| slot.store_id);
    from_anchor.or_else(|| stored.iter().find_map(|stored| stored.record.as_ref().ok().map(|record| record.store_id)))
}

/// Whether there are protector records and not one of them is of this store.
fn is_of_another_store(store_id: Id, stored: &[Stored]) -> bool {
    let mut named = stored.iter().filter_map(|stored| stored.record.as_ref().ok()).map(|record| record.store_id);
    named.next().is_some_and(|first| first != store_id && named.all(|other| other != store_id))
}

fn existing(
    settings: &Settings,
    store: &Arc<dyn Store>,
    anchor: AnchorFile,
    remembered: &Remembered,
    stored: &[Stored],
    report: &mut StartReport,
) -> Result<State, OpenError> {
    let store_id = store_id(remembered, stored).unwrap_or(Id::NIL);
    if is_of_another_store(store_id, stored) {
        let detail = format!("the anchor is of store {store_id}, and no protector record in the directory is");
        let witnessing = Witnessing::Anchor(Box::new(anchor));
        return Ok(stay_locked(settings, LockReason::ForeignAnchor, detail, store_id, witnessing, report));
    }
    let surroundings = Arc::new(Surroundings::resolve(store_id, &settings.protector)?);
    let tried = AtHand::here(&surroundings).attempt(stored);
    let expected = expected_root_id(settings, remembered);
    let root = match protectors::choose(&tried, expected) {
        Choice::Root(root) => root,
        Choice::Foreign => {
            let detail = "the protectors yield another root key than the anchor's, or different ones".to_owned();
            let witnessing = Witnessing::Anchor(Box::new(anchor));
            return Ok(stay_locked(settings, LockReason::ForeignRoot, detail, store_id, witnessing, report));
        }
        Choice::Unvouched(_) => {
            let witnessing = Witnessing::Anchor(Box::new(anchor));
            let detail = protectors::UNVOUCHED.to_owned();
            return Ok(stay_locked(settings, LockReason::ForeignRoot, detail, store_id, witnessing, report));
        }
        Choice::None => return nothing_opened(settings, anchor, store_id, &tried, report),
    };
    let mut witnessing = Some(Witnessing::Anchor(Box::new(anchor)));
    match boot::establish(settings, Arc::clone(store), root, store_id, remembered, &mut witnessing) {
        Ok((running, found)) => {
            report.records = found.records;
            report.milliseconds = found.milliseconds;
            crate::settle::tell(&running.unlocked, system_entry(now(), "server.start", "", "ok"));
            report.healed = settle(settings, &running, &found, tried, &surroundings);
            Ok(State::Unlocked(Arc::new(Unsealed { running, surroundings })))
        }
        Err(BootError::Locked { reason, detail }) => match witnessing {
            Some(witnessing) => Ok(stay_locked(settings, reason, detail, store_id, witnessing, report)),
            None => Err(BootError::Locked { reason, detail }.into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// What vouches for the root key: the configuration, else the anchor.
pub(crate) fn expected_root_id(settings: &Settings, remembered: &Remembered) -> Option<[u8; 16]> {
    settings.root_id.or_else(|| remembered.slot.as_ref().map(|slot| slot.root_id))
}

fn nothing_opened(
    settings: &Settings,
    anchor: AnchorFile,
    store_id: Id,
    tried: &[Tried],
    report: &mut StartReport,
) -> Result<State, OpenError> {
    let told = explain(tried);
    if !tried.iter().any(|tried| matches!(tried.outcome, Outcome::Attended)) {
        return Err(OpenError::NoProtectorOpens { report: told });
    }
    Ok(stay_locked(settings, LockReason::Attended, told, store_id, Witnessing::Anchor(Box::new(anchor)), report))
}

/// R11: each protector, what it is bound to, why it does not open, and what to do.
pub(crate) fn explain(tried: &[Tried]) -> String {
    let mut lines = Vec::new();
    for tried in tried {
        let kind = tried.record.as_ref().map_or("unreadable", |record| record.kind.name());
        let bound: Vec<String> = tried
            .record
            .iter()
            .flat_map(|record| &record.bound_to)
            .map(|(name, text)| format!("{name} {text}"))
            .collect();
        lines.push(format!("  {kind} protector {}, bound to {}", tried.key.id, bound.join(", ")));
        match &tried.outcome {
            Outcome::Closed { reason, mend } => {
                lines.push(format!("    does not open: {reason}"));
                lines.push(format!("    to mend it: {mend}"));
            }
            Outcome::Attended => lines.push(format!("    needs a person: `strongroom unlock < {}`", typed_word(tried))),
            Outcome::Candidate(_) => lines.push("    opens".into()),
        }
    }
    if lines.is_empty() { "  the store holds no protector record".into() } else { lines.join("\n") }
}

/// What a person types for it.
fn typed_word(tried: &Tried) -> &'static str {
    match tried.record.as_ref().map(|record| record.kind) {
        Some(Kind::Shares) => "shares",
        _ => "password",
    }
}

/// Locked, and said everywhere. A trail that exists gets its line; one that is missing is not made.
fn stay_locked(
    settings: &Settings,
    reason: LockReason,
    detail: String,
    store_id: Id,
    witnessing: Witnessing,
    report: &mut StartReport,
) -> State {
    settings.journal.event(Severity::Critical, reason.word(), &detail);
    let trail_exists = matches!(
        strongroom_audit::Trail::inspect(&boot::trail_settings(settings)),
        Ok(strongroom_audit::Inspection::Present(_))
    );
    let mut witnessing = Some(witnessing);
    if trail_exists {
        match boot::started(settings, &mut witnessing) {
            Ok(witness) => {
                witness.tell_and_wait(system_entry(now(), &format!("alarm.{}", reason.word()), "", "locked"));
            }
            Err(error) => settings.journal.event(Severity::Error, "audit_unavailable", &describe(&error)),
        }
    }
    report.explanation = Some(detail.clone());
    let alarms = vec![lock_alarm(reason, &detail)];
    State::Locked(Arc::new(Locked { reason, store_id, alarms, witnessing: parking_lot::Mutex::new(witnessing) }))
}

/// The alarm of a locked store.
pub(crate) fn lock_alarm(reason: LockReason, detail: &str) -> Alarm {
    let fix = match reason {
        LockReason::Attended | LockReason::Administrator => "strongroom unlock < password",
        LockReason::RolledBack | LockReason::Forked | LockReason::NoAnchor | LockReason::ForeignAnchor => {
            "restore the newest copy of the store; if there is none, `strongroom anchor accept --epoch E` says what is lost"
        }
        LockReason::InstanceMissing => {
            "restore the data directory; to make a new instance here, move the anchor file away yourself"
        }
        LockReason::BrokenChain => "restore the store from a copy whose commit log is whole",
        LockReason::ForeignRoot => "restore the protector records or the anchor that belong to this instance",
        LockReason::NoProtectorOpens => "mend one of the protectors named in the log",
    };
    Alarm { code: reason.word(), message: detail.to_owned(), fix: fix.to_owned() }
}

fn finish_report(state: &State, report: &mut StartReport) {
    match state {
        State::Locked(locked) => {
            report.locked = Some(locked.reason);
            report.alarms.clone_from(&locked.alarms);
        }
        State::Unlocked(unsealed) => {
            let unlocked = &unsealed.running.unlocked;
            report.protectors = unlocked.protectors.lock().iter().map(|judged| judged.view(false)).collect();
            report.alarms = unlocked.alarms.lock().values().cloned().collect();
            if report.created {
                report.records = unlocked.index.read().len();
            }
        }
    }
    report.protectors.sort_by_key(|view| view.created_at);
}

/// The public key in line 1 of the trail.
fn key_zero(settings: &Settings) -> Option<[u8; 32]> {
    let mut key = None;
    let filter = strongroom_audit::Filter { limit: Some(1), ..strongroom_audit::Filter::default() };
    let searched = strongroom_audit::search(&settings.trail_directory(), &filter, &mut |line, _| {
        key = line.checkpoint.as_ref().map(|checkpoint| checkpoint.next_key);
        std::ops::ControlFlow::Break(())
    });
    searched.ok().and(key)
}

/// Whether a person can open what is stored with a password, or with shares.
pub(crate) fn is_there(stored: &[Stored], kind: Kind) -> bool {
    stored.iter().any(|stored| stored.record.as_ref().is_ok_and(|record| record.kind == kind))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// What a service manager starts again, and what it must not.
    #[test]
    fn a_disk_that_fails_is_no_damage() {
        let path = || PathBuf::from("store.db");
        let failing = FileError::File { attempted: "opening", path: path(), source: io::ErrorKind::StorageFull.into() };
        assert!(!OpenError::from(failing).is_damage());
        assert!(OpenError::from(FileError::NotWal).is_damage());
        assert!(OpenError::from(FileError::ForeignEntry { path: path() }).is_damage());
        let trail = |error: TrailError| OpenError::from(BootError::from(error));
        assert!(trail(TrailError::KeyLost { number: 1 }).is_damage());
        assert!(!trail(TrailError::InUse).is_damage());
    }
}
