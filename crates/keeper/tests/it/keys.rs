//! Keys over the life of an instance: versions, states and ends are after a start what they were before it; nothing seals or opens
//! with a version that is at its end, and nothing is lost that a state can be taken back from.

use strongroom_engine::key::{
    self, ChangeState, Create, Decrypt, DecryptItem, Encrypt, EncryptItem, KeyView, Rotate, State, Step,
};
use strongroom_engine::name::Name;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::value::{Context, Purpose};
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::Failure;
use strongroom_secret::SecretBytes;

use crate::site::{Site, admin, name, put, retrying, value};
use crate::trail;

fn creation(text: &str) -> Create {
    Create {
        name: Name::parse(text).unwrap(),
        purpose: Purpose::Values,
        algorithm: None,
        rotation_period: None,
        usage_limit: None,
    }
}

async fn create(keeper: &Keeper, text: &str) -> KeyView {
    keeper.execute(admin(), creation(text)).await.unwrap()
}

fn rotation(text: &str) -> Rotate {
    Rotate { selector: name(text), reencrypt: true, expected_version: None, rate: None }
}

async fn rotate(keeper: &Keeper, text: &str) -> u32 {
    keeper.execute(admin(), rotation(text)).await.unwrap().key.active.unwrap()
}

async fn encrypt(keeper: &Keeper, text: &str, plaintext: &[u8]) -> Result<Vec<u8>, Failure> {
    let item = EncryptItem { value: SecretBytes::from_slice(plaintext), context: Ok(Context::empty()) };
    let operation = Encrypt { selector: name(text), items: vec![item], many: false };
    keeper.execute(admin(), operation).await.map(|mut reply| reply.items.remove(0).unwrap())
}

async fn decrypt(keeper: &Keeper, text: &str, sealed: &[u8], compromised: bool) -> Result<Vec<u8>, Failure> {
    let item = DecryptItem { sealed: sealed.to_vec(), context: Ok(Context::empty()) };
    let operation = Decrypt { selector: name(text), items: vec![item], many: false, compromised };
    let reply = keeper.execute(admin(), operation).await?;
    Ok(reply.items.into_iter().next().unwrap().unwrap().1.expose().to_vec())
}

async fn step(keeper: &Keeper, text: &str, version: u32, step: Step) -> Result<KeyView, Failure> {
    keeper.execute(admin(), ChangeState { selector: name(text), version, step }).await
}

async fn destroy(keeper: &Keeper, text: &str, version: u32, wait: Option<i64>) -> Result<KeyView, Failure> {
    keeper.execute(admin(), key::Destroy { selector: name(text), version, wait }).await
}

async fn show(keeper: &Keeper, text: &str) -> KeyView {
    keeper.execute(admin(), key::Show { selector: name(text) }).await.unwrap()
}

fn states(view: &KeyView) -> Vec<State> {
    view.versions.iter().map(|version| version.state).collect()
}

fn not_usable(key: &str, version: u32, state: State) -> Failure {
    Failure::Refused(Refusal::KeyNotUsable { key: key.into(), version, state })
}

