//! How much of a core the session takes: for rows and groups of messages that go through as they are, and for a group whose one
//! value is opened.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark prints its figures, and ends when it cannot"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use criterion::{Criterion, criterion_group, criterion_main};
use strongroom_column::{CellKey, Class, Mode, PlainType};
use strongroom_column_pg::catalogue::{Catalogue, ColumnClass, Parts};
use strongroom_column_pg::session::{Encryption, Scope, Session, StatementCache, Want};
use strongroom_column_pg::wire::{backend, frame, frontend};
use strongroom_secret::ColumnKey;

/// Groups of messages in a second that one core has to bear at least: many times what one server answers.
const LEAST_GROUPS: f64 = 300_000.0;
/// The type of cells.
const CELL: u32 = 20_000;
/// Rows of 100 bytes in a second.
const LEAST_ROWS: f64 = 5_000_000.0;

fn class() -> Arc<ColumnClass> {
    let class = Class { key: "k".into(), mode: Mode::Randomized, plain: PlainType::parse("text").unwrap() };
    Arc::new(ColumnClass {
        key: "k".into(),
        cell_oid: CELL,
        domain_oid: CELL + 1,
        cell_array_oid: CELL + 2,
        domain_array_oid: CELL + 3,
        sql_name: "strongroom.k".into(),
        class,
    })
}

fn key() -> Arc<CellKey> {
    Arc::new(CellKey::derive(&ColumnKey::from_slice(&[7; 32]).unwrap()))
}

fn session() -> Session {
    let parts = Parts { names: vec!["patients".into()], classes: vec![class()], ..Parts::default() };
    let catalogue = Catalogue::for_tests(parts);
    let scope = Scope::new("d", "r", &[]);
    Session::new(Encryption::Enabled, scope, Arc::new(catalogue), Arc::new(StatementCache::new()))
}

fn row(out: &mut BytesMut, value: &[u8]) {
    frame::write(out, backend::DATA_ROW, |out| {
        out.put_u16(1);
        out.put_u32(u32::try_from(value.len()).unwrap());
        out.put_slice(value);
    });
}

/// What a client sends for a prepared statement, and what it is answered: a value of this type.
fn group(oid: u32, format: i16, value: &[u8]) -> (BytesMut, BytesMut) {
    let (mut asked, mut answered) = (BytesMut::new(), BytesMut::new());
    frontend::write_bind(&mut asked, (b"", b"s"), &[], (1, &[0, 0, 0, 1, b'7']), &[]);
    frontend::write_describe(&mut asked, frontend::Target::Portal, b"");
    frontend::write_execute(&mut asked, b"");
    frontend::write_bare(&mut asked, frontend::SYNC);
    frame::write(&mut answered, backend::BIND_COMPLETE, |_| ());
    backend::write_row_description(&mut answered, &[backend::Field { format, ..field(oid) }]);
    row(&mut answered, value);
    frame::write(&mut answered, backend::COMMAND_COMPLETE, |out| out.put_slice(b"SELECT 1\0"));
    frame::write(&mut answered, backend::READY, |out| out.put_u8(b'I'));
    (asked, answered)
}

fn field(oid: u32) -> backend::Field {
    backend::Field { name: (*b"abalance").into(), table: 1, attribute: 1, oid, length: -1, modifier: -1, format: 0 }
}

/// A session with the statement `s` prepared.
fn prepared(oid: u32) -> Session {
    let mut session = session();
    let (mut asked, mut answered) = (BytesMut::new(), BytesMut::new());
    frontend::write_parse(&mut asked, b"s", b"SELECT abalance FROM pgbench_accounts WHERE aid = $1", &[]);
    frontend::write_bare(&mut asked, frontend::SYNC);
    session.client_bytes(&asked);
    frame::write(&mut answered, backend::PARSE_COMPLETE, |_| ());
    // The session describes the text itself.
    backend::write_parameter_description(&mut answered, &[23]);
    backend::write_row_description(&mut answered, &[field(oid)]);
    frame::write(&mut answered, backend::READY, |out| out.put_u8(b'I'));
    session.server_bytes(&answered);
    session.to_client().clear();
    session.to_server().clear();
    assert_eq!(session.finished(), None);
    session
}

/// Groups in a second.
fn groups(through: &mut Session, (asked, answered): &(BytesMut, BytesMut)) -> f64 {
    let groups = best(100, || {
        through.client_bytes(black_box(asked));
        through.server_bytes(black_box(answered));
        black_box(through.to_client()).clear();
        black_box(through.to_server()).clear();
    });
    assert_eq!(through.finished(), None);
    groups
}

fn figures(_: &mut Criterion) {
    let clear = [b'x'; 89];
    let (asked, answered) = group(25, 0, &clear);
    let measured = groups(&mut prepared(25), &(asked.clone(), answered.clone()));
    figure("groups of a prepared statement through the session", measured, LEAST_GROUPS);

    let mut cell = Vec::new();
    key().seal(Mode::Randomized, b"00000000007", &mut cell);
    let encrypted = group(CELL, 1, &cell);
    let mut through = prepared(CELL);
    through.client_bytes(&encrypted.0);
    through.server_bytes(&encrypted.1);
    let Some(Want::Key(class)) = through.wants() else { panic!("the key is not wanted") };
    through.key(&class, Ok(key()));
    assert!(through.to_client().windows(11).any(|value| value == b"00000000007"), "the value is not opened");
    through.to_client().clear();
    through.to_server().clear();
    figure("the same with one value that is opened", groups(&mut through, &encrypted), LEAST_GROUPS);

    let mut rows = BytesMut::new();
    (0..1_000).for_each(|_| row(&mut rows, &clear));
    let mut through = prepared(25);
    through.client_bytes(&asked);
    // Up to the rows.
    let before = answered.len() - 100 - 14 - 6;
    through.server_bytes(answered.get(..before).unwrap_or_default());
    let thousands = best(10, || {
        through.server_bytes(black_box(&rows));
        black_box(through.to_client()).clear();
    });
    assert_eq!(through.finished(), None);
    figure("rows of 100 bytes through the session", thousands * 1_000.0, LEAST_ROWS);
}

/// Rounds are so short that most are not interrupted.
fn best(calls: u32, mut call: impl FnMut()) -> f64 {
    let mut shortest = Duration::MAX;
    for _ in 0..2_000 {
        let begun = Instant::now();
        (0..calls).for_each(|_| call());
        shortest = shortest.min(begun.elapsed());
    }
    f64::from(calls) / shortest.as_secs_f64()
}

fn figure(what: &str, per_second: f64, least: f64) {
    let met = if per_second >= least { "yes" } else { "no" };
    println!("figure: {what} | {:.2} M/s | | {:.2} M/s | {met}", per_second / 1e6, least / 1e6);
}

criterion_group!(benches, figures);
criterion_main!(benches);
