//! Generations: the number that names one write of one record, and never repeats in a store.

use core::fmt;

/// `epoch u48 ‖ index u16`; zero means "no record".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// The epoch does not fit its 48 bits, or is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("epoch {epoch} is outside 1 to 2^48 - 1")]
pub struct GenerationRefusal {
    /// The epoch asked for.
    pub epoch: u64,
}

impl Generation {
    /// No record.
    pub const NONE: Self = Self(0);
    /// The index of a batch's log record.
    pub const LOG_INDEX: u16 = 0xffff;
    /// The index of the pages of a snapshot.
    pub const SNAPSHOT_INDEX: u16 = 0xfffe;
    /// The highest epoch there can be.
    pub const LAST_EPOCH: u64 = (1 << 48) - 1;

    /// The generation of change `index` in the batch `epoch`.
    ///
    /// # Panics
    /// When `epoch` does not fit 48 bits; at a thousand batches a second that takes 8,900 years.
    /// For an epoch that was read rather than counted see [`Generation::checked`].
    #[must_use]
    pub const fn new(epoch: u64, index: u16) -> Self {
        assert!(epoch <= Self::LAST_EPOCH, "an epoch has 48 bits");
        Self((epoch << 16) | index as u64)
    }

    /// As [`Generation::new`], for an epoch out of stored or received bytes.
    ///
    /// # Errors
    /// When `epoch` is zero or does not fit 48 bits.
    pub fn checked(epoch: u64, index: u16) -> Result<Self, GenerationRefusal> {
        if (1..=Self::LAST_EPOCH).contains(&epoch) {
            Ok(Self::new(epoch, index))
        } else {
            Err(GenerationRefusal { epoch })
        }
    }

    /// The batch that wrote the record.
    #[must_use]
    pub const fn epoch(self) -> u64 {
        self.0 >> 16
    }

    /// The place of the change in its batch.
    #[must_use]
    pub const fn index(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    /// True for zero, "no record".
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.epoch(), self.index())
    }
}

impl<C> minicbor::Encode<C> for Generation {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.u64(self.0)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Generation {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        decoder.u64().map(Self)
    }
}
