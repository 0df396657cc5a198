//! Bodies as CBOR, byte for byte: expected values are written by hand after RFC 8949 and docs/spec/bodies.md.

use strongroom_engine::catalogue::{InstanceBody, Noted, ProofBody, QuarantineBody, note};
use strongroom_engine::credential::{self, Account, CredentialBody, Enroll, Owner, Pins, Seen};
use strongroom_engine::job::{JobBody, JobKind, JobState};
use strongroom_engine::key::{Algorithm, BuiltIn, KeyBody, State};
use strongroom_engine::name::Selector;
use strongroom_engine::policy::{Channel, Identity, Principal, Role};
use strongroom_engine::secret::{Delete, Import, ImportRow, Imported, Provider, Put, SecretBody, SecretVersionBody};
use strongroom_engine::stored::Family;
use strongroom_engine::token::{Issue, TokenBody};
use strongroom_engine::transaction::{Encrypt, PartBody, TransactionBody, TransactionState};
use strongroom_envelope::body::{self, Body, BodyError};
use strongroom_envelope::value::Purpose;
use strongroom_envelope::{Id, Pin, RecordKey, RecordKind, Timestamp};
use strongroom_secret::SecretBytes;

use crate::shell::{BEGIN, Shell, name};

/// [`BEGIN`] as an unsigned integer of eight bytes.
const TIME: &str = "1b0000018bcfe56800";

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An id as a byte string of sixteen bytes.
fn id_text(id: Id) -> String {
    format!("50{}", hex(&id.0))
}

/// What is written by hand, as bytes.
fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// The body has these bytes, reads back as it was, and no cut or grown form of it is taken. A body may hold keys, so none is
/// printed.
fn check<T: Body + PartialEq>(body: &T, expected: &str) {
    let bytes = body::encode(body);
    assert_eq!(hex(&bytes), expected.replace(' ', ""));
    assert!(body::decode_strict::<T>(&bytes).as_ref() == Ok(body));
    let refused = |bytes: &[u8]| body::decode_strict::<T>(bytes).err();
    for length in 0..bytes.len() {
        assert_eq!(refused(&bytes[..length]), Some(BodyError::Malformed), "{length} bytes");
    }
    assert_eq!(refused(&[&bytes[..], &[0]].concat()), Some(BodyError::Malformed));

    // One more field, which a reader of this version does not know: number 23, value 0.
    let mut more = [&bytes[..], &[0x17, 0x00]].concat();
    more[0] += 1;
    assert_eq!(refused(&more), Some(BodyError::Malformed), "an unknown field");
    let mut newer = bytes;
    newer[2] = 2;
    assert_eq!(refused(&newer), Some(BodyError::Newer { version: 2 }));
}

#[test]
fn instance() {
    let body = InstanceBody::new(Id([1; 16]), Id([2; 16]), BEGIN, [3; 32]);
    let (store, incarnation, program) = ("01".repeat(16), "02".repeat(16), "03".repeat(32));
    check(&body, &format!("a6 0001 01 50{store} 02 50{incarnation} 03 {TIME} 04 01 05 5820{program}"));
}

#[test]
fn proof() {
    let mut body = ProofBody::default();
    body.fallback_starts = 300;
    body.note(Id([2; 16]), Timestamp(23));
    body.note(Id([3; 16]), Timestamp(25));
    body.note(Id([1; 16]), Timestamp(24));
    body.note(Id([2; 16]), BEGIN);
    let (one, two, three) = ("01".repeat(16), "02".repeat(16), "03".repeat(16));
    let rows = format!("83 82 50{one} 1818 82 50{two} {TIME} 82 50{three} 1819");
    check(&body, &format!("a3 0001 01 {rows} 02 19012c"));
    assert_eq!(body.last_proven_at(Id([2; 16])), Some(BEGIN));
    body.forget(Id([2; 16]));
    assert_eq!((body.last_proven_at(Id([2; 16])), body.proven().len()), (None, 2));
}

