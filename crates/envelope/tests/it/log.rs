//! Log records: every batch reads back, and what contradicts itself or its place is refused.

use strongroom_crypto::SealingKey;
use strongroom_envelope::body::{self, BodyError};
use strongroom_envelope::log::{
    AuditEntry, AuditPosition, LogRecord, LoggedChange, LoggedCommit, OpenLogError, log_hash,
};
use strongroom_envelope::record::OpenBodyError;
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp};
use strongroom_secret::SecretBytes;

use crate::record::class as record_class;
use crate::vector::{Vector, check_all, named};

#[test]
fn vectors() {
    check_all("log", 28, |vector| {
        let sealed = vector.bytes("sealed");
        let mut scratch = SecretBytes::new();
        match LogRecord::open(&vector.sealing(), vector.u64("epoch"), &sealed, &mut scratch) {
            Ok((log, header)) => {
                assert_eq!(log, expected(&vector.object("fields")));
                assert_eq!(body::encode(&log), vector.bytes("body"));
                assert_eq!(log_hash(&sealed)[..], vector.bytes("log_hash"));
                assert_eq!(header.store_key_id, vector.u32("store_key_id"));
                "ok".into()
            }
            Err(OpenLogError::Contradiction(_)) => "contradiction".into(),
            Err(OpenLogError::Record(error)) => body_class(error).into(),
        }
    });
}

/// The failure class that vectors name.
pub fn body_class(error: OpenBodyError) -> &'static str {
    match error {
        OpenBodyError::Record(error) => record_class(error),
        OpenBodyError::Body(BodyError::Newer { .. }) => "newer",
        OpenBodyError::Body(BodyError::Malformed) => "malformed",
    }
}

fn expected(fields: &Vector) -> LogRecord {
    let position = fields.0["audit_position"].as_array().unwrap();
    LogRecord {
        epoch: fields.u64("epoch"),
        incarnation: fields.id("incarnation"),
        time: Timestamp(fields.i64("time")),
        previous: fields.array("previous"),
        commits: fields.list("commits").iter().map(expected_commit).collect(),
        changes: fields.list("changes").iter().map(expected_change).collect(),
        audit: fields.list("audit").iter().map(expected_entry).collect(),
        audit_position: AuditPosition {
            seq: position[0].as_u64().unwrap(),
            head: crate::vector::bytes(&position[1]).try_into().unwrap(),
        },
        record_count: fields.u64("record_count"),
    }
}

fn expected_commit(commit: &Vector) -> LoggedCommit {
    LoggedCommit {
        id: commit.id("id"),
        request_digest: commit.array("request_digest"),
        reply: commit.bytes("reply"),
        keyed: commit.0["keyed"].as_bool().unwrap(),
    }
}

fn expected_change(change: &Vector) -> LoggedChange {
    LoggedChange {
        key: change.record_key("key"),
        old: Generation(change.u64("old")),
        new: Generation(change.u64("new")),
        tag: change.array("tag"),
        name_tag: Some(change.array("name_tag")).filter(|tag| *tag != [0; 8]),
    }
}

fn expected_entry(entry: &Vector) -> AuditEntry {
    AuditEntry {
        time: Timestamp(entry.i64("time")),
        principal: entry.text("principal").into(),
        remote: entry.text("remote").into(),
        operation: entry.text("operation").into(),
        target: entry.text("target").into(),
        key: Id::from_slice(&entry.bytes("key")).ok(),
        key_version: entry.u32("key_version"),
        outcome: entry.text("outcome").into(),
        count: entry.u64("count"),
        request: entry.id("request"),
        context: Vec::new(),
    }
}

#[test]
fn every_byte_of_a_sealed_log_record_matters() {
    let vector = named("log/batch");
    let (sealing, sealed) = (vector.sealing(), vector.bytes("sealed"));
    let mut scratch = SecretBytes::new();
    let mut opens = |sealed: &[u8]| LogRecord::open(&sealing, 42, sealed, &mut scratch).is_ok();
    assert!(opens(&sealed));
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 0x04;
        assert!(!opens(&flipped), "byte {at}");
        assert!(!opens(&sealed[..at]), "{at} bytes");
    }
    assert!(!opens(&[&sealed[..], &[0]].concat()));
}

