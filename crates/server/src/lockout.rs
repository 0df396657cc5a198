//! Addresses that showed too many invalid tokens, and accounts that were refused too often.

pub(crate) mod owners;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The most of them that are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 65_536;

/// Who can be locked out.
pub(crate) trait Subject: Copy + Eq + Hash {
    /// The one whom others stand for.
    fn canonical(self) -> Self;
}

/// An IPv6 address stands for its /64, which one person may own.
impl Subject for IpAddr {
    fn canonical(self) -> Self {
        match self.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [first, second, third, fourth, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(first, second, third, fourth, 0, 0, 0, 0))
            }
        }
    }
}

/// A uid stands for itself.
impl Subject for u32 {
    fn canonical(self) -> Self {
        self
    }
}

/// Counts failures of each.
pub(crate) struct Lockout<S> {
    tries: u32,
    window: Duration,
    failed: Mutex<HashMap<S, Tries>>,
}

struct Tries {
    count: u32,
    /// When counting began, and when the lock-out began once there were too many.
    since: Instant,
}

impl<S: Subject> Lockout<S> {
    pub fn new(tries: u32, window: Duration) -> Self {
        Self { tries, window, failed: Mutex::new(HashMap::new()) }
    }

    /// How long it stays locked out, if it is.
    pub fn remaining(&self, subject: S, now: Instant) -> Option<Duration> {
        let failed = self.failed.lock();
        let tries = failed.get(&subject.canonical()).filter(|tries| tries.count >= self.tries)?;
        self.window.checked_sub(now.duration_since(tries.since)).filter(|left| !left.is_zero())
    }

    /// Counts a failure.
    pub fn failed(&self, subject: S, now: Instant) {
        let mut failed = self.failed.lock();
        if failed.len() >= REMEMBERED {
            make_room(&mut failed, now, self.window);
        }
        let tries = failed.entry(subject.canonical()).or_insert(Tries { count: 0, since: now });
        if now.duration_since(tries.since) >= self.window {
            *tries = Tries { count: 0, since: now };
        }
        tries.count += 1;
        if tries.count == self.tries {
            tries.since = now;
        }
    }

    /// A success: earlier failures were slips.
    pub fn succeeded(&self, subject: S) {
        self.failed.lock().remove(&subject.canonical());
    }

    /// How many are locked out, for the metrics.
    pub fn count(&self, now: Instant) -> usize {
        let locked = |tries: &&Tries| tries.count >= self.tries && now.duration_since(tries.since) < self.window;
        self.failed.lock().values().filter(locked).count()
    }
}

fn make_room<S: Subject>(failed: &mut HashMap<S, Tries>, now: Instant, window: Duration) {
    failed.retain(|_, tries| now.duration_since(tries.since) < window);
    if failed.len() >= REMEMBERED
        && let Some(oldest) = failed.iter().min_by_key(|(_, tries)| tries.since).map(|(subject, _)| *subject)
    {
        failed.remove(&oldest);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn check(failures: &[&str], asked: &str, locked: bool) {
        let lockout = Lockout::<IpAddr>::new(5, 15 * MINUTE);
        let now = Instant::now();
        for address in failures {
            lockout.failed(address.parse().unwrap(), now);
        }
        assert_eq!(lockout.remaining(asked.parse().unwrap(), now).is_some(), locked, "{failures:?} {asked}");
    }

    #[test]
    fn the_fifth_failure_locks_out_one_address() {
        check(&["192.0.2.1"; 4], "192.0.2.1", false);
        check(&["192.0.2.1"; 5], "192.0.2.1", true);
        check(&["192.0.2.1"; 9], "192.0.2.2", false);
    }

    #[test]
    fn other_spellings_are_the_same_address() {
        check(&["192.0.2.1"; 5], "::ffff:192.0.2.1", true);
        let spread = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5"];
        check(&spread, "2001:db8::ffff", true);
        check(&spread, "2001:db8:0:1::1", false);
    }

    #[test]
    fn it_ends_after_its_time_and_with_it_the_count() {
        let lockout = Lockout::<IpAddr>::new(5, 15 * MINUTE);
        let (address, start) = ("192.0.2.1".parse().unwrap(), Instant::now());
        for minute in 0..5 {
            lockout.failed(address, start + minute * MINUTE);
        }
        assert_eq!(lockout.remaining(address, start + 4 * MINUTE), Some(15 * MINUTE));
        assert_eq!(lockout.remaining(address, start + 18 * MINUTE), Some(MINUTE));
        assert_eq!(lockout.remaining(address, start + 19 * MINUTE), None);
        lockout.failed(address, start + 19 * MINUTE);
        assert_eq!(lockout.remaining(address, start + 19 * MINUTE), None);
    }

    #[test]
    fn slow_tries_do_not_add_up_and_a_success_forgives() {
        let lockout = Lockout::<IpAddr>::new(5, 15 * MINUTE);
        let (address, start) = ("192.0.2.1".parse().unwrap(), Instant::now());
        for quarter in 0..20 {
            lockout.failed(address, start + quarter * 15 * MINUTE);
            assert_eq!(lockout.remaining(address, start + quarter * 15 * MINUTE), None);
        }
        for _ in 0..4 {
            lockout.failed(address, start + 300 * MINUTE);
        }
        lockout.succeeded(address);
        lockout.failed(address, start + 300 * MINUTE);
        assert_eq!(lockout.remaining(address, start + 300 * MINUTE), None);
    }

    #[test]
    fn memory_is_bounded() {
        let lockout = Lockout::new(5, 15 * MINUTE);
        let start = Instant::now();
        for number in 0..u32::try_from(REMEMBERED).unwrap() + 10 {
            lockout.failed(IpAddr::from(number.to_be_bytes()), start + Duration::from_millis(number.into()));
        }
        assert_eq!(lockout.failed.lock().len(), REMEMBERED);
    }
}
