//! The life of a key: made, rotated, suspended, compromised, destroyed; and what is stored is sealed again.

use strongroom_engine::job::{self, JobState};
use strongroom_engine::key::{
    Algorithm, ChangeState, Create, Decrypt, DecryptItem, Destroy, KeyView, List, Purge, Rotate, Show, State, Step,
    USUAL_WAIT, Undestroy,
};
use strongroom_engine::name::Selector;
use strongroom_engine::policy::Role;
use strongroom_engine::reencrypt::{Reencrypt, ReencryptReply};
use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::{Get, Put};
use strongroom_envelope::value::{Context, Purpose};
use strongroom_envelope::{RecordKey, RecordKind, Timestamp};
use strongroom_secret::SecretBytes;

use crate::key_use::{by_name, create, decrypt, encrypt, rotate};
use crate::shell::{BEGIN, Shell, caller, name};

fn show(shell: &mut Shell, key: &str) -> KeyView {
    shell.admin(&Show { selector: by_name(key) }).unwrap()
}

fn states(view: &KeyView) -> Vec<State> {
    view.versions.iter().map(|version| version.state).collect()
}

fn step(shell: &mut Shell, key: &str, version: u32, step: Step) -> Result<KeyView, Refusal> {
    shell.admin(&ChangeState { selector: by_name(key), version, step })
}

fn put(shell: &mut Shell, key: &str, value: &[u8]) {
    shell.admin(&Put::new(by_name(key), SecretBytes::from_slice(value))).unwrap();
}

fn get(shell: &mut Shell, key: &str) -> Result<Vec<u8>, Refusal> {
    shell.admin(&Get { selector: by_name(key), version: None }).map(|reply| reply.value.expose().to_vec())
}

#[test]
fn what_may_be_created() {
    let mut shell = Shell::new();
    let make = |key: &str, purpose, algorithm, rotation_period| Create {
        name: name(key),
        purpose,
        algorithm,
        rotation_period,
        usage_limit: None,
    };
    let made = shell.admin(&make("a", Purpose::Mac, None, Some(3_600_000))).unwrap();
    assert_eq!((made.algorithm, made.rotation_period), (Some(Algorithm::HmacSha256), Some(3_600_000)));
    assert!(shell.last.witnessed, "trail and anchor know of a key before it is answered");
    let taken = shell.admin(&make("a", Purpose::Values, None, None)).map(drop);
    assert_eq!(taken, Err(Refusal::NameTaken { name: "a".to_owned() }));
    let refused = [
        (make("b", Purpose::Secrets, None, None), "purpose"),
        (make("b", Purpose::Key, None, None), "purpose"),
        (make("b", Purpose::Values, None, Some(59_999)), "rotation_period_seconds"),
    ];
    for (create, field) in refused {
        let refused = shell.admin(&create).map(drop);
        assert!(matches!(refused, Err(Refusal::Invalid { field: found, .. }) if found == field), "{field}");
    }
    let reserved = shell.admin(&make("transactions", Purpose::Values, None, None)).map(drop);
    assert_eq!(reserved, Err(Refusal::NameTaken { name: "transactions".to_owned() }));
    for (purpose, algorithm) in [(Purpose::Values, Algorithm::HmacSha256), (Purpose::Mac, Algorithm::Ed25519)] {
        let refused = shell.admin(&make("b", purpose, Some(algorithm), None)).map(drop);
        assert_eq!(refused, Err(Refusal::WrongAlgorithm { algorithm, purpose }));
    }
    let listed = shell.admin(&List { prefix: String::new(), after: None, limit: 10 }).unwrap();
    let names: Vec<_> = listed.keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["a", "secrets"]);
    let page = shell.admin(&List { prefix: String::new(), after: None, limit: 1 }).unwrap();
    assert_eq!((page.keys.len(), page.next), (1, Some(name("a"))));
}

/// NIST SP 800-57 part 1 revision 5, section 7: every way between two states, and no other.
#[test]
fn the_ways_between_states() {
    let expected = |from, step, another| match (from, step) {
        (State::PreActive, Step::Activate) => Some(State::Active),
        (State::Active | State::Suspended, Step::Deactivate) => Some(State::Deactivated),
        (State::Active | State::Deactivated, Step::Suspend) => Some(State::Suspended),
        (State::Suspended, Step::Resume) => Some(if another { State::Deactivated } else { State::Active }),
        (State::Compromised | State::Destroyed, Step::Compromise) => None,
        (_, Step::Compromise) => Some(State::Compromised),
        _ => None,
    };
    for from in State::ALL {
        for step in Step::ALL {
            for another in [false, true] {
                assert_eq!(from.after(step, another), expected(from, step, another), "{from:?} {step:?} {another}");
            }
        }
    }
}

