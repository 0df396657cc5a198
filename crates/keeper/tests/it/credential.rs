//! Credentials in a store: no value lies anywhere in clear, the account reads them after a start, swapped and moved ones open to
//! nobody, another host is noticed, and a rotation leaves nothing under the version before.

use std::collections::BTreeMap;

use strongroom_crypto::kem;
use strongroom_engine::credential::{
    Account, BindingChange, CredentialBody, Enroll, Get, GetReply, List, Owner, Rebind, Released, Seen, Set, SetReply,
    Show,
};
use strongroom_engine::job::JobState;
use strongroom_engine::key;
use strongroom_engine::policy::{Channel, Identity, Principal};
use strongroom_engine::rule::Refusal;
use strongroom_envelope::credential::{self, Bond};
use strongroom_envelope::{RecordKey, RecordKind, body, two_tier};
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::{Caller, Failure, Release};
use strongroom_secret::{AgreementKey, SecretBytes};

use crate::audit::canaries::holders;
use crate::insider::Insider;
use crate::rotation::scene::Scene;
use crate::rows::{Rows, shown};
use crate::site::{Site, admin, findings, name, quarantined};
use crate::trail;

const KEY: &str = "credentials";
const UID: u32 = 991;

fn svc() -> Account {
    Account { name: "svc-queue".to_owned(), uid: UID }
}

/// The account at the socket for accounts.
fn component() -> Caller {
    let identity = Identity::Peer { uid: UID };
    Caller { principal: Principal { identity, role: None, channel: Channel::Local }, ..admin() }
}

fn seen(keeper: &Keeper) -> Option<Seen> {
    Some(Seen { account: Some("svc-queue".to_owned()), host: keeper.host_id().unwrap() })
}

fn owner(keeper: &Keeper) -> Owner {
    Owner::local(svc(), keeper.host_id().unwrap())
}

async fn set(keeper: &Keeper, target: &str, value: &str) -> Result<SetReply, Failure> {
    let (owner, value) = (Ok(owner(keeper)), SecretBytes::from_slice(value.as_bytes()));
    let set = Set { selector: name(target), owner, value, expected_revision: None };
    keeper.execute(admin(), set).await
}

async fn get(keeper: &Keeper, target: &str) -> Result<GetReply, Failure> {
    keeper.execute(component(), Get { selector: name(target), seen: seen(keeper) }).await
}

async fn got(keeper: &Keeper, target: &str) -> Result<String, Failure> {
    match get(keeper, target).await?.value {
        Released::Clear(value) => Ok(String::from_utf8(value.expose().to_vec()).unwrap()),
        Released::Sealed(_) => panic!("the account is not enrolled"),
    }
}

async fn enroll(keeper: &Keeper, target: &str, key: &AgreementKey) {
    let enroll = Enroll { selector: name(target), public_key: kem::public(key), proof: None, seen: seen(keeper) };
    keeper.execute(component(), enroll).await.unwrap();
}

async fn opened(keeper: &Keeper, target: &str, key: &AgreementKey) -> String {
    let reply = get(keeper, target).await.unwrap();
    let bond = Bond { id: reply.id, revision: reply.revision, uid: reply.uid.unwrap() };
    let Released::Sealed(sealed) = reply.value else { panic!("the account is enrolled") };
    String::from_utf8(credential::open(key, bond, &sealed).unwrap().value.expose().to_vec()).unwrap()
}

async fn listed(keeper: &Keeper) -> Vec<String> {
    let list = List { prefix: String::new(), after: None, limit: 100 };
    let entries = keeper.execute(admin(), list).await.unwrap().entries;
    entries.into_iter().map(|entry| format!("{} {}", entry.name, entry.revision)).collect()
}

async fn row_of(keeper: &Keeper, target: &str) -> Vec<u8> {
    let id = keeper.execute(admin(), Show { selector: name(target) }).await.unwrap().id;
    CredentialBody::record_key(id).to_bytes().to_vec()
}

fn is_denied(outcome: Result<String, Failure>) {
    assert!(matches!(outcome, Err(Failure::Refused(Refusal::Denied { .. }))), "{outcome:?}");
}

