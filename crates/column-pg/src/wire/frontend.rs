//! Messages of the client: those the session looks at are read, those it sends itself are written.

use std::cmp::Ordering;

use bytes::{BufMut, BytesMut};

use super::{Malformed, Reader, frame};

/// Parse: a text becomes a statement.
pub const PARSE: u8 = b'P';
/// Bind: a statement and values become a portal.
pub const BIND: u8 = b'B';
/// Describe a statement or a portal.
pub const DESCRIBE: u8 = b'D';
/// Execute a portal.
pub const EXECUTE: u8 = b'E';
/// Close a statement or a portal.
pub const CLOSE: u8 = b'C';
/// Flush: send what is there.
pub const FLUSH: u8 = b'H';
/// Sync: the end of a group of messages.
pub const SYNC: u8 = b'S';
/// A text of statements, to be run at once.
pub const QUERY: u8 = b'Q';
/// A function is called by its number.
pub const FUNCTION_CALL: u8 = b'F';
/// Rows of a COPY, in both directions.
pub const COPY_DATA: u8 = b'd';
/// The end of a COPY, in both directions.
pub const COPY_DONE: u8 = b'c';
/// The client gives a COPY up.
pub const COPY_FAIL: u8 = b'f';
/// The client leaves.
pub const TERMINATE: u8 = b'X';

/// What Describe and Close speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A prepared statement.
    Statement = b'S' as isize,
    /// A portal.
    Portal = b'P' as isize,
}

/// A Parse message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parse<'a> {
    /// The name of the statement; empty: the unnamed one.
    pub name: &'a [u8],
    /// The text.
    pub sql: &'a [u8],
    /// Types of the first parameters; 0: PostgreSQL finds out.
    pub types: Vec<u32>,
}

/// The beginning of a Bind message, which is enough for statements without encrypted parameters or results.
#[derive(Clone, Copy, Debug)]
pub struct BindNames<'a> {
    /// The name of the portal.
    pub portal: &'a [u8],
    /// The name of the statement.
    pub statement: &'a [u8],
    /// What follows.
    pub rest: Reader<'a>,
}

/// The rest of a Bind message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindValues<'a> {
    /// Format codes of the parameters, as they were sent: none, one for all, or one each.
    pub formats: Vec<i16>,
    /// The values; `None` is NULL.
    pub values: Vec<Option<&'a [u8]>>,
    /// Format codes of the results, as they were sent.
    pub results: Vec<i16>,
}

/// The rest of a Bind message whose values stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindUntouched<'a> {
    /// How many values there are.
    pub count: usize,
    /// Formats and values, as they were sent.
    values: &'a [u8],
    /// Format codes of the results, as they were sent.
    results: &'a [[u8; 2]],
}

impl BindUntouched<'_> {
    /// Format codes of the results.
    pub fn results(&self) -> impl Iterator<Item = i16> + Clone {
        self.results.iter().map(|code| i16::from_be_bytes(*code))
    }
}

/// Reads a Parse message.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn parse(message: &[u8]) -> Result<Parse<'_>, Malformed> {
    let mut body = Reader::of_message(message)?;
    let (name, sql) = (body.string()?, body.string()?);
    let count = body.count()?;
    let types = (0..count).map(|_| body.u32()).collect::<Result<_, _>>()?;
    body.end()?;
    Ok(Parse { name, sql, types })
}

/// Reads the names of a Bind message.
///
/// # Errors
/// [`Malformed`] when they are not there.
pub fn bind(message: &[u8]) -> Result<BindNames<'_>, Malformed> {
    let mut rest = Reader::of_message(message)?;
    let (portal, statement) = (rest.string()?, rest.string()?);
    Ok(BindNames { portal, statement, rest })
}

impl<'a> BindNames<'a> {
    /// Reads formats and values.
    ///
    /// # Errors
    /// [`Malformed`] when they do not have their form.
    pub fn values(&self) -> Result<BindValues<'a>, Malformed> {
        let mut body = self.rest;
        let formats = codes(&mut body)?;
        let count = body.count()?;
        let values = (0..count).map(|_| body.value()).collect::<Result<Vec<_>, _>>()?;
        let results = codes(&mut body)?;
        body.end()?;
        Ok(BindValues { formats, values, results })
    }

    /// Reads how many values there are, and where they end.
    ///
    /// # Errors
    /// [`Malformed`] when formats and values do not have their form.
    pub fn untouched(&self) -> Result<BindUntouched<'a>, Malformed> {
        let mut body = self.rest;
        skip_codes(&mut body)?;
        let count = body.count()?;
        (0..count).try_for_each(|_| body.value().map(drop))?;
        let whole = self.rest.rest();
        let values = whole.get(..whole.len() - body.rest().len()).unwrap_or_default();
        let codes = body.count()?;
        let (results, odd) = body.rest().as_chunks();
        match results.len().cmp(&codes) {
            Ordering::Less => Err(Malformed::Short),
            Ordering::Equal if odd.is_empty() => Ok(BindUntouched { count, values, results }),
            Ordering::Equal | Ordering::Greater => Err(Malformed::Long),
        }
    }
}

