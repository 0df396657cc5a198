//! Settings in a store: nothing of an encrypted one lies anywhere in clear, all are served after a start, swapped ones are not,
//! and a rotation of their key leaves nothing under the version before.

use std::collections::BTreeMap;

use strongroom_engine::job::JobState;
use strongroom_engine::key;
use strongroom_engine::rule::Refusal;
use strongroom_engine::setting::{Class, Delete, Export, Get, List, Set, SetReply, SettingBody, SettingValue};
use strongroom_envelope::{RecordKey, RecordKind, body, two_tier};
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::{Failure, Release};
use strongroom_secret::SecretBytes;
use tokio::task::JoinSet;

use crate::audit::canaries::holders;
use crate::insider::Insider;
use crate::rotation::scene::Scene;
use crate::rows::{Row, Rows, flipped, shown};
use crate::site::{Site, admin, findings, name, quarantined};
use crate::trail;

const KEY: &str = "settings";

fn text(text: &str) -> SettingValue {
    SettingValue::String(SecretBytes::from_slice(text.as_bytes()))
}

async fn set(keeper: &Keeper, target: &str, value: SettingValue, class: Class) -> Result<SetReply, Failure> {
    let set = Set { selector: name(target), value, class: Some(class), expected_revision: None };
    keeper.execute(admin(), set).await
}

async fn got(keeper: &Keeper, target: &str) -> Result<String, Failure> {
    let reply = keeper.execute(admin(), Get { selector: name(target) }).await?;
    let SettingValue::String(value) = reply.value else { panic!("{target} is no string") };
    Ok(String::from_utf8(value.expose().to_vec()).unwrap())
}

async fn listed(keeper: &Keeper) -> Vec<String> {
    let list = List { prefix: String::new(), after: None, limit: 100 };
    let entries = keeper.execute(admin(), list).await.unwrap().entries;
    entries.into_iter().map(|entry| format!("{} {} {}", entry.name, entry.class.word(), entry.revision)).collect()
}

async fn delete(keeper: &Keeper, target: &str) -> Result<(), Failure> {
    keeper.execute(admin(), Delete { selector: name(target), expected_revision: None }).await.map(drop)
}

#[tokio::test]
async fn no_value_lies_in_clear_and_no_name_in_the_store() {
    let (values, names) =
        (["canary-value-alpha-4711", "canary-value-bravo-4712"], ["canary-name/one", "canary-name/two"]);
    let site = Site::new();
    let keeper = site.start();
    set(&keeper, names[0], text(values[0]), Class::Encrypted).await.unwrap();
    // Without the layer of an application key, but sealed like every record.
    set(&keeper, names[1], text(values[1]), Class::Client).await.unwrap();
    let refused = set(&keeper, "a", text(&format!("password={}", values[0])), Class::Queue).await;
    assert!(matches!(refused, Err(Failure::Refused(Refusal::Invalid { field: "value", .. }))), "{refused:?}");
    let export = Export { prefix: String::new(), after: None, limit: 100 };
    assert_eq!(keeper.execute(admin(), export).await.unwrap().settings.len(), 2);
    let look = |told: &str| {
        let image = site.image();
        for value in values {
            assert_eq!(holders(&image, value), Vec::<String>::new(), "{value}");
            assert!(!told.contains(value));
        }
        for name in names {
            let holders = holders(&image, name);
            assert!(!holders.is_empty() && holders.iter().all(|path| path.starts_with("audit/")), "{holders:?}");
        }
    };
    look(&site.events.text());
    keeper.stop();
    look(&site.events.text());
    // An insider who opens the records finds one of the two values in them.
    let (insider, rows) = (Insider::of(&site), Rows::open(&site));
    let opened: Vec<Vec<u8>> =
        rows.of(RecordKind::Setting).iter().map(|row| insider.opened(row).expose().to_vec()).collect();
    let holds = |value: &str| opened.iter().any(|body| body.windows(value.len()).any(|part| part == value.as_bytes()));
    assert_eq!(values.map(holds), [false, true]);
    assert_eq!(trail::count_of(&site, "setting.export", ""), 1);
}

