//! The account protector: 32 random bytes in a file that only the service's account can read.
//!
//! Uid and name stand in the record for people and are never mixed into the key: they are public,
//! and a disk that moved to another host must still open.

use std::path::Path;
use std::sync::Arc;

use rustix::process::geteuid;
use strongroom_crypto::{derive, labels};
use strongroom_envelope::Id;
use strongroom_envelope::protector::ProtectorKind as Kind;
use strongroom_secret::WrappingKey;

use crate::protector::{Protector, WrappingTerms};
use crate::secret_file::{self, Content, Creation, Expectation, ForgetError, Owner};
use crate::surroundings::Surroundings;
use crate::unwrap::UnwrapError;
use crate::wrap::WrapError;
use crate::{binding, host};

/// Opens for whoever owns the secret file and runs the service.
pub struct Account {
    surroundings: Arc<Surroundings>,
}

impl Account {
    /// The account protector of this process.
    #[must_use]
    pub fn new(surroundings: Arc<Surroundings>) -> Self {
        Self { surroundings }
    }
}

impl Protector for Account {
    fn kind(&self) -> Kind {
        Kind::Account
    }

    fn attended(&self) -> bool {
        false
    }

    fn store_id(&self) -> Id {
        self.surroundings.store_id
    }

    fn bound_to(&self) -> Vec<(String, String)> {
        let uid = geteuid().as_raw();
        let mut pairs = Vec::new();
        pairs.extend(host::user_name(uid).map(|name| binding::pair("user", &name)));
        pairs.push(binding::pair("uid", &uid.to_string()));
        pairs.push(binding::path_pair("directory", &self.surroundings.account_directory));
        pairs
    }

    fn new_wrapping_key(
        &self,
        protector_id: Id,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(WrappingKey, WrappingTerms), WrapError> {
        let terms = WrappingTerms::salted(fill);
        let content = Content::generate(SECRET_BYTES, fill);
        secret_file::create(&self.surroundings.account_directory, protector_id, &content, CREATION)?;
        Ok((wrapping_key(&content, &terms), terms))
    }

    fn wrapping_key(&self, protector_id: Id, terms: &WrappingTerms) -> Result<WrappingKey, UnwrapError> {
        let terms = terms.without_parameters(Kind::Account)?;
        let directory = self.surroundings.account_directory.as_path();
        let credential: Option<(&Path, Expectation)> =
            self.surroundings.credentials_directory.as_deref().map(|path| (path, CREDENTIAL));
        let content = secret_file::read((directory, OWN_FILE), credential.as_slice(), protector_id)?;
        Ok(wrapping_key(&content, terms))
    }

    fn discard(&self, protector_id: Id) -> Result<(), ForgetError> {
        secret_file::remove(&self.surroundings.account_directory, protector_id)
    }

    fn hint(&self) -> &'static str {
        "the secret file may be another one than the record was made with, or the record was changed"
    }

    fn identity(&self) -> &'static [&'static str] {
        &["user", "uid"]
    }
}

fn wrapping_key(content: &Content, terms: &WrappingTerms) -> WrappingKey {
    WrappingKey::fill_with(|key| derive::into(&terms.salt, &content.pieces(), labels::ACCOUNT, b"", key))
}

const SECRET_BYTES: usize = 32;
const CREATION: Creation = Creation { file_mode: 0o600, directory_mode: 0o700, group: None };
const OWN_FILE: Expectation = Expectation { owner: Owner::Ourselves, allowed_mode: 0o600, length: SECRET_BYTES };
/// systemd gives credentials to root and lets the service read them by an access control list, which
/// shows as a group's right to read.
const CREDENTIAL: Expectation =
    Expectation { owner: Owner::OurselvesOrRoot, allowed_mode: 0o640, length: SECRET_BYTES };