#[test]
fn quarantine() {
    let record = RecordKey::new(RecordKind::Secret, Id([4; 16]));
    let (id, digest) = ("04".repeat(16), "05".repeat(32));
    let body = QuarantineBody::new(record, "older", BEGIN, Some([5; 32]));
    check(&body, &format!("a5 0001 01 51 11{id} 02 65 6f6c646572 03 {TIME} 04 5820{digest}"));
    assert_eq!((body.record(), body.found_sha256()), (Ok(record), Some([5; 32])));

    let body = QuarantineBody::new(record, "missing", BEGIN, None);
    check(&body, &format!("a5 0001 01 51 11{id} 02 67 6d697373696e67 03 {TIME} 04 40"));
    assert_eq!(body.found_sha256(), None);
}

#[test]
fn secret_and_its_version() {
    let mut shell = Shell::new();
    let selector = Selector::Name(name("a/b"));
    let id = shell.admin(&Put::new(selector.clone(), SecretBytes::from_slice(b"v"))).unwrap().id;
    let head: SecretBody = shell.body(RecordKind::Secret, id);
    let record = head.versions[0].record;
    let row = format!("83 01 {} {TIME}", id_text(record));
    check(&head, &format!("a7 0001 01 63 612f62 02 {TIME} 03 {TIME} 04 01 05 0a 07 81 {row}"));

    shell.admin(&Delete { selector, expected_version: None }).unwrap();
    let head: SecretBody = shell.body(RecordKind::Secret, id);
    check(&head, &format!("a8 0001 01 63 612f62 02 {TIME} 03 {TIME} 04 01 05 0a 06 {TIME} 07 81 {row}"));

    let version: SecretVersionBody = shell.body(RecordKind::SecretVersion, record);
    let bytes = body::encode(&version);
    let (secret, key, value) = (id_text(id), id_text(shell.active().0), hex(&version.value));
    let expected = format!("a8 0001 01 {secret} 02 01 03 {TIME} 04 67 6165732d323536 05 {key} 06 01 07 5861{value}");
    assert_eq!(hex(&bytes), expected.replace(' ', ""), "a value of one byte is 97 bytes sealed");
    assert_eq!(version.value[..4], [1, 1, 0, 1], "format, purpose secrets, suite");
}

#[test]
fn a_secret_that_was_imported_in_clear() {
    let mut shell = Shell::new();
    let metadata = vec![("system".to_owned(), "old".to_owned()), ("owner".to_owned(), "é".to_owned())];
    let value = SecretBytes::from_slice(b"v");
    let row = ImportRow { name: "a/b".to_owned(), value, already_encrypted: true, metadata };
    let reply = shell.admin(&Import { rows: vec![row], clear: true, default_keep: 10 }).unwrap();
    let Ok(Imported::Created(id)) = reply.rows[0] else { panic!("{:?}", reply.rows) };
    let head: SecretBody = shell.body(RecordKind::Secret, id);
    let record = head.versions[0].record;
    let row = format!("83 01 {} {TIME}", id_text(record));
    let pairs = "82 82 65 6f776e6572 62 c3a9 82 66 73797374656d 63 6f6c64";
    check(&head, &format!("a8 0001 01 63 612f62 02 {TIME} 03 {TIME} 04 01 05 0a 07 81 {row} 08 {pairs}"));

    let version: SecretVersionBody = shell.body(RecordKind::SecretVersion, record);
    let (secret, nil, provider) = (id_text(id), id_text(Id::NIL), "69 636c65617274657874");
    check(&version, &format!("a9 0001 01 {secret} 02 01 03 {TIME} 04 {provider} 05 {nil} 06 00 07 41 76 08 f5"));
    assert_eq!((version.provider, version.already_encrypted), (Provider::Cleartext, Some(true)));
}

