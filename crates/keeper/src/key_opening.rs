//! Opening the protectors of application keys: by what a person typed, by devices and programs, by passwords from files.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use strongroom_crypto::password::{Algorithm, Parameters, PasswordError};
use strongroom_engine::key::{
    KeyBody, PASSWORD_PROTECTOR, Protection, State as VersionState, WrapKeyHandle, Wraps, unwrap_bytes,
};
use strongroom_engine::rule::Refusal;
use strongroom_envelope::Id;
use strongroom_protector::{
    ConfiguredError, FileStamp, Given, KeyPassword, Kind, Protector, Surroundings, UnwrapError, WrappingTerms,
    configured, key_password,
};
use strongroom_secret::Passphrase;

use crate::alarms::alarm;
use crate::facade::{Failure, ProtectorFault};
use crate::journal::Severity;
use crate::keeper::{Inner, Unsealed};
use crate::keys::{LockedKey, RefusedFile};
use crate::protectors::is_attended;
use crate::unlocked::Unlocked;
use crate::worker::Work;

impl Inner {
    /// Opens the keys whose protectors need no person, when the store is unlocked.
    pub(crate) fn open_keys(&self) {
        if let Ok(unsealed) = self.unsealed() {
            unsealed.open_keys();
        }
    }
}

impl Unsealed {
    /// Opens the keys whose protectors need no person; not on a worker's thread, because devices and passwords take
    /// their time.
    fn open_keys(self: &Arc<Self>) {
        let closed = self.running.unlocked.keys.closed();
        if closed.is_empty() {
            return tell(&self.running.unlocked);
        }
        // What is slow is not begun a second time.
        let Some(look) = Look::begin(self) else { return };
        let work = move || {
            let unsealed = &look.0;
            for key in &closed {
                // Why it does not open is in the alarm; the next look tries again.
                let _tried = match Kind::from_name(&key.body.protector) {
                    Some(Kind::Password) => open_by_file(unsealed, key, Again::WhenItChanged),
                    Some(kind) if !is_attended(kind) => open(unsealed, key, None),
                    _ => Ok(()),
                };
            }
            tell(&unsealed.running.unlocked);
        };
        // With a full queue the next look does it.
        let _full = self.running.workers.submit_aside(Work::Run(Box::new(work)));
    }
}

/// One look at the keys whose protectors are not at hand; over when it is dropped, wherever that happens.
struct Look(Arc<Unsealed>);

impl Look {
    fn begin(unsealed: &Arc<Unsealed>) -> Option<Self> {
        let under_way = unsealed.running.unlocked.keys.looking.swap(true, Ordering::AcqRel);
        (!under_way).then(|| Self(Arc::clone(unsealed)))
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.0.running.unlocked.keys.looking.store(false, Ordering::Release);
    }
}

/// Finds a key's wrapping key again and readies its versions.
pub(crate) fn open(unsealed: &Unsealed, key: &LockedKey, typed: Option<Passphrase>) -> Result<(), Failure> {
    let unlocked = &unsealed.running.unlocked;
    let Some(protection) = &key.body.protection else { return Ok(()) };
    match open_protection(unsealed, key.id, &key.body, typed) {
        Ok(wrap) => {
            unlocked.keys.unlock(&unlocked.seals.read(), key.id, protection.id, wrap);
            Ok(())
        }
        Err(failure) => {
            unlocked.keys.closed_because(key.id, failure.to_string());
            Err(failure)
        }
    }
}

/// When a password from a file that did not open its key is tried once more: each try costs a derivation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// When the file, or what protects the key, is another one.
    WhenItChanged,
    /// In any case: somebody asked for it.
    Now,
}

impl Again {
    /// Whether what is there now is tried, when this was noted of what was tried before.
    fn is_due(self, before: Option<&RefusedFile>, now: Option<(Id, FileStamp)>) -> bool {
        self == Self::Now || before.is_none_or(|before| before.tried != now)
    }
}

