//! What statements change for the session itself: settings, names, prepared statements.

use super::Encryption;
use crate::sql::{Setting, Statement, Token, Transaction};

/// What the execution of one statement changes here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// `SET strongroom.column_encryption`.
    Mode(Encryption),
    /// `SET` of a setting that changes no names.
    Set { name: String, value: Option<String> },
    /// `RESET ALL`.
    ResetAll,
    /// `DISCARD ALL`.
    DiscardAll,
    /// `PREPARE`.
    Prepare(String),
    /// `DEALLOCATE`; nothing: all.
    Deallocate(Option<String>),
    /// Something that may change what names mean.
    Names,
    /// The end of a transaction, or a part of one: names mean again what they meant before it.
    Ends,
}

/// The setting by which a connection opts in.
pub(super) const OPT_IN: &str = "strongroom.column_encryption";

/// Settings that change what names mean.
const NAMES: [&str; 5] = ["search_path", "role", "session_authorization", "schema", "temp_tablespaces"];

/// What a statement changes.
///
/// # Errors
/// Why it is not run at all.
pub(super) fn effect(
    statement: &Statement<'_, '_>,
    (text, tokens): (&str, &[Token<'_>]),
    opted: Encryption,
) -> Result<Option<Effect>, String> {
    if sets_by_function(text, tokens) {
        return Err(format!("{OPT_IN} is changed by SET, not by set_config"));
    }
    Ok(match statement {
        Statement::Prepare { name, .. } => Some(Effect::Prepare(name.clone())),
        Statement::Deallocate { name } => Some(Effect::Deallocate(name.clone())),
        Statement::Setting(Setting::Set { name, local, value }) if name == OPT_IN => {
            let word = value.as_deref().ok_or_else(|| format!("{OPT_IN} needs a value"))?;
            if *local {
                return Err(format!("{OPT_IN} is not set for one transaction: use SET without LOCAL"));
            }
            let mode = Encryption::parse(word)
                .ok_or_else(|| format!("{OPT_IN} is one of enabled, resultsetonly, disabled"))?;
            Some(Effect::Mode(mode))
        }
        Statement::Setting(Setting::Set { name, local, value }) if !NAMES.contains(&name.as_str()) => {
            let value = value.clone().filter(|value| !local || asks_for_care(name, value));
            Some(Effect::Set { name: name.clone(), value })
        }
        Statement::Setting(Setting::Reset { name }) if name == OPT_IN => Some(Effect::Mode(opted)),
        Statement::Setting(Setting::Reset { name }) if !NAMES.contains(&name.as_str()) => {
            Some(Effect::Set { name: name.clone(), value: None })
        }
        Statement::Setting(Setting::ResetAll) => Some(Effect::ResetAll),
        Statement::Setting(Setting::DiscardAll) => Some(Effect::DiscardAll),
        Statement::Setting(Setting::Transaction) => None,
        Statement::Setting(_)
        | Statement::Do
        | Statement::Call
        | Statement::CreateAsExecute { .. }
        | Statement::Definition => Some(Effect::Names),
        Statement::Transaction(Transaction::Begin | Transaction::Savepoint { .. } | Transaction::Release { .. }) => {
            None
        }
        Statement::Transaction(_) => Some(Effect::Ends),
        Statement::Utility if !keeps_names_by_word(tokens) => Some(Effect::Names),
        _ if changes_names(tokens) => Some(Effect::Names),
        _ => None,
    })
}

/// Whether rows go into a new table, or the search path is set by a function: the tag is that of a query.
fn changes_names(tokens: &[Token<'_>]) -> bool {
    let Some(first) = tokens.iter().find_map(Token::word) else {
        return false;
    };
    match first {
        "create" => true,
        "select" | "with" => tokens.iter().any(|token| token.is_word("into") || token.name() == Some("set_config")),
        _ => tokens.iter().any(|token| token.name() == Some("set_config")),
    }
}

/// Whether a setting for a transaction only counts as if it were for the session: strings may end elsewhere.
fn asks_for_care(name: &str, value: &str) -> bool {
    name == "standard_conforming_strings" && !value.eq_ignore_ascii_case("on")
}

/// Whether a function sets what the session would not hear of.
fn sets_by_function(text: &str, tokens: &[Token<'_>]) -> bool {
    let named = |token: &Token<'_>| {
        token.is_literal() && token.span.of(text).get(1..).is_some_and(|quoted| starts_with(quoted, OPT_IN))
    };
    tokens.iter().any(|token| token.name() == Some("set_config")) && tokens.iter().any(named)
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Whether a statement of no special kind leaves names meaning what they meant, by its first word.
fn keeps_names_by_word(tokens: &[Token<'_>]) -> bool {
    const KEEP: [&str; 12] = [
        "show",
        "listen",
        "unlisten",
        "notify",
        "lock",
        "analyze",
        "vacuum",
        "comment",
        "truncate",
        "checkpoint",
        "execute",
        "reindex",
    ];
    tokens.first().and_then(Token::word).is_some_and(|word| KEEP.contains(&word))
}

/// Whether a command of this tag leaves names meaning what they meant. What is not known to do so does not.
pub(super) fn keeps_names(tag: &[u8]) -> bool {
    const KEEP: [&[u8]; 27] = [
        b"SELECT",
        b"INSERT",
        b"UPDATE",
        b"DELETE",
        b"MERGE",
        b"FETCH",
        b"MOVE",
        b"COPY",
        b"BEGIN",
        b"START",
        b"COMMIT",
        b"ROLLBACK",
        b"SAVEPOINT",
        b"RELEASE",
        b"PREPARE",
        b"EXECUTE",
        b"DEALLOCATE",
        b"DECLARE",
        b"CLOSE",
        b"EXPLAIN",
        b"SHOW",
        b"LISTEN",
        b"UNLISTEN",
        b"NOTIFY",
        b"LOCK",
        b"ANALYZE",
        b"VACUUM",
    ];
    let word = tag.split(|byte| *byte == b' ').next().unwrap_or_default();
    // `SELECT` is also the tag of CREATE TABLE AS, which makes a table: there the text says so.
    KEEP.contains(&word)
}
