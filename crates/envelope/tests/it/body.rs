//! Bodies have one form: what decodes and would be written otherwise in one byte is refused.

use minicbor::{Decode, Encode};
use strongroom_crypto::SealingKey;
use strongroom_envelope::body::{self, Body, BodyError};
use strongroom_envelope::record::{self, OpenBodyError};
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp};
use strongroom_secret::SecretBytes;

use crate::vector::{hex, unhex};

/// A body as capabilities write theirs.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Sample {
    #[n(0)]
    version: u32,
    #[n(1)]
    name: String,
    #[n(2)]
    created_at: Timestamp,
    #[n(6)]
    deleted_at: Option<Timestamp>,
    #[n(7)]
    versions: Vec<SampleVersion>,
    #[n(24)]
    id: Id,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct SampleVersion {
    #[n(0)]
    version: u32,
    #[cbor(n(1), with = "minicbor::bytes")]
    digest: [u8; 4],
}

impl Body for Sample {}

fn sample(deleted_at: Option<Timestamp>) -> Sample {
    Sample {
        version: 1,
        name: "ftp/\u{fc}".into(),
        created_at: Timestamp(1_000_000),
        deleted_at,
        versions: vec![SampleVersion { version: 300, digest: [1, 2, 3, 4] }],
        id: Id([0xab; 16]),
    }
}

/// Written by hand from RFC 8949: map, keys in rising order, shortest forms.
const WITHOUT: &str =
    "a5 00 01 01 66 6674702fc3bc 02 1a000f4240 07 81 82 19012c 44 01020304 1818 50 abababababababababababababababab";
const WITH: &str = "a6 00 01 01 66 6674702fc3bc 02 1a000f4240 06 3903e7 07 81 82 19012c 44 01020304 1818 50 abababababababababababababababab";

fn read(text: &str) -> Result<Sample, BodyError> {
    body::decode_strict(&unhex(&text.replace(' ', "")))
}

#[test]
fn derived_bodies_are_deterministic_cbor() {
    for (text, deleted_at) in [(WITHOUT, None), (WITH, Some(Timestamp(-1000)))] {
        let sample = sample(deleted_at);
        assert_eq!(hex(&body::encode(&sample)), text.replace(' ', ""));
        assert_eq!(read(text), Ok(sample));
    }
}

#[test]
fn every_other_form_is_malformed() {
    let refused = [
        ("no bytes", ""),
        ("trailing byte", &format!("{WITHOUT} 00")),
        ("a map of indefinite length", &format!("bf {} ff", &WITHOUT[3..])),
        ("version 0", &WITHOUT.replacen("00 01", "00 00", 1)),
        ("version in two bytes", &WITHOUT.replacen("00 01", "00 1801", 1)),
        ("key in two bytes", &WITHOUT.replacen("00 01 01", "00 01 1801", 1)),
        ("version last", &format!("a5 {} 00 01", &WITHOUT[9..])),
        ("no version", &format!("a4 {}", &WITHOUT[9..])),
        ("unknown field", &format!("a6 {} 1819 00", &WITHOUT[3..])),
        ("unknown field of any depth", &format!("a6 {} 1819 8181818100", &WITHOUT[3..])),
        ("null for absent", &WITHOUT.replace("a5", "a6").replace("07 81", "06 f6 07 81")),
        ("field twice", &format!("a6 {} 1818 50 abababababababababababababababab", &WITHOUT[3..])),
        ("text of indefinite length", &WITHOUT.replace("66 6674702fc3bc", "7f 66 6674702fc3bc ff")),
        ("not UTF-8", &WITHOUT.replace("c3bc", "c328")),
        ("number in nine bytes", &WITHOUT.replace("1a000f4240", "1b00000000000f4240")),
        ("a float", &WITHOUT.replace("1a000f4240", "fa49742400")),
        ("a tag", &WITHOUT.replace("1a000f4240", "c1 1a000f4240")),
        ("array of indefinite length", &WITHOUT.replace("81 82", "9f 82").replace("1818", "ff 1818")),
        ("one item too few", &WITHOUT.replace("82 19012c 44 01020304", "81 19012c")),
        ("one item too many", &WITHOUT.replace("82 19012c 44 01020304", "83 19012c 44 01020304 00")),
        ("short digest", &WITHOUT.replace("44 01020304", "43 010203")),
        ("short id", &WITHOUT.replace("50 ab", "4f ")),
        ("absurd array", &WITHOUT.replace("81 82", "9bffffffffffffffff 82")),
        ("absurd text", &WITHOUT.replace("66 6674", "7bffffffffffffffff 6674")),
    ];
    for (name, text) in refused {
        assert_eq!(read(text), Err(BodyError::Malformed), "{name}: {text}");
    }
    let whole = unhex(&WITHOUT.replace(' ', ""));
    for length in 0..whole.len() {
        assert_eq!(body::decode_strict::<Sample>(&whole[..length]), Err(BodyError::Malformed), "{length} bytes");
    }
}

#[test]
fn every_byte_has_one_meaning() {
    let whole = unhex(&WITH.replace(' ', ""));
    for at in 0..whole.len() {
        for byte in 0..=255u8 {
            let mut changed = whole.clone();
            changed[at] = byte;
            if let Ok(read) = body::decode_strict::<Sample>(&changed) {
                assert_eq!(body::encode(&read), changed, "byte {at} = {byte}");
            }
        }
    }
}

#[test]
fn newer_versions_are_named_whatever_they_hold() {
    let newer =
        [("a1 00 02", 2), ("a2 00 1903e8 01 f6", 1000), ("a1 00 1bffffffffffffffff", u64::MAX), ("a2 00 02 01", 2)];
    for (text, version) in newer {
        assert_eq!(read(text), Err(BodyError::Newer { version }), "{text}");
    }
    assert_eq!(body::version(&unhex("a10007")), Ok(7));
    for text in ["", "a0", "a1", "a100", "a10107", "a10020", "820007", "f6", "bfff"] {
        assert_eq!(body::version(&unhex(text)), Err(BodyError::Malformed), "{text}");
    }
}

#[test]
fn an_authentic_record_with_a_bad_body_says_so() {
    let sealing = SealingKey::new(&[1; 32]);
    let key = RecordKey::new(RecordKind::Secret, Id([1; 16]));
    let generation = Generation::new(1, 0);
    let mut scratch = SecretBytes::new();
    let mut open = |body: &[u8]| {
        let mut sealed = Vec::new();
        record::seal(&sealing, 7, key, generation, body, &mut sealed);
        let opened = record::open_body::<Sample>(&sealing, key, &sealed, &mut scratch);
        assert!(scratch.is_empty());
        opened.map(|(_, body)| body)
    };
    assert_eq!(open(&unhex("a10002")), Err(OpenBodyError::Body(BodyError::Newer { version: 2 })));
    assert_eq!(open(b""), Err(OpenBodyError::Body(BodyError::Malformed)));
    let good = sample(None);
    assert_eq!(open(&body::encode(&good)), Ok(good.clone()));
    let mut sealed = Vec::new();
    let tag = record::seal_body(&sealing, 7, key, generation, &good, &mut sealed);
    let (header, body) = record::open_body::<Sample>(&sealing, key, &sealed, &mut scratch).unwrap();
    assert_eq!((header.tag, body), (tag, good));
}
