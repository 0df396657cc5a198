//! `unlock` and `lock`: the root key comes into memory and leaves it.

use std::sync::Arc;

use strongroom_engine::policy::Action;
use strongroom_protector::{ConfiguredError, Kind, Surroundings};
use strongroom_secret::Passphrase;

use crate::at_hand::{AtHand, kind_of_typed};
use crate::boot::{self, BootError};
use crate::clock::now;
use crate::facade::{Caller, Failure, LockReason, ProtectorFault, Status};
use crate::journal::Severity;
use crate::keeper::{Inner, Keeper, Locked, State, Unsealed};
use crate::open::{expected_root_id, is_there, lock_alarm};
use crate::protectors::{self, Choice, Outcome, Tried};
use crate::settle::{settle, tell};
use crate::witness::{Note, describe, system_entry};

impl Keeper {
    /// Opens the root key with a password or with shares, one in each line, then verifies and heals as a start does.
    pub async fn unlock(&self, caller: Caller, passphrase: Passphrase) -> Result<Status, Failure> {
        self.password_chore(move |inner| inner.unlock(&caller, passphrase)).await?;
        Ok(self.status())
    }

    /// Wipes the keys from memory; requests are refused until `unlock`.
    pub async fn lock(&self, caller: Caller) -> Result<Status, Failure> {
        self.chore(move |inner| inner.lock(&caller)).await?;
        Ok(self.status())
    }
}

impl Inner {
    fn unlock(self: &Arc<Self>, caller: &Caller, passphrase: Passphrase) -> Result<(), Failure> {
        let action = Action::Unlock;
        self.permit(caller, action, "")?;
        let locked = match self.state.read().clone() {
            State::Unlocked(_) => return self.line(caller, action.word(), "", "already_unlocked"),
            State::Locked(locked) => locked,
        };
        if !matches!(locked.reason, LockReason::Attended | LockReason::Administrator) {
            self.line(caller, action.word(), "", "locked")?;
            return Err(Failure::Locked { reason: locked.reason });
        }
        let outcome = self.open_with(&locked, passphrase);
        match outcome {
            Ok((unsealed, healed)) => {
                *self.state.write() = State::Unlocked(unsealed);
                self.send_by_courier();
                self.open_keys();
                for told in healed {
                    self.settings.journal.event(Severity::Notice, "protector_healed", &told);
                }
                self.line(caller, action.word(), "", "ok")
            }
            Err(failure) => {
                self.line(caller, action.word(), "", crate::words::failure_word(&failure))?;
                Err(failure)
            }
        }
    }

    fn open_with(
        self: &Arc<Self>,
        locked: &Locked,
        passphrase: Passphrase,
    ) -> Result<(Arc<Unsealed>, Vec<String>), Failure> {
        let stored = protectors::stored(&*self.store).map_err(|_| Failure::StorageFailed)?;
        let surroundings = Surroundings::resolve(locked.store_id, &self.settings.protector);
        let surroundings = Arc::new(surroundings.map_err(|error| surroundings_fault(&error))?);
        let kind = kind_of_typed(&passphrase);
        if !is_there(&stored, kind) {
            return Err(nothing_to_open(kind));
        }
        let tried = AtHand::with_typed(&surroundings, passphrase).map_err(not_configured)?.attempt(&stored);
        let of_kind = || tried.iter().filter(|tried| tried.record.as_ref().is_some_and(|record| record.kind == kind));
        if !of_kind().any(|tried| matches!(tried.outcome, Outcome::Candidate(_))) {
            return Err(if kind == Kind::Shares { wrong_shares(of_kind()) } else { wrong_password() });
        }
        self.establish_again(locked, tried, &surroundings)
    }

    fn establish_again(
        self: &Arc<Self>,
        locked: &Locked,
        tried: Vec<Tried>,
        surroundings: &Arc<Surroundings>,
    ) -> Result<(Arc<Unsealed>, Vec<String>), Failure> {
        let slot = self.anchor_slot(locked);
        let remembered = boot::remembered(slot.as_ref(), &boot::trail_settings(&self.settings))
            .map_err(|_| Failure::AuditUnavailable)?;
        let root = match protectors::choose(&tried, expected_root_id(&self.settings, &remembered)) {
            Choice::Root(root) => root,
            Choice::Foreign | Choice::None => return self.keep_locked(locked, LockReason::ForeignRoot, ""),
            Choice::Unvouched(_) => return self.keep_locked(locked, LockReason::ForeignRoot, protectors::UNVOUCHED),
        };
        let mut witnessing = lend(&mut locked.witnessing.lock());
        let established = boot::establish(
            &self.settings,
            Arc::clone(&self.store),
            root,
            locked.store_id,
            &remembered,
            &mut witnessing,
        );
        match established {
            Ok((running, found)) => {
                let tried = tried.into_iter().map(untried).collect();
                let healed = settle(&self.settings, &running, &found, tried, surroundings);
                tell(&running.unlocked, system_entry(now(), "server.unlocked", "", "ok"));
                Ok((Arc::new(Unsealed { running, surroundings: Arc::clone(surroundings) }), healed))
            }
            Err(error) => {
                *locked.witnessing.lock() = witnessing;
                match error {
                    BootError::Locked { reason, detail } => self.keep_locked(locked, reason, &detail),
                    other => {
                        self.settings.journal.event(Severity::Critical, "unlock_failed", &describe(&other));
                        Err(Failure::StorageFailed)
                    }
                }
            }
        }
    }

