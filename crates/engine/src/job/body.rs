//! The body of a job's record (docs/spec/bodies.md).

use minicbor::{Decode, Encode};
use strongroom_envelope::body::Body;
use strongroom_envelope::{Id, Timestamp};

use crate::name::Name;

/// What is stored of a job.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct JobBody {
    #[n(0)]
    version: u32,
    /// What it does.
    #[n(1)]
    pub kind: JobKind,
    /// The key it is about.
    #[n(2)]
    pub key_id: Id,
    /// That key's name when the job was made.
    #[n(3)]
    pub key_name: Name,
    /// The key version that was made with the job.
    #[n(4)]
    pub key_version: u32,
    /// Where it is.
    #[n(5)]
    pub state: JobState,
    /// When it was made.
    #[n(6)]
    pub created_at: Timestamp,
    /// When its state last changed.
    #[n(7)]
    pub updated_at: Timestamp,
    /// How many values there were to do.
    #[n(8)]
    pub total: u64,
    /// At most so many a second.
    #[n(9)]
    pub rate: Option<u32>,
    /// How many are left, once it ended without having done them all.
    #[n(10)]
    pub left: Option<u64>,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Values are sealed again under the active version of their key.
    Reencrypt,
    /// The same, also for values that have no layer of an application key; then old bytes are removed from the store's files.
    Convert,
    /// Records are sealed again under the active store key.
    Reseal,
    /// Old bytes are removed from the store's files: wraps under a password that is not the key's any more.
    Scrub,
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It works, or will when the server runs.
    Running,
    /// Somebody stopped it for now.
    Paused,
    /// Everything was done, and looked at again.
    Done,
    /// Some values could not be done; `resume` tries them again.
    Incomplete,
}

impl Body for JobBody {}

impl JobBody {
    /// A job about this key version, with so much to do.
    #[must_use]
    pub fn new(
        kind: JobKind,
        (key_id, key_name, key_version): (Id, Name, u32),
        total: u64,
        rate: Option<u32>,
        now: Timestamp,
    ) -> Self {
        Self {
            version: Self::VERSION,
            kind,
            key_id,
            key_name,
            key_version,
            state: JobState::Running,
            created_at: now,
            updated_at: now,
            total,
            rate,
            left: None,
        }
    }

    /// The same job in another state.
    pub(super) fn moved(&self, state: JobState, left: Option<u64>, now: Timestamp) -> Self {
        Self { state, left, updated_at: now, ..self.clone() }
    }
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal,)* }) => {
        impl $type {
            /// Its word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl<C> Encode<C> for $type {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                encoder.str(self.word())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $type {
            fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                match decoder.str()? {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(minicbor::decode::Error::message("a word that is not known")),
                }
            }
        }
    };
}

words! { JobKind { Reencrypt = "reencrypt", Convert = "convert", Reseal = "reseal", Scrub = "scrub", } }
words! { JobState { Running = "running", Paused = "paused", Done = "done", Incomplete = "incomplete", } }
