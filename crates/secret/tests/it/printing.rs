//! Proves that no secret can be printed, whole or in part.

use strongroom_secret::{
    AccessToken, AnchorKey, ApplicationKey, DataKey, KeyringKey, MacKey, Passphrase, ProtectorSecret, RootKey,
    SecretBytes, SigningSeed, StoreKey, WrapKey, WrappingKey,
};

#[test]
fn every_key_prints_its_role_and_nothing_else() {
    macro_rules! check {
        ($($role:ident),*) => {$(
            let key = $role::fill_with(|slot| slot.fill(0xa7));
            assert_eq!(format!("{key:?}"), concat!(stringify!($role), "(…)"));
            assert_eq!(format!("{key:#?}"), concat!(stringify!($role), "(…)"));
        )*};
    }
    check!(
        RootKey,
        KeyringKey,
        StoreKey,
        WrapKey,
        WrappingKey,
        ApplicationKey,
        DataKey,
        AnchorKey,
        MacKey,
        ProtectorSecret,
        SigningSeed
    );
}

#[test]
fn other_secrets_print_neither_content_nor_length() {
    assert_eq!(format!("{:?}", SecretBytes::from_slice(b"canary")), "SecretBytes(…)");
    assert_eq!(format!("{:?}", Passphrase::from_slice(b"canary")), "Passphrase(…)");
    assert_eq!(format!("{:?}", AccessToken::from_text("canary".to_owned())), "AccessToken(…)");
}

#[test]
fn a_refusal_tells_the_length_and_not_the_bytes() {
    let refusal = RootKey::from_slice(b"canary").unwrap_err();
    assert_eq!(refusal.to_string(), "a key has 32 bytes, not 6");
}

#[test]
fn text_that_is_not_utf8_is_no_token() {
    assert!(AccessToken::from_bytes(SecretBytes::from_slice(&[0xff])).is_err());
    let token = AccessToken::from_bytes(SecretBytes::from_slice(b"srt_x")).unwrap();
    assert_eq!(token.expose(), "srt_x");
}
