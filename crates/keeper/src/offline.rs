//! `anchor accept`: the override of the judgement, offline. It says what is lost and starts a new incarnation.

use std::ops::ControlFlow;
use std::sync::Arc;

use strongroom_audit::{Inspection, Trail};
use strongroom_engine::catalogue::InstanceBody;
use strongroom_engine::rule::{Change, Commit, NameChange};
use strongroom_envelope::keyring::Keyring;
use strongroom_envelope::{Generation, Id, RecordKey, body};
use strongroom_protector::Surroundings;
use strongroom_secret::{Passphrase, SecretBytes};
use strongroom_store::{DataDirectory, OpenOptions, SqliteStore, Store};

use crate::anchor::AnchorFile;
use crate::at_hand::AtHand;
use crate::boot::{self, BootError, Found, Verified};
use crate::catalogue::{self, Known};
use crate::clock::now;
use crate::committer::LogPosition;
use crate::journal::Severity;
use crate::open::OpenError;
use crate::protectors::{self, Choice};
use crate::random;
use crate::seals::Seals;
use crate::settings::Settings;
use crate::settle::{commit_and_wait, instance_change};
use crate::verdict::Remembered;
use crate::witness::{describe, system_entry};

/// What accepting means.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The epoch the store is at.
    pub store_epoch: u64,
    /// The epoch that anchor and trail remember; 0: neither is there.
    pub required_epoch: u64,
    /// Changes that are known to have been made and are not in the store: one line each, from the trail.
    pub lost: Vec<String>,
    /// The new incarnation, when it was accepted.
    pub incarnation: Option<Id>,
}

/// Why the anchor was not accepted. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The instance could not be opened so far.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The root key could not be had.
    #[error("no protector opens the root key\n{0}")]
    NoRoot(String),
    /// The commit log itself does not hold together.
    #[error("the commit log does not hold together: {0}")]
    Broken(String),
    /// The epoch that was typed is not the store's.
    #[error("the store is at epoch {found}, not {typed}; type the epoch the store is at to accept it")]
    Epoch {
        /// What was typed.
        typed: u64,
        /// What the store is at.
        found: u64,
    },
    /// The new incarnation could not be written.
    #[error("the new incarnation could not be written: {0}")]
    Write(String),
}

/// Says what accepting the store as it is would lose; with `epoch` equal to the store's, accepts it.
pub fn anchor_accept(
    settings: &Settings,
    epoch: Option<u64>,
    passphrase: Option<Passphrase>,
) -> Result<Acceptance, AcceptError> {
    let open = |error: OpenError| AcceptError::Open(error);
    // A directory that is not there is not made for this.
    if !settings.data.exists() {
        return Err(open(strongroom_store::OpenError::Missing { path: settings.data.clone() }.into()));
    }
    let directory = DataDirectory::open_or_create(&settings.data).map_err(|error| open(error.into()))?;
    let store = SqliteStore::open(directory.canonical(), OpenOptions { create: false, ..OpenOptions::default() })
        .map_err(|error| open(error.into()))?;
    let store: Arc<dyn Store> = Arc::new(store);
    let anchor =
        AnchorFile::open(&settings.anchor_directory, directory.canonical()).map_err(|error| open(error.into()))?;
    let trail = boot::trail_settings(settings);
    let remembered = boot::remembered(anchor.newest(), &trail).map_err(|error| open(BootError::Trail(error).into()))?;
    let stored = protectors::stored(&*store).map_err(|error| open(error.into()))?;
    let store_id = stored
        .iter()
        .find_map(|stored| stored.record.as_ref().ok().map(|record| record.store_id))
        .ok_or_else(|| AcceptError::NoRoot("  the store holds no protector record".into()))?;
    let seals = seals(settings, &*store, store_id, &stored, passphrase)?;
    let required_epoch = remembered.required().map_or(0, |(epoch, _)| epoch);
    let known = Known { store_id, required_epoch: 0, told_epoch: u64::MAX };
    let history = catalogue::history(&*store, &seals, known).map_err(|error| AcceptError::Broken(describe(&error)))?;
    let found = history.position.epoch;
    let mut acceptance =
        Acceptance { store_epoch: found, required_epoch, lost: lost(settings, found), incarnation: None };
    let Some(typed) = epoch else { return Ok(acceptance) };
    if typed != found {
        return Err(AcceptError::Epoch { typed, found });
    }
    let begun = Begun { settings, store, anchor, store_id, seals, remembered, history };
    acceptance.incarnation = Some(begun.accept()?);
    Ok(acceptance)
}

