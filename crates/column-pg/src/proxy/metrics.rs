//! What the proxy counts, in the text form of Prometheus. No names of roles, tables or columns.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one proxy.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Sessions that are open.
    pub open: AtomicU64,
    /// Sessions that began, with encryption.
    pub encrypted: AtomicU64,
    /// Sessions that began, relayed as they are.
    pub relayed: AtomicU64,
    /// Log-ins that failed.
    pub denied: AtomicU64,
    /// Connections turned away because there were too many.
    pub turned_away: AtomicU64,
    /// Requests to cancel that were handed on.
    pub cancelled: AtomicU64,
    /// Sessions that could not begin because the server could not be reached.
    pub unreachable: AtomicU64,
}

/// A name, what it counts, whether it only rises, its value.
type Row = (&'static str, &'static str, bool, u64);

impl Metrics {
    /// One more.
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// All of them, with what the cache of keys counts: keys kept, calls made, calls that failed.
    #[must_use]
    pub fn text(&self, keys: (usize, u64, u64)) -> String {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let rows: [Row; 10] = [
            ("sessions_open", "Sessions that are open.", false, read(&self.open)),
            ("sessions_encrypted_total", "Sessions begun with column encryption.", true, read(&self.encrypted)),
            ("sessions_relayed_total", "Sessions begun without column encryption.", true, read(&self.relayed)),
            ("log_ins_denied_total", "Log-ins that failed.", true, read(&self.denied)),
            ("connections_turned_away_total", "Connections beyond the limit.", true, read(&self.turned_away)),
            ("cancel_requests_total", "Requests to cancel handed on.", true, read(&self.cancelled)),
            ("server_unreachable_total", "Sessions that found no server.", true, read(&self.unreachable)),
            ("keys_kept", "Column encryption keys in memory.", false, keys.0 as u64),
            ("key_calls_total", "Calls to the key server.", true, keys.1),
            ("key_calls_failed_total", "Calls to the key server that failed.", true, keys.2),
        ];
        let mut text = String::new();
        for (name, help, rises, value) in rows {
            let kind = if rises { "counter" } else { "gauge" };
            // Writing to a text cannot fail.
            let _ = write!(
                text,
                "# HELP strongroom_proxy_{name} {help}\n# TYPE strongroom_proxy_{name} {kind}\nstrongroom_proxy_{name} {value}\n"
            );
        }
        text
    }
}