/// Read from what is written here: every field there is, a version of each shape, items that are absent in the middle and at the
/// end of arrays.
#[test]
fn a_key_with_all_that_is_optional() {
    let (protection, salt) = ("02".repeat(16), "03".repeat(16));
    let versions = [
        format!("88 01 06 {TIME} {TIME} 17 40 f6 19ffff"),
        format!("86 02 03 {TIME} {TIME} {TIME} 42 aabb"),
        format!("89 03 05 {TIME} 01 02 42 ccdd 1818 f6 f5"),
        format!("8a 04 02 {TIME} {TIME} 00 41 ee f6 1903e8 f6 43 010203"),
    ];
    let [destroyed, plain, compromised, active] = versions;
    let written = format!(
        "ab 0001 01 63 612f62 02 08 03 {TIME} 04 00 05 68 70617373776f7264 06 60 \
         07 84 {destroyed} {plain} {compromised} {active} 08 67 65643235353139 \
         09 84 50{protection} 50{salt} 40 84 01 1a00040000 03 04 0a 1a05265c00"
    );
    let key: KeyBody = body::decode_strict(&bytes(&written)).unwrap();
    check(&key, &written);
    assert_eq!((key.name.as_str(), key.purpose, key.algorithm), ("a/b", Purpose::Sign, Some(Algorithm::Ed25519)));
    assert_eq!((key.created_at, key.updated_at), (BEGIN, Timestamp(0)));
    assert_eq!((key.protector.as_str(), key.protector_parameter.as_str()), ("password", ""));
    assert_eq!(key.rotation_period, Some(86_400_000));
    let kept = key.protection.as_ref().unwrap();
    assert_eq!((kept.id, &kept.salt[..], &kept.blob[..]), (Id([2; 16]), &[3; 16][..], &[][..]));
    assert_eq!(kept.derivation, Some((1, 256 * 1024, 3, 4)));
    let states: Vec<_> = key.versions.iter().map(|version| (version.number, version.state)).collect();
    assert_eq!(states, [(1, State::Destroyed), (2, State::Deactivated), (3, State::Compromised), (4, State::Active)]);
    let times = |version: &strongroom_engine::key::KeyVersion| {
        [version.created_at.0, version.activated_at.0, version.deactivated_at.0]
    };
    assert_eq!(key.versions.iter().map(times).collect::<Vec<_>>()[2], [BEGIN.0, 1, 2]);
    let [first, second, third, fourth] = &key.versions[..] else { panic!("{} versions", key.versions.len()) };
    assert_eq!((first.wrapped.len(), first.compromised_at, first.destroy_at), (0, None, Some(Timestamp(0xffff))));
    assert_eq!((&second.wrapped[..], second.destroy_at, second.imported), (&[0xaa, 0xbb][..], None, None));
    assert_eq!((third.compromised_at, third.destroy_at, third.imported), (Some(Timestamp(24)), None, Some(true)));
    assert_eq!((fourth.destroy_at, fourth.imported), (Some(Timestamp(1000)), None));
    assert_eq!(fourth.public.as_deref().map(Vec::as_slice), Some(&[1, 2, 3][..]));
}

/// A usage limit, and the uses that are set aside: the last of twelve items, with nulls where nothing is.
#[test]
fn key_with_a_usage_limit() {
    let version = "8c 01 02 00 00 00 41 00 f6 f6 f6 f6 f6 18 28";
    let written = format!("a9 0001 01 61 61 02 06 03 00 04 00 05 64 726f6f74 06 60 07 81 {version} 0b 18 64");
    let key: KeyBody = body::decode_strict(&bytes(&written)).unwrap();
    check(&key, &written);
    assert_eq!((key.usage_limit, key.versions[0].reserved), (Some(100), Some(40)));
}

/// A key that a password protects and root opens, too: the second wrap is the eleventh item of a version, recovery the fifth of
/// the protection.
#[test]
fn a_key_that_is_wrapped_twice() {
    let version = "8b 01 02 00 00 00 42 aabb f6 f6 f6 f6 43 ccddee";
    let (protection, salt) = ("02".repeat(16), "03".repeat(16));
    let written = format!(
        "a9 0001 01 61 61 02 06 03 00 04 00 05 68 70617373776f7264 06 60 07 81 {version} \
         09 85 50{protection} 50{salt} 40 84 01 1a00040000 03 04 f5"
    );
    let key: KeyBody = body::decode_strict(&bytes(&written)).unwrap();
    check(&key, &written);
    assert!(key.has_recovery());
    let second = key.versions[0].wrapped_under_root.as_deref().map(Vec::as_slice);
    assert_eq!((&key.versions[0].wrapped[..], second), (&[0xaa, 0xbb][..], Some(&[0xcc, 0xdd, 0xee][..])));
}

