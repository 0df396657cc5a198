//! `column.sign`: the metadata of an RSA master key is signed, as Microsoft's Always Encrypted does.

use super::master::Master;
use super::path::MasterPath;
use super::unwrap::version;
use crate::key::Allowance;
use crate::policy::Action;
use crate::rule::{Done, Facts, KeyChoice, Operation, Refusal, Reply, Stop};

/// Signs provider, path, and whether enclaves may use the key.
#[derive(Debug)]
pub struct Sign {
    /// The master key version, which must be active.
    pub path: MasterPath,
    /// Whether enclaves may use it.
    pub enclave: bool,
}

/// A signature of metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignReply {
    /// RSASSA-PKCS1-v1_5 with SHA-256, as long as the modulus.
    pub signature: Vec<u8>,
}

impl Operation for Sign {
    type Reply = SignReply;
    const ACTION: Action = Action::ColumnSign;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<SignReply>, Stop> {
        let handle = version(facts, Self::ACTION, &self.path, KeyChoice::Exact)?;
        let master = Master::of(&handle)?;
        if !handle.state.seals() {
            let (key, version, state) = (handle.name.to_string(), handle.version, handle.state);
            return Err(Refusal::KeyNotUsable { key, version, state }.into());
        }
        Allowance::ask(facts, &handle, |_| Ok(1))?.take()?;
        Ok(Done::read(SignReply { signature: master.sign_metadata(self.enclave)? }))
    }
}

/// Never kept: signing again gives the same.
impl Reply for SignReply {}
