//! Encryption in the application: what is asked of the server, how often, and what is kept for how long.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use strongroom_client::{Context, DataKeys, FreshDataKey, LocalCipher, LocalError, LocalLimits, SealedDataKey};
use strongroom_crypto::{SealingKey, random};
use strongroom_envelope::value::{Place, Purpose};
use strongroom_envelope::{Id, two_tier};
use strongroom_secret::DataKey;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::advance;

/// A server without a network, whose answers can be held back and made to fail.
struct FakeServer {
    master: SealingKey,
    generated: AtomicUsize,
    opened: AtomicUsize,
    failing: AtomicBool,
    /// A call takes a permit before it answers.
    gate: Semaphore,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("fake")]
struct Refused;

impl FakeServer {
    fn new() -> Arc<Self> {
        Self::with_master([7; 32])
    }

    fn with_master(master: [u8; 32]) -> Arc<Self> {
        Arc::new(Self {
            master: SealingKey::new(&master),
            generated: AtomicUsize::new(0),
            opened: AtomicUsize::new(0),
            failing: AtomicBool::new(false),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        })
    }

    /// Holds the answers back until [`FakeServer::answer`].
    fn hold(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn answer(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    fn calls(&self) -> (usize, usize) {
        (self.generated.load(Ordering::Relaxed), self.opened.load(Ordering::Relaxed))
    }

    async fn pass(&self) -> Result<(), Refused> {
        self.gate.acquire().await.unwrap().forget();
        if self.failing.load(Ordering::Relaxed) { Err(Refused) } else { Ok(()) }
    }
}

impl DataKeys for FakeServer {
    type Error = Refused;

    async fn generate(&self, key: &str, context: &Context) -> Result<FreshDataKey, Refused> {
        assert_eq!(key, "orders");
        self.generated.fetch_add(1, Ordering::Relaxed);
        self.pass().await?;
        let data_key = DataKey::fill_with(|bytes| random::fill(bytes));
        let place = Place::Context(context);
        let sealed = SealedDataKey::seal(&self.master, Purpose::Values, Id([9; 16]), 3, &place, &data_key);
        Ok(FreshDataKey { data_key, sealed })
    }

    async fn open(&self, key: &str, sealed: &SealedDataKey, context: &Context) -> Result<DataKey, Refused> {
        assert_eq!(key, "orders");
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.pass().await?;
        sealed.open(&self.master, &Place::Context(context)).map_err(|_| Refused)
    }
}

type Cipher = LocalCipher<Arc<FakeServer>>;

fn cipher(server: &Arc<FakeServer>, limits: LocalLimits) -> Arc<Cipher> {
    Arc::new(LocalCipher::new(Arc::clone(server), "orders", limits))
}

fn context(tenant: &str) -> Context {
    Context::new([("tenant", tenant)]).unwrap()
}

/// How many values each data key sealed, by the data key.
fn by_data_key(sealed: &[Vec<u8>]) -> Vec<usize> {
    let mut counts = BTreeMap::new();
    for value in sealed {
        let data_key = *two_tier::parse(value).unwrap().data_key.as_bytes();
        *counts.entry(data_key).or_insert(0) += 1;
    }
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable();
    counts
}

/// Lets all other tasks run until they wait for something.
async fn settle() {
    for _ in 0..1000 {
        yield_now().await;
    }
}

fn spawn_encrypt(cipher: &Arc<Cipher>, tenant: &str) -> JoinHandle<Result<Vec<u8>, LocalError<Refused>>> {
    let (cipher, context) = (Arc::clone(cipher), context(tenant));
    tokio::spawn(async move { cipher.encrypt(&context, b"value").await })
}

#[tokio::test]
async fn values_come_back_with_their_context_only() {
    let server = FakeServer::new();
    let cipher = cipher(&server, LocalLimits::default());
    for length in [0, 1, 64, 100_000] {
        let plaintext = vec![0x5a; length];
        let sealed = cipher.encrypt(&context("7"), &plaintext).await.unwrap();
        assert_eq!(cipher.decrypt(&context("7"), &sealed).await.unwrap().expose(), plaintext);
        let text = cipher.encrypt_text(&context("7"), &plaintext).await.unwrap();
        assert!(text.starts_with("sr2."));
        assert_eq!(cipher.decrypt_text(&context("7"), &text).await.unwrap().expose(), plaintext);
    }
    assert_eq!(server.calls(), (1, 1));
    let sealed = cipher.encrypt(&context("7"), b"value").await.unwrap();
    for other in [context("8"), Context::empty(), Context::new([("tenant", "7"), ("more", "")]).unwrap()] {
        let refused = cipher.decrypt(&other, &sealed).await.unwrap_err();
        assert!(matches!(refused, LocalError::DataKey { .. }), "the server is asked, and refuses: {refused}");
    }
    assert_eq!(server.calls(), (1, 4));
}

#[tokio::test]
async fn what_is_no_value_of_ours_is_refused() {
    let server = FakeServer::new();
    let cipher = cipher(&server, LocalLimits::default());
    let context = context("7");
    let sealed = cipher.encrypt(&context, b"value").await.unwrap();
    cipher.decrypt(&context, &sealed).await.unwrap();
    for at in 132..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        let refused = cipher.decrypt(&context, &changed).await.unwrap_err();
        assert!(matches!(refused, LocalError::Unauthentic), "byte {at}: {refused}");
    }
    assert_eq!(server.calls(), (1, 1), "none of these took a call");
    assert!(matches!(cipher.decrypt(&context, &sealed[..203]).await, Err(LocalError::Form(_))));
    assert!(matches!(cipher.decrypt(&context, b"").await, Err(LocalError::Form(_))));
    assert!(matches!(cipher.decrypt_text(&context, "sr1.AAAA").await, Err(LocalError::Text(_))));
    let data_key = DataKey::fill_with(|bytes| bytes.fill(3));
    let place = Place::Context(&context);
    let wrapped = SealedDataKey::seal(&server.master, Purpose::Settings, Id([9; 16]), 3, &place, &data_key);
    let mut setting = Vec::new();
    two_tier::seal(&SealingKey::new(data_key.expose()), &wrapped, &place, b"x", &mut setting);
    assert!(matches!(cipher.decrypt(&context, &setting).await, Err(LocalError::Purpose)));
}

/// The value of the second implementation, `vectors/two_tier/context.json`.
#[tokio::test]
async fn a_value_of_the_second_implementation_decrypts() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/two_tier/context.json");
    let vector: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let bytes = |name: &str| -> Vec<u8> {
        let digits = vector[name].as_str().unwrap().strip_prefix("hex:").unwrap();
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    };
    let server = FakeServer::with_master(bytes("key").try_into().unwrap());
    let context = Context::new([("tenant", "acme"), ("table", "orders")]).unwrap();
    let opened = cipher(&server, LocalLimits::default()).decrypt_text(&context, vector["text"].as_str().unwrap()).await;
    assert_eq!(opened.unwrap().expose(), bytes("payload"));
}

