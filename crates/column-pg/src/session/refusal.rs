//! What the session itself answers: SQLSTATE, what is wrong, how to mend it; never a value (docs/spec/column-protocol.md).

use super::value::NotSealed;
use crate::sql::ScanError;
use crate::wire::Report;

/// The database's metadata is not what the signed manifest says.
pub(super) fn untrusted(why: &str) -> Report {
    Report::new(
        "42501",
        format!("column encryption metadata is not trusted: {why}"),
        "Nothing was sent. Compare the database with the manifest by \"strongroom column status\".",
    )
}

/// Values without the names of their columns, for a table whose columns stand in another order than they did.
pub(super) fn reordered(table: &str, command: &str) -> Report {
    Report::new(
        "0A000",
        format!(
            "the columns of \"{table}\" stand in another order since some are encrypted, and this {command} does not name them"
        ),
        "Nothing was sent. Name the columns: without names values would go into other columns than they did.",
    )
}

/// A type of schema strongroom that no manifest names.
pub(super) fn foreign_type(oid: u32) -> Report {
    Report::new(
        "42501",
        format!("the type with OID {oid} is one of schema strongroom that the manifest does not name"),
        "Nothing was sent. Compare the database with the manifest by \"strongroom column status\".",
    )
}

/// A literal or parameter that stands for whole rows.
pub(super) fn rows() -> Report {
    Report::new(
        "0A000",
        "a literal or parameter stands for a row, or rows, with an encrypted column",
        "Nothing was sent. Give the columns one by one.",
    )
}

/// A setting under which values cannot be read or written.
pub(super) fn setting(name: &str, needed: &str) -> Report {
    Report::new(
        "0A000",
        format!("column encryption needs {name} to be {needed}"),
        format!("SET {name} = '{needed}', or connect with column encryption disabled."),
    )
}

/// The connection reads encrypted columns, but does not write them.
pub(super) fn results_only() -> Report {
    Report::new(
        "0A000",
        "this connection decrypts results only: it has strongroom.column_encryption = resultsetonly",
        "SET strongroom.column_encryption = enabled to send values for encrypted columns.",
    )
}

/// A kind of statement that cannot be described before it is run.
pub(super) fn not_described(what: &str) -> Report {
    Report::new(
        "0A000",
        format!(
            "{what} names something encrypted and holds literals, and PostgreSQL cannot be asked what they stand for"
        ),
        "Nothing was sent. Leave the literals out, or run it on a connection with column encryption disabled.",
    )
}

/// A text that has no tokens.
pub(super) fn unreadable(error: &ScanError) -> Report {
    Report::new(error.sqlstate(), error.to_string(), "Nothing was sent.")
}

/// A text that is not UTF-8.
pub(super) fn not_utf8() -> Report {
    Report::new("22021", "the text of the statement is not UTF-8", "Nothing was sent. SET client_encoding = 'UTF8'.")
}

/// A value that cannot be encrypted.
pub(super) fn value(not_sealed: &NotSealed, what: &str) -> Report {
    Report::new(not_sealed.sqlstate, format!("{what}: {}", not_sealed.why), "Nothing was sent.")
}

/// A stored cell that cannot be shown.
pub(super) fn stored(column: &[u8], why: &str) -> Report {
    Report::new(
        "XX001",
        format!("encrypted column \"{}\": {why}", String::from_utf8_lossy(column)),
        "The cell was changed or sealed under another key; \"strongroom column status\" compares keys and columns.",
    )
}

/// More values than the statement has parameters, or fewer.
pub(super) fn count(given: usize, needed: usize) -> Report {
    Report::new(
        "08P01",
        format!("bind message supplies {given} parameters, but the prepared statement requires {needed}"),
        "",
    )
}

/// A fast-path call of a function that is not PostgreSQL's own.
pub(super) fn function_call() -> Report {
    Report::new(
        "0A000",
        "functions of the database are not called by the function call message on a connection with column encryption",
        "Call it in a SELECT.",
    )
}

/// What PREPARE and EXECUTE are given cannot be told.
pub(super) fn argument(name: &str) -> Report {
    Report::new(
        "0A000",
        format!("an argument of EXECUTE {name} stands for a value of an encrypted column, and is not a single literal"),
        "Nothing was sent. Give a literal, or use a parameter of the protocol.",
    )
}

/// COPY in a form that cannot be translated.
pub(super) fn copy(why: &str) -> Report {
    Report::new("0A000", format!("COPY of an encrypted table: {why}"), "Nothing was sent.")
}

/// What one name of the protocol is used for cannot be told.
pub(super) fn unsupported(what: &str) -> Report {
    Report::new("0A000", what, "Nothing was sent.")
}

/// Several statements where one is taken.
pub(super) fn several() -> Report {
    Report::new("42601", "cannot insert multiple commands into a prepared statement", "Nothing was sent.")
}

/// The table was changed since the text was asked about; PostgreSQL's words and code for the like.
pub(super) fn changed() -> Report {
    Report::new("0A000", "cached plan must not change result type", "A table was changed. Send the statement again.")
}

/// A text with backslashes while they may mean two things.
pub(super) fn backslashes() -> Report {
    setting("standard_conforming_strings", "on")
}
