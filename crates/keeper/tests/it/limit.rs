//! Usage limits: never one use more than the limit, with many callers at once, over kills at any commit, and when commits fail; and
//! what an operator is told.

use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_engine::key::{
    Create, Decrypt, DecryptItem, Encrypt, EncryptItem, KeyView, Limit, MakeMac, Rotate, Show, State, Step,
};
use strongroom_engine::name::Name;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::audit_line::Line;
use strongroom_envelope::value::{Context, Purpose};
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::Failure;
use strongroom_secret::SecretBytes;
use strongroom_testkit::store::{Fault, MemoryStore};
use tokio::task::JoinSet;

use crate::faults::watched::{Watched, start_over};
use crate::site::{Image, Site, admin, name};
use crate::trail;

const CALLERS: u64 = 64;

async fn create(keeper: &Keeper, text: &str, purpose: Purpose, usage_limit: u64) -> KeyView {
    let (name, usage_limit) = (Name::parse(text).unwrap(), Some(usage_limit));
    let create = Create { name, purpose, algorithm: None, rotation_period: None, usage_limit };
    keeper.execute(admin(), create).await.unwrap()
}

/// How many of so many values were sealed; every other was refused for the limit.
async fn encrypt(keeper: &Keeper, text: &str, count: usize) -> u64 {
    let item = || EncryptItem { value: SecretBytes::from_slice(b"v"), context: Ok(Context::empty()) };
    let items = (0..count).map(|_| item()).collect();
    let reply = keeper.execute(admin(), Encrypt { selector: name(text), items, many: true }).await.unwrap();
    let sealed = reply.items.iter().take_while(|item| item.is_ok()).count();
    for refused in &reply.items[sealed..] {
        assert!(matches!(refused, Err(Refusal::UsageLimitReached { .. })), "the first items fit, the others do not");
    }
    sealed as u64
}

async fn one(keeper: &Keeper, text: &str) -> Result<Vec<u8>, Failure> {
    let item = EncryptItem { value: SecretBytes::from_slice(b"v"), context: Ok(Context::empty()) };
    let encrypt = Encrypt { selector: name(text), items: vec![item], many: false };
    keeper.execute(admin(), encrypt).await.map(|mut reply| reply.items.remove(0).unwrap())
}

async fn limit(keeper: &Keeper, text: &str, limit: Option<u64>) -> Result<KeyView, Failure> {
    keeper.execute(admin(), Limit { selector: name(text), limit }).await
}

async fn rotate(keeper: &Keeper, text: &str) {
    let rotate = Rotate { selector: name(text), reencrypt: false, expected_version: None, rate: None };
    keeper.execute(admin(), rotate).await.unwrap();
}

async fn uses(keeper: &Keeper, text: &str) -> Vec<Option<u64>> {
    let view = keeper.execute(admin(), Show { selector: name(text) }).await.unwrap();
    view.versions.iter().map(|version| version.uses).collect()
}

fn reached(key: &str, version: u32, limit: u64) -> Failure {
    Refusal::UsageLimitReached { key: key.into(), version, limit }.into()
}

/// Callers that ask until they are refused, each for so many at once.
async fn all_that_fit(keeper: &Keeper, text: &'static str, sizes: fn(u64) -> usize) -> u64 {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let keeper = keeper.clone();
        callers.spawn(async move {
            let (mut sealed, size) = (0, sizes(caller));
            loop {
                let done = encrypt(&keeper, text, size).await;
                sealed += done;
                if done < size as u64 {
                    return sealed;
                }
            }
        });
    }
    callers.join_all().await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_callers_make_exactly_as_many_uses() {
    let site = Site::new();
    let keeper = site.start();
    // Blocks of one, of fifteen, and batches that are larger than a block.
    for (key, limit, sizes) in [
        ("few", 70, (|_| 1) as fn(u64) -> usize),
        ("more", 1000, |_| 1),
        ("batches", 5000, |caller| 1 + caller as usize * 3 % 40),
    ] {
        create(&keeper, key, Purpose::Values, limit).await;
        assert_eq!(all_that_fit(&keeper, key, sizes).await, limit, "{key}");
        assert_eq!(uses(&keeper, key).await, [Some(limit)]);
        assert_eq!(one(&keeper, key).await.unwrap_err(), reached(key, 1, limit));
    }
    // Those who waited were set aside for together: not a commit each.
    let blocks = trail::count_of(&site, "key.uses", "few");
    assert!((2..=70).contains(&blocks), "{blocks} commits for 70 uses");
    assert!(trail::count_of(&site, "key.uses", "more") <= 1000 / 15 + 1);
    keeper.stop();
    trail::assert_no_line_twice(&site);
}

