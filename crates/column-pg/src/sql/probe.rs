//! What PostgreSQL is asked about the literals of a statement: the same statement with parameters in their places.
//!
//! Literals without a type and parameters without a type get their types by the same rules, so a statement with `$n` in the place
//! of each literal, described and not run, tells which literals stand for values of encrypted columns. **No form of the question
//! holds a literal of the client** but whole numbers that cannot be values (`LIMIT 10`, `ORDER BY 1`, `numeric(10,2)`): a question
//! that is refused stands in the server's log.
//!
//! Where PostgreSQL cannot do with a parameter, the next form has something of the same kind there:
//! - a number or boolean becomes `NULL` of the type that PostgreSQL gives the literal. If it stood for an encrypted value,
//!   PostgreSQL refuses that form, as it would refuse the literal; so such a form is never wrong.
//! - a string whose parameter PostgreSQL has no type for (`42P18`) becomes a `NULL` without a type: it does not stand where a
//!   type is wanted, and so not for an encrypted value.
//! - a literal whose parameter is a syntax error becomes another constant of its kind: only constants may stand there.

mod context;
mod form;
mod list;
mod neighbour;
mod place;
mod typed;

use super::literal::{Literal, LiteralKind, LiteralRefusal};
use super::token::{Kind, Span, Token, span_of};
use form::{Form, Outline};
use neighbour::Neighbour;

/// PostgreSQL tells of no more parameters than fit into two bytes.
const MOST_PARAMETERS: u32 = 65_535;

/// The questions about the literals of one statement.
#[derive(Debug, Clone)]
pub struct Probe<'a> {
    sql: &'a str,
    span: Span,
    own: u32,
    literals: Vec<Literal>,
    /// What else is known of each literal.
    places: Vec<Place<'a>>,
}

/// What is known of a literal beside its value.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    /// The name of the type before it, when it has one.
    type_name: Option<&'a str>,
    /// What it stands beside.
    neighbour: Neighbour,
    /// The two tokens before it, and two behind it that begin with an operator. Equal literals are one parameter only where one of
    /// these is equal, too: that is in an expression that stands twice, which must stay one expression to PostgreSQL.
    surroundings: [Option<[&'a str; 2]>; 2],
}

/// One form of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// The text to be described. Its parameters are the client's own, with their numbers, and then those of literals.
    pub sql: String,
    /// For each literal of the probe the number of its parameter; nothing when it has none, and so is no encrypted value.
    pub numbers: Vec<Option<u32>>,
    forms: Vec<Form>,
    fused: bool,
    stage: u8,
    outline: Outline,
}

/// Why PostgreSQL refused a form of the question.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'f> {
    /// The code (field `C`).
    pub sqlstate: &'f str,
    /// The position in characters, from 1 (field `P`).
    pub position: Option<usize>,
    /// The message (field `M`).
    pub message: &'f str,
}

