//! A real PostgreSQL with an encrypted table, and a session before it: every byte on its way to the server is kept.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use strongroom_column::{CellKey, Class, Mode, PlainType};
use strongroom_column_pg::catalogue::{Catalogue, ColumnClass, Parts, Table, schema};
use strongroom_column_pg::session::{Encryption, KeyUnavailable, Scope, Session, StatementCache, Want};
use strongroom_column_pg::wire::{self, frontend};
use strongroom_secret::ColumnKey;
use strongroom_testkit::postgres::Postgres;

/// The encrypted columns of `public.patients`: name, mode, plain type.
const COLUMNS: [(&str, Mode, &str); 4] = [
    ("ssn", Mode::Deterministic, "text"),
    ("note", Mode::Randomized, "text"),
    ("age", Mode::Deterministic, "int4"),
    ("code", Mode::Deterministic, "varchar(5)"),
];

/// A server with the table, and the same table in clear in another schema.
pub struct Scene {
    pub postgres: Postgres,
    pub catalogue: Arc<Catalogue>,
    pub cache: Arc<StatementCache>,
    // Read by the server at its start.
    _trust: tempfile::NamedTempFile,
}

/// One client and its session.
pub struct Line {
    pub session: Session,
    server: TcpStream,
    /// Everything that went to the server.
    pub tap: Vec<u8>,
    /// Everything that went to the client, not yet taken.
    pub heard: BytesMut,
    /// What the key server answers.
    pub keys: bool,
    /// The catalogue that is brought when one is wanted.
    pub newest: Arc<Catalogue>,
    pub wanted: Vec<&'static str>,
}

/// One message of the server as the client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub tag: u8,
    pub body: Vec<u8>,
}

impl Scene {
    /// Starts one; without PostgreSQL it says so and there is none.
    pub fn start(test: &str) -> Option<Self> {
        let mut trust = tempfile::NamedTempFile::new().unwrap();
        trust.write_all(b"local all all trust\nhost all all 127.0.0.1/32 trust\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(trust.path(), mode).unwrap();
        let settings = [("hba_file", trust.path().to_str().unwrap())];
        let postgres = match Postgres::start_with(&settings) {
            Ok(postgres) => postgres,
            Err(why) => {
                println!("not run: {test}: {why}");
                return None;
            }
        };
        postgres.psql("postgres", &script()).unwrap();
        let catalogue = Arc::new(catalogue(&postgres, 1, &["patients"]));
        Some(Self { postgres, catalogue, cache: Arc::new(StatementCache::new()), _trust: trust })
    }

    pub fn line(&self) -> Line {
        self.line_with(Encryption::Enabled)
    }

    pub fn line_with(&self, encryption: Encryption) -> Line {
        let mut server = TcpStream::connect(("127.0.0.1", self.postgres.port())).unwrap();
        server.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        server.write_all(&startup()).unwrap();
        let scope = Scope::new("postgres", "postgres", &[]);
        let session = Session::new(encryption, scope, Arc::clone(&self.catalogue), Arc::clone(&self.cache));
        let mut line = Line {
            session,
            server,
            tap: Vec::new(),
            heard: BytesMut::new(),
            keys: true,
            newest: Arc::clone(&self.catalogue),
            wanted: Vec::new(),
        };
        line.log_in();
        line
    }

    /// What the table really holds: cells, as the server sees them.
    pub fn stored(&self, query: &str) -> String {
        self.postgres.psql("postgres", query).unwrap()
    }

    /// Nothing that was sent, logged or stored holds any of these.
    pub fn assert_nowhere(&self, line: &Line, canaries: &[&str]) {
        let files = files_below(&self.postgres.data_dir());
        let log = self.postgres.log();
        for canary in canaries {
            assert!(!contains(&line.tap, canary), "{canary} was sent to the server");
            assert!(!log.contains(canary), "{canary} is in the server's log");
            for (path, bytes) in &files {
                assert!(!contains(bytes, canary), "{canary} is in {path}");
            }
        }
    }
}

pub fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn files_below(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                // A file of a running server may be gone by now.
                _ => found.extend(std::fs::read(entry.path()).map(|bytes| (entry.path().display().to_string(), bytes))),
            }
        }
    }
    found
}

fn startup() -> Vec<u8> {
    let parameters = b"user\0postgres\0database\0postgres\0client_encoding\0UTF8\0\0";
    let mut packet = Vec::from((8 + parameters.len() as u32).to_be_bytes());
    packet.extend_from_slice(&196_608_u32.to_be_bytes());
    packet.extend_from_slice(parameters);
    packet
}

pub fn class(mode: Mode, word: &str) -> Class {
    Class { key: "cek1".into(), mode, plain: PlainType::parse(word).unwrap() }
}

