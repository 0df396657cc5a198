//! Operators: as long as they can be, but never into a comment, and with a sign at their end only where PostgreSQL allows it.

use super::{Kind, ScanError, ScanProblem, Scanner};

/// PostgreSQL refuses operators of 64 bytes and more.
const OPERATOR_BYTES: usize = 63;

/// What operators are made of.
pub(super) fn is_operator(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

impl<'a> Scanner<'a> {
    /// An operator, or the mark `=>`.
    pub(super) fn operator(&mut self) -> Result<Kind<'a>, ScanError> {
        let rest = self.rest();
        let all = rest.bytes().position(|byte| !is_operator(byte)).unwrap_or(rest.len());
        let mut operator = rest.get(..all).unwrap_or_default();
        for comment in ["/*", "--"] {
            if let Some(at) = operator.find(comment) {
                operator = operator.get(..at).unwrap_or_default();
            }
        }
        // SQL's own operators do not end in a sign: `=-1` is `=` and `-1`. Others may.
        if !operator.bytes().any(|byte| b"~!@#^&|`?%".contains(&byte)) {
            while operator.len() > 1 && operator.ends_with(['+', '-']) {
                operator = operator.get(..operator.len() - 1).unwrap_or_default();
            }
        }
        if operator.len() > OPERATOR_BYTES {
            return Err(self.error(ScanProblem::Operator));
        }
        self.at += operator.len();
        Ok(if operator == "=>" { Kind::Mark(operator) } else { Kind::Operator(operator) })
    }
}