#[tokio::test]
async fn no_value_lies_in_clear_and_no_name_in_the_store() {
    let (values, target) = (["canary-value-alpha-5711", "canary-value-bravo-5712"], "canary-component");
    let site = Site::new();
    let keeper = site.start();
    set(&keeper, target, values[0]).await.unwrap();
    assert_eq!(got(&keeper, target).await.unwrap(), values[0]);
    let key = kem::generate();
    enroll(&keeper, target, &key).await;
    set(&keeper, target, values[1]).await.unwrap();
    assert_eq!(opened(&keeper, target, &key).await, values[1]);
    let look = |told: &str| {
        let image = site.image();
        for value in values {
            assert_eq!(holders(&image, value), Vec::<String>::new(), "{value}");
            assert!(!told.contains(value));
        }
        let holders = holders(&image, target);
        assert!(!holders.is_empty() && holders.iter().all(|path| path.starts_with("audit/")), "{holders:?}");
    };
    look(&site.events.text());
    keeper.stop();
    look(&site.events.text());
    // Not even an insider who opens the records finds one: there is the layer of the credential key.
    let (insider, rows) = (Insider::of(&site), Rows::open(&site));
    for row in rows.of(RecordKind::Credential) {
        let opened = insider.opened(&row);
        assert_eq!((contains(&opened, target), values.map(|value| contains(&opened, value))), (true, [false, false]));
    }
    assert_eq!(trail::count_of(&site, "credential.get", target), 2);
    assert_eq!(trail::count_of(&site, "credential.enroll", target), 1);
}

