//! Sealed values open for their purpose, at their place, in both forms; nothing else does.

use strongroom_crypto::SealingKey;
use strongroom_envelope::value::{
    self, Context, ContextRefusal, Place, Purpose, TextRefusal, ValueError, ValueRefusal,
};
use strongroom_envelope::{Id, RecordKey, RecordKind};
use strongroom_secret::SecretBytes;

use crate::vector::{Vector, check_all, named};

#[test]
fn vectors() {
    check_all("value", 39, |vector| {
        let sealed = vector.bytes("sealed");
        match value::from_text(vector.text("text")) {
            Ok(read) => assert_eq!(read, sealed),
            Err(TextRefusal::Prefix) => return "prefix".into(),
            Err(TextRefusal::Encoding) => return "encoding".into(),
        }
        assert_eq!(value::to_text(&sealed), vector.text("text"));
        let purpose = Purpose::from_byte(vector.u32("purpose") as u8).unwrap();
        let context = context_of(vector);
        let place = place_of(&vector.bytes("place"), context.as_ref());
        let mut out = SecretBytes::from_slice(b"left over");
        match value::open(&vector.sealing(), purpose, &place, &sealed, &mut out) {
            Ok(header) => {
                assert_eq!(out.expose(), vector.bytes("plaintext"));
                assert_eq!(header.purpose, purpose);
                assert_eq!(header.key_id, vector.id("key_id"));
                assert_eq!(header.key_version, vector.u32("key_version"));
                check_sealed_again(vector, header, &place);
                "ok".into()
            }
            Err(error) => {
                assert!(out.is_empty());
                class(error).into()
            }
        }
    });
}

fn check_sealed_again(vector: &Vector, header: value::ValueHeader, place: &Place<'_>) {
    let (mut again, expected) = (Vec::new(), vector.bytes("sealed"));
    value::seal(
        &vector.sealing(),
        header.purpose,
        header.key_id,
        header.key_version,
        place,
        &vector.bytes("plaintext"),
        &mut again,
    );
    assert_eq!(again[..24], expected[..24]);
    assert_eq!(again.len(), expected.len());
}

/// The context of a vector whose place is one, built from its pairs when it states them.
fn context_of(vector: &Vector) -> Option<Context> {
    let place = vector.bytes("place");
    let read = (place[0] == 1).then(|| Context::from_bytes(&place).unwrap());
    if vector.has("context") {
        let built = Context::new(vector.pairs("context")).unwrap();
        assert_eq!(built.as_bytes(), place);
        assert_eq!(read.as_ref(), Some(&built));
    }
    read
}

fn place_of<'a>(bytes: &[u8], context: Option<&'a Context>) -> Place<'a> {
    match context {
        Some(context) => Place::Context(context),
        None => Place::Record {
            key: RecordKey::from_bytes(&bytes[1..18]).unwrap(),
            field: u16::from_be_bytes(bytes[18..20].try_into().unwrap()),
            version: u32::from_be_bytes(bytes[20..24].try_into().unwrap()),
        },
    }
}

fn class(error: ValueError) -> &'static str {
    match error {
        ValueError::Unauthentic => "unauthentic",
        ValueError::Purpose { .. } => "other_purpose",
        ValueError::Refused(refusal) => match refusal {
            ValueRefusal::Length { .. } => "length",
            ValueRefusal::Format { .. } => "format",
            ValueRefusal::Purpose { .. } => "purpose",
            ValueRefusal::Suite { .. } => "suite",
            ValueRefusal::KeyVersion => "key_version",
        },
    }
}

#[test]
fn context_vectors() {
    check_all("context", 15, |vector| match Context::from_bytes(&vector.bytes("place")) {
        Ok(context) => {
            let pairs: Vec<(String, String)> = vector.pairs("context");
            assert_eq!(context.as_bytes(), vector.bytes("place"));
            assert_eq!(context, Context::new(pairs.clone()).unwrap());
            let borrowed: Vec<(&str, &str)> = pairs.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
            assert_eq!(context.pairs(), borrowed);
            "ok".into()
        }
        Err(_) => "malformed".into(),
    });
}

#[test]
fn contexts_have_limits() {
    let long = "x".repeat(257);
    let new = |pairs: &[(&str, &str)]| Context::new(pairs.iter().copied());
    assert_eq!(new(&[]).unwrap(), Context::empty());
    assert_eq!(new(&[("b", "1"), ("a", "2")]).unwrap(), new(&[("a", "2"), ("b", "1")]).unwrap());
    assert!(matches!(new(&[("", "x")]), Err(ContextRefusal::Name { length: 0 })));
    assert!(matches!(new(&[(&long, "x")]), Err(ContextRefusal::Name { length: 257 })));
    assert!(matches!(new(&[("a", &long)]), Err(ContextRefusal::Text { length: 257, .. })));
    assert!(matches!(new(&[("a", "1"), ("b", ""), ("a", "1")]), Err(ContextRefusal::Twice { .. })));
    let many: Vec<(String, String)> = (0..17).map(|n| (n.to_string(), String::new())).collect();
    assert!(Context::new(many[..16].to_vec()).is_ok());
    assert!(matches!(Context::new(many), Err(ContextRefusal::Pairs { count: 17 })));
}

