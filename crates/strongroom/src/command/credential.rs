//! `credential`: set, get, enroll, show, list, rebind, delete.

use std::env;
use std::path::PathBuf;

use strongroom_api::WireSecret;
use strongroom_api::credential::{
    DeleteRequest, Entry, ListReply, ListRequest, RebindRequest, SetRequest, ShowReply, ShowRequest,
};
use strongroom_client::{Client, CredentialKey, CredentialKeyError, CredentialValue, EnrollError};
use strongroom_secret::SecretBytes;

use crate::cli::{AsAccount, Credential, OwnedBy};
use crate::command::Here;
use crate::failure::{Failure, exit};
use crate::output::{Output, table};
use crate::{input, target};

/// Runs one of them.
pub fn run(here: &Here<'_>, credential: Credential) -> Result<(), Failure> {
    match credential {
        Credential::Set { name, owner: OwnedBy { account, certificates }, given, if_revision } => {
            if account.is_none() && certificates.is_empty() {
                let fix = "name an account of the server's host with --account, a client certificate with --certificate, or both";
                return Err(Failure::usage("nothing says to whom the credential belongs", fix));
            }
            let value_base64 = WireSecret::new(input::value(&given, here.output)?);
            let request = SetRequest { name, account, certificates, value_base64, expected_revision: if_revision };
            here.call(|client, output| set(client, output, request))
        }
        Credential::Get { name, account } => {
            let target = target::as_account(here.global, &account)?;
            here.call_at(target, |client, output| get(client, output, name, account))
        }
        Credential::Enroll { name, account, old_key_file } => {
            let target = target::as_account(here.global, &account)?;
            here.call_at(target, |client, output| enroll(client, output, name, (account, old_key_file)))
        }
        Credential::Show { name } => here.call(|client, output| async move {
            let reply = client.call(&ShowRequest { name }).await?;
            output.answer(&reply, || shown(&reply));
            Ok(())
        }),
        Credential::List { prefix } => here.call(|client, output| list(client, output, prefix)),
        Credential::Rebind { name, owner, if_revision } => {
            here.call(|client, output| rebind(client, output, name, (owner, if_revision)))
        }
        Credential::Delete { name, if_revision } => here.call(|client, output| async move {
            let reply = client.call(&DeleteRequest { name, expected_revision: if_revision }).await?;
            output.answer(&reply, || format!("{} is deleted", reply.name));
            Ok(())
        }),
    }
}

async fn set(client: Client, output: &Output, request: SetRequest) -> Result<(), Failure> {
    let (account, certificates) = (request.account.clone(), request.certificates.clone());
    let reply = client.call(&request).await?;
    output.answer(&reply, || {
        let (name, revision) = (&reply.name, reply.revision);
        format!("{name} revision {revision}, for {}", owners(account.as_deref().zip(reply.uid), &certificates))
    });
    Ok(())
}

async fn get(client: Client, output: &Output, name: String, account: AsAccount) -> Result<(), Failure> {
    let found = client.credential_get(&name).await?;
    let value = match found.value {
        CredentialValue::Clear(value) => value,
        CredentialValue::Sealed(sealed) => {
            let file = key_file(account.key_file)?;
            let key = CredentialKey::read(&file).map_err(unusable)?;
            sealed.open(&key).map_err(|error| {
                let fix = "name the file of the key that the account is enrolled with (--key-file)";
                Failure::local(format!("opening {name} with {}", file.display()), error, fix).with_code(exit::INTEGRITY)
            })?
        }
    };
    written(output, &found.id, &found.name, found.revision, value)
}

/// The value exactly, or with what is known about it.
fn written(output: &Output, id: &str, name: &str, revision: u32, value: SecretBytes) -> Result<(), Failure> {
    if !output.is_json() {
        return output.bytes(value.expose());
    }
    #[derive(serde::Serialize)]
    struct Got<'a> {
        id: &'a str,
        name: &'a str,
        revision: u32,
        value_base64: WireSecret,
    }
    output.json_line(&Got { id, name, revision, value_base64: WireSecret::new(value) });
    Ok(())
}

async fn enroll(
    client: Client,
    output: &Output,
    name: String,
    (account, old_key_file): (AsAccount, Option<PathBuf>),
) -> Result<(), Failure> {
    let file = key_file(account.key_file)?;
    let old = old_key_file.map(|old| CredentialKey::read(&old)).transpose().map_err(unusable)?;
    let key = match CredentialKey::read(&file) {
        Err(CredentialKeyError::Missing { .. }) => CredentialKey::make(&file),
        found => found,
    };
    let key = key.map_err(unusable)?;
    let reply = client.credential_enroll(&name, &key, old.as_ref()).await.map_err(|error| match error {
        EnrollError::Client(error) => Failure::from(error),
        other @ EnrollError::OldKey(_) => {
            let fix = "name the file of the key that the account is enrolled with (--old-key-file)";
            Failure::local(format!("enrolling for {name}"), other, fix).with_code(exit::INTEGRITY)
        }
    })?;
    output.answer(&reply, || format!("{} is sealed to the key in {} from now on", reply.name, file.display()));
    Ok(())
}

