//! `protector`: from the wire to the keeper, and back.

use strongroom_api::WireSecret;
use strongroom_api::protector as wire;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::Timestamp;
use strongroom_keeper::facade::{Caller, ProtectorMade, ProtectorSpec, ProtectorView};

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
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::MadeReply, Failed> {
        Ok(made(shell.keeper.protector_add(caller, spec(self)?).await?))
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
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::MadeReply, Failed> {
        let passphrase = self.password_base64.map(WireSecret::into_passphrase);
        Ok(made(shell.keeper.protector_replace(caller, self.protector, passphrase).await?))
    }
}

/// Exactly what the kind needs, and nothing else.
fn spec(request: wire::AddRequest) -> Result<ProtectorSpec, Refusal> {
    let mut asked = request;
    let spec = match asked.kind {
        wire::Kind::Account => ProtectorSpec::Account,
        wire::Kind::Machine => ProtectorSpec::Machine,
        wire::Kind::Password => {
            let password = needed(asked.password_base64.take(), "password_base64", "a password protector needs one")?;
            ProtectorSpec::Password(password.into_passphrase())
        }
        wire::Kind::Shares => ProtectorSpec::Shares {
            count: needed(asked.shares.take(), "shares", "say how many shares there shall be")?,
            threshold: needed(asked.threshold.take(), "threshold", "say how many shares open it")?,
        },
        wire::Kind::Rsa => ProtectorSpec::Rsa(name(&mut asked)?),
        wire::Kind::Plugin => ProtectorSpec::Plugin(name(&mut asked)?),
        wire::Kind::Pkcs11 => ProtectorSpec::Pkcs11 {
            name: name(&mut asked)?,
            token: needed(asked.token.take(), "token", "say which token")?,
            label: needed(asked.label.take(), "label", "say which key on the token")?,
        },
    };
    match surplus(&asked) {
        Some(field) => Err(invalid(field, "this kind of protector does not take it")),
        None => Ok(spec),
    }
}

fn name(asked: &mut wire::AddRequest) -> Result<String, Refusal> {
    needed(asked.name.take(), "name", "name its section of the server's configuration")
}

/// A field that was given and not used.
fn surplus(asked: &wire::AddRequest) -> Option<&'static str> {
    let given = [
        ("password_base64", asked.password_base64.is_some()),
        ("name", asked.name.is_some()),
        ("token", asked.token.is_some()),
        ("label", asked.label.is_some()),
        ("shares", asked.shares.is_some()),
        ("threshold", asked.threshold.is_some()),
    ];
    given.into_iter().find(|(_, is_given)| *is_given).map(|(field, _)| field)
}

fn needed<T>(given: Option<T>, field: &'static str, reason: &str) -> Result<T, Refusal> {
    given.ok_or_else(|| invalid(field, reason))
}

fn invalid(field: &'static str, reason: &str) -> Refusal {
    Refusal::Invalid { field, reason: reason.to_owned() }
}

fn made(made: ProtectorMade) -> wire::MadeReply {
    wire::MadeReply {
        protector: entry(made.view),
        shares_base64: made.shares.into_iter().map(WireSecret::from).collect(),
    }
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
