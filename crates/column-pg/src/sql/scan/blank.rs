//! What stands between tokens: blanks and comments.

use super::{ScanError, ScanProblem, Scanner};

impl Scanner<'_> {
    /// Goes to the next token.
    pub(super) fn blank(&mut self) -> Result<(), ScanError> {
        loop {
            match (self.byte(0), self.byte(1)) {
                (Some(byte), _) if is_space(byte) => self.at += 1,
                (Some(b'-'), Some(b'-')) => self.line_comment(),
                (Some(b'/'), Some(b'*')) => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    /// From `--` to the end of the line, which is left.
    fn line_comment(&mut self) {
        let rest = self.rest().as_bytes();
        self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    }

    /// From `/*` to its own `*/`: these comments nest.
    fn comment(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        let mut depth = 0usize;
        let bytes = self.sql.as_bytes();
        while let Some(next) = memchr::memchr2(b'*', b'/', bytes.get(self.at..).unwrap_or_default()) {
            self.at += next;
            match (self.byte(0), self.byte(1)) {
                (Some(b'/'), Some(b'*')) => depth += 1,
                (Some(b'*'), Some(b'/')) => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return Ok(());
            }
        }
        Err(ScanError { at: start, problem: ScanProblem::Comment })
    }

    /// After the end of a quoted string: whether blanks with a line end among them, and then another quote follow. If so the
    /// scanner stands behind that quote; if not it has not moved.
    ///
    /// Only comments of one line may stand there.
    pub(super) fn continues(&mut self) -> bool {
        let start = self.at;
        let mut line_end = false;
        loop {
            match (self.byte(0), self.byte(1)) {
                (Some(byte), _) if is_space(byte) => {
                    line_end |= matches!(byte, b'\n' | b'\r');
                    self.at += 1;
                }
                (Some(b'-'), Some(b'-')) => self.line_comment(),
                (Some(b'\''), _) if line_end => {
                    self.at += 1;
                    return true;
                }
                _ => {
                    self.at = start;
                    return false;
                }
            }
        }
    }
}

/// PostgreSQL 17 counts the vertical tab, too; before, it begins no token either, so names end at it in all versions.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}
