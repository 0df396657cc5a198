//! The manifest as JSON in the form of RFC 8785: one content, one text.

use serde::{Deserialize, Serialize};

use super::{LONGEST, Manifest, ManifestColumn, ManifestError, ManifestKey, ManifestTable, MasterRef, State};
use crate::cell::{KEY_CHECK, Mode};
use crate::class::Class;
use crate::plain::PlainType;

// RFC 8785 sorts the members of an object by name. Here they stand in that order, and serde_json writes them as they stand,
// without blanks, and strings with the same escapes as RFC 8785.

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    columns: Vec<Column>,
    database: String,
    keys: Vec<Key>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reordered: Vec<Table>,
    sequence: u64,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    schema: String,
    table: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    class: ClassOf,
    column: String,
    schema: String,
    state: StateOf,
    table: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassOf {
    key: String,
    mode: String,
    #[serde(rename = "type")]
    plain: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateOf {
    Encrypted,
    Encrypting,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    check: String,
    masters: Vec<Master>,
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Master {
    name: String,
    path: String,
    provider: String,
}

/// Only the version: what is newer has another shape.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// The text of a manifest whose lists are in order.
pub(super) fn print(manifest: &Manifest) -> Vec<u8> {
    let document = Document {
        columns: manifest.columns.iter().map(Column::of).collect(),
        database: manifest.database.clone(),
        keys: manifest.keys.iter().map(Key::of).collect(),
        reordered: manifest.reordered.iter().map(Table::of).collect(),
        sequence: manifest.sequence,
        version: VERSION,
    };
    serde_json::to_vec(&document).expect("strings and numbers can be written")
}

/// The manifest of a text, if it is one, in its canonical form, and consistent.
pub(super) fn parse(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    if bytes.len() > LONGEST {
        return Err(ManifestError::TooLong { found: bytes.len() });
    }
    let Versioned { version } = serde_json::from_slice(bytes).map_err(ManifestError::Shape)?;
    if version != VERSION {
        return Err(ManifestError::Newer { found: version });
    }
    let document: Document = serde_json::from_slice(bytes).map_err(ManifestError::Shape)?;
    let manifest = Manifest {
        database: document.database,
        sequence: document.sequence,
        keys: document.keys.into_iter().map(Key::read).collect::<Result<_, _>>()?,
        columns: document.columns.into_iter().map(Column::read).collect::<Result<_, _>>()?,
        reordered: document.reordered.into_iter().map(Table::read).collect(),
    };
    judge(&manifest)?;
    if print(&manifest) == bytes { Ok(manifest) } else { Err(ManifestError::NotCanonical) }
}

impl Table {
    fn of(table: &ManifestTable) -> Self {
        Self { schema: table.schema.clone(), table: table.table.clone() }
    }

    fn read(self) -> ManifestTable {
        ManifestTable { schema: self.schema, table: self.table }
    }
}

impl Column {
    fn of(column: &ManifestColumn) -> Self {
        Self {
            class: ClassOf {
                key: column.class.key.clone(),
                mode: column.class.mode.word().to_owned(),
                plain: column.class.plain.word(),
            },
            column: column.column.clone(),
            schema: column.schema.clone(),
            state: match column.state {
                State::Encrypted => StateOf::Encrypted,
                State::Encrypting => StateOf::Encrypting,
            },
            table: column.table.clone(),
        }
    }

    fn read(self) -> Result<ManifestColumn, ManifestError> {
        let place = || format!("column {:?}", [&self.schema, &self.table, &self.column]);
        let refuse = |problem| ManifestError::Content { place: place(), problem };
        let mode = Mode::from_word(&self.class.mode).ok_or_else(|| refuse("has an unknown mode"))?;
        let plain = PlainType::parse(&self.class.plain).map_err(|_| refuse("has an unknown type"))?;
        plain.allows(mode).map_err(|_| refuse("is deterministic, but its type is for randomized columns only"))?;
        Ok(ManifestColumn {
            schema: self.schema,
            table: self.table,
            column: self.column,
            class: Class { key: self.class.key, mode, plain },
            state: match self.state {
                StateOf::Encrypted => State::Encrypted,
                StateOf::Encrypting => State::Encrypting,
            },
        })
    }
}

impl Key {
    fn of(key: &ManifestKey) -> Self {
        let masters = key.masters.iter().map(|master| Master {
            name: master.name.clone(),
            path: master.path.clone(),
            provider: master.provider.clone(),
        });
        let check = key.check.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { check, masters: masters.collect(), name: key.name.clone() }
    }

    fn read(self) -> Result<ManifestKey, ManifestError> {
        let check = unhex(&self.check).ok_or_else(|| ManifestError::Content {
            place: format!("key {:?}", self.name),
            problem: "has no check value of 32 hexadecimal digits",
        })?;
        let masters =
            self.masters.into_iter().map(|Master { name, path, provider }| MasterRef { name, provider, path });
        Ok(ManifestKey { name: self.name, check, masters: masters.collect() })
    }
}

/// Limits, order, and that columns have keys which are there.
fn judge(manifest: &Manifest) -> Result<(), ManifestError> {
    let refuse = |place: &str, problem| Err(ManifestError::Content { place: place.to_owned(), problem });
    if !(1..=MOST_SEQUENCE).contains(&manifest.sequence) {
        return refuse("sequence", "is not between 1 and 2^53 - 1");
    }
    if uuid::Uuid::try_parse(&manifest.database).map(|id| id.to_string()).as_ref() != Ok(&manifest.database) {
        return refuse("database", "is not a UUID in small letters");
    }
    for key in &manifest.keys {
        judge_key(key).map_err(|problem| ManifestError::Content { place: format!("key {:?}", key.name), problem })?;
    }
    if !manifest.keys.is_sorted_by(|left, right| left.name < right.name) {
        return refuse("keys", "are not in order, or one is listed twice");
    }
    for column in &manifest.columns {
        judge_column(manifest, column)
            .map_err(|problem| ManifestError::Content { place: format!("column {:?}", column.place()), problem })?;
    }
    if !manifest.columns.is_sorted_by(|left, right| left.place() < right.place()) {
        return refuse("columns", "are not in order, or one is listed twice");
    }
    let listed = |table: &ManifestTable| {
        manifest.columns.iter().any(|column| (&column.schema, &column.table) == (&table.schema, &table.table))
    };
    if !manifest.reordered.iter().all(listed) {
        return refuse("reordered", "names a table that has no listed column");
    }
    if !manifest.reordered.is_sorted_by(|left, right| left < right) {
        return refuse("reordered", "is not in order, or has a table twice");
    }
    Ok(())
}

fn judge_key(key: &ManifestKey) -> Result<(), &'static str> {
    if !is_text(&key.name, MOST_NAME) {
        return Err("has no possible name");
    }
    if !(1..=MOST_MASTERS).contains(&key.masters.len()) {
        return Err("is not under one or two master keys");
    }
    let possible = |master: &MasterRef| {
        is_text(&master.name, MOST_NAME) && is_text(&master.provider, MOST_NAME) && is_text(&master.path, MOST_PATH)
    };
    if !key.masters.iter().all(possible) {
        return Err("is under a master key without a possible name, provider or path");
    }
    let mut places = key.masters.iter().map(|master| (&master.provider, &master.path));
    if let (Some(first), Some(second)) = (places.next(), places.next())
        && first == second
    {
        return Err("is under one master key twice");
    }
    Ok(())
}

fn judge_column(manifest: &Manifest, column: &ManifestColumn) -> Result<(), &'static str> {
    let names = [&column.schema, &column.table, &column.column];
    if !names.into_iter().all(|name| (1..=MOST_IDENTIFIER).contains(&name.len()) && !name.contains('\0')) {
        return Err("has no possible name");
    }
    let keys = &manifest.keys;
    if keys.binary_search_by(|key| key.name.as_str().cmp(&column.class.key)).is_err() {
        return Err("has a key that is not listed");
    }
    Ok(())
}

fn is_text(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Small letters only.
fn unhex(digits: &str) -> Option<[u8; KEY_CHECK]> {
    let (pairs, odd) = digits.as_bytes().as_chunks::<2>();
    let pairs: &[[u8; 2]; KEY_CHECK] = pairs.try_into().ok()?;
    let mut bytes = [0; KEY_CHECK];
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16).filter(|_| !digit.is_ascii_uppercase()));
        *byte = u8::try_from(high? << 4 | low?).ok()?;
    }
    odd.is_empty().then_some(bytes)
}

const VERSION: u64 = 1;
/// What every reader of JSON has exactly.
const MOST_SEQUENCE: u64 = (1 << 53) - 1;
const MOST_MASTERS: usize = 2;
/// PostgreSQL's NAMEDATALEN, without its zero byte.
const MOST_IDENTIFIER: usize = 63;
const MOST_NAME: usize = 256;
const MOST_PATH: usize = 4000;