#[test]
fn every_byte_of_a_body_has_one_meaning() {
    let bytes = named("log/batch").bytes("body");
    for at in 0..bytes.len() {
        for value in [0, 1, 0x18, 0x40, 0x5f, 0x7f, 0x9f, 0xbf, 0xf6, 0xff, bytes[at] ^ 1] {
            let mut changed = bytes.clone();
            changed[at] = value;
            if let Ok(log) = body::decode_strict::<LogRecord>(&changed) {
                assert_eq!(body::encode(&log), changed, "byte {at} = {value}");
            }
        }
        assert!(body::decode_strict::<LogRecord>(&bytes[..at]).is_err());
    }
}

/// A batch as large as a batch may be.
fn full_batch() -> LogRecord {
    let key = |n: u32| RecordKey::new(RecordKind::SecretVersion, Id::v7(i64::from(n), [7; 10]));
    LogRecord {
        epoch: 5,
        incarnation: Id([1; 16]),
        time: Timestamp(1_764_000_000_000),
        previous: [2; 32],
        commits: (0..1024u32)
            .map(|n| LoggedCommit {
                id: Id::v7(i64::from(n), [8; 10]),
                request_digest: [3; 16],
                reply: vec![4; 90],
                keyed: true,
            })
            .collect(),
        changes: (0..2048u16)
            .map(|n| LoggedChange {
                key: key(u32::from(n)),
                old: Generation::NONE,
                new: Generation::new(5, n),
                tag: [9; 16],
                name_tag: Some([6; 8]),
            })
            .collect(),
        audit: (0..1024)
            .map(|n| AuditEntry {
                time: Timestamp(n),
                principal: "token:0190b5a0-0000-7000-8000-000000000000".into(),
                operation: "secret.put".into(),
                target: format!("ftp/partner-{n}"),
                outcome: "ok".into(),
                request: Id([6; 16]),
                ..AuditEntry::default()
            })
            .collect(),
        audit_position: AuditPosition { seq: 1, head: [5; 32] },
        record_count: 100_000,
    }
}

#[test]
fn a_full_batch_reads_back() {
    let (log, sealing) = (full_batch(), SealingKey::new(&[1; 32]));
    let mut sealed = Vec::new();
    let tag = log.seal(&sealing, 7, &mut sealed).unwrap();
    let mut scratch = SecretBytes::new();
    let (opened, header) = LogRecord::open(&sealing, 5, &sealed, &mut scratch).unwrap();
    assert_eq!(opened, log);
    assert_eq!((header.tag, header.generation.0), (tag, 5 << 16 | 0xffff));
    assert!(scratch.is_empty());
    assert!(LogRecord::open(&sealing, 6, &sealed, &mut scratch).is_err(), "at another place");
}

#[test]
fn what_could_not_be_read_is_not_sealed() {
    let sealing = SealingKey::new(&[1; 32]);
    let seal = |change: &dyn Fn(&mut LogRecord)| {
        let mut log = full_batch();
        change(&mut log);
        let mut sealed = Vec::new();
        let sealed_it = log.seal(&sealing, 7, &mut sealed).is_ok();
        assert_eq!(sealed_it, !sealed.is_empty());
        sealed_it
    };
    assert!(seal(&|_| ()));
    assert!(!seal(&|log| log.epoch = 0));
    assert!(!seal(&|log| log.epoch = 1 << 48));
    assert!(!seal(&|log| log.epoch = 6), "changes of another epoch");
    assert!(!seal(&|log| log.changes[3].key = RecordKey::log(5)));
    assert!(!seal(&|log| log.changes[3].key = RecordKey::snapshot(5, 0)));
    assert!(!seal(&|log| log.changes[3].new = Generation::NONE), "a deletion of nothing");
    assert!(
        !seal(&|log| {
            log.changes[3].old = Generation::new(4, 0);
            log.changes[3].new = Generation::NONE;
            log.changes[3].name_tag = None;
        }),
        "a deletion with a tag"
    );
    assert!(
        !seal(&|log| {
            log.changes[3].old = Generation::new(4, 0);
            log.changes[3].new = Generation::NONE;
            log.changes[3].tag = [0; 16];
        }),
        "a deletion with a name tag"
    );
    assert!(
        seal(&|log| {
            log.changes[3].old = Generation::new(5, 1);
            log.changes[3].new = Generation::NONE;
            log.changes[3].tag = [0; 16];
            log.changes[3].name_tag = None;
        }),
        "written and deleted in one batch"
    );
    assert!(!seal(&|log| log.changes[3].old = Generation::new(6, 0)));
    assert!(!seal(&|log| log.changes[3].old = log.changes[3].new));
}
