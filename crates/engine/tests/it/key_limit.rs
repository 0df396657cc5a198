//! Usage limits: what makes something new is a use, what opens or verifies is none; a batch is done as far as it fits.

use strongroom_engine::key::{
    Create, DataKey, Decrypt, DecryptItem, Encrypt, EncryptItem, KeyBody, Limit, MakeMac, PLAINTEXT_BYTES, Rewrap,
    Sign, State, Verify, VerifyItem, is_near, reserve,
};
use strongroom_engine::rule::{Change, Refusal};
use strongroom_envelope::RecordKind;
use strongroom_envelope::body::{self, Body};
use strongroom_envelope::value::{Context, Purpose};
use strongroom_secret::SecretBytes;

use crate::key_use::{by_name, create, decrypt, encrypt, rotate};
use crate::shell::{Shell, name};

/// A key whose limit is 100, of which so many are left.
fn limited(purpose: Purpose, left: u64) -> Shell {
    let mut shell = Shell::new();
    let create = Create { name: name("k"), purpose, algorithm: None, rotation_period: None, usage_limit: Some(100) };
    assert_eq!(shell.admin(&create).unwrap().usage_limit, Some(100));
    shell.uses_left.set(left);
    shell
}

fn reached(version: u32) -> Refusal {
    Refusal::UsageLimitReached { key: "k".to_owned(), version, limit: 100 }
}

fn value(bytes: usize) -> EncryptItem {
    EncryptItem { value: SecretBytes::from_vec(vec![1; bytes]), context: Ok(Context::empty()) }
}

fn sealed(bytes: &[u8]) -> DecryptItem {
    DecryptItem { sealed: bytes.to_vec(), context: Ok(Context::empty()) }
}

#[test]
fn a_batch_is_done_as_far_as_it_fits() {
    let mut shell = limited(Purpose::Values, 3);
    // The second is refused for its own sake, and uses nothing.
    let items = [1, PLAINTEXT_BYTES + 1, 2, 3, 4].map(value).into();
    let reply = shell.admin(&Encrypt { selector: by_name("k"), items, many: true }).unwrap();
    let done: Vec<bool> = reply.items.iter().map(Result::is_ok).collect();
    assert_eq!((done, shell.uses_left.get()), (vec![true, false, true, true, false], 0));
    assert!(matches!(reply.items[1], Err(Refusal::TooLarge { .. })));
    assert_eq!(reply.items[4], Err(reached(1)));
    let opened = decrypt(&mut shell, "k", &Context::empty(), reply.items[3].as_ref().unwrap()).unwrap();
    assert_eq!(opened, (1, vec![1; 3]), "in the order of the request");
    let only = shell.admin(&Encrypt { selector: by_name("k"), items: vec![value(1)], many: false });
    assert_eq!(only.map(drop), Err(reached(1)));
    assert_eq!(shell.last.trace.key.map(|(_, version)| version), Some(1), "the line names the version");
}

#[test]
fn what_opens_and_verifies_is_no_use() {
    let mut shell = limited(Purpose::Values, 1);
    let value = encrypt(&mut shell, "k", &Context::empty(), b"v").unwrap();
    for _ in 0..3 {
        let opens = Decrypt { selector: by_name("k"), items: vec![sealed(&value)], many: false, compromised: false };
        assert!(shell.admin(&opens).unwrap().items[0].is_ok());
    }
    let mut shell = limited(Purpose::Mac, 1);
    let message = || SecretBytes::from_slice(b"m");
    let made = shell.admin(&MakeMac { selector: by_name("k"), messages: vec![message()] }).unwrap();
    let mac = made.macs[0].clone().unwrap();
    for _ in 0..3 {
        let item = VerifyItem { message: message(), version: 1, made: SecretBytes::from_slice(&mac) };
        let found = shell.admin(&Verify { selector: by_name("k"), items: vec![item] }).unwrap().items;
        assert_eq!(found, [Ok(true)]);
    }
    assert_eq!(shell.admin(&MakeMac { selector: by_name("k"), messages: vec![message()] }).map(drop), Err(reached(1)));
}

