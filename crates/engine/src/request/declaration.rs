//! The XML declaration: version 1.0, UTF-8 if it names an encoding, and nothing that is not its own.

use super::tag::{Attribute, Scanner};
use super::{Position, Problem, RequestRefusal};

/// Checks the declaration that stands before `end`, at the start of the document.
pub(super) fn check(document: &str, end: usize) -> Result<(), RequestRefusal> {
    let wrong = || Problem::Declaration.at(document, 0);
    let inner = document.get(..end).and_then(|whole| whole.strip_prefix(BEGIN)?.strip_suffix(CLOSE));
    let inner_end = inner.map(|inner| BEGIN.len() + inner.len()).ok_or_else(wrong)?;
    let mut parts = Vec::new();
    Scanner::new(document, BEGIN.len(), inner_end).attributes(&mut parts).map_err(|_| wrong())?;
    let mut rest = parts.iter().peekable();
    if rest.next().is_none_or(|part| part.name.as_written() != "version" || part.value != "1.0") {
        return Err(wrong());
    }
    if let Some(encoding) = rest.next_if(|part| part.name.as_written() == "encoding") {
        check_encoding(encoding, document)?;
    }
    rest.next_if(|part| part.name.as_written() == "standalone" && matches!(part.value, "yes" | "no"));
    if rest.next().is_some() { Err(wrong()) } else { Ok(()) }
}

fn check_encoding(encoding: &Attribute<'_>, document: &str) -> Result<(), RequestRefusal> {
    if encoding.value.eq_ignore_ascii_case("UTF-8") {
        return Ok(());
    }
    Err(RequestRefusal::OtherEncoding { at: Position::of(document.as_bytes(), encoding.offset) })
}

const BEGIN: &str = "<?xml";
const CLOSE: &str = "?>";