/// The key of every class here.
pub fn key() -> CellKey {
    CellKey::derive(&ColumnKey::fill_with(|bytes| bytes.iter_mut().zip(1..).for_each(|(byte, value)| *byte = value)))
}

fn script() -> String {
    let mut sql = schema::script("public");
    for (_, mode, word) in COLUMNS {
        let name = class(mode, word).type_name();
        sql += &format!("SELECT strongroom.create_class('{name}', {}, false);\n", mode == Mode::Deterministic);
    }
    let columns: Vec<_> = COLUMNS
        .iter()
        .map(|(name, mode, word)| format!("{name} strongroom.\"{}\"", class(*mode, word).type_name()))
        .collect();
    let order = format!("strongroom.\"{}_btree\"", class(Mode::Deterministic, "text").type_name());
    let plain = "ssn text, note text, age integer, code varchar(5), town text";
    sql + &format!(
        "CREATE TABLE public.patients (id integer PRIMARY KEY, {}, town text);\n\
         CREATE UNIQUE INDEX patients_ssn ON public.patients USING btree (ssn {order});\n\
         CREATE SCHEMA other;\n\
         CREATE TABLE other.patients (id integer, {plain});\n\
         CREATE TABLE public.clear (id integer PRIMARY KEY, {plain});\n\
         CREATE UNIQUE INDEX clear_ssn ON public.clear (ssn);\n",
        columns.join(", "),
    )
}

/// What is known of the database, read by hand.
pub fn catalogue(postgres: &Postgres, epoch: u64, names: &[&str]) -> Catalogue {
    Catalogue::for_tests(parts(postgres, epoch, names))
}

/// The same with a domain of schema `strongroom` that no manifest names.
pub fn catalogue_with(postgres: &Postgres, epoch: u64, names: &[&str], domain: &str) -> Catalogue {
    let oid = postgres.psql("postgres", &format!("SELECT 'strongroom.{domain}'::regtype::oid")).unwrap();
    let cell = postgres.psql("postgres", &format!("SELECT 'strongroom.{domain}_cell'::regtype::oid")).unwrap();
    let other_types = vec![oid.parse().unwrap(), cell.parse().unwrap()];
    Catalogue::for_tests(Parts { other_types, ..parts(postgres, epoch, names) })
}

fn parts(postgres: &Postgres, epoch: u64, names: &[&str]) -> Parts {
    let oid = |text: String| -> u32 {
        postgres.psql("postgres", &format!("SELECT '{text}'::regtype::oid")).unwrap().parse().unwrap()
    };
    let class_of = |mode, word| {
        let class = class(mode, word);
        let name = class.type_name();
        Arc::new(ColumnClass {
            key: class.key.clone(),
            cell_oid: oid(format!("strongroom.\"{name}_cell\"")),
            domain_oid: oid(format!("strongroom.\"{name}\"")),
            cell_array_oid: oid(format!("strongroom.\"{name}_cell\"[]")),
            domain_array_oid: oid(format!("strongroom.\"{name}\"[]")),
            sql_name: format!("strongroom.\"{name}\""),
            class,
        })
    };
    let classes: Vec<_> = COLUMNS.iter().map(|(_, mode, word)| class_of(*mode, word)).collect();
    let columns = COLUMNS.iter().zip(&classes).map(|((name, ..), class)| ((*name).to_owned(), Some(Arc::clone(class))));
    let columns = std::iter::once(("id".to_owned(), None)).chain(columns).chain([("town".to_owned(), None)]).collect();
    let check = "SELECT 'public', 'patients', 'ssn', 'is a column in clear' FROM pg_catalog.pg_attribute \
                 WHERE attrelid = 'public.patients'::regclass AND attname = 'ssn' AND atttypid = 'text'::regtype"
        .to_owned();
    Parts {
        epoch,
        sequence: epoch,
        classes,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        tables: vec![Table { schema: "public".into(), name: "patients".into(), columns }],
        check,
        ..Parts::default()
    }
}

impl Line {
    /// Everything up to the first ReadyForQuery.
    fn log_in(&mut self) {
        // AuthenticationOk: nine bytes.
        let mut first = [0; 9];
        self.server.read_exact(&mut first).unwrap();
        assert_eq!(first, [b'R', 0, 0, 0, 8, 0, 0, 0, 0]);
        self.until_ready(1);
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.session.client_bytes(bytes);
        self.serve();
    }