#[tokio::test]
async fn after_a_stop_and_after_a_kill_all_is_there() {
    let site = Site::new();
    let keeper = site.start();
    for target in ["q/b", "q/a", "z"] {
        set(&keeper, target, text(target), Class::Encrypted).await.unwrap();
    }
    set(&keeper, "q/a", text("again"), Class::Queue).await.unwrap();
    let expected = ["q/a queue 2", "q/b encrypted 1", "z encrypted 1"];
    assert_eq!(listed(&keeper).await, expected);
    // What is on disk now, as after a kill: no snapshot knows of the names yet.
    let killed = site.image();
    keeper.stop();
    drop(keeper);
    for image in [site.image(), killed] {
        site.restore(&image, &crate::site::FOLDERS);
        let keeper = site.start();
        assert_eq!(listed(&keeper).await, expected);
        assert_eq!(
            (got(&keeper, "q/a").await.unwrap(), got(&keeper, "z").await.unwrap()),
            ("again".into(), "z".into())
        );
        assert_eq!(set(&keeper, "z", text("y"), Class::Encrypted).await.unwrap().revision, 2, "its name is known");
        delete(&keeper, "q/b").await.unwrap();
        assert!(set(&keeper, "q/b", text("new"), Class::Audit).await.unwrap().created, "its name is free");
        assert_eq!(findings(&keeper).await, BTreeMap::new());
        keeper.stop();
    }
}

/// Where the setting lies, by its name.
async fn row_of(keeper: &Keeper, target: &str) -> Vec<u8> {
    let id = keeper.execute(admin(), Get { selector: name(target) }).await.unwrap().id;
    SettingBody::record_key(id).to_bytes().to_vec()
}

#[tokio::test]
async fn swapped_rows_are_found_by_their_names_and_not_served() {
    let site = Site::new();
    let keeper = site.start();
    for target in ["a", "b", "c"] {
        set(&keeper, target, text(target), Class::Encrypted).await.unwrap();
    }
    let (one, other) = (row_of(&keeper, "a").await, row_of(&keeper, "b").await);
    let rows = Rows::open(&site);
    rows.swap(&one, &other);
    assert_eq!(quarantined(got(&keeper, "a").await), Some("unreadable"), "while it runs");
    keeper.stop();
    drop(keeper);
    let keeper = site.start();
    let expected = BTreeMap::from([(shown(&one), "unreadable"), (shown(&other), "unreadable")]);
    assert_eq!(findings(&keeper).await, expected);
    for target in ["a", "b"] {
        assert_eq!(quarantined(got(&keeper, target).await), Some("unreadable"), "{target} by its name, after a start");
        let again = set(&keeper, target, text("x"), Class::Encrypted).await;
        assert_eq!(quarantined(again), Some("unreadable"), "nothing takes its place");
    }
    assert_eq!(got(&keeper, "c").await.unwrap(), "c");
    rows.swap(&one, &other);
    for record in [shown(&one), shown(&other)] {
        keeper.quarantine_release(admin(), record, Release::Recheck).await.unwrap();
    }
    assert_eq!((got(&keeper, "a").await.unwrap(), got(&keeper, "b").await.unwrap()), ("a".into(), "b".into()));
    assert_eq!(listed(&keeper).await.len(), 3, "learnt again");
    keeper.stop();
}

#[tokio::test]
async fn an_older_record_is_refused_until_it_is_accepted() {
    let site = Site::new();
    let keeper = site.start();
    set(&keeper, "a", text("older"), Class::Encrypted).await.unwrap();
    let key = row_of(&keeper, "a").await;
    let rows = Rows::open(&site);
    let older = (key.clone(), rows.get(&key).unwrap());
    set(&keeper, "a", text("newer"), Class::Encrypted).await.unwrap();
    keeper.stop();
    drop(keeper);
    rows.put_all(&[older]);
    let keeper = site.start();
    assert_eq!(quarantined(got(&keeper, "a").await), Some("older"));
    keeper.quarantine_release(admin(), shown(&key), Release::AcceptOlder).await.unwrap();
    assert_eq!(
        (got(&keeper, "a").await.unwrap(), listed(&keeper).await),
        ("older".into(), vec!["a encrypted 1".into()])
    );
    rows.delete(&key);
    assert_eq!(quarantined(got(&keeper, "a").await), Some("missing"));
    keeper.quarantine_release(admin(), shown(&key), Release::Delete).await.unwrap();
    assert!(set(&keeper, "a", text("new"), Class::Encrypted).await.unwrap().created);
    keeper.stop();
}

#[tokio::test]
async fn every_byte_of_its_record_counts() {
    let site = Site::new();
    let keeper = site.start();
    set(&keeper, "a", text("x"), Class::Encrypted).await.unwrap();
    let (key, rows) = (row_of(&keeper, "a").await, Rows::open(&site));
    let row = (key.clone(), rows.get(&key).unwrap());
    for offset in 0..row.1.len() {
        rows.put_all(&[flipped(&row, offset, 1)]);
        assert_eq!(quarantined(got(&keeper, "a").await), Some("unreadable"), "byte {offset}");
    }
    rows.put_all(&[row]);
    assert_eq!(got(&keeper, "a").await.unwrap(), "x");
    assert_eq!(findings(&keeper).await, BTreeMap::new());
    keeper.stop();
}

