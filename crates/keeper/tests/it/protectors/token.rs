//! The token of a key's protector goes away and comes back: the key is locked after a start and opens by itself or when it is told to;
//! nothing else notices; and no try of the PIN is wasted.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use strongroom_engine::key::{Create, Decrypt, DecryptItem, Encrypt, EncryptItem};
use strongroom_engine::name::Name;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::value::{Context, Purpose};
use strongroom_keeper::facade::{Failure, KeyProtector, ProtectorFault};
use strongroom_keeper::{Keeper, LOOK_EVERY, Settings};
use strongroom_secret::SecretBytes;

use super::parts::Equipped;
use crate::heal::password::fault;
use crate::site::{admin, name};

/// A site with a token, on which the key `k` depends; the key `other` does not.
async fn with_token(test: &str) -> Option<(Equipped, Keeper)> {
    let equipped = Equipped::new(test)?;
    if !equipped.has_token {
        return None;
    }
    let keeper = equipped.site.start();
    for text in ["k", "other"] {
        create(&keeper, text).await;
    }
    let with = KeyProtector::Pkcs11 { name: "hsm1".into(), token: "T".into(), label: "keys".into() };
    keeper.key_protect(admin(), name("k"), with).await.unwrap();
    Some((equipped, keeper))
}

async fn create(keeper: &Keeper, text: &str) {
    let (name, purpose) = (Name::parse(text).unwrap(), Purpose::Values);
    let create = Create { name, purpose, algorithm: None, rotation_period: None, usage_limit: None };
    keeper.execute(admin(), create).await.unwrap();
}

async fn encrypt(keeper: &Keeper, text: &str) -> Result<Vec<u8>, Failure> {
    let item = EncryptItem { value: SecretBytes::from_slice(b"v"), context: Ok(Context::empty()) };
    let encrypt = Encrypt { selector: name(text), items: vec![item], many: false };
    keeper.execute(admin(), encrypt).await.map(|mut reply| reply.items.remove(0).unwrap())
}

async fn opens(keeper: &Keeper, sealed: &[u8]) -> bool {
    let items = vec![DecryptItem { sealed: sealed.to_vec(), context: Ok(Context::empty()) }];
    let decrypt = Decrypt { selector: name("k"), items, many: false, compromised: false };
    keeper.execute(admin(), decrypt).await.is_ok()
}

fn locked() -> Failure {
    Refusal::KeyLocked { key: "k".into() }.into()
}

/// What the alarm about locked keys says.
fn alarm(keeper: &Keeper) -> Option<String> {
    keeper.status().alarms.into_iter().find(|alarm| alarm.code == "key_locked").map(|alarm| alarm.message)
}

/// Renames the token's directory, so that no token is there, or back.
fn rename(equipped: &Equipped, from: &str, to: &str) {
    fs::rename(equipped.path(from), equipped.path(to)).unwrap();
}

