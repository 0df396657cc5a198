//! `key protect` and `key unlock`: the protectors of application keys, which may be devices, programs and people.

use std::sync::Arc;

use strongroom_engine::key::{KeyBody, KeyView, PASSWORD_PROTECTOR, Protect, Protection, WrapKeyHandle};
use strongroom_engine::name::Selector;
use strongroom_engine::policy::Action;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::{Id, RecordKind};
use strongroom_protector::{Given, Kind, TokenKey, WrapError, WrappingTerms};
use strongroom_secret::{Passphrase, SecretBytes};

use crate::facade::{Caller, Failure, KeyProtector, ProtectorFault};
use crate::keeper::{Inner, Keeper, Unsealed};
use crate::key_opening::{Again, at_hand, fault, numbers, open, open_by_file, tell};
use crate::keys::LockedKey;
use crate::unlocked::Unlocked;
use crate::words::failure_word;
use crate::worker::ask;

impl Keeper {
    /// Wraps every version of a key by another protector. Answers the key, and what has to be handed out to people.
    pub async fn key_protect(
        &self,
        caller: Caller,
        key: Selector,
        with: KeyProtector,
    ) -> Result<(KeyView, Vec<SecretBytes>), Failure> {
        let is_by_password = matches!(with, KeyProtector::Password { .. });
        let work = move |inner: &Arc<Inner>| inner.key_protect(&caller, &key, with);
        if is_by_password { self.password_chore(work).await } else { self.chore(work).await }
    }

    /// Opens the protector of a key, with what a person typed where it needs that.
    pub async fn key_unlock(&self, caller: Caller, key: Selector, typed: Option<Passphrase>) -> Result<(), Failure> {
        let is_typed = typed.is_some();
        let work = move |inner: &Arc<Inner>| inner.key_unlock(&caller, &key, typed);
        if is_typed { self.password_chore(work).await } else { self.chore(work).await }
    }
}

impl Inner {
    fn key_protect(
        &self,
        caller: &Caller,
        key: &Selector,
        with: KeyProtector,
    ) -> Result<(KeyView, Vec<SecretBytes>), Failure> {
        let (action, target) = (Action::KeyProtect, key.to_string());
        self.permit(caller, action, &target)?;
        let unsealed = self.unsealed_or_line(caller, action, &target)?;
        // A device or a program may act on it: that is recorded before.
        self.line(caller, action.word(), &target, "begun")?;
        let made = make(&unsealed, with);
        if let Err(failure) = &made {
            self.line(caller, action.word(), &target, failure_word(failure))?;
        }
        let Made { protector, parameter, protection, handed_out } = made?;
        let keys = &unsealed.running.unlocked.keys;
        let new = protection.as_ref().map(|(protection, _)| protection.id);
        if let Some((protection, wrap)) = &protection {
            keys.hold(protection.id, Arc::clone(wrap));
        }
        let operation = Protect { selector: key.clone(), protector, parameter, protection };
        let view = ask(&unsealed.running.unlocked, &unsealed.running.workers, caller.clone(), operation);
        // Of another failure nobody knows whether the key's record names the protection by now: as long as it is held, the key
        // opens here, and can be given another protector.
        if let (Err(Failure::Refused(_) | Failure::Busy), Some(id)) = (&view, new) {
            keys.release(id);
        }
        let view = view?;
        keys.release_unused();
        tell(&unsealed.running.unlocked);
        self.scrub_wraps(&unsealed.running.unlocked);
        Ok((view, handed_out))
    }

    /// What is refused because the server is locked has its line, too.
    pub(crate) fn unsealed_or_line(
        &self,
        caller: &Caller,
        action: Action,
        target: &str,
    ) -> Result<Arc<Unsealed>, Failure> {
        let unsealed = self.unsealed();
        if let Err(failure) = &unsealed {
            self.line(caller, action.word(), target, failure_word(failure))?;
        }
        unsealed
    }

    fn key_unlock(&self, caller: &Caller, key: &Selector, typed: Option<Passphrase>) -> Result<(), Failure> {
        let (action, target) = (Action::KeyUnlock, key.to_string());
        self.permit(caller, action, &target)?;
        let unsealed = self.unsealed_or_line(caller, action, &target)?;
        let outcome = closed_key(&unsealed, key).and_then(|closed| match closed {
            Some(closed) => {
                self.line(caller, action.word(), &target, "begun")?;
                unlock(&unsealed, &closed, typed)
            }
            None => Ok(()),
        });
        tell(&unsealed.running.unlocked);
        self.line(caller, action.word(), &target, outcome.as_ref().map_or_else(failure_word, |()| "ok"))?;
        outcome
    }
}

