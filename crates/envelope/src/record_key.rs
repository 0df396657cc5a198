//! Record keys: where a record lies in the store.

use core::fmt;

use strongroom_crypto::hash;

use crate::Id;

/// What a record is; the first byte of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// A protector of the root key: clear, under a MAC.
    Protector = 0x01,
    /// The keyring, sealed under the keyring key.
    Keyring = 0x02,
    /// The account of one batch.
    Log = 0x03,
    /// One page of an index snapshot.
    Snapshot = 0x04,
    /// What the store says about itself.
    Instance = 0x05,
    /// When the protectors were last proven.
    Proof = 0x06,
    /// A record that failed and is kept aside.
    Quarantine = 0x07,
    /// A named application key.
    Key = 0x10,
    /// The head of a secret.
    Secret = 0x11,
    /// One version of a secret.
    SecretVersion = 0x12,
    /// An access token, by its hash.
    Token = 0x13,
    /// Reserved.
    Policy = 0x14,
    /// Work in the background.
    Job = 0x15,
    /// A transaction of a provisioning system.
    Transaction = 0x16,
    /// A part of a transaction that has a record of its own.
    TransactionStep = 0x17,
    /// A setting of a provisioning system.
    Setting = 0x18,
    /// Reserved.
    Credential = 0x19,
    /// Reserved.
    Approval = 0x1a,
    /// Reserved.
    Node = 0x1b,
}

/// `kind u8 ‖ id 16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// What the record is.
    pub kind: RecordKind,
    /// Which one it is.
    pub id: Id,
}

/// The bytes are not a record key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordKeyRefusal {
    /// Not seventeen bytes.
    #[error("a record key has 17 bytes, found {length}")]
    Length {
        /// How many bytes there were.
        length: usize,
    },
    /// A kind this program does not know.
    #[error("record kind 0x{kind:02x} is not known")]
    Kind {
        /// The kind found.
        kind: u8,
    },
    /// The id is not one that this kind can have.
    #[error("a record of kind {kind} cannot have this id")]
    Id {
        /// The kind found.
        kind: RecordKind,
    },
}

impl RecordKind {
    /// Every kind, in rising order.
    pub const ALL: [Self; 19] = [
        Self::Protector,
        Self::Keyring,
        Self::Log,
        Self::Snapshot,
        Self::Instance,
        Self::Proof,
        Self::Quarantine,
        Self::Key,
        Self::Secret,
        Self::SecretVersion,
        Self::Token,
        Self::Policy,
        Self::Job,
        Self::Transaction,
        Self::TransactionStep,
        Self::Setting,
        Self::Credential,
        Self::Approval,
        Self::Node,
    ];