/// Encrypts until told to end; every answer must be good.
fn busy(
    keeper: &Keeper,
    text: &'static str,
    ended: &Arc<AtomicBool>,
    count: &Arc<AtomicUsize>,
) -> tokio::task::JoinHandle<()> {
    let (keeper, ended, count) = (keeper.clone(), Arc::clone(ended), Arc::clone(count));
    tokio::spawn(async move {
        while !ended.load(Ordering::Relaxed) {
            encrypt(&keeper, text).await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
    })
}

/// Waits until so many more were done.
async fn more(count: &AtomicUsize, wanted: usize) {
    let until = count.load(Ordering::Relaxed) + wanted;
    while count.load(Ordering::Relaxed) < until {
        tokio::task::yield_now().await;
    }
}

/// While the server runs nobody notices. After a start without the token its key is locked and the others are not; it opens by
/// itself when the token is back, while others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_gone_and_back_opens_by_itself() {
    const NAME: &str = "protectors::token::a_token_gone_and_back_opens_by_itself";
    let Some((mut equipped, keeper)) = with_token(NAME).await else { return };
    let (ended, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let both = [busy(&keeper, "k", &ended, &count), busy(&keeper, "other", &ended, &count)];
    more(&count, 50).await;
    rename(&equipped, "tokens", "away");
    more(&count, 50).await;
    let sealed = encrypt(&keeper, "k").await.unwrap();
    ended.store(true, Ordering::Relaxed);
    for task in both {
        task.await.unwrap();
    }
    keeper.stop();
    drop(keeper);

    equipped.site.look_every = Duration::from_millis(20);
    let keeper = equipped.site.start();
    let (ended, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let other = busy(&keeper, "other", &ended, &count);
    for _ in 0..20 {
        assert_eq!(encrypt(&keeper, "k").await.unwrap_err(), locked());
        more(&count, 1).await;
    }
    let told = loop {
        // The first look is on its way.
        match alarm(&keeper) {
            Some(told) if told.contains(" (") => break told,
            _ => more(&count, 1).await,
        }
    };
    assert!(told.contains("k waits for pkcs11:hsm1") && !told.contains("other"), "{told}");
    rename(&equipped, "away", "tokens");
    while let Err(failure) = encrypt(&keeper, "k").await {
        assert_eq!(failure, locked());
    }
    assert!(opens(&keeper, &sealed).await);
    while alarm(&keeper).is_some() {
        more(&count, 1).await;
    }
    ended.store(true, Ordering::Relaxed);
    other.await.unwrap();
    keeper.stop();
}

/// The same when nobody looks: `key unlock` opens it, without a restart, once the token is there.
#[tokio::test]
async fn a_token_gone_and_back_opens_when_told() {
    const NAME: &str = "protectors::token::a_token_gone_and_back_opens_when_told";
    let Some((equipped, keeper)) = with_token(NAME).await else { return };
    assert_eq!(equipped.site.look_every, LOOK_EVERY);
    let sealed = encrypt(&keeper, "k").await.unwrap();
    keeper.stop();
    drop(keeper);
    rename(&equipped, "tokens", "away");
    let keeper = equipped.site.start();
    let unlock = || keeper.key_unlock(admin(), name("k"), None);
    assert_eq!(fault(unlock().await), ProtectorFault::DoesNotOpen);
    assert!(!opens(&keeper, &sealed).await);
    rename(&equipped, "away", "tokens");
    unlock().await.unwrap();
    assert!(opens(&keeper, &sealed).await && alarm(&keeper).is_none());
    unlock().await.unwrap();
    keeper.stop();
}

/// A wrong PIN is tried once, however often the server looks and however often it is told to; another one in the file is tried.
#[tokio::test]
async fn a_wrong_pin_is_tried_once() {
    const NAME: &str = "protectors::token::a_wrong_pin_is_tried_once";
    let Some((mut equipped, keeper)) = with_token(NAME).await else { return };
    keeper.stop();
    drop(keeper);
    let Some(spy) = spy() else {
        println!("not run: {NAME}: OpenSC's pkcs11-spy.so is missing (opensc-pkcs11)");
        return;
    };
    let log = equipped.path("spy.log");
    let settings = equipped.site.configuration.pkcs11.get_mut("hsm1").unwrap();
    settings.environment.insert("PKCS11SPY".into(), settings.module.display().to_string());
    settings.environment.insert("PKCS11SPY_OUTPUT".into(), log.display().to_string());
    settings.module = spy;
    equipped.write_pin("000000");
    equipped.site.look_every = Duration::from_millis(5);
    let keeper = equipped.site.start();
    // The second look says that there was no second try.
    while !alarm(&keeper).is_some_and(|told| told.contains("not tried again")) {
        encrypt(&keeper, "other").await.unwrap();
    }
    for _ in 0..20 {
        assert_eq!(fault(keeper.key_unlock(admin(), name("k"), None).await), ProtectorFault::DoesNotOpen);
    }
    assert_eq!(tries(&log), 1);
    equipped.write_pin("271828");
    while let Err(failure) = encrypt(&keeper, "k").await {
        assert_eq!(failure, locked());
    }
    assert_eq!(tries(&log), 2);
    keeper.stop();
}

/// Calls of `C_Login` that OpenSC's spy has seen.
fn tries(log: &Path) -> usize {
    fs::read_to_string(log).unwrap().lines().filter(|line| line.ends_with(": C_Login")).count()
}

fn spy() -> Option<PathBuf> {
    let paths = [
        "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so",
        "/usr/lib/aarch64-linux-gnu/pkcs11-spy.so",
        "/usr/lib64/pkcs11-spy.so",
    ];
    paths.iter().map(PathBuf::from).find(|path| path.exists())
}

/// A program that gives no answer takes its time and no other's, even where there is only one thread for operations.
#[tokio::test]
async fn a_protector_that_hangs_holds_nobody_up() {
    const NAME: &str = "protectors::token::a_protector_that_hangs_holds_nobody_up";
    let Some(mut equipped) = Equipped::new(NAME) else { return };
    let keeper = equipped.site.start();
    for text in ["k", "other"] {
        create(&keeper, text).await;
    }
    keeper.key_protect(admin(), name("k"), KeyProtector::Plugin("vault".into())).await.unwrap();
    keeper.stop();
    drop(keeper);
    equipped.plugin("vault", "#!/bin/sh\nexec sleep 600\n");
    let (keeper, _) = Keeper::open(Settings { workers: 1, ..equipped.site.settings() }).unwrap();
    let begun = Instant::now();
    encrypt(&keeper, "other").await.unwrap();
    assert_eq!(encrypt(&keeper, "k").await.unwrap_err(), locked());
    // The plug-in has five seconds.
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    keeper.stop();
}
