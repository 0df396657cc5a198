//! Whether a statement makes text of an encrypted column: then PostgreSQL compares that with other text, and what it is compared
//! with would go to the server in clear.

use super::token::{Kind, Token};

/// Functions that take values of any type and make text or JSON of them.
const TAKING_ANY: [&str; 14] = [
    "array_to_json",
    "array_to_string",
    "concat",
    "concat_ws",
    "format",
    "json_agg",
    "json_build_array",
    "json_build_object",
    "jsonb_agg",
    "jsonb_build_array",
    "jsonb_build_object",
    "quote_literal",
    "to_json",
    "to_jsonb",
];

/// Functions that make rows of a value, by the type of the rows.
const MAKING_ROWS: [&str; 5] = [
    "json_populate_record",
    "json_populate_recordset",
    "jsonb_populate_record",
    "jsonb_populate_record_valid",
    "jsonb_populate_recordset",
];
/// The same, by types that are written behind them.
const MAKING_COLUMNS: [&str; 6] =
    ["json_table", "json_to_record", "json_to_recordset", "jsonb_to_record", "jsonb_to_recordset", "xmltable"];

/// The function by which `statement` may make cells of what is in JSON or XML. `is_own` knows the names of their types.
pub fn making_rows<'t>(statement: &'t [Token<'_>], is_own: &dyn Fn(&str) -> bool) -> Option<&'t str> {
    let names_own = || statement.iter().filter_map(Token::name).any(is_own);
    statement.windows(2).find_map(|pair| {
        let [token, open] = pair else { return None };
        let name = token.name().filter(|_| is_mark(open, "("))?;
        (MAKING_ROWS.contains(&name) || MAKING_COLUMNS.contains(&name) && names_own()).then_some(name)
    })
}

/// The first encrypted column that `statement` makes text of: by a cast to another type than its own and `bytea`, by `||`, or by
/// a function that takes any type. `is_column` knows the names of encrypted columns, `is_own` those of their types.
pub fn converted<'t>(
    statement: &'t [Token<'_>],
    is_column: &dyn Fn(&str) -> bool,
    is_own: &dyn Fn(&str) -> bool,
) -> Option<&'t str> {
    statement.iter().enumerate().find_map(|(at, token)| {
        let name = token.name().filter(|name| is_column(name))?;
        let behind = statement.get(at + 1..).unwrap_or_default();
        let before = statement.get(..at).unwrap_or_default();
        let other_type = |tokens: &[Token<'_>]| {
            let types: Vec<&str> = type_name(tokens).collect();
            !types.is_empty() && !types.iter().any(|name| *name == "bytea" || is_own(name))
        };
        let before_column = without_qualifiers(before);
        let cast = match behind {
            [colons, rest @ ..] if is_mark(colons, "::") => other_type(rest),
            [close, colons, rest @ ..] if is_mark(close, ")") && is_mark(colons, "::") => other_type(rest),
            [word, rest @ ..] if word.is_word("as") && follows_cast(before_column) => other_type(rest),
            _ => false,
        };
        let joined = is_join(behind.first()) || is_join(before_column.last());
        (cast || joined || in_function(before_column)).then_some(name)
    })
}

/// The words of a type's name, with its schema.
fn type_name<'t>(tokens: &'t [Token<'_>]) -> impl Iterator<Item = &'t str> {
    let part = |token: &&Token<'_>| token.name().is_some() || is_mark(token, ".");
    tokens.iter().take_while(part).filter_map(Token::name)
}

/// What stands before `schema.table.` and opening parentheses.
fn without_qualifiers<'t, 's>(mut before: &'t [Token<'s>]) -> &'t [Token<'s>] {
    while let [rest @ .., name, dot] = before
        && is_mark(dot, ".")
        && name.name().is_some()
    {
        before = rest;
    }
    before
}

fn follows_cast(before: &[Token<'_>]) -> bool {
    matches!(before, [.., cast, open] if is_mark(open, "(") && cast.is_word("cast"))
}

fn is_join(token: Option<&Token<'_>>) -> bool {
    token.is_some_and(|token| token.kind == Kind::Operator("||"))
}

/// Whether the innermost parenthesis that is open is that of such a function.
fn in_function(before: &[Token<'_>]) -> bool {
    let mut closed = 0_usize;
    for (at, token) in before.iter().enumerate().rev() {
        if is_mark(token, ")") {
            closed += 1;
        } else if is_mark(token, "(") {
            if closed == 0 {
                let function = at.checked_sub(1).and_then(|at| before.get(at)).and_then(Token::name);
                return function.is_some_and(|name| TAKING_ANY.contains(&name));
            }
            closed -= 1;
        }
    }
    false
}

fn is_mark(token: &Token<'_>, mark: &str) -> bool {
    token.kind
        == Kind::Mark(match mark {
            "::" => "::",
            ")" => ")",
            "(" => "(",
            _ => ".",
        })
}

#[cfg(test)]
mod tests {
    use super::super::scan;
    use super::*;

    fn check(sql: &str, expected: Option<&str>) {
        let tokens = scan(sql).unwrap();
        let found = converted(&tokens, &|name| name == "ssn" || name == "Note", &|name| name == "patients_ssn_det");
        assert_eq!(found, expected, "{sql}");
    }

    #[test]
    fn text_made_of_a_column_is_found() {
        check("select 1 from t where ssn::text = 'x'", Some("ssn"));
        check("select 1 from t where (ssn)::varchar(11) = 'x'", Some("ssn"));
        check("select 1 from t where t.\"Note\"::pg_catalog.text like 'x%'", Some("Note"));
        check("select 1 from t where cast(public.t.ssn as text) = $1", Some("ssn"));
        check("select 1 from t where ssn || '' = 'x'", Some("ssn"));
        check("select 1 from t where 'a' || t.ssn = 'ax'", Some("ssn"));
        check("select 1 from t where concat(id, ssn) = 'x'", Some("ssn"));
        check("select to_json(ssn)::text = '\"x\"' from t", Some("ssn"));
    }

    #[test]
    fn what_leaves_a_column_as_it_is_is_not() {
        check("select ssn, \"Note\" from t where ssn = 'x'", None);
        check("select ssn::bytea, cast(ssn as bytea) from t where id = '1'::int", None);
        check("select 1 from t where ssn = 'x'::strongroom.patients_ssn_det", None);
        check("select ssn::strongroom.patients_ssn_det from t", None);
        check("select concat(id, 'x') from t where ssn = 'x'", None);
        check("select note::text from t where ssn = 'y'", None);
        check("select id || 'x' from t where coalesce(ssn, 'y') = 'z'", None);
        check("select ssn as text from t", None);
    }
}
