//! Two-tier values open under their data key, for their purpose and place, in both forms; nothing else does.

use strongroom_crypto::SealingKey;
use strongroom_envelope::two_tier::{self, TextRefusal, TwoTierError, TwoTierRefusal};
use strongroom_envelope::value::{self, Context, Place, Purpose};
use strongroom_envelope::{DataKeyRefusal, Id, RecordKey, RecordKind, SealedDataKey};
use strongroom_secret::{DataKey, SecretBytes};

use crate::vector::{Vector, check_all, named};

#[test]
fn vectors() {
    check_all("two_tier", 30, |vector| match outcome(vector) {
        Ok(()) => "ok".into(),
        Err(class) => class.into(),
    });
}

fn outcome(vector: &Vector) -> Result<(), &'static str> {
    let sealed = vector.bytes("sealed");
    match two_tier::from_text(vector.text("text")) {
        Ok(read) => assert_eq!(read, sealed),
        Err(TextRefusal::Prefix) => return Err("prefix"),
        Err(TextRefusal::Encoding) => return Err("encoding"),
    }
    assert_eq!(two_tier::to_text(&sealed), vector.text("text"));
    let header = two_tier::parse(&sealed).map_err(refused)?;
    let purpose = Purpose::from_byte(vector.u32("purpose") as u8).unwrap();
    if header.purpose != purpose {
        let mut out = SecretBytes::from_slice(b"left over");
        let error = two_tier::open(&SealingKey::new(&[1; 32]), purpose, &IN_RECORD, &sealed, &mut out).unwrap_err();
        assert_eq!(error, TwoTierError::Purpose { expected: purpose, found: header.purpose });
        assert!(out.is_empty());
        return Err("other_purpose");
    }
    let data_key = with_place(&vector.bytes("key_place"), |place| header.data_key.open(&vector.sealing(), place))
        .map_err(|_| "unauthentic_data_key")?;
    let sealing = SealingKey::new(data_key.expose());
    let mut out = SecretBytes::from_slice(b"left over");
    let opened =
        with_place(&vector.bytes("place"), |place| two_tier::open(&sealing, purpose, place, &sealed, &mut out));
    if let Err(error) = opened {
        assert_eq!(error, TwoTierError::Unauthentic);
        assert!(out.is_empty());
        return Err("unauthentic");
    }
    assert_eq!(out.expose(), vector.bytes("payload"));
    assert_eq!(data_key.expose(), &vector.array::<32>("data_key"));
    let master = header.data_key.header();
    assert_eq!((master.key_id, master.key_version), (vector.id("key_id"), vector.u32("key_version")));
    Ok(())
}

fn refused(refusal: TwoTierRefusal) -> &'static str {
    match refusal {
        TwoTierRefusal::Length { .. } => "length",
        TwoTierRefusal::Format { .. } => "format",
        TwoTierRefusal::Purpose { .. } => "purpose",
        TwoTierRefusal::Suite { .. } => "suite",
        TwoTierRefusal::DataKey(_) => "data_key",
    }
}

/// Runs `then` with the place whose bytes these are.
fn with_place<R>(bytes: &[u8], then: impl FnOnce(&Place<'_>) -> R) -> R {
    if bytes[0] == 1 {
        return then(&Place::Context(&Context::from_bytes(bytes).unwrap()));
    }
    then(&Place::Record {
        key: RecordKey::from_bytes(&bytes[1..18]).unwrap(),
        field: u16::from_be_bytes(bytes[18..20].try_into().unwrap()),
        version: u32::from_be_bytes(bytes[20..24].try_into().unwrap()),
    })
}

const IN_RECORD: Place<'static> =
    Place::Record { key: RecordKey::new(RecordKind::Transaction, Id([3; 16])), field: 2, version: 1 };

/// A value with a data key of its own, and that data key.
fn sealed(purpose: Purpose, place: &Place<'_>) -> (SealingKey, Vec<u8>) {
    let data_key = DataKey::fill_with(|bytes| bytes.fill(0x42));
    let wrapped = SealedDataKey::seal(&SealingKey::new(&[7; 32]), purpose, Id([9; 16]), 5, place, &data_key);
    let sealing = SealingKey::new(data_key.expose());
    let mut out = b"before".to_vec();
    two_tier::seal(&sealing, &wrapped, place, b"payload", &mut out);
    assert_eq!(out[..6], *b"before");
    (sealing, out[6..].to_vec())
}

fn opens(sealing: &SealingKey, purpose: Purpose, place: &Place<'_>, sealed: &[u8]) -> bool {
    let mut out = SecretBytes::new();
    let opened = two_tier::open(sealing, purpose, place, sealed, &mut out);
    assert_eq!(opened.is_ok(), out.expose() == b"payload");
    opened.is_ok()
}

#[test]
fn every_bit_and_every_length_matters() {
    for purpose in two_tier::PURPOSES {
        let (sealing, good) = sealed(purpose, &IN_RECORD);
        assert_eq!(good.len(), two_tier::LEAST_LENGTH + 7);
        assert!(opens(&sealing, purpose, &IN_RECORD, &good));
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut flipped = good.clone();
                flipped[at] ^= 1 << bit;
                assert!(!opens(&sealing, purpose, &IN_RECORD, &flipped), "byte {at}, bit {bit}");
            }
            assert!(!opens(&sealing, purpose, &IN_RECORD, &good[..at]), "{at} bytes");
        }
        assert!(!opens(&sealing, purpose, &IN_RECORD, &[&good[..], &[0]].concat()));
    }
}

#[test]
fn neither_kind_of_value_is_the_other() {
    let context = Context::empty();
    let place = Place::Context(&context);
    let (sealing, two) = sealed(Purpose::Values, &place);
    let mut one = Vec::new();
    value::seal(&sealing, Purpose::Values, Id([9; 16]), 5, &place, &[0x42; 200], &mut one);
    assert!(matches!(two_tier::parse(&one), Err(TwoTierRefusal::Format { found: 1 })));
    assert!(matches!(value::parse(&two), Err(value::ValueRefusal::Format { found: 2 })));
    assert_eq!(two_tier::from_text(&value::to_text(&one)), Err(TextRefusal::Prefix));
    assert!(value::from_text(&two_tier::to_text(&two)).is_err());
}

#[test]
#[should_panic(expected = "no two-tier values")]
fn secrets_have_no_two_tier_values() {
    sealed(Purpose::Secrets, &IN_RECORD);
}

#[test]
fn a_data_key_is_a_sealed_value_of_32_bytes() {
    let context = Context::empty();
    let place = Place::Context(&context);
    let master = SealingKey::new(&[7; 32]);
    for length in [0, 31, 33] {
        let mut sealed = Vec::new();
        value::seal(&master, Purpose::Values, Id([9; 16]), 5, &place, &vec![1; length], &mut sealed);
        let refused = SealedDataKey::from_bytes(Purpose::Values, &sealed).unwrap_err();
        assert_eq!(refused, DataKeyRefusal::Length { length: 96 + length });
    }
    let bytes = named("two_tier/context").bytes("sealed")[4..132].to_vec();
    let sealed = SealedDataKey::from_bytes(Purpose::Values, &bytes).unwrap();
    assert_eq!(sealed.as_bytes()[..], bytes);
    assert_eq!(sealed.header(), value::parse(&bytes).unwrap());
    let refused = SealedDataKey::from_bytes(Purpose::Settings, &bytes).unwrap_err();
    assert_eq!(refused, DataKeyRefusal::Purpose { expected: Purpose::Settings, found: Purpose::Values });
}
