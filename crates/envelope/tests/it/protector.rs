//! Protector records: hostile bytes are refused by name, authentic ones yield the root key.

use strongroom_crypto::password::{Algorithm, Parameters};
use strongroom_envelope::protector::{
    self, ProtectorKind, ProtectorRecord, ProtectorRefusal, mac_key, unwrap_root, wrap_root,
};
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp};
use strongroom_secret::{RootKey, WrappingKey};

use crate::vector::{Vector, check_all, named};

#[test]
fn vectors() {
    check_all("protector", 78, |vector| {
        let key = RecordKey::from_bytes(&vector.bytes("record_key")).unwrap();
        let stored = vector.bytes("stored");
        match protector::parse(key, &stored) {
            Ok(parsed) if !parsed.verify_mac(&mac_key(&vector.root_key())) => "mac".into(),
            Ok(parsed) => {
                check_parsed(vector, key, &parsed);
                "ok".into()
            }
            Err(refusal) => class(&refusal).into(),
        }
    });
}

fn check_parsed(vector: &Vector, key: RecordKey, parsed: &protector::Parsed) {
    let (root, stored) = (vector.root_key(), vector.bytes("stored"));
    let record = &parsed.record;
    assert_eq!(*record, expected(&vector.object("fields")));
    assert_eq!(parsed.generation.0, vector.u64("generation"));
    assert_eq!(parsed.stored(), stored);
    assert_eq!(record.thumbprint()[..], vector.bytes("thumbprint"));
    assert_eq!(record.record_key(), key);
    assert!(protector::verify_mac(&mac_key(&root), key, &stored));
    let (again, tag) = protector::encode(record, &mac_key(&root), key, parsed.generation).unwrap();
    assert_eq!(again, stored, "there is one encoding, and it has no nonce of its own");
    assert_eq!(tag, parsed.tag);
    assert_eq!(tag, stored[stored.len() - 32..stored.len() - 16]);
    let wrapping = WrappingKey::from_slice(&vector.bytes("wrapping_key")).unwrap();
    let candidate = unwrap_root(&wrapping, record.store_id, record.protector_id, record.kind, &record.wrapped);
    assert!(candidate.unwrap().same_as(&root));
}

fn expected(fields: &Vector) -> ProtectorRecord {
    ProtectorRecord {
        store_id: fields.id("store_id"),
        protector_id: fields.id("protector_id"),
        kind: ProtectorKind::from_name(fields.text("kind")).unwrap(),
        bound_to: fields.pairs("bound_to"),
        created_at: Timestamp(fields.i64("created_at")),
        salt: fields.bytes("salt"),
        parameters: fields.has("parameters").then(|| {
            let numbers: Vec<u32> = fields
                .list("parameters")
                .iter()
                .map(|number| u32::try_from(number.0.as_u64().unwrap()).unwrap())
                .collect();
            let algorithm = match numbers[..] {
                [1, memory_kib, passes, lanes] => Algorithm::Argon2id { memory_kib, passes, lanes },
                [2, iterations, 0, 0] => Algorithm::Pbkdf2HmacSha256 { iterations },
                _ => panic!("{numbers:?}"),
            };
            Parameters { algorithm }
        }),
        wrapped: fields.array("wrapped"),
        parameter: if fields.has("parameter") { fields.text("parameter").to_owned() } else { String::new() },
        blob: if fields.has("blob") { fields.bytes("blob") } else { Vec::new() },
    }
}

fn class(refusal: &ProtectorRefusal) -> &'static str {
    match refusal {
        ProtectorRefusal::Place { .. } => "place",
        ProtectorRefusal::Length { .. } => "length",
        ProtectorRefusal::Head => "head",
        ProtectorRefusal::Newer { .. } => "newer",
        ProtectorRefusal::Body => "malformed",
        ProtectorRefusal::UnknownKind { kind } => {
            assert_eq!(kind, "hsm");
            "unknown_kind"
        }
        ProtectorRefusal::OtherId { .. } => "other_id",
        ProtectorRefusal::BoundTo => "bound_to",
        ProtectorRefusal::Salt { .. } => "salt",
        ProtectorRefusal::ParametersMisplaced => "parameters_misplaced",
        ProtectorRefusal::Parameter { .. } => "parameter",
        ProtectorRefusal::Blob { .. } => "blob",
        ProtectorRefusal::Algorithm { .. } => "algorithm",
        ProtectorRefusal::Parameters(_) => "parameters",
    }
}

#[test]
fn every_bit_and_every_length_matters() {
    for name in ["account", "machine", "password", "shares", "rsa", "pkcs11", "plugin"] {
        let vector = named(&format!("protector/{name}"));
        let (key, stored) = (vector.record_key("record_key"), vector.bytes("stored"));
        let mac_key = mac_key(&vector.root_key());
        let trusted = |stored: &[u8]| {
            let parsed = protector::parse(key, stored);
            let vouched = parsed.is_ok_and(|parsed| parsed.verify_mac(&mac_key));
            assert!(!vouched || protector::verify_mac(&mac_key, key, stored));
            vouched
        };
        assert!(trusted(&stored));
        for at in 0..stored.len() {
            for bit in 0..8 {
                let mut flipped = stored.clone();
                flipped[at] ^= 1 << bit;
                assert!(!trusted(&flipped), "{name}: byte {at}, bit {bit}");
                assert!(!protector::verify_mac(&mac_key, key, &flipped));
            }
            assert!(!trusted(&stored[..at]), "{name}: {at} bytes");
        }
        assert!(!trusted(&[&stored[..], &[0]].concat()));
    }
}

