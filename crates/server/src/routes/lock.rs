//! `unlock` and `lock`: from the wire to the keeper, and back.

use strongroom_api::{lock as wire, status};
use strongroom_keeper::facade::Caller;

use super::Route;
use super::status::status;
use crate::refused::Failed;
use crate::shell::Shell;

impl Route for wire::UnlockRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<status::Status, Failed> {
        let passphrase = self.password_base64.into_passphrase();
        Ok(status(shell, shell.keeper.unlock(caller, passphrase).await?))
    }
}

impl Route for wire::LockRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<status::Status, Failed> {
        Ok(status(shell, shell.keeper.lock(caller).await?))
    }
}
