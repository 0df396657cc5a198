//! `key change-password`: the versions of a key are wrapped under another password, in one commit.

use std::sync::Arc;

use strongroom_engine::key::{ChangePassword, KeyBody, KeyView, PASSWORD_PROTECTOR};
use strongroom_engine::name::Selector;
use strongroom_engine::policy::Action;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::Id;
use strongroom_secret::Passphrase;

use crate::facade::{Caller, Failure};
use crate::keeper::{Inner, Keeper, Unsealed};
use crate::key_chores::{Made, key_id, make_password};
use crate::key_opening::{open_protection, tell};
use crate::protector_chores::strong;
use crate::words::failure_word;
use crate::worker::{ask, was_done};

impl Keeper {
    /// Changes the password of a key. The one of now must open it, also when the key is ready without it.
    pub async fn key_change_password(
        &self,
        caller: Caller,
        key: Selector,
        current: Passphrase,
        new: Passphrase,
    ) -> Result<KeyView, Failure> {
        self.password_chore(move |inner| inner.key_change_password(&caller, &key, current, new)).await
    }
}

impl Inner {
    fn key_change_password(
        &self,
        caller: &Caller,
        key: &Selector,
        current: Passphrase,
        new: Passphrase,
    ) -> Result<KeyView, Failure> {
        let (action, target) = (Action::KeyChangePassword, key.to_string());
        self.permit(caller, action, &target)?;
        let unsealed = self.unsealed_or_line(caller, action, &target)?;
        let ready = prepare(&unsealed, caller, key, current, new);
        if let Err(failure) = &ready {
            self.line(caller, action.word(), &target, failure_word(failure))?;
        }
        let (current, Made { protection, .. }) = ready?;
        let Some((protection, new)) = protection else { return Err(Failure::Refused(Refusal::DoesNotOpen)) };
        let unlocked = &unsealed.running.unlocked;
        let id = protection.id;
        unlocked.keys.hold(id, Arc::clone(&new));
        let operation = ChangePassword { selector: key.clone(), current, protection, new };
        let view = ask(unlocked, &unsealed.running.workers, caller.clone(), operation);
        // Of another failure nobody knows which password the key's record wants by now.
        if let Err(Failure::Refused(_) | Failure::Busy | Failure::ReplyNotKept | Failure::RetryMismatch) = &view {
            unlocked.keys.release(id);
        }
        let view = view?;
        unlocked.keys.release_unused();
        tell(unlocked);
        Ok(view)
    }
}

/// Proves the password of now and makes a protection of the new one. Answers the protection that was proven, too.
fn prepare(
    unsealed: &Unsealed,
    caller: &Caller,
    key: &Selector,
    current: Passphrase,
    new: Passphrase,
) -> Result<(Id, Made), Failure> {
    strong(&new)?;
    let unlocked = &unsealed.running.unlocked;
    let id = key_id(unlocked, key)?;
    let body = unlocked.keys.body(id).ok_or_else(|| Refusal::NotFound { what: "key", target: key.to_string() })?;
    let protection = protection_of(&body)?;
    // A retry whose first try was done brings a password that opens nothing any more; it is answered by what was done.
    if !was_done(unlocked, caller, Action::KeyChangePassword) {
        let wrap = open_protection(unsealed, id, &body, Some(current))?;
        unlocked.keys.unlock(&unlocked.seals.read(), id, protection, wrap);
    }
    Ok((protection, make_password(unsealed, new)?))
}

fn protection_of(key: &KeyBody) -> Result<Id, Refusal> {
    let protection = key.protection.as_ref().filter(|_| key.protector == PASSWORD_PROTECTOR);
    protection.map(|protection| protection.id).ok_or_else(|| ChangePassword::no_password(key))
}