/// Opens a key by the password in its file, if it has a file.
pub(crate) fn open_by_file(unsealed: &Unsealed, key: &LockedKey, again: Again) -> Result<(), Failure> {
    let keys = &unsealed.running.unlocked.keys;
    let Some(protection) = key.body.protection.as_ref().map(|protection| protection.id) else { return Ok(()) };
    let found = match key_password(&unsealed.surroundings, key.body.name.as_str()) {
        Ok(Some(found)) => found,
        Ok(None) if again == Again::WhenItChanged => return Ok(()),
        Ok(None) => {
            let what = format!("no file holds the password of the key {}", key.body.name);
            return Err(fault(ProtectorFault::NotFound, what, FILE_FIX.to_owned()));
        }
        Err(error) => {
            let why = error.to_string();
            refused_by_file(&unsealed.running.unlocked, key, RefusedFile { why: why.clone(), tried: None });
            return Err(fault(ProtectorFault::Surroundings, why, error.how_to_mend()));
        }
    };
    let KeyPassword { passphrase, path, stamp } = found;
    let tried = Some((protection, stamp));
    if !again.is_due(keys.refused_file(key.id).as_ref(), tried) {
        return Ok(());
    }
    let opened = open(unsealed, key, Some(passphrase));
    if let Err(Failure::Protector { code: ProtectorFault::DoesNotOpen, .. }) = &opened {
        let why = format!("the password in {} does not open it", path.display());
        refused_by_file(&unsealed.running.unlocked, key, RefusedFile { why, tried });
    }
    opened
}

/// Remembers why the password from a file did not open a key; the system log has it once.
fn refused_by_file(unlocked: &Unlocked, key: &LockedKey, refused: RefusedFile) {
    let before = unlocked.keys.refused_file(key.id);
    if before.is_none_or(|before| before.tried != refused.tried || before.why != refused.why) {
        let told = format!("{}: {}", key.body.name, refused.why);
        unlocked.journal.event(Severity::Warning, "key_password_file", &told);
    }
    unlocked.keys.closed_because(key.id, refused.why.clone());
    unlocked.keys.file_refused(key.id, refused);
}

/// What a key's protector yields, when that opens every version there is.
pub(crate) fn open_protection(
    unsealed: &Unsealed,
    id: Id,
    key: &KeyBody,
    typed: Option<Passphrase>,
) -> Result<Arc<WrapKeyHandle>, Failure> {
    let kind = Kind::from_name(&key.protector).ok_or(Failure::Refused(Refusal::DoesNotOpen))?;
    let protection = key.protection.as_ref().ok_or(Failure::Refused(Refusal::DoesNotOpen))?;
    let given = match typed {
        Some(passphrase) if is_attended(kind) => Given::Typed(passphrase),
        _ => Given::Nothing,
    };
    let protector = at_hand(&unsealed.surroundings, kind, &key.protector_parameter, given)?;
    let mut there = key.versions.iter().filter(|version| version.state != VersionState::Destroyed).peekable();
    if is_attended(kind) && there.peek().is_none() {
        // What was typed wrongly would wrap the next version, and nobody could type it again.
        let what = format!("the key {} has no version by which what was given could be proven", key.name);
        let fix = "choose its protector anew with `strongroom key protect`".to_owned();
        return Err(fault(ProtectorFault::DoesNotOpen, what, fix));
    }
    let wrapping = protector
        .wrapping_key(protection.id, &terms(protection, &key.protector_parameter))
        .map_err(|error| fault(code_of(&error), error.to_string(), error.how_to_mend()))?;
    let wrap = Arc::new(WrapKeyHandle::of_protection(protection.id, &wrapping));
    let wraps = Wraps { root: Vec::new(), own: Some(Arc::clone(&wrap)) };
    for version in there {
        unwrap_bytes(id, key, version.number, &wraps).map_err(|_| {
            let what = format!("what was given does not open the key {}", key.name);
            fault(ProtectorFault::DoesNotOpen, what, protector.hint().to_owned())
        })?;
    }
    Ok(wrap)
}