/// A value that no version of a key can have is refused: state 0 and 7, purpose 9, an unknown algorithm.
#[test]
fn what_no_key_can_be_is_malformed() {
    let key = |purpose: &str, state: &str, algorithm: &str| {
        let version = format!("86 01 {state} 00 00 00 41 00");
        format!("a9 0001 01 61 61 02 {purpose} 03 00 04 00 05 64 726f6f74 06 60 07 81 {version} 08 {algorithm}")
    };
    let (hmac, unknown) = ("6c 686d61632d7368612d323536", "6c 686d61632d7368612d353132");
    assert!(body::decode_strict::<KeyBody>(&bytes(&key("07", "02", hmac))).is_ok());
    for (purpose, state, algorithm) in
        [("09", "02", hmac), ("00", "02", hmac), ("07", "00", hmac), ("07", "07", hmac), ("07", "02", unknown)]
    {
        let refused = body::decode_strict::<KeyBody>(&bytes(&key(purpose, state, algorithm))).err();
        assert_eq!(refused, Some(BodyError::Malformed), "{purpose} {state} {algorithm}");
    }
}

#[test]
fn job() {
    let about = |id| (Id([id; 16]), name("secrets"), 2);
    let key = "06".repeat(16);
    let named = "67 73656372657473";
    let body = JobBody::new(JobKind::Reencrypt, about(6), 100_000, None, BEGIN);
    let kind = "69 7265656e6372797074";
    let tail = format!("06 {TIME} 07 {TIME} 08 1a000186a0");
    check(&body, &format!("a9 0001 01 {kind} 02 50{key} 03 {named} 04 02 05 67 72756e6e696e67 {tail}"));

    let mut body = JobBody::new(JobKind::Convert, about(6), 500, Some(1000), BEGIN);
    (body.state, body.left, body.updated_at) = (JobState::Incomplete, Some(3), Timestamp(24));
    let (kind, state) = ("67 636f6e76657274", "6a 696e636f6d706c657465");
    let tail = format!("06 {TIME} 07 1818 08 1901f4 09 1903e8 0a 03");
    check(&body, &format!("ab 0001 01 {kind} 02 50{key} 03 {named} 04 02 05 {state} {tail}"));

    let about = (strongroom_engine::reseal::STORE_KEY_ID, name("store"), 2);
    let mut body = JobBody::new(JobKind::Reseal, about, 0, None, Timestamp(0));
    for (state, word) in [(JobState::Paused, "66 706175736564"), (JobState::Done, "64 646f6e65")] {
        body.state = state;
        let all = "ff".repeat(16);
        let (kind, named) = ("66 72657365616c", "65 73746f7265");
        check(&body, &format!("a9 0001 01 {kind} 02 50{all} 03 {named} 04 02 05 {word} 06 00 07 00 08 00"));
    }
}

#[test]
fn token() {
    let mut shell = Shell::new();
    let issue = |description: Option<&str>| Issue {
        role: Role::Read,
        expires_in_milliseconds: 60_000,
        description: description.map(str::to_owned),
    };
    for (description, count, tail) in [(None, "a6", ""), (Some("d"), "a7", "06 61 64")] {
        let id = shell.admin(&issue(description)).unwrap().id;
        let token: TokenBody = shell.body(RecordKind::Token, id);
        let digest = hex(&token.text_sha256);
        let issuer = "68 7569643a31303030";
        let expected =
            format!("{count} 0001 01 5820{digest} 02 64 72656164 03 {TIME} 04 1b0000018bcfe65260 05 {issuer} {tail}");
        check(&token, &expected);
    }
}