#[tokio::test]
async fn many_tasks_make_one_call() {
    let server = FakeServer::new();
    let cipher = cipher(&server, LocalLimits::default());
    server.hold();
    let tasks: Vec<_> = (0..100).map(|_| spawn_encrypt(&cipher, "7")).collect();
    settle().await;
    assert_eq!(server.calls(), (1, 0));
    server.answer();
    let mut sealed = Vec::new();
    for task in tasks {
        sealed.push(task.await.unwrap().unwrap());
    }
    assert_eq!(server.calls(), (1, 0));
    assert_eq!(by_data_key(&sealed), [100]);

    server.hold();
    let tasks: Vec<_> = sealed
        .into_iter()
        .map(|value| {
            let cipher = Arc::clone(&cipher);
            tokio::spawn(async move { cipher.decrypt(&context("7"), &value).await })
        })
        .collect();
    settle().await;
    assert_eq!(server.calls(), (1, 1));
    server.answer();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().expose(), b"value");
    }
    assert_eq!(server.calls(), (1, 1));
}

#[tokio::test]
async fn a_failure_is_told_to_all_who_wait_and_is_not_kept() {
    let server = FakeServer::new();
    let cipher = cipher(&server, LocalLimits::default());
    server.failing.store(true, Ordering::Relaxed);
    server.hold();
    let tasks: Vec<_> = (0..100).map(|_| spawn_encrypt(&cipher, "7")).collect();
    settle().await;
    server.answer();
    for task in tasks {
        let failed = task.await.unwrap().unwrap_err();
        assert!(matches!(&failed, LocalError::DataKey { source } if **source == Refused), "{failed}");
    }
    assert_eq!(server.calls(), (1, 0), "they all waited for one call");
    cipher.encrypt(&context("7"), b"value").await.unwrap_err();
    assert_eq!(server.calls(), (2, 0));
    server.failing.store(false, Ordering::Relaxed);
    cipher.encrypt(&context("7"), b"value").await.unwrap();
    cipher.encrypt(&context("7"), b"value").await.unwrap();
    assert_eq!(server.calls(), (3, 0));
}

