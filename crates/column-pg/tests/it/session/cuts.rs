//! However the bytes of both sides are cut, both sides hear the same: conversations with a server of a few lines, without sockets.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;
use strongroom_column::Mode;
use strongroom_column_pg::catalogue::{Catalogue, ColumnClass, Parts};
use strongroom_column_pg::session::{Encryption, Scope, Session, StatementCache, Want};
use strongroom_column_pg::wire::backend::{self, Field};
use strongroom_column_pg::wire::frontend::{self, Target};
use strongroom_column_pg::wire::{Report, frame, header};

use super::scene::{Heard, bind, class, group, key, shown};

const CELL: u32 = 20_001;

/// A portal: its text, its first value, the format of its result.
type Bound = (String, Option<Vec<u8>>, i16);

/// A server with one encrypted column: `ssn`. Every text with `$1` or a cell in it finds one row with the cell that it was given,
/// all others find the number 1.
#[derive(Default)]
struct Fake {
    parsed: std::collections::HashMap<Vec<u8>, String>,
    bound: std::collections::HashMap<Vec<u8>, Bound>,
    skipping: bool,
}

fn field(name: &str, oid: u32, format: i16) -> Field {
    Field { name: name.as_bytes().into(), table: 0, attribute: 0, oid, length: -1, modifier: -1, format }
}

fn bare(out: &mut BytesMut, tag: u8) {
    frame::write(out, tag, |_| ());
}

fn row(out: &mut BytesMut, value: &[u8]) {
    frame::write(out, backend::DATA_ROW, |out| {
        out.put_u16(1);
        out.put_u32(value.len() as u32);
        out.put_slice(value);
    });
}

fn is_ours(sql: &str) -> bool {
    sql.contains("ssn")
}

impl Fake {
    fn answer(&mut self, tag: u8, message: &[u8], out: &mut BytesMut) {
        if self.skipping && tag != frontend::SYNC {
            return;
        }
        match tag {
            frontend::PARSE => {
                let parse = frontend::parse(message).unwrap();
                self.parsed.insert(parse.name.to_vec(), String::from_utf8(parse.sql.to_vec()).unwrap());
                bare(out, backend::PARSE_COMPLETE);
            }
            frontend::BIND => {
                let names = frontend::bind(message).unwrap();
                let values = names.values().unwrap();
                let Some(sql) = self.parsed.get(names.statement).cloned() else {
                    self.skipping = true;
                    out.extend_from_slice(&Report::new("26000", "no such statement", "").error());
                    return;
                };
                let value = values.values.first().copied().flatten().map(<[u8]>::to_vec);
                self.bound.insert(names.portal.to_vec(), (sql, value, frontend::code_of(&values.results, 0)));
                bare(out, backend::BIND_COMPLETE);
            }
            frontend::DESCRIBE => match frontend::target(message).unwrap() {
                (Target::Statement, name) => {
                    let Some(sql) = self.parsed.get(name) else {
                        self.skipping = true;
                        out.extend_from_slice(&Report::new("26000", "no such statement", "").error());
                        return;
                    };
                    let parameters = vec![CELL; sql.matches('$').count()];
                    backend::write_parameter_description(out, &parameters);
                    describe(out, sql, 0);
                }
                (Target::Portal, name) => {
                    let (sql, _, format) = &self.bound[name];
                    describe(out, sql, *format);
                }
            },
            frontend::EXECUTE => {
                let (sql, value, _) = &self.bound[frontend::execute(message).unwrap().0];
                if is_ours(sql) {
                    row(out, value.as_deref().unwrap_or_default())
                } else {
                    row(out, b"1")
                }
                frame::write(out, backend::COMMAND_COMPLETE, |out| out.put_slice(b"SELECT 1\0"));
            }
            frontend::CLOSE => bare(out, backend::CLOSE_COMPLETE),
            frontend::QUERY => {
                let sql = String::from_utf8(frontend::query(message).unwrap().to_vec()).unwrap();
                describe(out, &sql, 0);
                let cell = sql.split("\\\\x").nth(1).map(|rest| format!("\\x{}", rest.split('\'').next().unwrap()));
                row(out, cell.as_deref().unwrap_or("1").as_bytes());
                frame::write(out, backend::COMMAND_COMPLETE, |out| out.put_slice(b"SELECT 1\0"));
                frame::write(out, backend::READY, |out| out.put_u8(b'I'));
            }
            frontend::SYNC => {
                self.skipping = false;
                frame::write(out, backend::READY, |out| out.put_u8(b'I'));
            }
            frontend::FLUSH => {}
            other => panic!("the server hears {}", char::from(other)),
        }
    }
}

