//! Where the server is, from flags and environment; the first that is set.

use std::env;
use std::path::PathBuf;

use strongroom_client::{Client, Pin, Target, Trust};
use strongroom_secret::AccessToken;

use crate::cli::Global;
use crate::failure::Failure;

/// Where the packaged service keeps its data.
pub const DEFAULT_DATA: &str = "/var/lib/strongroom";

/// The server that flags and environment name.
pub fn target(global: &Global) -> Result<Target, Failure> {
    if let Some(data) = &global.data {
        return Ok(Target::Socket(data.clone()));
    }
    let address = global.address.clone().or_else(|| set("STRONGROOM_ADDR"));
    match address {
        Some(address) => Ok(Target::Tcp { address, token: token()?, trust: trust()? }),
        None => Ok(Target::Socket(PathBuf::from(DEFAULT_DATA))),
    }
}

/// A client for it.
pub async fn client(global: &Global) -> Result<Client, Failure> {
    Ok(Client::connect(target(global)?).await?)
}

fn token() -> Result<AccessToken, Failure> {
    match env::var("STRONGROOM_TOKEN") {
        Ok(text) if !text.trim().is_empty() => Ok(AccessToken::from_text(text.trim().to_owned())),
        _ => Err(Failure::usage(
            "a token is needed to reach a server over TCP",
            "set STRONGROOM_TOKEN to one that `strongroom token issue` printed on the server",
        )),
    }
}

/// A variable that says something; an empty one says nothing.
fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}

fn trust() -> Result<Option<Trust>, Failure> {
    if let Some(pin) = set("STRONGROOM_PIN") {
        let pin = Pin::parse(&pin).map_err(|refusal| {
            Failure::usage(format!("STRONGROOM_PIN: {refusal}"), "copy it from `strongroom status` on the server")
        })?;
        return Ok(Some(Trust::Pin(pin)));
    }
    let Some(path) = set("STRONGROOM_CA") else { return Ok(None) };
    let fix = "set STRONGROOM_CA to a PEM file with the authority's certificate";
    let pem = std::fs::read(&path).map_err(|error| Failure::local(format!("reading {path}"), error, fix))?;
    Ok(Some(Trust::Ca(pem)))
}
