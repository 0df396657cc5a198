//! `tx`: begin, step, state, commit, rollback, undone, show, get, list, unfinished, archive.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_api::WireSecret;
use strongroom_api::transaction::{
    ArchiveRequest, BeginRequest, CommitRequest, GetReply, GetRequest, ListReply, ListRequest, RollbackRequest,
    ShowReply, ShowRequest, StateRequest, Step, StepReply, Transaction as Entry, UndoneRequest,
};
use strongroom_client::{Client, Transaction};
use strongroom_secret::SecretBytes;

use crate::cli::{Given, Tx, TxState};
use crate::command::Here;
use crate::failure::Failure;
use crate::input;
use crate::output::{Output, table};

/// Transactions that are asked for at once.
const PAGE: u32 = 1000;

/// Runs one of them.
pub fn run(here: &Here<'_>, tx: Tx) -> Result<(), Failure> {
    match tx {
        Tx::Begin { document } => begin(here, document),
        Tx::Step { id, procedure, state_file, rollback_file } => step(here, id, procedure, state_file, rollback_file),
        Tx::State { id, step, state_file } => {
            let state_base64 = WireSecret::new(part(Some(state_file))?);
            here.call(|client, output| async move {
                let reply = client.call(&StateRequest { id, step, state_base64 }).await?;
                recorded(output, &reply);
                Ok(())
            })
        }
        Tx::Commit { id } => here.call(|client, output| async move {
            let reply = client.call(&CommitRequest { id }).await?;
            output.answer(&reply, || format!("{} {}, {} steps", reply.id, reply.state, reply.steps));
            Ok(())
        }),
        Tx::Rollback { id } => here.call(|client, output| rollback(client, output, id)),
        Tx::Undone { id, step } => here.call(|client, output| async move {
            let reply = client.call(&UndoneRequest { id, step }).await?;
            output.answer(&reply, || format!("{} {}, steps left: {}", reply.id, reply.state, reply.left));
            Ok(())
        }),
        Tx::Show { id } => here.call(|client, output| async move {
            let reply = client.call(&ShowRequest { id }).await?;
            output.answer(&reply, || shown(&reply));
            Ok(())
        }),
        Tx::Get { id } => here.call(|client, output| get(client, output, id)),
        Tx::List { state } => here.call(|client, output| list(client, output, false, state)),
        Tx::Unfinished => here.call(|client, output| list(client, output, true, None)),
        Tx::Archive { older_than } => here.call(|client, output| archive(client, output, older_than)),
    }
}

fn begin(here: &Here<'_>, document: PathBuf) -> Result<(), Failure> {
    let document_base64 = WireSecret::new(part(Some(document))?);
    here.call(|client, output| async move {
        let reply = client.call(&BeginRequest { document_base64 }).await?;
        output.answer(&reply, || {
            let marked = if reply.sensitive { "sensitive" } else { "not sensitive" };
            let sealed = if reply.encrypted { "sealed under a key of its own" } else { "in clear" };
            format!("{} {} ({marked}, {sealed})", reply.id, reply.state)
        });
        Ok(())
    })
}

fn step(
    here: &Here<'_>,
    id: String,
    procedure: String,
    state_file: Option<PathBuf>,
    rollback_file: Option<PathBuf>,
) -> Result<(), Failure> {
    let is_input = |file: &Option<PathBuf>| file.as_deref() == Some(Path::new("-"));
    if is_input(&state_file) && is_input(&rollback_file) {
        return Err(Failure::usage("standard input cannot be both", "give one of them as a file"));
    }
    let state = state_file.map(|file| part(Some(file))).transpose()?;
    let rollback = rollback_file.map(|file| part(Some(file))).transpose()?;
    here.call(|client, output| async move {
        let client = Arc::new(client);
        let step = Transaction::resume(&client, id.clone()).step(&procedure, state, rollback).await?;
        recorded(output, &StepReply { id, step, state: "active".to_owned() });
        Ok(())
    })
}

fn recorded(output: &Output, reply: &StepReply) {
    output.answer(reply, || format!("step {} of {}", reply.step, reply.id));
}

/// A document, state, or rollback data.
fn part(file: Option<PathBuf>) -> Result<SecretBytes, Failure> {
    input::document(&Given { file: file.filter(|file| file != Path::new("-")) })
}

async fn rollback(client: Client, output: &Output, id: String) -> Result<(), Failure> {
    let reply = client.call(&RollbackRequest { id }).await?;
    if output.is_json() {
        output.json_line(&reply);
        return Ok(());
    }
    for undo in reply.undo {
        let damage = if undo.unreadable { " (what undoes it cannot be read any more)" } else { "" };
        output.text(&format!("-- step {}: {}{damage}", undo.step, undo.procedure));
        data(output, undo.rollback_base64)?;
    }
    let more = if reply.left > 0 { format!("; {} more after these are undone", reply.left) } else { String::new() };
    output.remark(&format!("{} {}{more}", reply.id, reply.state));
    Ok(())
}

async fn get(client: Client, output: &Output, id: String) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let reply = client.call(&GetRequest { id: id.clone(), after }).await?;
        let next = reply.steps.last().map(|step| step.step).filter(|_| reply.left > 0);
        if output.is_json() {
            output.json_line(&reply);
        } else {
            written(output, reply)?;
        }
        match next {
            Some(next) => after = next,
            None => return Ok(()),
        }
    }
}