fn describe(out: &mut BytesMut, sql: &str, format: i16) {
    let (name, oid) = if is_ours(sql) { ("ssn", CELL) } else { ("?column?", 23) };
    backend::write_row_description(out, &[field(name, oid, format)]);
}

fn catalogue() -> Arc<Catalogue> {
    let class = class(Mode::Deterministic, "text");
    let sql_name = format!("strongroom.\"{}\"", class.type_name());
    let class = Arc::new(ColumnClass {
        key: class.key.clone(),
        class,
        cell_oid: CELL,
        domain_oid: CELL + 1,
        cell_array_oid: CELL + 2,
        domain_array_oid: CELL + 3,
        sql_name,
    });
    Arc::new(Catalogue::for_tests(Parts { classes: vec![class], names: vec!["patients".into()], ..Parts::default() }))
}

/// What both sides heard, without the Flush messages: when they are needed depends on how bytes arrive.
fn talk(client: &[u8], client_cuts: &[usize], server_cuts: &[usize]) -> (Vec<u8>, Vec<u8>) {
    let scope = Scope::new("d", "r", &[]);
    let mut session = Session::new(Encryption::Enabled, scope, catalogue(), Arc::new(StatementCache::new()));
    let mut fake = Fake::default();
    let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
    let mut unread = BytesMut::new();
    let mut answers = BytesMut::new();
    let (mut client_cuts, mut server_cuts) = (client_cuts.iter().cycle(), server_cuts.iter().cycle());
    let mut rest = client;
    loop {
        while let Some(want) = session.wants() {
            match want {
                Want::Key(class) => session.key(&class, Ok(Arc::new(key()))),
                Want::Catalogue => session.fresh_catalogue(catalogue()),
            }
        }
        to_client.extend_from_slice(&session.to_client().split());
        unread.extend_from_slice(&session.to_server().split());
        while let Ok(Some(next)) = header(&unread) {
            let message = unread.split_to(next.length);
            fake.answer(next.tag, &message, &mut answers);
            if next.tag != frontend::FLUSH {
                to_server.extend_from_slice(&message);
            }
        }
        if !answers.is_empty() {
            let cut = (*server_cuts.next().unwrap_or(&1)).clamp(1, answers.len());
            session.server_bytes(&answers.split_to(cut));
        } else if !rest.is_empty() {
            let cut = (*client_cuts.next().unwrap_or(&1)).clamp(1, rest.len());
            let (now, later) = rest.split_at(cut);
            session.client_bytes(now);
            rest = later;
        } else {
            assert_eq!(session.finished(), None);
            return (to_client, to_server);
        }
    }
}

/// What a client sends: everything that is dealt with differently, several times.
fn conversation() -> BytesMut {
    let mut bytes = BytesMut::new();
    let sealed = "SELECT ssn FROM patients WHERE ssn = $1";
    bytes.extend_from_slice(&group(sealed, &[], &[Some("canary-a")]));
    bytes.extend_from_slice(&group("SELECT 1", &[], &[]));
    bytes.extend_from_slice(&group(sealed, &[25], &[Some("canary-b")]));
    frontend::write_query(&mut bytes, b"SELECT ssn FROM patients WHERE ssn = 'canary-c'");
    // A named statement, refused in the middle of a group, and used in the next.
    frontend::write_parse(&mut bytes, b"s", sealed.as_bytes(), &[]);
    frontend::write_describe(&mut bytes, Target::Statement, b"s");
    bytes.extend_from_slice(&bind("", "nobody", &[]));
    frontend::write_parse(&mut bytes, b"s", b"SELECT 1", &[]);
    frontend::write_bare(&mut bytes, frontend::SYNC);
    bytes.extend_from_slice(&bind("p", "s", &[Some("canary-d")]));
    frontend::write_execute(&mut bytes, b"p");
    frontend::write_bare(&mut bytes, frontend::SYNC);
    frontend::write_query(&mut bytes, b"DO $$ SELECT 'canary-e' FROM patients $$");
    frontend::write_query(&mut bytes, b"SELECT 2");
    bytes
}