    /// The verdict keeps the store locked from here on, whoever knows a password.
    fn keep_locked<T>(self: &Arc<Self>, locked: &Locked, reason: LockReason, detail: &str) -> Result<T, Failure> {
        self.settings.journal.event(Severity::Critical, reason.word(), detail);
        let witnessing = locked.witnessing.lock().take();
        *self.state.write() = State::Locked(Arc::new(Locked {
            reason,
            store_id: locked.store_id,
            alarms: vec![lock_alarm(reason, detail)],
            witnessing: parking_lot::Mutex::new(witnessing),
        }));
        Err(Failure::Locked { reason })
    }

    /// The anchor's newest slot: from the open file, or read beside the witness that holds it.
    fn anchor_slot(&self, locked: &Locked) -> Option<strongroom_envelope::anchor::Slot> {
        match &*locked.witnessing.lock() {
            Some(boot::Witnessing::Anchor(anchor)) => anchor.newest().copied(),
            Some(boot::Witnessing::Started(witness)) => {
                witness.barrier();
                witness.slot()
            }
            None => None,
        }
    }

    fn lock(self: &Arc<Self>, caller: &Caller) -> Result<(), Failure> {
        let action = Action::Lock;
        self.permit(caller, action, "")?;
        let unsealed = match self.state.read().clone() {
            State::Unlocked(unsealed) => unsealed,
            State::Locked(_) => return self.line(caller, action.word(), "", "already_locked"),
        };
        self.line(caller, action.word(), "", "ok")?;
        let witness = Arc::clone(&unsealed.running.unlocked.witness);
        let store_id = unsealed.running.unlocked.store_id;
        let reason = LockReason::Administrator;
        *self.state.write() = State::Locked(Arc::new(Locked {
            reason,
            store_id,
            alarms: vec![lock_alarm(reason, "an administrator locked the server")],
            witnessing: parking_lot::Mutex::new(Some(boot::Witnessing::Started(Arc::clone(&witness)))),
        }));
        unsealed.running.stop();
        drop(witness.tell(Note::Disarm));
        Ok(())
    }
}

/// Takes an anchor away; a witness is shared, so that lines can be written meanwhile.
fn lend(witnessing: &mut Option<boot::Witnessing>) -> Option<boot::Witnessing> {
    match witnessing {
        Some(boot::Witnessing::Started(witness)) => Some(boot::Witnessing::Started(Arc::clone(witness))),
        Some(boot::Witnessing::Anchor(_)) | None => witnessing.take(),
    }
}

/// A protector that what was typed does not open is not broken: another password, other shares may open it.
fn untried(mut tried: Tried) -> Tried {
    let is_attended = tried.record.as_ref().is_some_and(|record| protectors::is_attended(record.kind));
    if is_attended && matches!(tried.outcome, Outcome::Closed { .. }) {
        tried.outcome = Outcome::Attended;
    }
    tried
}

pub(crate) fn wrong_password() -> Failure {
    Failure::Protector {
        code: ProtectorFault::DoesNotOpen,
        what: "the password opens no password protector".into(),
        fix: "try again; `strongroom protector list` shows when each was made".into(),
    }
}

/// Each protector of shares says what is wrong with them.
fn wrong_shares<'a>(tried: impl Iterator<Item = &'a Tried>) -> Failure {
    let told: Vec<(&str, &str)> = tried
        .filter_map(|tried| match &tried.outcome {
            Outcome::Closed { reason, mend } => Some((reason.as_str(), mend.as_str())),
            Outcome::Candidate(_) | Outcome::Attended => None,
        })
        .collect();
    let what: Vec<&str> = told.iter().map(|(reason, _)| *reason).collect();
    let fix = told.first().map_or("bring the shares of this protector", |(_, mend)| *mend);
    Failure::Protector { code: ProtectorFault::DoesNotOpen, what: what.join("; "), fix: fix.to_owned() }
}

fn nothing_to_open(kind: Kind) -> Failure {
    Failure::Protector {
        code: ProtectorFault::NotFound,
        what: format!("there is no {kind} protector"),
        fix: "restart the server: protectors that need no person open at start".into(),
    }
}

/// What was typed, or the local configuration, does not make a protector.
pub(crate) fn not_configured(error: ConfiguredError) -> Failure {
    let code = match &error {
        ConfiguredError::Missing { .. } => ProtectorFault::NotFound,
        ConfiguredError::Needs { .. } | ConfiguredError::Shares(_) => ProtectorFault::DoesNotOpen,
    };
    Failure::Protector { code, what: error.to_string(), fix: error.how_to_mend() }
}

pub(crate) fn surroundings_fault(error: &strongroom_protector::SurroundingsError) -> Failure {
    Failure::Protector {
        code: ProtectorFault::Surroundings,
        what: error.to_string(),
        fix: "set the directory it names and restart the server".into(),
    }
}