#[test]
fn suspended_and_compromised_versions_are_not_used() {
    let mut shell = Shell::new();
    create(&mut shell, "orders", Purpose::Values);
    let empty = Context::empty();
    let sealed = encrypt(&mut shell, "orders", &empty, b"v").unwrap();
    assert_eq!(states(&step(&mut shell, "orders", 1, Step::Suspend).unwrap()), [State::Suspended]);
    let not_usable = |state| Refusal::KeyNotUsable { key: "orders".to_owned(), version: 1, state };
    assert_eq!(decrypt(&mut shell, "orders", &empty, &sealed), Err(not_usable(State::Suspended)));
    let none = Refusal::NoActiveVersion { key: "orders".to_owned() };
    assert_eq!(encrypt(&mut shell, "orders", &empty, b"v"), Err(none));
    assert_eq!(states(&step(&mut shell, "orders", 1, Step::Resume).unwrap()), [State::Active]);
    assert_eq!(decrypt(&mut shell, "orders", &empty, &sealed), Ok((1, b"v".to_vec())));

    rotate(&mut shell, "orders");
    assert_eq!(states(&step(&mut shell, "orders", 1, Step::Compromise).unwrap())[0], State::Compromised);
    assert_eq!(decrypt(&mut shell, "orders", &empty, &sealed), Err(not_usable(State::Compromised)));
    let item = || vec![DecryptItem { sealed: sealed.clone(), context: Ok(Context::empty()) }];
    let anyway = || Decrypt { selector: by_name("orders"), items: item(), many: false, compromised: true };
    let opened = shell.admin(&anyway()).unwrap();
    assert_eq!(opened.items[0].as_ref().unwrap().1.expose(), b"v");
    let denied = shell.execute(&caller(Role::Data), &anyway()).map(drop);
    assert!(matches!(denied, Err(Refusal::Denied { .. })), "a permission of its own");
    let back = step(&mut shell, "orders", 1, Step::Resume);
    let (key, wanted) = ("orders".to_owned(), "resumed");
    assert_eq!(back, Err(Refusal::NoTransition { key, version: 1, state: State::Compromised, wanted }));
    let missing = Refusal::NotFound { what: "version", target: "3 of orders".to_owned() };
    assert_eq!(step(&mut shell, "orders", 3, Step::Suspend), Err(missing));
    let built_in = step(&mut shell, "secrets", 1, Step::Deactivate);
    assert!(matches!(built_in, Err(Refusal::Invalid { field: "step", .. })));
}

#[test]
fn a_version_ends_after_its_time_and_not_before() {
    let mut shell = Shell::new();
    create(&mut shell, "orders", Purpose::Values);
    let empty = Context::empty();
    let sealed = encrypt(&mut shell, "orders", &empty, b"v").unwrap();
    let end = |version, wait| Destroy { selector: by_name("orders"), version, wait };
    let (key, state, wanted) = ("orders".to_owned(), State::Active, "destroyed");
    let active = shell.admin(&end(1, None)).map(drop);
    assert_eq!(active, Err(Refusal::NoTransition { key, version: 1, state, wanted }));
    let view = rotate(&mut shell, "orders");
    let due = Timestamp(BEGIN.0 + USUAL_WAIT);
    assert_eq!(shell.admin(&end(1, None)).unwrap().versions[0].destroy_at, Some(due));

    let id = view.id;
    shell.now = Timestamp(due.0 - 1);
    assert_eq!(shell.admin(&Purge { id }).unwrap().versions, Vec::<u32>::new());
    shell.admin(&Undestroy { selector: by_name("orders"), version: 1 }).unwrap();
    assert_eq!(decrypt(&mut shell, "orders", &empty, &sealed), Ok((1, b"v".to_vec())), "taken back");
    shell.admin(&end(1, Some(10))).unwrap();
    shell.now = Timestamp(shell.now.0 + 10);
    assert_eq!(shell.admin(&Purge { id }).unwrap().versions, [1]);
    assert_eq!(shell.key_body("orders").versions[0].wrapped, Vec::<u8>::new(), "the wrapped key is gone");
    let not_usable = Refusal::KeyNotUsable { key: "orders".to_owned(), version: 1, state: State::Destroyed };
    assert_eq!(decrypt(&mut shell, "orders", &empty, &sealed), Err(not_usable));
    let gone = shell.admin(&Undestroy { selector: by_name("orders"), version: 1 }).map(drop);
    assert!(matches!(gone, Err(Refusal::NoTransition { .. })));
    for wait in [-1, strongroom_engine::key::LONGEST_WAIT + 1] {
        let refused = shell.admin(&end(2, Some(wait))).map(drop);
        assert!(matches!(refused, Err(Refusal::Invalid { field: "wait_seconds", .. })), "{wait}");
    }
}