fn seals(
    settings: &Settings,
    store: &dyn Store,
    store_id: Id,
    stored: &[protectors::Stored],
    passphrase: Option<Passphrase>,
) -> Result<Seals, AcceptError> {
    let surroundings = Arc::new(Surroundings::resolve(store_id, &settings.protector).map_err(OpenError::from)?);
    let at_hand = match passphrase {
        None => AtHand::here(&surroundings),
        Some(typed) => {
            AtHand::with_typed(&surroundings, typed).map_err(|error| AcceptError::NoRoot(format!("  {error}")))?
        }
    };
    let tried = at_hand.attempt(stored);
    // The anchor is what is being overridden; the configuration's root id still binds.
    let root = match protectors::choose(&tried, settings.root_id) {
        Choice::Root(root) | Choice::Unvouched(root) => root,
        Choice::Foreign | Choice::None => return Err(AcceptError::NoRoot(crate::open::explain(&tried))),
    };
    let sealed = store.read(&[&RecordKey::KEYRING.to_bytes()]).map_err(OpenError::from)?.pop().flatten();
    let sealed = sealed.ok_or_else(|| AcceptError::Broken("the keyring is missing".into()))?;
    let (keyring, _) = Keyring::open(&root, &sealed).map_err(|error| AcceptError::Broken(error.to_string()))?;
    Ok(Seals::new(root, keyring))
}

/// The changes after `epoch` that the trail tells of; the first thousand.
fn lost(settings: &Settings, epoch: u64) -> Vec<String> {
    let mut lines = Vec::new();
    let filter = strongroom_audit::Filter::default();
    let searched = strongroom_audit::search(&settings.trail_directory(), &filter, &mut |line, raw| {
        if line.index.is_some() && line.epoch.is_some_and(|told| told > epoch) {
            lines.push(String::from_utf8_lossy(raw).into_owned());
        }
        if lines.len() < MOST_LOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    if let Err(error) = searched {
        settings.journal.event(Severity::Warning, "trail_unreadable", &describe(&error));
    }
    lines
}

/// How many lost changes are named one by one.
const MOST_LOST: usize = 1000;

struct Begun<'a> {
    settings: &'a Settings,
    store: Arc<dyn Store>,
    anchor: AnchorFile,
    store_id: Id,
    seals: Seals,
    remembered: Remembered,
    history: catalogue::History,
}

impl Begun<'_> {
    /// A new incarnation: a random id, a fresh store key, an epoch above everything that is remembered.
    fn accept(self) -> Result<Id, AcceptError> {
        let write = |error: &dyn std::error::Error| AcceptError::Write(describe(error));
        let incarnation = random::id();
        let mut instance = self.instance()?;
        instance.incarnation = incarnation;
        let floor = self.remembered.required().map_or(0, |(epoch, _)| epoch).max(self.history.position.epoch);
        let position = LogPosition { epoch: floor, hash: self.history.position.hash, incarnation };
        let from = self.history.position.epoch;
        let mut witnessing = Some(boot::Witnessing::Anchor(Box::new(self.anchor)));
        let trail_there = matches!(Trail::inspect(&boot::trail_settings(self.settings)), Ok(Inspection::Present(_)));
        let witness = boot::started(self.settings, &mut witnessing).map_err(|error| write(&error))?;
        drop(witness.tell(crate::witness::Note::Arm(self.seals.audit())));
        let inventory =
            catalogue::inventory(&*self.store, &self.seals, &self.history.index).map_err(|error| write(&error))?;
        let (root, mut keyring) = self.seals.into_parts();
        keyring.add_store_key(&mut |buffer| strongroom_crypto::random::fill(buffer), now());
        let changes = vec![
            Change::Put { key: RecordKey::KEYRING, body: keyring.encoded(), name: NameChange::None },
            instance_change(&instance),
        ];
        let mut history = self.history;
        history.position = position;
        let found = Found { findings: inventory.findings.clone(), ..Found::default() };
        let verified = Verified {
            store: self.store,
            seals: Seals::new(root, keyring),
            store_id: self.store_id,
            history,
            inventory,
            found: &found,
            witness: Arc::clone(&witness),
            trail: None,
        };
        let running = boot::resume(self.settings, verified).map_err(|error| write(&error))?;
        let target =
            format!("epoch {from}, incarnation {incarnation}, trail {}", if trail_there { "kept" } else { "new" });
        let commit = Commit { changes, witnessed: true, ..Commit::default() };
        commit_and_wait(&running.unlocked, commit, system_entry(now(), "anchor.accept", &target, "ok"))
            .map_err(|failure| write(&failure))?;
        running.stop();
        witness.stop();
        Ok(incarnation)
    }

    fn instance(&self) -> Result<InstanceBody, AcceptError> {
        let broken = || AcceptError::Broken("the instance record does not open".into());
        let sealed = self.store.read(&[&RecordKey::INSTANCE.to_bytes()]).map_err(OpenError::from)?.pop().flatten();
        let sealed = sealed.ok_or_else(broken)?;
        let mut opened = SecretBytes::with_capacity(sealed.len());
        let header = self.seals.open(RecordKey::INSTANCE, &sealed, &mut opened).map_err(|_| broken())?;
        if header.generation == Generation::NONE {
            return Err(broken());
        }
        body::decode_strict(opened.expose()).map_err(|_| broken())
    }
}
