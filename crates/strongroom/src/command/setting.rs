//! `setting`: set, get, list, delete, export, import.

mod export;
mod import;
mod text;
mod toml_form;

use strongroom_api::setting::{self as wire, DeleteRequest, GetRequest, ListReply, ListRequest, SetRequest};
use strongroom_client::Client;

use crate::cli::{Class, Setting};
use crate::command::Here;
use crate::failure::Failure;
use crate::output::{Output, table};

/// Runs one of them.
pub fn run(here: &Here<'_>, setting: Setting) -> Result<(), Failure> {
    match setting {
        Setting::Set { name, value_type, given, class, if_revision } => {
            let value = text::given(value_type, &given, here.output)?;
            let class = class.map(wire_class);
            let request = SetRequest { name, value, class, expected_revision: if_revision };
            here.call(|client, output| set(client, output, request))
        }
        Setting::Get { name } => here.call(|client, output| get(client, output, GetRequest { name })),
        Setting::List { prefix } => here.call(|client, output| list(client, output, prefix)),
        Setting::Delete { name, if_revision } => here.call(|client, output| async move {
            let reply = client.call(&DeleteRequest { name, expected_revision: if_revision }).await?;
            output.answer(&reply, || format!("{} is deleted", reply.name));
            Ok(())
        }),
        Setting::Export { prefix } => here.call(|client, output| export::run(client, output, prefix)),
        Setting::Import { file, form, report } => import::run(here, &file, form, report.as_deref()),
    }
}

async fn set(client: Client, output: &Output, request: SetRequest) -> Result<(), Failure> {
    let reply = client.call(&request).await?;
    output.answer(&reply, || {
        format!("{} revision {}, class {} ({})", reply.name, reply.revision, reply.class.word(), reply.id)
    });
    Ok(())
}

async fn get(client: Client, output: &Output, request: GetRequest) -> Result<(), Failure> {
    let reply = client.call(&request).await?;
    if output.is_json() {
        output.json_line(&reply);
        return Ok(());
    }
    output.bytes(text::shown(reply.value)?.expose())
}

/// Every page, as one answer.
async fn list(client: Client, output: &Output, prefix: String) -> Result<(), Failure> {
    let mut whole = ListReply { settings: Vec::new(), withheld: Vec::new(), next: None };
    let mut after = None;
    loop {
        let request = ListRequest { prefix: prefix.clone(), after: after.take(), limit: Some(200) };
        let page = client.call(&request).await?;
        whole.settings.extend(page.settings);
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
    let readable = list.settings.iter().map(|entry| {
        let class = entry.class.word().to_owned();
        let class = if entry.encrypted { class } else { format!("{class} (in clear)") };
        vec![entry.name.clone(), entry.value_type.clone(), class, entry.revision.to_string(), entry.updated_at.clone()]
    });
    let withheld = list.withheld.iter().map(|entry| {
        let none = || "-".to_owned();
        vec![entry.name.clone(), none(), none(), none(), entry.message.clone()]
    });
    let rows: Vec<Vec<String>> = readable.chain(withheld).collect();
    if rows.is_empty() { "no settings".into() } else { table(&["NAME", "TYPE", "CLASS", "REVISION", "UPDATED"], &rows) }
}

const fn wire_class(class: Class) -> wire::Class {
    match class {
        Class::Encrypted => wire::Class::Encrypted,
        Class::Queue => wire::Class::Queue,
        Class::Client => wire::Class::Client,
        Class::Audit => wire::Class::Audit,
    }
}
