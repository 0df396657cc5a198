//! Whatever we write, we read back as it was: random bodies, lines, slots, contexts and records.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use strongroom_crypto::SealingKey;
use strongroom_envelope::anchor::{self, Slot};
use strongroom_envelope::audit_line::{self, Checkpoint, Line};
use strongroom_envelope::log::{AuditEntry, AuditPosition, LogRecord, LoggedChange, LoggedCommit};
use strongroom_envelope::protector::{self, ProtectorKind, ProtectorRecord};
use strongroom_envelope::value::{self, Context};
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp, body, record};
use strongroom_secret::{MacKey, SecretBytes};

fn id() -> impl Strategy<Value = Id> {
    any::<[u8; 16]>().prop_map(Id)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,40}", any::<Vec<char>>().prop_map(|c| c.into_iter().take(40).collect())]
}

fn moment() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp)
}

fn record_key() -> impl Strategy<Value = RecordKey> {
    let kinds: Vec<RecordKind> = RecordKind::ALL.into_iter().filter(|kind| kind.is_indexed()).collect();
    (proptest::sample::select(kinds), id())
        .prop_map(|(kind, id)| RecordKey::new(kind, if kind.is_single() { Id::NIL } else { id }))
}

fn commit() -> impl Strategy<Value = LoggedCommit> {
    (id(), any::<[u8; 16]>(), vec(any::<u8>(), 0..300), any::<bool>())
        .prop_map(|(id, request_digest, reply, keyed)| LoggedCommit { id, request_digest, reply, keyed })
}

fn change(epoch: u64) -> impl Strategy<Value = LoggedChange> {
    let old = prop_oneof![
        Just(Generation::NONE),
        (1..=epoch, 0..0x100u16).prop_map(|(epoch, index)| Generation::new(epoch, index)),
    ];
    (record_key(), old, 0x100..0xfff0u16, any::<[u8; 16]>(), any::<bool>()).prop_map(
        move |(key, old, index, tag, delete)| {
            if delete && !old.is_none() {
                LoggedChange { key, old, new: Generation::NONE, tag: [0; 16], name_tag: None }
            } else {
                LoggedChange {
                    key,
                    old,
                    new: Generation::new(epoch, index),
                    tag,
                    name_tag: index.is_multiple_of(2).then_some([7; 8]),
                }
            }
        },
    )
}

fn entry() -> impl Strategy<Value = AuditEntry> {
    (
        (moment(), text(), text(), text(), text()),
        (option::of(id()), any::<u32>(), text(), any::<u64>(), id(), vec(text(), 0..3)),
    )
        .prop_map(|((time, principal, remote, operation, target), rest)| {
            let (key, key_version, outcome, count, request, context) = rest;
            AuditEntry {
                time,
                principal,
                remote,
                operation,
                target,
                key,
                key_version,
                outcome,
                count,
                request,
                context,
            }
        })
}

fn log() -> impl Strategy<Value = LogRecord> {
    (1..1u64 << 48).prop_flat_map(|epoch| {
        (
            (id(), moment(), any::<[u8; 32]>(), any::<u64>()),
            (vec(commit(), 0..6), vec(change(epoch), 0..6), vec(entry(), 0..4)),
            (any::<u64>(), any::<[u8; 32]>()),
        )
            .prop_map(move |(head, lists, (seq, audit_head))| LogRecord {
                epoch,
                incarnation: head.0,
                time: head.1,
                previous: head.2,
                commits: lists.0,
                changes: lists.1,
                audit: lists.2,
                audit_position: AuditPosition { seq, head: audit_head },
                record_count: head.3,
            })
    })
}

fn line() -> impl Strategy<Value = Line> {
    let checkpoint =
        (any::<u64>(), any::<[u8; 32]>(), option::of(any::<[u8; 32]>())).prop_map(|(number, next_key, half)| {
            Checkpoint {
                number,
                next_key,
                signature: half.map(|half| {
                    let mut signature = [0; 64];
                    signature[32..].copy_from_slice(&half);
                    signature
                }),
            }
        });
    (
        (entry(), 0..253_402_300_800_000i64, any::<u64>(), text()),
        (option::of(any::<u64>()), option::of(any::<u32>())),
        (option::of(any::<[u8; 32]>()), option::of(checkpoint)),
        (any::<[u8; 32]>(), option::of(any::<[u8; 16]>())),
    )
        .prop_map(|((mut entry, time, seq, node), (epoch, index), (anchor, checkpoint), (prev, mac))| {
            entry.time = Timestamp(time);
            Line { seq, node, epoch, index, anchor, checkpoint, prev, mac, ..Line::from(&entry) }
        })
}

