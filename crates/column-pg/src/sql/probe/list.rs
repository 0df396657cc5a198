//! `ANY (ARRAY['a', 'b'])`: an array of constants that a value is compared with. PostgreSQL gives the constants the type text before
//! it looks at what the array is compared with; a parameter in the place of the whole array gets the type that is asked for there.
//! So the array is one literal, with the text that PostgreSQL would read the same array from.

use crate::sql::literal::{self, Literal, LiteralRefusal, LiteralValue};
use crate::sql::token::{Kind, Token};

/// The array that begins at `at`, and the place behind its last token.
pub(super) fn array_at(sql: &str, tokens: &[Token<'_>], at: usize) -> Option<(Literal, usize)> {
    let first = tokens.get(at).filter(|token| token.is_word("array"))?;
    let compared = match tokens.get(..at)? {
        [.., operator, word, open] => {
            // `SELECT ALL (…)` compares nothing.
            let compares = matches!(operator.kind, Kind::Operator(_)) || operator.is_mark(")");
            compares && open.is_mark("(") && ["any", "some", "all"].iter().any(|own| word.is_word(own))
        }
        _ => false,
    };
    if !compared || !tokens.get(at + 1)?.is_mark("[") {
        return None;
    }
    let mut text = Ok(String::from("{"));
    let mut next = at + 2;
    loop {
        let element = element(sql, tokens.get(next)?)?;
        text = text.and_then(|text| Ok(text + &element?));
        let (mark, behind) = (tokens.get(next + 1)?, tokens.get(next + 2)?);
        if mark.is_mark(",") {
            text = text.map(|text| text + ",");
            next += 2;
        } else if mark.is_mark("]") && behind.is_mark(")") {
            let value = text.map(|text| LiteralValue::string(text + "}"));
            return Some((Literal { span: first.span.to(mark.span), value }, next + 2));
        } else {
            return None;
        }
    }
}

/// A constant as it stands in the text of an array; nothing when it is none.
fn element(sql: &str, token: &Token<'_>) -> Option<Result<String, LiteralRefusal>> {
    match &token.kind {
        Kind::String(_) => {
            let quoted =
                |value: LiteralValue| format!("\"{}\"", value.text().replace('\\', "\\\\").replace('"', "\\\""));
            Some(literal::value(sql, token).map(quoted))
        }
        Kind::Integer | Kind::Decimal => Some(literal::value(sql, token).map(|value| value.text().to_owned())),
        Kind::Word(word) if word == "null" => Some(Ok("NULL".to_owned())),
        _ => None,
    }
}
