//! Column encryption keys, unwrapped once and kept for a time: one call for many who wait, no failure kept, bounded.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use strongroom_column::CellKey;
use strongroom_secret::ColumnKey;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::catalogue::{KeyValue, KnownKey};
use crate::session;

/// How long a key is kept when nothing else was said, as the drivers of Always Encrypted do.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(2 * 60 * 60);
/// How many keys are kept.
pub const KEYS: usize = 1_000;
/// How long a call to the key server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who unwraps keys.
pub trait Unwrap: Send + Sync + 'static {
    /// Opens a wrapped key.
    fn unwrap<'a>(
        &'a self,
        value: &'a KeyValue,
    ) -> Pin<Box<dyn Future<Output = Result<ColumnKey, NotUnwrapped>> + Send + 'a>>;
}

/// Why a key was not unwrapped, in words for the client of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnwrapped {
    sqlstate: &'static str,
    text: String,
}

impl NotUnwrapped {
    /// The key server does not give it.
    #[must_use]
    pub fn refused(text: String) -> Self {
        Self { sqlstate: "42501", text }
    }

    /// The key server cannot be reached.
    #[must_use]
    pub fn unreachable(text: String) -> Self {
        Self { sqlstate: "08006", text }
    }

    /// The key server, or the master key, is locked.
    #[must_use]
    pub fn locked(text: String) -> Self {
        Self { sqlstate: "57P03", text }
    }
}

/// Why a key is not there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyUnavailable {
    /// Nobody could unwrap it.
    #[error("column encryption key {key} cannot be had: {why}")]
    Refused {
        /// Its name.
        key: String,
        /// What was answered for each way in which it is wrapped.
        why: String,
        /// The SQLSTATE of the first answer.
        sqlstate: &'static str,
    },
    /// The manifest names no such key.
    #[error("the signed manifest names no column encryption key {key}")]
    Unknown {
        /// Its name.
        key: String,
    },
    /// Something was unwrapped, and it is another key.
    #[error("what the database holds as column encryption key {key} is not the key that the signed manifest names")]
    Another {
        /// Its name.
        key: String,
    },
}

impl KeyUnavailable {
    /// As a session tells it.
    #[must_use]
    pub fn for_session(&self) -> session::KeyUnavailable {
        let (sqlstate, text) = match self {
            Self::Refused { why, sqlstate, .. } => (*sqlstate, why.clone()),
            Self::Unknown { .. } | Self::Another { .. } => ("42501", self.to_string()),
        };
        session::KeyUnavailable { sqlstate, text }
    }
}

type Outcome = Result<Arc<CellKey>, KeyUnavailable>;

enum Entry {
    Ready {
        key: Arc<CellKey>,
        until: Instant,
        used: u64,
    },
    /// Somebody is asking; what he hears is told to all who wait.
    Asked(watch::Receiver<Option<Outcome>>),
}

/// The keys of all sessions of a proxy.
pub struct KeyCache {
    source: Arc<dyn Unwrap>,
    time_to_live: Duration,
    entries: Mutex<HashMap<(String, [u8; 16]), Entry>>,
    clock: AtomicU64,
    generation: AtomicU64,
    calls: AtomicU64,
    failures: AtomicU64,
}

