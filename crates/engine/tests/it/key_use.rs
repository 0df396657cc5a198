//! Using keys: what is sealed opens with its context and nothing else; one bad item does not fail the others.

use strongroom_engine::key::{
    BATCH_LIMIT, Create, DataKey, Decrypt, DecryptItem, DecryptReply, Encrypt, EncryptItem, KeyView, MacReply, MakeMac,
    PLAINTEXT_BYTES, Random, Rewrap, Rotate, Verify, VerifyItem,
};
use strongroom_engine::name::Selector;
use strongroom_engine::policy::{Channel, Identity, Principal, Role};
use strongroom_engine::rule::Refusal;
use strongroom_envelope::value::{self, Context, Purpose};
use strongroom_secret::SecretBytes;

use crate::shell::{Shell, caller, name};

pub fn create(shell: &mut Shell, key: &str, purpose: Purpose) -> KeyView {
    shell
        .admin(&Create { name: name(key), purpose, algorithm: None, rotation_period: None, usage_limit: None })
        .unwrap()
}

pub fn by_name(key: &str) -> Selector {
    Selector::Name(name(key))
}

pub fn rotate(shell: &mut Shell, key: &str) -> KeyView {
    let rotate = Rotate { selector: by_name(key), reencrypt: true, expected_version: None, rate: None };
    shell.admin(&rotate).unwrap().key
}

fn context(pairs: &[(&str, &str)]) -> Context {
    Context::new(pairs.iter().copied()).unwrap()
}

pub fn encrypt(shell: &mut Shell, key: &str, context: &Context, value: &[u8]) -> Result<Vec<u8>, Refusal> {
    let items = vec![EncryptItem { value: SecretBytes::from_slice(value), context: Ok(context.clone()) }];
    let reply = shell.admin(&Encrypt { selector: by_name(key), items, many: false })?;
    reply.items.into_iter().next().unwrap()
}

pub fn decrypt(shell: &mut Shell, key: &str, context: &Context, sealed: &[u8]) -> Result<(u32, Vec<u8>), Refusal> {
    let items = vec![DecryptItem { sealed: sealed.to_vec(), context: Ok(context.clone()) }];
    let reply = shell.admin(&Decrypt { selector: by_name(key), items, many: false, compromised: false })?;
    first(reply)
}

fn first(reply: DecryptReply) -> Result<(u32, Vec<u8>), Refusal> {
    reply.items.into_iter().next().unwrap().map(|(version, value)| (version, value.expose().to_vec()))
}

#[test]
fn what_is_sealed_opens_with_its_context_only() {
    let mut shell = Shell::new();
    let key = create(&mut shell, "orders", Purpose::Values);
    let tenant = context(&[("tenant", "7")]);
    let sealed = encrypt(&mut shell, "orders", &tenant, b"hello").unwrap();
    let header = value::parse(&sealed).unwrap();
    assert_eq!((header.purpose, header.key_id, header.key_version), (Purpose::Values, key.id, 1));
    assert_eq!(shell.last.trace.key, Some((key.id, 1)));
    assert_eq!((shell.last.trace.target.as_str(), shell.last.trace.count), ("orders", None));
    assert_eq!(shell.last.trace.context, ["tenant"], "names of the context, not its texts");
    assert_eq!(decrypt(&mut shell, "orders", &tenant, &sealed), Ok((1, b"hello".to_vec())));
    for other in [context(&[]), context(&[("tenant", "8")]), context(&[("tenant", "7"), ("region", "x")])] {
        assert_eq!(decrypt(&mut shell, "orders", &other, &sealed), Err(Refusal::DoesNotOpen));
    }
    for byte in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[byte] ^= 1;
        assert_eq!(decrypt(&mut shell, "orders", &tenant, &changed), Err(Refusal::DoesNotOpen), "byte {byte}");
        assert_eq!(decrypt(&mut shell, "orders", &tenant, &sealed[..byte]), Err(Refusal::DoesNotOpen), "{byte} bytes");
    }
    assert_eq!(shell.last.changes, 0, "nothing of it is stored");
}

