//! Numbers and parameters.

use super::{Kind, ScanError, ScanProblem, Scanner, is_name, is_name_start};

impl<'a> Scanner<'a> {
    /// A number that begins with a digit, or with a point before a digit.
    pub(super) fn number(&mut self) -> Result<Kind<'a>, ScanError> {
        if let Some(base) = self.base() {
            self.at += 2;
            let digits = self.digits(true, |byte| char::from(byte).is_digit(base));
            // A digit of another base is as wrong there as a letter.
            return match (digits, self.byte(0)) {
                (0, _) => Err(self.error(ScanProblem::Number)),
                (_, Some(byte)) if is_name(byte) => Err(self.error(ScanProblem::NumberJunk)),
                _ => Ok(Kind::Integer),
            };
        }
        let mut kind = Kind::Integer;
        self.decimal_digits();
        // In `1..2` the points are a mark of their own.
        if self.byte(0) == Some(b'.') && self.byte(1) != Some(b'.') {
            self.at += 1;
            kind = Kind::Decimal;
            self.decimal_digits();
        }
        if matches!(self.byte(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.byte(1), Some(b'+' | b'-')));
            if !self.byte(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
                return Err(self.error(ScanProblem::NumberJunk));
            }
            self.at += 1 + sign;
            kind = Kind::Decimal;
            self.decimal_digits();
            // Without a sign the exponent could be a name, and names go on with `$`.
            if sign == 0 && self.byte(0) == Some(b'$') {
                return Err(self.error(ScanProblem::NumberJunk));
            }
        }
        self.no_junk(ScanProblem::NumberJunk)?;
        Ok(kind)
    }

    /// `$` and digits.
    pub(super) fn parameter(&mut self) -> Result<Kind<'a>, ScanError> {
        let start = self.at;
        self.at += 1;
        let length = self.digits(false, |byte| byte.is_ascii_digit());
        let digits = self.sql.get(start + 1..start + 1 + length).unwrap_or_default();
        let number = digits.parse::<i32>().ok().and_then(|number| u32::try_from(number).ok());
        let number = number.ok_or(ScanError { at: start, problem: ScanProblem::Parameter })?;
        self.no_junk(ScanProblem::ParameterJunk)?;
        Ok(Kind::Parameter(number))
    }

    /// The base that `0x`, `0o` or `0b` stands for.
    fn base(&self) -> Option<u32> {
        match (self.byte(0), self.byte(1)) {
            (Some(b'0'), Some(b'x' | b'X')) => Some(16),
            (Some(b'0'), Some(b'o' | b'O')) => Some(8),
            (Some(b'0'), Some(b'b' | b'B')) => Some(2),
            _ => None,
        }
    }

    fn decimal_digits(&mut self) {
        let begins = self.byte(0).is_some_and(|byte| byte.is_ascii_digit());
        if begins {
            self.digits(true, |byte| byte.is_ascii_digit());
        }
    }

    /// Goes behind digits with single underscores between them (before them, too, after a prefix); how many bytes that were.
    fn digits(&mut self, underscores: bool, is_digit: impl Fn(u8) -> bool) -> usize {
        let start = self.at;
        loop {
            let underscore = usize::from(underscores && self.byte(0) == Some(b'_'));
            if !self.byte(underscore).is_some_and(&is_digit) {
                return self.at - start;
            }
            self.at += underscore + 1;
        }
    }

    /// Refuses a name directly behind a number.
    fn no_junk(&self, problem: ScanProblem) -> Result<(), ScanError> {
        match self.byte(0) {
            Some(byte) if is_name_start(byte) => Err(self.error(problem)),
            _ => Ok(()),
        }
    }
}