fn skip_codes(body: &mut Reader<'_>) -> Result<(), Malformed> {
    (0..body.count()?).try_for_each(|_| body.i16().map(drop))
}

fn codes(body: &mut Reader<'_>) -> Result<Vec<i16>, Malformed> {
    let count = body.count()?;
    (0..count).map(|_| body.i16()).collect()
}

/// The format code that holds for one of several: none given is text, one given holds for all.
#[must_use]
pub fn code_of(codes: &[i16], index: usize) -> i16 {
    match codes {
        [] => 0,
        [one] => *one,
        many => many.get(index).copied().unwrap_or(0),
    }
}

/// Reads a Describe or Close message.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn target(message: &[u8]) -> Result<(Target, &[u8]), Malformed> {
    let mut body = Reader::of_message(message)?;
    let target = match body.u8()? {
        b'S' => Target::Statement,
        b'P' => Target::Portal,
        _ => return Err(Malformed::Field { field: "what is described or closed" }),
    };
    let name = body.string()?;
    body.end()?;
    Ok((target, name))
}

/// Reads an Execute message: the portal and the most rows (0: all).
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn execute(message: &[u8]) -> Result<(&[u8], i32), Malformed> {
    let mut body = Reader::of_message(message)?;
    let portal = body.string()?;
    let rows = body.i32()?;
    body.end()?;
    Ok((portal, rows))
}

/// Reads a Query message.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn query(message: &[u8]) -> Result<&[u8], Malformed> {
    let mut body = Reader::of_message(message)?;
    let sql = body.string()?;
    body.end()?;
    Ok(sql)
}

/// Writes a Parse message. Zero bytes cannot be in name or text: both come from messages where they would have ended the field.
pub fn write_parse(out: &mut BytesMut, name: &[u8], sql: &[u8], types: &[u32]) {
    frame::write(out, PARSE, |out| {
        string(out, name);
        string(out, sql);
        count(out, types.len());
        types.iter().for_each(|oid| out.put_u32(*oid));
    });
}

/// Writes a Bind message without parameters, results as text.
pub fn write_bind_empty(out: &mut BytesMut, portal: &[u8], statement: &[u8]) {
    frame::write(out, BIND, |out| {
        string(out, portal);
        string(out, statement);
        out.put_slice(&[0; 6]);
    });
}

/// Writes a Bind message; `values` writes each value with its length before it.
pub fn write_bind(out: &mut BytesMut, names: (&[u8], &[u8]), formats: &[i16], values: (usize, &[u8]), results: &[i16]) {
    frame::write(out, BIND, |out| {
        string(out, names.0);
        string(out, names.1);
        count(out, formats.len());
        formats.iter().for_each(|code| out.put_i16(*code));
        count(out, values.0);
        out.put_slice(values.1);
        count(out, results.len());
        results.iter().for_each(|code| out.put_i16(*code));
    });
}

/// Writes a Bind message with values as they were sent.
pub fn write_bind_untouched(out: &mut BytesMut, names: (&[u8], &[u8]), bind: &BindUntouched<'_>, results: &[i16]) {
    frame::write(out, BIND, |out| {
        string(out, names.0);
        string(out, names.1);
        out.put_slice(bind.values);
        count(out, results.len());
        results.iter().for_each(|code| out.put_i16(*code));
    });
}

/// Writes a Describe message.
pub fn write_describe(out: &mut BytesMut, target: Target, name: &[u8]) {
    write_target(out, DESCRIBE, target, name);
}

/// Writes a Close message.
pub fn write_close(out: &mut BytesMut, target: Target, name: &[u8]) {
    write_target(out, CLOSE, target, name);
}

/// Writes an Execute message for all rows.
pub fn write_execute(out: &mut BytesMut, portal: &[u8]) {
    frame::write(out, EXECUTE, |out| {
        string(out, portal);
        out.put_i32(0);
    });
}

/// Writes a Query message.
pub fn write_query(out: &mut BytesMut, sql: &[u8]) {
    frame::write(out, QUERY, |out| string(out, sql));
}

/// Writes a message without a body: Sync, Flush, Terminate.
pub fn write_bare(out: &mut BytesMut, tag: u8) {
    frame::write(out, tag, |_| ());
}

/// Writes a CopyFail message.
pub fn write_copy_fail(out: &mut BytesMut, why: &str) {
    frame::write(out, COPY_FAIL, |out| string(out, why.as_bytes()));
}

fn write_target(out: &mut BytesMut, tag: u8, target: Target, name: &[u8]) {
    frame::write(out, tag, |out| {
        out.put_u8(match target {
            Target::Statement => b'S',
            Target::Portal => b'P',
        });
        string(out, name);
    });
}

fn string(out: &mut BytesMut, text: &[u8]) {
    out.put_slice(text);
    out.put_u8(0);
}

/// Counts come from messages whose counts have 16 bits.
fn count(out: &mut BytesMut, count: usize) {
    out.put_u16(u16::try_from(count).unwrap_or(u16::MAX));
}
