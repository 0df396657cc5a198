//! Keys that a password protects: ready without a person when root opens them too, locked when nothing else does; another password
//! ends the one before, in one commit, whatever is stored under the key and whatever happens meanwhile.

mod crash;
mod file;
mod waits;

use strongroom_engine::job::{self, JobKind, JobState};
use strongroom_engine::key::{self, Create, Decrypt, DecryptItem, Encrypt, EncryptItem, KeyView, Rotate};
use strongroom_engine::name::Name;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::RecordKind;
use strongroom_envelope::value::{Context, Purpose};
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::{Caller, Failure, KeyProtector, ProtectorFault};
use strongroom_secret::{Passphrase, SecretBytes};

use crate::import::scene::holders;
use crate::rows::Rows;
use crate::site::{Site, admin, name, password_only, put, retrying, value};

const FIRST: &[u8] = b"four plain words here";
const SECOND: &[u8] = b"four other plain words";
const THIRD: &[u8] = b"nobody has chosen this";

fn password(password: &[u8]) -> KeyProtector {
    KeyProtector::Password { passphrase: Passphrase::from_slice(password), recovery: true }
}

async fn create(keeper: &Keeper) {
    let (name, purpose) = (Name::parse("k").unwrap(), Purpose::Values);
    let create = Create { name, purpose, algorithm: None, rotation_period: None, usage_limit: None };
    keeper.execute(admin(), create).await.unwrap();
}

async fn encrypt(keeper: &Keeper) -> Result<Vec<u8>, Failure> {
    let item = EncryptItem { value: SecretBytes::from_slice(b"hello"), context: Ok(Context::empty()) };
    let operation = Encrypt { selector: name("k"), items: vec![item], many: false };
    keeper.execute(admin(), operation).await.map(|mut reply| reply.items.remove(0).unwrap())
}

async fn opens(keeper: &Keeper, sealed: &[u8]) -> Result<bool, Failure> {
    let item = DecryptItem { sealed: sealed.to_vec(), context: Ok(Context::empty()) };
    let operation = Decrypt { selector: name("k"), items: vec![item], many: false, compromised: false };
    let reply = keeper.execute(admin(), operation).await?;
    Ok(reply.items.into_iter().next().unwrap().unwrap().1.expose() == b"hello")
}

async fn rotate(keeper: &Keeper) -> Result<u32, Failure> {
    let rotate = Rotate { selector: name("k"), reencrypt: true, expected_version: None, rate: None };
    keeper.execute(admin(), rotate).await.map(|reply| reply.key.active.unwrap())
}

async fn unlock(keeper: &Keeper, password: &[u8]) -> Result<(), Failure> {
    keeper.key_unlock(admin(), name("k"), Some(Passphrase::from_slice(password))).await
}

