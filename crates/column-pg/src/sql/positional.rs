//! Whether rows are inserted without the names of their columns: then PostgreSQL gives values to columns as these stand.

use super::token::Token;

/// The first of these tables that `statement` inserts rows into without naming columns. Which table a MERGE changes is not looked
/// for: there each name counts. `is_table` knows the names of tables.
pub fn positional<'t>(statement: &'t [Token<'_>], is_table: &dyn Fn(&str) -> bool) -> Option<&'t str> {
    statement.iter().enumerate().filter(|(_, token)| token.is_word("insert")).find_map(|(at, _)| {
        let behind = statement.get(at + 1..).unwrap_or_default();
        match behind {
            [into, rest @ ..] if into.is_word("into") => {
                let (table, rest) = target(rest)?;
                (is_table(table) && !names_columns(rest)).then_some(table)
            }
            // In a MERGE.
            [word, ..] if word.is_word("values") || word.is_word("overriding") => {
                statement.iter().filter_map(Token::name).find(|name| is_table(name))
            }
            _ => None,
        }
    })
}

/// The table of an INSERT, and what follows it and its alias.
fn target<'t, 'a>(mut rest: &'t [Token<'a>]) -> Option<(&'t str, &'t [Token<'a>])> {
    let mut table = None;
    while let [name, behind @ ..] = rest {
        table = Some(name.name()?);
        rest = behind;
        match rest {
            [dot, behind @ ..] if dot.is_mark(".") => rest = behind,
            _ => break,
        }
    }
    if let [word, _, behind @ ..] = rest
        && word.is_word("as")
    {
        rest = behind;
    }
    Some((table?, rest))
}

/// Whether what follows the table names columns, or gives no values at all. A query may stand in parentheses, too.
fn names_columns(rest: &[Token<'_>]) -> bool {
    match rest {
        [default, values, ..] if default.is_word("default") && values.is_word("values") => true,
        [open, first, second, ..] if open.is_mark("(") => {
            let begins_query = ["select", "with", "table"].iter().any(|word| first.is_word(word))
                || first.is_mark("(")
                || (first.is_word("values") && second.is_mark("("));
            !begins_query
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sql: &str) -> Option<String> {
        let tokens = crate::sql::scan(sql).unwrap();
        positional(&tokens, &|name| name == "secrets" || name == "Odd").map(ToOwned::to_owned)
    }

    #[test]
    fn rows_without_names_are_found() {
        for sql in [
            "insert into secrets values (1, 'x')",
            "INSERT INTO public.secrets VALUES (1)",
            "insert into app.public.secrets as s select 1",
            "insert into secrets overriding user value values (1)",
            "insert into secrets (select 1, 2)",
            "insert into secrets ((values (1)))",
            "insert into secrets (values (1, 2))",
            "insert into secrets (with a as (select 1) table a)",
            "insert into secrets table other",
            "with a as (insert into secrets values (1) returning id) select * from a",
            "insert into other (a) select 1; insert into secrets values (1)",
            "insert into secrets /* (a) */ values (1)",
            "merge into secrets s using other o on s.id = o.id when not matched then insert values (1, 2)",
            "insert into secrets",
        ] {
            assert_eq!(found(sql).as_deref(), Some("secrets"), "{sql}");
        }
        assert_eq!(found("insert into \"Odd\" values (1)").as_deref(), Some("Odd"));
    }

    #[test]
    fn names_and_other_tables_are_left_alone() {
        for sql in [
            "insert into secrets (id, value) values (1, 'x')",
            "insert into secrets as s (id) select 1",
            "insert into secrets (\"select\") values (1)",
            "insert into secrets (values) values (1)",
            "insert into secrets default values",
            "insert into other values (1)",
            "insert into \"SECRETS\" values (1)",
            "select * from secrets",
            "update secrets set value = 'insert into secrets values (1)'",
            "merge into secrets s using other o on s.id = o.id when not matched then insert (id) values (1)",
            "merge into other using third on true when not matched then insert values (1)",
        ] {
            assert_eq!(found(sql), None, "{sql}");
        }
    }
}