/// A key with a version in each state, what each sealed, and what opens before and after a start.
#[tokio::test]
async fn states_are_after_a_start_what_they_were() {
    let site = Site::new();
    let mut keeper = site.start();
    create(&keeper, "k").await;
    let mut sealed = vec![encrypt(&keeper, "k", b"1").await.unwrap()];
    for version in 2..=6 {
        assert_eq!(rotate(&keeper, "k").await, version);
        sealed.push(encrypt(&keeper, "k", version.to_string().as_bytes()).await.unwrap());
    }
    step(&keeper, "k", 2, Step::Suspend).await.unwrap();
    step(&keeper, "k", 3, Step::Compromise).await.unwrap();
    destroy(&keeper, "k", 4, None).await.unwrap();
    destroy(&keeper, "k", 5, Some(0)).await.unwrap();
    let before = show(&keeper, "k").await;
    let expected =
        [State::Deactivated, State::Suspended, State::Compromised, State::Deactivated, State::Destroyed, State::Active];
    assert_eq!(states(&before), expected);
    for _start in 0..2 {
        assert_eq!(decrypt(&keeper, "k", &sealed[0], false).await.unwrap(), b"1");
        assert_eq!(decrypt(&keeper, "k", &sealed[5], false).await.unwrap(), b"6");
        assert_eq!(decrypt(&keeper, "k", &sealed[1], false).await.unwrap_err(), not_usable("k", 2, State::Suspended));
        assert_eq!(decrypt(&keeper, "k", &sealed[2], false).await.unwrap_err(), not_usable("k", 3, State::Compromised));
        assert_eq!(decrypt(&keeper, "k", &sealed[2], true).await.unwrap(), b"3");
        let waits = Failure::Refused(Refusal::AwaitsDestruction { key: "k".into(), version: 4 });
        assert_eq!(decrypt(&keeper, "k", &sealed[3], false).await.unwrap_err(), waits);
        for compromised in [false, true] {
            let gone = decrypt(&keeper, "k", &sealed[4], compromised).await.unwrap_err();
            assert_eq!(gone, not_usable("k", 5, State::Destroyed));
        }
        keeper.stop();
        drop(keeper);
        keeper = site.start();
        assert_eq!(show(&keeper, "k").await, before);
    }
    // What was not final is taken back.
    keeper.execute(admin(), key::Undestroy { selector: name("k"), version: 4 }).await.unwrap();
    step(&keeper, "k", 2, Step::Resume).await.unwrap();
    assert_eq!(decrypt(&keeper, "k", &sealed[1], false).await.unwrap(), b"2");
    assert_eq!(decrypt(&keeper, "k", &sealed[3], false).await.unwrap(), b"4");
    let gone = keeper.execute(admin(), key::Undestroy { selector: name("k"), version: 5 }).await;
    assert!(matches!(gone, Err(Failure::Refused(Refusal::NoTransition { version: 5, state: State::Destroyed, .. }))));
}

/// Who may open what is compromised opens that, and nothing else that is out of use.
#[tokio::test]
async fn the_permission_for_compromised_versions_is_for_no_others() {
    let site = Site::new();
    let keeper = site.start();
    create(&keeper, "k").await;
    let mut sealed = vec![encrypt(&keeper, "k", b"1").await.unwrap()];
    for _ in 0..2 {
        rotate(&keeper, "k").await;
        sealed.push(encrypt(&keeper, "k", b"x").await.unwrap());
    }
    step(&keeper, "k", 1, Step::Suspend).await.unwrap();
    destroy(&keeper, "k", 2, None).await.unwrap();
    assert_eq!(decrypt(&keeper, "k", &sealed[2], true).await.unwrap(), b"x");
    let waits = Failure::Refused(Refusal::AwaitsDestruction { key: "k".into(), version: 2 });
    assert_eq!(decrypt(&keeper, "k", &sealed[0], true).await.unwrap_err(), not_usable("k", 1, State::Suspended));
    assert_eq!(decrypt(&keeper, "k", &sealed[1], true).await.unwrap_err(), waits);
}

/// Every step on a version in every state (NIST SP 800-57 part 1, section 7): what is not in the list is refused and changes
/// nothing. A resumed version opens only, because another is active.
#[tokio::test]
async fn no_other_way_between_states() {
    let site = Site::new();
    let keeper = site.start();
    let ways = [
        (State::Active, Step::Deactivate, State::Deactivated),
        (State::Active, Step::Suspend, State::Suspended),
        (State::Active, Step::Compromise, State::Compromised),
        (State::Deactivated, Step::Suspend, State::Suspended),
        (State::Deactivated, Step::Compromise, State::Compromised),
        (State::Suspended, Step::Deactivate, State::Deactivated),
        (State::Suspended, Step::Resume, State::Deactivated),
        (State::Suspended, Step::Compromise, State::Compromised),
    ];
    let reached = [State::Active, State::Deactivated, State::Suspended, State::Compromised, State::Destroyed];
    for (number, from) in reached.into_iter().enumerate() {
        for wanted in Step::ALL {
            let text = format!("k/{number}/{}", wanted.word());
            create(&keeper, &text).await;
            let version = brought_to(&keeper, &text, from).await;
            let before = show(&keeper, &text).await;
            assert_eq!(states(&before)[version as usize - 1], from);
            let way = ways.iter().find(|(state, step, _)| (*state, *step) == (from, wanted));
            match (step(&keeper, &text, version, wanted).await, way) {
                (Ok(view), Some((_, _, to))) => assert_eq!(states(&view)[version as usize - 1], *to, "{text}"),
                (Err(Failure::Refused(Refusal::NoTransition { state, .. })), None) => {
                    assert_eq!((state, show(&keeper, &text).await), (from, before), "{text}");
                }
                (outcome, _) => panic!("{} {}: {outcome:?}", from.word(), wanted.word()),
            }
            let active = show(&keeper, &text).await.versions.iter().filter(|v| v.state == State::Active).count();
            assert!(active <= 1, "{text}");
        }
    }
}

