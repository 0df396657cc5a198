//! Which host this is, for what is bound to it.

use strongroom_protector::{MachineIdError, host_id};

use crate::facade::Failure;
use crate::keeper::Keeper;

/// It cannot be told which host this is.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The store is locked.
    #[error(transparent)]
    Locked(#[from] Failure),
    /// The host has no id that can be read.
    #[error(transparent)]
    Unknown(#[from] MachineIdError),
}

impl Keeper {
    /// The id of this host (docs/spec/credential.md), as its file says now. Reads a file.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn host_id(&self) -> Result<[u8; 16], HostError> {
        let unsealed = self.inner.unsealed()?;
        Ok(host_id(&unsealed.surroundings.machine_id_file, unsealed.surroundings.store_id)?)
    }
}
