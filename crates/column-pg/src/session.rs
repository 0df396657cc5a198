//! The protocol machine of one session: bytes in from both sides, bytes out to both.
//!
//! A [`Session`] stands between a client and a server of PostgreSQL after log-in. It does no input or output: a shell hands it
//! what both sides send, and sends what it has to say. What it needs besides (keys, a newer catalogue) it [wants](Session::wants).
//!
//! Values for encrypted columns leave it as cells only, and whatever it cannot be sure of it refuses: there is no way by which a
//! statement that was not understood goes through. Which parameter, literal and result column is encrypted PostgreSQL's own
//! analyser says, before any value is sent (docs/spec/column-protocol.md).

mod again;
mod analysis;
mod answer;
mod bind;
mod client;
mod copying;
mod effect;
mod execute;
mod extended;
mod failure;
mod keys;
mod message;
mod mode;
mod own;
mod piece;
mod refusal;
mod resolve;
mod rows;
mod server;
mod settings;
mod settle;
mod simple;
mod statement;
mod texts;
mod turn;
mod value;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use strongroom_column::CellKey;

use crate::catalogue::{Catalogue, ColumnClass};
use crate::wire::Report;
use answer::{Answer, Heard};
use keys::Keys;
use settings::Settings;
use statement::{Portal, Statement};
pub use texts::StatementCache;
use texts::Texts;

/// What a connection asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Values are sealed, results are opened.
    Enabled,
    /// Results are opened; values for encrypted columns are refused.
    ResultSetOnly,
    /// Nothing is done: what is stored is what the client sees and sends.
    Disabled,
}

impl Encryption {
    /// The value of the setting `strongroom.column_encryption`: one of the three words, or PostgreSQL's words for a switch.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let is = |words: &[&str]| words.iter().any(|own| word.eq_ignore_ascii_case(own));
        if is(&["enabled", "on", "true", "1"]) {
            Some(Self::Enabled)
        } else if is(&["resultsetonly"]) {
            Some(Self::ResultSetOnly)
        } else if is(&["disabled", "off", "false", "0"]) {
            Some(Self::Disabled)
        } else {
            None
        }
    }

    /// Of two the one by which fewer values could be sent in clear.
    #[must_use]
    pub fn more_careful(self, other: Self) -> Self {
        let care = |mode| match mode {
            Self::Disabled => 0,
            Self::ResultSetOnly => 1,
            Self::Enabled => 2,
        };
        if care(self) >= care(other) { self } else { other }
    }
}

/// Sessions to which the same text means the same, as long as they change nothing themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(Arc<str>);

impl Scope {
    /// Of sessions with this database and role, and the start-up settings that may change what names mean: everything but
    /// `application_name`.
    #[must_use]
    pub fn new(database: &str, role: &str, settings: &[(&str, &str)]) -> Self {
        // Zero bytes are in none of them.
        let mut text = format!("{database}\0{role}");
        let mut settings: Vec<_> = settings.iter().filter(|(name, _)| *name != "application_name").collect();
        settings.sort_unstable();
        for (name, value) in settings {
            text.extend(["\0", name, "\0", value]);
        }
        Self(text.into())
    }
}

/// What the shell is to bring.
#[derive(Clone, Debug)]
pub enum Want {
    /// The column encryption key of a class: [`Session::key`].
    Key(Arc<ColumnClass>),
    /// The catalogue as it is from now on, read after this was asked for: [`Session::fresh_catalogue`].
    Catalogue,
}

/// Why a key is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUnavailable {
    /// The SQLSTATE: `08006` when the key server cannot be reached, `42501` when it refuses or the key is not the manifest's,
    /// `57P03` when it is locked.
    pub sqlstate: &'static str,
    /// Why, without the names of hosts or files that the client need not know.
    pub text: String,
}

impl KeyUnavailable {
    fn report(&self, class: &ColumnClass) -> Report {
        Report::new(
            self.sqlstate,
            format!("the column encryption key \"{}\" is not available: {}", class.key, self.text),
            "Try again when the key is available; \"strongroom column check\" says who reaches which key.",
        )
    }
}

/// Why a session ended by itself. The client is told in what is still to be sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The SQLSTATE that the client is told.
    pub sqlstate: &'static str,
    /// Why.
    pub text: String,
}

/// One session between its client and its server, from the end of the log-in on.
pub struct Session {
    mode: Encryption,
    /// What the connection began with.
    opted: Encryption,
    catalogue: Arc<Catalogue>,
    /// Counts catalogues.
    catalogues: u64,
    texts: Texts,
    settings: Settings,
    keys: Keys,
    client: turn::Inbox,
    server: turn::Inbox,
    to_server: BytesMut,
    to_client: BytesMut,
    answers: VecDeque<Answer>,
    group: turn::Group,
    transaction: turn::Transaction,
    statements: HashMap<Box<[u8]>, Arc<Statement>>,
    portals: HashMap<Box<[u8]>, Arc<Portal>>,
    /// What the client's messages wait for.
    job: Option<client::Job>,
    heard: Heard,
    copying: Option<copying::Copying>,
    /// What the client hears in place of the server's error about a COPY that was given up.
    copy_error: Option<Bytes>,
    /// The statement has failed here and not at the server: what the server says of it is not for the client.
    draining: bool,
    /// A type that the catalogue was asked about.
    unknown_type: Option<u32>,
    wants_catalogue: turn::Asked,
    /// Whether a newer catalogue was read for the message that is dealt with.
    reloaded: bool,
    scratch: value::Scratch,
    ending: Option<Ending>,
}

