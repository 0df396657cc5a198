//! `protector`: list, add, drop, prove, replace.

use strongroom_api::WireSecret;
use strongroom_api::protector::{
    AddRequest, DropRequest, Entry, Kind, ListReply, ListRequest, MadeReply, ProveRequest, ReplaceRequest,
};
use strongroom_client::Client;
use strongroom_secret::{Passphrase, SecretBytes};

use crate::cli::{Given, Protector};
use crate::command::Here;
use crate::failure::Failure;
use crate::input;
use crate::output::{Output, table};

/// What can be added: a kind, and the name of its section in the server's configuration.
#[derive(Debug, Clone)]
pub struct What {
    kind: Kind,
    name: Option<String>,
}

/// Reads `KIND` or `KIND:NAME`.
pub fn what(text: &str) -> Result<What, String> {
    let (kind, name) = text.split_once(':').map_or((text, None), |(kind, name)| (kind, Some(name.to_owned())));
    let kind = match (kind, &name) {
        ("account", None) => Kind::Account,
        ("machine", None) => Kind::Machine,
        ("password", None) => Kind::Password,
        ("shares", None) => Kind::Shares,
        ("rsa", Some(_)) => Kind::Rsa,
        ("pkcs11", Some(_)) => Kind::Pkcs11,
        ("plugin", Some(_)) => Kind::Plugin,
        _ => return Err("say account, machine, password, shares, rsa:NAME, pkcs11:NAME or plugin:NAME".to_owned()),
    };
    Ok(What { kind, name })
}

/// Runs one of them.
pub fn run(here: &Here<'_>, protector: Protector) -> Result<(), Failure> {
    match protector {
        Protector::List => here.call(list),
        Protector::Add { what, given, token, label, shares, threshold } => {
            let password_base64 = match what.kind {
                Kind::Password => Some(wire(input::password(&given)?)),
                _ => None,
            };
            let name = what.name;
            let request = AddRequest { kind: what.kind, password_base64, name, token, label, shares, threshold };
            here.call(|client, output| async move { made(output, "added", client.call(&request).await?) })
        }
        Protector::Drop { protector, attended_start } => here.call(|client, output| async move {
            changed(output, "dropped", &client.call(&DropRequest { protector, attended_start }).await?)
        }),
        Protector::Prove { protector, given } => here.call(|client, output| async move {
            let password_base64 = typed_for(&client, &protector, &given, &[PASSWORD, SHARES]).await?;
            changed(output, "proven", &client.call(&ProveRequest { protector, password_base64 }).await?)
        }),
        Protector::Replace { protector, given } => here.call(|client, output| async move {
            let password_base64 = typed_for(&client, &protector, &given, &[PASSWORD]).await?;
            made(output, "made anew", client.call(&ReplaceRequest { protector, password_base64 }).await?)
        }),
    }
}

/// What the server starts for itself was typed by a person.
pub fn not_a_child() -> Failure {
    Failure::usage(
        "this is started by the server, to load a PKCS#11 module",
        "use `strongroom protector add pkcs11:NAME`",
    )
}

/// What a person types, when the protector, named by kind or id, is of one of these kinds.
async fn typed_for(
    client: &Client,
    protector: &str,
    given: &Given,
    kinds: &[&str],
) -> Result<Option<WireSecret>, Failure> {
    let listed = client.call(&ListRequest {}).await?;
    let is_named = |entry: &Entry| entry.id == protector || entry.kind == protector;
    let takes_one = listed.protectors.iter().any(|entry| is_named(entry) && kinds.contains(&entry.kind.as_str()));
    if takes_one { input::password(given).map(|typed| Some(wire(typed))) } else { Ok(None) }
}

/// The kinds of protector that persons open.
const PASSWORD: &str = "password";
const SHARES: &str = "shares";

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

/// The shares go to standard output, one in each line, and are nowhere else.
fn made(output: &Output, done: &str, reply: MadeReply) -> Result<(), Failure> {
    if output.is_json() || reply.shares_base64.is_empty() {
        let entry = &reply.protector;
        output.answer(&reply, || format!("{} protector {} {done}", entry.kind, entry.id));
        return Ok(());
    }
    output.remark(&format!(
        "{} protector {} {done}; give each share to another person, they are shown this once",
        reply.protector.kind, reply.protector.id
    ));
    let mut lines = SecretBytes::new();
    for share in reply.shares_base64 {
        lines.extend_from_slice(share.into_secret().expose());
        lines.push(b'\n');
    }
    output.bytes(lines.expose())
}

fn changed(output: &Output, done: &str, entry: &Entry) -> Result<(), Failure> {
    output.answer(entry, || format!("{} protector {} {done}", entry.kind, entry.id));
    Ok(())
}