#[test]
fn the_shell_is_told_what_to_keep_in_memory() {
    let mut shell = Shell::new();
    let selector = Selector::Name(name("a"));
    let id = shell.admin(&Put::new(selector.clone(), SecretBytes::from_slice(b"v"))).unwrap().id;
    let bytes = |shell: &Shell, kind, id| shell.records[&RecordKey::new(kind, id)].1.clone();
    // Of two versions the second is current.
    let first: Vec<_> = shell.records.keys().copied().collect();
    shell.admin(&Put::new(selector.clone(), SecretBytes::from_slice(b"w"))).unwrap();
    let is_second = |key: &&RecordKey| key.kind == RecordKind::SecretVersion && !first.contains(key);
    let newest = shell.records.keys().find(is_second).map(|key| key.id);
    assert!(newest.is_some());
    let noted = note(RecordKind::Secret, &bytes(&shell, RecordKind::Secret, id));
    assert_eq!(noted, Ok(Noted { name: Some(name("a")), newest, deleted_at: None }));
    shell.admin(&Delete { selector, expected_version: None }).unwrap();
    let noted = note(RecordKind::Secret, &bytes(&shell, RecordKind::Secret, id));
    assert_eq!(noted, Ok(Noted { name: Some(name("a")), newest, deleted_at: Some(BEGIN) }));
    let noted = note(RecordKind::Key, &bytes(&shell, RecordKind::Key, shell.active().0));
    assert_eq!(noted.map(|noted| noted.name), Ok(Some(name("secrets"))));
    assert_eq!(note(RecordKind::Token, b"anything"), Ok(Noted::default()));
    assert_eq!(note(RecordKind::Secret, b"anything"), Err(BodyError::Malformed));
}

#[test]
fn a_stored_name_that_is_not_canonical_is_malformed() {
    let mut shell = Shell::new();
    let id = shell.admin(&Put::new(Selector::Name(name("a/b")), SecretBytes::from_slice(b"v"))).unwrap().id;
    let bytes = body::encode(&shell.body::<SecretBody>(RecordKind::Secret, id));
    let at = bytes.windows(3).position(|window| window == b"a/b").unwrap();
    for other in [b"../", b"a//", b"a b", b"%2e"] {
        let mut forged = bytes.clone();
        forged[at..at + 3].copy_from_slice(other);
        assert_eq!(body::decode_strict::<SecretBody>(&forged), Err(BodyError::Malformed));
    }
}

#[test]
fn transactions() {
    let id = Id([5; 16]);
    let mut shell = crate::transaction::shell();
    let clear = crate::transaction::begin(&mut shell, crate::transaction::PLAIN, Encrypt::Marked);
    crate::transaction::step(&mut shell, clear, b"", b"undo");
    let mut body = crate::transaction::body(&shell, clear);
    let document = hex(crate::transaction::PLAIN);
    assert_eq!(crate::transaction::PLAIN.len(), 0x45);
    // What is absent is null; at the end of an array it is left out.
    let request = format!("82 1845 5845{document}");
    let step = format!("6d {} {TIME}", hex(b"CreateMailbox"));
    let first = format!("85 01 {step} f6 82 04 44{}", hex(b"undo"));
    let by = format!("68{}", hex(b"uid:1000"));
    let head = |state: &str| format!("0001 01 {state} 02 f4 03 {TIME} 04 {TIME}");
    let active = format!("66{}", hex(b"active"));
    check(&body, &format!("a8 {} 08 {request} 09 81 {first} 0a {by}", head(&active)));

    // One that is sealed, with a part in a record of its own, undone.
    body.state = TransactionState::RolledBack;
    body.sensitive = true;
    (body.key_id, body.key_version) = (Some(id), Some(300));
    body.data_key = Some(vec![7; 128].into());
    (body.steps[0].rollback.as_mut().unwrap().inline, body.steps[0].rollback.as_mut().unwrap().record) =
        (None, Some(id));
    body.steps[0].sequence = 24;
    body.steps[0].undone_at = Some(BEGIN);
    body.archived_at = Some(BEGIN);
    let state = format!("6b{}", hex(b"rolled_back"));
    let head = head(&state).replace("02 f4", "02 f5");
    let key = format!("05 50{} 06 19012c 07 5880{}", "05".repeat(16), "07".repeat(128));
    let second = format!("86 1818 {step} f6 83 04 f6 50{} {TIME}", "05".repeat(16));
    check(&body, &format!("ac {head} {key} 08 {request} 09 81 {second} 0a {by} 0b {TIME}"));

    // No other word for a state.
    let mut other = body::encode(&body);
    let at = other.windows(11).position(|window| window == b"rolled_back").unwrap();
    other[at] = b'R';
    assert_eq!(body::decode_strict::<TransactionBody>(&other).err(), Some(BodyError::Malformed));
}

