//! The body of a protector record: its encoding, and every limit that stored bytes have to keep.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::Write;
use minicbor::{Encoder, encode};
use strongroom_crypto::password::{Algorithm, CEILING, FLOOR, Parameters};

use super::{
    LONGEST_BLOB, LONGEST_PARAMETER, LONGEST_TEXT, MOST_PAIRS, ProtectorKind, ProtectorRecord, ProtectorRefusal,
    WRAPPED_LENGTH,
};
use crate::body::{self, Rest};
use crate::{Id, RecordKey, Timestamp};

/// Appends the body of a record that [`check`] has passed.
pub(super) fn encode_into(record: &ProtectorRecord, out: &mut Vec<u8>) {
    Fields::of(record).write(&mut Encoder::new(out)).expect("writing to a vector does not fail");
}

/// Reads a body out of hostile bytes.
pub(super) fn decode(key: RecordKey, bytes: &[u8]) -> Result<ProtectorRecord, ProtectorRefusal> {
    body::check_version(bytes, VERSION)?;
    let fields = Fields::read(&mut Decoder::new(bytes)).map_err(|_| ProtectorRefusal::Body)?;
    let mut rest = Rest(bytes);
    let same = fields.write(&mut Encoder::new(&mut rest)).is_ok() && rest.0.is_empty();
    if !same {
        return Err(ProtectorRefusal::Body);
    }
    let record = fields.into_record()?;
    check(key, &record)?;
    Ok(record)
}

/// Every limit of a record's fields.
pub(super) fn check(key: RecordKey, record: &ProtectorRecord) -> Result<(), ProtectorRefusal> {
    if record.protector_id != key.id {
        return Err(ProtectorRefusal::OtherId { found: record.protector_id });
    }
    let texts_fit = record
        .bound_to
        .iter()
        .flat_map(|(name, text)| [name, text])
        .all(|text| text.len() <= LONGEST_TEXT && !text.chars().any(char::is_control));
    if record.bound_to.len() > MOST_PAIRS || !texts_fit {
        return Err(ProtectorRefusal::BoundTo);
    }
    let length = record.salt.len();
    if !(FLOOR.salt..=CEILING.salt).contains(&length) {
        return Err(ProtectorRefusal::Salt { length });
    }
    check_means(record)?;
    match (record.kind, &record.parameters) {
        (ProtectorKind::Password, Some(parameters)) => parameters.check().map_err(ProtectorRefusal::Parameters),
        (ProtectorKind::Password, None) | (_, Some(_)) => Err(ProtectorRefusal::ParametersMisplaced),
        (_, None) => Ok(()),
    }
}

/// What names the kind's own means: there exactly when the kind has them.
fn check_means(record: &ProtectorRecord) -> Result<(), ProtectorRefusal> {
    let kind = record.kind;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let parameter_fits = record.parameter.len() <= LONGEST_PARAMETER && record.parameter.bytes().all(is_name);
    if !parameter_fits || record.parameter.is_empty() == kind.has_parameter() {
        return Err(ProtectorRefusal::Parameter { kind });
    }
    if record.blob.len() > LONGEST_BLOB || record.blob.is_empty() == kind.has_blob() {
        return Err(ProtectorRefusal::Blob { kind });
    }
    Ok(())
}

/// The body's fields as they are written, before they are judged.
struct Fields<'a> {
    store_id: Id,
    protector_id: Id,
    kind: &'a str,
    bound_to: Vec<(&'a str, &'a str)>,
    created_at: Timestamp,
    salt: &'a [u8],
    derivation: Option<Derivation>,
    wrapped: &'a [u8],
    parameter: Option<&'a str>,
    blob: Option<&'a [u8]>,
}

/// Algorithm and its three numbers.
#[derive(Clone, Copy)]
struct Derivation(u8, [u32; 3]);

impl<'a> Fields<'a> {
    fn of(record: &'a ProtectorRecord) -> Self {
        Self {
            store_id: record.store_id,
            protector_id: record.protector_id,
            kind: record.kind.name(),
            bound_to: record.bound_to.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect(),
            created_at: record.created_at,
            salt: &record.salt,
            derivation: record.parameters.map(Derivation::of),
            wrapped: &record.wrapped,
            parameter: Some(record.parameter.as_str()).filter(|parameter| !parameter.is_empty()),
            blob: Some(record.blob.as_slice()).filter(|blob| !blob.is_empty()),
        }
    }

    fn into_record(self) -> Result<ProtectorRecord, ProtectorRefusal> {
        let kind = ProtectorKind::from_name(self.kind).ok_or_else(|| unknown_kind(self.kind))?;
        let wrapped: [u8; WRAPPED_LENGTH] = self.wrapped.try_into().map_err(|_| ProtectorRefusal::Body)?;
        // What is absent is left out: an empty field would be a second form of the same record.
        if self.parameter.is_some_and(str::is_empty) || self.blob.is_some_and(<[u8]>::is_empty) {
            return Err(ProtectorRefusal::Body);
        }
        Ok(ProtectorRecord {
            store_id: self.store_id,
            protector_id: self.protector_id,
            kind,
            bound_to: self.bound_to.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect(),
            created_at: self.created_at,
            salt: self.salt.to_vec(),
            parameters: self.derivation.map(Derivation::parameters).transpose()?,
            wrapped,
            parameter: self.parameter.unwrap_or_default().to_owned(),
            blob: self.blob.unwrap_or_default().to_vec(),
        })
    }

