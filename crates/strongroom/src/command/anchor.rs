//! `anchor accept`: offline, says what is lost, then starts a new incarnation.

use std::path::PathBuf;

use serde_json::json;
use strongroom_keeper::{AcceptError, Acceptance, anchor_accept};

use crate::cli::Anchor;
use crate::command::Here;
use crate::failure::{Failure, exit};
use crate::input;
use crate::settings::{self, File};
use crate::target::DEFAULT_DATA;

/// Runs it.
pub fn run(here: &Here<'_>, anchor: Anchor) -> Result<(), Failure> {
    let Anchor::Accept { epoch, given, places } = anchor;
    let data = here.global.data.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA));
    let settings = settings::keeper(&data, &places, &File::default())?;
    let passphrase = if given.file.is_some() { input::password_if_given(&given)? } else { None };
    let acceptance = anchor_accept(&settings, epoch, passphrase).map_err(refused)?;
    here.output.answer(&json(&acceptance), || text(&acceptance));
    Ok(())
}

fn refused(error: AcceptError) -> Failure {
    let (fix, code) = match &error {
        AcceptError::Open(_) => ("stop the server first; this command works offline", exit::FAILED),
        AcceptError::NoRoot(_) => ("give a password protector's password with --file", exit::LOCKED),
        AcceptError::Broken(_) => ("restore the store from a copy whose commit log is whole", exit::INTEGRITY),
        AcceptError::Epoch { .. } => ("run it without --epoch first: it says what would be lost", exit::USAGE),
        AcceptError::Write(_) => ("check the disk; nothing was accepted", exit::FAILED),
    };
    Failure::local("accepting the anchor", error, fix).with_code(code)
}

fn json(acceptance: &Acceptance) -> serde_json::Value {
    json!({
        "store_epoch": acceptance.store_epoch,
        "required_epoch": acceptance.required_epoch,
        "lost": acceptance.lost,
        "accepted": acceptance.incarnation.is_some(),
        "incarnation": acceptance.incarnation.map(|id| id.to_string()),
    })
}

fn text(acceptance: &Acceptance) -> String {
    let Acceptance { store_epoch, required_epoch, lost, incarnation } = acceptance;
    let mut lines =
        vec![format!("the store is at epoch {store_epoch}; anchor and trail remember epoch {required_epoch}")];
    if lost.is_empty() {
        lines.push("the trail tells of no change that is not in the store".into());
    } else {
        let are = if incarnation.is_some() { "are" } else { "would be" };
        lines.push(format!("{} changes that the trail tells of {are} lost:", lost.len()));
        lines.extend(lost.iter().map(|line| format!("  {line}")));
    }
    match incarnation {
        Some(id) => lines.push(format!("accepted: incarnation {id}")),
        None => lines.push(format!("to accept this: strongroom anchor accept --epoch {store_epoch}")),
    }
    lines.join("\n")
}
