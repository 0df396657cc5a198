//! Facts that change between reading and commit: the rule is repeated on new facts, and no update is lost.

use strongroom_engine::name::Selector;
use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::{Delete, Destroy, Get, Put, Rename, Undelete};
use strongroom_envelope::RecordKind;
use strongroom_secret::SecretBytes;

use crate::shell::{Shell, name};

fn by_name(text: &str) -> Selector {
    Selector::Name(name(text))
}

fn put(target: &str, value: &[u8]) -> Put {
    Put::new(by_name(target), SecretBytes::from_slice(value))
}

fn get(target: &str) -> Get {
    Get { selector: by_name(target), version: None }
}

#[test]
fn two_creators_of_one_name_make_one_secret() {
    // A put that creates makes three runs: name, key, commit. After the third it is raced no more.
    for run in 1..=4 {
        let mut shell = Shell::new();
        shell.interrupt_after(run, |shell| drop(shell.admin(&put("a", b"theirs")).unwrap()));
        let reply = shell.admin(&put("a", b"ours")).unwrap();
        let expected = if run <= 3 { (false, 2) } else { (true, 1) };
        assert_eq!((reply.created, reply.version), expected, "after run {run}");
        let attempts = if run == 2 || run == 3 { 2 } else { 1 };
        assert_eq!((shell.last.attempts, shell.count(RecordKind::Secret)), (attempts, 1), "after run {run}");
    }
}

#[test]
fn compare_and_set_loses_against_the_one_who_was_faster() {
    // The put makes four runs: name, head, key, commit.
    for run in 1..=4 {
        let mut shell = Shell::new();
        shell.admin(&put("a", b"first")).unwrap();
        shell.interrupt_after(run, |shell| drop(shell.admin(&put("a", b"theirs")).unwrap()));
        let refused = shell.admin(&Put { expected_version: Some(1), ..put("a", b"ours") });
        assert_eq!(refused, Err(Refusal::VersionConflict { expected: 1, found: 2 }), "after run {run}");
        assert_eq!(shell.admin(&get("a")).unwrap().value.expose(), b"theirs");
    }
}

#[test]
fn an_update_without_comparison_comes_after_the_faster_one() {
    for run in 1..=4 {
        let mut shell = Shell::new();
        shell.admin(&put("a", b"first")).unwrap();
        shell.interrupt_after(run, |shell| drop(shell.admin(&put("a", b"theirs")).unwrap()));
        assert_eq!(shell.admin(&put("a", b"ours")).unwrap().version, 3, "after run {run}");
        let numbers: Vec<u32> = shell.head("a").versions.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, [1, 2, 3], "no version is lost");
        assert_eq!(shell.last.trace.target, "a");
    }
}

#[test]
fn a_put_meets_a_deletion_in_between() {
    for run in 1..=4 {
        let mut shell = Shell::new();
        shell.admin(&put("a", b"first")).unwrap();
        let delete = |shell: &mut Shell| {
            shell.admin(&Delete { selector: by_name("a"), expected_version: None }).unwrap();
        };
        shell.interrupt_after(run, delete);
        let refused = shell.admin(&put("a", b"ours")).map(drop);
        assert_eq!(refused, Err(Refusal::Deleted { target: "a".to_owned() }), "after run {run}");
    }
}

#[test]
fn a_put_meets_a_destruction_in_between_and_makes_a_new_secret() {
    for run in 1..=4 {
        let mut shell = Shell::new();
        let id = shell.admin(&put("a", b"first")).unwrap().id;
        shell.interrupt_after(run, |shell| {
            shell.admin(&Destroy { selector: by_name("a"), version: None }).unwrap();
        });
        let reply = shell.admin(&put("a", b"ours")).unwrap();
        assert!(reply.created && reply.id != id, "after run {run}");
        assert_eq!((shell.count(RecordKind::Secret), shell.count(RecordKind::SecretVersion)), (1, 1));
    }
}

#[test]
fn a_name_that_moves_away_is_not_written_through() {
    for run in 1..=4 {
        let mut shell = Shell::new();
        let id = shell.admin(&put("a", b"first")).unwrap().id;
        shell.interrupt_after(run, |shell| {
            shell.admin(&Rename { selector: by_name("a"), to: name("b") }).unwrap();
        });
        let reply = shell.admin(&put("a", b"ours")).unwrap();
        assert!(reply.created && reply.id != id, "after run {run}: the name was free");
        assert_eq!(shell.admin(&get("b")).unwrap().value.expose(), b"first");
    }
}

