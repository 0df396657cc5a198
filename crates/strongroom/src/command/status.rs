//! `status` and `doctor`.

use strongroom_api::doctor::{DoctorRequest, Finding};
use strongroom_api::status::{State, Status, StatusRequest};
use strongroom_client::Client;

use crate::failure::Failure;
use crate::output::Output;

/// `status`.
pub async fn status(client: Client, output: &Output) -> Result<(), Failure> {
    let reply = client.call(&StatusRequest {}).await?;
    output.answer(&reply, || text(&reply));
    Ok(())
}

/// `doctor`: what was found makes the exit code, apart from advice.
pub async fn doctor(client: Client, output: &Output) -> Result<(), Failure> {
    let reply = client.call(&DoctorRequest {}).await?;
    output.answer(
        &reply,
        || {
            if reply.findings.is_empty() { "nothing to mend".into() } else { findings(&reply.findings) }
        },
    );
    match reply.findings.iter().filter(|finding| !ADVICE.contains(&finding.code.as_str())).count() {
        0 => Ok(()),
        1 => Err(Failure::Findings("1 finding".to_owned())),
        count => Err(Failure::Findings(format!("{count} findings"))),
    }
}

/// Always so on one machine, or chosen on purpose: said, but no reason to wake anybody.
const ADVICE: [&str; 2] = ["single_copy", "password_only"];

/// The state for a person.
pub fn text(status: &Status) -> String {
    let state = match (&status.state, &status.reason) {
        (State::Unlocked, _) => "unlocked".to_owned(),
        (State::Locked, Some(reason)) => format!("locked: {reason}"),
        (State::Locked, None) => "locked".to_owned(),
    };
    let mut lines = vec![
        format!("state        {state}"),
        format!("store        {}", status.store_id),
        format!("records      {} ({} secrets), epoch {}", status.records, status.secrets, status.epoch),
        format!("quarantined  {}", status.quarantined),
        format!("copies       {}", status.copies),
    ];
    if !status.writable && status.state == State::Unlocked {
        lines.push("changes      refused".to_owned());
    }
    if !status.auditing {
        lines.push("audit trail  cannot be written".to_owned());
    }
    if let Some(address) = &status.address {
        lines.push(format!("address      https://{address}"));
    }
    if let Some(pin) = &status.spki_pin {
        lines.push(format!("pin          {pin}"));
    }
    if !status.alarms.is_empty() {
        lines.push(findings(&status.alarms));
    }
    lines.join("\n")
}

fn findings(findings: &[Finding]) -> String {
    let told: Vec<String> = findings
        .iter()
        .map(|finding| format!("{}: {}\n  to mend it: {}", finding.code, finding.message, finding.fix))
        .collect();
    told.join("\n")
}
