//! `protector`: from the wire to the keeper, and back.

use strongroom_api::WireSecret;
use strongroom_api::protector as wire;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::Timestamp;
use strongroom_keeper::facade::{Caller, ProtectorSpec, ProtectorView};

use super::{Route, hex};
use crate::refused::Failed;
use crate::shell::Shell;

impl Route for wire::ListRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ListReply, Failed> {
        let protectors = shell.keeper.protector_list(caller).await?;
        Ok(wire::ListReply { protectors: protectors.into_iter().map(entry).collect() })
    }
}

impl Route for wire::AddRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Entry, Failed> {
        let spec = match (self.kind, self.password_base64) {
            (wire::Kind::Account, None) => ProtectorSpec::Account,
            (wire::Kind::Machine, None) => ProtectorSpec::Machine,
            (wire::Kind::Password, Some(password)) => ProtectorSpec::Password(password.into_passphrase()),
            (wire::Kind::Password, None) => return Err(password_refusal("a password protector needs one").into()),
            (wire::Kind::Account | wire::Kind::Machine, Some(_)) => {
                return Err(password_refusal("only a password protector takes one").into());
            }
        };
        Ok(entry(shell.keeper.protector_add(caller, spec).await?))
    }
}

impl Route for wire::DropRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Entry, Failed> {
        Ok(entry(shell.keeper.protector_drop(caller, self.protector, self.attended_start).await?))
    }
}

impl Route for wire::ProveRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Entry, Failed> {
        let passphrase = self.password_base64.map(WireSecret::into_passphrase);
        Ok(entry(shell.keeper.protector_prove(caller, self.protector, passphrase).await?))
    }
}

impl Route for wire::ReplaceRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Entry, Failed> {
        let passphrase = self.password_base64.map(WireSecret::into_passphrase);
        Ok(entry(shell.keeper.protector_replace(caller, self.protector, passphrase).await?))
    }
}

fn password_refusal(reason: &str) -> Refusal {
    Refusal::Invalid { field: "password_base64", reason: reason.to_owned() }
}

fn entry(view: ProtectorView) -> wire::Entry {
    wire::Entry {
        id: view.id.to_string(),
        kind: view.kind,
        attended: view.attended,
        bound_to: view.bound_to.into_iter().collect(),
        thumbprint: hex(&view.thumbprint),
        created_at: view.created_at.rfc3339(),
        last_proven_at: view.last_proven_at.map(Timestamp::rfc3339),
        state: view.state.word().to_owned(),
        reason: view.reason,
        wrapped: view.wrapped.as_deref().map(hex),
    }
}