impl<'a> Probe<'a> {
    /// About the literals of `statement`, which are tokens of `sql`; for `EXPLAIN`, `PREPARE` and `DECLARE`, those of the body.
    pub fn new(sql: &'a str, statement: &[Token<'a>]) -> Probe<'a> {
        let found = place::literals(sql, statement);
        let (literals, places) = found.into_iter().unzip();
        let own = statement.iter().map(|token| if let Kind::Parameter(number) = token.kind { number } else { 0 });
        Probe {
            sql,
            span: span_of(statement).unwrap_or(Span { start: 0, end: 0 }),
            own: own.max().unwrap_or(0),
            literals,
            places,
        }
    }

    /// The literals that may be values of columns, in their order. When there are none there is nothing to ask.
    pub fn literals(&self) -> &[Literal] {
        &self.literals
    }

    /// The highest number of the client's own parameters, 0 when it has none.
    pub fn own(&self) -> u32 {
        self.own
    }

    /// Whether PostgreSQL can tell of so many parameters. If not, the statement is refused: more than 65,535 values in it belong
    /// into several statements, or into `COPY`.
    pub fn fits(&self) -> bool {
        u32::try_from(self.literals.len()).is_ok_and(|count| count.saturating_add(self.own) <= MOST_PARAMETERS)
    }

    /// The first form: every literal is a parameter. It holds nothing of their values, so it serves as the name of the answer.
    pub fn first(&self) -> Variant {
        let bits = |literal: &Literal| literal.value == Err(LiteralRefusal::Bits);
        let form = |literal: &Literal| if bits(literal) { Form::Null } else { Form::Parameter };
        self.variant(self.literals.iter().map(form).collect(), false, 0)
    }

    /// The form to be tried after `tried` was refused; nothing when there is none, and the refusal is that of the statement.
    pub fn next(&self, tried: &Variant, failure: &Failure<'_>) -> Option<Variant> {
        match failure.sqlstate {
            "42601" => self.constant(tried, failure.position?),
            "42P18" if number_in(failure.message).is_some_and(|number| number <= self.own) => None,
            "42P18" => self.without_type(tried, failure).or_else(|| self.fewer_numbers(tried)),
            "42803" | "42P10" if !tried.fused => Some(self.variant(tried.forms.clone(), true, tried.stage)),
            "42725" | "42883" | "42804" | "42846" | "42P08" | "42P38" | "22023" | "42P10" | "42803" => {
                self.fewer_numbers(tried)
            }
            _ => None,
        }
    }

    /// With a constant in the place of the parameter at `position`.
    fn constant(&self, tried: &Variant, position: usize) -> Option<Variant> {
        let at = tried.outline.literal_at(&tried.sql, position)?;
        let mut forms = tried.forms.clone();
        let form = forms.get_mut(at)?;
        if *form == Form::Constant {
            return None;
        }
        *form = Form::Constant;
        Some(self.variant(forms, tried.fused, tried.stage))
    }

    /// With `NULL` in the place of the parameter that has no type.
    fn without_type(&self, tried: &Variant, failure: &Failure<'_>) -> Option<Variant> {
        let named = number_in(failure.message);
        let by_number = named.and_then(|number| tried.numbers.iter().position(|own| *own == Some(number)));
        let by_position = || tried.outline.literal_at(&tried.sql, failure.position?);
        let at = by_number.or_else(by_position)?;
        let mut forms = tried.forms.clone();
        let form = forms.get_mut(at)?;
        if *form != Form::Parameter || self.places.get(at)?.type_name.is_some() {
            return None;
        }
        // Literals that share the parameter are alike.
        let number = tried.numbers.get(at).copied().flatten();
        for (form, own) in forms.iter_mut().zip(&tried.numbers) {
            if *own == number {
                *form = Form::Null;
            }
        }
        Some(self.variant(forms, tried.fused, tried.stage))
    }

    /// With fewer numbers and booleans as parameters: first those that are calculated with or handed to functions, then all that
    /// are not compared for equality or stored, then all.
    fn fewer_numbers(&self, tried: &Variant) -> Option<Variant> {
        let kept = [Neighbour::Calculation, Neighbour::Other, Neighbour::Equality];
        for stage in tried.stage..3 {
            let ends = kept.get(usize::from(stage)).copied()?;
            let mut forms = tried.forms.clone();
            for ((form, literal), place) in forms.iter_mut().zip(&self.literals).zip(&self.places) {
                let number =
                    !matches!(literal.value.as_ref().map(|value| value.kind()), Ok(LiteralKind::String) | Err(_));
                if number && *form == Form::Parameter && place.neighbour <= ends {
                    *form = Form::Null;
                }
            }
            if forms != tried.forms {
                return Some(self.variant(forms, tried.fused, stage + 1));
            }
        }
        None
    }

    fn variant(&self, forms: Vec<Form>, fused: bool, stage: u8) -> Variant {
        form::variant(self, forms, fused, stage)
    }
}

impl Variant {
    /// Where in the client's text (characters from 1, within the text the probe's tokens are of) a position in this form is.
    pub fn original_position(&self, probe: &Probe<'_>, position: usize) -> Option<usize> {
        self.outline.original(probe.sql, &self.sql, position)
    }
}

/// The number in `… parameter $3 …`, whatever the language of the message.
fn number_in(message: &str) -> Option<u32> {
    let (_, after) = message.rsplit_once('$')?;
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    after.get(..digits)?.parse().ok()
}
