//! Counters and gauges as Prometheus text; no names of anything that is kept.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use strongroom_api::{Code, OPERATIONS};

use crate::shell::Shell;

/// What is counted.
pub(crate) struct Metrics {
    /// Requests by operation and outcome; the last row is for paths without an operation, the first column for success.
    requests: Vec<AtomicU64>,
    /// Open connections.
    pub tcp_connections: AtomicI64,
    /// Open connections on the Unix socket.
    pub socket_connections: AtomicI64,
    /// Open connections on the socket for accounts.
    pub accounts_connections: AtomicI64,
}

const COLUMNS: usize = Code::ALL.len() + 1;

impl Metrics {
    pub fn new() -> Self {
        Self {
            requests: (0..(OPERATIONS.len() + 1) * COLUMNS).map(|_| AtomicU64::new(0)).collect(),
            tcp_connections: AtomicI64::new(0),
            socket_connections: AtomicI64::new(0),
            accounts_connections: AtomicI64::new(0),
        }
    }

    /// Counts one request; `row` is the place of its operation in the table.
    pub fn count(&self, row: usize, outcome: Option<Code>) {
        let column = outcome.map_or(0, |code| code as usize + 1);
        if let Some(counter) = self.requests.get(row * COLUMNS + column) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn write_requests(&self, out: &mut String) -> std::fmt::Result {
        describe(out, "requests_total", "counter", "Requests by operation and outcome.")?;
        for (place, counter) in self.requests.iter().enumerate() {
            let count = counter.load(Ordering::Relaxed);
            if count == 0 {
                continue;
            }
            let operation = OPERATIONS.get(place / COLUMNS).map_or(UNKNOWN, |operation| operation.word);
            let outcome =
                (place % COLUMNS).checked_sub(1).and_then(|code| Code::ALL.get(code)).map_or("ok", |code| code.word());
            writeln!(out, "strongroom_requests_total{{operation=\"{operation}\",outcome=\"{outcome}\"}} {count}")?;
        }
        Ok(())
    }
}

/// The operation of a path that has none.
pub(crate) const UNKNOWN: &str = "unknown";

/// The whole text.
pub(crate) fn text(shell: &Shell) -> String {
    let mut out = String::with_capacity(4096);
    write_all(&mut out, shell).expect("a string takes what is written to it");
    out
}

fn write_all(out: &mut String, shell: &Shell) -> std::fmt::Result {
    shell.metrics.write_requests(out)?;
    write_state(out, shell)?;
    write_shell(out, shell)
}

fn write_state(out: &mut String, shell: &Shell) -> std::fmt::Result {
    let status = shell.keeper.status();
    let flag = |flag: bool| i64::from(flag);
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    gauge(out, "unlocked", "Whether the keys are in memory.", flag(status.locked.is_none()))?;
    gauge(out, "writable", "Whether changes are accepted.", flag(status.writable))?;
    gauge(out, "auditing", "Whether the audit trail can be written.", flag(status.auditing))?;
    gauge(out, "records", "Records in the store.", number(status.records))?;
    gauge(out, "secrets", "Secrets that have a name.", number(status.secrets))?;
    gauge(out, "epoch", "The newest batch of changes.", number(status.epoch))?;
    gauge(out, "quarantined", "Records that failed verification.", number(status.quarantined))?;
    let help = "Values without the layer of an application key.";
    gauge(out, "unprotected_values", help, number(status.unprotected))?;
    let help = "Transactions that are neither committed nor rolled back.";
    gauge(out, "transactions_unfinished", help, number(status.transactions_unfinished))?;
    let help = "Records of transactions that are in clear because their request is not marked as sensitive.";
    gauge(out, "transactions_clear", help, number(status.transactions_clear))?;
    let help = "Keys whose active version has nine tenths of its uses behind it, or all of them.";
    gauge(out, "keys_near_usage_limit", help, number(status.keys_near_limit))?;
    gauge(out, "copies", "Disks a change lies on before it is acknowledged.", status.copies.into())?;
    describe(out, "alarm", "gauge", "What an operator should know; `doctor` says more.")?;
    status.alarms.iter().try_for_each(|alarm| writeln!(out, "strongroom_alarm{{code=\"{}\"}} 1", alarm.code))
}

fn write_shell(out: &mut String, shell: &Shell) -> std::fmt::Result {
    let metrics = &shell.metrics;
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    describe(out, "connections", "gauge", "Open connections.")?;
    let doors = [
        ("tcp", &metrics.tcp_connections),
        ("socket", &metrics.socket_connections),
        ("accounts", &metrics.accounts_connections),
    ];
    for (door, connections) in doors {
        writeln!(out, "strongroom_connections{{door=\"{door}\"}} {}", connections.load(Ordering::Relaxed))?;
    }
    let working = shell.limits.requests.saturating_sub(shell.slots.available_permits());
    gauge(out, "requests_in_flight", "Requests that are worked on.", count(working))?;
    let locked_out = count(shell.lockout.count(Instant::now()));
    gauge(out, "locked_out_addresses", "Addresses that showed too many invalid tokens.", locked_out)?;
    let locked_out = count(shell.accounts_lockout.count(Instant::now()));
    gauge(out, "locked_out_accounts", "Accounts that were refused too often on their socket.", locked_out)?;
    let locked_out = count(shell.certificates_lockout.count(Instant::now()));
    let help = "Addresses whose client certificates were refused too often.";
    gauge(out, "locked_out_certificate_addresses", help, locked_out)?;
    describe(out, "build_info", "gauge", "The program.")?;
    writeln!(out, "strongroom_build_info{{version=\"{}\"}} 1", shell.version)
}

fn gauge(out: &mut String, name: &str, help: &str, value: i64) -> std::fmt::Result {
    describe(out, name, "gauge", help)?;
    writeln!(out, "strongroom_{name} {value}")
}

fn describe(out: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(out, "# HELP strongroom_{name} {help}\n# TYPE strongroom_{name} {kind}")
}
