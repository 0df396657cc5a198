//! A value as it came: its format, the type its bytes are in, and what it is for.

use super::bad_value::BadValue;
use super::style::Style;
use super::{Format, PlainType, Use, oid};

/// How a value was given.
#[derive(Clone, Copy)]
pub(super) struct Given<'style> {
    pub(super) format: Format,
    pub(super) oid: u32,
    pub(super) purpose: Use,
    pub(super) style: &'style Style,
}

impl Given<'_> {
    /// The type that the bytes are in. A value of no declared type is one of the column's.
    pub(super) const fn source(&self, own: u32) -> u32 {
        if matches!(self.oid, 0 | oid::UNKNOWN) { own } else { self.oid }
    }

    /// The refusal of a source that is not converted to this type.
    pub(super) fn unconverted(&self, column: &PlainType) -> BadValue {
        BadValue::Type { type_name: column.sql_name(), given: self.oid }
    }

    /// Whether a value may be rounded.
    pub(super) fn may_round(&self) -> bool {
        self.purpose == Use::Stored
    }

    /// A value without its last digits: fine where it is stored, refused where it is compared.
    pub(super) fn rounded<T>(&self, value: T, exact: bool, column: &PlainType) -> Result<T, BadValue> {
        if exact || self.may_round() { Ok(value) } else { Err(BadValue::Inexact { type_name: column.sql_name() }) }
    }
}

/// Text without blanks around it, as PostgreSQL's input functions see it.
pub(super) fn trimmed(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

/// Exactly so many bytes of a binary format.
pub(super) fn exactly<const N: usize>(value: &[u8], type_name: &'static str) -> Result<[u8; N], BadValue> {
    value.try_into().map_err(|_| BadValue::Binary { type_name })
}
