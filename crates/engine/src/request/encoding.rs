//! From bytes to characters: UTF-8 and nothing else, and only characters that XML knows.

use super::{DOCUMENT_BYTES, Position, Problem, RequestRefusal};

/// The document without its byte order mark.
pub(super) fn decode(document: &[u8]) -> Result<&str, RequestRefusal> {
    if document.len() > DOCUMENT_BYTES {
        return Err(RequestRefusal::TooLarge { bytes: document.len() });
    }
    if OTHERS.iter().any(|start| document.starts_with(start)) {
        return Err(RequestRefusal::OtherEncoding { at: Position::of(document, 0) });
    }
    let bytes = document.strip_prefix(BYTE_ORDER_MARK).unwrap_or(document);
    let text = str::from_utf8(bytes)
        .map_err(|error| RequestRefusal::NotUtf8 { at: Position::of(bytes, error.valid_up_to()) })?;
    match forbidden(text) {
        Some(offset) => Err(Problem::Character.at(text, offset)),
        None if bytes.starts_with(BYTE_ORDER_MARK) => Err(Problem::OutsideRoot.at(text, 0)),
        None => Ok(text),
    }
}

/// The first character that the production `Char` of XML 1.0 leaves out; surrogates cannot come in UTF-8.
fn forbidden(text: &str) -> Option<usize> {
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    // A fold is done many bytes at a time, a search is not.
    let control_there = text.as_bytes().iter().fold(false, |found, byte| found | control(byte));
    let first_control = if control_there { text.as_bytes().iter().position(control) } else { None };
    let noncharacter = memchr::memchr_iter(0xef, text.as_bytes())
        .find(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(['\u{fffe}', '\u{ffff}'])));
    first_control.into_iter().chain(noncharacter).min()
}

/// Whether a character may stand in a document.
pub(super) fn allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..)
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How documents in other encodings begin (XML 1.0, appendix F), and in UTF-7: its byte order mark, or `<`.
const OTHERS: [&[u8]; 9] =
    [b"\xfe\xff", b"\xff\xfe", b"\0\0\xfe\xff", b"\0\0\0<", b"<\0", b"\0<", b"\x4c\x6f\xa7\x94", b"+/v", b"+ADw"];
