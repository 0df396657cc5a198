//! How much of a core the session takes for what goes through it as it is: rows and groups of messages in clear.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use criterion::{Criterion, criterion_group, criterion_main};
use strongroom_column_pg::catalogue::{Catalogue, Parts};
use strongroom_column_pg::session::{Encryption, Scope, Session, StatementCache};
use strongroom_column_pg::wire::{backend, frame, frontend};

/// Groups of messages in a second that one core has to bear at least: many times what one server answers.
const LEAST_GROUPS: f64 = 300_000.0;
/// Rows of 100 bytes in a second.
const LEAST_ROWS: f64 = 5_000_000.0;

fn session() -> Session {
    let catalogue = Catalogue::for_tests(Parts { names: vec!["patients".into()], ..Parts::default() });
    let scope = Scope::new("d", "r", &[]);
    Session::new(Encryption::Enabled, scope, Arc::new(catalogue), Arc::new(StatementCache::new()))
}

fn row(out: &mut BytesMut) {
    frame::write(out, backend::DATA_ROW, |out| {
        out.put_u16(1);
        out.put_u32(89);
        out.put_slice(&[b'x'; 89]);
    });
}

/// What a client sends for a prepared statement, and what it is answered.
fn group() -> (BytesMut, BytesMut) {
    let (mut asked, mut answered) = (BytesMut::new(), BytesMut::new());
    frontend::write_bind(&mut asked, (b"", b"s"), &[], (1, &[0, 0, 0, 1, b'7']), &[]);
    frontend::write_describe(&mut asked, frontend::Target::Portal, b"");
    frontend::write_execute(&mut asked, b"");
    frontend::write_bare(&mut asked, frontend::SYNC);
    frame::write(&mut answered, backend::BIND_COMPLETE, |_| ());
    backend::write_row_description(&mut answered, &[field()]);
    row(&mut answered);
    frame::write(&mut answered, backend::COMMAND_COMPLETE, |out| out.put_slice(b"SELECT 1\0"));
    frame::write(&mut answered, backend::READY, |out| out.put_u8(b'I'));
    (asked, answered)
}

fn field() -> backend::Field {
    backend::Field { name: (*b"abalance").into(), table: 1, attribute: 1, oid: 25, length: -1, modifier: -1, format: 0 }
}

/// A session with the statement `s` prepared.
fn prepared() -> Session {
    let mut session = session();
    let (mut asked, mut answered) = (BytesMut::new(), BytesMut::new());
    frontend::write_parse(&mut asked, b"s", b"SELECT abalance FROM pgbench_accounts WHERE aid = $1", &[]);
    frontend::write_bare(&mut asked, frontend::SYNC);
    session.client_bytes(&asked);
    frame::write(&mut answered, backend::PARSE_COMPLETE, |_| ());
    // The session describes the text itself.
    backend::write_parameter_description(&mut answered, &[23]);
    backend::write_row_description(&mut answered, &[field()]);
    frame::write(&mut answered, backend::READY, |out| out.put_u8(b'I'));
    session.server_bytes(&answered);
    session.to_client().clear();
    session.to_server().clear();
    assert_eq!(session.finished(), None);
    session
}

fn figures(_: &mut Criterion) {
    let (asked, answered) = group();
    let mut through = prepared();
    let groups = best(100, || {
        through.client_bytes(black_box(&asked));
        through.server_bytes(black_box(&answered));
        black_box(through.to_client()).clear();
        black_box(through.to_server()).clear();
    });
    assert_eq!(through.finished(), None);
    figure("groups of a prepared statement through the session", groups, LEAST_GROUPS);

    let mut rows = BytesMut::new();
    (0..1_000).for_each(|_| row(&mut rows));
    let mut through = prepared();
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