/// Bytes of one side that wait when it is to be read no more.
const HELD_BYTES: usize = 1 << 20;

impl Session {
    /// Begins after the server's AuthenticationOk: the settings that follow it, the cancel key and the first ReadyForQuery go
    /// through [`Session::server_bytes`].
    #[must_use]
    pub fn new(opted: Encryption, scope: Scope, catalogue: Arc<Catalogue>, cache: Arc<StatementCache>) -> Self {
        Self {
            mode: opted,
            opted,
            catalogue,
            catalogues: 0,
            texts: Texts::new(cache, scope.0),
            settings: Settings::default(),
            keys: Keys::default(),
            client: turn::Inbox::default(),
            server: turn::Inbox::default(),
            to_server: BytesMut::new(),
            to_client: BytesMut::new(),
            answers: VecDeque::new(),
            group: turn::Group::default(),
            transaction: turn::Transaction::default(),
            statements: HashMap::new(),
            portals: HashMap::new(),
            job: None,
            heard: Heard::default(),
            copying: None,
            copy_error: None,
            draining: false,
            unknown_type: None,
            wants_catalogue: turn::Asked::No,
            reloaded: false,
            scratch: value::Scratch::default(),
            ending: None,
        }
    }

    /// A setting that the start-up packet asked for and that no ParameterStatus tells: `extra_float_digits`, `bytea_output`.
    pub fn startup_setting(&mut self, name: &str, value: &str) {
        self.settings.set(name, value);
    }

    /// Takes bytes that the client sent.
    pub fn client_bytes(&mut self, bytes: &[u8]) {
        self.take_client(bytes);
    }

    /// Takes bytes that the server sent.
    pub fn server_bytes(&mut self, bytes: &[u8]) {
        self.take_server(bytes);
        self.pump();
    }

    /// What is to be sent to the server; the shell takes it off the front.
    pub fn to_server(&mut self) -> &mut BytesMut {
        &mut self.to_server
    }

    /// What is to be sent to the client; the shell takes it off the front.
    pub fn to_client(&mut self) -> &mut BytesMut {
        &mut self.to_client
    }

    /// What the session waits for, each once. To be asked after every call that hands something in.
    pub fn wants(&mut self) -> Option<Want> {
        if let Some(want) = self.keys.want() {
            return Some(want);
        }
        (self.wants_catalogue == turn::Asked::Soon).then(|| {
            self.wants_catalogue = turn::Asked::Waiting;
            Want::Catalogue
        })
    }

    /// The key that was wanted, or why it is not there: what waited for it is refused then, and the next asks again.
    pub fn key(&mut self, class: &ColumnClass, key: Result<Arc<CellKey>, KeyUnavailable>) {
        self.keys.take(class, key);
        self.take_server(&[]);
        self.pump();
        self.keys.forget_failures();
    }

    /// Keys are wanted again from here on: their time is over, or others are valid.
    pub fn forget_keys(&mut self) {
        self.keys.forget();
    }

    /// The catalogue that was wanted, read from the database after it was wanted: what it does not know is none of ours.
    pub fn fresh_catalogue(&mut self, catalogue: Arc<Catalogue>) {
        if self.wants_catalogue == turn::Asked::Waiting {
            self.wants_catalogue = turn::Asked::No;
            if let Some(client::Job::Reload { arrived, .. }) = &mut self.job {
                *arrived = true;
            }
            if let Some(oid) = self.unknown_type.take()
                && !catalogue.is_ours(oid)
            {
                self.texts.set_plain(oid);
            }
        }
        self.catalogue(catalogue);
    }

    /// Another catalogue, not asked for: what was found out with an older one is found out again.
    pub fn catalogue(&mut self, catalogue: Arc<Catalogue>) {
        if !Arc::ptr_eq(&catalogue, &self.catalogue) {
            self.texts.forget();
            self.catalogues += 1;
        }
        self.catalogue = catalogue;
        self.take_server(&[]);
        self.pump();
    }

    /// Whether the client is not to be read for now: enough of what it sent waits.
    #[must_use]
    pub fn client_paused(&self) -> bool {
        self.client.paused(self.job.is_some()) || self.to_server.len() > HELD_BYTES
    }

    /// Whether the server is not to be read for now: what it sent waits for a key or a catalogue.
    #[must_use]
    pub fn server_paused(&self) -> bool {
        self.server.paused(self.keys_or_catalogue_awaited()) || self.to_client.len() > HELD_BYTES
    }

    /// Why the session is over; the shell sends what is still to be sent to the client, and closes both sides.
    #[must_use]
    pub fn finished(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    fn keys_or_catalogue_awaited(&self) -> bool {
        self.server.waits
    }

    fn say(&mut self, bytes: &[u8]) {
        if !self.draining {
            self.to_client.extend_from_slice(bytes);
        }
    }

    /// Ends the session: whatever it would do next could not be right.
    fn end(&mut self, sqlstate: &'static str, text: impl Into<String>) {
        if self.ending.is_some() {
            return;
        }
        let text = text.into();
        self.to_client.extend_from_slice(&Report::new(sqlstate, text.clone(), "").fatal());
        self.ending = Some(Ending { sqlstate, text });
        self.job = None;
    }

    /// Messages in between, to be read after the bytes before them were.
    fn own_bytes(bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }
}