/// Opening and verifying go on, another version begins anew, and what was set aside and not used is lost by a start.
#[tokio::test]
async fn a_version_begins_anew_and_a_start_loses_a_block_at_most() {
    let site = Site::new();
    let mut keeper = site.start();
    create(&keeper, "k", Purpose::Values, 640).await;
    let sealed = one(&keeper, "k").await.unwrap();
    assert_eq!(uses(&keeper, "k").await, [Some(10)], "a block of a 64th");
    assert_eq!(encrypt(&keeper, "k", 9).await, 9);
    assert_eq!(uses(&keeper, "k").await, [Some(10)]);
    assert_eq!(encrypt(&keeper, "k", 1).await, 1);
    assert_eq!(uses(&keeper, "k").await, [Some(20)]);
    keeper.stop();
    drop(keeper);
    keeper = site.start();
    // Eleven were made, twenty count.
    assert_eq!(uses(&keeper, "k").await, [Some(20)]);
    assert_eq!(encrypt(&keeper, "k", 1000).await, 620);
    assert_eq!(one(&keeper, "k").await.unwrap_err(), reached("k", 1, 640));
    for _ in 0..3 {
        let items = vec![DecryptItem { sealed: sealed.clone(), context: Ok(Context::empty()) }];
        let decrypt = Decrypt { selector: name("k"), items, many: false, compromised: false };
        assert!(keeper.execute(admin(), decrypt).await.unwrap().items[0].is_ok());
    }
    rotate(&keeper, "k").await;
    assert_eq!(encrypt(&keeper, "k", 3).await, 3);
    assert_eq!(uses(&keeper, "k").await, [Some(640), Some(10)]);
    // A version that becomes the active one again goes on with its count.
    let step = |version, step| strongroom_engine::key::ChangeState { selector: name("k"), version, step };
    for (version, step_) in [(1, Step::Suspend), (2, Step::Suspend), (1, Step::Resume)] {
        keeper.execute(admin(), step(version, step_)).await.unwrap();
    }
    let view = keeper.execute(admin(), Show { selector: name("k") }).await.unwrap();
    assert_eq!(view.versions[0].state, State::Active);
    assert_eq!(one(&keeper, "k").await.unwrap_err(), reached("k", 1, 640));
}

#[tokio::test]
async fn a_limit_is_raised_lowered_and_taken_away() {
    let site = Site::new();
    let keeper = site.start();
    create(&keeper, "k", Purpose::Values, 10).await;
    assert_eq!(encrypt(&keeper, "k", 4).await, 4);
    limit(&keeper, "k", Some(3)).await.unwrap();
    assert_eq!(one(&keeper, "k").await.unwrap_err(), reached("k", 1, 3));
    limit(&keeper, "k", Some(6)).await.unwrap();
    assert_eq!(encrypt(&keeper, "k", 5).await, 2);
    limit(&keeper, "k", None).await.unwrap();
    assert_eq!(encrypt(&keeper, "k", 500).await, 500);
    limit(&keeper, "k", Some(8)).await.unwrap();
    assert_eq!(encrypt(&keeper, "k", 500).await, 2, "what was made while there was no limit is not counted");
    let own = limit(&keeper, "secrets", Some(8)).await.unwrap_err();
    assert_eq!(own, Refusal::WrongPurpose { key: "secrets".into(), purpose: Purpose::Secrets }.into());
}

/// MACs in a request that does not fit: the first are made.
#[tokio::test]
async fn macs_are_uses() {
    let site = Site::new();
    let keeper = site.start();
    create(&keeper, "m", Purpose::Mac, 5).await;
    let messages = || (0..3).map(|byte| SecretBytes::from_slice(&[byte])).collect();
    let make = || MakeMac { selector: name("m"), messages: messages() };
    let made = |macs: Vec<Result<Vec<u8>, Refusal>>| macs.iter().map(Result::is_ok).collect::<Vec<_>>();
    assert_eq!(made(keeper.execute(admin(), make()).await.unwrap().macs), [true, true, true]);
    assert_eq!(made(keeper.execute(admin(), make()).await.unwrap().macs), [true, true, false]);
    assert_eq!(keeper.execute(admin(), make()).await.map(drop).unwrap_err(), reached("m", 1, 5));
}

#[tokio::test]
async fn an_alarm_names_the_keys_from_nine_tenths_on() {
    let site = Site::new();
    let mut keeper = site.start();
    let told = |keeper: &Keeper| {
        let status = keeper.status();
        let alarm = status.alarms.into_iter().find(|alarm| alarm.code == "usage_limit_near");
        (alarm.map(|alarm| alarm.message), status.keys_near_limit)
    };
    for key in ["a", "b"] {
        create(&keeper, key, Purpose::Values, 20).await;
        encrypt(&keeper, key, 17).await;
    }
    assert_eq!((told(&keeper), site.events.count("usage_limit_near")), ((None, 0), 0));
    encrypt(&keeper, "a", 1).await;
    let (message, count) = told(&keeper);
    assert!(message.unwrap().ends_with(": a (18 of 20)") && count == 1);
    encrypt(&keeper, "b", 10).await;
    let (message, count) = told(&keeper);
    assert!(message.unwrap().ends_with(": a (18 of 20), b (20 of 20)") && count == 2);
    assert_eq!(site.events.count("usage_limit_near"), 2, "each once, and b not twice at one blow");
    encrypt(&keeper, "a", 2).await;
    assert_eq!(site.events.count("usage_limit_near"), 3, "and once more when nothing is left");
    keeper.stop();
    drop(keeper);
    keeper = site.start();
    assert_eq!(told(&keeper).1, 2, "after a start too");
    rotate(&keeper, "a").await;
    limit(&keeper, "b", Some(100)).await.unwrap();
    assert_eq!(told(&keeper), (None, 0));
}

