//! Rows of a result: which columns are opened, and how.

use bytes::{BufMut, BytesMut};
use std::sync::Arc;

use strongroom_column::{CellKey, Format, Style};

use super::analysis::Type;
use super::keys::{Key, Keys};
use super::refusal;
use super::value;
use crate::catalogue::{ColumnClass, Shape};
use crate::wire::backend::{self, Field};
use crate::wire::frontend::code_of;
use crate::wire::{Malformed, Reader, Report, frame};

/// What is done with each column of a result.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    /// None when all go through as they are.
    columns: Option<Arc<[Option<Opening>]>>,
}

/// A column that is opened.
#[derive(Clone, Debug)]
struct Opening {
    name: Box<[u8]>,
    class: Arc<ColumnClass>,
    shape: Shape,
    /// How cells come from the server.
    came: Format,
    /// How values go to the client.
    wanted: Format,
}

/// Why a row did not become one for the client.
pub(super) enum Stop {
    /// A key has to come first.
    Wait,
    /// The result cannot be shown.
    Refused(Report),
    /// The row has other columns than it was described with.
    Changed,
    Malformed(Malformed),
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl Rows {
    /// For a result whose columns come in the formats of `fields` and go out in those asked for; `None`: as they come.
    pub(super) fn new(fields: &[Field], types: &[Type], came: Option<&[i16]>, wanted: Option<&[i16]>) -> Self {
        if !types.iter().any(Type::is_class) {
            return Self::default();
        }
        let opening = |(index, (field, kind)): (usize, (&Field, &Type))| {
            let Type::Class(class, shape) = kind else {
                return None;
            };
            let came = came.map_or(field.format, |codes| code_of(codes, index));
            let wanted = wanted.map_or(came, |codes| code_of(codes, index));
            let (class, shape) = (Arc::clone(class), *shape);
            Some(Opening { name: field.name.clone(), class, shape, came: format(came), wanted: format(wanted) })
        };
        Self { columns: Some(fields.iter().zip(types).enumerate().map(opening).collect()) }
    }

    /// Whether rows go through as they are.
    pub(super) fn untouched(&self) -> bool {
        self.columns.is_none()
    }

    /// Writes the row as the client asked for it. `out` is as before when it is not written.
    pub(super) fn open(
        &self,
        message: &[u8],
        keys: &mut Keys,
        style: &Style,
        scratch: &mut value::Scratch,
        out: &mut BytesMut,
    ) -> Result<(), Stop> {
        let columns = self.columns.as_deref().unwrap_or_default();
        for opening in columns.iter().flatten() {
            opening.key(keys)?;
        }
        let (count, mut values) = backend::data_row(message)?;
        if count != columns.len() {
            return Err(Stop::Changed);
        }
        let before = out.len();
        let mut written = Ok(());
        frame::write(out, backend::DATA_ROW, |out| {
            out.put_u16(u16::try_from(count).unwrap_or(u16::MAX));
            written = columns.iter().try_for_each(|column| match column {
                None => copy(&mut values, out),
                Some(opening) => opening.open(&mut values, keys, style, scratch, out),
            });
        });
        if written.is_err() {
            out.truncate(before);
        }
        written
    }
}

fn copy(values: &mut Reader<'_>, out: &mut BytesMut) -> Result<(), Stop> {
    let value = values.value()?;
    put(out, value);
    Ok(())
}

fn put(out: &mut BytesMut, value: Option<&[u8]>) {
    match value {
        None => out.put_i32(-1),
        Some(value) => {
            out.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
            out.put_slice(value);
        }
    }
}

impl Opening {
    fn key(&self, keys: &mut Keys) -> Result<Arc<CellKey>, Stop> {
        match keys.of(&self.class) {
            Key::Here(key) => Ok(key),
            Key::Awaited => Err(Stop::Wait),
            Key::Failed(report) => Err(Stop::Refused(report)),
        }
    }

    fn open(
        &self,
        values: &mut Reader<'_>,
        keys: &mut Keys,
        style: &Style,
        scratch: &mut value::Scratch,
        out: &mut BytesMut,
    ) -> Result<(), Stop> {
        let Some(cell) = values.value()? else {
            put(out, None);
            return Ok(());
        };
        let key = self.key(keys)?;
        let opening = value::Opening {
            key: &key,
            plain: &self.class.class.plain,
            shape: self.shape,
            came: self.came,
            wanted: self.wanted,
            style,
        };
        match value::open(&opening, cell, scratch) {
            Ok(()) => {
                put(out, Some(&scratch.value));
                Ok(())
            }
            Err(why) => Err(Stop::Refused(refusal::stored(&self.name, &why))),
        }
    }
}

/// A format code; what is neither 0 nor 1 the server refused.
pub(super) fn format(code: i16) -> Format {
    if code == 1 { Format::Binary } else { Format::Text }
}
