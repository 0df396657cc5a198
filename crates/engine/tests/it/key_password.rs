//! Keys that a password protects: wrapped once or twice, opened by the password or by root, and what a change of the password leaves.

use std::sync::Arc;

use strongroom_engine::key::{
    ChangePassword, Create, Destroy, KeyBody, KeyView, Protect, Protection, Rotate, State, UnwrapError, WrapKeyHandle,
    Wraps, unwrap_bytes,
};
use strongroom_engine::name::Selector;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::value::{self, Purpose};
use strongroom_envelope::{Id, RecordKind};
use strongroom_secret::{WrapKey, WrappingKey};

use crate::shell::{Shell, name};

fn by_name() -> Selector {
    Selector::Name(name("k"))
}

/// What a password yields; told apart by its first byte.
fn own(byte: u8) -> Arc<WrapKeyHandle> {
    Arc::new(WrapKeyHandle::of_protection(Id([byte; 16]), &WrappingKey::from_slice(&[byte; 32]).unwrap()))
}

fn protection(byte: u8, recovery: Option<bool>) -> Protection {
    let derivation = Some((1, 256 * 1024, 3, 4));
    Protection { id: Id([byte; 16]), salt: vec![byte; 16], blob: Vec::new(), derivation, recovery }
}

fn protect(shell: &mut Shell, byte: u8, recovery: Option<bool>) -> KeyView {
    let protection = Some((protection(byte, recovery), own(byte)));
    let with = Protect { selector: by_name(), protector: "password".into(), parameter: String::new(), protection };
    shell.admin(&with).unwrap()
}

fn change(current: u8, new: u8) -> ChangePassword {
    ChangePassword { selector: by_name(), current: Id([current; 16]), protection: protection(new, None), new: own(new) }
}

/// A key with two versions, in a shell where nothing but root is at hand.
fn shell() -> (Shell, Id) {
    let mut shell = Shell::new();
    let create =
        Create { name: name("k"), purpose: Purpose::Values, algorithm: None, rotation_period: None, usage_limit: None };
    let id = shell.admin(&create).unwrap().id;
    rotate(&mut shell).unwrap();
    (shell, id)
}

fn rotate(shell: &mut Shell) -> Result<u32, Refusal> {
    let rotate = Rotate { selector: by_name(), reencrypt: false, expected_version: None, rate: None };
    shell.admin(&rotate).map(|reply| reply.key.active.unwrap())
}

fn root() -> Vec<WrapKeyHandle> {
    vec![WrapKeyHandle::new(Id([9; 16]), 1, &WrapKey::from_slice(&[9; 32]).unwrap())]
}

/// The bytes of each version, as they open with this at hand.
fn open(id: Id, key: &KeyBody, wraps: &Wraps) -> Result<Vec<Vec<u8>>, UnwrapError> {
    let there = key.versions.iter().filter(|version| version.state != State::Destroyed);
    there.map(|version| unwrap_bytes(id, key, version.number, wraps).map(|bytes| bytes.expose().to_vec())).collect()
}

fn by_root(id: Id, key: &KeyBody) -> Result<Vec<Vec<u8>>, UnwrapError> {
    open(id, key, &Wraps { root: root(), own: None })
}

fn by_password(id: Id, key: &KeyBody, byte: u8) -> Result<Vec<Vec<u8>>, UnwrapError> {
    open(id, key, &Wraps { root: Vec::new(), own: Some(own(byte)) })
}

/// The ids of the wrapping keys that a version names.
fn names(key: &KeyBody, version: usize) -> Vec<Id> {
    let version = &key.versions[version];
    let wraps = [Some(version.wrapped.as_slice()), version.wrapped_under_root.as_deref().map(Vec::as_slice)];
    wraps.into_iter().flatten().map(|sealed| value::parse(sealed).unwrap().key_id).collect()
}

#[test]
fn with_recovery_root_opens_it_and_so_does_the_password() {
    let (mut shell, id) = shell();
    let before = by_root(id, &shell.key_body("k")).unwrap();
    assert!(protect(&mut shell, 1, Some(true)).recovery);
    let key = shell.key_body("k");
    assert_eq!((names(&key, 0), names(&key, 1)), (vec![Id([1; 16]), Id([9; 16])], vec![Id([1; 16]), Id([9; 16])]));
    assert_eq!(by_root(id, &key).unwrap(), before);
    assert_eq!(by_password(id, &key, 1).unwrap(), before);
    // Without what the password yields no version can be made: both wraps are written.
    assert_eq!(rotate(&mut shell), Err(Refusal::ProtectorNotOpen { key: "k".into() }));
    shell.own = Some(own(1));
    assert_eq!(rotate(&mut shell), Ok(3));
    let key = shell.key_body("k");
    assert_eq!(names(&key, 2), [Id([1; 16]), Id([9; 16])]);
    assert_eq!(by_root(id, &key).unwrap(), by_password(id, &key, 1).unwrap());
}