#[test]
fn keys_do_not_stand_in_for_each_other() {
    let mut shell = Shell::new();
    create(&mut shell, "orders", Purpose::Values);
    create(&mut shell, "invoices", Purpose::Values);
    create(&mut shell, "webhooks", Purpose::Mac);
    let empty = Context::empty();
    let sealed = encrypt(&mut shell, "orders", &empty, b"v").unwrap();
    assert_eq!(decrypt(&mut shell, "invoices", &empty, &sealed), Err(Refusal::DoesNotOpen));
    let wrong = |key: &str, purpose| Err(Refusal::WrongPurpose { key: key.to_owned(), purpose });
    assert_eq!(encrypt(&mut shell, "webhooks", &empty, b"v"), wrong("webhooks", Purpose::Mac));
    assert_eq!(
        encrypt(&mut shell, "secrets", &empty, b"v"),
        wrong("secrets", Purpose::Secrets),
        "the server's own key"
    );
    let nothing = Refusal::NotFound { what: "key", target: "nothing".to_owned() };
    assert_eq!(encrypt(&mut shell, "nothing", &empty, b"v"), Err(nothing));
}

#[test]
fn rotation_seals_anew_and_opens_the_old() {
    let mut shell = Shell::new();
    create(&mut shell, "orders", Purpose::Values);
    let empty = Context::empty();
    let old = encrypt(&mut shell, "orders", &empty, b"v").unwrap();
    assert_eq!(rotate(&mut shell, "orders").active, Some(2));
    let new = encrypt(&mut shell, "orders", &empty, b"v").unwrap();
    assert_eq!(decrypt(&mut shell, "orders", &empty, &old), Ok((1, b"v".to_vec())));
    assert_eq!(decrypt(&mut shell, "orders", &empty, &new), Ok((2, b"v".to_vec())));

    let damaged = [&old[..old.len() - 1], &[0]].concat();
    let item = |sealed: &[u8]| DecryptItem { sealed: sealed.to_vec(), context: Ok(Context::empty()) };
    let items = vec![item(&old), item(&damaged), item(b""), item(&new)];
    let wrapped = shell.admin(&Rewrap { selector: by_name("orders"), items, many: true }).unwrap();
    assert_eq!((wrapped.version, shell.last.trace.count), (2, Some(4)));
    let opened: Vec<_> = wrapped
        .items
        .iter()
        .map(|item| item.as_ref().ok().map(|sealed| decrypt(&mut shell, "orders", &empty, sealed).unwrap()))
        .collect();
    assert_eq!(opened, [Some((2, b"v".to_vec())), None, None, Some((2, b"v".to_vec()))], "in the order of the request");
    assert_eq!(wrapped.items[1], Err(Refusal::DoesNotOpen));
}

#[test]
fn one_bad_item_fails_alone_and_an_only_one_fails_the_request() {
    let mut shell = Shell::new();
    create(&mut shell, "orders", Purpose::Values);
    let item =
        |bytes: usize| EncryptItem { value: SecretBytes::from_vec(vec![1; bytes]), context: Ok(Context::empty()) };
    let too_large = Refusal::TooLarge { what: "the value", actual: PLAINTEXT_BYTES + 1, limit: PLAINTEXT_BYTES };
    let items = vec![item(1), item(PLAINTEXT_BYTES + 1), item(0), item(PLAINTEXT_BYTES)];
    let reply = shell.admin(&Encrypt { selector: by_name("orders"), items, many: true }).unwrap();
    let good: Vec<bool> = reply.items.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, true, true]);
    assert_eq!(reply.items[1], Err(too_large.clone()));
    let items = vec![item(PLAINTEXT_BYTES + 1)];
    let refused = shell.admin(&Encrypt { selector: by_name("orders"), items, many: false }).map(drop);
    assert_eq!(refused, Err(too_large));
    for count in [0, BATCH_LIMIT + 1] {
        let items = (0..count).map(|_| item(1)).collect();
        let refused = shell.admin(&Encrypt { selector: by_name("orders"), items, many: true }).map(drop);
        assert!(matches!(refused, Err(Refusal::Invalid { field: "items", .. })), "{count}");
    }
}

