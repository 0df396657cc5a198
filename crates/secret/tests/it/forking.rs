//! Proves that a forked child finds no keys and notices that it is a child.

use strongroom_secret::{ForkGuard, RootKey};

use crate::child::{self, End};

#[test]
fn a_child_sees_zeros_where_the_parent_has_a_key() {
    let key = RootKey::fill_with(|slot| slot.fill(0xa7));
    let end = child::run(|| assert_eq!(key.expose(), &[0; 32]));
    assert_eq!(end, End::Returned);
    assert_eq!(key.expose(), &[0xa7; 32]);
}

#[test]
fn a_child_can_make_keys_of_its_own() {
    let key = RootKey::fill_with(|slot| slot.fill(0xa7));
    let end = child::run(|| {
        let own = RootKey::fill_with(|slot| slot.fill(0x5b));
        assert_ne!(own.expose().as_ptr(), key.expose().as_ptr());
        assert_eq!(own.expose(), &[0x5b; 32]);
    });
    assert_eq!(end, End::Returned);
    assert_eq!(key.expose(), &[0xa7; 32]);
}

#[test]
fn a_guard_notices_each_fork_once_and_only_in_the_child() {
    let mut guard = ForkGuard::new();
    assert!(!guard.copied());
    let end = child::run(|| {
        assert!(guard.copied());
        assert!(!guard.copied());
        let grandchild = child::run(|| {
            assert!(guard.copied());
            assert!(!guard.copied());
        });
        assert_eq!(grandchild, End::Returned);
        assert!(!guard.copied());
    });
    assert_eq!(end, End::Returned);
    assert!(!guard.copied());
}

#[test]
fn each_of_a_thousand_forks_is_noticed() {
    let mut guard = ForkGuard::new();
    for _ in 0..1000 {
        assert_eq!(child::run(|| assert!(guard.copied())), End::Returned);
        assert!(!guard.copied());
    }
}

#[test]
fn a_guard_of_the_grandparent_still_notices() {
    let mut guard = ForkGuard::new();
    let end = child::run(|| {
        // The child asks with a guard of its own, so that the marker is renewed on the way.
        assert!(!ForkGuard::new().copied());
        assert_eq!(child::run(|| assert!(guard.copied())), End::Returned);
    });
    assert_eq!(end, End::Returned);
}

#[test]
fn an_unseen_guard_reports_at_its_first_question() {
    let mut guard = ForkGuard::unseen();
    assert!(guard.copied());
    assert!(!guard.copied());
}
