//! The one table, and the check that a file holds it and nothing else.

use rusqlite::Connection;

use super::open::OpenError;

/// The schema as `sqlite_schema` must show it, byte for byte.
pub(super) const RECORD: &str = "CREATE TABLE record(key BLOB PRIMARY KEY, sealed BLOB NOT NULL) STRICT";

/// "SROM" in the file's header: a Strongroom store.
pub(super) const APPLICATION_ID: i32 = 0x5352_4f4d;

/// The number of the file's format, in the header's user version.
pub(super) const FORMAT: i32 = 1;

/// Type, name, table and statement of every row `sqlite_schema` may have, in this order.
const ENTRIES: [(&str, &str, &str, Option<&str>); 2] =
    [("table", "record", "record", Some(RECORD)), ("index", "sqlite_autoindex_record_1", "record", None)];

/// Writes table, application id and format in one transaction.
pub(super) fn write(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {RECORD}; \
         PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT"
    ))
}

/// Refuses a file that is not ours, is of a newer format, or holds anything but the one table.
pub(super) fn check(connection: &Connection) -> Result<(), OpenError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let application_id = number("application_id").map_err(OpenError::reading)?;
    if application_id != APPLICATION_ID {
        return Err(OpenError::ForeignFile { application_id });
    }
    match number("user_version").map_err(OpenError::reading)? {
        FORMAT => {}
        newer if newer > FORMAT => return Err(OpenError::Newer { found: newer, known: FORMAT }),
        found => return Err(OpenError::UnknownFormat { found }),
    }
    check_entries(connection)?;
    check_keys(connection)
}

fn check_entries(connection: &Connection) -> Result<(), OpenError> {
    let mut statement = connection
        .prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid")
        .map_err(OpenError::reading)?;
    let mut rows = statement.query([]).map_err(OpenError::reading)?;
    let mut expected = ENTRIES.iter();
    while let Some(row) = rows.next().map_err(OpenError::reading)? {
        let text = |column| row.get_ref(column).map(|value| value.as_bytes().ok().map(<[u8]>::to_vec));
        let (kind, name) = (text(0).map_err(OpenError::reading)?, text(1).map_err(OpenError::reading)?);
        let (table, sql) = (text(2).map_err(OpenError::reading)?, text(3).map_err(OpenError::reading)?);
        let same = expected.next().is_some_and(|entry| {
            kind.as_deref() == Some(entry.0.as_bytes())
                && name.as_deref() == Some(entry.1.as_bytes())
                && table.as_deref() == Some(entry.2.as_bytes())
                && sql.as_deref() == entry.3.map(str::as_bytes)
        });
        if !same {
            return Err(OpenError::ForeignSchema { entry: shown(name.as_deref()) });
        }
    }
    match expected.next() {
        Some(missing) => Err(OpenError::ForeignSchema { entry: missing.1.to_owned() }),
        None => Ok(()),
    }
}

/// Keys are blobs, which sort behind everything else: what lies before the empty blob was put
/// there around SQLite's type check, and no read or scan would ever show it.
fn check_keys(connection: &Connection) -> Result<(), OpenError> {
    let foreign: bool = connection
        .query_row(
            "SELECT EXISTS(SELECT 1 FROM record WHERE key <= x'') \
                 OR EXISTS(SELECT 1 FROM record WHERE key IS NULL)",
            [],
            |row| row.get(0),
        )
        .map_err(OpenError::reading)?;
    if foreign { Err(OpenError::ForeignRow) } else { Ok(()) }
}

/// A name from the file for an error message: short and printable.
fn shown(name: Option<&[u8]>) -> String {
    let name = String::from_utf8_lossy(name.unwrap_or(b"NULL"));
    name.chars().take(64).flat_map(char::escape_default).collect()
}