#[test]
fn every_header_byte_has_one_value() {
    let vector = named("protector/account");
    let (key, stored) = (vector.record_key("record_key"), vector.bytes("stored"));
    // Bytes 8 to 15 are the generation, which any write may have.
    for at in 0..8 {
        for byte in (0..=255u8).filter(|byte| *byte != stored[at]) {
            let mut changed = stored.clone();
            changed[at] = byte;
            assert_eq!(protector::parse(key, &changed), Err(ProtectorRefusal::Head), "byte {at}");
        }
    }
}

fn password_record() -> ProtectorRecord {
    let protector_id = Id([8; 16]);
    ProtectorRecord {
        store_id: Id([7; 16]),
        protector_id,
        kind: ProtectorKind::Password,
        bound_to: vec![("label".into(), "safe".into())],
        created_at: Timestamp(5),
        salt: vec![1; 32],
        parameters: Some(Parameters::default()),
        wrapped: [9; 104],
        parameter: String::new(),
        blob: Vec::new(),
    }
}

type Change<'a> = &'a dyn Fn(&mut ProtectorRecord);

#[test]
fn what_could_not_be_read_is_not_written() {
    let mac_key = mac_key(&RootKey::fill_with(|out| out.fill(3)));
    let encode = |change: Change<'_>| {
        let mut record = password_record();
        let key = record.record_key();
        change(&mut record);
        protector::encode(&record, &mac_key, key, Generation::new(1, 0))
    };
    assert!(encode(&|_| ()).is_ok());
    let refused: [(&str, Change<'_>); 12] = [
        ("another id", &|record| record.protector_id = Id::NIL),
        ("long text", &|record| record.bound_to[0].1 = "x".repeat(257)),
        ("control", &|record| record.bound_to[0].0 = "a\nb".into()),
        ("seventeen", &|record| record.bound_to = vec![record.bound_to[0].clone(); 17]),
        ("short salt", &|record| record.salt.truncate(15)),
        ("no cost", &|record| record.parameters = None),
        ("account with cost", &|record| record.kind = ProtectorKind::Account),
        ("password with a parameter", &|record| record.parameter = "office".into()),
        ("password with a blob", &|record| record.blob = vec![1]),
        ("a kind without its means", &|record| {
            record.kind = ProtectorKind::Rsa;
            record.parameters = None;
        }),
        ("a path for a name", &|record| {
            record.kind = ProtectorKind::Plugin;
            record.parameters = None;
            record.parameter = "../plugin".into();
            record.blob = vec![1];
        }),
        ("beyond 4,096 bytes", &|record| {
            record.bound_to = vec![("n".repeat(256), "t".repeat(256)); 8];
        }),
    ];
    for (name, change) in refused {
        assert!(encode(change).is_err(), "{name}");
    }
    let record = password_record();
    let elsewhere = RecordKey::new(RecordKind::Token, record.protector_id);
    assert!(protector::encode(&record, &mac_key, elsewhere, Generation::new(1, 0)).is_err());
    assert!(protector::encode(&record, &mac_key, record.record_key(), Generation::NONE).is_err());
}

#[test]
fn a_wrapped_root_key_opens_for_its_store_protector_and_kind_only() {
    let root = RootKey::fill_with(|out| out.fill(0x5e));
    let wrapping = WrappingKey::fill_with(|out| out.fill(0x11));
    let other = WrappingKey::fill_with(|out| out.fill(0x12));
    let (store, id) = (Id([1; 16]), Id([2; 16]));
    let wrapped = wrap_root(&wrapping, store, id, ProtectorKind::Machine, &root);
    let opened = unwrap_root(&wrapping, store, id, ProtectorKind::Machine, &wrapped);
    assert!(opened.unwrap().same_as(&root));
    for (wrapping, store, id, kind) in [
        (&other, store, id, ProtectorKind::Machine),
        (&wrapping, id, id, ProtectorKind::Machine),
        (&wrapping, store, store, ProtectorKind::Machine),
        (&wrapping, id, store, ProtectorKind::Machine),
        (&wrapping, store, id, ProtectorKind::Account),
        (&wrapping, store, id, ProtectorKind::Password),
    ] {
        assert!(unwrap_root(wrapping, store, id, kind, &wrapped).is_err());
    }
    for at in 0..wrapped.len() {
        let mut flipped = wrapped;
        flipped[at] ^= 1;
        assert!(unwrap_root(&wrapping, store, id, ProtectorKind::Machine, &flipped).is_err());
    }
}