#[test]
fn a_version_under_which_something_is_stored_does_not_end() {
    let mut shell = Shell::new();
    put(&mut shell, "a", b"1");
    rotate(&mut shell, "secrets");
    let end = Destroy { selector: by_name("secrets"), version: 1, wait: Some(0) };
    let in_use = Refusal::KeyInUse { key: "secrets".to_owned(), version: 1, count: 1 };
    assert_eq!(shell.admin(&end).map(drop), Err(in_use));
    assert_eq!(show(&mut shell, "secrets").versions[0].stored, 1);
    reencrypt(&mut shell);
    assert_eq!(states(&shell.admin(&end).unwrap()), [State::Destroyed, State::Active]);
    assert_eq!(get(&mut shell, "a"), Ok(b"1".to_vec()));
}

/// Two who rotate at once and say what they expect make one version.
#[test]
fn one_of_two_rotations_wins() {
    let mut shell = Shell::new();
    create(&mut shell, "orders", Purpose::Values);
    let expect =
        |version| Rotate { selector: by_name("orders"), reencrypt: true, expected_version: Some(version), rate: None };
    shell.interrupt_after(2, move |shell| {
        shell.admin(&expect(1)).unwrap();
    });
    let lost = shell.admin(&expect(1)).map(drop);
    assert_eq!(lost, Err(Refusal::VersionConflict { expected: 1, found: 2 }));
    assert_eq!(states(&show(&mut shell, "orders")), [State::Deactivated, State::Active]);
}

/// A put that was under way when the key was rotated is judged anew: nothing is sealed under the old version any more.
#[test]
fn a_put_that_a_rotation_overtakes_seals_under_the_new_version() {
    for runs in 1..=3 {
        let mut shell = Shell::new();
        shell.interrupt_after(runs, |shell| shell.rotate());
        put(&mut shell, "a", b"1");
        let counts: Vec<_> = show(&mut shell, "secrets").versions.iter().map(|version| version.stored).collect();
        assert_eq!(counts, [0, 1], "after run {runs}");
    }
}

fn version_records(shell: &Shell) -> Vec<RecordKey> {
    let mut records: Vec<_> =
        shell.records.keys().copied().filter(|key| key.kind == RecordKind::SecretVersion).collect();
    records.sort_unstable();
    records
}

/// What the server does by itself to these records.
pub fn again(shell: &mut Shell, key: &str, records: Vec<RecordKey>) -> ReencryptReply {
    let id = shell.names[&(RecordKind::Key, key.to_owned())];
    shell.admin(&Reencrypt { key: id, name: name(key), records }).unwrap()
}

fn reencrypt(shell: &mut Shell) -> ReencryptReply {
    let records = version_records(shell);
    again(shell, "secrets", records)
}

#[test]
fn what_is_stored_is_sealed_again_and_nothing_else_changes() {
    let mut shell = Shell::new();
    for (key, value) in [("a", b"1"), ("b", b"2"), ("a", b"3")] {
        put(&mut shell, key, value);
    }
    let heads = [shell.head("a"), shell.head("b")];
    rotate(&mut shell, "secrets");
    step(&mut shell, "secrets", 1, Step::Compromise).unwrap();
    assert!(matches!(get(&mut shell, "b"), Err(Refusal::KeyNotUsable { .. })));
    let done = reencrypt(&mut shell);
    assert_eq!((done.looked_at, done.sealed, done.failed), (3, 3, vec![]), "whatever the state of the old version");
    assert_eq!((shell.last.trace.target.as_str(), shell.last.trace.count), ("secrets", Some(3)));
    assert_eq!([shell.head("a"), shell.head("b")], heads, "ids, numbers and times stay");
    for (key, value) in [("a", b"3"), ("b", b"2")] {
        assert_eq!(get(&mut shell, key), Ok(value.to_vec()));
    }
    let first = shell.admin(&Get { selector: by_name("a"), version: Some(1) }).unwrap();
    assert_eq!(first.value.expose(), b"1");
    let counts: Vec<_> = show(&mut shell, "secrets").versions.iter().map(|version| version.stored).collect();
    assert_eq!(counts, [0, 3]);
    assert_eq!(reencrypt(&mut shell).sealed, 0, "once is enough");
}

