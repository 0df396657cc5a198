//! The work on a token, in the child process: find it, log in once, find or make the key, wrap or unwrap.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::mechanism::{Mechanism as Call, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::RawAuthPin;
use strongroom_secret::{KEY_BYTES, SecretBytes, wipe};

use super::refusal::TokenProblem;
use super::wire::{Mechanism, Reply, Request, Work};

/// Does what was asked. The PIN is tried at most once.
pub(super) fn work(request: &Request<'_>) -> Result<Reply, TokenProblem> {
    let module = Pkcs11::new(request.module).map_err(|_| TokenProblem::Module)?;
    let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    module.initialize(arguments).map_err(|_| TokenProblem::Module)?;
    let outcome = find_token(&module, request.token).and_then(|slot| {
        let session = log_in(&module, slot, request)?;
        let outcome = match &request.work {
            Work::Wrap { secret } => wrap(&module, slot, &session, request.label, secret),
            Work::Unwrap { mechanism, wrapped } => unwrap(&session, request.label, *mechanism, wrapped),
        };
        let _out = session.logout();
        outcome
    });
    let _finished = module.finalize();
    outcome
}

fn find_token(module: &Pkcs11, label: &str) -> Result<Slot, TokenProblem> {
    let slots = module.get_slots_with_initialized_token().map_err(problem)?;
    let mut found = None;
    for slot in slots {
        let info = module.get_token_info(slot).map_err(problem)?;
        if info.label().trim_end() != label {
            continue;
        }
        if found.is_some() {
            return Err(TokenProblem::SeveralTokens);
        }
        if info.user_pin_locked() {
            return Err(TokenProblem::PinLocked);
        }
        if info.user_pin_final_try() {
            return Err(TokenProblem::PinFinalTry);
        }
        found = Some(slot);
    }
    found.ok_or(TokenProblem::NoToken)
}

/// Keys are made in a session that may write; for unwrapping one that may not is enough.
fn log_in(module: &Pkcs11, slot: Slot, request: &Request<'_>) -> Result<Session, TokenProblem> {
    let session = match &request.work {
        Work::Wrap { .. } => module.open_rw_session(slot),
        Work::Unwrap { .. } => module.open_ro_session(slot),
    };
    let session = session.map_err(problem)?;
    let pin = RawAuthPin::new(Box::new(request.pin.to_vec()));
    match session.login_with_raw(UserType::User, &pin) {
        Ok(()) => Ok(session),
        Err(error) => Err(problem(error)),
    }
}

fn wrap(
    module: &Pkcs11,
    slot: Slot,
    session: &Session,
    label: &str,
    secret: &[u8; KEY_BYTES],
) -> Result<Reply, TokenProblem> {
    let offered = module.get_mechanism_list(slot).map_err(problem)?;
    let usable = [Mechanism::AesKeyWrapPad, Mechanism::AesKeyWrap, Mechanism::RsaOaepSha256, Mechanism::RsaOaepSha1];
    let mut outcome = Err(TokenProblem::NoMechanism);
    for mechanism in usable.into_iter().filter(|mechanism| offered.contains(&type_of(*mechanism))) {
        let (wrapping, _) = key_or_new(session, label, mechanism)?;
        let object = import(session, secret)?;
        outcome = with_call(mechanism, |call| session.wrap_key(call, wrapping, object))
            .map(|wrapped| Reply::Wrapped { mechanism, wrapped })
            .map_err(problem);
        let _gone = session.destroy_object(object);
        // Some tokens offer OAEP and refuse it with SHA-256.
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn unwrap(session: &Session, label: &str, mechanism: Mechanism, wrapped: &[u8]) -> Result<Reply, TokenProblem> {
    let (_, unwrapping) = find_key(session, label, mechanism)?.ok_or(TokenProblem::NoKey)?;
    let object = with_call(mechanism, |call| session.unwrap_key(call, unwrapping, wrapped, &session_secret()))
        .map_err(unwrap_problem)?;
    let attributes = session.get_attributes(object, &[AttributeType::Value]).map_err(problem)?;
    let _gone = session.destroy_object(object);
    attributes
        .into_iter()
        .find_map(|attribute| match attribute {
            Attribute::Value(value) => Some(Reply::Secret(SecretBytes::from_vec(value))),
            _ => None,
        })
        .ok_or(TokenProblem::Refused)
}

/// Our secret as an object of this session, which can be wrapped.
fn import(session: &Session, secret: &[u8; KEY_BYTES]) -> Result<ObjectHandle, TokenProblem> {
    let mut template = session_secret();
    template.push(Attribute::Value(secret.to_vec()));
    let object = session.create_object(&template);
    if let Some(Attribute::Value(value)) = template.last_mut() {
        wipe(value);
    }
    object.map_err(problem)
}

/// It lives as long as the session and may leave the token: it is not the token's secret but ours.
fn session_secret() -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ]
}

/// The key that wraps and the one that unwraps; of AES both are the same.
type Pair = (ObjectHandle, ObjectHandle);

fn key_or_new(session: &Session, label: &str, mechanism: Mechanism) -> Result<Pair, TokenProblem> {
    match find_key(session, label, mechanism)? {
        Some(found) => Ok(found),
        None if is_aes(mechanism) => new_aes(session, label),
        None => new_rsa(session, label),
    }
}

