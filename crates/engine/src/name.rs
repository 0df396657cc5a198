//! Names: one canonical form, checked in one place, authorised, executed and audited alike.

use std::borrow::Borrow;
use std::fmt;

use smol_str::SmolStr;
use strongroom_envelope::Id;

use crate::rule::Refusal;

/// The longest segment.
pub const SEGMENT_BYTES: usize = 128;
/// The most segments.
pub const SEGMENTS: usize = 16;

/// A canonical name: segments `[A-Za-z0-9][A-Za-z0-9._@-]*` joined by `/`, not a UUID.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(SmolStr);

impl Name {
    /// The name, or what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        check_segments(text, false)?;
        if Id::parse(text).is_ok() {
            return Err(invalid("a name may not look like an id (UUID)"));
        }
        Ok(Self(text.into()))
    }

    /// A name that was checked when it was stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.as_str())
    }
}

impl<C> minicbor::Encode<C> for Name {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.str(&self.0)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Name {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::parse(decoder.str()?).map_err(|_| minicbor::decode::Error::message("a text that is not a name"))
    }
}

/// A name or an id, as a caller gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// By name.
    Name(Name),
    /// By id.
    Id(Id),
}

impl Selector {
    /// What parses as a UUID is an id, everything else must be a name.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        match Id::parse(text) {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) => Name::parse(text).map(Self::Name),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(formatter),
            Self::Id(id) => id.fmt(formatter),
        }
    }
}

/// Checks the prefix of a list: empty, or the beginning of a name, with or without a last `/`.
pub fn check_prefix(text: &str) -> Result<(), Refusal> {
    if text.is_empty() { Ok(()) } else { check_segments(text, true) }
}

fn check_segments(text: &str, prefix: bool) -> Result<(), Refusal> {
    let whole = if prefix { text.strip_suffix('/').unwrap_or(text) } else { text };
    if whole.is_empty() {
        return Err(invalid("it is empty"));
    }
    let mut count = 0;
    for segment in whole.split('/') {
        count += 1;
        check_segment(segment)?;
    }
    if count > SEGMENTS { Err(invalid("it has more than 16 segments")) } else { Ok(()) }
}

fn check_segment(segment: &str) -> Result<(), Refusal> {
    let Some(first) = segment.bytes().next() else {
        return Err(invalid("it has an empty segment; remove the doubled, leading or trailing `/`"));
    };
    if segment.len() > SEGMENT_BYTES {
        return Err(invalid("a segment is longer than 128 bytes"));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'@' | b'-');
    if !first.is_ascii_alphanumeric() {
        return Err(invalid("each segment begins with a letter A-Z a-z or a digit"));
    }
    if !segment.bytes().all(allowed) {
        return Err(invalid("a segment holds only A-Z a-z 0-9 . _ @ -"));
    }
    Ok(())
}

fn invalid(reason: &str) -> Refusal {
    Refusal::Invalid { field: "name", reason: reason.to_owned() }
}