#[test]
fn a_put_by_id_follows_the_secret_to_its_new_name() {
    for run in 1..=3 {
        let mut shell = Shell::new();
        let id = shell.admin(&put("a", b"first")).unwrap().id;
        shell.interrupt_after(run, |shell| {
            shell.admin(&Rename { selector: by_name("a"), to: name("b") }).unwrap();
        });
        let reply = shell.admin(&Put::new(Selector::Id(id), SecretBytes::from_slice(b"ours"))).unwrap();
        assert_eq!((reply.name.as_str(), reply.version), ("b", 2), "after run {run}");
        assert_eq!(shell.last.trace.target, "b", "judged under the name it has when it is changed");
    }
}

#[test]
fn a_read_meets_a_version_that_was_pruned_in_between() {
    // A get makes five runs: name, head, version, key, reply. The window is between the head and the version it lists.
    for run in 1..=5 {
        let mut shell = Shell::new();
        shell.admin(&Put { keep: Some(1), ..put("a", b"first") }).unwrap();
        shell.interrupt_after(run, |shell| drop(shell.admin(&put("a", b"second")).unwrap()));
        let value = shell.admin(&get("a")).unwrap().value;
        let expected: (&[u8], usize) = match run {
            1 | 2 => (b"second", 1),
            3 => (b"second", 2),
            _ => (b"first", 1),
        };
        assert_eq!((value.expose(), shell.last.attempts), expected, "after run {run}");
    }
}

#[test]
fn a_read_meets_a_name_that_changed_hands() {
    for run in 1..=2 {
        let mut shell = Shell::new();
        shell.admin(&put("a", b"first")).unwrap();
        shell.interrupt_after(run, |shell| {
            shell.admin(&Rename { selector: by_name("a"), to: name("hidden") }).unwrap();
            shell.admin(&put("a", b"second")).unwrap();
        });
        let reply = shell.admin(&get("a")).unwrap();
        assert_eq!((reply.name.as_str(), reply.value.expose()), ("a", b"second".as_slice()), "after run {run}");
    }
}

#[test]
fn two_renames_to_one_name_leave_one_winner() {
    for run in 1..=4 {
        let mut shell = Shell::new();
        for target in ["a", "b"] {
            shell.admin(&put(target, target.as_bytes())).unwrap();
        }
        shell.interrupt_after(run, |shell| {
            shell.admin(&Rename { selector: by_name("b"), to: name("c") }).unwrap();
        });
        let refused = shell.admin(&Rename { selector: by_name("a"), to: name("c") });
        assert_eq!(refused.map(drop), Err(Refusal::NameTaken { name: "c".to_owned() }), "after run {run}");
        assert_eq!(shell.admin(&get("c")).unwrap().value.expose(), b"b");
    }
}

#[test]
fn undeleting_meets_a_destruction_in_between() {
    for run in 1..=3 {
        let mut shell = Shell::new();
        shell.admin(&put("a", b"x")).unwrap();
        shell.admin(&Delete { selector: by_name("a"), expected_version: None }).unwrap();
        shell.interrupt_after(run, |shell| {
            shell.admin(&Destroy { selector: by_name("a"), version: None }).unwrap();
        });
        let refused = shell.admin(&Undelete { selector: by_name("a") }).map(drop);
        let target = "a".to_owned();
        assert_eq!(refused, Err(Refusal::NotFound { what: "secret", target }), "after run {run}");
        assert_eq!(shell.count(RecordKind::Secret), 0);
    }
}

#[test]
fn a_rule_that_never_sees_the_same_facts_twice_gives_up() {
    let mut shell = Shell::new();
    shell.admin(&put("a", b"x")).unwrap();
    // The name stands for a head that is not there, and stays so.
    let head = shell.id("a");
    shell.records.remove(&strongroom_envelope::RecordKey::new(RecordKind::Secret, head));
    assert_eq!(shell.admin(&get("a")).map(drop), Err(Refusal::Contention { target: "a".to_owned() }));
    assert_eq!(shell.last.attempts, 8);
}
