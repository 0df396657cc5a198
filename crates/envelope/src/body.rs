//! Record bodies: deterministic CBOR that is accepted only in the one form we write.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::Write;

/// A record's body: a map with integer keys whose field 0 is the version.
///
/// Implement it beside `#[derive(Encode, Decode)] #[cbor(map)]`, with `#[n(0)] version: u32` as the first field.
pub trait Body: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> {
    /// The version this program writes and reads.
    const VERSION: u32 = 1;
}

/// An authentic body that this program does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A newer program wrote it.
    #[error("the body has version {version}, written by a newer program")]
    Newer {
        /// The version found.
        version: u64,
    },
    /// It is not what any program of ours writes.
    #[error("the body is malformed")]
    Malformed,
}

/// The body's bytes.
#[must_use]
pub fn encode<T: Body>(body: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    encode_into(body, &mut out);
    out
}

/// Appends the body's bytes to `out`.
pub fn encode_into<T: Body>(body: &T, out: &mut Vec<u8>) {
    minicbor::encode(body, out).expect("writing to a vector does not fail");
}

/// Decodes a body, encodes it again and compares, so that there is one form only.
///
/// # Errors
/// [`BodyError::Newer`] when the version is above the one known, [`BodyError::Malformed`] for everything else.
pub fn decode_strict<T: Body>(bytes: &[u8]) -> Result<T, BodyError> {
    check_version(bytes, T::VERSION)?;
    let mut decoder = Decoder::new(bytes);
    let body: T = decoder.decode().map_err(|_| BodyError::Malformed)?;
    let mut rest = Rest(bytes);
    minicbor::encode(&body, &mut rest).map_err(|_| BodyError::Malformed)?;
    if rest.0.is_empty() { Ok(body) } else { Err(BodyError::Malformed) }
}

/// The version in field 0, without looking at the rest.
///
/// # Errors
/// When the bytes do not begin with a map whose first key is 0.
pub fn version(bytes: &[u8]) -> Result<u64, BodyError> {
    let mut decoder = Decoder::new(bytes);
    let first = |decoder: &mut Decoder<'_>| -> Result<Option<u64>, DecodeError> {
        let fields = decoder.map()?;
        if fields.unwrap_or(0) == 0 || decoder.u64()? != 0 {
            return Ok(None);
        }
        decoder.u64().map(Some)
    };
    first(&mut decoder).ok().flatten().ok_or(BodyError::Malformed)
}

pub(crate) fn check_version(bytes: &[u8], known: u32) -> Result<(), BodyError> {
    let version = version(bytes)?;
    match version.cmp(&u64::from(known)) {
        core::cmp::Ordering::Equal => Ok(()),
        core::cmp::Ordering::Greater => Err(BodyError::Newer { version }),
        core::cmp::Ordering::Less => Err(BodyError::Malformed),
    }
}

/// A byte string of exactly `N` bytes.
pub(crate) fn fixed_bytes<const N: usize>(decoder: &mut Decoder<'_>) -> Result<[u8; N], DecodeError> {
    let bytes = decoder.bytes()?;
    bytes.try_into().map_err(|_| DecodeError::message("a byte string of another length"))
}

/// The head of an array of `length` items.
pub(crate) fn array_of(decoder: &mut Decoder<'_>, length: u64) -> Result<(), DecodeError> {
    if decoder.array()? == Some(length) { Ok(()) } else { Err(DecodeError::message("an array of another length")) }
}

/// An array of items that take `least` bytes each or more: its length is judged by the bytes that are there
/// before anything is allocated for it.
pub(crate) fn items<'b, T>(
    decoder: &mut Decoder<'b>,
    least: usize,
    mut item: impl FnMut(&mut Decoder<'b>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let length = decoder.array()?.ok_or_else(|| DecodeError::message("an array of indefinite length"))?;
    let rest = decoder.input().len() - decoder.position();
    let most = (rest / least.max(1)) as u64;
    if length > most {
        return Err(DecodeError::end_of_input());
    }
    let mut items = Vec::with_capacity(length as usize);
    for _ in 0..length {
        items.push(item(decoder)?);
    }
    Ok(items)
}

/// The map head and the key of each field in turn, for bodies that are decoded by hand.
pub(crate) fn expect_key(decoder: &mut Decoder<'_>, key: u64) -> Result<(), DecodeError> {
    if decoder.u64()? == key { Ok(()) } else { Err(DecodeError::message("another field than expected")) }
}

/// A writer that takes only the bytes it expects: comparing costs no second buffer.
pub(crate) struct Rest<'a>(pub(crate) &'a [u8]);

/// What was written is not what was expected.
pub(crate) struct Differs;

impl Write for Rest<'_> {
    type Error = Differs;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Differs> {
        self.0 = self.0.strip_prefix(bytes).ok_or(Differs)?;
        Ok(())
    }
}