/// A commit that cannot be made gives no use; nothing else is refused, and later there are all that are left.
#[tokio::test]
async fn when_nothing_can_be_set_aside_nothing_is_used() {
    let (site, store) = (Site::new(), MemoryStore::new());
    let keeper = start_over(&site, store.clone());
    create(&keeper, "k", Purpose::Values, 3).await;
    for (fault, failure) in [(Fault::Full, Failure::StorageFull), (Fault::Failed, Failure::StorageFailed)] {
        store.fail_after(0, fault);
        assert_eq!(one(&keeper, "k").await.unwrap_err(), failure);
    }
    assert_eq!(encrypt(&keeper, "k", 5).await, 3);
    create(&keeper, "l", Purpose::Values, 640).await;
    assert_eq!(encrypt(&keeper, "l", 5).await, 5);
    store.fail_after(0, Fault::UnknownApplied);
    let items = (0..6).map(|_| EncryptItem { value: SecretBytes::from_slice(b"v"), context: Ok(Context::empty()) });
    let operation = Encrypt { selector: name("l"), items: items.collect(), many: true };
    assert_eq!(keeper.execute(admin(), operation).await.map(drop).unwrap_err(), Failure::WritingStopped);
    assert_eq!(encrypt(&keeper, "l", 5).await, 5, "what was set aside before is there");
    assert_eq!(one(&keeper, "l").await.unwrap_err(), Failure::WritingStopped);
    keeper.stop();
    drop(keeper);
    store.restart();
    let keeper = start_over(&site, store);
    assert_eq!(uses(&keeper, "l").await, [Some(15)], "the batch of which nobody knew was there");
    assert_eq!(encrypt(&keeper, "l", 1000).await, 625);
}

const BESIDE: [&str; 4] = ["audit", "anchor", "account", "machine"];

/// The process ends before and after every commit, while eight callers use the key: what was answered before the end counts
/// after the start, and no more is lost than was set aside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_kill_at_every_commit_there_are_never_too_many() {
    const LIMIT: u64 = 100;
    let (site, store) = (Site::new(), MemoryStore::new());
    let moments: Arc<Mutex<Vec<(MemoryStore, Image)>>> = Arc::default();
    let (seen, folder) = (Arc::clone(&moments), site.folder.path().to_owned());
    let watched =
        Watched::new(store.clone(), move |store| seen.lock().push((store.copied(), Image::taken(&folder, &BESIDE))));
    let keeper = start_over(&site, watched);
    create(&keeper, "k", Purpose::Values, LIMIT).await;
    let begun = moments.lock().len();
    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let keeper = keeper.clone();
        callers.spawn(async move {
            let (mut sealed, size) = (0, 1 + caller % 3);
            loop {
                let done = encrypt(&keeper, "k", size).await;
                sealed += done;
                if done < size as u64 {
                    return sealed;
                }
            }
        });
    }
    assert_eq!(callers.join_all().await.into_iter().sum::<u64>(), LIMIT);
    keeper.stop();
    drop(keeper);
    let moments = std::mem::take(&mut *moments.lock());
    assert!(moments.len() - begun > 8, "{} moments", moments.len() - begun);
    // Of each commit it is before or after it: an odd stride takes both in turn.
    for (number, (image, beside)) in moments.into_iter().enumerate().skip(begun).step_by(3) {
        site.restore(&beside, &BESIDE);
        let keeper = start_over(&site, image);
        // Every answer has its line before it leaves; a request that did not fit whole comes after the last use only.
        let is_use = |line: &Line| line.operation == "key.encrypt" && line.outcome == "ok";
        let lines = trail::lines(&site);
        let told: u64 = lines.iter().filter(|line| is_use(line)).map(|line| line.count.unwrap_or(1)).sum();
        let reserved = uses(&keeper, "k").await[0].unwrap_or(0);
        assert!(told.min(LIMIT) <= reserved, "moment {number}: {told} were answered, {reserved} count");
        // A block of one, and what all who wait ask for.
        let most = told + 1 + 8 * 3;
        assert!(reserved <= most, "moment {number}: {told} were answered, {reserved} count");
        assert_eq!(encrypt(&keeper, "k", 1000).await, LIMIT - reserved, "moment {number}");
        keeper.stop();
    }
}