/// Waits until the job that removes old wraps is done.
async fn scrubbed(keeper: &Keeper) {
    loop {
        let jobs = keeper.execute(admin(), job::List).await.unwrap().jobs;
        if jobs.iter().all(|job| job.kind == JobKind::Scrub && job.state == JobState::Done) && !jobs.is_empty() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn change(keeper: &Keeper, caller: Caller, from: &[u8], to: &[u8]) -> Result<KeyView, Failure> {
    let (from, to) = (Passphrase::from_slice(from), Passphrase::from_slice(to));
    keeper.key_change_password(caller, name("k"), from, to).await
}

fn locked() -> Failure {
    Failure::Refused(Refusal::KeyLocked { key: "k".into() })
}

fn not_open() -> Failure {
    Failure::Refused(Refusal::ProtectorNotOpen { key: "k".into() })
}

fn code<T>(outcome: Result<T, Failure>) -> Option<ProtectorFault> {
    match outcome {
        Err(Failure::Protector { code, .. }) => Some(code),
        _ => None,
    }
}

fn alarm(keeper: &Keeper, code: &str) -> Option<String> {
    let alarms = keeper.status().alarms;
    alarms.into_iter().find(|alarm| alarm.code == code).map(|alarm| alarm.message)
}

fn again(site: &Site, keeper: Keeper) -> Keeper {
    keeper.stop();
    drop(keeper);
    site.start()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_recovery_it_is_ready_after_a_start_without_a_person() {
    let site = Site::new();
    let keeper = site.start();
    create(&keeper).await;
    let sealed = encrypt(&keeper).await.unwrap();
    let (view, _) = keeper.key_protect(admin(), name("k"), password(FIRST)).await.unwrap();
    assert_eq!((view.protector.as_str(), view.recovery), ("password", true));
    assert_eq!(rotate(&keeper).await, Ok(2), "its password was just given");

    let keeper = again(&site, keeper);
    assert_eq!(opens(&keeper, &sealed).await, Ok(true));
    assert!(encrypt(&keeper).await.is_ok());
    assert_eq!((alarm(&keeper, "key_locked"), alarm(&keeper, "password_only")), (None, None));
    // A new version is wrapped by the password too, so that is needed.
    assert_eq!(rotate(&keeper).await, Err(not_open()));
    assert_eq!(keeper.key_unlock(admin(), name("k"), None).await, Ok(()), "it is ready as it is");
    assert_eq!(rotate(&keeper).await, Err(not_open()));
    assert_eq!(code(unlock(&keeper, SECOND).await), Some(ProtectorFault::DoesNotOpen));
    unlock(&keeper, FIRST).await.unwrap();
    assert_eq!(rotate(&keeper).await, Ok(3));
    let newest = encrypt(&keeper).await.unwrap();

    let keeper = again(&site, keeper);
    assert_eq!((opens(&keeper, &sealed).await, opens(&keeper, &newest).await), (Ok(true), Ok(true)));
    // Another protector needs no password either.
    let (view, _) = keeper.key_protect(admin(), name("k"), KeyProtector::Root).await.unwrap();
    assert_eq!((view.protector.as_str(), view.recovery), ("root", false));
    assert_eq!(opens(&keeper, &newest).await, Ok(true));
    keeper.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_the_password_only_it_waits_for_it_after_each_start() {
    let site = Site::new();
    let keeper = site.start();
    create(&keeper).await;
    let sealed = encrypt(&keeper).await.unwrap();
    let (view, _) = keeper.key_protect(admin(), name("k"), password_only(FIRST)).await.unwrap();
    assert!(!view.recovery);
    assert!(alarm(&keeper, "password_only").unwrap().ends_with(": k"), "it is said at once");
    assert_eq!((opens(&keeper, &sealed).await, alarm(&keeper, "key_locked")), (Ok(true), None));

    let keeper = again(&site, keeper);
    assert_eq!(opens(&keeper, &sealed).await, Err(locked()));
    assert_eq!(encrypt(&keeper).await, Err(locked()));
    put(&keeper, "other", b"others are served").await.unwrap();
    assert_eq!(code(unlock(&keeper, SECOND).await), Some(ProtectorFault::DoesNotOpen));
    assert!(alarm(&keeper, "key_locked").unwrap().contains("k waits for password"));
    assert_eq!(opens(&keeper, &sealed).await, Err(locked()));
    unlock(&keeper, FIRST).await.unwrap();
    assert_eq!((opens(&keeper, &sealed).await, alarm(&keeper, "key_locked")), (Ok(true), None));
    // Given the second wrap, it is an alarm no more.
    keeper.key_protect(admin(), name("k"), password(FIRST)).await.unwrap();
    assert_eq!(alarm(&keeper, "password_only"), None);
    let keeper = again(&site, keeper);
    assert_eq!(
        (opens(&keeper, &sealed).await, value(&keeper, "other").await),
        (Ok(true), b"others are served".to_vec())
    );
    keeper.stop();
}

/// The old password opens nothing from the answer on: not here, not after a start, not from what is left in the files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_password_is_dead_at_once() {
    let site = Site::new();
    let keeper = site.start();
    create(&keeper).await;
    keeper.key_protect(admin(), name("k"), password_only(FIRST)).await.unwrap();
    let sealed = encrypt(&keeper).await.unwrap();
    let nonce = |row: &(Vec<u8>, Vec<u8>)| row.1[16..40].to_vec();
    let wraps: Vec<_> = Rows::open(&site).of(RecordKind::Key).iter().map(nonce).collect();
    assert!(!holders(&site.image_of(&["data"]), &wraps).is_empty(), "the search finds them while they are there");
    let view = change(&keeper, admin(), FIRST, SECOND).await.unwrap();
    assert_eq!((view.protector.as_str(), view.recovery), ("password", false), "as it was chosen");
    scrubbed(&keeper).await;
    let left: Vec<_> = wraps.into_iter().filter(|nonce| !nonces(&site).contains(nonce)).collect();
    assert_eq!((left.len(), holders(&site.image(), &left)), (1, Vec::new()));
    assert_eq!(opens(&keeper, &sealed).await, Ok(true));
    assert_eq!(code(change(&keeper, admin(), FIRST, THIRD).await), Some(ProtectorFault::DoesNotOpen));

    let keeper = again(&site, keeper);
    assert_eq!(code(unlock(&keeper, FIRST).await), Some(ProtectorFault::DoesNotOpen));
    assert_eq!(opens(&keeper, &sealed).await, Err(locked()));
    // A locked key's password can be changed by who knows it; that opens it.
    change(&keeper, admin(), SECOND, THIRD).await.unwrap();
    assert_eq!(opens(&keeper, &sealed).await, Ok(true));
    assert_eq!(rotate(&keeper).await, Ok(2));
    keeper.stop();
}

fn nonces(site: &Site) -> Vec<Vec<u8>> {
    Rows::open(site).of(RecordKind::Key).iter().map(|(_, sealed)| sealed[16..40].to_vec()).collect()
}

/// The password of now is asked for also where root opens the key; what is refused changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_changed_stays_as_it_was() {
    let site = Site::new();
    let keeper = site.start();
    create(&keeper).await;
    let by_root = change(&keeper, admin(), FIRST, SECOND).await.unwrap_err();
    assert!(matches!(&by_root, Failure::Refused(Refusal::Invalid { field: "name", .. })), "{by_root}");
    keeper.key_protect(admin(), name("k"), password(FIRST)).await.unwrap();
    let keeper = again(&site, keeper);
    let before = nonces(&site);
    assert_eq!(code(change(&keeper, admin(), SECOND, THIRD).await), Some(ProtectorFault::DoesNotOpen));
    assert_eq!(code(change(&keeper, admin(), FIRST, b"short").await), Some(ProtectorFault::Weak));
    let missing = keeper
        .key_change_password(admin(), name("none"), Passphrase::from_slice(FIRST), Passphrase::from_slice(SECOND))
        .await;
    assert!(matches!(missing, Err(Failure::Refused(Refusal::NotFound { what: "key", .. }))));
    assert_eq!(nonces(&site), before);
    assert!(change(&keeper, admin(), FIRST, SECOND).await.unwrap().recovery, "as it was chosen");
    let sealed = encrypt(&keeper).await.unwrap();
    let keeper = again(&site, keeper);
    assert_eq!(opens(&keeper, &sealed).await, Ok(true));
    assert_eq!(code(unlock(&keeper, FIRST).await), Some(ProtectorFault::DoesNotOpen));
    unlock(&keeper, SECOND).await.unwrap();
    keeper.stop();
}

/// A retry whose first try was done is told so; its old password, which opens nothing any more, is not held against it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_changes_it_once() {
    let site = Site::new();
    let keeper = site.start();
    create(&keeper).await;
    keeper.key_protect(admin(), name("k"), password_only(FIRST)).await.unwrap();
    change(&keeper, retrying("once", 1), FIRST, SECOND).await.unwrap();
    let before = nonces(&site);
    assert_eq!(change(&keeper, retrying("once", 1), FIRST, SECOND).await.map(drop), Err(Failure::ReplyNotKept));
    assert_eq!(change(&keeper, retrying("once", 2), FIRST, THIRD).await.map(drop), Err(Failure::RetryMismatch));
    assert_eq!(nonces(&site), before);
    let keeper = again(&site, keeper);
    unlock(&keeper, SECOND).await.unwrap();
    keeper.stop();
}

/// Whatever is stored under a key, its password is changed by writing one record; those who use the key notice nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_record_is_written_while_others_use_the_key() {
    const STORED: usize = 2000;
    let site = Site::new();
    let keeper = site.start();
    for number in 0..STORED {
        put(&keeper, &format!("secret/{number}"), b"value").await.unwrap();
    }
    let to_secrets = name("secrets");
    keeper.key_protect(admin(), to_secrets.clone(), password(FIRST)).await.unwrap();
    let before = Rows::open(&site).all();
    let epoch = keeper.status().epoch;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let users: Vec<_> = (0..4)
        .map(|user| {
            let (keeper, stop) = (keeper.clone(), std::sync::Arc::clone(&stop));
            tokio::spawn(async move {
                let mut read = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    assert_eq!(value(&keeper, &format!("secret/{}", (user + read) % STORED)).await, b"value");
                    read += 1;
                }
                read
            })
        })
        .collect();
    let (from, to) = (Passphrase::from_slice(FIRST), Passphrase::from_slice(SECOND));
    keeper.key_change_password(admin(), to_secrets, from, to).await.unwrap();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for user in users {
        assert!(user.await.unwrap() > 0);
    }
    scrubbed(&keeper).await;
    assert_eq!(keeper.status().epoch, epoch + 2, "one commit, and that of the job's end");
    let after = Rows::open(&site).all();
    let beside = [RecordKind::Log.byte(), RecordKind::Snapshot.byte(), RecordKind::Job.byte()];
    let is_of_data = |row: &&(Vec<u8>, Vec<u8>)| !beside.contains(&row.0[0]);
    let written: Vec<u8> =
        after.iter().filter(is_of_data).filter(|row| !before.contains(row)).map(|row| row.0[0]).collect();
    assert_eq!(written, [RecordKind::Key.byte()]);
    assert_eq!(after.iter().filter(is_of_data).count(), before.iter().filter(is_of_data).count());
    keeper.stop();
}