const KEY: [u8; 32] = [0x24; 32];

fn in_record(field: u16, version: u32) -> Place<'static> {
    Place::Record { key: RecordKey::new(RecordKind::SecretVersion, Id([3; 16])), field, version }
}

fn sealed(purpose: Purpose, place: &Place<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    value::seal(&SealingKey::new(&KEY), purpose, Id([9; 16]), 5, place, b"s3cret", &mut out);
    out
}

fn opens(purpose: Purpose, place: &Place<'_>, sealed: &[u8]) -> bool {
    let mut out = SecretBytes::new();
    let opened = value::open(&SealingKey::new(&KEY), purpose, place, sealed, &mut out);
    opened.is_ok()
}

#[test]
fn every_bit_and_every_length_matters() {
    for purpose in Purpose::ALL {
        let place = in_record(7, 1);
        let good = sealed(purpose, &place);
        assert!(opens(purpose, &place, &good));
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut flipped = good.clone();
                flipped[at] ^= 1 << bit;
                assert!(!opens(purpose, &place, &flipped), "byte {at}, bit {bit}");
            }
            assert!(!opens(purpose, &place, &good[..at]), "{at} bytes");
        }
        assert!(!opens(purpose, &place, &[&good[..], &[0]].concat()));
    }
}

#[test]
fn every_header_byte_has_one_value() {
    let place = in_record(7, 1);
    let good = sealed(Purpose::Secrets, &place);
    for at in 0..value::HEAD_LENGTH {
        for byte in (0..=255u8).filter(|byte| *byte != good[at]) {
            let mut changed = good.clone();
            changed[at] = byte;
            for purpose in Purpose::ALL {
                assert!(!opens(purpose, &place, &changed), "byte {at} = {byte}");
            }
        }
    }
}

#[test]
fn a_value_opens_for_its_purpose_and_place_only() {
    let contexts = [
        Context::empty(),
        Context::new([("a", "bc")]).unwrap(),
        Context::new([("ab", "c")]).unwrap(),
        Context::new([("a", "b"), ("c", "")]).unwrap(),
    ];
    let mut places: Vec<Place<'_>> = contexts.iter().map(Place::Context).collect();
    places.extend([in_record(7, 1), in_record(7, 2), in_record(8, 1), in_record(1, 7)]);
    places.push(Place::Record { key: RecordKey::new(RecordKind::Secret, Id([3; 16])), field: 7, version: 1 });
    for (at, place) in places.iter().enumerate() {
        let good = sealed(Purpose::Values, place);
        for (other_at, other) in places.iter().enumerate() {
            assert_eq!(opens(Purpose::Values, other, &good), at == other_at);
        }
        for purpose in Purpose::ALL {
            assert_eq!(opens(purpose, place, &good), purpose == Purpose::Values);
        }
    }
}

#[test]
fn purposes_are_those_of_the_page() {
    let known: Vec<u8> = (0..=255).filter(|byte| Purpose::from_byte(*byte).is_some()).collect();
    assert_eq!(known, [1, 2, 3, 4, 5, 6, 7, 8, 32]);
    assert!(Purpose::ALL.iter().all(|p| Purpose::from_byte(p.byte()) == Some(*p)));
}

#[test]
fn texts_have_one_form() {
    let text = named("value/in-record").text("text").to_owned();
    for at in 0..text.len() {
        for byte in 0..=127u8 {
            let mut other = text.clone().into_bytes();
            other[at] = byte;
            let other = String::from_utf8(other).unwrap();
            if let Ok(read) = value::from_text(&other) {
                assert_eq!(value::to_text(&read), other);
            }
        }
        if let Ok(read) = value::from_text(&text[..at]) {
            assert_eq!(value::to_text(&read), text[..at]);
        }
    }
    for refused in ["", "sr1", "sr2.AAAA", " sr1.AAAA", "sr1.AAAA ", "sr1.A", "sr1.AB==", "sr1.AB", "sr1.+/+/"] {
        assert!(value::from_text(refused).is_err(), "{refused:?}");
    }
    assert_eq!(value::from_text("sr1.AA"), Ok(vec![0]));
}