#[test]
fn a_data_key_and_a_signature_are_uses() {
    let mut shell = limited(Purpose::Values, 1);
    let make = DataKey { selector: by_name("k"), context: Context::empty(), plaintext: false };
    shell.admin(&make).unwrap();
    assert_eq!(shell.admin(&make).map(drop), Err(reached(1)));
    let mut shell = limited(Purpose::Sign, 2);
    let messages = || (0..3).map(|byte| SecretBytes::from_slice(&[byte])).collect();
    let made = shell.admin(&Sign { selector: by_name("k"), messages: messages() }).unwrap().macs;
    assert_eq!(made.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(made[2], Err(reached(1)));
    let none = shell.admin(&Sign { selector: by_name("k"), messages: messages() }).map(drop);
    assert_eq!(none, Err(reached(1)), "of which nothing can be made");
}

/// Only what opens is sealed again, and only that is a use.
#[test]
fn a_rewrap_uses_the_active_version() {
    let mut shell = limited(Purpose::Values, 2);
    let values = [b"a", b"b"].map(|value| encrypt(&mut shell, "k", &Context::empty(), value).unwrap());
    rotate(&mut shell, "k");
    shell.uses_left.set(1);
    let items = vec![sealed(b"nonsense"), sealed(&values[0]), sealed(&values[1])];
    let reply = shell.admin(&Rewrap { selector: by_name("k"), items, many: true }).unwrap();
    assert_eq!((&reply.items[0], &reply.items[2]), (&Err(Refusal::DoesNotOpen), &Err(reached(2))));
    let anew = reply.items[1].clone().unwrap();
    assert_eq!(decrypt(&mut shell, "k", &Context::empty(), &anew), Ok((2, b"a".to_vec())));
}

#[test]
fn a_limit_is_set_changed_and_taken_away() {
    let mut shell = Shell::new();
    create(&mut shell, "k", Purpose::Values);
    encrypt(&mut shell, "k", &Context::empty(), b"v").unwrap();
    assert_eq!(shell.last.runs, 3, "of a key without a limit no use is asked for: its id, its version, done");
    let limit = |limit| Limit { selector: by_name("k"), limit };
    assert_eq!(shell.admin(&limit(Some(100))).unwrap().usage_limit, Some(100));
    assert!(shell.last.witnessed);
    assert_eq!(encrypt(&mut shell, "k", &Context::empty(), b"v"), Err(reached(1)));
    assert_eq!(shell.admin(&limit(None)).unwrap().usage_limit, None);
    encrypt(&mut shell, "k", &Context::empty(), b"v").unwrap();
    for wrong in [0, 1_000_000_000_000_001, u64::MAX] {
        let refused = shell.admin(&limit(Some(wrong))).map(drop);
        assert!(matches!(refused, Err(Refusal::Invalid { field: "limit", .. })), "{wrong}");
        let (name, purpose, usage_limit) = (name("other"), Purpose::Values, Some(wrong));
        let create = Create { name, purpose, algorithm: None, rotation_period: None, usage_limit };
        let refused = shell.admin(&create).map(drop);
        assert!(matches!(refused, Err(Refusal::Invalid { field: "usage_limit", .. })), "{wrong}");
    }
    let own = shell.admin(&Limit { selector: by_name("secrets"), limit: Some(1) }).map(drop);
    assert_eq!(own, Err(Refusal::WrongPurpose { key: "secrets".to_owned(), purpose: Purpose::Secrets }));
}

/// What is set aside: limit, used so far, wanted, and the number that stands in the record then.
#[test]
fn blocks_are_a_64th_of_the_limit() {
    let cases = [
        (100, None, 0, 1, Some(1)),
        (128, None, 0, 1, Some(2)),
        (640_000, None, 0, 1, Some(10_000)),
        (64_000_000, Some(10_000), 10_000, 1, Some(20_000)),
        // More than a block is wanted.
        (100, Some(1), 1, 64, Some(65)),
        // Not more than the limit.
        (100, Some(95), 95, 64, Some(100)),
        (100, Some(100), 100, 1, None),
        // A limit that was lowered.
        (100, Some(200), 150, 1, None),
        // What is set aside already is enough.
        (6400, Some(1000), 800, 1, None),
    ];
    for (limit, before, used, wanted, expected) in cases {
        let mut shell = limited(Purpose::Values, 0);
        shell.admin(&Limit { selector: by_name("k"), limit: Some(limit) }).unwrap();
        let id = shell.names[&(RecordKind::Key, "k".to_owned())];
        let mut key: KeyBody = shell.key_body("k");
        key.versions[0].reserved = before;
        let reserved =
            reserve(id, &key, 1, used, wanted).map(|change| written::<KeyBody>(&change).versions[0].reserved);
        assert_eq!(reserved, expected.map(Some), "limit {limit}, {used} used, {wanted} wanted");
        assert!(reserve(id, &key, 2, used, wanted).is_none(), "there is no such version");
        key.usage_limit = None;
        assert!(reserve(id, &key, 1, used, wanted).is_none(), "there is no limit");
    }
    assert_eq!([89, 90, 100, 101].map(|used| is_near(used, 100)), [false, true, true, true]);
    assert!(is_near(1, 1) && !is_near(0, 1) && !is_near(8, 9) && is_near(9, 10));
}

fn written<T: Body>(change: &Change) -> T {
    let Change::Put { body, .. } = change else { panic!("it writes the record") };
    body::decode_strict(body.expose()).unwrap()
}

/// A new version begins anew, and what was counted of the old one stays with it.
#[test]
fn the_count_is_that_of_a_version() {
    let mut shell = limited(Purpose::Values, 0);
    let id = shell.names[&(RecordKind::Key, "k".to_owned())];
    let change = reserve(id, &shell.key_body("k"), 1, 0, 7).unwrap();
    shell.commit(strongroom_engine::rule::Commit { changes: vec![change], ..Default::default() }).unwrap();
    let view = rotate(&mut shell, "k");
    let uses: Vec<_> = view.versions.iter().map(|version| (version.number, version.state, version.uses)).collect();
    assert_eq!(uses, [(1, State::Deactivated, Some(7)), (2, State::Active, None)]);
    assert_eq!(view.usage_limit, Some(100));
}