    fn serve(&mut self) {
        while let Some(want) = self.session.wants() {
            match want {
                Want::Key(class) => {
                    self.wanted.push("key");
                    let down = KeyUnavailable { sqlstate: "08006", text: "the key server does not answer".into() };
                    self.session.key(&class, if self.keys { Ok(Arc::new(key())) } else { Err(down) });
                }
                Want::Catalogue => {
                    self.wanted.push("catalogue");
                    self.session.fresh_catalogue(Arc::clone(&self.newest));
                }
            }
        }
        let to_server = self.session.to_server().split();
        self.tap.extend_from_slice(&to_server);
        self.server.write_all(&to_server).unwrap();
        let to_client = self.session.to_client().split();
        self.heard.extend_from_slice(&to_client);
    }

    /// Reads from the server until the client has heard what `enough` says.
    pub fn until(&mut self, enough: impl Fn(&[Heard]) -> bool) -> Vec<Heard> {
        let mut messages = Vec::new();
        loop {
            while let Ok(Some(header)) = wire::header(&self.heard) {
                if self.heard.len() < header.length {
                    break;
                }
                let mut message = self.heard.split_to(header.length);
                message.advance(5);
                messages.push(Heard { tag: header.tag, body: message.to_vec() });
                if enough(&messages) {
                    return messages;
                }
            }
            assert_eq!(self.session.finished(), None, "heard so far: {messages:?}");
            let mut bytes = [0; 4096];
            let read =
                self.server.read(&mut bytes).unwrap_or_else(|error| panic!("{error}; heard so far: {messages:?}"));
            assert_ne!(read, 0, "the server has left; heard so far: {messages:?}");
            self.session.server_bytes(&bytes[..read]);
            self.serve();
        }
    }

    pub fn until_ready(&mut self, times: usize) -> Vec<Heard> {
        self.until(|heard| heard.iter().filter(|message| message.tag == b'Z').count() == times)
    }

    /// Runs a text by the simple protocol.
    pub fn query(&mut self, sql: &str) -> Vec<Heard> {
        let mut bytes = BytesMut::new();
        frontend::write_query(&mut bytes, sql.as_bytes());
        self.send(&bytes);
        self.until_ready(1)
    }

    /// Runs a text with parameters as text by the extended protocol, in one group.
    pub fn run(&mut self, sql: &str, types: &[u32], values: &[Option<&str>]) -> Vec<Heard> {
        self.send(&group(sql, types, values));
        self.until_ready(1)
    }
}

/// Parse, Bind, Describe of the portal, Execute, Sync: what libpq sends.
pub fn group(sql: &str, types: &[u32], values: &[Option<&str>]) -> BytesMut {
    let mut bytes = BytesMut::new();
    frontend::write_parse(&mut bytes, b"", sql.as_bytes(), types);
    bytes.extend_from_slice(&bind("", "", values));
    frontend::write_describe(&mut bytes, frontend::Target::Portal, b"");
    frontend::write_execute(&mut bytes, b"");
    frontend::write_bare(&mut bytes, frontend::SYNC);
    bytes
}

/// A Bind with all in text.
pub fn bind(portal: &str, statement: &str, values: &[Option<&str>]) -> BytesMut {
    let mut encoded = Vec::new();
    for value in values {
        match value {
            None => encoded.extend_from_slice(&(-1_i32).to_be_bytes()),
            Some(value) => {
                encoded.extend_from_slice(&(value.len() as u32).to_be_bytes());
                encoded.extend_from_slice(value.as_bytes());
            }
        }
    }
    let mut bytes = BytesMut::new();
    let names = (portal.as_bytes(), statement.as_bytes());
    frontend::write_bind(&mut bytes, names, &[], (values.len(), &encoded), &[]);
    bytes
}

/// What a client would show: rows as `a|b`, tags of commands, SQLSTATEs of errors.
pub fn shown(heard: &[Heard]) -> Vec<String> {
    let mut shown = Vec::new();
    for Heard { tag, body } in heard {
        match tag {
            b'D' => shown.push(row(body)),
            b'C' => shown.push(String::from_utf8_lossy(body.split_last().unwrap().1).into_owned()),
            b'E' => shown.push(format!("error {}", error(body).0)),
            b's' => shown.push("suspended".into()),
            b'I' => shown.push("empty".into()),
            _ => {}
        }
    }
    shown
}

/// SQLSTATE and all texts of an error.
pub fn error(body: &[u8]) -> (String, String) {
    let mut message = vec![b'E', 0, 0, 0, 0];
    message.extend_from_slice(body);
    let fields = wire::error_fields(&message).unwrap();
    (String::from_utf8_lossy(fields.code).into_owned(), String::from_utf8_lossy(body).replace('\0', " "))
}

fn row(body: &[u8]) -> String {
    let mut reader = wire::Reader::new(body);
    let count = reader.count().unwrap();
    let value = |value: Option<&[u8]>| value.map_or("NULL".into(), |value| String::from_utf8_lossy(value).into_owned());
    (0..count).map(|_| value(reader.value().unwrap())).collect::<Vec<_>>().join("|")
}
