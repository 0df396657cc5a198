//! Deleting secrets for a time, undeleting and purging them, and destroying them for good.

use strongroom_engine::name::Selector;
use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::{
    Delete, DeleteReply, Destroy, DestroyReply, Get, Purge, PurgeReply, Put, Rename, Show, Undelete, UndeleteReply,
};
use strongroom_envelope::{Id, RecordKind, Timestamp};
use strongroom_secret::SecretBytes;

use crate::shell::{BEGIN, Shell, name};

fn by_name(text: &str) -> Selector {
    Selector::Name(name(text))
}

fn put(target: &str, value: &[u8]) -> Put {
    Put::new(by_name(target), SecretBytes::from_slice(value))
}

fn delete(target: &str) -> Delete {
    Delete { selector: by_name(target), expected_version: None }
}

fn destroy(target: &str, version: Option<u32>) -> Destroy {
    Destroy { selector: by_name(target), version }
}

fn numbers(shell: &Shell, target: &str) -> Vec<u32> {
    shell.head(target).versions.iter().map(|entry| entry.number).collect()
}

fn value(shell: &mut Shell, target: &str, version: Option<u32>) -> Vec<u8> {
    shell.admin(&Get { selector: by_name(target), version }).unwrap().value.expose().to_vec()
}

fn not_found(target: &str) -> Refusal {
    Refusal::NotFound { what: "secret", target: target.to_owned() }
}

#[test]
fn a_deleted_secret_is_refused_until_it_is_undeleted() {
    let mut shell = Shell::new();
    let id = shell.admin(&put("a", b"v")).unwrap().id;
    shell.now = Timestamp(BEGIN.0 + 1);
    let reply = DeleteReply { id, name: name("a"), deleted_at: shell.now };
    assert_eq!(shell.admin(&delete("a")), Ok(reply));

    let deleted = Refusal::Deleted { target: "a".to_owned() };
    let get = Get { selector: by_name("a"), version: None };
    assert_eq!(shell.admin(&get).map(drop), Err(deleted.clone()));
    assert_eq!(shell.admin(&put("a", b"w")).map(drop), Err(deleted.clone()));
    assert_eq!(shell.admin(&Put { expected_version: Some(0), ..put("a", b"w") }).map(drop), Err(deleted.clone()));
    assert_eq!(shell.admin(&Rename { selector: by_name("a"), to: name("b") }).map(drop), Err(deleted.clone()));
    assert_eq!(shell.admin(&delete("a")).map(drop), Err(deleted));
    assert_eq!(
        shell.admin(&get_by_id(id)).map(drop),
        Err(Refusal::Deleted { target: id.to_string() }),
        "by id it is deleted too"
    );
    let shown = shell.admin(&Show { selector: by_name("a") }).unwrap();
    assert_eq!((shown.deleted_at, shown.updated_at), (Some(shell.now), BEGIN));
    shell.admin(&put("b", b"x")).unwrap();
    let onto = Rename { selector: by_name("b"), to: name("a") };
    assert_eq!(shell.admin(&onto), Err(Refusal::NameTaken { name: "a".to_owned() }), "the name stays taken");

    let back = UndeleteReply { id, name: name("a"), version: 1 };
    assert_eq!(shell.admin(&Undelete { selector: by_name("a") }), Ok(back.clone()));
    assert_eq!(value(&mut shell, "a", None), b"v");
    assert_eq!(shell.admin(&Undelete { selector: by_name("a") }), Ok(back));
    assert_eq!(shell.last.changes, 0, "what is not deleted stays as it is");
}

fn get_by_id(id: Id) -> Get {
    Get { selector: Selector::Id(id), version: None }
}

#[test]
fn delete_compares_the_version_it_expects() {
    let mut shell = Shell::new();
    shell.admin(&put("a", b"v")).unwrap();
    shell.admin(&put("a", b"w")).unwrap();
    let expecting = |version| Delete { expected_version: Some(version), ..delete("a") };
    assert_eq!(shell.admin(&expecting(1)), Err(Refusal::VersionConflict { expected: 1, found: 2 }));
    shell.admin(&expecting(2)).unwrap();
}

#[test]
fn destroying_a_secret_removes_every_record_and_frees_the_name() {
    let mut shell = Shell::new();
    let id = shell.admin(&put("a", b"1")).unwrap().id;
    for _ in 0..2 {
        shell.admin(&put("a", b"x")).unwrap();
    }
    let gone = DestroyReply { id, name: name("a"), versions: vec![1, 2, 3], whole: true };
    assert_eq!(shell.admin(&destroy("a", None)), Ok(gone));
    assert_eq!((shell.count(RecordKind::Secret), shell.count(RecordKind::SecretVersion)), (0, 0));
    assert_eq!(shell.admin(&destroy("a", None)), Err(not_found("a")));
    let again = shell.admin(&put("a", b"new")).unwrap();
    assert!(again.created && again.id != id && again.version == 1);
}

#[test]
fn a_deleted_secret_can_be_destroyed() {
    let mut shell = Shell::new();
    shell.admin(&put("a", b"1")).unwrap();
    shell.admin(&delete("a")).unwrap();
    assert!(shell.admin(&destroy("a", None)).unwrap().whole);
    assert_eq!(shell.count(RecordKind::SecretVersion), 0);
}

#[test]
fn one_version_can_be_destroyed_but_never_the_current_one() {
    let mut shell = Shell::new();
    for value in [b"1", b"2", b"3"] {
        shell.admin(&put("a", value)).unwrap();
    }
    let id = shell.id("a");
    let gone = DestroyReply { id, name: name("a"), versions: vec![2], whole: false };
    assert_eq!(shell.admin(&destroy("a", Some(2))), Ok(gone));
    assert_eq!(numbers(&shell, "a"), [1, 3]);
    assert_eq!(shell.count(RecordKind::SecretVersion), 2);

    let missing = |version: u32| Refusal::NotFound { what: "version", target: format!("{version} of a") };
    assert_eq!(shell.admin(&destroy("a", Some(2))), Err(missing(2)));
    assert_eq!(shell.admin(&destroy("a", Some(0))), Err(missing(0)));
    assert!(matches!(shell.admin(&destroy("a", Some(3))), Err(Refusal::Invalid { field: "version", .. })));
    assert_eq!(value(&mut shell, "a", None), b"3");
    assert_eq!(shell.admin(&put("a", b"4")).unwrap().version, 4, "a number is never used twice");
}

#[test]
fn a_purge_waits_until_the_deletion_is_old_enough() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let mut shell = Shell::new();
    let id = shell.admin(&put("a", b"1")).unwrap().id;
    let purge = Purge { id, retention_milliseconds: 30 * DAY };
    shell.now = Timestamp(BEGIN.0 + 100 * DAY);
    assert_eq!(shell.admin(&purge), Ok(PurgeReply::NotDue), "it is not deleted");
    shell.admin(&delete("a")).unwrap();
    shell.now = Timestamp(BEGIN.0 + 130 * DAY - 1);
    assert_eq!(shell.admin(&purge), Ok(PurgeReply::NotDue));
    assert_eq!(shell.last.changes, 0);
    shell.now = Timestamp(BEGIN.0 + 130 * DAY);
    let gone = DestroyReply { id, name: name("a"), versions: vec![1], whole: true };
    assert_eq!(shell.admin(&purge), Ok(PurgeReply::Destroyed(gone)));
    assert_eq!(shell.count(RecordKind::SecretVersion), 0);
    assert_eq!(shell.admin(&purge), Ok(PurgeReply::NotDue), "it is gone");
}