/// Who owns it, for people.
fn owners(account: Option<(&str, u32)>, certificates: &[String]) -> String {
    let account = account.map(|(name, uid)| format!("the account {name} (uid {uid})"));
    let pins = match certificates {
        [] => None,
        [pin] => Some(format!("the certificate {pin}")),
        several => Some(format!("the certificates {}", several.join(", "))),
    };
    account.into_iter().chain(pins).collect::<Vec<_>>().join(" and ")
}

/// When nobody is named it stays with those it is bound to, the account as that is today.
async fn rebind(
    client: Client,
    output: &Output,
    name: String,
    (OwnedBy { account, certificates }, if_revision): (OwnedBy, Option<u32>),
) -> Result<(), Failure> {
    let request = if account.is_some() || !certificates.is_empty() {
        RebindRequest { name, account, certificates, expected_revision: if_revision }
    } else {
        let found = client.call(&ShowRequest { name: name.clone() }).await?.credential;
        let Entry { account, certificates, revision, .. } = found;
        RebindRequest { name, account, certificates, expected_revision: if_revision.or(Some(revision)) }
    };
    let reply = client.call(&request).await?;
    output.answer(&reply, || {
        let (name, revision) = (&reply.name, reply.revision);
        let account = reply.account.as_deref().zip(reply.uid);
        format!("{name} revision {revision}, for {}", owners(account, &reply.certificates))
    });
    Ok(())
}

/// Every page, as one answer.
async fn list(client: Client, output: &Output, prefix: String) -> Result<(), Failure> {
    let mut whole = ListReply { credentials: Vec::new(), withheld: Vec::new(), next: None };
    let mut after = None;
    loop {
        let request = ListRequest { prefix: prefix.clone(), after: after.take(), limit: Some(200) };
        let page = client.call(&request).await?;
        whole.credentials.extend(page.credentials);
        whole.withheld.extend(page.withheld);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    output.answer(&whole, || listed(&whole));
    Ok(())
}

fn listed(list: &ListReply) -> String {
    let none = || "-".to_owned();
    let readable = list.credentials.iter().map(|entry| {
        let enrolled = if entry.enrolled_at.is_some() { "yes" } else { "no" };
        let account = entry.account.clone().unwrap_or_else(none);
        let uid = entry.uid.map_or_else(none, |uid| uid.to_string());
        let (certificates, enrolled) = (entry.certificates.len().to_string(), enrolled.to_owned());
        let (revision, updated) = (entry.revision.to_string(), entry.updated_at.clone());
        vec![entry.name.clone(), account, uid, certificates, enrolled, revision, updated]
    });
    let withheld = list
        .withheld
        .iter()
        .map(|entry| vec![entry.name.clone(), none(), none(), none(), none(), none(), entry.message.clone()]);
    let rows: Vec<Vec<String>> = readable.chain(withheld).collect();
    if rows.is_empty() {
        return "no credentials".into();
    }
    table(&["NAME", "ACCOUNT", "UID", "CERTIFICATES", "ENROLLED", "REVISION", "UPDATED"], &rows)
}

fn shown(reply: &ShowReply) -> String {
    let entry = &reply.credential;
    let mut lines = vec![format!("{} ({})", entry.name, entry.id)];
    if let (Some(account), Some(uid)) = (&entry.account, entry.uid) {
        lines.push(format!("  account   {account} (uid {uid})"));
    }
    lines.extend(entry.certificates.iter().map(|pin| format!("  pin       {pin}")));
    lines.extend([
        format!("  binding   {}", reply.binding.text()),
        format!("  revision  {}", entry.revision),
        format!("  created   {}", entry.created_at),
        format!("  updated   {}", entry.updated_at),
    ]);
    if let (Some(since), Some(key)) = (&entry.enrolled_at, &entry.public_key_sha256) {
        lines.push(format!("  enrolled  {since}, SHA-256 of the public key {key}"));
    }
    lines.join("\n")
}

/// The file of the account's key, when none is named.
fn key_file(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let set = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    named.or_else(|| data.map(|data| data.join("strongroom/credential.key"))).ok_or_else(|| {
        Failure::usage(
            "there is no place for the account's key",
            "set HOME or XDG_DATA_HOME, or name a file with --key-file",
        )
    })
}

fn unusable(error: CredentialKeyError) -> Failure {
    let fix = error.fix();
    Failure::local("using the account's key", error, fix)
}