impl KeyCache {
    /// An empty one. A time to live of zero keeps nothing: each session asks by itself.
    #[must_use]
    pub fn new(source: Arc<dyn Unwrap>, time_to_live: Duration) -> Self {
        Self {
            source,
            time_to_live,
            entries: Mutex::new(HashMap::new()),
            clock: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// The key, from memory or from its source. Whoever waits for the same key shares one call and its outcome.
    pub async fn key(&self, known: &KnownKey) -> Outcome {
        let place = (known.name.clone(), known.check);
        loop {
            match self.look(&place) {
                Look::Found(key) => return Ok(key),
                Look::Wait(mut told) => {
                    if told.wait_for(Option::is_some).await.is_ok()
                        && let Some(outcome) = told.borrow().clone()
                    {
                        return outcome;
                    }
                    // Who asked has gone away without an answer: somebody else asks.
                }
                Look::Ask(tell) => {
                    let asking = Asking { cache: self, place: &place, tell };
                    let outcome = self.ask(known).await;
                    asking.done(outcome.clone());
                    return outcome;
                }
            }
        }
    }

    /// Changes whenever a key was dropped, so that sessions drop what they hold.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Drops keys whose time is over; answers when the next one is.
    pub fn expire(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut entries = self.entries.lock();
        let before = entries.len();
        entries.retain(|_, entry| !matches!(entry, Entry::Ready { until, .. } if *until <= now));
        if entries.len() != before {
            self.generation.fetch_add(1, Ordering::Release);
        }
        entries
            .values()
            .filter_map(|entry| if let Entry::Ready { until, .. } = entry { Some(*until) } else { None })
            .min()
    }

    /// Drops every key.
    pub fn clear(&self) {
        self.entries.lock().retain(|_, entry| matches!(entry, Entry::Asked(_)));
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Keys kept, calls made, calls that failed.
    #[must_use]
    pub fn figures(&self) -> (usize, u64, u64) {
        let kept = self.entries.lock().values().filter(|entry| matches!(entry, Entry::Ready { .. })).count();
        (kept, self.calls.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    fn look(&self, place: &(String, [u8; 16])) -> Look {
        let mut entries = self.entries.lock();
        match entries.get_mut(place) {
            Some(Entry::Ready { key, until, used }) if *until > Instant::now() => {
                *used = self.clock.fetch_add(1, Ordering::Relaxed);
                return Look::Found(Arc::clone(key));
            }
            Some(Entry::Asked(told)) if told.has_changed().is_ok() => return Look::Wait(told.clone()),
            _ => {}
        }
        let (tell, told) = watch::channel(None);
        entries.insert(place.clone(), Entry::Asked(told));
        Look::Ask(tell)
    }

    /// Whether this way to unwrap a key works now. What comes of it is not kept.
    pub async fn prove(&self, known: &KnownKey, value: &KeyValue) -> Result<(), KeyUnavailable> {
        self.unwrap(known, value).await.map(drop)
    }

    async fn ask(&self, known: &KnownKey) -> Outcome {
        let mut refused = None::<(String, &'static str)>;
        for value in &known.values {
            match self.unwrap(known, value).await {
                Ok(key) => return Ok(Arc::new(CellKey::derive(&key))),
                Err(KeyUnavailable::Refused { why, sqlstate, .. }) => {
                    refused =
                        Some(refused.map_or((why.clone(), sqlstate), |(first, of)| (format!("{first}; {why}"), of)));
                }
                Err(other) => return Err(other),
            }
        }
        let (why, sqlstate) =
            refused.unwrap_or_else(|| ("the database holds no wrapped value of it".to_owned(), "42501"));
        Err(KeyUnavailable::Refused { key: known.name.clone(), why, sqlstate })
    }

    async fn unwrap(&self, known: &KnownKey, value: &KeyValue) -> Result<ColumnKey, KeyUnavailable> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let late = || NotUnwrapped::unreachable("no answer from the key server in time".to_owned());
        let answer = timeout(PATIENCE, self.source.unwrap(value)).await.unwrap_or_else(|_| Err(late()));
        let failed = match answer {
            Ok(key) if check(&key) == known.check => return Ok(key),
            Ok(_) => KeyUnavailable::Another { key: known.name.clone() },
            Err(NotUnwrapped { sqlstate, text }) => KeyUnavailable::Refused {
                key: known.name.clone(),
                why: format!("under {}: {text}", value.path),
                sqlstate,
            },
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        Err(failed)
    }

    fn keep(&self, place: &(String, [u8; 16]), key: Arc<CellKey>) {
        let mut entries = self.entries.lock();
        if self.time_to_live.is_zero() {
            entries.remove(place);
            return;
        }
        let ready = entries.values().filter(|entry| matches!(entry, Entry::Ready { .. })).count();
        if ready >= KEYS {
            let oldest = entries
                .iter()
                .filter_map(
                    |(place, entry)| if let Entry::Ready { used, .. } = entry { Some((*used, place)) } else { None },
                )
                .min()
                .map(|(_, place)| place.clone());
            oldest.map(|place| entries.remove(&place));
        }
        let used = self.clock.fetch_add(1, Ordering::Relaxed);
        entries.insert(place.clone(), Entry::Ready { key, until: Instant::now() + self.time_to_live, used });
    }
}

enum Look {
    Found(Arc<CellKey>),
    Wait(watch::Receiver<Option<Outcome>>),
    Ask(watch::Sender<Option<Outcome>>),
}

/// A call that is under way; when it is given up, those who wait are not left waiting.
struct Asking<'a> {
    cache: &'a KeyCache,
    place: &'a (String, [u8; 16]),
    tell: watch::Sender<Option<Outcome>>,
}

impl Asking<'_> {
    fn done(self, outcome: Outcome) {
        match &outcome {
            Ok(key) => self.cache.keep(self.place, Arc::clone(key)),
            Err(_) => drop(self.cache.entries.lock().remove(self.place)),
        }
        self.tell.send_replace(Some(outcome));
    }
}

/// By what the manifest recognises a key.
fn check(key: &ColumnKey) -> [u8; 16] {
    strongroom_column::key_check(key)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize};

    use tokio::sync::Semaphore;

    use super::*;

    struct Server {
        calls: AtomicUsize,
        up: AtomicBool,
        gate: Semaphore,
    }

    impl Unwrap for Server {
        fn unwrap<'a>(
            &'a self,
            wrapped: &'a KeyValue,
        ) -> Pin<Box<dyn Future<Output = Result<ColumnKey, NotUnwrapped>> + Send + 'a>> {
            Box::pin(async move {
                self.calls.fetch_add(1, Ordering::SeqCst);
                self.gate.acquire().await.expect("never closed").forget();
                if self.up.load(Ordering::SeqCst) {
                    ColumnKey::from_slice(&wrapped.envelope).map_err(|error| NotUnwrapped::refused(error.to_string()))
                } else {
                    Err(NotUnwrapped::unreachable("down".to_owned()))
                }
            })
        }
    }

    fn server(permits: usize) -> Arc<Server> {
        Arc::new(Server { calls: AtomicUsize::new(0), up: AtomicBool::new(true), gate: Semaphore::new(permits) })
    }

    fn known(byte: u8) -> KnownKey {
        let key = ColumnKey::from_slice(&[byte; 32]).expect("32 bytes");
        let path = "cmk1#1".into();
        let value =
            KeyValue { provider: "STRONGROOM".into(), path, algorithm: "RSA_OAEP".into(), envelope: vec![byte; 32] };
        KnownKey { name: "k".into(), check: check(&key), values: vec![value] }
    }

    #[tokio::test]
    async fn many_who_wait_make_one_call() {
        let server = server(0);
        let cache = Arc::new(KeyCache::new(server.clone(), TIME_TO_LIVE));
        let known = known(1);
        let waiting = (0..50).map(|_| cache.key(&known));
        let all = futures_join(waiting);
        let release = async {
            tokio::task::yield_now().await;
            server.gate.add_permits(1);
        };
        let (outcomes, ()) = tokio::join!(all, release);
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(server.calls.load(Ordering::SeqCst), 1);
    }

    async fn futures_join<F: Future<Output = Outcome>>(all: impl Iterator<Item = F>) -> Vec<Outcome> {
        let mut all: Vec<_> = all.map(Box::pin).collect();
        let mut outcomes: Vec<Option<Outcome>> = all.iter().map(|_| None).collect();
        std::future::poll_fn(|context| {
            for (future, outcome) in all.iter_mut().zip(&mut outcomes) {
                if outcome.is_none()
                    && let std::task::Poll::Ready(done) = future.as_mut().poll(context)
                {
                    *outcome = Some(done);
                }
            }
            if outcomes.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        outcomes.into_iter().flatten().collect()
    }

    #[tokio::test]
    async fn a_failure_is_not_kept_and_a_key_is() {
        let server = server(100);
        let cache = KeyCache::new(server.clone(), TIME_TO_LIVE);
        server.up.store(false, Ordering::SeqCst);
        assert!(matches!(cache.key(&known(1)).await, Err(KeyUnavailable::Refused { .. })));
        server.up.store(true, Ordering::SeqCst);
        cache.key(&known(1)).await.expect("it is there again");
        server.up.store(false, Ordering::SeqCst);
        cache.key(&known(1)).await.expect("it is kept");
        assert_eq!(server.calls.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_goes_when_its_time_is_over() {
        let server = server(100);
        let cache = KeyCache::new(server.clone(), Duration::from_secs(60));
        cache.key(&known(1)).await.expect("there");
        let generation = cache.generation();
        server.up.store(false, Ordering::SeqCst);
        tokio::time::advance(Duration::from_secs(59)).await;
        cache.key(&known(1)).await.expect("kept");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(cache.expire(), None);
        assert_ne!(cache.generation(), generation);
        assert!(cache.key(&known(1)).await.is_err());
    }

    #[tokio::test]
    async fn another_key_than_the_manifests_is_refused() {
        let cache = KeyCache::new(server(100), TIME_TO_LIVE);
        let mut swapped = known(1);
        swapped.values = known(2).values;
        assert_eq!(cache.key(&swapped).await.unwrap_err(), KeyUnavailable::Another { key: "k".into() });
    }

    #[tokio::test]
    async fn who_gives_up_leaves_nobody_waiting() {
        let server = server(0);
        let cache = KeyCache::new(server.clone(), TIME_TO_LIVE);
        let known = known(1);
        {
            let mut given_up = Box::pin(cache.key(&known));
            std::future::poll_fn(|context| {
                assert!(given_up.as_mut().poll(context).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
        }
        server.gate.add_permits(1);
        cache.key(&known).await.expect("asked anew");
    }
}
