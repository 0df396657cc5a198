//! `protector`: list, add, drop, prove, replace.

use strongroom_api::WireSecret;
use strongroom_api::protector::{
    AddRequest, DropRequest, Entry, Kind, ListReply, ListRequest, ProveRequest, ReplaceRequest,
};
use strongroom_client::Client;
use strongroom_secret::{Passphrase, SecretBytes};

use crate::cli::{Given, Protector, ProtectorKind};
use crate::command::Here;
use crate::failure::Failure;
use crate::input;
use crate::output::{Output, table};

/// Runs one of them.
pub fn run(here: &Here<'_>, protector: Protector) -> Result<(), Failure> {
    match protector {
        Protector::List => here.call(list),
        Protector::Add { kind, given } => {
            let request = add_request(kind, &given)?;
            here.call(|client, output| async move { changed(output, "added", &client.call(&request).await?) })
        }
        Protector::Drop { protector, attended_start } => here.call(|client, output| async move {
            changed(output, "dropped", &client.call(&DropRequest { protector, attended_start }).await?)
        }),
        Protector::Prove { protector, given } => here.call(|client, output| async move {
            let password_base64 = password_of(&client, &protector, &given).await?;
            changed(output, "proven", &client.call(&ProveRequest { protector, password_base64 }).await?)
        }),
        Protector::Replace { protector, given } => here.call(|client, output| async move {
            let password_base64 = password_of(&client, &protector, &given).await?;
            changed(output, "made anew", &client.call(&ReplaceRequest { protector, password_base64 }).await?)
        }),
    }
}

fn add_request(kind: ProtectorKind, given: &Given) -> Result<AddRequest, Failure> {
    Ok(match kind {
        ProtectorKind::Account => AddRequest { kind: Kind::Account, password_base64: None },
        ProtectorKind::Machine => AddRequest { kind: Kind::Machine, password_base64: None },
        ProtectorKind::Password => {
            AddRequest { kind: Kind::Password, password_base64: Some(wire(input::password(given)?)) }
        }
    })
}

/// The password, when the protector, named by kind or id, is one that takes one.
async fn password_of(client: &Client, protector: &str, given: &Given) -> Result<Option<WireSecret>, Failure> {
    let listed = client.call(&ListRequest {}).await?;
    let is_named = |entry: &Entry| entry.id == protector || entry.kind == protector;
    let takes_one = listed.protectors.iter().any(|entry| is_named(entry) && entry.kind == PASSWORD);
    if takes_one { input::password(given).map(|password| Some(wire(password))) } else { Ok(None) }
}

/// The kind of protector that a person opens.
const PASSWORD: &str = "password";

/// A password on its way to the server.
pub fn wire(password: Passphrase) -> WireSecret {
    WireSecret::new(SecretBytes::from_slice(password.expose()))
}

async fn list(client: Client, output: &Output) -> Result<(), Failure> {
    let reply = client.call(&ListRequest {}).await?;
    output.answer(&reply, || listed(&reply));
    Ok(())
}

fn listed(reply: &ListReply) -> String {
    let rows: Vec<Vec<String>> = reply
        .protectors
        .iter()
        .map(|entry| {
            let bound: Vec<String> = entry.bound_to.iter().map(|(name, text)| format!("{name}={text}")).collect();
            let proven = entry.last_proven_at.clone().unwrap_or_else(|| "never".into());
            let reason = entry.reason.clone().unwrap_or_default();
            vec![entry.id.clone(), entry.kind.clone(), entry.state.clone(), proven, bound.join(" "), reason]
        })
        .collect();
    table(&["ID", "KIND", "STATE", "LAST PROVEN", "BOUND TO", ""], &rows)
}

fn changed(output: &Output, done: &str, entry: &Entry) -> Result<(), Failure> {
    output.answer(entry, || format!("{} protector {} {done}", entry.kind, entry.id));
    Ok(())
}
