//! `upgrade`: from the wire to the keeper, and back.

use strongroom_api::upgrade as wire;
use strongroom_keeper::facade::Caller;

use super::Route;
use crate::refused::Failed;
use crate::shell::Shell;

impl Route for wire::AcceptRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::AcceptReply, Failed> {
        shell.keeper.upgrade_accept(caller).await?;
        Ok(wire::AcceptReply {})
    }
}
