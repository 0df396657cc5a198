//! The first start: a root key, two protectors, a keyring and the application key for secrets, in one commit.

use std::collections::HashMap;
use std::sync::Arc;

use strongroom_engine::catalogue::{InstanceBody, ProofBody};
use strongroom_engine::key::new_application_key;
use strongroom_engine::name::Name;
use strongroom_engine::rule::{Change, Commit, NameChange};
use strongroom_engine::stored::Family;
use strongroom_envelope::anchor::Slot;
use strongroom_envelope::keyring::Keyring;
use strongroom_envelope::{Id, RecordKey, protector};
use strongroom_protector::{Kind, Surroundings};
use strongroom_secret::RootKey;
use strongroom_store::Store;

use crate::alarms::alarm;
use crate::anchor::AnchorFile;
use crate::boot::{self, BootError, Running, Witnessing};
use crate::clock::now;
use crate::committer::LogPosition;
use crate::facade::{Failure, ProtectorState};
use crate::index::Index;
use crate::keys::{ApplicationKeys, wrap_handles};
use crate::program;
use crate::protectors::{self, Fresh, FreshError, Judged};
use crate::quarantine::Quarantine;
use crate::random::{self, SystemRandomness};
use crate::resealing::Resealing;
use crate::retries::Retries;
use crate::seals::Seals;
use crate::settings::Settings;
use crate::settle;
use crate::snapshot::Snapshotter;
use crate::stored::StoredValues;
use crate::tokens::Tokens;
use crate::transactions::Unfinished;
use crate::unlocked::Parts;
use crate::witness::{Note, system_entry};

/// Why an instance could not be made. What was begun is of no harm and another start begins anew.
#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
    /// There is no place for a protector's secret file.
    #[error(transparent)]
    Surroundings(#[from] strongroom_protector::SurroundingsError),
    /// The account protector could not be made.
    #[error("making the account protector")]
    Account(#[source] FreshError),
    /// Trail, anchor, store or threads.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The first commit failed.
    #[error("writing the first commit")]
    Commit(#[source] Failure),
    /// The name of a built-in key is not a name.
    #[error("a built-in name is not valid")]
    Name,
}

/// Makes an instance in an empty store and starts it.
pub fn first_start(
    settings: &Settings,
    store: Arc<dyn Store>,
    mut anchor: AnchorFile,
) -> Result<(Running, Arc<Surroundings>), FirstStartError> {
    let store_id = random::id();
    let incarnation = random::id();
    let surroundings = Arc::new(Surroundings::resolve(store_id, &settings.protector)?);
    let root = RootKey::fill_with(|key| strongroom_crypto::random::fill(key));
    let (fresh, unavailable) = protectors(settings, &root, &surroundings)?;
    begin_anchor(&mut anchor, &root, store_id, incarnation)?;
    let mut witnessing = Some(Witnessing::Anchor(Box::new(anchor)));
    let witness = boot::started(settings, &mut witnessing)?;
    let keyring = Keyring::generate(&mut |buffer| strongroom_crypto::random::fill(buffer), now());
    let seals = Seals::new(root, keyring);
    drop(witness.tell(Note::Arm(seals.audit())));
    let (commit, judged) = first_commit(&seals, fresh, store_id, incarnation)?;
    let parts = Parts {
        store,
        seals,
        index: Index::default(),
        keys: ApplicationKeys::default(),
        stored: StoredValues::default(),
        unfinished: Unfinished::default(),
        resealing: Resealing::default(),
        tokens: Tokens::default(),
        retries: Retries::default(),
        deleted: HashMap::new(),
        quarantine: Quarantine::default(),
        witness,
        journal: Arc::clone(&settings.journal),
        store_id,
        incarnation,
        epoch: 0,
        unlocked_at: now(),
    };
    let position = LogPosition { epoch: 0, hash: [0; 32], incarnation };
    let running = boot::start_threads(settings, parts, position, Snapshotter::new(0, 1, 0))?;
    settle::commit_and_wait(&running.unlocked, commit, system_entry(now(), "server.init", &store_id.to_string(), "ok"))
        .map_err(FirstStartError::Commit)?;
    running.start_jobs().map_err(|error| FirstStartError::Boot(error.into()))?;
    *running.unlocked.protectors.lock() = judged;
    settle::raise_protector_alarms(&running.unlocked);
    settle::raise_copies(&running.unlocked);
    if let Some(reason) = unavailable {
        let alarm = alarm("machine_protector_unavailable", &reason);
        running.unlocked.raise(alarm.code, alarm.message, alarm.fix);
    }
    Ok((running, surroundings))
}

/// Account always; machine when the host can, and unless it is switched off.
fn protectors(
    settings: &Settings,
    root: &RootKey,
    surroundings: &Arc<Surroundings>,
) -> Result<(Vec<Fresh>, Option<String>), FirstStartError> {
    let mut made = Vec::new();
    let mut unavailable = None;
    for protector in strongroom_protector::unattended(surroundings) {
        let kind = protector.kind();
        if kind == Kind::Machine && !settings.machine_protector {
            continue;
        }
        match protectors::fresh(&*protector, root, now()) {
            Ok(fresh) => made.push(fresh),
            Err(error) if kind == Kind::Machine => unavailable = Some(error.to_string()),
            Err(error) => return Err(FirstStartError::Account(error)),
        }
    }
    Ok((made, unavailable))
}

/// Epoch 0 in the anchor says that an instance is being made: an empty store beside it is no loss.
fn begin_anchor(anchor: &mut AnchorFile, root: &RootKey, store_id: Id, incarnation: Id) -> Result<(), FirstStartError> {
    let slot = Slot {
        counter: 0,
        store_id,
        incarnation,
        root_id: protector::root_id(root),
        epoch: 0,
        authenticator: [0; 32],
        audit_seq: 0,
        audit_head: [0; 32],
    };
    anchor.write(slot).and_then(|()| anchor.sync()).map_err(|error| FirstStartError::Boot(error.into()))
}

fn first_commit(
    seals: &Seals,
    fresh: Vec<Fresh>,
    store_id: Id,
    incarnation: Id,
) -> Result<(Commit, Vec<Judged>), FirstStartError> {
    let mut proofs = ProofBody::default();
    let mut judged = Vec::new();
    let mut changes = Vec::new();
    for Fresh { record, change } in fresh {
        proofs.note(record.protector_id, now());
        judged.push(Judged {
            key: record.record_key(),
            record: Some(record),
            state: ProtectorState::Proven,
            reason: None,
            proven_at: Some(now()),
        });
        changes.push(change);
    }
    changes.push(Change::Put { key: RecordKey::KEYRING, body: seals.keyring().encoded(), name: NameChange::None });
    let program = program::sha256().unwrap_or_default();
    changes.push(settle::instance_change(&InstanceBody::new(store_id, incarnation, now(), program)));
    changes.push(protectors::proof_change(&proofs));
    let wrap = wrap_handles(seals);
    let wrap = wrap.last().ok_or(FirstStartError::Name)?;
    for family in Family::ALL {
        let name = Name::parse(family.key_name()).map_err(|_| FirstStartError::Name)?;
        changes.push(new_application_key(name, family.purpose(), wrap, &mut SystemRandomness, now()).change());
    }
    Ok((Commit { changes, witnessed: true, ..Commit::default() }, judged))
}
