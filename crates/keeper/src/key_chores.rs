//! `key protect` and `key unlock`: the protectors of application keys, which may be devices, programs and people.

use std::sync::Arc;

use strongroom_crypto::password::{Algorithm, Parameters};
use strongroom_engine::key::{
    KeyBody, KeyView, Protect, Protection, State as VersionState, WrapKeyHandle, Wraps, unwrap_bytes,
};
use strongroom_engine::name::Selector;
use strongroom_engine::policy::Action;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::{Id, RecordKind};
use strongroom_protector::{
    ConfiguredError, Given, Kind, Protector, Surroundings, TokenKey, WrapError, WrappingTerms, configured,
};
use strongroom_secret::{Passphrase, SecretBytes};

use crate::facade::{Caller, Failure, KeyProtector, ProtectorFault};
use crate::keeper::{Inner, Keeper, Unsealed};
use crate::keys::LockedKey;
use crate::protectors::is_attended;
use crate::unlocked::Unlocked;
use crate::words::failure_word;
use crate::worker::{Work, ask};

impl Keeper {
    /// Wraps every version of a key by another protector. Answers the key, and what has to be handed out to people.
    pub async fn key_protect(
        &self,
        caller: Caller,
        key: Selector,
        with: KeyProtector,
    ) -> Result<(KeyView, Vec<SecretBytes>), Failure> {
        self.chore(move |inner| inner.key_protect(&caller, &key, with)).await
    }

    /// Opens the protector of a key, with what a person typed where it needs that.
    pub async fn key_unlock(&self, caller: Caller, key: Selector, typed: Option<Passphrase>) -> Result<(), Failure> {
        self.chore(move |inner| inner.key_unlock(&caller, &key, typed)).await
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
        raise_locked(&unsealed.running.unlocked);
        self.scrub_wraps(&unsealed.running.unlocked);
        Ok((view, handed_out))
    }

    /// What is refused because the server is locked has its line, too.
    fn unsealed_or_line(&self, caller: &Caller, action: Action, target: &str) -> Result<Arc<Unsealed>, Failure> {
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
        let outcome = locked_key(&unsealed, key).and_then(|locked| match locked {
            Some(locked) => {
                self.line(caller, action.word(), &target, "begun")?;
                open(&unsealed, &locked, typed)
            }
            None => Ok(()),
        });
        raise_locked(&unsealed.running.unlocked);
        self.line(caller, action.word(), &target, outcome.as_ref().map_or_else(failure_word, |()| "ok"))?;
        outcome
    }
}

impl Inner {
    /// Opens the keys whose protectors need no person, when the store is unlocked.
    pub(crate) fn open_keys(&self) {
        if let Ok(unsealed) = self.unsealed() {
            unsealed.open_keys();
        }
    }
}

impl Unsealed {
    /// Opens the keys whose protectors need no person; a worker does it, because devices take their time.
    fn open_keys(self: &Arc<Self>) {
        let waiting = self.running.unlocked.keys.locked();
        if waiting.is_empty() {
            return;
        }
        let unsealed = Arc::clone(self);
        let work = move || {
            for locked in &waiting {
                if Kind::from_name(&locked.body.protector).is_some_and(|kind| !is_attended(kind)) {
                    // Why it does not open is in the alarm; the next look tries again.
                    let _tried = open(&unsealed, locked, None);
                }
            }
            raise_locked(&unsealed.running.unlocked);
        };
        // With a full queue the next look does it.
        let _full = self.running.workers.submit(Work::Run(Box::new(work)));
    }
}

/// A new protection, not yet in any key's record.
struct Made {
    protector: String,
    parameter: String,
    protection: Option<(Protection, Arc<WrapKeyHandle>)>,
    handed_out: Vec<SecretBytes>,
}

