//! The query by which a session finds out, in its own eyes, whether the database still is as the manifest says.

use super::ColumnClass;
use super::quote::literal;

/// A column as the manifest has it.
pub struct Expected<'a> {
    /// Its schema.
    pub schema: &'a str,
    /// Its table.
    pub table: &'a str,
    /// Its name.
    pub column: &'a str,
    /// Its class in this database.
    pub class: &'a ColumnClass,
}

/// One query without parameters; a row `(schema, table, column, what)` for each difference.
///
/// Every name in it has its schema, operators too: the session may have any `search_path`, and temporary tables with the names of
/// the system's.
#[must_use]
pub fn check_query(expected: &[Expected<'_>], classes: &[&ColumnClass], sequence: u64) -> String {
    let mut parts = vec![manifest(sequence)];
    if !classes.is_empty() {
        parts.push(types(classes));
        parts.push(operators(classes));
    }
    if !expected.is_empty() {
        parts.push(columns(expected));
        parts.push(shadows(expected, classes));
    }
    parts.join("\nUNION ALL\n")
}

fn manifest(sequence: u64) -> String {
    format!(
        "SELECT 'strongroom'::pg_catalog.text AS schema, 'manifest'::pg_catalog.text AS \"table\", ''::pg_catalog.text AS \
         \"column\", 'manifest {sequence} is not the newest one there'::pg_catalog.text AS what \
         WHERE NOT EXISTS (SELECT FROM strongroom.manifest WHERE sequence OPERATOR(pg_catalog.=) {sequence}::pg_catalog.int8) \
         OR EXISTS (SELECT FROM strongroom.manifest WHERE sequence OPERATOR(pg_catalog.>) {sequence}::pg_catalog.int8)"
    )
}

/// The types are still there, under their names, and the domain still is one over the base type.
fn types(classes: &[&ColumnClass]) -> String {
    let rows = classes.iter().map(|class| {
        let name = literal(&class.class.type_name());
        format!("({name}::pg_catalog.name, {}::pg_catalog.oid, {}::pg_catalog.oid)", class.domain_oid, class.cell_oid)
    });
    format!(
        "SELECT 'strongroom', e.name::pg_catalog.text, '', 'the type was changed' FROM (VALUES {}) AS e (name, domain, cell) \
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_type b ON b.oid OPERATOR(pg_catalog.=) t.typbasetype \
         WHERE t.oid OPERATOR(pg_catalog.=) e.domain AND t.typname OPERATOR(pg_catalog.=) e.name \
         AND t.typbasetype OPERATOR(pg_catalog.=) e.cell AND b.typtype OPERATOR(pg_catalog.=) 'b'::\"char\")",
        rows.collect::<Vec<_>>().join(", ")
    )
}

/// Casts and operators decide which type a parameter gets. None but ours, which take one class only, may be there.
fn operators(classes: &[&ColumnClass]) -> String {
    let types = cells(classes);
    format!(
        "SELECT 'strongroom', '', '', 'there is a cast of an encrypted type that Strongroom did not make' WHERE EXISTS (\
         SELECT FROM pg_catalog.pg_cast WHERE castsource OPERATOR(pg_catalog.=) ANY ({types}) \
         AND (casttarget OPERATOR(pg_catalog.<>) ALL ({EXPLICIT}) OR castcontext OPERATOR(pg_catalog.<>) 'e'::\"char\") \
         OR casttarget OPERATOR(pg_catalog.=) ANY ({types}))\nUNION ALL\n\
         SELECT 'strongroom', '', '', 'there is an operator between an encrypted type and another one' WHERE EXISTS (\
         SELECT FROM pg_catalog.pg_operator WHERE oprleft OPERATOR(pg_catalog.<>) oprright \
         AND (oprleft OPERATOR(pg_catalog.=) ANY ({types}) OR oprright OPERATOR(pg_catalog.=) ANY ({types})))"
    )
}

/// What cells are cast to when a statement says so: `bytea`, `name`, `text`, `bpchar`, `varchar`.
const EXPLICIT: &str = "'{17,19,25,1042,1043}'::pg_catalog.oid[]";

fn columns(expected: &[Expected<'_>]) -> String {
    format!(
        "SELECT e.s::pg_catalog.text, e.t::pg_catalog.text, e.c::pg_catalog.text, CASE WHEN r.oid IS NULL THEN 'the table is missing' \
         WHEN a.attnum IS NULL THEN 'the column is missing' ELSE 'the column is not of its encrypted type' END \
         FROM {} LEFT JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) e.s \
         LEFT JOIN pg_catalog.pg_class r ON r.relnamespace OPERATOR(pg_catalog.=) n.oid AND r.relname OPERATOR(pg_catalog.=) e.t \
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) r.oid \
         AND a.attname OPERATOR(pg_catalog.=) e.c AND NOT a.attisdropped \
         WHERE a.atttypid IS NULL OR a.atttypid OPERATOR(pg_catalog.<>) e.d",
        rows(expected)
    )
}

/// The name without its schema means another table in this session, and that one has the column in clear.
fn shadows(expected: &[Expected<'_>], classes: &[&ColumnClass]) -> String {
    format!(
        "SELECT n.nspname::pg_catalog.text, e.t::pg_catalog.text, e.c::pg_catalog.text, \
         'in this session the name means this table, which has the column in clear' FROM {} \
         JOIN pg_catalog.pg_class r ON r.relname OPERATOR(pg_catalog.=) e.t AND pg_catalog.pg_table_is_visible(r.oid) \
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) r.relnamespace AND n.nspname OPERATOR(pg_catalog.<>) e.s \
         JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) r.oid \
         AND a.attname OPERATOR(pg_catalog.=) e.c AND NOT a.attisdropped \
         WHERE a.atttypid OPERATOR(pg_catalog.<>) ALL ({})",
        rows(expected),
        domains(classes)
    )
}

fn rows(expected: &[Expected<'_>]) -> String {
    let rows = expected.iter().map(|column| {
        format!(
            "({}::pg_catalog.name, {}::pg_catalog.name, {}::pg_catalog.name, {}::pg_catalog.oid)",
            literal(column.schema),
            literal(column.table),
            literal(column.column),
            column.class.domain_oid
        )
    });
    format!("(VALUES {}) AS e (s, t, c, d)", rows.collect::<Vec<_>>().join(", "))
}

fn cells(classes: &[&ColumnClass]) -> String {
    array(classes.iter().flat_map(|class| [class.cell_oid, class.domain_oid]))
}

fn domains(classes: &[&ColumnClass]) -> String {
    array(classes.iter().map(|class| class.domain_oid))
}

fn array(oids: impl Iterator<Item = u32>) -> String {
    let oids: Vec<String> = oids.map(|oid| oid.to_string()).collect();
    format!("'{{{}}}'::pg_catalog.oid[]", oids.join(","))
}
