//! The text of a form of the question.

use std::collections::HashMap;

use super::{Probe, Variant};
use crate::sql::literal::{LiteralKind, LiteralRefusal};
use crate::sql::token::Span;

/// What stands in the place of a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A parameter.
    Parameter,
    /// `NULL` of the type the literal has.
    Null,
    /// Another constant of its kind.
    Constant,
}

/// Where literals stood and what stands there now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Outline {
    /// The span in the client's text, and the span in the form.
    parts: Vec<(Span, Span)>,
    /// Where the form begins in the client's text.
    start: usize,
}

pub(super) fn variant(probe: &Probe<'_>, forms: Vec<Form>, fused: bool, stage: u8) -> Variant {
    let mut sql = String::with_capacity(probe.span.end - probe.span.start + 16);
    let mut outline = Outline { parts: Vec::with_capacity(forms.len()), start: probe.span.start };
    let mut numbers = Vec::with_capacity(forms.len());
    let mut alike = Alike::default();
    let (mut at, mut last) = (probe.span.start, probe.own);
    for ((form, literal), place) in forms.iter().zip(&probe.literals).zip(&probe.places) {
        sql.push_str(probe.sql.get(at..literal.span.start).unwrap_or_default());
        at = literal.span.end;
        let number = (*form == Form::Parameter).then(|| {
            let mut fresh = || {
                last = last.saturating_add(1);
                last
            };
            match &literal.value {
                Ok(value) if fused => alike.number((value.kind(), value.text()), place.surroundings, fresh),
                Ok(_) | Err(_) => fresh(),
            }
        });
        let start = sql.len() + 1;
        let kind = literal.value.as_ref().map(|value| value.kind()).map_err(|refusal| *refusal);
        sql.push_str(&written(*form, number, kind, place.type_name));
        outline.parts.push((literal.span, Span { start, end: sql.len() }));
        numbers.push(number);
    }
    sql.push_str(probe.sql.get(at..probe.span.end).unwrap_or_default());
    Variant { sql, numbers, forms, fused, stage, outline }
}

/// A literal, and the tokens on one of its sides (0 before, 1 behind).
type Surrounded<'p> = ((LiteralKind, &'p str), usize, [&'p str; 2]);

/// Equal literals that are one parameter.
#[derive(Default)]
struct Alike<'p> {
    numbers: HashMap<Surrounded<'p>, u32>,
}

impl<'p> Alike<'p> {
    /// The number that an equal literal has in the same surroundings, or a fresh one.
    fn number(
        &mut self,
        literal: (LiteralKind, &'p str),
        surroundings: [Option<[&'p str; 2]>; 2],
        fresh: impl FnOnce() -> u32,
    ) -> u32 {
        let places =
            || surroundings.into_iter().enumerate().filter_map(|(side, tokens)| Some((literal, side, tokens?)));
        let number = places().find_map(|place| self.numbers.get(&place).copied()).unwrap_or_else(fresh);
        self.numbers.extend(places().map(|place| (place, number)));
        number
    }
}

/// With blanks around it: `'x'AND` must not become `$1AND`.
fn written(
    form: Form,
    number: Option<u32>,
    kind: Result<LiteralKind, LiteralRefusal>,
    type_name: Option<&str>,
) -> String {
    let null = match kind {
        Ok(LiteralKind::Int4) => "(NULL::pg_catalog.int4)",
        Ok(LiteralKind::Int8) => "(NULL::pg_catalog.int8)",
        Ok(LiteralKind::Numeric) | Err(LiteralRefusal::Number) => "(NULL::pg_catalog.numeric)",
        Ok(LiteralKind::Boolean) => "(NULL::pg_catalog.bool)",
        Err(LiteralRefusal::Bits) => "(NULL::pg_catalog.\"bit\")",
        Ok(LiteralKind::String) | Err(_) => "NULL",
    };
    let constant = match kind {
        Ok(LiteralKind::Int4 | LiteralKind::Int8) => "0",
        Ok(LiteralKind::Numeric) | Err(LiteralRefusal::Number) => "0.0",
        Ok(LiteralKind::Boolean) => "TRUE",
        Err(LiteralRefusal::Bits) => "B''",
        // Two of these on two lines stay two strings, where those of the client are two.
        Ok(LiteralKind::String) | Err(_) => "E''",
    };
    match (form, number, type_name) {
        (Form::Parameter, Some(number), None) => format!(" ${number} "),
        (Form::Parameter, Some(number), Some(name)) => format!(" ${number} ::{name} "),
        (Form::Null, _, Some(name)) => format!(" NULL::{name} "),
        (Form::Constant, _, Some(name)) => format!(" {name} {constant} "),
        (Form::Constant, _, None) => format!(" {constant} "),
        (Form::Null | Form::Parameter, _, None) | (Form::Parameter, None, Some(_)) => format!(" {null} "),
    }
}

impl Outline {
    /// The literal whose place begins at a position of the form.
    pub(super) fn literal_at(&self, form: &str, position: usize) -> Option<usize> {
        let byte = byte_of(form, position)?;
        self.parts.iter().position(|(_, now)| now.start == byte)
    }

    /// The position in the client's text that a position of the form stands for.
    pub(super) fn original(&self, sql: &str, form: &str, position: usize) -> Option<usize> {
        let byte = byte_of(form, position)?;
        let (mut was, mut is) = (self.start, 0);
        for (before, now) in &self.parts {
            if byte < now.start {
                break;
            }
            if byte < now.end {
                return position_of(sql, before.start);
            }
            (was, is) = (before.end, now.end);
        }
        position_of(sql, was + byte.checked_sub(is)?)
    }
}

/// The byte at which the character of a position, from 1, begins.
fn byte_of(text: &str, position: usize) -> Option<usize> {
    let before = position.checked_sub(1)?;
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(before)
}

/// The position, from 1, of the character that begins at a byte.
fn position_of(text: &str, byte: usize) -> Option<usize> {
    Some(text.get(..byte)?.chars().count() + 1)
}