fn make(unsealed: &Unsealed, with: KeyProtector) -> Result<Made, Failure> {
    let (kind, parameter, given) = match with {
        KeyProtector::Root => {
            let (protector, parameter) = ("root".to_owned(), String::new());
            return Ok(Made { protector, parameter, protection: None, handed_out: Vec::new() });
        }
        KeyProtector::Rsa(name) => (Kind::Rsa, name, Given::Nothing),
        KeyProtector::Plugin(name) => (Kind::Plugin, name, Given::Nothing),
        KeyProtector::Pkcs11 { name, token, label } => (Kind::Pkcs11, name, Given::Key(TokenKey { token, label })),
        KeyProtector::Password(passphrase) => (Kind::Password, String::new(), Given::Typed(passphrase)),
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
    // What does not open again must not wrap anything.
    let opened = protector.wrapping_key(id, &terms);
    let opened = opened.map_err(|error| fault(ProtectorFault::DoesNotOpen, error.to_string(), error.how_to_mend()))?;
    if !opened.same_as(&wrapping) {
        let what = format!("the {} protector does not give back what it was given", kind.name());
        return Err(fault(ProtectorFault::DoesNotOpen, what, "check the device or the program".to_owned()));
    }
    let wrap = Arc::new(WrapKeyHandle::of_protection(id, &wrapping));
    let handed_out = protector.hand_out();
    let protection = Protection { id, salt: terms.salt, blob: terms.blob, derivation: terms.parameters.map(numbers) };
    Ok(Made { protector: kind.name().to_owned(), parameter, protection: Some((protection, wrap)), handed_out })
}

/// The key that is meant when it waits for its protector; none when it does not.
fn locked_key(unsealed: &Unsealed, key: &Selector) -> Result<Option<LockedKey>, Failure> {
    let unlocked = &unsealed.running.unlocked;
    let id = match key {
        Selector::Name(name) => unlocked.index.read().id_of(RecordKind::Key, name),
        Selector::Id(id) => unlocked.index.read().get(KeyBody::record_key(*id)).map(|_| *id),
    };
    let missing = || Refusal::NotFound { what: "key", target: key.to_string() };
    let id = id.ok_or_else(missing)?;
    Ok(unlocked.keys.locked().into_iter().find(|locked| locked.id == id))
}

/// Finds a key's wrapping key again and readies its versions.
fn open(unsealed: &Unsealed, locked: &LockedKey, typed: Option<Passphrase>) -> Result<(), Failure> {
    let unlocked = &unsealed.running.unlocked;
    let Some(protection) = &locked.body.protection else { return Ok(()) };
    let result = open_protection(unsealed, locked.id, &locked.body, protection, typed);
    match result {
        Ok(wrap) => {
            unlocked.keys.unlock(&unlocked.seals.read(), locked.id, protection.id, wrap);
            unlocked.keys.closed_because(locked.id, None);
            Ok(())
        }
        Err(failure) => {
            unlocked.keys.closed_because(locked.id, Some(failure.to_string()));
            Err(failure)
        }
    }
}

fn open_protection(
    unsealed: &Unsealed,
    id: Id,
    key: &KeyBody,
    protection: &Protection,
    typed: Option<Passphrase>,
) -> Result<Arc<WrapKeyHandle>, Failure> {
    let kind = Kind::from_name(&key.protector).ok_or(Failure::Refused(Refusal::DoesNotOpen))?;
    let given = match typed {
        Some(passphrase) if is_attended(kind) => Given::Typed(passphrase),
        _ => Given::Nothing,
    };
    let protector = at_hand(&unsealed.surroundings, kind, &key.protector_parameter, given)?;
    let terms = WrappingTerms {
        salt: protection.salt.clone(),
        parameters: protection.derivation.and_then(parameters),
        parameter: key.protector_parameter.clone(),
        blob: protection.blob.clone(),
    };
    let wrapping = protector
        .wrapping_key(protection.id, &terms)
        .map_err(|error| fault(ProtectorFault::DoesNotOpen, error.to_string(), error.how_to_mend()))?;
    let wrap = Arc::new(WrapKeyHandle::of_protection(protection.id, &wrapping));
    let wraps = Wraps { root: Vec::new(), own: Some(Arc::clone(&wrap)) };
    let there = key.versions.iter().filter(|version| version.state != VersionState::Destroyed);
    for version in there {
        unwrap_bytes(id, key, version.number, &wraps).map_err(|_| {
            let what = format!("what was given does not open the key {}", key.name);
            fault(ProtectorFault::DoesNotOpen, what, protector.hint().to_owned())
        })?;
    }
    Ok(wrap)
}

fn at_hand(
    surroundings: &Arc<Surroundings>,
    kind: Kind,
    parameter: &str,
    given: Given,
) -> Result<Box<dyn Protector>, Failure> {
    configured(surroundings, kind, parameter, given).map_err(|error| {
        let code = match &error {
            ConfiguredError::Missing { .. } => ProtectorFault::NotFound,
            ConfiguredError::Needs { .. } | ConfiguredError::Shares(_) => ProtectorFault::DoesNotOpen,
        };
        fault(code, error.to_string(), error.how_to_mend())
    })
}

/// One alarm for all keys that wait, taken back when none does.
fn raise_locked(unlocked: &Unlocked) {
    let waiting = unlocked.keys.locked();
    if waiting.is_empty() {
        return unlocked.clear("key_locked");
    }
    let told = |locked: &LockedKey| {
        let protector = locked.body.protector.as_str();
        let why = locked.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        match locked.body.protector_parameter.as_str() {
            "" => format!("{} waits for {protector}{why}", locked.body.name),
            parameter => format!("{} waits for {protector}:{parameter}{why}", locked.body.name),
        }
    };
    let told: Vec<String> = waiting.iter().map(told).collect();
    unlocked.raise(
        "key_locked",
        format!("keys are locked: {}", told.join("; ")),
        "make their protectors available, or `strongroom key unlock NAME`".into(),
    );
}

fn fault(code: ProtectorFault, what: String, fix: String) -> Failure {
    Failure::Protector { code, what, fix }
}

/// The cost of a derivation as the key's record holds it.
fn numbers(parameters: Parameters) -> (u8, u32, u32, u32) {
    match parameters.algorithm {
        Algorithm::Argon2id { memory_kib, passes, lanes } => (1, memory_kib, passes, lanes),
        Algorithm::Pbkdf2HmacSha256 { iterations } => (2, iterations, 0, 0),
    }
}

fn parameters((algorithm, first, second, third): (u8, u32, u32, u32)) -> Option<Parameters> {
    let algorithm = match (algorithm, second, third) {
        (1, passes, lanes) => Algorithm::Argon2id { memory_kib: first, passes, lanes },
        (2, 0, 0) => Algorithm::Pbkdf2HmacSha256 { iterations: first },
        _ => return None,
    };
    Some(Parameters { algorithm })
}
