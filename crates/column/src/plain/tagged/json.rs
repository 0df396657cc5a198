//! JSON: whether a text is one, and the one form of it that `jsonb` has.

use std::collections::BTreeMap;

use super::Tagged;
use crate::plain::BadValue;

/// The text as `jsonb` shows it, if it is JSON.
pub(super) fn canonical(text: &str, tagged: Tagged) -> Result<String, BadValue> {
    let bad = || BadValue::Syntax { type_name: tagged.word() };
    let mut reader = Reader { rest: text, strict: tagged == Tagged::Jsonb };
    let mut out = String::with_capacity(text.len());
    reader.value(&mut out, 0).ok_or_else(bad)?;
    reader.skip_blanks();
    if reader.rest.is_empty() { Ok(out) } else { Err(bad()) }
}

/// What is left of a text. Strict is `jsonb`: strings must be text that the database can hold.
struct Reader<'text> {
    rest: &'text str,
    strict: bool,
}

/// The order of members: short names first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    length: usize,
    bytes: Vec<u8>,
}

impl<'text> Reader<'text> {
    fn value(&mut self, out: &mut String, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        self.skip_blanks();
        match self.rest.bytes().next()? {
            b'{' => self.object(out, depth),
            b'[' => self.array(out, depth),
            b'"' => {
                let string = self.string()?;
                write_string(&string, out);
                Some(())
            }
            b'-' | b'0'..=b'9' => self.number(out),
            _ => self.word(out),
        }
    }

    fn object(&mut self, out: &mut String, depth: usize) -> Option<()> {
        self.take("{")?;
        let mut members = BTreeMap::new();
        self.skip_blanks();
        if self.take("}").is_none() {
            loop {
                self.skip_blanks();
                let name = self.string()?;
                self.skip_blanks();
                self.take(":")?;
                let mut member = String::new();
                write_string(&name, &mut member);
                member.push_str(": ");
                self.value(&mut member, depth + 1)?;
                // The last of several members of one name counts.
                members.insert(Name { length: name.len(), bytes: name.into_bytes() }, member);
                if !self.goes_on("}")? {
                    break;
                }
            }
        }
        write_list('{', members.into_values(), '}', out);
        Some(())
    }

    fn array(&mut self, out: &mut String, depth: usize) -> Option<()> {
        self.take("[")?;
        let mut elements = Vec::new();
        self.skip_blanks();
        if self.take("]").is_none() {
            loop {
                let mut element = String::new();
                self.value(&mut element, depth + 1)?;
                elements.push(element);
                if !self.goes_on("]")? {
                    break;
                }
            }
        }
        write_list('[', elements, ']', out);
        Some(())
    }

    /// Behind an element: whether another one follows.
    fn goes_on(&mut self, end: &str) -> Option<bool> {
        self.skip_blanks();
        if self.take(",").is_some() { Some(true) } else { self.take(end).map(|()| false) }
    }

    /// The text of a string. Not strict, an escape that stands for no character of the database is left out: nobody reads it.
    fn string(&mut self) -> Option<String> {
        self.take("\"")?;
        let mut string = String::new();
        loop {
            let end = self.rest.find(|character: char| matches!(character, '"' | '\\') || character < ' ')?;
            let (plain, rest) = self.rest.split_at(end);
            string.push_str(plain);
            self.rest = rest;
            if self.take("\"").is_some() {
                return Some(string);
            }
            // Control characters stand for themselves nowhere.
            self.take("\\")?;
            self.escape(&mut string)?;
        }
    }

    fn escape(&mut self, string: &mut String) -> Option<()> {
        let mut characters = self.rest.chars();
        let character = match characters.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            same @ ('"' | '\\' | '/') => same,
            'u' => {
                self.rest = characters.as_str();
                return self.unicode(string);
            }
            _ => return None,
        };
        self.rest = characters.as_str();
        string.push(character);
        Some(())
    }

    /// Behind `\u`: four digits, and for characters beyond them a second escape.
    fn unicode(&mut self, string: &mut String) -> Option<()> {
        let first = self.four_digits()?;
        let character = match first {
            0xd800..=0xdbff if self.rest.starts_with("\\u") => {
                self.take("\\u")?;
                let second = self.four_digits()?;
                let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
                low.and_then(|low| char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low))
            }
            0 => None,
            _ => char::from_u32(first),
        };
        match character {
            Some(character) => string.push(character),
            None if self.strict => return None,
            None => {}
        }
        Some(())
    }

    fn four_digits(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if hexadecimal { u32::from_str_radix(digits, 16).ok() } else { None }
    }

    /// A number, written out as `numeric` shows it: without exponent, with the zeros behind its point.
    fn number(&mut self, out: &mut String) -> Option<()> {
        let negative = self.take("-").is_some();
        let whole = self.digits();
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        let fraction = if self.take(".").is_some() { Some(self.digits()) } else { None };
        if fraction.is_some_and(str::is_empty) {
            return None;
        }
        let exponent = if self.take("e").or_else(|| self.take("E")).is_some() { self.exponent()? } else { 0 };
        let fraction = fraction.unwrap_or_default();
        let digits = format!("{whole}{fraction}");
        let text = without_exponent(&digits, i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?)?;
        if negative && digits.bytes().any(|digit| digit != b'0') {
            out.push('-');
        }
        out.push_str(&text);
        // What follows a number is none of it.
        (!self.rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')).then_some(())
    }

    fn exponent(&mut self) -> Option<i64> {
        let negative = self.take("-").is_some();
        if !negative {
            let _ = self.take("+");
        }
        let magnitude: i64 = self.digits().parse().ok()?;
        Some(if negative { -magnitude } else { magnitude })
    }

    fn digits(&mut self) -> &'text str {
        let end = self.rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits
    }

    fn word(&mut self, out: &mut String) -> Option<()> {
        let word = ["true", "false", "null"].into_iter().find(|word| self.rest.starts_with(word))?;
        self.take(word)?;
        out.push_str(word);
        (!self.rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')).then_some(())
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, expected: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(expected)?;
        Some(())
    }
}

/// Digits with so many of them behind the point; fewer than none is zeros at the end.
fn without_exponent(digits: &str, behind: i64) -> Option<String> {
    // As many as `numeric` has.
    if !(-131_072..=16_383).contains(&behind) {
        return None;
    }
    if behind <= 0 {
        let zeros = "0".repeat(usize::try_from(-behind).ok()?);
        let whole = format!("{digits}{zeros}");
        let whole = whole.trim_start_matches('0');
        return Some(if whole.is_empty() { "0".to_owned() } else { whole.to_owned() });
    }
    let behind = usize::try_from(behind).ok()?;
    let filled = format!("{digits:0>width$}", width = behind + 1);
    let (whole, fraction) = filled.split_at(filled.len() - behind);
    let whole = whole.trim_start_matches('0');
    Some(format!("{}.{fraction}", if whole.is_empty() { "0" } else { whole }))
}

fn write_list(open: char, items: impl IntoIterator<Item = String>, close: char, out: &mut String) {
    out.push(open);
    for (number, item) in items.into_iter().enumerate() {
        if number > 0 {
            out.push_str(", ");
        }
        out.push_str(&item);
    }
    out.push(close);
}

fn write_string(string: &str, out: &mut String) {
    out.push('"');
    for character in string.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Arrays and objects in one another; deeper is refused before the stack is full.
const DEEPEST: usize = 500;
