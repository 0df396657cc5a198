//! A text of SQL statements: tokens cover it, and no question about its literals holds one of them.

use strongroom_column_pg::sql::{self, Failure, Kind, LiteralRefusal, Probe, Span, Token};

/// Reads `data` as statements.
pub fn target(data: &[u8]) {
    let Ok(text) = sql::text(data) else { return };
    let Ok(tokens) = sql::scan(text) else { return };
    cover(text, &tokens);
    for statement in sql::split(&tokens) {
        assert!(!statement.is_empty());
        let _ = sql::classify(text, statement);
        let _ = sql::code_holds_values(text, statement);
        sql::gate(text, statement, &|name| {
            assert!(!name.is_empty() && name.len() <= text.len());
            false
        });
        questions(text, statement);
    }
}

/// Tokens follow each other, with nothing but blanks and comments between.
fn cover(text: &str, tokens: &[Token<'_>]) {
    let mut end = 0;
    for token in tokens {
        assert!(end <= token.span.start && token.span.start < token.span.end);
        assert_eq!(sql::scan(&text[end..token.span.start]), Ok(Vec::new()), "only blanks");
        end = token.span.end;
    }
    assert_eq!(sql::scan(&text[end..]), Ok(Vec::new()), "only blanks");
}

/// Whatever is answered, a question holds no string and no number with a point of the client, and no end is missed.
fn questions(text: &str, statement: &[Token<'_>]) {
    let probe = Probe::new(text, statement);
    let literals = probe.literals();
    assert!(literals.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
    for (sqlstate, message) in [("42883", ""), ("42803", ""), ("42P18", "$"), ("42601", "")] {
        let mut variant = probe.first();
        for round in 0.. {
            assert!(round <= 8 + 2 * literals.len(), "the questions end");
            check(&variant.sql);
            assert_eq!(variant.numbers.len(), literals.len());
            let number = variant.numbers.iter().flatten().next();
            let message = number.map_or(String::new(), |number| format!("{message}{number}"));
            let place = number.and_then(|number| variant.sql.find(&format!(" ${number} ")));
            let position = place.map(|byte| variant.sql[..byte].chars().count() + 2);
            match probe.next(&variant, &Failure { sqlstate, position, message: &message }) {
                Some(next) => variant = next,
                None => break,
            }
        }
    }
    let parts: Vec<(Span, String)> = literals.iter().map(|literal| (literal.span, "'\\x01'::a.b".to_owned())).collect();
    let spliced = sql::splice(text, &parts);
    let known = literals.iter().all(|literal| !matches!(literal.value, Err(LiteralRefusal::Other)));
    assert!(known && sql::scan(&spliced).is_ok(), "what is spliced in is read as it is meant");
}

fn check(question: &str) {
    let tokens = sql::scan(question).expect("a question has tokens");
    for token in &tokens {
        let written = token.span.of(question);
        match token.kind {
            Kind::String(_) => assert_eq!(written, "E''"),
            Kind::Bits => assert_eq!(written, "B''"),
            Kind::Decimal => assert_eq!(written, "0.0"),
            _ => {}
        }
    }
}
