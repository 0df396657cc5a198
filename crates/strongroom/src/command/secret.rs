//! `secret`: put, get, show, list, rename, delete, undelete, destroy.

use strongroom_api::WireSecret;
use strongroom_api::secret::{
    DeleteRequest, DestroyRequest, GetRequest, ListReply, ListRequest, PutRequest, RenameRequest, ShowReply,
    ShowRequest, UndeleteRequest,
};
use strongroom_client::Client;

use crate::cli::Secret;
use crate::command::Here;
use crate::failure::Failure;
use crate::input;
use crate::output::{Output, table};

/// Runs one of them.
pub fn run(here: &Here<'_>, secret: Secret) -> Result<(), Failure> {
    match secret {
        Secret::Put { name, given, expected_version, keep } => {
            let value = input::value(&given, here.output)?;
            let request = PutRequest { name, value_base64: WireSecret::new(value), expected_version, keep };
            here.call(|client, output| put(client, output, request))
        }
        Secret::Get { name, version } => here.call(|client, output| get(client, output, GetRequest { name, version })),
        Secret::Show { name } => here.call(|client, output| show(client, output, ShowRequest { name })),
        Secret::List { prefix, deleted } => here.call(|client, output| list(client, output, prefix, deleted)),
        Secret::Rename { name, new_name } => here.call(|client, output| async move {
            let reply = client.call(&RenameRequest { name, new_name }).await?;
            output.answer(&reply, || format!("{} is now {}", reply.id, reply.name));
            Ok(())
        }),
        Secret::Delete { name, expected_version } => here.call(|client, output| async move {
            let reply = client.call(&DeleteRequest { name, expected_version }).await?;
            output.answer(&reply, || {
                format!(
                    "{} is deleted; `strongroom secret undelete {}` takes it back for a time",
                    reply.name, reply.name
                )
            });
            Ok(())
        }),
        Secret::Undelete { name } => here.call(|client, output| async move {
            let reply = client.call(&UndeleteRequest { name }).await?;
            output.answer(&reply, || format!("{} is back, version {}", reply.name, reply.version));
            Ok(())
        }),
        Secret::Destroy { name, version, yes } => destroy(here, name, version, yes),
    }
}

async fn put(client: Client, output: &Output, request: PutRequest) -> Result<(), Failure> {
    let reply = client.call(&request).await?;
    output.answer(&reply, || format!("{} version {} ({})", reply.name, reply.version, reply.id));
    Ok(())
}

async fn get(client: Client, output: &Output, request: GetRequest) -> Result<(), Failure> {
    let reply = client.call(&request).await?;
    if output.is_json() {
        output.json_line(&reply);
        return Ok(());
    }
    output.bytes(reply.value_base64.into_secret().expose())
}

async fn show(client: Client, output: &Output, request: ShowRequest) -> Result<(), Failure> {
    let reply = client.call(&request).await?;
    output.answer(&reply, || shown(&reply));
    Ok(())
}

fn shown(secret: &ShowReply) -> String {
    let versions: Vec<String> =
        secret.versions.iter().map(|entry| format!("  {} of {}", entry.version, entry.created_at)).collect();
    let metadata: String = secret.metadata.iter().map(|(name, text)| format!("\n{name:12} {text}")).collect();
    let encrypted = if secret.already_encrypted { "\nencrypted    by the system it came from, too" } else { "" };
    let deleted = secret.deleted_at.as_ref().map(|at| format!("\ndeleted at   {at}")).unwrap_or_default();
    format!(
        "name         {}\nid           {}\nversion      {}\ncreated at   {}\nupdated at   {}\nprovider     {}\nkey          {} version {}\nkeeps        {} versions:\n{}{encrypted}{metadata}{deleted}",
        secret.name,
        secret.id,
        secret.version,
        secret.created_at,
        secret.updated_at,
        secret.provider,
        secret.key,
        secret.key_version,
        secret.versions_kept,
        versions.join("\n"),
    )
}

/// Every page; text is written page by page, JSON as one object.
async fn list(client: Client, output: &Output, prefix: String, deleted: bool) -> Result<(), Failure> {
    let mut whole = ListReply { secrets: Vec::new(), withheld: Vec::new(), next: None };
    let mut after = None;
    loop {
        let request = ListRequest { prefix: prefix.clone(), after: after.take(), limit: Some(1000), deleted };
        let page = client.call(&request).await?;
        whole.secrets.extend(page.secrets);
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
    let rows: Vec<Vec<String>> = list
        .secrets
        .iter()
        .map(|entry| {
            let deleted = entry.deleted_at.as_ref().map(|at| format!("deleted {at}")).unwrap_or_default();
            vec![entry.name.clone(), entry.version.to_string(), entry.updated_at.clone(), entry.id.clone(), deleted]
        })
        .chain(
            list.withheld
                .iter()
                .map(|entry| vec![entry.name.clone(), "-".into(), "-".into(), entry.id.clone(), entry.message.clone()]),
        )
        .collect();
    if rows.is_empty() { "no secrets".into() } else { table(&["NAME", "VERSION", "UPDATED", "ID", ""], &rows) }
}

fn destroy(here: &Here<'_>, name: String, version: Option<u32>, yes: bool) -> Result<(), Failure> {
    let what = version
        .map_or_else(|| format!("{name} and all its versions"), |version| format!("version {version} of {name}"));
    if !yes && !input::confirmed(&format!("This destroys {what} for good."), here.output) {
        return Err(Failure::usage("nothing was destroyed", "type `yes` at the prompt, or say --yes"));
    }
    here.call(|client, output| async move {
        let reply = client.call(&DestroyRequest { name, version }).await?;
        output.answer(&reply, || format!("{} destroyed, versions {:?}", reply.name, reply.versions));
        Ok(())
    })
}
