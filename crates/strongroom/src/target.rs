//! Where the server is, from flags and environment; the first that is set.

use std::env;
use std::path::PathBuf;

use strongroom_client::{ClientCertificate, ClientCertificateError, Pin, Target, Trust};
use strongroom_secret::AccessToken;

use crate::cli::{AsAccount, Global};
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

/// Where an account reaches what belongs to it: over TLS when there is a client certificate, else the socket for accounts, or the
/// one in the data directory if that is named.
pub fn as_account(global: &Global, account: &AsAccount) -> Result<Target, Failure> {
    if let Some((certificate, private_key)) = client_certificate(global, account)? {
        let unusable = |error: ClientCertificateError| {
            let fix = error.fix();
            Failure::local("using the client certificate", error, fix)
        };
        let certificate = ClientCertificate::read(&certificate, &private_key).map_err(unusable)?;
        let no_address = || {
            let fix = "give --address HOST:PORT, or set STRONGROOM_ADDR";
            Failure::usage("a client certificate is for a server over TLS, and no address is given", fix)
        };
        let address = global.address.clone().or_else(|| set("STRONGROOM_ADDR")).ok_or_else(no_address)?;
        return Ok(Target::Certified { address, certificate, token: None, trust: trust()? });
    }
    if global.address.is_some() {
        return Err(Failure::usage(
            "over TLS a credential is given to a client certificate only",
            "name the certificate and its key with --client-certificate and --client-key; on the server's host run this without \
             --address",
        ));
    }
    Ok(match (account.accounts_socket.as_deref(), &global.data, set("STRONGROOM_ACCOUNTS_SOCKET")) {
        (Some(socket), ..) => Target::Accounts(socket.to_owned()),
        (None, Some(data), _) => Target::Socket(data.clone()),
        (None, None, Some(socket)) => Target::Accounts(PathBuf::from(socket)),
        (None, None, None) => Target::Accounts(PathBuf::from(DEFAULT_ACCOUNTS_SOCKET)),
    })
}

/// The files of the certificate and its key. What says on the line where the server is goes before the environment.
fn client_certificate(global: &Global, account: &AsAccount) -> Result<Option<(PathBuf, PathBuf)>, Failure> {
    let is_local = global.data.is_some() || account.accounts_socket.is_some();
    let file = |named: &Option<PathBuf>, variable| {
        let by_default = || set(variable).filter(|_| !is_local).map(PathBuf::from);
        named.clone().or_else(by_default)
    };
    let certificate = file(&account.client_certificate, "STRONGROOM_CLIENT_CERTIFICATE");
    let private_key = file(&account.client_key, "STRONGROOM_CLIENT_KEY");
    match (certificate, private_key) {
        (Some(_), Some(_)) if global.data.is_some() => Err(Failure::usage(
            "a client certificate is for a server over TLS, and --data is a server on this host",
            "leave out --data, or --client-certificate and --client-key",
        )),
        (Some(certificate), Some(private_key)) => Ok(Some((certificate, private_key))),
        (None, None) => Ok(None),
        (Some(_), None) => {
            Err(Failure::usage("the client certificate has no private key", "name it with --client-key"))
        }
        (None, Some(_)) => {
            Err(Failure::usage("the client key has no certificate", "name it with --client-certificate"))
        }
    }
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