fn protector_record() -> impl Strategy<Value = ProtectorRecord> {
    let printable = "[^\\p{Cc}]{0,20}";
    (
        (id(), id(), moment(), vec(any::<u8>(), 16..=32)),
        vec((printable, printable), 0..16),
        proptest::sample::select(ProtectorKind::ALL.to_vec()),
        (any::<[u8; 32]>(), any::<[u8; 32]>()),
        ("[a-z0-9-]{1,128}", vec(any::<u8>(), 1..=500)),
    )
        .prop_map(|((store_id, protector_id, created_at, salt), bound_to, kind, parts, means)| {
            let mut wrapped = [0; 104];
            wrapped[..32].copy_from_slice(&parts.0);
            wrapped[72..].copy_from_slice(&parts.1);
            ProtectorRecord {
                store_id,
                protector_id,
                kind,
                bound_to,
                created_at,
                salt,
                parameters: (kind == ProtectorKind::Password).then(Default::default),
                wrapped,
                parameter: Some(means.0).filter(|_| kind.has_parameter()).unwrap_or_default(),
                blob: Some(means.1).filter(|_| kind.has_blob()).unwrap_or_default(),
            }
        })
}

proptest! {
    #[test]
    fn logs(log in log()) {
        let bytes = body::encode(&log);
        prop_assert_eq!(body::decode_strict::<LogRecord>(&bytes), Ok(log.clone()));
        let sealing = SealingKey::new(&[1; 32]);
        let mut sealed = Vec::new();
        log.seal(&sealing, 5, &mut sealed).unwrap();
        let (opened, _) =
            LogRecord::open(&sealing, log.epoch, &sealed, &mut SecretBytes::new()).unwrap();
        prop_assert_eq!(opened, log);
    }

    #[test]
    fn lines(line in line()) {
        let mut bytes = Vec::new();
        audit_line::render(&line, &mut bytes);
        prop_assert_eq!(audit_line::parse(&bytes), Ok(line));
    }

    #[test]
    fn protectors(record in protector_record(), epoch in 1..1u64 << 48, index in 0..0xfffeu16) {
        let mac_key = MacKey::fill_with(|out| out.fill(4));
        let (key, generation) = (record.record_key(), Generation::new(epoch, index));
        let (stored, tag) = protector::encode(&record, &mac_key, key, generation).unwrap();
        let parsed = protector::parse(key, &stored).unwrap();
        prop_assert!(parsed.verify_mac(&mac_key));
        prop_assert_eq!((parsed.tag, parsed.generation), (tag, generation));
        prop_assert_eq!(parsed.record, record);
    }

    #[test]
    fn slots(numbers in any::<[u64; 3]>(), ids in any::<[[u8; 16]; 3]>(), hashes in any::<[[u8; 32]; 2]>()) {
        let slot = Slot {
            counter: numbers[0],
            store_id: Id(ids[0]),
            incarnation: Id(ids[1]),
            root_id: ids[2],
            epoch: numbers[1],
            authenticator: hashes[0],
            audit_seq: numbers[2],
            audit_head: hashes[1],
        };
        prop_assert_eq!(anchor::parse(&anchor::encode(&slot)), Ok(slot));
    }

    #[test]
    fn contexts(pairs in proptest::collection::btree_map(".{1,20}", ".{0,20}", 0..=16)) {
        let context = Context::new(&pairs).unwrap();
        prop_assert_eq!(Context::from_bytes(context.as_bytes()), Ok(context.clone()));
        let back: Vec<(String, String)> =
            context.pairs().into_iter().map(|(n, t)| (n.into(), t.into())).collect();
        prop_assert_eq!(back, pairs.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn texts(sealed in vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(value::from_text(&value::to_text(&sealed)), Ok(sealed));
    }

    #[test]
    fn records(key in record_key(), epoch in 1..1u64 << 48, index in 0..0xfffeu16, body in vec(any::<u8>(), 0..500)) {
        prop_assume!(key.kind != RecordKind::Protector);
        prop_assert_eq!(RecordKey::from_bytes(&key.to_bytes()), Ok(key));
        let sealing = SealingKey::new(&[1; 32]);
        let store_key_id = u32::from(key.kind != RecordKind::Keyring);
        let generation = Generation::new(epoch, index);
        let (mut sealed, mut out) = (Vec::new(), SecretBytes::new());
        let tag = record::seal(&sealing, store_key_id, key, generation, &body, &mut sealed);
        let header = record::open(&sealing, key, &sealed, &mut out).unwrap();
        prop_assert_eq!(out.expose(), &body[..]);
        prop_assert_eq!((header.tag, header.generation), (tag, generation));
        prop_assert_eq!((generation.epoch(), generation.index()), (epoch, index));
    }

    #[test]
    fn moments(ms in -62_167_219_200_000i64..253_402_300_800_000) {
        prop_assert_eq!(Timestamp::parse(&Timestamp(ms).rfc3339()), Ok(Timestamp(ms)));
    }

    #[test]
    fn identifiers(ms in 0..1i64 << 48, random in any::<[u8; 10]>()) {
        let id = Id::v7(ms, random);
        prop_assert_eq!(Id::parse(&id.to_string()), Ok(id));
        prop_assert_eq!(id.0[6] >> 4, 7);
        prop_assert_eq!(id.0[8] >> 6, 2);
        prop_assert_eq!(&id.0[..6], &ms.to_be_bytes()[2..]);
    }
}
