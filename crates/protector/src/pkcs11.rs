//! The PKCS#11 protector: a secret under a key that never leaves a token (a hardware security module, a card).
//!
//! The module, a library of somebody else, is loaded in a child process: it sees no other key, cannot hang
//! the service, and is gone when the answer is there.

use std::env;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use strongroom_envelope::Id;
use strongroom_envelope::protector::ProtectorKind as Kind;
use strongroom_secret::{ProtectorSecret, SecretBytes, WrappingKey};

use crate::binding;
use crate::child::{self, Limits};
use crate::configuration::Pkcs11Settings;
use crate::protector::{Protector, WrappingTerms};
use crate::random_secret::{self, Place};
use crate::secret_file::{self, ForgetError};
use crate::surroundings::Surroundings;
use crate::unwrap::UnwrapError;
use crate::wrap::WrapError;

mod blob;
mod refusal;
mod service;
mod token;
mod tries;
mod wire;

use blob::Blob;
pub use refusal::{TokenError, TokenProblem};
pub use service::serve_pkcs11;
use wire::{Request, Work};

/// A key on a token, by the labels of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKey {
    /// Label of the token, 1 to 32 bytes.
    pub token: String,
    /// CKA_LABEL of the key, 1 to 128 bytes.
    pub label: String,
}

impl TokenKey {
    /// The key that a blob names.
    pub(crate) fn of_blob(bytes: &[u8]) -> Result<Self, UnwrapError> {
        let blob = Blob::read(bytes)?;
        Ok(Self { token: blob.token, label: blob.label })
    }
}

/// Opens for whoever has the token and its PIN.
pub struct Pkcs11 {
    surroundings: Arc<Surroundings>,
    name: String,
    settings: Pkcs11Settings,
    key: Option<TokenKey>,
}

impl Pkcs11 {
    pub(crate) fn new(
        surroundings: Arc<Surroundings>,
        name: &str,
        settings: Pkcs11Settings,
        key: Option<TokenKey>,
    ) -> Self {
        Self { surroundings, name: name.to_owned(), settings, key }
    }

    fn place(&self, protector_id: Id) -> Place {
        Place { store_id: self.surroundings.store_id, protector_id, kind: Kind::Pkcs11 }
    }

    /// Does one thing on the token. A PIN that was wrong once is not tried again.
    fn work(&self, key: &TokenKey, work: Work<'_>) -> Result<wire::Reply, TokenError> {
        let pin = self.pin()?;
        let failed = |problem| TokenError::Token { name: self.name.clone(), token: key.token.clone(), problem };
        if tries::was_wrong(&self.settings.module, &key.token, &pin) {
            return Err(failed(TokenProblem::PinKnownWrong));
        }
        let module = self.settings.module.to_string_lossy();
        let request = Request { module: &module, token: &key.token, label: &key.label, pin: pin.expose(), work };
        let answer = child::ask_by_socket(self.command(), request.to_bytes().expose(), LIMITS)
            .map_err(|source| TokenError::Child { name: self.name.clone(), source })?;
        let outcome = wire::read_reply(&answer.output, answer.is_success)
            .ok_or_else(|| TokenError::Child { name: self.name.clone(), source: child::ChildError::Failed })?;
        outcome.map_err(|problem| {
            if problem == TokenProblem::PinWrong {
                tries::note_wrong(&self.settings.module, &key.token, &pin);
            }
            failed(problem)
        })
    }

    fn pin(&self) -> Result<SecretBytes, TokenError> {
        let mut pin = secret_file::load(&self.settings.pin_file, LONGEST_PIN).map_err(TokenError::PinFile)?;
        let length = pin.expose().trim_ascii_end().len();
        pin.truncate(length);
        Ok(pin)
    }

    /// The child's environment is what the configuration says, and what points SoftHSM and OpenSC's spy to their
    /// own configuration.
    fn command(&self) -> Command {
        let program = &self.surroundings.configuration.child;
        let mut command = Command::new(&program.program);
        command.args(&program.arguments).env_clear();
        let ours = PASSED_ON.into_iter().filter_map(|name| env::var_os(name).map(|value| (name, value)));
        command.envs(ours).envs(&self.settings.environment);
        command
    }
}

impl Protector for Pkcs11 {
    fn kind(&self) -> Kind {
        Kind::Pkcs11
    }

    fn attended(&self) -> bool {
        false
    }

    fn store_id(&self) -> Id {
        self.surroundings.store_id
    }

    fn bound_to(&self) -> Vec<(String, String)> {
        let mut pairs = vec![binding::pair("module", &self.name)];
        if let Some(key) = &self.key {
            pairs.push(binding::pair("token", &key.token));
            pairs.push(binding::pair("label", &key.label));
        }
        pairs
    }

    fn new_wrapping_key(
        &self,
        protector_id: Id,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(WrappingKey, WrappingTerms), WrapError> {
        let key = self.key.as_ref().ok_or_else(|| TokenError::NoKey { name: self.name.clone() })?;
        if !blob::is_possible(key) {
            return Err(TokenError::Labels.into());
        }
        let secret = random_secret::draw(fill);
        let reply = self.work(key, Work::Wrap { secret: secret.expose() })?;
        let wire::Reply::Wrapped { mechanism, wrapped } = reply else {
            return Err(TokenError::Child { name: self.name.clone(), source: child::ChildError::Failed }.into());
        };
        let place = self.place(protector_id);
        let blob = Blob { token: key.token.clone(), label: key.label.clone(), mechanism, wrapped };
        let terms = random_secret::new_terms(&self.name, random_secret::encode_blob(&blob), fill);
        Ok((place.wrapping_key(&secret, &terms.salt), terms))
    }

    fn wrapping_key(&self, protector_id: Id, terms: &WrappingTerms) -> Result<WrappingKey, UnwrapError> {
        let blob = Blob::read(random_secret::blob_of(terms, Kind::Pkcs11, &self.name)?)?;
        let key = TokenKey { token: blob.token, label: blob.label };
        let work = Work::Unwrap { mechanism: blob.mechanism, wrapped: &blob.wrapped };
        let wire::Reply::Secret(secret) = self.work(&key, work)? else {
            return Err(TokenError::Child { name: self.name.clone(), source: child::ChildError::Failed }.into());
        };
        let secret = ProtectorSecret::from_slice(secret.expose())
            .map_err(|_| UnwrapError::NotAuthentic { hint: self.hint() })?;
        Ok(self.place(protector_id).wrapping_key(&secret, &terms.salt))
    }

    fn discard(&self, _protector_id: Id) -> Result<(), ForgetError> {
        Ok(())
    }

    fn hint(&self) -> &'static str {
        "the key of that label on the token may be another one, or the record was changed"
    }
}

const LIMITS: Limits = Limits { time: Duration::from_secs(10), output: 16 * 1024 };
const LONGEST_PIN: usize = 256;
const PASSED_ON: [&str; 3] = ["SOFTHSM2_CONF", "PKCS11SPY", "PKCS11SPY_OUTPUT"];
