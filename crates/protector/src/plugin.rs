//! The plug-in protector: a program that the operator supplies wraps a secret and unwraps it again.
//!
//! It runs outside this process, with nothing of ours but the question: no environment, no directory, no
//! descriptors, a few seconds and a few bytes. The protocol is in `docs/guide/plugins.md`.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use strongroom_envelope::Id;
use strongroom_envelope::protector::ProtectorKind as Kind;
use strongroom_secret::{ProtectorSecret, SecretBytes, WrappingKey};

use crate::binding;
use crate::child::{self, Limits};
use crate::configuration::PluginSettings;
use crate::protector::{Protector, WrappingTerms};
use crate::random_secret::{self, Place};
use crate::secret_file::ForgetError;
use crate::surroundings::Surroundings;
use crate::unwrap::UnwrapError;
use crate::wrap::WrapError;

mod executable;
mod protocol;
mod refusal;

use executable::Executable;
use protocol::{Question, Reply};
pub use refusal::{PluginError, PluginWord};

/// Opens by way of a program.
pub struct Plugin {
    surroundings: Arc<Surroundings>,
    name: String,
    settings: PluginSettings,
}

impl Plugin {
    /// The plug-in that is configured under this name, if one is.
    #[must_use]
    pub fn named(surroundings: Arc<Surroundings>, name: &str) -> Option<Self> {
        let settings = surroundings.configuration.plugin.get(name)?.clone();
        Some(Self { surroundings, name: name.to_owned(), settings })
    }

    /// Asks the plug-in whether it could work now.
    ///
    /// # Errors
    /// [`PluginError`].
    pub fn probe(&self) -> Result<(), PluginError> {
        let place = Place { store_id: self.surroundings.store_id, protector_id: Id::NIL, kind: Kind::Plugin };
        match self.ask(&Question { operation: "probe", context: &place.context(), member: None })? {
            Reply::Done => Ok(()),
            Reply::Wrapped(_) | Reply::Key(_) => Err(PluginError::Reply { name: self.name.clone() }),
        }
    }

    fn place(&self, protector_id: Id) -> Place {
        Place { store_id: self.surroundings.store_id, protector_id, kind: Kind::Plugin }
    }

    fn wrap_secret(&self, place: Place, secret: &ProtectorSecret) -> Result<Vec<u8>, PluginError> {
        let member = Some(("key_base64", secret.expose().as_slice()));
        match self.ask(&Question { operation: "wrap", context: &place.context(), member })? {
            Reply::Wrapped(wrapped) if (1..=MOST_WRAPPED).contains(&wrapped.len()) => Ok(wrapped),
            Reply::Wrapped(_) | Reply::Key(_) | Reply::Done => Err(PluginError::Reply { name: self.name.clone() }),
        }
    }

    fn unwrap_secret(&self, place: Place, wrapped: &[u8]) -> Result<ProtectorSecret, PluginError> {
        let member = Some(("wrapped_base64", wrapped));
        let malformed = || PluginError::Reply { name: self.name.clone() };
        match self.ask(&Question { operation: "unwrap", context: &place.context(), member })? {
            Reply::Key(key) => ProtectorSecret::from_slice(key.expose()).map_err(|_| malformed()),
            Reply::Wrapped(_) | Reply::Done => Err(malformed()),
        }
    }

    fn ask(&self, question: &Question<'_>) -> Result<Reply, PluginError> {
        let directory = self.surroundings.configuration.plugin_directory();
        let executable = Executable::open(&directory, &self.name, &self.settings.sha256)?;
        let mut command = Command::new(executable.path());
        command.env_clear();
        let line: SecretBytes = question.to_line();
        let answer = child::ask_by_pipes(command, line.expose(), LIMITS)
            .map_err(|source| PluginError::Child { name: self.name.clone(), source })?;
        drop(executable);
        protocol::read(&self.name, &answer)
    }
}

impl Protector for Plugin {
    fn kind(&self) -> Kind {
        Kind::Plugin
    }

    fn attended(&self) -> bool {
        false
    }

    fn store_id(&self) -> Id {
        self.surroundings.store_id
    }

    fn bound_to(&self) -> Vec<(String, String)> {
        vec![binding::pair("plugin", &self.name), binding::pair("sha256", &binding::hex(&self.settings.sha256))]
    }

    fn new_wrapping_key(
        &self,
        protector_id: Id,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(WrappingKey, WrappingTerms), WrapError> {
        let place = self.place(protector_id);
        let secret = random_secret::draw(fill);
        let blob = Blob { wrapped: self.wrap_secret(place, &secret)? };
        let terms = random_secret::new_terms(&self.name, random_secret::encode_blob(&blob), fill);
        Ok((place.wrapping_key(&secret, &terms.salt), terms))
    }

    fn wrapping_key(&self, protector_id: Id, terms: &WrappingTerms) -> Result<WrappingKey, UnwrapError> {
        let blob: Blob =
            random_secret::decode_blob(random_secret::blob_of(terms, Kind::Plugin, &self.name)?, Kind::Plugin)?;
        if !(1..=MOST_WRAPPED).contains(&blob.wrapped.len()) {
            return Err(UnwrapError::Blob { kind: Kind::Plugin });
        }
        let place = self.place(protector_id);
        let secret = self.unwrap_secret(place, &blob.wrapped)?;
        Ok(place.wrapping_key(&secret, &terms.salt))
    }

    fn discard(&self, _protector_id: Id) -> Result<(), ForgetError> {
        Ok(())
    }

    fn hint(&self) -> &'static str {
        "the plug-in gave another key than it was given, or the record was changed"
    }
}

/// See `docs/spec/protector.md`, "Blobs".
#[derive(minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
struct Blob {
    #[cbor(n(0), with = "minicbor::bytes")]
    wrapped: Vec<u8>,
}

const LIMITS: Limits = Limits { time: Duration::from_secs(5), output: 64 * 1024 };
const MOST_WRAPPED: usize = 2040;
