//! Sixteen-byte identifiers: UUIDs of RFC 9562 in their binary form.

use core::fmt;

/// Sixteen bytes that name a record, a key, a commit or an instance; printed as a UUID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 16]);

/// The text or the bytes are not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdRefusal {
    /// Not the hyphenated form of 36 characters.
    #[error("not an identifier of the form 0190b5a0-0000-7000-8000-000000000000")]
    Text,
    /// Not sixteen bytes.
    #[error("an identifier has 16 bytes, found {length}")]
    Length {
        /// How many bytes there were.
        length: usize,
    },
}

impl Id {
    /// Sixteen zero bytes: the id of the records that exist once.
    pub const NIL: Self = Self([0; 16]);

    /// A UUIDv7 of the moment `ms` (milliseconds since 1970; 48 bits are kept) and 74 of the random bits.
    #[must_use]
    pub fn v7(ms: i64, random: [u8; 10]) -> Self {
        let moment = u64::try_from(ms).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(moment, &random).into_uuid().into_bytes())
    }

    /// A UUIDv8 of the sixteen bytes: version and variant bits are set, the rest is kept.
    #[must_use]
    pub fn v8(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid().into_bytes())
    }

    /// Reads the hyphenated form of a UUID, in either case.
    ///
    /// # Errors
    /// For every other text, also for the other forms of a UUID.
    pub fn parse(text: &str) -> Result<Self, IdRefusal> {
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(IdRefusal::Text);
        }
        let parsed = uuid::Uuid::try_parse(text).map_err(|_| IdRefusal::Text)?;
        Ok(Self(parsed.into_bytes()))
    }

    /// The sixteen bytes of `bytes`.
    ///
    /// # Errors
    /// When there are more or fewer.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, IdRefusal> {
        let length = bytes.len();
        bytes.try_into().map(Self).map_err(|_| IdRefusal::Length { length })
    }

    /// The sixteen bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// True for sixteen zero bytes.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        *self == Self::NIL
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = uuid::Uuid::encode_buffer();
        formatter.write_str(uuid::Uuid::from_bytes(self.0).as_hyphenated().encode_lower(&mut buffer))
    }
}

impl core::str::FromStr for Id {
    type Err = IdRefusal;

    fn from_str(text: &str) -> Result<Self, IdRefusal> {
        Self::parse(text)
    }
}

impl<C> minicbor::Encode<C> for Id {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.bytes(&self.0)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Id {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        crate::body::fixed_bytes(decoder).map(Self)
    }
}
