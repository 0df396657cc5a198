//! Messages of the server: those the session looks at are read, those it changes are written.

use bytes::{BufMut, BytesMut};

use super::{Malformed, Reader, frame};

/// A statement was parsed.
pub const PARSE_COMPLETE: u8 = b'1';
/// A portal was made.
pub const BIND_COMPLETE: u8 = b'2';
/// A statement or portal was closed.
pub const CLOSE_COMPLETE: u8 = b'3';
/// What was described yields no rows.
pub const NO_DATA: u8 = b'n';
/// The types of a statement's parameters.
pub const PARAMETER_DESCRIPTION: u8 = b't';
/// The columns of a result.
pub const ROW_DESCRIPTION: u8 = b'T';
/// One row.
pub const DATA_ROW: u8 = b'D';
/// A statement was run.
pub const COMMAND_COMPLETE: u8 = b'C';
/// The text held no statement.
pub const EMPTY_QUERY: u8 = b'I';
/// As many rows as were asked for; there are more.
pub const PORTAL_SUSPENDED: u8 = b's';
/// An error.
pub const ERROR: u8 = b'E';
/// A notice.
pub const NOTICE: u8 = b'N';
/// A notification of another session.
pub const NOTIFICATION: u8 = b'A';
/// A setting and its value.
pub const PARAMETER_STATUS: u8 = b'S';
/// The server waits for the next statement.
pub const READY: u8 = b'Z';
/// The server expects rows of a COPY.
pub const COPY_IN: u8 = b'G';
/// The server sends rows of a COPY.
pub const COPY_OUT: u8 = b'H';
/// Rows of a COPY.
pub const COPY_DATA: u8 = super::frontend::COPY_DATA;
/// The end of a COPY.
pub const COPY_DONE: u8 = super::frontend::COPY_DONE;
/// Both (replication).
pub const COPY_BOTH: u8 = b'W';
/// The result of a function call.
pub const FUNCTION_RESULT: u8 = b'V';

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: Box<[u8]>,
    /// The table it comes from; 0: none.
    pub table: u32,
    /// The column of the table; 0: none.
    pub attribute: i16,
    /// Its type.
    pub oid: u32,
    /// The length of the type.
    pub length: i16,
    /// The modifier of the type.
    pub modifier: i32,
    /// The format code: 0 text, 1 binary; 0 also where it is not known yet.
    pub format: i16,
}

/// Reads a RowDescription message.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn row_description(message: &[u8]) -> Result<Vec<Field>, Malformed> {
    let mut body = Reader::of_message(message)?;
    let count = body.count()?;
    let fields = (0..count).map(|_| field(&mut body)).collect::<Result<_, _>>()?;
    body.end()?;
    Ok(fields)
}

fn field(body: &mut Reader<'_>) -> Result<Field, Malformed> {
    Ok(Field {
        name: body.string()?.into(),
        table: body.u32()?,
        attribute: body.i16()?,
        oid: body.u32()?,
        length: body.i16()?,
        modifier: body.i32()?,
        format: body.i16()?,
    })
}

/// Writes a RowDescription message.
pub fn write_row_description(out: &mut BytesMut, fields: &[Field]) {
    frame::write(out, ROW_DESCRIPTION, |out| {
        out.put_u16(u16::try_from(fields.len()).unwrap_or(u16::MAX));
        for field in fields {
            out.put_slice(&field.name);
            out.put_u8(0);
            out.put_u32(field.table);
            out.put_i16(field.attribute);
            out.put_u32(field.oid);
            out.put_i16(field.length);
            out.put_i32(field.modifier);
            out.put_i16(field.format);
        }
    });
}

/// Reads a ParameterDescription message: the types.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn parameter_description(message: &[u8]) -> Result<Vec<u32>, Malformed> {
    let mut body = Reader::of_message(message)?;
    let count = body.count()?;
    let types = (0..count).map(|_| body.u32()).collect::<Result<_, _>>()?;
    body.end()?;
    Ok(types)
}

/// Writes a ParameterDescription message.
pub fn write_parameter_description(out: &mut BytesMut, types: &[u32]) {
    frame::write(out, PARAMETER_DESCRIPTION, |out| {
        out.put_u16(u16::try_from(types.len()).unwrap_or(u16::MAX));
        types.iter().for_each(|oid| out.put_u32(*oid));
    });
}

/// The values of a DataRow message, one after the other.
///
/// # Errors
/// [`Malformed`] when the message has no count.
pub fn data_row(message: &[u8]) -> Result<(usize, Reader<'_>), Malformed> {
    let mut body = Reader::of_message(message)?;
    let count = body.count()?;
    Ok((count, body))
}

/// The tag of a CommandComplete message, such as `INSERT 0 1`.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn command_tag(message: &[u8]) -> Result<&[u8], Malformed> {
    let mut body = Reader::of_message(message)?;
    let tag = body.string()?;
    body.end()?;
    Ok(tag)
}

/// The state a ReadyForQuery message tells: `I` idle, `T` in a transaction, `E` in a failed one.
///
/// # Errors
/// [`Malformed`] when it is none of them.
pub fn ready(message: &[u8]) -> Result<u8, Malformed> {
    let mut body = Reader::of_message(message)?;
    let status = body.u8()?;
    body.end()?;
    if b"ITE".contains(&status) { Ok(status) } else { Err(Malformed::Field { field: "transaction status" }) }
}

/// Name and value of a ParameterStatus message.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn parameter_status(message: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut body = Reader::of_message(message)?;
    let pair = (body.string()?, body.string()?);
    body.end()?;
    Ok(pair)
}

/// Whether a COPY is binary as a whole, and how many columns it has.
///
/// # Errors
/// [`Malformed`] when the message is none of those that begin a COPY.
pub fn copy_response(message: &[u8]) -> Result<(bool, usize), Malformed> {
    let mut body = Reader::of_message(message)?;
    let binary = body.u8()? != 0;
    Ok((binary, body.count()?))
}
