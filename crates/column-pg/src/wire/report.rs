//! Errors: those of the server are read as far as needed, ours are written.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Malformed, Reader, backend, frame};

/// What the session looks at in an ErrorResponse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorFields<'a> {
    /// The SQLSTATE.
    pub code: &'a [u8],
    /// ERROR, FATAL or PANIC, not translated where the server says it.
    pub severity: &'a [u8],
    /// What is wrong, in the server's words.
    pub message: &'a [u8],
    /// Where in the text, counted in characters from 1.
    pub position: Option<u32>,
}

/// Reads an ErrorResponse.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn error_fields(message: &[u8]) -> Result<ErrorFields<'_>, Malformed> {
    let mut body = Reader::of_message(message)?;
    let mut found = ErrorFields { code: b"", severity: b"", message: b"", position: None };
    loop {
        let kind = body.u8()?;
        if kind == 0 {
            return Ok(found);
        }
        let value = body.string()?;
        match kind {
            b'C' => found.code = value,
            b'V' => found.severity = value,
            b'S' if found.severity.is_empty() => found.severity = value,
            b'M' => found.message = value,
            b'P' => found.position = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
            _ => (),
        }
    }
}

/// An error of ours. Texts never hold a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The SQLSTATE, five characters.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

impl Report {
    /// An error with its SQLSTATE, what is wrong and how to mend it.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }

    /// As an ErrorResponse that ends the statement.
    #[must_use]
    pub fn error(&self) -> Bytes {
        self.write("ERROR")
    }

    /// As an ErrorResponse that ends the connection.
    #[must_use]
    pub fn fatal(&self) -> Bytes {
        self.write("FATAL")
    }

    fn write(&self, severity: &str) -> Bytes {
        let mut out = BytesMut::new();
        frame::write(&mut out, backend::ERROR, |out| {
            for (kind, text) in
                [(b'S', severity), (b'V', severity), (b'C', self.code), (b'M', &self.message), (b'H', &self.hint)]
            {
                if !text.is_empty() {
                    out.put_u8(kind);
                    // A zero byte would end the field early.
                    text.bytes().filter(|byte| *byte != 0).for_each(|byte| out.put_u8(byte));
                    out.put_u8(0);
                }
            }
            out.put_u8(0);
        });
        out.freeze()
    }
}

/// The same ErrorResponse with another position in the client's text, or none: its own counts in a text the client did not send.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn with_position(message: &[u8], position: Option<usize>) -> Result<Bytes, Malformed> {
    let mut body = Reader::of_message(message)?;
    let mut fields = Vec::new();
    loop {
        let kind = body.u8()?;
        if kind == 0 {
            break;
        }
        let value = body.string()?;
        if !matches!(kind, b'P' | b'p' | b'q') {
            fields.push((kind, value));
        }
    }
    let mut out = BytesMut::new();
    frame::write(&mut out, backend::ERROR, |out| {
        for (kind, value) in fields {
            out.put_u8(kind);
            out.put_slice(value);
            out.put_u8(0);
        }
        if let Some(position) = position {
            out.put_u8(b'P');
            out.put_slice(position.to_string().as_bytes());
            out.put_u8(0);
        }
        out.put_u8(0);
    });
    Ok(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_error_has_the_fields_of_the_protocol() {
        let report = Report::new("22003", "too large", "use less");
        let fields = b"SERROR\0VERROR\0C22003\0Mtoo large\0Huse less\0\0";
        let mut expected = vec![b'E'];
        expected.extend_from_slice(&(fields.len() as u32 + 4).to_be_bytes());
        expected.extend_from_slice(fields);
        assert_eq!(&report.error()[..], expected);
        assert_eq!(
            error_fields(&report.fatal()),
            Ok(ErrorFields { code: b"22003", severity: b"FATAL", message: b"too large", position: None })
        );
    }

    #[test]
    fn a_position_is_taken_out_or_put_in() {
        let body = b"SERROR\0C42601\0Mno\0P17\0\0";
        let mut message = vec![b'E'];
        message.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        message.extend_from_slice(body);
        assert_eq!(error_fields(&message).unwrap().position, Some(17));
        assert_eq!(error_fields(&with_position(&message, Some(3)).unwrap()).unwrap().position, Some(3));
        let without = with_position(&message, None).unwrap();
        assert!(without.ends_with(b"SERROR\0C42601\0Mno\0\0"));
        assert_eq!(error_fields(&without).unwrap().position, None);
    }
}
