//! The bodies of a transaction's record and of its parts that have records of their own (docs/spec/bodies.md).

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use strongroom_envelope::body::Body;
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp};

/// A transaction.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TransactionBody {
    #[n(0)]
    version: u32,
    /// Where it is.
    #[n(1)]
    pub state: TransactionState,
    /// Whether its request is marked as sensitive.
    #[n(2)]
    pub sensitive: bool,
    /// When it was begun.
    #[n(3)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[n(4)]
    pub updated_at: Timestamp,
    /// The master key that its own key is sealed under; none when it is in clear.
    #[n(5)]
    pub key_id: Option<Id>,
    /// The version of that key.
    #[n(6)]
    pub key_version: Option<u32>,
    /// Its own key, sealed.
    #[n(7)]
    pub data_key: Option<ByteVec>,
    /// The request document.
    #[n(8)]
    pub request: Part,
    /// What was done for it, in order.
    #[n(9)]
    pub steps: Vec<StepEntry>,
    /// Who began it.
    #[n(10)]
    pub begun_by: String,
    /// When it was archived; what is left of it is removed.
    #[n(11)]
    pub archived_at: Option<Timestamp>,
}

/// What was done in one step.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct StepEntry {
    /// Its place in the order, from 1.
    #[n(0)]
    pub sequence: u32,
    /// The procedure that was run.
    #[n(1)]
    pub procedure: String,
    /// When it was recorded.
    #[n(2)]
    pub created_at: Timestamp,
    /// The state after it.
    #[n(3)]
    pub state: Option<Part>,
    /// What undoes it.
    #[n(4)]
    pub rollback: Option<Part>,
    /// When it was undone.
    #[n(5)]
    pub undone_at: Option<Timestamp>,
}

/// A document, state, or rollback data: in the transaction's record, or in one of its own.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Part {
    /// How many bytes it has in clear.
    #[n(0)]
    pub size: u64,
    /// A two-tier value; the bytes themselves when the transaction is in clear.
    #[n(1)]
    pub inline: Option<ByteVec>,
    /// The record that holds them instead.
    #[n(2)]
    pub record: Option<Id>,
}

/// A part in a record of its own.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PartBody {
    #[n(0)]
    version: u32,
    /// The transaction it belongs to.
    #[n(1)]
    pub transaction: Id,
    /// The step it belongs to; 0 for the request.
    #[n(2)]
    pub sequence: u32,
    /// What it is.
    #[n(3)]
    pub datum: Datum,
    /// The master key; none when it is in clear.
    #[n(5)]
    pub key_id: Option<Id>,
    /// The version of that key.
    #[n(6)]
    pub key_version: Option<u32>,
    /// A two-tier value, or the bytes themselves.
    #[n(7)]
    #[cbor(with = "minicbor::bytes")]
    pub payload: Vec<u8>,
}

/// What a part is; its number is the field in the part's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Datum {
    /// The request document.
    #[n(8)]
    Request,
    /// The state after a step.
    #[n(9)]
    State,
    /// What undoes a step.
    #[n(10)]
    Rollback,
}

/// Where a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionState {
    /// Steps are recorded.
    Active,
    /// It is done.
    Committed,
    /// Its steps are being undone.
    RollingBack,
    /// All its steps are undone.
    RolledBack,
}

impl Body for TransactionBody {}
impl Body for PartBody {}

impl TransactionBody {
    /// A transaction that begins.
    pub(super) fn new(sensitive: bool, now: Timestamp, begun_by: String, request: Part) -> Self {
        Self {
            version: Self::VERSION,
            state: TransactionState::Active,
            sensitive,
            created_at: now,
            updated_at: now,
            key_id: None,
            key_version: None,
            data_key: None,
            request,
            steps: Vec::new(),
            begun_by,
            archived_at: None,
        }
    }

    /// Where the transaction `id` lies.
    #[must_use]
    pub const fn record_key(id: Id) -> RecordKey {
        RecordKey::new(RecordKind::Transaction, id)
    }

    /// Whether it is sealed under its own key.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.data_key.is_some()
    }

    /// Every part with what it is, in order.
    pub fn parts(&self) -> impl Iterator<Item = (u32, Datum, &Part)> {
        let request = std::iter::once((0, Datum::Request, &self.request));
        request.chain(self.steps.iter().flat_map(|step| {
            let state = step.state.as_ref().map(|part| (step.sequence, Datum::State, part));
            let rollback = step.rollback.as_ref().map(|part| (step.sequence, Datum::Rollback, part));
            state.into_iter().chain(rollback)
        }))
    }

    /// The same, to be changed.
    pub(super) fn parts_mut(&mut self) -> impl Iterator<Item = (u32, Datum, &mut Part)> {
        let request = std::iter::once((0, Datum::Request, &mut self.request));
        request.chain(self.steps.iter_mut().flat_map(|step| {
            let sequence = step.sequence;
            let state = step.state.as_mut().map(|part| (sequence, Datum::State, part));
            let rollback = step.rollback.as_mut().map(|part| (sequence, Datum::Rollback, part));
            state.into_iter().chain(rollback)
        }))
    }
}

impl PartBody {
    pub(super) fn new(
        transaction: Id,
        (sequence, datum): (u32, Datum),
        key: Option<(Id, u32)>,
        payload: Vec<u8>,
    ) -> Self {
        let (key_id, key_version) = (key.map(|key| key.0), key.map(|key| key.1));
        Self { version: Self::VERSION, transaction, sequence, datum, key_id, key_version, payload }
    }

    /// Where the part `id` lies.
    pub(super) const fn record_key(id: Id) -> RecordKey {
        RecordKey::new(RecordKind::TransactionStep, id)
    }
}

impl Datum {
    /// The field in the place of a part.
    pub(super) const fn field(self) -> u16 {
        match self {
            Self::Request => 8,
            Self::State => 9,
            Self::Rollback => 10,
        }
    }
}

impl Datum {
    /// What people call it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::State => "state",
            Self::Rollback => "rollback data",
        }
    }
}

impl TransactionState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Active, Self::Committed, Self::RollingBack, Self::RolledBack];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Committed => "committed",
            Self::RollingBack => "rolling_back",
            Self::RolledBack => "rolled_back",
        }
    }

    /// The state with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing more happens to it.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Committed | Self::RolledBack)
    }
}

impl<C> Encode<C> for TransactionState {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.str(self.word())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for TransactionState {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::from_word(decoder.str()?).ok_or_else(|| minicbor::decode::Error::message("a state that is not known"))
    }
}

/// What the shell keeps in memory of a transaction: whether it is closed, and since when. None when the body is not one.
#[must_use]
pub fn closed_at(body: &[u8]) -> Option<Option<Timestamp>> {
    let mut decoder = minicbor::Decoder::new(body);
    let fields = decoder.map().ok()??;
    let mut state = None;
    for _ in 0..fields {
        match decoder.u32().ok()? {
            1 => state = Some(decoder.decode::<TransactionState>().ok()?),
            4 => {
                let at: Timestamp = decoder.decode().ok()?;
                return Some(state?.is_closed().then_some(at));
            }
            _ => decoder.skip().ok()?,
        }
    }
    None
}