#[test]
fn a_large_value_waits_for_the_next_commit() {
    let mut shell = Shell::new();
    for key in ["a", "b", "c"] {
        put(&mut shell, key, &[7; 1 << 20]);
    }
    rotate(&mut shell, "secrets");
    let records = version_records(&shell);
    let done = again(&mut shell, "secrets", records.clone());
    assert_eq!((done.looked_at, done.sealed), (1, 1));
    let done = again(&mut shell, "secrets", records[1..].to_vec());
    assert_eq!((done.looked_at, done.sealed), (1, 1));
}

#[test]
fn one_damaged_value_fails_alone() {
    let mut shell = Shell::new();
    put(&mut shell, "a", b"1");
    put(&mut shell, "b", b"2");
    rotate(&mut shell, "secrets");
    let bad = version_records(&shell)[0];
    let body = &mut shell.records.get_mut(&bad).unwrap().1;
    let last = body.len() - 1;
    body[last] ^= 1;
    let done = reencrypt(&mut shell);
    assert_eq!((done.sealed, done.failed), (1, vec![(bad, Refusal::DoesNotOpen)]));
}

#[test]
fn a_rotation_makes_a_job_that_ends_when_nothing_is_left() {
    let mut shell = Shell::new();
    put(&mut shell, "a", b"1");
    put(&mut shell, "b", b"2");
    let rotate = |reencrypt| Rotate { selector: by_name("secrets"), reencrypt, expected_version: None, rate: Some(9) };
    assert_eq!(shell.admin(&rotate(false)).unwrap().job, None);
    let id = shell.admin(&rotate(true)).unwrap().job.unwrap();
    let job = shell.admin(&job::Show { id }).unwrap();
    assert_eq!((job.state, job.total, job.done, job.key_version, job.rate), (JobState::Running, 2, 0, 3, Some(9)));
    assert_eq!(shell.admin(&job::Pause { id }).unwrap().state, JobState::Paused);
    assert_eq!(shell.admin(&job::Finish { id }).unwrap(), job::FinishReply::Not, "a paused job does not end");
    assert_eq!(shell.admin(&job::Resume { id }).unwrap().state, JobState::Running);
    let records = version_records(&shell);
    again(&mut shell, "secrets", records[..1].to_vec());
    assert_eq!(shell.admin(&job::Show { id }).unwrap().done, 1);
    assert_eq!(shell.admin(&job::Finish { id }).unwrap(), job::FinishReply::Incomplete(1));
    assert_eq!(shell.admin(&job::List).unwrap().jobs[0].state, JobState::Incomplete);
    shell.admin(&job::Resume { id }).unwrap();
    again(&mut shell, "secrets", records);
    assert_eq!(shell.admin(&job::Finish { id }).unwrap(), job::FinishReply::Done);
    let job = shell.admin(&job::Show { id }).unwrap();
    assert_eq!((job.state, job.done), (JobState::Done, 2));
    assert!(matches!(shell.admin(&job::Pause { id }).map(drop), Err(Refusal::Invalid { field: "id", .. })));
    assert!(!shell.admin(&job::Purge { id, retention_milliseconds: 1 }).unwrap().removed);
    shell.now = Timestamp(shell.now.0 + 1);
    assert!(shell.admin(&job::Purge { id, retention_milliseconds: 1 }).unwrap().removed);
    let missing = Refusal::NotFound { what: "job", target: id.to_string() };
    assert_eq!(shell.admin(&job::Show { id }).map(drop), Err(missing));
    assert_eq!(
        shell.admin(&Rotate { selector: Selector::Name(name("secrets")), ..rotate(true) }).unwrap().key.active,
        Some(4)
    );
}
