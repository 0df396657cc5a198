//! `key rotate store`: a new store key, active at once; a job seals every record again under it.

use std::ops::ControlFlow;

use strongroom_engine::job::{self, JobBody, JobKind};
use strongroom_engine::key::{KeyView, ROOT_PROTECTOR, RotateReply, State, VersionView};
use strongroom_engine::name::Name;
use strongroom_engine::policy::Action;
use strongroom_engine::reseal::{STORE_KEY_ID, STORE_KEY_NAME, is_sealed};
use strongroom_engine::rule::{Change, Commit, NameChange, Refusal, Trace};
use strongroom_envelope::keyring::Keyring;
use strongroom_envelope::value::Purpose;
use strongroom_envelope::{RecordKey, RecordKind};

use crate::clock::now;
use crate::facade::{Caller, Failure};
use crate::keeper::{Inner, Keeper};
use crate::settle::commit_and_wait;
use crate::unlocked::Unlocked;
use crate::witness::system_entry;
use crate::words::failure_word;
use crate::worker::entry;

impl Keeper {
    /// Makes a new store key.
    pub async fn rotate_store(
        &self,
        caller: Caller,
        expected: Option<u32>,
        rate: Option<u32>,
    ) -> Result<RotateReply, Failure> {
        self.chore(move |inner| inner.rotate_store(&caller, expected, rate)).await
    }

    /// What is known of the store keys, without the keys.
    pub async fn store_key(&self, caller: Caller) -> Result<KeyView, Failure> {
        self.chore(move |inner| {
            inner.audited(&caller, Action::KeyShow, STORE_KEY_NAME, || Ok(view(&inner.unsealed()?.running.unlocked)?))
        })
        .await
    }
}

impl Inner {
    fn rotate_store(&self, caller: &Caller, expected: Option<u32>, rate: Option<u32>) -> Result<RotateReply, Failure> {
        let action = Action::KeyRotate;
        self.permit(caller, action, STORE_KEY_NAME)?;
        let rotated = self.unsealed().and_then(|unsealed| rotate(&unsealed.running.unlocked, caller, expected, rate));
        if let Err(failure) = &rotated {
            self.line(caller, action.word(), STORE_KEY_NAME, failure_word(failure))?;
        }
        rotated
    }

    /// Drops store keys under which nothing is left: no record, no log record, no snapshot.
    pub(crate) fn retire_store_keys(&self, unlocked: &Unlocked) {
        // What is kept aside may come back as it was, under whatever key that was.
        let is_needed = unlocked.resealing.len() > 0 || unlocked.quarantine.len() > 0;
        if is_needed || unlocked.seals.read().keyring().store_keys().len() < 2 {
            return;
        }
        let mut is_used = false;
        for kind in [RecordKind::Log, RecordKind::Snapshot] {
            let looked = unlocked.store.scan(&[kind.byte()], &mut |_, sealed| {
                is_used |= unlocked.seals.read().is_older(sealed);
                if is_used { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if looked.is_err() || is_used {
                return;
            }
        }
        let Ok(mut keyring) = copy(unlocked) else { return };
        let active = keyring.active_store_key().id;
        let old: Vec<u32> = keyring.store_keys().iter().map(|entry| entry.id).filter(|id| *id != active).collect();
        for id in old {
            keyring.remove_store_key(id);
        }
        let commit = Commit { changes: vec![keyring_change(&keyring)], witnessed: true, ..Commit::default() };
        // What failed is tried again at the next look.
        let _tried = commit_and_wait(unlocked, commit, system_entry(now(), "key.destroy", STORE_KEY_NAME, "ok"));
    }
}

fn rotate(
    unlocked: &Unlocked,
    caller: &Caller,
    expected: Option<u32>,
    rate: Option<u32>,
) -> Result<RotateReply, Failure> {
    let mut keyring = copy(unlocked)?;
    let found = count(&keyring);
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(Refusal::VersionConflict { expected, found }.into());
    }
    if found >= MOST_STORE_KEYS {
        let reason = "older store keys are still in use; wait until their records are sealed again".to_owned();
        return Err(Refusal::Invalid { field: "name", reason }.into());
    }
    keyring.add_store_key(&mut |buffer| strongroom_crypto::random::fill(buffer), now());
    let number = count(&keyring);
    let name = Name::parse(STORE_KEY_NAME)?;
    let total = {
        let index = unlocked.index.read();
        RecordKind::ALL.into_iter().filter(|kind| is_sealed(*kind)).map(|kind| index.count_of(kind)).sum()
    };
    let job = crate::random::id();
    let body = JobBody::new(JobKind::Reseal, (STORE_KEY_ID, name, number), total, rate, now());
    let changes = vec![keyring_change(&keyring), job::change(job, &body)];
    let generation = unlocked.index.read().generation(RecordKey::KEYRING);
    let expects = vec![(RecordKey::KEYRING, generation)];
    let mut trace = Trace::of(STORE_KEY_NAME);
    trace.key = Some((STORE_KEY_ID, number));
    let entry = entry(caller, Action::KeyRotate.word(), &trace, "ok");
    commit_and_wait(unlocked, Commit { changes, expects, witnessed: true, ..Commit::default() }, entry)?;
    Ok(RotateReply { key: view(unlocked)?, job: Some(job) })
}

/// Store keys that may be there at once.
const MOST_STORE_KEYS: u32 = 64;

fn count(keyring: &Keyring) -> u32 {
    u32::try_from(keyring.store_keys().len()).unwrap_or(u32::MAX)
}

fn copy(unlocked: &Unlocked) -> Result<Keyring, Failure> {
    let encoded = unlocked.seals.read().keyring().encoded();
    Keyring::decode(encoded.expose()).map_err(|_| Failure::StorageFailed)
}

fn keyring_change(keyring: &Keyring) -> Change {
    Change::Put { key: RecordKey::KEYRING, body: keyring.encoded(), name: NameChange::None }
}

fn view(unlocked: &Unlocked) -> Result<KeyView, Refusal> {
    let seals = unlocked.seals.read();
    let keys = seals.keyring().store_keys();
    let older = unlocked.resealing.len();
    let all = unlocked.index.read().len();
    let newest = keys.len();
    let version = |(place, entry): (usize, &strongroom_envelope::keyring::StoreKeyEntry)| {
        let is_active = place + 1 == newest;
        let deactivated_at = keys.get(place + 1).map(|next| next.created_at);
        let stored = match (is_active, place + 2 == newest) {
            (true, _) => all.saturating_sub(older),
            (false, true) => older,
            (false, false) => 0,
        };
        VersionView {
            number: u32::try_from(place + 1).unwrap_or(u32::MAX),
            state: if is_active { State::Active } else { State::Deactivated },
            created_at: entry.created_at,
            activated_at: Some(entry.created_at),
            deactivated_at,
            compromised_at: None,
            destroy_at: None,
            imported: false,
            stored,
            uses: None,
            public: None,
        }
    };
    Ok(KeyView {
        id: STORE_KEY_ID,
        name: Name::parse(STORE_KEY_NAME)?,
        purpose: Purpose::Key,
        algorithm: None,
        protector: ROOT_PROTECTOR.to_owned(),
        protector_parameter: String::new(),
        recovery: false,
        created_at: keys.first().map_or_else(now, |entry| entry.created_at),
        updated_at: keys.last().map_or_else(now, |entry| entry.created_at),
        rotation_period: None,
        usage_limit: None,
        active: Some(u32::try_from(newest).unwrap_or(u32::MAX)),
        versions: keys.iter().enumerate().map(version).collect(),
    })
}
