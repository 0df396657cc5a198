//! Proves that the self-test passes on a machine that computes rightly.

#[test]
fn passes() {
    assert_eq!(strongroom_crypto::selftest::run(), Ok(()));
}