/// Who can seal records puts one setting's value into another's record: the value still knows where it belongs.
#[tokio::test]
async fn a_value_in_another_record_does_not_open() {
    let site = Site::new();
    let keeper = site.start();
    for target in ["a", "b"] {
        set(&keeper, target, text(target), Class::Encrypted).await.unwrap();
    }
    let (one, other) = (row_of(&keeper, "a").await, row_of(&keeper, "b").await);
    let image = site.image();
    keeper.stop();
    drop(keeper);
    site.restore(&image, &crate::site::FOLDERS);
    let (insider, rows) = (Insider::of(&site), Rows::open(&site));
    let body_of = |key: &[u8]| -> SettingBody {
        body::decode_strict(insider.opened(&(key.to_vec(), rows.get(key).unwrap())).expose()).unwrap()
    };
    let mut forged = body_of(&one);
    forged.value = body_of(&other).value;
    insider.commit(&rows, &[(RecordKey::from_bytes(&one).unwrap(), body::encode(&forged))]);
    let keeper = site.start();
    let refused = got(&keeper, "a").await;
    assert!(matches!(refused, Err(Failure::Refused(Refusal::DoesNotOpen))), "{refused:?}");
    assert_eq!(got(&keeper, "b").await.unwrap(), "b");
    keeper.stop();
}

/// How many settings really are under each version of their key, as their values say; 0 stands for those in clear.
fn found(site: &Site) -> BTreeMap<u32, u64> {
    let (insider, rows) = (Insider::of(site), Rows::open(site).of(RecordKind::Setting));
    let mut found = BTreeMap::new();
    for row in &rows {
        *found.entry(version_of(&insider, row)).or_default() += 1;
    }
    found
}

fn version_of(insider: &Insider, row: &Row) -> u32 {
    let setting: SettingBody = body::decode_strict(insider.opened(row).expose()).unwrap();
    let Some(version) = setting.key_version else { return 0 };
    let header = two_tier::parse(&setting.value).unwrap().data_key.header();
    assert_eq!((Some(header.key_id), header.key_version), (setting.key_id, version));
    version
}

/// What `key show settings` says.
async fn counted(keeper: &Keeper) -> Vec<(u32, u64)> {
    let view = keeper.execute(admin(), key::Show { selector: name(KEY) }).await.unwrap();
    view.versions.into_iter().map(|version| (version.number, version.stored)).collect()
}

const MANY: usize = 1000;

#[tokio::test]
async fn a_thousand_settings_under_a_new_version() {
    let scene = Scene::new();
    let keeper = scene.start();
    let mut tasks = JoinSet::new();
    for task in 0..32 {
        let keeper = keeper.clone();
        tasks.spawn(async move {
            for number in (task..MANY).step_by(32) {
                set(&keeper, &format!("s/{number}"), text(&format!("value {number}")), Class::Encrypted).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    for number in 0..10 {
        set(&keeper, &format!("clear/{number}"), text("x"), Class::Queue).await.unwrap();
    }
    assert_eq!(counted(&keeper).await, [(1, 1000)]);
    assert_eq!(found(&scene.site), BTreeMap::from([(0, 10), (1, 1000)]));

    let rotate = key::Rotate { selector: name(KEY), reencrypt: true, expected_version: None, rate: None };
    let job = keeper.execute(admin(), rotate).await.unwrap().job.unwrap();
    // What is set while the job runs is sealed under the new version at once.
    for number in (0..MANY).step_by(100) {
        set(&keeper, &format!("s/{number}"), text(&format!("newer {number}")), Class::Encrypted).await.unwrap();
    }
    let over = scene.over(&keeper, job).await;
    assert_eq!(over.state, JobState::Done);
    assert_eq!(counted(&keeper).await, [(1, 0), (2, 1000)]);
    assert_eq!(found(&scene.site), BTreeMap::from([(0, 10), (2, 1000)]));
    let proven = trail::lines(&scene.site).into_iter().any(|line| {
        line.operation == "key.reencrypted"
            && line.outcome == "none_left"
            && line.target == KEY
            && line.key_version == Some(1)
    });
    assert!(proven, "the trail says that none is left");
    keeper.stop();
    drop(keeper);
    let keeper = scene.start();
    assert_eq!(counted(&keeper).await, [(1, 0), (2, 1000)]);
    for number in 0..MANY {
        let word = if number % 100 == 0 { "newer" } else { "value" };
        assert_eq!(got(&keeper, &format!("s/{number}")).await.unwrap(), format!("{word} {number}"));
    }
    // Nothing is under it any more, so it can go.
    let destroy = key::Destroy { selector: name(KEY), version: 1, wait: Some(0) };
    keeper.execute(admin(), destroy).await.unwrap();
    assert_eq!(got(&keeper, "s/1").await.unwrap(), "value 1");
    keeper.stop();
}
