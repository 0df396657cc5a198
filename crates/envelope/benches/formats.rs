//! What the formats cost: values, records of 100,000 at start, a full batch's log record, trail lines.

#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use minicbor::{Decode, Encode};
use strongroom_crypto::SealingKey;
use strongroom_envelope::audit_line::{self, Line};
use strongroom_envelope::body::{self, Body};
use strongroom_envelope::log::{AuditEntry, AuditPosition, LogRecord, LoggedChange, LoggedCommit, log_hash};
use strongroom_envelope::value::{self, Context, Place, Purpose};
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp, record};
use strongroom_secret::SecretBytes;

/// A body like that of a secret's head.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Head {
    #[n(0)]
    version: u32,
    #[n(1)]
    name: String,
    #[n(2)]
    created_at: Timestamp,
    #[n(3)]
    updated_at: Timestamp,
    #[n(4)]
    current: u32,
    #[n(7)]
    versions: Vec<(u32, Id, Timestamp)>,
}

impl Body for Head {}

fn values(criterion: &mut Criterion) {
    let sealing = SealingKey::new(&[1; 32]);
    let context = Context::new([("tenant", "acme"), ("column", "iban")]).expect("two short pairs");
    let in_record = Place::Record { key: RecordKey::new(RecordKind::SecretVersion, Id([3; 16])), field: 7, version: 1 };
    let mut group = criterion.benchmark_group("value_seal_open_64");
    group.throughput(Throughput::Elements(1));
    for (name, place) in [("in_record", in_record), ("with_context", Place::Context(&context))] {
        group.bench_function(name, |bencher| {
            let (mut sealed, mut out) = (Vec::new(), SecretBytes::with_capacity(64));
            bencher.iter(|| {
                sealed.clear();
                let plaintext = black_box(&[5; 64]);
                let purpose = Purpose::Secrets;
                value::seal(&sealing, purpose, Id([9; 16]), 1, &place, plaintext, &mut sealed);
                value::open(&sealing, purpose, &place, &sealed, &mut out).expect("just sealed")
            });
        });
    }
}

fn records(criterion: &mut Criterion) {
    let sealing = SealingKey::new(&[1; 32]);
    let key = RecordKey::new(RecordKind::Secret, Id([3; 16]));
    let head = Head {
        version: 1,
        name: "ftp/partner/acme".into(),
        created_at: Timestamp(1_764_000_000_000),
        updated_at: Timestamp(1_764_000_000_000),
        current: 1,
        versions: vec![(1, Id([4; 16]), Timestamp(1_764_000_000_000))],
    };
    let mut sealed = Vec::new();
    record::seal_body(&sealing, 7, key, Generation::new(1, 0), &head, &mut sealed);
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Elements(1));
    group.bench_function("verify", |bencher| {
        let mut scratch = SecretBytes::with_capacity(256);
        bencher.iter(|| record::verify(&sealing, key, black_box(&sealed), &mut scratch));
    });
    group.bench_function("open_body", |bencher| {
        let mut scratch = SecretBytes::with_capacity(256);
        bencher
            .iter(|| record::open_body::<Head>(&sealing, key, black_box(&sealed), &mut scratch).expect("just sealed"));
    });
    group.bench_function("seal_body", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            out.clear();
            record::seal_body(&sealing, 7, key, Generation::new(1, 0), &head, &mut out)
        });
    });
}

fn batch(commits: u16) -> LogRecord {
    let entry = |n: u16| AuditEntry {
        time: Timestamp(1_764_000_000_000),
        principal: "uid:1000".into(),
        remote: "unix".into(),
        operation: "secret.put".into(),
        target: format!("ftp/partner-{n}"),
        outcome: "ok".into(),
        request: Id([6; 16]),
        ..AuditEntry::default()
    };
    let change = |n: u16| LoggedChange {
        key: RecordKey::new(RecordKind::Secret, Id::v7(i64::from(n), [7; 10])),
        old: Generation::NONE,
        new: Generation::new(5, n),
        tag: [9; 16],
        name_tag: None,
    };
    let commit = |n: u16| LoggedCommit {
        id: Id::v7(i64::from(n), [8; 10]),
        request_digest: [3; 16],
        reply: vec![4; 60],
        keyed: false,
    };
    LogRecord {
        epoch: 5,
        incarnation: Id([1; 16]),
        time: Timestamp(1_764_000_000_000),
        previous: [2; 32],
        commits: (0..commits).map(commit).collect(),
        changes: (0..commits * 2).map(change).collect(),
        audit: (0..commits).map(entry).collect(),
        audit_position: AuditPosition::default(),
        record_count: 100_000,
    }
}

fn logs(criterion: &mut Criterion) {
    let sealing = SealingKey::new(&[1; 32]);
    let mut group = criterion.benchmark_group("log_per_commit");
    for commits in [1, 64, 1024] {
        let log = batch(commits);
        let (mut sealed, mut scratch) = (Vec::new(), SecretBytes::new());
        log.seal(&sealing, 7, &mut sealed).expect("a sound batch");
        group.throughput(Throughput::Elements(u64::from(commits)));
        group.bench_function(format!("seal_and_hash_{commits}"), |bencher| {
            let mut out = Vec::new();
            bencher.iter(|| {
                out.clear();
                log.seal(&sealing, 7, &mut out).expect("a sound batch");
                log_hash(&out)
            });
        });
        group.bench_function(format!("open_{commits}"), |bencher| {
            bencher.iter(|| LogRecord::open(&sealing, 5, &sealed, &mut scratch));
        });
    }
}

fn lines(criterion: &mut Criterion) {
    let log = batch(1);
    let line =
        Line { seq: 1_000_000, node: "vault-1".into(), mac: Some([1; 16]), ..Line::of_entry(&log.audit[0], 5, 0) };
    let mut text = Vec::new();
    audit_line::render(&line, &mut text);
    let mut group = criterion.benchmark_group("audit_line");
    group.throughput(Throughput::Elements(1));
    group.bench_function("render", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            out.clear();
            audit_line::render(black_box(&line), &mut out);
        });
    });
    group.bench_function("parse", |bencher| {
        bencher.iter(|| audit_line::parse(black_box(&text)).expect("just rendered"));
    });
    group.bench_function("body_decode", |bencher| {
        let bytes = body::encode(&log);
        bencher.iter(|| body::decode_strict::<LogRecord>(black_box(&bytes)).expect("just encoded"));
    });
}

criterion_group!(benches, values, records, logs, lines);
criterion_main!(benches);