#[tokio::test]
async fn when_the_task_that_asks_is_dropped_another_asks() {
    let server = FakeServer::new();
    let cipher = cipher(&server, LocalLimits::default());
    server.hold();
    let asking = spawn_encrypt(&cipher, "7");
    settle().await;
    let waiting: Vec<_> = (0..10).map(|_| spawn_encrypt(&cipher, "7")).collect();
    settle().await;
    assert_eq!(server.calls(), (1, 0));
    asking.abort();
    settle().await;
    assert_eq!(server.calls(), (2, 0));
    server.answer();
    for task in waiting {
        task.await.unwrap().unwrap();
    }
    assert_eq!(server.calls(), (2, 0));
}

#[tokio::test]
async fn a_data_key_encrypts_so_many_messages() {
    let server = FakeServer::new();
    let cipher = cipher(&server, LocalLimits { messages: 10, ..LocalLimits::default() });
    let mut sealed = Vec::new();
    for _ in 0..25 {
        sealed.push(cipher.encrypt(&context("7"), b"value").await.unwrap());
    }
    assert_eq!(by_data_key(&sealed), [5, 10, 10]);

    // The same for tasks that all wait for the same data key.
    server.hold();
    let tasks: Vec<_> = (0..35).map(|_| spawn_encrypt(&cipher, "8")).collect();
    settle().await;
    server.answer();
    let mut sealed = Vec::new();
    for task in tasks {
        sealed.push(task.await.unwrap().unwrap());
    }
    assert_eq!(by_data_key(&sealed), [5, 10, 10, 10]);
}

#[tokio::test]
async fn a_data_key_encrypts_so_many_bytes() {
    let server = FakeServer::new();
    let cipher = cipher(&server, LocalLimits { bytes: 1000, ..LocalLimits::default() });
    let mut sealed = Vec::new();
    for length in [400, 600, 1, 998, 1, 1, 5000, 5000, 1] {
        sealed.push(cipher.encrypt(&context("7"), &vec![0; length]).await.unwrap());
    }
    // 400 + 600, 1 + 998 + 1, 1, 5000, 5000, 1
    let calls = server.calls().0;
    assert_eq!((by_data_key(&sealed), calls), (vec![1, 1, 1, 1, 2, 3], 6));
}