fn contains(bytes: &SecretBytes, text: &str) -> bool {
    bytes.expose().windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn after_a_stop_and_after_a_kill_all_is_there() {
    let site = Site::new();
    let keeper = site.start();
    for target in ["engine", "audit"] {
        set(&keeper, target, target).await.unwrap();
    }
    let key = kem::generate();
    enroll(&keeper, "engine", &key).await;
    let expected = ["audit 1", "engine 1"];
    let killed = site.image();
    keeper.stop();
    drop(keeper);
    for image in [site.image(), killed] {
        site.restore(&image, &crate::site::FOLDERS);
        let keeper = site.start();
        assert_eq!(listed(&keeper).await, expected);
        assert_eq!(
            (got(&keeper, "audit").await.unwrap(), opened(&keeper, "engine", &key).await.as_str()),
            ("audit".into(), "engine")
        );
        assert_eq!(set(&keeper, "engine", "again").await.unwrap().revision, 2, "its name is known");
        assert_eq!(findings(&keeper).await, BTreeMap::new());
        keeper.stop();
    }
}

#[tokio::test]
async fn swapped_rows_are_served_to_nobody() {
    let site = Site::new();
    let keeper = site.start();
    for target in ["a", "b", "c"] {
        set(&keeper, target, target).await.unwrap();
    }
    let (one, other) = (row_of(&keeper, "a").await, row_of(&keeper, "b").await);
    let rows = Rows::open(&site);
    keeper.stop();
    drop(keeper);
    rows.swap(&one, &other);
    let keeper = site.start();
    let expected = BTreeMap::from([(shown(&one), "unreadable"), (shown(&other), "unreadable")]);
    assert_eq!(findings(&keeper).await, expected);
    for target in ["a", "b"] {
        is_denied(got(&keeper, target).await);
        let show = keeper.execute(admin(), Show { selector: name(target) }).await;
        assert_eq!(quarantined(show), Some("unreadable"), "{target} by its name, after a start");
        assert_eq!(quarantined(set(&keeper, target, "x").await), Some("unreadable"), "nothing takes its place");
    }
    assert_eq!(got(&keeper, "c").await.unwrap(), "c");
    rows.swap(&one, &other);
    for record in [shown(&one), shown(&other)] {
        keeper.quarantine_release(admin(), record, Release::Recheck).await.unwrap();
    }
    assert_eq!((got(&keeper, "a").await.unwrap(), got(&keeper, "b").await.unwrap()), ("a".into(), "b".into()));
    keeper.stop();
}

/// Who can seal records, and knows no application key, gives a credential to another account: its value knows whose it is.
#[tokio::test]
async fn a_binding_that_was_changed_beside_the_value_opens_to_nobody() {
    let site = Site::new();
    let keeper = site.start();
    for target in ["a", "b"] {
        set(&keeper, target, target).await.unwrap();
    }
    let (one, other) = (row_of(&keeper, "a").await, row_of(&keeper, "b").await);
    let image = site.image();
    keeper.stop();
    drop(keeper);
    let forge = |change: &dyn Fn(&mut CredentialBody, CredentialBody)| {
        site.restore(&image, &crate::site::FOLDERS);
        let (insider, rows) = (Insider::of(&site), Rows::open(&site));
        let body_of = |key: &[u8]| -> CredentialBody {
            body::decode_strict(insider.opened(&(key.to_vec(), rows.get(key).unwrap())).expose()).unwrap()
        };
        let mut forged = body_of(&one);
        change(&mut forged, body_of(&other));
        insider.commit(&rows, &[(RecordKey::from_bytes(&one).unwrap(), body::encode(&forged))]);
    };
    forge(&|body, other| body.value = other.value);
    let keeper = site.start();
    let refused = got(&keeper, "a").await;
    assert!(matches!(refused, Err(Failure::Refused(Refusal::DoesNotOpen))), "{refused:?}");
    assert_eq!(got(&keeper, "b").await.unwrap(), "b");
    keeper.stop();
    drop(keeper);

    forge(&|body, _| body.uid = Some(1234));
    let keeper = site.start();
    is_denied(got(&keeper, "a").await);
    let identity = Identity::Peer { uid: 1234 };
    let thief = Caller { principal: Principal { identity, ..component().principal }, ..component() };
    let refused = keeper.execute(thief, Get { selector: name("a"), seen: seen(&keeper) }).await;
    assert!(matches!(refused, Err(Failure::Refused(Refusal::DoesNotOpen))), "{refused:?}");
    keeper.stop();
}

#[tokio::test]
async fn on_another_host_it_waits_to_be_bound_anew() {
    let site = Site::new();
    let keeper = site.start();
    set(&keeper, "a", "one").await.unwrap();
    let before = keeper.host_id().unwrap();
    std::fs::write(site.path("machine-id"), "fedcba9876543210fedcba9876543210\n").unwrap();
    assert_ne!(keeper.host_id().unwrap(), before);
    let refused = got(&keeper, "a").await.unwrap_err();
    let change = BindingChange::OtherHost;
    assert_eq!(refused, Failure::Refused(Refusal::AccountChanged { name: "a".into(), change }));
    let rebind = Rebind { selector: name("a"), owner: Ok(owner(&keeper)), expected_revision: None };
    keeper.execute(admin(), rebind).await.unwrap();
    assert_eq!(got(&keeper, "a").await.unwrap(), "one");
    std::fs::write(site.path("machine-id"), "uninitialized\n").unwrap();
    assert!(keeper.host_id().is_err());
    keeper.stop();
}

/// docs/spec/credential.md.
#[tokio::test]
async fn the_host_id_is_that_of_the_specification() {
    let site = Site::new();
    let keeper = site.start();
    let store_id = keeper.status().store_id;
    let derived: [u8; 16] = strongroom_crypto::derive::bytes(
        &store_id.0,
        &[b"0123456789abcdef0123456789abcdef"],
        "strongroom/host-id/1",
        b"",
    );
    assert_eq!(keeper.host_id().unwrap(), derived);
    keeper.stop();
}

/// How many credentials really are under each version of their key, as their values say.
fn found(site: &Site) -> BTreeMap<u32, u64> {
    let (insider, rows) = (Insider::of(site), Rows::open(site).of(RecordKind::Credential));
    let mut found = BTreeMap::new();
    for row in &rows {
        let credential: CredentialBody = body::decode_strict(insider.opened(row).expose()).unwrap();
        let header = two_tier::parse(&credential.value).unwrap().data_key.header();
        assert_eq!((header.key_id, header.key_version), (credential.key_id, credential.key_version));
        *found.entry(header.key_version).or_default() += 1;
    }
    found
}

const MANY: usize = 300;

#[tokio::test]
async fn many_credentials_under_a_new_version() {
    let scene = Scene::new();
    let keeper = scene.start();
    for number in 0..MANY {
        set(&keeper, &format!("c/{number}"), &format!("value {number}")).await.unwrap();
    }
    let key = kem::generate();
    enroll(&keeper, "c/7", &key).await;
    assert_eq!(found(&scene.site), BTreeMap::from([(1, MANY as u64)]));
    let rotate = key::Rotate { selector: name(KEY), reencrypt: true, expected_version: None, rate: None };
    let job = keeper.execute(admin(), rotate).await.unwrap().job.unwrap();
    assert_eq!(scene.over(&keeper, job).await.state, JobState::Done);
    assert_eq!(found(&scene.site), BTreeMap::from([(2, MANY as u64)]));
    let view = keeper.execute(admin(), key::Show { selector: name(KEY) }).await.unwrap();
    let counted: Vec<(u32, u64)> = view.versions.iter().map(|version| (version.number, version.stored)).collect();
    assert_eq!(counted, [(1, 0), (2, MANY as u64)]);
    for number in (0..MANY).step_by(29) {
        assert_eq!(got(&keeper, &format!("c/{number}")).await.unwrap(), format!("value {number}"));
    }
    assert_eq!(opened(&keeper, "c/7", &key).await, "value 7");
    keeper.stop();
}
