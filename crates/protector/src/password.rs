//! The password protector: a key derived from what a person types.

use strongroom_crypto::password::{self, Algorithm, Parameters};
use strongroom_envelope::Id;
use strongroom_envelope::protector::{ProtectorKind as Kind, ProtectorRecord};
use strongroom_secret::{Passphrase, WrappingKey};

use crate::protector::{Protector, WrappingTerms};
use crate::secret_file::ForgetError;
use crate::strength::check_strength;
use crate::unwrap::UnwrapError;
use crate::wrap::WrapError;

/// Opens for whoever knows the password.
pub struct Password {
    store_id: Id,
    passphrase: Passphrase,
    parameters: Parameters,
}

impl Password {
    /// A password protector with today's default derivation. Weak passwords are refused when
    /// wrapping, not when opening.
    #[must_use]
    pub fn new(store_id: Id, passphrase: Passphrase) -> Self {
        Self::with_parameters(store_id, passphrase, Parameters::default())
    }

    /// The same with another derivation for new wraps, between floor and ceiling.
    #[must_use]
    pub fn with_parameters(store_id: Id, passphrase: Passphrase, parameters: Parameters) -> Self {
        Self { store_id, passphrase, parameters }
    }
}

impl Protector for Password {
    fn kind(&self) -> Kind {
        Kind::Password
    }

    fn attended(&self) -> bool {
        true
    }

    fn store_id(&self) -> Id {
        self.store_id
    }

    fn bound_to(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn new_wrapping_key(
        &self,
        _protector_id: Id,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(WrappingKey, WrappingTerms), WrapError> {
        check_strength(&self.passphrase)?;
        let terms = WrappingTerms { parameters: Some(self.parameters), ..WrappingTerms::salted(fill) };
        let key = password::derive(self.passphrase.expose(), &terms.salt, &self.parameters)?;
        Ok((key, terms))
    }

    fn wrapping_key(&self, _protector_id: Id, terms: &WrappingTerms) -> Result<WrappingKey, UnwrapError> {
        let parameters = terms
            .without_means(Kind::Password)?
            .parameters
            .as_ref()
            .ok_or(UnwrapError::Derivation { kind: Kind::Password })?;
        Ok(password::derive(self.passphrase.expose(), &terms.salt, parameters)?)
    }

    fn discard(&self, _protector_id: Id) -> Result<(), ForgetError> {
        Ok(())
    }

    fn hint(&self) -> &'static str {
        "the password may be wrong (also a missing or an extra final newline), or the record was changed"
    }

    fn outdated(&self, record: &ProtectorRecord) -> Option<String> {
        let recorded = record.parameters?;
        is_weaker(recorded, self.parameters)
            .then(|| format!("the derivation was {} and would be {}", worded(recorded), worded(self.parameters)))
    }
}

/// Whether an attacker pays less for a guess; a change of algorithm alone is the operator's choice.
fn is_weaker(recorded: Parameters, wanted: Parameters) -> bool {
    match (recorded.algorithm, wanted.algorithm) {
        (
            Algorithm::Argon2id { memory_kib, passes, .. },
            Algorithm::Argon2id { memory_kib: wanted_memory, passes: wanted_passes, .. },
        ) => {
            let cost = |memory: u32, passes: u32| u64::from(memory) * u64::from(passes);
            memory_kib < wanted_memory || cost(memory_kib, passes) < cost(wanted_memory, wanted_passes)
        }
        (Algorithm::Pbkdf2HmacSha256 { iterations }, Algorithm::Pbkdf2HmacSha256 { iterations: wanted_iterations }) => {
            iterations < wanted_iterations
        }
        (Algorithm::Argon2id { .. }, Algorithm::Pbkdf2HmacSha256 { .. })
        | (Algorithm::Pbkdf2HmacSha256 { .. }, Algorithm::Argon2id { .. }) => false,
    }
}

fn worded(parameters: Parameters) -> String {
    match parameters.algorithm {
        Algorithm::Argon2id { memory_kib, passes, lanes } => {
            format!("Argon2id ({memory_kib} KiB, {passes} passes, {lanes} lanes)")
        }
        Algorithm::Pbkdf2HmacSha256 { iterations } => {
            format!("PBKDF2-HMAC-SHA-256 ({iterations} iterations)")
        }
    }
}