/// Without memory nobody knows whether it would open: that is no answer about what was given.
const fn code_of(error: &UnwrapError) -> ProtectorFault {
    match error {
        UnwrapError::Password(PasswordError::NoMemory { .. }) => ProtectorFault::Surroundings,
        _ => ProtectorFault::DoesNotOpen,
    }
}

/// The protector of this kind, with what it needs.
pub(crate) fn at_hand(
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

/// Says which keys wait, which have a file whose password is wrong, and which nothing but a password opens.
pub(crate) fn tell(unlocked: &Unlocked) {
    let locked: Vec<String> = unlocked.keys.locked().iter().map(waits).collect();
    raise(unlocked, "key_locked", (!locked.is_empty()).then(|| locked.join("; ")));
    let refused: Vec<String> = unlocked.keys.closed().iter().filter_map(|key| refused_file(unlocked, key)).collect();
    raise(unlocked, "key_password_file", (!refused.is_empty()).then(|| refused.join("; ")));
    let alone: Vec<String> = unlocked.keys.password_only().iter().map(ToString::to_string).collect();
    raise(unlocked, "password_only", (!alone.is_empty()).then(|| alone.join(", ")));
}

/// One alarm for all that it is about, taken back when there is nothing.
fn raise(unlocked: &Unlocked, code: &'static str, detail: Option<String>) {
    match detail {
        Some(detail) => {
            let alarm = alarm(code, &detail);
            unlocked.raise(code, alarm.message, alarm.fix);
        }
        None => unlocked.clear(code),
    }
}

fn waits(key: &LockedKey) -> String {
    let protector = key.body.protector.as_str();
    let why = key.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    match key.body.protector_parameter.as_str() {
        "" => format!("{} waits for {protector}{why}", key.body.name),
        parameter => format!("{} waits for {protector}:{parameter}{why}", key.body.name),
    }
}

fn refused_file(unlocked: &Unlocked, key: &LockedKey) -> Option<String> {
    let is_by_password = key.body.protector == PASSWORD_PROTECTOR;
    let refused = unlocked.keys.refused_file(key.id).filter(|_| is_by_password)?;
    Some(format!("{} ({})", key.body.name, refused.why))
}

pub(crate) fn fault(code: ProtectorFault, what: String, fix: String) -> Failure {
    Failure::Protector { code, what, fix }
}

fn terms(protection: &Protection, parameter: &str) -> WrappingTerms {
    WrappingTerms {
        salt: protection.salt.clone(),
        parameters: protection.derivation.and_then(parameters),
        parameter: parameter.to_owned(),
        blob: protection.blob.clone(),
    }
}

/// The cost of a derivation as the key's record holds it.
pub(crate) fn numbers(parameters: Parameters) -> (u8, u32, u32, u32) {
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

const FILE_FIX: &str = "give the password, or start the server with --key-password-file NAME=FILE";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A derivation takes 256 MiB and part of a second: a look makes one for each file and protection, not one for each look.
    #[test]
    fn a_file_is_tried_once_for_a_protection() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let mut surroundings = Surroundings::new(Id([1; 16]), file.clone(), file.clone(), file.clone());
        surroundings.configuration.key_password_files.insert("k".into(), file.clone());
        let write = |content: &str| {
            std::fs::write(&file, content).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        };
        let tried =
            |protection: u8| Some((Id([protection; 16]), key_password(&surroundings, "k").unwrap().unwrap().stamp));
        let refused = |tried| RefusedFile { why: String::new(), tried };
        write("one");
        let first = tried(2);
        assert!(Again::WhenItChanged.is_due(None, first));
        assert!(!Again::WhenItChanged.is_due(Some(&refused(first)), tried(2)));
        assert!(Again::Now.is_due(Some(&refused(first)), tried(2)), "somebody asked");
        assert!(Again::WhenItChanged.is_due(Some(&refused(first)), tried(3)), "another protection");
        assert!(Again::WhenItChanged.is_due(Some(&refused(None)), first), "it could not be read before");
        write("another");
        assert!(Again::WhenItChanged.is_due(Some(&refused(first)), tried(2)), "another file");
    }
}