/// A version that is gone proves nothing: what would be taken on trust would wrap the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_version_to_prove_it_no_password_is_taken() {
    let site = Site::new();
    let keeper = site.start();
    create(&keeper).await;
    keeper.key_protect(admin(), name("k"), password_only(FIRST)).await.unwrap();
    let end = key::ChangeState { selector: name("k"), version: 1, step: key::Step::Deactivate };
    keeper.execute(admin(), end).await.unwrap();
    let gone = key::Destroy { selector: name("k"), version: 1, wait: Some(0) };
    keeper.execute(admin(), gone).await.unwrap();
    let keeper = again(&site, keeper);
    assert_eq!(code(unlock(&keeper, SECOND).await), Some(ProtectorFault::DoesNotOpen));
    assert_eq!(rotate(&keeper).await, Err(locked()));
    keeper.key_protect(admin(), name("k"), password(SECOND)).await.unwrap();
    assert_eq!(rotate(&keeper).await, Ok(2));
    let sealed = encrypt(&keeper).await.unwrap();
    let keeper = again(&site, keeper);
    assert_eq!(opens(&keeper, &sealed).await, Ok(true));
    keeper.stop();
}

/// Requests with passwords wait for each other, but not without bound: what is too much is refused at once, and the next is served.
#[tokio::test]
async fn only_so_many_passwords_wait() {
    const WAITING: usize = 16;
    const MANY: usize = 40;
    let site = Site::new();
    let keeper = site.start();
    create(&keeper).await;
    keeper.key_protect(admin(), name("k"), password_only(FIRST)).await.unwrap();
    let keeper = again(&site, keeper);
    // The first one is derived from; the others, for keys that are not there, wait behind it.
    let begun: Vec<_> = (0..MANY)
        .map(|number| {
            let (keeper, key) = (keeper.clone(), if number == 0 { name("k") } else { name("none") });
            tokio::spawn(async move { keeper.key_unlock(admin(), key, Some(Passphrase::from_slice(SECOND))).await })
        })
        .collect();
    put(&keeper, "other", b"served meanwhile").await.unwrap();
    let mut outcomes = Vec::new();
    for one in begun {
        outcomes.push(one.await.unwrap());
    }
    assert_eq!(code(outcomes.swap_remove(0)), Some(ProtectorFault::DoesNotOpen));
    let busy = outcomes.iter().filter(|outcome| **outcome == Err(Failure::Busy)).count();
    let missing = outcomes.iter().filter(|outcome| matches!(outcome, Err(Failure::Refused(Refusal::NotFound { .. }))));
    assert_eq!((missing.count(), busy), (WAITING - 1, MANY - WAITING));
    unlock(&keeper, FIRST).await.unwrap();
    keeper.stop();
}
