//! The schema `strongroom`, as SQL (docs/spec/column-catalogue.md).

use super::quote;

/// The version of the schema that this release makes and reads.
pub const VERSION: i32 = 1;

/// Makes the schema, or completes it; to be run by a superuser, in one transaction. `operators` is the schema in which `=` and
/// `<>` of deterministic classes are made: PostgreSQL finds operators by `search_path` only.
#[must_use]
pub fn script(operators: &str) -> String {
    SCRIPT.replace("'@operators@'", &quote::literal(operators))
}

/// The call that makes the types of an encryption class; takes its name, whether it is deterministic, and whether a PRIMARY KEY or
/// UNIQUE constraint has it.
pub const CREATE_CLASS: &str = "SELECT strongroom.create_class($1::text, $2::boolean, $3::boolean)";

const SCRIPT: &str = include_str!("schema.sql");
