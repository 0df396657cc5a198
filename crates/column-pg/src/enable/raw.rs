//! Values as PostgreSQL's binary format has them, past the types of the client library.

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

type Fault = Box<dyn std::error::Error + Sync + Send>;

/// A value as it came; of any type.
#[derive(Clone, Copy)]
pub(super) struct RawValue<'a>(pub &'a [u8]);

impl<'a> FromSql<'a> for RawValue<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Fault> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// An array of one dimension, element by element. Not printed: it may hold values.
pub(super) struct RawArray {
    element_oid: u32,
    length: u32,
    has_null: bool,
    elements: BytesMut,
}

impl std::fmt::Debug for RawArray {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RawArray({} elements)", self.length)
    }
}

impl RawArray {
    /// An empty one with elements of this type.
    pub fn new(element_oid: u32) -> Self {
        Self { element_oid, length: 0, has_null: false, elements: BytesMut::new() }
    }

    /// One element more.
    pub fn push(&mut self, element: Option<&[u8]>) {
        self.length += 1;
        match element.and_then(|bytes| Some((bytes, i32::try_from(bytes.len()).ok()?))) {
            Some((bytes, length)) => {
                self.elements.put_i32(length);
                self.elements.put_slice(bytes);
            }
            None => {
                self.has_null = true;
                self.elements.put_i32(-1);
            }
        }
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        self.elements.len()
    }
}

impl ToSql for RawArray {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        // Dimensions, whether there are nulls, type of elements, then length and lower bound of the one dimension.
        out.put_i32(i32::from(self.length > 0));
        out.put_i32(i32::from(self.has_null));
        out.put_u32(self.element_oid);
        if self.length > 0 {
            out.put_u32(self.length);
            out.put_i32(1);
        }
        out.put_slice(&self.elements);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// `tid`, `xid` and `text` as types of elements.
pub(super) const TID: u32 = 27;
pub(super) const XID: u32 = 28;
pub(super) const TEXT: u32 = 25;

/// Page and item of a `tid`, as PostgreSQL prints them.
pub(super) fn tid_text(tid: &[u8]) -> String {
    match tid.split_first_chunk::<4>() {
        Some((page, item)) => {
            let item = <[u8; 2]>::try_from(item).map(u16::from_be_bytes).unwrap_or_default();
            format!("({},{item})", u32::from_be_bytes(*page))
        }
        None => "unknown".to_owned(),
    }
}