#[tokio::test(start_paused = true)]
async fn a_data_key_is_used_for_so_long() {
    let server = FakeServer::new();
    let age = Duration::from_secs(300);
    let cipher = cipher(&server, LocalLimits { age, ..LocalLimits::default() });
    let sealed = cipher.encrypt(&context("7"), b"value").await.unwrap();
    cipher.decrypt(&context("7"), &sealed).await.unwrap();
    advance(age - Duration::from_millis(1)).await;
    cipher.encrypt(&context("7"), b"value").await.unwrap();
    cipher.decrypt(&context("7"), &sealed).await.unwrap();
    assert_eq!(server.calls(), (1, 1));
    advance(Duration::from_millis(1)).await;
    cipher.encrypt(&context("7"), b"value").await.unwrap();
    cipher.decrypt(&context("7"), &sealed).await.unwrap();
    assert_eq!(server.calls(), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn the_age_counts_from_the_question() {
    let server = FakeServer::new();
    let age = Duration::from_secs(300);
    let cipher = cipher(&server, LocalLimits { age, ..LocalLimits::default() });
    server.hold();
    let asking = spawn_encrypt(&cipher, "7");
    settle().await;
    advance(Duration::from_secs(200)).await;
    server.answer();
    asking.await.unwrap().unwrap();
    advance(Duration::from_secs(99)).await;
    cipher.encrypt(&context("7"), b"value").await.unwrap();
    assert_eq!(server.calls(), (1, 0));
    advance(Duration::from_secs(1)).await;
    cipher.encrypt(&context("7"), b"value").await.unwrap();
    assert_eq!(server.calls(), (2, 0));
}

#[tokio::test]
async fn each_context_has_its_data_key() {
    let server = FakeServer::new();
    let cipher = cipher(&server, LocalLimits::default());
    let mut sealed = Vec::new();
    for _ in 0..3 {
        for tenant in ["7", "8", "9"] {
            sealed.push(cipher.encrypt(&context(tenant), b"value").await.unwrap());
        }
    }
    assert_eq!((by_data_key(&sealed), server.calls().0), (vec![3, 3, 3], 3));
}

#[tokio::test]
async fn the_least_recently_used_makes_room() {
    let server = FakeServer::new();
    let limits = LocalLimits { encryption_keys: 2, decryption_keys: 2, ..LocalLimits::default() };
    let cipher = cipher(&server, limits);
    let mut sealed = BTreeMap::new();
    for tenant in ["a", "b", "a", "c"] {
        sealed.insert(tenant, cipher.encrypt(&context(tenant), b"value").await.unwrap());
    }
    assert_eq!(server.calls().0, 3, "c has taken the room of b");
    for (tenant, generated) in [("a", 3), ("c", 3), ("b", 4), ("c", 4), ("a", 5)] {
        cipher.encrypt(&context(tenant), b"value").await.unwrap();
        assert_eq!(server.calls().0, generated, "{tenant}");
    }
    for (tenant, opened) in [("a", 1), ("b", 2), ("a", 2), ("c", 3), ("a", 3), ("c", 3), ("b", 4), ("a", 5)] {
        cipher.decrypt(&context(tenant), &sealed[tenant]).await.unwrap();
        assert_eq!(server.calls().1, opened, "{tenant}");
    }
}

#[tokio::test]
async fn what_decrypts_does_not_encrypt_and_the_other_way_round() {
    let server = FakeServer::new();
    let (one, other) = (cipher(&server, LocalLimits::default()), cipher(&server, LocalLimits::default()));
    let sealed = one.encrypt(&context("7"), b"value").await.unwrap();
    other.decrypt(&context("7"), &sealed).await.unwrap();
    assert_eq!(server.calls(), (1, 1));
    let again = other.encrypt(&context("7"), b"value").await.unwrap();
    assert_eq!(server.calls(), (2, 1));
    assert_eq!(by_data_key(&[sealed.clone(), again]), [1, 1]);
    one.decrypt(&context("7"), &sealed).await.unwrap();
    assert_eq!(server.calls(), (2, 2), "who decrypts is asked for by the server's rules, whoever encrypted");
}

#[tokio::test]
async fn forgotten_data_keys_are_fetched_again() {
    let server = FakeServer::new();
    let cipher = cipher(&server, LocalLimits::default());
    let sealed = cipher.encrypt(&context("7"), b"value").await.unwrap();
    cipher.decrypt(&context("7"), &sealed).await.unwrap();
    cipher.forget();
    cipher.encrypt(&context("7"), b"value").await.unwrap();
    cipher.decrypt(&context("7"), &sealed).await.unwrap();
    assert_eq!(server.calls(), (2, 2));

    // A call that was under way serves its own caller and nobody else: it may have been answered before the change that is
    // to be heeded.
    cipher.forget();
    server.hold();
    let (asking, waiting) = (spawn_encrypt(&cipher, "7"), spawn_encrypt(&cipher, "7"));
    settle().await;
    cipher.forget();
    let asking_after = spawn_encrypt(&cipher, "7");
    settle().await;
    assert_eq!(server.calls().0, 4);
    server.gate.add_permits(1);
    let before = asking.await.unwrap().unwrap();
    settle().await;
    assert!(!waiting.is_finished() && !asking_after.is_finished(), "they wait for the second call");
    server.answer();
    let after = [waiting.await.unwrap().unwrap(), asking_after.await.unwrap().unwrap()];
    assert_eq!((by_data_key(&after), by_data_key(&[before, after[0].clone()])), (vec![2], vec![1, 1]));
    assert_eq!(server.calls().0, 4);
}

#[tokio::test]
async fn limits_have_the_documented_defaults() {
    let limits = LocalLimits::default();
    assert_eq!((limits.messages, limits.bytes, limits.age.as_secs()), (100_000, 1 << 30, 300));
    let debug = format!("{:?}", cipher(&FakeServer::new(), limits));
    assert_eq!(debug, "LocalCipher { name: \"orders\", .. }");
}