/// Makes a version be in a state; which one.
async fn brought_to(keeper: &Keeper, text: &str, state: State) -> u32 {
    if state == State::Active {
        return 1;
    }
    rotate(keeper, text).await;
    match state {
        State::Suspended => drop(step(keeper, text, 1, Step::Suspend).await.unwrap()),
        State::Compromised => drop(step(keeper, text, 1, Step::Compromise).await.unwrap()),
        State::Destroyed => drop(destroy(keeper, text, 1, Some(0)).await.unwrap()),
        _ => {}
    }
    1
}

/// A version that waits for its end is not brought back to use while the wait goes on: what it sealed would be lost with it.
#[tokio::test]
async fn what_waits_for_its_end_does_not_seal() {
    let site = Site::new();
    let keeper = site.start();
    create(&keeper, "k").await;
    step(&keeper, "k", 1, Step::Suspend).await.unwrap();
    destroy(&keeper, "k", 1, None).await.unwrap();
    let resumed = step(&keeper, "k", 1, Step::Resume).await;
    let sealed = encrypt(&keeper, "k", b"x").await;
    let view = show(&keeper, "k").await;
    let waits = view.versions[0].destroy_at.is_some();
    assert!(!(waits && sealed.is_ok()), "version 1 was resumed ({}), seals, and will be destroyed", resumed.is_ok());
    // Taken back, it is as before.
    keeper.execute(admin(), key::Undestroy { selector: name("k"), version: 1 }).await.unwrap();
    drop(step(&keeper, "k", 1, Step::Resume).await);
    let sealed = encrypt(&keeper, "k", b"x").await.unwrap();
    assert_eq!(decrypt(&keeper, "k", &sealed, false).await.unwrap(), b"x");
}

/// The key the server itself seals secrets under: nobody makes secrets unreadable by a slip.
#[tokio::test]
async fn the_key_for_secrets_is_not_taken_out_of_use() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "a", b"kept").await.unwrap();
    for slip in [Step::Deactivate, Step::Suspend] {
        let outcome = step(&keeper, "secrets", 1, slip).await;
        assert!(matches!(outcome, Err(Failure::Refused(_))), "{}", slip.word());
        assert_eq!(value(&keeper, "a").await, b"kept");
        put(&keeper, "b", b"new").await.unwrap();
    }
    assert!(destroy(&keeper, "secrets", 1, Some(0)).await.is_err(), "it is active");
    for text in key::BUILT_IN {
        assert!(keeper.execute(admin(), creation(text)).await.is_err());
    }
}

/// A retry makes no second key and no second version.
#[tokio::test]
async fn a_retry_makes_nothing_twice() {
    let site = Site::new();
    let keeper = site.start();
    let first = keeper.execute(retrying("create", 1), creation("k")).await.unwrap();
    match keeper.execute(retrying("create", 1), creation("k")).await {
        Ok(again) => assert_eq!(again, first),
        Err(failure) => assert_eq!(failure, Failure::ReplyNotKept),
    }
    assert_eq!(keeper.execute(retrying("create", 2), creation("k")).await.unwrap_err(), Failure::RetryMismatch);
    keeper.execute(retrying("rotate", 1), rotation("k")).await.unwrap();
    for _ in 0..3 {
        drop(keeper.execute(retrying("rotate", 1), rotation("k")).await);
    }
    assert_eq!(show(&keeper, "k").await.versions.len(), 2);
    keeper.stop();
    drop(keeper);
    let keeper = site.start();
    drop(keeper.execute(retrying("rotate", 1), rotation("k")).await);
    assert_eq!(show(&keeper, "k").await.versions.len(), 2, "nor after a start");
    assert_eq!(trail::count_of(&site, "key.create", "k"), 1);
}
