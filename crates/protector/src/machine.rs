//! The machine protector: 256 random bytes in a file, mixed with the host's own id.
//!
//! It stops another service on the same account or host, and a store copied to another host; it
//! stops nobody who is root here.

use std::path::Path;
use std::sync::Arc;

use strongroom_crypto::{derive, labels};
use strongroom_envelope::Id;
use strongroom_envelope::protector::ProtectorKind as Kind;
use strongroom_secret::WrappingKey;

use crate::host::MachineId;
use crate::protector::{Protector, WrappingTerms};
use crate::secret_file::{self, Content, Creation, Expectation, ForgetError, Owner};
use crate::surroundings::Surroundings;
use crate::unwrap::UnwrapError;
use crate::wrap::WrapError;
use crate::{binding, host};

/// Opens on the host where it was made.
pub struct Machine {
    surroundings: Arc<Surroundings>,
}

impl Machine {
    /// The machine protector of this host.
    #[must_use]
    pub fn new(surroundings: Arc<Surroundings>) -> Self {
        Self { surroundings }
    }

    fn machine_id(&self) -> Result<MachineId, host::MachineIdError> {
        MachineId::read(&self.surroundings.machine_id_file)
    }

    /// With a service group (only when root runs) the group may read; else nobody but us.
    fn creation(&self) -> Creation {
        let group = self.surroundings.service_group;
        let file_mode = if group.is_some() { 0o640 } else { 0o600 };
        Creation { file_mode, directory_mode: 0o750, group }
    }
}

impl Protector for Machine {
    fn kind(&self) -> Kind {
        Kind::Machine
    }

    fn attended(&self) -> bool {
        false
    }

    fn store_id(&self) -> Id {
        self.surroundings.store_id
    }

    fn bound_to(&self) -> Vec<(String, String)> {
        let mut pairs = vec![binding::pair("host", &host::host_name())];
        pairs.extend(self.machine_id().ok().map(|id| binding::pair("machine_id_sha256", &id.fingerprint())));
        pairs.push(binding::path_pair("directory", &self.surroundings.machine_directory));
        pairs
    }

    fn new_wrapping_key(
        &self,
        protector_id: Id,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(WrappingKey, WrappingTerms), WrapError> {
        let machine_id = self.machine_id()?;
        let terms = WrappingTerms::salted(fill);
        let content = Content::generate(SECRET_BYTES, fill);
        let directory = &self.surroundings.machine_directory;
        secret_file::create(directory, protector_id, &content, self.creation())?;
        Ok((wrapping_key(&content, &machine_id, &terms), terms))
    }

    fn wrapping_key(&self, protector_id: Id, terms: &WrappingTerms) -> Result<WrappingKey, UnwrapError> {
        let terms = terms.without_parameters(Kind::Machine)?;
        let directory = self.surroundings.machine_directory.as_path();
        let former: Option<(&Path, Expectation)> =
            self.surroundings.former_machine_directory.as_deref().map(|path| (path, FILE));
        let content = secret_file::read((directory, FILE), former.as_slice(), protector_id)?;
        Ok(wrapping_key(&content, &self.machine_id()?, terms))
    }

    fn discard(&self, protector_id: Id) -> Result<(), ForgetError> {
        secret_file::remove(&self.surroundings.machine_directory, protector_id)?;
        match &self.surroundings.former_machine_directory {
            Some(former) => secret_file::remove(former, protector_id),
            None => Ok(()),
        }
    }

    fn hint(&self) -> &'static str {
        "this may be another host than the record was made on (another machine id), the secret file \
         may be another one, or the record was changed"
    }

    fn identity(&self) -> &'static [&'static str] {
        &["host", "machine_id_sha256"]
    }
}

fn wrapping_key(content: &Content, machine_id: &MachineId, terms: &WrappingTerms) -> WrappingKey {
    let mut secret = content.pieces();
    secret.push(machine_id.as_bytes());
    WrappingKey::fill_with(|key| derive::into(&terms.salt, &secret, labels::MACHINE, b"", key))
}

const SECRET_BYTES: usize = 256;
const FILE: Expectation = Expectation { owner: Owner::OurselvesOrRoot, allowed_mode: 0o640, length: SECRET_BYTES };
