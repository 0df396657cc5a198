//! `unlock` and `lock`: the root key comes into memory and leaves it.

use std::sync::Arc;

use strongroom_engine::policy::Action;
use strongroom_protector::{Password, Protector, Surroundings};
use strongroom_secret::Passphrase;

use crate::boot::{self, BootError};
use crate::clock::now;
use crate::facade::{Caller, Failure, LockReason, ProtectorFault, Status};
use crate::journal::Severity;
use crate::keeper::{Inner, Keeper, Locked, State, Unsealed};
use crate::open::{attended, expected_root_id, lock_alarm};
use crate::protectors::{self, Choice, Outcome, Tried};
use crate::settle::{settle, tell};
use crate::witness::{Note, describe, system_entry};

impl Keeper {
    /// Opens the root key with a password, then verifies and heals as a start does.
    pub async fn unlock(&self, caller: Caller, passphrase: Passphrase) -> Result<Status, Failure> {
        self.chore(move |inner| inner.unlock(&caller, passphrase)).await?;
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
        if attended(&stored).next().is_none() {
            return Err(no_password());
        }
        let mut at_hand = strongroom_protector::unattended(&surroundings);
        at_hand.push(Box::new(Password::new(locked.store_id, passphrase)) as Box<dyn Protector>);
        let tried = protectors::attempt(&stored, &at_hand);
        let password_opened =
            tried.iter().any(|tried| is_password(tried) && matches!(tried.outcome, Outcome::Candidate(_)));
        if !password_opened {
            return Err(wrong_password());
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
                let tried = tried.into_iter().map(untried_password).collect();
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

fn is_password(tried: &Tried) -> bool {
    tried.record.as_ref().is_some_and(|record| protectors::is_attended(record.kind))
}

/// A password protector that the given password does not open is not broken: another password may open it.
fn untried_password(mut tried: Tried) -> Tried {
    if is_password(&tried) && matches!(tried.outcome, Outcome::Closed { .. }) {
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

fn no_password() -> Failure {
    Failure::Protector {
        code: ProtectorFault::NotFound,
        what: "there is no password protector".into(),
        fix: "restart the server: account and machine protectors open at start".into(),
    }
}

pub(crate) fn surroundings_fault(error: &strongroom_protector::SurroundingsError) -> Failure {
    Failure::Protector {
        code: ProtectorFault::Surroundings,
        what: error.to_string(),
        fix: "set the directory it names and restart the server".into(),
    }
}
