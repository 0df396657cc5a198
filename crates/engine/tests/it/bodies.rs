//! Bodies as CBOR, byte for byte: expected values are written by hand after RFC 8949 and docs/spec/bodies.md.

use strongroom_engine::catalogue::{InstanceBody, Noted, ProofBody, QuarantineBody, note};
use strongroom_engine::name::Selector;
use strongroom_engine::policy::Role;
use strongroom_engine::secret::{Delete, Put, SecretBody, SecretVersionBody};
use strongroom_engine::token::{Issue, TokenBody};
use strongroom_envelope::body::{self, Body, BodyError};
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp};
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

/// The body has these bytes, reads back as it was, and no cut or grown form of it is taken.
fn check<T: Body + PartialEq + std::fmt::Debug>(body: &T, expected: &str) {
    let bytes = body::encode(body);
    assert_eq!(hex(&bytes), expected.replace(' ', ""));
    assert_eq!(body::decode_strict::<T>(&bytes).as_ref(), Ok(body));
    for length in 0..bytes.len() {
        assert_eq!(body::decode_strict::<T>(&bytes[..length]), Err(BodyError::Malformed), "{length} bytes");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(body::decode_strict::<T>(&longer), Err(BodyError::Malformed));

    // One more field, which a reader of this version does not know: number 23, value 0.
    let mut more = [&bytes[..], &[0x17, 0x00]].concat();
    more[0] += 1;
    assert_eq!(body::decode_strict::<T>(&more), Err(BodyError::Malformed), "an unknown field");
    let mut newer = bytes;
    newer[2] = 2;
    assert_eq!(body::decode_strict::<T>(&newer), Err(BodyError::Newer { version: 2 }));
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
