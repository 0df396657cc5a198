//! Making, showing and changing keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_api::key::{
    self as wire, CreateRequest, DestroyRequest, ImportRequest, LimitRequest, ListReply, ListRequest, RotateReply,
    RotateRequest, ShowRequest, StateRequest, UndestroyRequest, WrappingRequest,
};
use strongroom_client::{Client, wrap_key};
use strongroom_secret::SecretBytes;

use crate::cli::{Given, Key, Purpose, Step};
use crate::command::{Here, job};
use crate::failure::Failure;
use crate::input;
use crate::output::{Output, table};

/// Runs one of them.
pub fn run(here: &Here<'_>, key: Key) -> Result<(), Failure> {
    match key {
        Key::Create { name, purpose, algorithm, rotate_every, usage_limit } => here.call(|client, output| async move {
            let purpose = wire_purpose(purpose);
            let rotation_period_seconds = rotate_every;
            let request = CreateRequest { name, purpose, algorithm, rotation_period_seconds, usage_limit };
            told(output, &client.call(&request).await?);
            Ok(())
        }),
        Key::Show { name, public_key } => {
            here.call(|client, output| show(client, output, ShowRequest { name }, public_key))
        }
        Key::List { prefix } => here.call(|client, output| list(client, output, prefix, |_| true)),
        Key::Rotate { name, no_reencrypt, expected_version, rate, no_wait } => {
            let request = RotateRequest { name, no_reencrypt, expected_version, rate };
            here.call(|client, output| rotate(client, output, request, no_wait))
        }
        Key::State { name, version, step } => here.call(|client, output| async move {
            let step = match step {
                Step::Activate => wire::Step::Activate,
                Step::Deactivate => wire::Step::Deactivate,
                Step::Suspend => wire::Step::Suspend,
                Step::Resume => wire::Step::Resume,
                Step::Compromise => wire::Step::Compromise,
            };
            told(output, &client.call(&StateRequest { name, version, step }).await?);
            Ok(())
        }),
        Key::Limit { name, limit } => here.call(|client, output| async move {
            told(output, &client.call(&LimitRequest { name, limit: limit.0 }).await?);
            Ok(())
        }),
        Key::Import { name, file, purpose, algorithm, no_reencrypt } => {
            let key = input::key(&Given { file }, here.output)?;
            let purpose = purpose.map(wire_purpose);
            let brought = Brought { name, key, purpose, algorithm, no_reencrypt };
            here.call(|client, output| bring(client, output, brought))
        }
        Key::Destroy { name, version, wait, yes } => destroy(here, name, version, wait, yes),
        Key::Undestroy { name, version } => here.call(|client, output| async move {
            told(output, &client.call(&UndestroyRequest { name, version }).await?);
            Ok(())
        }),
        _ => Err(Failure::usage("this command is not one of managing keys", "see `strongroom key --help`")),
    }
}

pub async fn rotate(client: Client, output: &Output, request: RotateRequest, no_wait: bool) -> Result<(), Failure> {
    let reply = client.call(&request).await?;
    new_version(&client, output, &reply, no_wait).await
}

/// A key that the user brings.
pub struct Brought {
    /// Its name.
    pub name: String,
    /// The key.
    pub key: SecretBytes,
    /// What a new key is for.
    pub purpose: Option<wire::Purpose>,
    /// What it is used with.
    pub algorithm: Option<String>,
    /// Leave what is stored under older versions as it is for now.
    pub no_reencrypt: bool,
}

/// Has the server take a key over; it leaves this machine wrapped only.
pub async fn bring(client: Client, output: &Output, brought: Brought) -> Result<(), Failure> {
    let Brought { name, key, purpose, algorithm, no_reencrypt } = brought;
    let wrapping = client.call(&WrappingRequest {}).await?;
    let wrong = |error| Failure::local("reading the server's public key", error, "upgrade the server");
    let public = STANDARD.decode(&wrapping.public_key_base64).map_err(wrong)?;
    let wrapped =
        wrap_key(&public, &key).map_err(|error| Failure::local("wrapping the key", error, "give a key of 32 bytes"))?;
    let (wrapping_key, wrapped_base64) = (wrapping.wrapping_key, STANDARD.encode(wrapped));
    let request = ImportRequest { name, purpose, algorithm, wrapping_key, wrapped_base64, no_reencrypt };
    let reply = client.call(&request).await?;
    new_version(&client, output, &reply, false).await
}

/// Shows a new version, and waits for the job that seals again what is stored.
async fn new_version(client: &Client, output: &Output, reply: &RotateReply, no_wait: bool) -> Result<(), Failure> {
    let active = reply.key.active_version.unwrap_or_default();
    let Some(id) = reply.job.clone().filter(|_| !no_wait) else {
        output.answer(reply, || match &reply.job {
            Some(job) => format!("{} is at version {active}; job {job} seals again what is stored", reply.key.name),
            None => format!("{} is at version {active}", reply.key.name),
        });
        return Ok(());
    };
    if !output.is_json() {
        output.remark(&format!("{} is at version {active}; sealing again what is stored", reply.key.name));
    }
    let job = job::waited(client, output, id).await?;
    job::told(output, &job)
}

const fn wire_purpose(purpose: Purpose) -> wire::Purpose {
    match purpose {
        Purpose::Values => wire::Purpose::Values,
        Purpose::Mac => wire::Purpose::Mac,
        Purpose::Sign => wire::Purpose::Sign,
        Purpose::Columns => wire::Purpose::Columns,
    }
}