/// A new protection, not yet in any key's record.
pub(crate) struct Made {
    protector: String,
    parameter: String,
    /// None for the root's.
    pub(crate) protection: Option<(Protection, Arc<WrapKeyHandle>)>,
    handed_out: Vec<SecretBytes>,
}

/// A protection by a password; whether it has recovery is for the caller to say.
pub(crate) fn make_password(unsealed: &Unsealed, passphrase: Passphrase) -> Result<Made, Failure> {
    make(unsealed, KeyProtector::Password { passphrase, recovery: false })
}

fn make(unsealed: &Unsealed, with: KeyProtector) -> Result<Made, Failure> {
    let recovery = matches!(&with, KeyProtector::Password { recovery: true, .. }).then_some(true);
    let (kind, parameter, given) = match with {
        KeyProtector::Root => {
            let (protector, parameter) = ("root".to_owned(), String::new());
            return Ok(Made { protector, parameter, protection: None, handed_out: Vec::new() });
        }
        KeyProtector::Rsa(name) => (Kind::Rsa, name, Given::Nothing),
        KeyProtector::Plugin(name) => (Kind::Plugin, name, Given::Nothing),
        KeyProtector::Pkcs11 { name, token, label } => (Kind::Pkcs11, name, Given::Key(TokenKey { token, label })),
        KeyProtector::Password { passphrase, recovery: _ } => (Kind::Password, String::new(), Given::Typed(passphrase)),
        KeyProtector::Shares { threshold, count } => {
            (Kind::Shares, String::new(), Given::NewShares { threshold, count })
        }
    };
    let protector = at_hand(&unsealed.surroundings, kind, &parameter, given)?;
    let id = crate::random::id();
    let (wrapping, terms) =
        protector.new_wrapping_key(id, &mut |buffer| strongroom_crypto::random::fill(buffer)).map_err(|error| {
            let code =
                if matches!(error, WrapError::Weak(_)) { ProtectorFault::Weak } else { ProtectorFault::Surroundings };
            fault(code, error.to_string(), error.how_to_mend())
        })?;
    // What does not open again must not wrap anything. Of a password that would only be the same derivation once more.
    let opens = kind == Kind::Password
        || protector
            .wrapping_key(id, &terms)
            .map_err(|error| fault(ProtectorFault::DoesNotOpen, error.to_string(), error.how_to_mend()))?
            .same_as(&wrapping);
    if !opens {
        let what = format!("the {} protector does not give back what it was given", kind.name());
        return Err(fault(ProtectorFault::DoesNotOpen, what, "check the device or the program".to_owned()));
    }
    let wrap = Arc::new(WrapKeyHandle::of_protection(id, &wrapping));
    let handed_out = protector.hand_out();
    let WrappingTerms { salt, blob, parameters, parameter: _ } = terms;
    let protection = Protection { id, salt, blob, derivation: parameters.map(numbers), recovery };
    Ok(Made { protector: kind.name().to_owned(), parameter, protection: Some((protection, wrap)), handed_out })
}

/// The key that is meant.
pub(crate) fn key_id(unlocked: &Unlocked, key: &Selector) -> Result<Id, Failure> {
    let id = match key {
        Selector::Name(name) => unlocked.index.read().id_of(RecordKind::Key, name),
        Selector::Id(id) => unlocked.index.read().get(KeyBody::record_key(*id)).map(|_| *id),
    };
    id.ok_or_else(|| Refusal::NotFound { what: "key", target: key.to_string() }.into())
}

/// The key that is meant when its own protector is not at hand; none when it is.
fn closed_key(unsealed: &Unsealed, key: &Selector) -> Result<Option<LockedKey>, Failure> {
    let unlocked = &unsealed.running.unlocked;
    let id = key_id(unlocked, key)?;
    Ok(unlocked.keys.closed().into_iter().find(|closed| closed.id == id))
}

/// Opens it by what was given. A key that is ready without its protector need not be opened, but what is given must be right.
fn unlock(unsealed: &Unsealed, key: &LockedKey, typed: Option<Passphrase>) -> Result<(), Failure> {
    match typed {
        Some(typed) => open(unsealed, key, Some(typed)),
        None if key.body.protector != PASSWORD_PROTECTOR => open(unsealed, key, None),
        None => match open_by_file(unsealed, key, Again::Now) {
            Err(Failure::Protector { code: ProtectorFault::NotFound, .. }) if key.body.has_recovery() => Ok(()),
            opened => opened,
        },
    }
}
