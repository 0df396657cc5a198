//! Storing and renaming secrets, and what is remembered of every change.

use strongroom_engine::name::Selector;
use strongroom_engine::rule::{Refusal, Reply};
use strongroom_engine::secret::{
    DeleteReply, Destroy, DestroyReply, Get, KEEP_CEILING, Put, PutReply, Rename, RenameReply, Show, UndeleteReply,
    VALUE_BYTES,
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
fn a_new_secret_has_version_1_and_an_update_keeps_its_id() {
    let mut shell = Shell::new();
    let first = shell.admin(&put("ftp/acme", b"one")).unwrap();
    assert_eq!((first.version, first.created, first.name.as_str()), (1, true, "ftp/acme"));
    assert_eq!(shell.last.changes, 2, "the head and the version are one commit");

    shell.now = Timestamp(BEGIN.0 + 5000);
    let second = shell.admin(&put("ftp/acme", b"two")).unwrap();
    assert_eq!(second, PutReply { id: first.id, name: name("ftp/acme"), version: 2, created: false });
    let head = shell.head("ftp/acme");
    assert_eq!((head.created_at, head.updated_at), (BEGIN, shell.now));
    assert_eq!(value(&mut shell, "ftp/acme", None), b"two");
    assert_eq!(value(&mut shell, "ftp/acme", Some(1)), b"one");
}

#[test]
fn an_update_by_id_works_and_a_missing_id_is_not_created() {
    let mut shell = Shell::new();
    let id = shell.admin(&put("a", b"one")).unwrap().id;
    let by_id = Put::new(Selector::Id(id), SecretBytes::from_slice(b"two"));
    assert_eq!(shell.admin(&by_id).unwrap().version, 2);
    assert_eq!(shell.last.trace.target, "a", "judged and audited by its canonical name");

    let missing = Id([3; 16]);
    let by_id = Put::new(Selector::Id(missing), SecretBytes::from_slice(b"x"));
    assert_eq!(shell.admin(&by_id), Err(not_found(&missing.to_string())));
    assert_eq!(shell.count(RecordKind::Secret), 1);
}

#[test]
fn compare_and_set_holds_on_every_combination() {
    // What is there, what is expected, what comes out: the new version or the version found.
    let table: [(u32, Option<u32>, Result<u32, u32>); 8] = [
        (0, None, Ok(1)),
        (0, Some(0), Ok(1)),
        (0, Some(1), Err(0)),
        (0, Some(u32::MAX), Err(0)),
        (2, None, Ok(3)),
        (2, Some(2), Ok(3)),
        (2, Some(0), Err(2)),
        (2, Some(1), Err(2)),
    ];
    for (there, expected_version, outcome) in table {
        let mut shell = Shell::new();
        for _ in 0..there {
            shell.admin(&put("a", b"x")).unwrap();
        }
        let records = shell.records.len();
        let found = shell.admin(&Put { expected_version, ..put("a", b"y") });
        let expected = expected_version.unwrap_or_default();
        let wanted = outcome.map_err(|found| Refusal::VersionConflict { expected, found });
        assert_eq!(found.map(|reply| reply.version), wanted, "{there} there, {expected_version:?} expected");
        assert_eq!(shell.records.len() > records, outcome.is_ok(), "a refusal changes nothing");
    }
}

#[test]
fn versions_beyond_keep_go_in_the_same_commit() {
    let mut shell = Shell::new();
    for _ in 0..12 {
        shell.admin(&put("a", b"x")).unwrap();
    }
    assert_eq!(numbers(&shell, "a"), (3..=12).collect::<Vec<_>>(), "ten by default, the current one included");
    assert_eq!(shell.last.changes, 3, "version, head, one pruned");
    assert_eq!(shell.count(RecordKind::SecretVersion), 10);

    shell.admin(&Put { keep: Some(3), ..put("a", b"x") }).unwrap();
    assert_eq!(numbers(&shell, "a"), [11, 12, 13]);
    shell.admin(&put("a", b"x")).unwrap();
    assert_eq!(numbers(&shell, "a"), [12, 13, 14], "the number stays with the secret");
    assert_eq!(shell.count(RecordKind::SecretVersion), 3);
    assert_eq!(
        shell.admin(&Get { selector: by_name("a"), version: Some(11) }).map(drop),
        Err(Refusal::NotFound { what: "version", target: "11 of a".to_owned() })
    );
}

#[test]
fn a_new_secret_keeps_what_the_server_is_set_to() {
    let mut shell = Shell::new();
    let set = |keep, default_keep| Put { keep, default_keep, ..put("a", b"x") };
    shell.admin(&set(None, 4)).unwrap();
    assert_eq!(shell.head("a").keep, 4);
    shell.admin(&set(None, 7)).unwrap();
    assert_eq!(shell.head("a").keep, 4, "the setting is for new secrets");
}

#[test]
fn the_most_versions_still_fit_one_commit() {
    let mut shell = Shell::new();
    for _ in 0..=KEEP_CEILING {
        shell.admin(&Put { keep: Some(KEEP_CEILING), ..put("a", b"x") }).unwrap();
        shell.admin(&Put { keep: Some(KEEP_CEILING), ..put("b", b"x") }).unwrap();
    }
    assert_eq!(numbers(&shell, "a").len(), KEEP_CEILING as usize);
    shell.admin(&Put { keep: Some(1), ..put("a", b"x") }).unwrap();
    assert_eq!((shell.last.changes, numbers(&shell, "a").len()), (52, 1));
    shell.admin(&destroy("b", None)).unwrap();
    assert_eq!(shell.last.changes, 51);
}

#[test]
fn keep_outside_its_bounds_is_refused() {
    for keep in [0, KEEP_CEILING + 1, u32::MAX] {
        let mut shell = Shell::new();
        let refused = shell.admin(&Put { keep: Some(keep), ..put("a", b"x") });
        assert!(matches!(refused, Err(Refusal::Invalid { field: "keep", .. })), "{keep}: {refused:?}");
    }
}

#[test]
fn values_of_every_size_up_to_the_limit_come_back() {
    let pattern: Vec<u8> = (0..=u8::MAX).cycle().take(VALUE_BYTES + 1).collect();
    for length in [0, 1, 255, 4096, VALUE_BYTES] {
        let mut shell = Shell::new();
        shell.admin(&put("a", &pattern[..length])).unwrap();
        assert_eq!(value(&mut shell, "a", None), &pattern[..length], "{length} bytes");
    }
    let mut shell = Shell::new();
    let (what, actual, limit) = ("the value", 1_048_577, 1_048_576);
    assert_eq!(shell.admin(&put("a", &pattern)), Err(Refusal::TooLarge { what, actual, limit }));
    assert_eq!(shell.count(RecordKind::Secret), 0);
}

#[test]
fn the_largest_value_under_the_longest_name_fits_a_commit() {
    let mut shell = Shell::new();
    let longest = vec!["n".repeat(128); 16].join("/");
    for _ in 0..KEEP_CEILING {
        shell.admin(&Put { keep: Some(KEEP_CEILING), ..put(&longest, b"x") }).unwrap();
    }
    shell.admin(&put(&longest, &vec![1; VALUE_BYTES])).unwrap();
    assert!(shell.last.bytes > VALUE_BYTES, "the shell checks the upper bound");
}

#[test]
fn a_rename_moves_the_name_and_nothing_else() {
    let mut shell = Shell::new();
    let id = shell.admin(&put("old", b"v")).unwrap().id;
    shell.admin(&put("taken", b"w")).unwrap();
    let rename = |to| Rename { selector: by_name("old"), to: name(to) };

    assert_eq!(shell.admin(&rename("taken")), Err(Refusal::NameTaken { name: "taken".to_owned() }));
    assert_eq!(shell.admin(&rename("old")), Ok(RenameReply { id, name: name("old") }));
    assert_eq!(shell.last.changes, 0, "the same name changes nothing");
    assert_eq!(shell.admin(&rename("new")), Ok(RenameReply { id, name: name("new") }));
    assert_eq!(shell.last.trace.target, "old");
    assert_eq!(shell.admin(&Show { selector: by_name("old") }), Err(not_found("old")));
    assert_eq!((value(&mut shell, "new", None), shell.id("new")), (b"v".to_vec(), id));
    assert!(shell.admin(&put("old", b"another")).unwrap().created, "the old name is free");
}

#[test]
fn what_is_remembered_of_a_change_is_its_reply() {
    fn check<R: Reply + PartialEq + std::fmt::Debug>(reply: &R) {
        let remembered = reply.remember();
        assert_eq!(R::recall(&remembered).as_ref(), Some(reply));
        assert_eq!(R::recall(&[]), None);
        assert_eq!(R::recall(&remembered[..remembered.len() - 1]), None);
    }
    let (id, name) = (Id([5; 16]), name("a/b"));
    for created in [false, true] {
        check(&PutReply { id, name: name.clone(), version: 7, created });
    }
    check(&RenameReply { id, name: name.clone() });
    check(&DeleteReply { id, name: name.clone(), deleted_at: BEGIN });
    check(&UndeleteReply { id, name: name.clone(), version: 7 });
    check(&DestroyReply { id, name: name.clone(), versions: vec![1, 2], whole: true });
    check(&DestroyReply { id, name, versions: vec![4], whole: false });
}