#[test]
fn by_the_password_only_root_opens_nothing() {
    let (mut shell, id) = shell();
    assert!(!protect(&mut shell, 1, None).recovery);
    shell.own = Some(own(1));
    rotate(&mut shell).unwrap();
    let key = shell.key_body("k");
    assert!((0..3).all(|version| names(&key, version) == [Id([1; 16])]));
    let needs = UnwrapError::NeedsProtector { key: "k".into(), version: 1, protector: "password".into() };
    assert_eq!(by_root(id, &key), Err(needs.clone()));
    // A second wrap that the protection does not speak of is not looked at.
    let mut planted = key.clone();
    planted.versions[0].wrapped_under_root = Some(vec![1; 128].into());
    assert_eq!(by_root(id, &planted), Err(needs));
    assert!(by_password(id, &planted, 1).is_ok());
}

/// Where the password's key is at hand the first wrap alone counts; the second one opens in its own place only.
#[test]
fn each_wrap_stands_for_itself() {
    let (mut shell, id) = shell();
    protect(&mut shell, 1, Some(true));
    let key = shell.key_body("k");
    let failed = |version| Err(UnwrapError::DoesNotUnwrap { key: "k".into(), version });
    let mut damaged = key.clone();
    damaged.versions[0].wrapped[60] ^= 1;
    let both = Wraps { root: root(), own: Some(own(1)) };
    assert_eq!(open(id, &damaged, &both), failed(1));
    assert!(by_root(id, &damaged).is_ok());
    let mut damaged = key.clone();
    damaged.versions[1].wrapped_under_root.as_mut().unwrap()[60] ^= 1;
    assert_eq!(by_root(id, &damaged), failed(2));
    assert!(by_password(id, &damaged, 1).is_ok());
    let mut swapped = key.clone();
    let (first, second) = swapped.versions.split_at_mut(1);
    std::mem::swap(&mut first[0].wrapped_under_root, &mut second[0].wrapped_under_root);
    assert_eq!(by_root(id, &swapped), failed(1));
    let mut exchanged = key.clone();
    let first = exchanged.versions[0].wrapped.clone();
    exchanged.versions[0].wrapped = exchanged.versions[0].wrapped_under_root.replace(first.into()).unwrap().to_vec();
    assert_eq!(by_root(id, &exchanged), failed(1));
    assert_eq!(by_password(id, &exchanged, 1), failed(1));
}

#[test]
fn a_destroyed_version_loses_both_and_another_protector_takes_both_away() {
    let (mut shell, id) = shell();
    protect(&mut shell, 1, Some(true));
    shell.admin(&Destroy { selector: by_name(), version: 1, wait: Some(0) }).unwrap();
    let key = shell.key_body("k");
    assert_eq!((key.versions[0].wrapped.len(), &key.versions[0].wrapped_under_root), (0, &None));
    // The next change of the protector leaves it at that.
    shell.own = Some(own(1));
    protect(&mut shell, 2, Some(true));
    let key = shell.key_body("k");
    assert_eq!((key.versions[0].wrapped.len(), &key.versions[0].wrapped_under_root), (0, &None));
    assert_eq!(names(&key, 1), [Id([2; 16]), Id([9; 16])]);
    // Root alone is enough for another protector: that is what the second wrap is for.
    shell.own = None;
    let with = Protect { selector: by_name(), protector: "root".into(), parameter: String::new(), protection: None };
    assert!(!shell.admin(&with).unwrap().recovery);
    let key = shell.key_body("k");
    assert_eq!((names(&key, 1), key.protection.is_none()), (vec![Id([9; 16])], true));
    assert!(by_root(id, &key).is_ok());
}

#[test]
fn a_new_password_opens_and_the_old_one_does_not() {
    for recovery in [Some(true), None] {
        let (mut shell, id) = shell();
        let bytes = by_root(id, &shell.key_body("k")).unwrap();
        protect(&mut shell, 1, recovery);
        shell.own = Some(own(1));
        let records = shell.count(RecordKind::Key);
        assert_eq!(shell.admin(&change(1, 2)).unwrap().recovery, recovery.is_some());
        // The key's record, and the job that removes its old bytes.
        assert_eq!((shell.last.changes, shell.count(RecordKind::Key), shell.last.witnessed), (2, records, true));
        assert_eq!(shell.count(RecordKind::Job), 1);
        let key = shell.key_body("k");
        assert_eq!(by_password(id, &key, 2).unwrap(), bytes);
        assert!(by_password(id, &key, 1).is_err());
        assert_eq!(by_root(id, &key).ok(), recovery.map(|_| bytes));
        assert!(key.protection.unwrap() == protection(2, recovery));
    }
}

#[test]
fn a_password_is_changed_only_by_what_opens_the_key_now() {
    let (mut shell, _) = shell();
    let refused = |outcome: Result<KeyView, Refusal>| outcome.map(drop).unwrap_err();
    let wrong = refused(shell.admin(&change(1, 2)));
    assert!(
        matches!(&wrong, Refusal::Invalid { field: "name", reason } if reason.contains("protected by root")),
        "{wrong}"
    );
    protect(&mut shell, 1, Some(true));
    let before = shell.key_body("k");
    // It is ready through root, but nobody showed the password.
    assert_eq!(refused(shell.admin(&change(1, 2))), Refusal::KeyLocked { key: "k".into() });
    // What was shown to open belonged to a protection that has been replaced since.
    shell.own = Some(own(3));
    assert_eq!(refused(shell.admin(&change(3, 2))), Refusal::DoesNotOpen);
    assert!(shell.key_body("k") == before);
}
