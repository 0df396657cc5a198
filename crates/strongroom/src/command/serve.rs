//! `serve`: opens the instance, says what it found, listens until it is told to stop.

use serde_json::json;
use strongroom_keeper::{Keeper, OpenError, StartReport};
use strongroom_server::{Addresses, Server, StartError};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Global, Serve};
use crate::failure::{Failure, exit};
use crate::output::Output;
use crate::settings::{Settings, hex};

/// Runs the server.
pub fn run(global: &Global, serve: &Serve, output: &Output) -> Result<(), Failure> {
    let settings = Settings::of(global, serve)?;
    let (keeper, report) = Keeper::open(settings.keeper).map_err(refused)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local("starting", error, "give this process more resources"))?;
    let outcome = runtime.block_on(listen(&keeper, settings.server, &report, output));
    drop(runtime);
    keeper.stop();
    outcome
}

async fn listen(
    keeper: &Keeper,
    settings: strongroom_server::Settings,
    report: &StartReport,
    output: &Output,
) -> Result<(), Failure> {
    let failed = |error| Failure::local("waiting for signals", error, "");
    let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    let server = Server::start(keeper.clone(), settings)
        .await
        .map_err(|error| Failure::local("listening", chain(&error), not_listening(&error)))?;
    tell(output, report, keeper, server.addresses());
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    server.stop().await;
    Ok(())
}

fn refused(error: OpenError) -> Failure {
    let code = match &error {
        OpenError::NoProtectorOpens { .. } => exit::LOCKED,
        error if error.is_damage() => exit::INTEGRITY,
        _ => exit::FAILED,
    };
    Failure::local("opening the instance", chain(&error), error.fix()).with_code(code)
}

fn not_listening(error: &StartError) -> &'static str {
    match error {
        StartError::Tls(_) => "give a certificate and its key that fit, readable by this account",
        StartError::Socket { .. } => "give the data directory to this account and see that its volume has room",
        StartError::Accounts { .. } => {
            "give the socket a folder that only this account and root can write to, such as /run/strongroom"
        }
        StartError::Tcp { .. } => "free the address or choose another one with `--listen`",
        StartError::Notify(_) => "unset NOTIFY_SOCKET when no service manager started this",
    }
}

/// The error and its causes in one text.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = source.source();
    }
    text
}

fn tell(output: &Output, report: &StartReport, keeper: &Keeper, addresses: &Addresses) {
    let status = keeper.status();
    let json = json!({
        "ready": true,
        "created": report.created,
        "store_id": status.store_id.to_string(),
        "state": if report.locked.is_some() { "locked" } else { "unlocked" },
        "reason": report.locked.map(|reason| reason.word()),
        "socket": addresses.socket,
        "accounts_socket": addresses.accounts,
        "address": addresses.tcp.map(|address| address.to_string()),
        "spki_pin": addresses.spki_pin,
        "audit_key_zero": report.audit_key_zero.map(|key| hex(&key)),
        "records": report.records,
        "verified_milliseconds": report.milliseconds,
        "protectors": report.protectors.iter().map(|view| json!({
            "id": view.id.to_string(), "kind": view.kind, "state": view.state.word(),
        })).collect::<Vec<_>>(),
        "healed": report.healed,
        "hardening": report.hardening.measures.iter().map(|measure| json!({
            "name": measure.name, "applied": measure.applied, "detail": measure.detail,
        })).collect::<Vec<_>>(),
        "alarms": report.alarms.iter().map(|alarm| alarm.code).collect::<Vec<_>>(),
    });
    output.answer(&json, || text(report, &status.store_id.to_string(), addresses));
}

fn text(report: &StartReport, store_id: &str, addresses: &Addresses) -> String {
    let begun = if report.created { "new instance" } else { "instance" };
    let mut lines = vec![format!("strongroom {}: {begun} {store_id}", env!("CARGO_PKG_VERSION"))];
    match report.locked {
        Some(reason) => {
            lines.push(format!("  state       locked: {reason}"));
            lines.extend(report.explanation.iter().map(|text| format!("  {}", text.replace('\n', "\n  "))));
        }
        None => lines.push(format!("  verified    {} records in {} ms", report.records, report.milliseconds)),
    }
    if let Some(key) = &report.audit_key_zero {
        lines.push(format!(
            "  audit key 0 {}  (keep it elsewhere: `audit verify --key` proves the trail from it)",
            hex(key)
        ));
    }
    for view in &report.protectors {
        let bound: Vec<String> = view.bound_to.iter().map(|(name, text)| format!("{name} {text}")).collect();
        lines.push(format!("  protector   {} {}: {}", view.kind, view.state.word(), bound.join(", ")));
    }
    lines.extend(report.healed.iter().map(|told| format!("  healed      {told}")));
    for measure in &report.hardening.measures {
        let applied = if measure.applied { "hardened" } else { "NOT hardened" };
        lines.push(format!("  {applied:<11} {}: {}", measure.name, measure.detail));
    }
    for alarm in &report.alarms {
        lines.push(format!("  alarm       {}: {}\n              to mend it: {}", alarm.code, alarm.message, alarm.fix));
    }
    lines.push(format!("  listening   {}", addresses.socket.display()));
    if let Some(socket) = &addresses.accounts {
        lines.push(format!("  listening   {}  (for accounts)", socket.display()));
    }
    if let (Some(address), Some(pin)) = (addresses.tcp, &addresses.spki_pin) {
        lines.push(format!("  listening   https://{address}  ({pin})"));
    }
    lines.join("\n")
}