fn messages(mut bytes: &[u8]) -> Vec<Heard> {
    let mut messages = Vec::new();
    while let Ok(Some(next)) = header(bytes) {
        let (message, rest) = bytes.split_at(next.length);
        messages.push(Heard { tag: next.tag, body: message[5..].to_vec() });
        bytes = rest;
    }
    messages
}

#[test]
fn at_once_and_one_byte_at_a_time() {
    let client = conversation();
    let (to_client, to_server) = talk(&client, &[usize::MAX], &[usize::MAX]);
    assert_eq!(
        shown(&messages(&to_client)),
        [
            "canary-a",
            "SELECT 1",
            "1",
            "SELECT 1",
            "canary-b",
            "SELECT 1",
            "canary-c",
            "SELECT 1",
            "error 26000",
            "canary-d",
            "SELECT 1",
            "error 0A000",
            "1",
            "SELECT 1"
        ]
    );
    assert!(!to_server.windows(6).any(|window| window == b"canary"), "a value was sent in clear");
    assert_eq!(talk(&client, &[1], &[1]), (to_client.clone(), to_server.clone()));
    assert_eq!(talk(&client, &[usize::MAX], &[1]), (to_client.clone(), to_server.clone()));
    assert_eq!(talk(&client, &[1], &[usize::MAX]), (to_client, to_server));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn cut_anywhere(
        client_cuts in proptest::collection::vec(1_usize..200, 1..20),
        server_cuts in proptest::collection::vec(1_usize..200, 1..20),
    ) {
        let client = conversation();
        prop_assert_eq!(talk(&client, &client_cuts, &server_cuts), talk(&client, &[usize::MAX], &[usize::MAX]));
    }

    /// Whatever the sides send, the session ends or goes on; it never stops working.
    #[test]
    fn bytes_of_any_kind(
        client in proptest::collection::vec(any::<u8>(), 0..200),
        server in proptest::collection::vec(any::<u8>(), 0..200),
        tags in proptest::collection::vec((proptest::sample::select(b"PBDECHSQFdcfX1TtnIZ".to_vec()), proptest::collection::vec(any::<u8>(), 0..24)), 0..12),
    ) {
        let scope = Scope::new("d", "r", &[]);
        let mut session = Session::new(Encryption::Enabled, scope, catalogue(), Arc::new(StatementCache::new()));
        for (tag, body) in &tags {
            let mut message = BytesMut::new();
            frame::write(&mut message, *tag, |out| out.put_slice(body));
            session.client_bytes(&message);
            session.server_bytes(&message);
            while session.wants().is_some() {}
        }
        session.client_bytes(&client);
        session.server_bytes(&server);
    }
}

#[test]
fn lengths_that_cannot_be_end_the_session() {
    for bytes in [[b'Q', 0, 0, 0, 3], [b'Q', 0x40, 0, 0, 0], [b'Q', 0xff, 0xff, 0xff, 0xff]] {
        let scope = Scope::new("d", "r", &[]);
        let mut session = Session::new(Encryption::Enabled, scope, catalogue(), Arc::new(StatementCache::new()));
        session.client_bytes(&bytes);
        assert_eq!(session.finished().unwrap().sqlstate, "08P01");
        assert!(shown(&messages(session.to_client())) == ["error 08P01"]);
    }
}