    /// The kind of this number.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x01 => Self::Protector,
            0x02 => Self::Keyring,
            0x03 => Self::Log,
            0x04 => Self::Snapshot,
            0x05 => Self::Instance,
            0x06 => Self::Proof,
            0x07 => Self::Quarantine,
            0x10 => Self::Key,
            0x11 => Self::Secret,
            0x12 => Self::SecretVersion,
            0x13 => Self::Token,
            0x14 => Self::Policy,
            0x15 => Self::Job,
            0x16 => Self::Transaction,
            0x17 => Self::TransactionStep,
            0x18 => Self::Setting,
            0x19 => Self::Credential,
            0x1a => Self::Approval,
            0x1b => Self::Node,
            _ => return None,
        })
    }

    /// The number of this kind.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// The kind's name in the specification.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protector => "protector",
            Self::Keyring => "keyring",
            Self::Log => "log",
            Self::Snapshot => "snapshot",
            Self::Instance => "instance",
            Self::Proof => "proof",
            Self::Quarantine => "quarantine",
            Self::Key => "key",
            Self::Secret => "secret",
            Self::SecretVersion => "secret_version",
            Self::Token => "token",
            Self::Policy => "policy",
            Self::Job => "job",
            Self::Transaction => "transaction",
            Self::TransactionStep => "transaction_step",
            Self::Setting => "setting",
            Self::Credential => "credential",
            Self::Approval => "approval",
            Self::Node => "node",
        }
    }

    /// True for the kinds that the index holds: all but log and snapshot.
    #[must_use]
    pub const fn is_indexed(self) -> bool {
        !matches!(self, Self::Log | Self::Snapshot)
    }

    /// True for the kinds whose number is taken and whose body is not defined yet.
    #[must_use]
    pub const fn is_reserved(self) -> bool {
        self.byte() >= Self::Policy.byte()
    }

    /// True for the kinds of which a store holds one record, with an id of zeros.
    #[must_use]
    pub const fn is_single(self) -> bool {
        matches!(self, Self::Keyring | Self::Instance | Self::Proof)
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl RecordKey {
    /// How many bytes a record key has.
    pub const LENGTH: usize = 17;
    /// Where the keyring lies.
    pub const KEYRING: Self = Self::single(RecordKind::Keyring);
    /// Where the instance record lies.
    pub const INSTANCE: Self = Self::single(RecordKind::Instance);
    /// Where the proof record lies.
    pub const PROOF: Self = Self::single(RecordKind::Proof);

    /// The key of the record `id` of this kind.
    #[must_use]
    pub const fn new(kind: RecordKind, id: Id) -> Self {
        Self { kind, id }
    }

    /// Where the log record of a batch lies.
    #[must_use]
    pub fn log(epoch: u64) -> Self {
        Self::numbered(RecordKind::Log, 0, epoch)
    }

    /// Where a page of the snapshot taken after `epoch` lies.
    #[must_use]
    pub fn snapshot(epoch: u64, page: u64) -> Self {
        Self::numbered(RecordKind::Snapshot, epoch, page)
    }

    /// Where the quarantine record about the record key `failed` lies; the bytes need not be a valid record key.
    #[must_use]
    pub fn quarantine(failed: &[u8]) -> Self {
        let digest = hash::sha256(&[failed]);
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self::new(RecordKind::Quarantine, Id::v8(id))
    }

    /// The epoch in the key of a log record or snapshot page.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        match self.kind {
            RecordKind::Log => Some(self.numbers().1),
            RecordKind::Snapshot => Some(self.numbers().0),
            _ => None,
        }
    }

    /// The page in the key of a snapshot page.
    #[must_use]
    pub fn page(&self) -> Option<u64> {
        (self.kind == RecordKind::Snapshot).then(|| self.numbers().1)
    }

    /// `kind ‖ id`.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[0] = self.kind.byte();
        bytes[1..].copy_from_slice(&self.id.0);
        bytes
    }

    /// Reads a record key out of the store.
    ///
    /// # Errors
    /// For another length, a kind that is not known, and an id that the kind cannot have.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordKeyRefusal> {
        let bytes: &[u8; Self::LENGTH] =
            bytes.try_into().map_err(|_| RecordKeyRefusal::Length { length: bytes.len() })?;
        let [kind, id @ ..] = *bytes;
        let kind = RecordKind::from_byte(kind).ok_or(RecordKeyRefusal::Kind { kind })?;
        let key = Self::new(kind, Id(id));
        if key.id_is_possible() { Ok(key) } else { Err(RecordKeyRefusal::Id { kind }) }
    }

    fn id_is_possible(&self) -> bool {
        match self.kind {
            kind if kind.is_single() => self.id.is_nil(),
            RecordKind::Log => self.numbers().0 == 0,
            _ => true,
        }
    }

    const fn single(kind: RecordKind) -> Self {
        Self::new(kind, Id::NIL)
    }

    fn numbered(kind: RecordKind, high: u64, low: u64) -> Self {
        let id = (u128::from(high) << 64) | u128::from(low);
        Self::new(kind, Id(id.to_be_bytes()))
    }

    fn numbers(&self) -> (u64, u64) {
        let id = u128::from_be_bytes(self.id.0);
        ((id >> 64) as u64, id as u64)
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.kind, self.id)
    }
}

impl<C> minicbor::Encode<C> for RecordKey {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.bytes(&self.to_bytes())?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for RecordKey {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::from_bytes(decoder.bytes()?).map_err(minicbor::decode::Error::message)
    }
}
