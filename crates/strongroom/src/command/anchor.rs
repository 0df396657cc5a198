//! `anchor accept`: offline, says what is lost, then starts a new incarnation.

use serde_json::json;
use strongroom_keeper::{AcceptError, Acceptance, anchor_accept};

use crate::cli::{Anchor, Given};
use crate::command::Here;
use crate::failure::{Failure, exit};
use crate::input;
use crate::settings::{self, File};

/// Runs it.
pub fn run(here: &Here<'_>, anchor: Anchor) -> Result<(), Failure> {
    let Anchor::Accept { epoch, config, file: password, places } = anchor;
    let given = Given { file: password };
    let file = config.as_deref().map(File::read).transpose()?.unwrap_or_default();
    let settings = settings::keeper(&settings::data(here.global, &file), &places, &file)?;
    // Without a file nothing is read: the other protectors mostly open, and this must not wait for standard input.
    let passphrase = if given.file.is_some() { Some(input::password(&given)?) } else { None };
    let acceptance = anchor_accept(&settings, epoch, passphrase).map_err(refused)?;
    here.output.answer(&json(&acceptance), || text(&acceptance));
    Ok(())
}

fn refused(error: AcceptError) -> Failure {
    let (fix, code) = match &error {
        AcceptError::Open(error) => (error.fix(), exit::FAILED),
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
        let known = "the trail tells of no change that is not in the store";
        let older = "; it may be as old as the store itself, so ask whatever collected its lines";
        lines.push(if required_epoch > store_epoch { format!("{known}{older}") } else { known.to_owned() });
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