    fn write<W: Write>(&self, encoder: &mut Encoder<W>) -> Result<(), encode::Error<W::Error>> {
        let fields = 8
            + u64::from(self.derivation.is_some())
            + u64::from(self.parameter.is_some())
            + u64::from(self.blob.is_some());
        encoder.map(fields)?.u8(0)?.u32(VERSION)?;
        encoder.u8(1)?.bytes(&self.store_id.0)?;
        encoder.u8(2)?.bytes(&self.protector_id.0)?;
        encoder.u8(3)?.str(self.kind)?;
        encoder.u8(4)?.array(self.bound_to.len() as u64)?;
        for (name, text) in &self.bound_to {
            encoder.array(2)?.str(name)?.str(text)?;
        }
        encoder.u8(5)?.i64(self.created_at.0)?;
        encoder.u8(6)?.bytes(self.salt)?;
        if let Some(Derivation(algorithm, numbers)) = self.derivation {
            encoder.u8(7)?.array(4)?.u8(algorithm)?;
            for number in numbers {
                encoder.u32(number)?;
            }
        }
        encoder.u8(8)?.bytes(self.wrapped)?;
        if let Some(parameter) = self.parameter {
            encoder.u8(9)?.str(parameter)?;
        }
        if let Some(blob) = self.blob {
            encoder.u8(10)?.bytes(blob)?;
        }
        encoder.ok()
    }

    fn read(decoder: &mut Decoder<'a>) -> Result<Self, DecodeError> {
        let fields = decoder.map()?;
        body::expect_key(decoder, 0)?;
        decoder.u32()?;
        body::expect_key(decoder, 1)?;
        let store_id = decoder.decode()?;
        body::expect_key(decoder, 2)?;
        let protector_id = decoder.decode()?;
        body::expect_key(decoder, 3)?;
        let kind = decoder.str()?;
        body::expect_key(decoder, 4)?;
        let bound_to = body::items(decoder, LEAST_PAIR, |decoder| {
            body::array_of(decoder, 2)?;
            Ok((decoder.str()?, decoder.str()?))
        })?;
        body::expect_key(decoder, 5)?;
        let created_at = decoder.decode()?;
        body::expect_key(decoder, 6)?;
        let salt = decoder.bytes()?;
        let mut left = fields.unwrap_or(0).saturating_sub(7);
        let mut key = next_key(decoder, &mut left)?;
        let derivation = optional(decoder, &mut left, &mut key, 7, Derivation::read)?;
        let wrapped = optional(decoder, &mut left, &mut key, 8, Decoder::bytes)?.unwrap_or_default();
        let parameter = optional(decoder, &mut left, &mut key, 9, Decoder::str)?;
        let blob = optional(decoder, &mut left, &mut key, 10, Decoder::bytes)?;
        Ok(Self { store_id, protector_id, kind, bound_to, created_at, salt, derivation, wrapped, parameter, blob })
    }
}

/// The field's key, unless all fields have been read.
fn next_key(decoder: &mut Decoder<'_>, left: &mut u64) -> Result<Option<u64>, DecodeError> {
    match left.checked_sub(1) {
        None => Ok(None),
        Some(rest) => {
            *left = rest;
            decoder.u64().map(Some)
        }
    }
}

/// The field of this key, if `key` is its key; `key` is the next one's afterwards.
fn optional<'b, T>(
    decoder: &mut Decoder<'b>,
    left: &mut u64,
    key: &mut Option<u64>,
    wanted: u64,
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if *key != Some(wanted) {
        return Ok(None);
    }
    let field = read(decoder)?;
    *key = next_key(decoder, left)?;
    Ok(Some(field))
}

impl Derivation {
    fn of(parameters: Parameters) -> Self {
        match parameters.algorithm {
            Algorithm::Argon2id { memory_kib, passes, lanes } => Self(ARGON2ID, [memory_kib, passes, lanes]),
            Algorithm::Pbkdf2HmacSha256 { iterations } => Self(PBKDF2, [iterations, 0, 0]),
        }
    }

    fn parameters(self) -> Result<Parameters, ProtectorRefusal> {
        let algorithm = match self {
            Self(ARGON2ID, [memory_kib, passes, lanes]) => Algorithm::Argon2id { memory_kib, passes, lanes },
            Self(PBKDF2, [iterations, 0, 0]) => Algorithm::Pbkdf2HmacSha256 { iterations },
            Self(PBKDF2, _) => return Err(ProtectorRefusal::Body),
            Self(found, _) => return Err(ProtectorRefusal::Algorithm { found }),
        };
        Ok(Parameters { algorithm })
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        body::array_of(decoder, 4)?;
        Ok(Self(decoder.u8()?, [decoder.u32()?, decoder.u32()?, decoder.u32()?]))
    }
}

/// Names the kind, unless it is not even a name.
fn unknown_kind(kind: &str) -> ProtectorRefusal {
    let is_name = (1..=LONGEST_KIND).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_graphic());
    if is_name { ProtectorRefusal::UnknownKind { kind: kind.to_owned() } } else { ProtectorRefusal::Body }
}

const VERSION: u32 = 1;
const ARGON2ID: u8 = 1;
const PBKDF2: u8 = 2;
const LONGEST_KIND: usize = 32;
/// Array head and two empty texts.
const LEAST_PAIR: usize = 3;