#[test]
fn a_data_key_is_a_value_that_decrypt_opens() {
    let mut shell = Shell::new();
    create(&mut shell, "orders", Purpose::Values);
    let tenant = context(&[("tenant", "7")]);
    let make = |plaintext| DataKey { selector: by_name("orders"), context: tenant.clone(), plaintext };
    let made = shell.admin(&make(true)).unwrap();
    let plaintext = made.plaintext.unwrap();
    assert_eq!(plaintext.len(), 32);
    assert_eq!(decrypt(&mut shell, "orders", &tenant, &made.sealed), Ok((1, plaintext.expose().to_vec())));
    let other = shell.admin(&make(false)).unwrap();
    assert!(other.plaintext.is_none());
    assert_ne!(decrypt(&mut shell, "orders", &tenant, &other.sealed).unwrap().1, plaintext.expose());
}

#[test]
fn macs_are_hmac_and_are_checked_by_version() {
    let mut shell = Shell::new();
    create(&mut shell, "webhooks", Purpose::Mac);
    let message = || SecretBytes::from_slice(b"hello");
    let make = MakeMac { selector: by_name("webhooks"), messages: vec![message(), SecretBytes::new()] };
    let macs = |reply: MacReply| -> Vec<Vec<u8>> { reply.macs.into_iter().map(Result::unwrap).collect() };
    let made = shell.admin(&make).unwrap();
    assert_eq!(made.version, 1);
    let made = macs(made);
    assert_eq!((made.len(), made[0].len()), (2, 32));
    rotate(&mut shell, "webhooks");
    let again = shell.admin(&make).unwrap();
    assert_eq!(again.version, 2);
    let again = macs(again);
    assert_ne!(again, made);
    let item = |mac: &[u8], version| VerifyItem { message: message(), version, made: SecretBytes::from_slice(mac) };
    let mut changed = made[0].clone();
    changed[31] ^= 1;
    let items = vec![
        item(&made[0], 1),
        item(&made[0], 2),
        item(&changed, 1),
        item(&made[0][..31], 1),
        item(&again[0], 2),
        item(&again[0], 3),
    ];
    let found = shell.admin(&Verify { selector: by_name("webhooks"), items }).unwrap().items;
    assert_eq!(found[..5], [Ok(true), Ok(false), Ok(false), Ok(false), Ok(true)]);
    assert_eq!(found[5], Err(Refusal::DoesNotOpen), "no such version");
}

#[test]
fn random_bytes_have_a_limit() {
    let mut shell = Shell::new();
    let one = shell.admin(&Random { bytes: 64 }).unwrap().value;
    let other = shell.admin(&Random { bytes: 64 }).unwrap().value;
    assert_eq!(one.len(), 64);
    assert_ne!(one.expose(), other.expose());
    for bytes in [0, 65_537] {
        assert!(matches!(shell.admin(&Random { bytes }).map(drop), Err(Refusal::Invalid { field: "bytes", .. })));
    }
}

/// An id says no more than a name does, and nothing to those who may not.
#[test]
fn by_id_as_by_name() {
    let mut shell = Shell::new();
    let key = create(&mut shell, "orders", Purpose::Values);
    let selector = || Selector::Id(key.id);
    let items = || vec![EncryptItem { value: SecretBytes::from_slice(b"v"), context: Ok(Context::empty()) }];
    let reply = shell.admin(&Encrypt { selector: selector(), items: items(), many: false }).unwrap();
    assert_eq!(reply.name, name("orders"));
    assert_eq!(shell.last.trace.target, "orders", "the line names what was acted on");
    let data = Principal { channel: Channel::Network, ..caller(Role::Data) };
    assert!(shell.execute(&data, &Encrypt { selector: selector(), items: items(), many: false }).is_ok());
    for role in [Some(Role::Read), None] {
        let other = Principal { identity: Identity::Peer { uid: 7 }, role, channel: Channel::Local };
        let refused = shell.execute(&other, &Encrypt { selector: selector(), items: items(), many: false }).map(drop);
        assert!(matches!(refused, Err(Refusal::Denied { .. })), "{role:?}");
    }
}