fn written(output: &Output, reply: GetReply) -> Result<(), Failure> {
    if reply.document_base64.is_some() {
        output.text(&format!("-- request of {}, {}", reply.transaction.id, reply.transaction.state));
        data(output, reply.document_base64)?;
    }
    for step in reply.steps {
        let undone = step.undone_at.map(|at| format!(", undone at {at}")).unwrap_or_default();
        output.text(&format!("-- step {}: {}{undone}", step.step, step.procedure));
        if step.state_base64.is_some() {
            output.text("-- state");
            data(output, step.state_base64)?;
        }
        if step.rollback_base64.is_some() {
            output.text("-- rollback");
            data(output, step.rollback_base64)?;
        }
    }
    Ok(())
}

/// The bytes as they are, on lines of their own.
fn data(output: &Output, data: Option<WireSecret>) -> Result<(), Failure> {
    let Some(data) = data.map(WireSecret::into_secret).filter(|data| !data.is_empty()) else { return Ok(()) };
    output.bytes(data.expose())?;
    if !data.expose().ends_with(b"\n") {
        output.bytes(b"\n")?;
    }
    Ok(())
}

async fn list(client: Client, output: &Output, unfinished: bool, state: Option<TxState>) -> Result<(), Failure> {
    let state = state.map(|state| state.word().to_owned());
    let mut all = ListReply { transactions: Vec::new(), next: None, unreadable: 0 };
    let mut after = None;
    loop {
        let request = ListRequest { unfinished, state: state.clone(), after, limit: Some(PAGE) };
        let page = client.call(&request).await?;
        all.transactions.extend(page.transactions);
        all.unreadable += page.unreadable;
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    output.answer(&all, || listed(&all.transactions));
    if all.unreadable > 0 {
        let message = format!("{} transactions cannot be read; `strongroom quarantine list` shows why", all.unreadable);
        return Err(Failure::Findings(message));
    }
    Ok(())
}

fn listed(transactions: &[Entry]) -> String {
    let row = |entry: &Entry| {
        let kept = if entry.encrypted { "encrypted" } else { "clear" };
        let steps = format!("{} ({} not undone)", entry.steps, entry.not_undone);
        vec![
            entry.id.clone(),
            entry.state.clone(),
            kept.to_owned(),
            steps,
            entry.created_at.clone(),
            entry.updated_at.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = transactions.iter().map(row).collect();
    if rows.is_empty() {
        "no transactions".into()
    } else {
        table(&["ID", "STATE", "KEPT", "STEPS", "BEGUN", "UPDATED"], &rows)
    }
}

fn shown(reply: &ShowReply) -> String {
    let shown = &reply.transaction;
    let kept = match (&shown.key, shown.key_version) {
        (Some(key), Some(version)) => format!("encrypted, under version {version} of the key {key}"),
        _ => "in clear".to_owned(),
    };
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
    let row = |step: &Step| {
        let undone = step.undone_at.clone().unwrap_or_else(|| "-".to_owned());
        let (state, rollback) = (size(step.state_bytes), size(step.rollback_bytes));
        vec![step.step.to_string(), step.procedure.clone(), state, rollback, step.created_at.clone(), undone]
    };
    let rows: Vec<Vec<String>> = reply.steps.iter().map(row).collect();
    let steps = if rows.is_empty() {
        "no steps".to_owned()
    } else {
        table(&["STEP", "PROCEDURE", "STATE", "ROLLBACK", "RECORDED", "UNDONE"], &rows)
    };
    format!(
        "id           {}\nstate        {}\nsensitive    {}\nkept         {kept}\nbegun at     {}\nupdated at   {}\nbegun by     {}\nrequest      {} bytes\n{steps}",
        shown.id,
        shown.state,
        if shown.sensitive { "yes" } else { "no" },
        shown.created_at,
        shown.updated_at,
        shown.begun_by,
        shown.request_bytes,
    )
}

async fn archive(client: Client, output: &Output, older_than_seconds: u64) -> Result<(), Failure> {
    let mut archived = Vec::new();
    loop {
        let reply = client.call(&ArchiveRequest { older_than_seconds }).await?;
        let more = reply.more;
        archived.push(reply);
        if !more {
            break;
        }
    }
    // Each look begins anew, and meets again what could not be read.
    let unreadable = archived.iter().map(|reply| reply.unreadable).max().unwrap_or(0);
    let transactions: u64 = archived.iter().map(|reply| reply.transactions).sum();
    let files: Vec<String> = archived.into_iter().filter_map(|reply| reply.file).collect();
    output.answer(
        &serde_json::json!({ "transactions": transactions, "files": files, "unreadable": unreadable }),
        || {
            if files.is_empty() {
                return "nothing is old enough".to_owned();
            }
            format!("{transactions} transactions are in {}", files.join(", "))
        },
    );
    if unreadable > 0 {
        let message =
            format!("{unreadable} transactions cannot be read, and stay; `strongroom quarantine list` shows why");
        return Err(Failure::Findings(message));
    }
    Ok(())
}