/// Shows a key, or the public key of its active version alone.
pub async fn show(client: Client, output: &Output, request: ShowRequest, public_key: bool) -> Result<(), Failure> {
    let key = client.call(&request).await?;
    if !public_key {
        told(output, &key);
        return Ok(());
    }
    let active = key.versions.iter().find(|version| Some(version.version) == key.active_version);
    let Some(active) = active else {
        let what = format!("{} has no active version", key.name);
        return Err(Failure::usage(what, "`strongroom key show` shows its versions"));
    };
    let Some(public) = &active.public_key_base64 else {
        let with = key.algorithm.as_ref().map(|algorithm| format!(", with {algorithm}")).unwrap_or_default();
        let what = format!("{} has no public key: it is for {}{with}", key.name, key.purpose);
        return Err(Failure::usage(what, "keys that sign have one, and RSA master keys of columns"));
    };
    output.text(&pem(public));
    Ok(())
}

/// SubjectPublicKeyInfo in its textual encoding (RFC 7468, section 13), made of its base64.
fn pem(base64: &str) -> String {
    let mut lines = vec!["-----BEGIN PUBLIC KEY-----"];
    let mut rest = base64;
    while let Some((line, after)) = rest.split_at_checked(PEM_LINE).filter(|(_, after)| !after.is_empty()) {
        lines.push(line);
        rest = after;
    }
    lines.extend([rest, "-----END PUBLIC KEY-----"]);
    lines.join("\n")
}

/// Characters of a line of PEM.
const PEM_LINE: usize = 64;

/// Lists those keys that are `wanted`.
pub async fn list(
    client: Client,
    output: &Output,
    prefix: String,
    wanted: impl Fn(&wire::Key) -> bool,
) -> Result<(), Failure> {
    let mut whole = ListReply { keys: Vec::new(), withheld: Vec::new(), next: None };
    let mut after = None;
    loop {
        let request = ListRequest { prefix: prefix.clone(), after: after.take(), limit: Some(1000) };
        let page = client.call(&request).await?;
        whole.keys.extend(page.keys.into_iter().filter(&wanted));
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
    let version = |key: &wire::Key| key.active_version.map_or_else(|| "-".to_owned(), |version| version.to_string());
    let row = |key: &wire::Key| {
        let stored: u64 = key.versions.iter().map(|version| version.stored_values).sum();
        vec![
            key.name.clone(),
            key.purpose.clone(),
            version(key),
            stored.to_string(),
            key.protector.clone(),
            key.id.clone(),
            String::new(),
        ]
    };
    let withheld = list.withheld.iter().map(|entry| {
        let unknown = || "-".to_owned();
        let id = entry.id.clone();
        vec![entry.name.clone(), unknown(), unknown(), unknown(), unknown(), id, entry.message.clone()]
    });
    let rows: Vec<Vec<String>> = list.keys.iter().map(row).chain(withheld).collect();
    table(&["NAME", "PURPOSE", "ACTIVE", "STORED", "PROTECTOR", "ID", ""], &rows)
}

fn destroy(here: &Here<'_>, name: String, version: u32, wait: u64, yes: bool) -> Result<(), Failure> {
    let question = format!("What only version {version} of {name} opens is lost for good when it is destroyed.");
    if !yes && !input::confirmed(&question, here.output) {
        return Err(Failure::usage("nothing was destroyed", "type `yes` at the prompt, or say --yes"));
    }
    here.call(|client, output| async move {
        let request = DestroyRequest { name, version, wait_seconds: Some(wait) };
        told(output, &client.call(&request).await?);
        Ok(())
    })
}

pub fn told(output: &Output, key: &wire::Key) {
    output.answer(key, || shown(key));
}

pub(super) fn shown(key: &wire::Key) -> String {
    let mut lines = vec![
        format!("name         {}", key.name),
        format!("id           {}", key.id),
        format!("purpose      {}", key.purpose),
    ];
    lines.extend(key.algorithm.as_ref().map(|algorithm| format!("algorithm    {algorithm}")));
    lines.push(format!("protector    {}", key.protector));
    lines.extend(key.recovery.as_ref().map(|recovery| format!("recovery     {recovery}")));
    lines.push(format!("created at   {}", key.created_at));
    lines.push(format!("updated at   {}", key.updated_at));
    lines.extend(key.rotation_period_seconds.map(|seconds| format!("rotates      every {seconds} seconds")));
    lines.extend(key.usage_limit.map(|limit| format!("limit        {limit} uses of each version")));
    let rows: Vec<Vec<String>> = key.versions.iter().map(row).collect();
    lines.push(table(&["VERSION", "STATE", "CREATED", "STORED", ""], &rows));
    lines.join("\n")
}

fn row(version: &wire::Version) -> Vec<String> {
    let mut remarks = Vec::new();
    if version.imported {
        remarks.push("imported".to_owned());
    }
    remarks.extend(version.uses.map(|uses| format!("{uses} uses")));
    match &version.destroy_at {
        Some(at) if version.state == "destroyed" => remarks.push(format!("destroyed {at}")),
        Some(at) => remarks.push(format!("will be destroyed {at}")),
        None => {}
    }
    let stored = version.stored_values.to_string();
    vec![version.version.to_string(), version.state.clone(), version.created_at.clone(), stored, remarks.join(", ")]
}