#[test]
fn parts_of_transactions() {
    for (encrypt, more) in [(Encrypt::Marked, 0), (Encrypt::Always, 204)] {
        let mut shell = crate::transaction::shell();
        let id = crate::transaction::begin(&mut shell, crate::transaction::PLAIN, encrypt);
        crate::transaction::step(&mut shell, id, b"", &[6; 4097]);
        let part = shell.records.keys().find(|key| key.kind == RecordKind::TransactionStep).unwrap().id;
        let body: PartBody = shell.body(RecordKind::TransactionStep, part);
        let (fields, key) = match encrypt {
            Encrypt::Marked => ("a5", String::new()),
            Encrypt::Always => ("a7", format!("05 {} 06 01", id_text(body.key_id.unwrap()))),
        };
        let payload = if more == 0 { "06".repeat(4097) } else { hex(&body.payload) };
        assert_eq!(body.payload.len(), 4097 + more);
        let head = format!("{fields} 0001 01 {} 02 01 03 0a {key}", id_text(id));
        check(&body, &format!("{head} 07 59{:04x}{payload}", 4097 + more));
    }
}

#[test]
fn credential() {
    let mut shell = Shell::new();
    shell.admin(&BuiltIn { family: Family::Credentials }).unwrap();
    let owner = Owner::local(Account { name: "svc".to_owned(), uid: 991 }, [6; 16]);
    let (selector, value) = (Selector::Name(name("a/b")), SecretBytes::from_slice(b"v"));
    let set = credential::Set { selector: selector.clone(), owner: Ok(owner.clone()), value, expected_revision: None };
    let id = shell.admin(&set).unwrap().id;
    let body: CredentialBody = shell.body(RecordKind::Credential, id);
    let key = id_text(shell.key_handle("credentials").key_id);
    let fixed = |body: &CredentialBody| {
        let (value, host) = (hex(&body.value), "06".repeat(16));
        format!(
            "0001 01 63 612f62 02 63 737663 03 {TIME} 04 {TIME} 05 {key} 06 01 08 58cd{value} 09 1903df 0a 50{host}"
        )
    };
    check(&body, &format!("ab {} 0c 01", fixed(&body)));

    let public_key = [9; 32];
    let seen = Some(Seen { account: Some("svc".to_owned()), host: [6; 16] });
    let own = Principal { identity: Identity::Peer { uid: 991 }, role: None, channel: Channel::Local };
    shell.execute(&own, &Enroll { selector: selector.clone(), public_key, proof: None, seen }).unwrap();
    let body: CredentialBody = shell.body(RecordKind::Credential, id);
    check(&body, &format!("ad {} 0b 5820{} 0c 01 0d {TIME}", fixed(&body), "09".repeat(32)));

    // Two certificates beside the account, then without it.
    let certificates = Pins::new(vec![Pin([8; 32]), Pin([7; 32])]).unwrap();
    let both = Owner { certificates, ..owner };
    let rebind = |owner| credential::Rebind { selector: selector.clone(), owner: Ok(owner), expected_revision: None };
    shell.admin(&rebind(both.clone())).unwrap();
    let body: CredentialBody = shell.body(RecordKind::Credential, id);
    let pins = format!("0e 82 5820{} 5820{}", "07".repeat(32), "08".repeat(32));
    check(&body, &format!("ac {} 0c 02 {pins}", fixed(&body)));
    shell.admin(&rebind(Owner { local: None, ..both })).unwrap();
    let body: CredentialBody = shell.body(RecordKind::Credential, id);
    let value = hex(&body.value);
    let head = format!("0001 01 63 612f62 03 {TIME} 04 {TIME} 05 {key} 06 01 08 58cd{value}");
    check(&body, &format!("a9 {head} 0c 03 {pins}"));

    let noted = note(RecordKind::Credential, &body::encode(&body)).unwrap();
    assert_eq!(noted, Noted { name: Some(name("a/b")), ..Noted::default() });
}
