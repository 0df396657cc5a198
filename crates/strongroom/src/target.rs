//! Where the server is, from flags and environment; the first that is set.

use std::env;
use std::path::{Path, PathBuf};

use strongroom_client::{Pin, Target, Trust};
use strongroom_secret::AccessToken;

use crate::cli::Global;
use crate::failure::Failure;

/// Where the packaged service keeps its data.
pub const DEFAULT_DATA: &str = "/var/lib/strongroom";

/// Where the packaged service has the socket for accounts.
pub const DEFAULT_ACCOUNTS_SOCKET: &str = "/run/strongroom/accounts.sock";

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

/// Where an account reaches what belongs to it: the socket for accounts, or the one in the data directory if that is named.
pub fn as_account(global: &Global, socket: Option<&Path>) -> Result<Target, Failure> {
    if global.address.is_some() {
        return Err(Failure::usage(
            "a credential is read on the host of the server, where the kernel tells which account asks",
            "run this there, without --address",
        ));
    }
    Ok(match (socket, &global.data, set("STRONGROOM_ACCOUNTS_SOCKET")) {
        (Some(socket), ..) => Target::Accounts(socket.to_owned()),
        (None, Some(data), _) => Target::Socket(data.clone()),
        (None, None, Some(socket)) => Target::Accounts(PathBuf::from(socket)),
        (None, None, None) => Target::Accounts(PathBuf::from(DEFAULT_ACCOUNTS_SOCKET)),
    })
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