fn find_key(session: &Session, label: &str, mechanism: Mechanism) -> Result<Option<Pair>, TokenProblem> {
    let label = label.as_bytes();
    if is_aes(mechanism) {
        let found = find_one(session, label, ObjectClass::SECRET_KEY, KeyType::AES)?;
        return found.map(|key| check_safe(session, key).map(|()| (key, key))).transpose();
    }
    let Some(private) = find_one(session, label, ObjectClass::PRIVATE_KEY, KeyType::RSA)? else { return Ok(None) };
    check_safe(session, private)?;
    let public = find_one(session, label, ObjectClass::PUBLIC_KEY, KeyType::RSA)?.ok_or(TokenProblem::NoKey)?;
    Ok(Some((public, private)))
}

fn find_one(
    session: &Session,
    label: &[u8],
    class: ObjectClass,
    key_type: KeyType,
) -> Result<Option<ObjectHandle>, TokenProblem> {
    let template = [
        Attribute::Class(class),
        Attribute::KeyType(key_type),
        Attribute::Label(label.to_vec()),
        Attribute::Token(true),
    ];
    match session.find_objects(&template).map_err(problem)?[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(TokenProblem::SeveralKeys),
    }
}

/// A key that was put there by other means and could be read protects nothing.
fn check_safe(session: &Session, key: ObjectHandle) -> Result<(), TokenProblem> {
    let asked = [AttributeType::Sensitive, AttributeType::Extractable];
    let found = session.get_attributes(key, &asked).map_err(problem)?;
    let is_safe = found.contains(&Attribute::Sensitive(true)) && found.contains(&Attribute::Extractable(false));
    if is_safe { Ok(()) } else { Err(TokenProblem::KeyNotSafe) }
}

fn new_aes(session: &Session, label: &str) -> Result<Pair, TokenProblem> {
    let mut template = kept_on_token(label);
    template.extend([
        Attribute::ValueLen((KEY_BYTES as u64).into()),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
    ]);
    let key = session.generate_key(&Call::AesKeyGen, &template).map_err(problem)?;
    check_safe(session, key)?;
    Ok((key, key))
}

fn new_rsa(session: &Session, label: &str) -> Result<Pair, TokenProblem> {
    let public = [
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::ModulusBits(RSA_BITS.into()),
        Attribute::PublicExponent(RSA_EXPONENT.to_vec()),
        Attribute::Wrap(true),
        Attribute::Encrypt(false),
        Attribute::Verify(false),
    ];
    let mut private = kept_on_token(label);
    private.extend([Attribute::Unwrap(true), Attribute::Decrypt(false), Attribute::Sign(false)]);
    let (public, private) = session.generate_key_pair(&Call::RsaPkcsKeyPairGen, &public, &private).map_err(problem)?;
    check_safe(session, private)?;
    Ok((public, private))
}

fn kept_on_token(label: &str) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Label(label.as_bytes().to_vec()),
    ]
}

const fn is_aes(mechanism: Mechanism) -> bool {
    matches!(mechanism, Mechanism::AesKeyWrapPad | Mechanism::AesKeyWrap)
}

const fn type_of(mechanism: Mechanism) -> MechanismType {
    match mechanism {
        Mechanism::AesKeyWrapPad => MechanismType::AES_KEY_WRAP_PAD,
        Mechanism::AesKeyWrap => MechanismType::AES_KEY_WRAP,
        Mechanism::RsaOaepSha256 | Mechanism::RsaOaepSha1 => MechanismType::RSA_PKCS_OAEP,
    }
}

fn with_call<T>(mechanism: Mechanism, call: impl FnOnce(&Call<'_>) -> T) -> T {
    let oaep = |hash, mgf| Call::RsaPkcsOaep(PkcsOaepParams::new(hash, mgf, PkcsOaepSource::empty()));
    call(&match mechanism {
        Mechanism::AesKeyWrapPad => Call::AesKeyWrapPad,
        Mechanism::AesKeyWrap => Call::AesKeyWrap,
        Mechanism::RsaOaepSha256 => oaep(MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        Mechanism::RsaOaepSha1 => oaep(MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
    })
}

/// A token may say anything: only what a person can act on is told apart.
fn problem(error: Error) -> TokenProblem {
    let Error::Pkcs11(code, _) = error else { return TokenProblem::Refused };
    match code {
        RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => TokenProblem::PinWrong,
        RvError::PinLocked => TokenProblem::PinLocked,
        RvError::TokenNotPresent | RvError::TokenNotRecognized | RvError::SlotIdInvalid => TokenProblem::NoToken,
        RvError::DeviceError | RvError::DeviceMemory | RvError::DeviceRemoved => TokenProblem::Device,
        _ => TokenProblem::Refused,
    }
}

/// What tokens say when the integrity check of an unwrap fails; there is no one code for it.
fn unwrap_problem(error: Error) -> TokenProblem {
    match error {
        Error::Pkcs11(
            RvError::WrappedKeyInvalid
            | RvError::WrappedKeyLenRange
            | RvError::EncryptedDataInvalid
            | RvError::EncryptedDataLenRange
            | RvError::GeneralError,
            _,
        ) => TokenProblem::NotAuthentic,
        other => problem(other),
    }
}

const RSA_BITS: u64 = 3072;
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];
