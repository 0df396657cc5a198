//! What is known of one database: its encryption classes, which columns have them, which names lead there.
//!
//! The manifest says what has to be encrypted, the database says where it lies; where the two differ nothing is served
//! (docs/spec/column-catalogue.md).

mod check;
mod facts;
mod judge;
mod load;
mod memory;
pub mod quote;
pub mod schema;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use strongroom_column::Class;

pub use check::check_query;
pub(crate) use facts::row_types;
pub use load::{LoadError, Loader};
pub use memory::{Memory, MemoryError};

/// How a value of an encryption class appears in PostgreSQL's type system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// The base type, which expressions have.
    Cell,
    /// The domain over it, which columns are declared with.
    Domain,
    /// An array of the base type.
    CellArray,
    /// An array of the domain.
    DomainArray,
}

/// An encryption class, and the types that stand for it in this database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnClass {
    /// Key, mode and plain type.
    pub class: Class,
    /// The name of the column encryption key.
    pub key: String,
    /// OID of the base type.
    pub cell_oid: u32,
    /// OID of the domain.
    pub domain_oid: u32,
    /// OID of the base type's array type.
    pub cell_array_oid: u32,
    /// OID of the domain's array type.
    pub domain_array_oid: u32,
    /// The domain as SQL writes it: `strongroom."…"`.
    pub sql_name: String,
}

/// A column: its name, and its class if it is encrypted.
pub type TableColumn = (String, Option<Arc<ColumnClass>>);

/// A relation with columns of encryption classes, or of the same name as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// All columns in their order.
    pub columns: Vec<TableColumn>,
}

/// A column encryption key: what the manifest says of it, and how the database holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// Its name.
    pub name: String,
    /// The check value of the manifest: only this key will do, whatever the database holds.
    pub check: [u8; 16],
    /// The values that the manifest allows, in its order.
    pub values: Vec<KeyValue>,
}

/// A column encryption key under one master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    /// The key store: `STRONGROOM`.
    pub provider: String,
    /// Where the master key is found there: `NAME#VERSION`.
    pub path: String,
    /// How it is wrapped: `RSA_OAEP` or `STRONGROOM_SEALED`.
    pub algorithm: String,
    /// The wrapped key.
    pub envelope: Vec<u8>,
}

/// What a catalogue is made of.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Counts changes of metadata.
    pub epoch: u64,
    /// The number of the manifest.
    pub sequence: u64,
    /// The classes that the manifest names.
    pub classes: Vec<Arc<ColumnClass>>,
    /// Types of the schema `strongroom` that it does not name.
    pub other_types: Vec<u32>,
    /// Types of rows with a column of a class, and arrays of and domains over them.
    pub row_types: Vec<u32>,
    /// Names, as a lexer yields them, that lead to encrypted values.
    pub names: Vec<String>,
    /// Relations whose columns matter.
    pub tables: Vec<Table>,
    /// Names of tables whose columns stand in another order since one was encrypted.
    pub reordered: Vec<String>,
    /// The query that finds differences.
    pub check: String,
    /// The keys that the manifest names.
    pub keys: Vec<KnownKey>,
    /// Why nothing of it may be served.
    pub refused: Option<String>,
}

/// What is known of one database. It does not change: when the database does, another one is made.
#[derive(Debug, PartialEq, Eq)]
pub struct Catalogue {
    epoch: u64,
    sequence: u64,
    types: HashMap<u32, (Arc<ColumnClass>, Shape)>,
    ours: HashSet<u32>,
    row_types: HashSet<u32>,
    names: Names,
    tables: HashMap<String, Vec<Table>>,
    encrypted_columns: HashSet<String>,
    reordered: HashSet<String>,
    check: String,
    keys: Vec<KnownKey>,
    refused: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Names {
    /// Nothing can be trusted, so every name may lead to an encrypted value.
    All,
    Some(HashSet<String>),
}

impl Catalogue {
    /// Makes one of its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { epoch, sequence, classes, other_types, row_types, names, tables, reordered, check, keys, refused } =
            parts;
        let mut types = HashMap::new();
        for class in classes {
            let shapes = [
                (class.cell_oid, Shape::Cell),
                (class.domain_oid, Shape::Domain),
                (class.cell_array_oid, Shape::CellArray),
                (class.domain_array_oid, Shape::DomainArray),
            ];
            types.extend(shapes.map(|(oid, shape)| (oid, (Arc::clone(&class), shape))));
        }
        let ours = types.keys().copied().chain(other_types).collect();
        let encrypted = |(name, class): &(String, Option<Arc<ColumnClass>>)| class.is_some().then(|| name.clone());
        let encrypted_columns: HashSet<String> =
            tables.iter().flat_map(|table| table.columns.iter().filter_map(encrypted)).collect();
        let mut by_name: HashMap<String, Vec<Table>> = HashMap::new();
        for table in tables {
            by_name.entry(table.name.clone()).or_default().push(table);
        }
        // A column's name, too: a table that was misspelt is none, but what it is asked for is still a value.
        let names = Names::Some(names.into_iter().chain(encrypted_columns.iter().cloned()).collect());
        let (reordered, row_types) = (reordered.into_iter().collect(), row_types.into_iter().collect());
        let tables = by_name;
        Self {
            epoch,
            sequence,
            types,
            ours,
            row_types,
            names,
            tables,
            encrypted_columns,
            reordered,
            check,
            keys,
            refused,
        }
    }

    /// One by hand, for tests.
    #[must_use]
    pub fn for_tests(parts: Parts) -> Self {
        Self::new(parts)
    }

    /// Of a database of which nothing can be trusted: every statement that names anything is refused with this text.
    #[must_use]
    pub fn untrusted(epoch: u64, why: String) -> Self {
        let mut catalogue = Self::new(Parts { epoch, refused: Some(why), ..Parts::default() });
        catalogue.names = Names::All;
        catalogue
    }

    /// The class that a type stands for, and how; none for all other types.
    #[must_use]
    pub fn class_of(&self, oid: u32) -> Option<(Arc<ColumnClass>, Shape)> {
        self.types.get(&oid).map(|(class, shape)| (Arc::clone(class), *shape))
    }

    /// Whether the type is one of the schema `strongroom`, also one that no manifest names: then it is refused.
    #[must_use]
    pub fn is_ours(&self, oid: u32) -> bool {
        self.ours.contains(&oid)
    }

    /// Whether the type is one of rows with a column of a class: what such a row is made of is not looked at.
    #[must_use]
    pub fn is_row(&self, oid: u32) -> bool {
        self.row_types.contains(&oid)
    }

    /// Whether this identifier, as a lexer yields it, may lead to encrypted values: a table, a view, a function, a type, a column.
    #[must_use]
    pub fn sensitive(&self, identifier: &str) -> bool {
        match &self.names {
            Names::All => true,
            Names::Some(names) => names.contains(identifier),
        }
    }

    /// Whether a column of any table that has this name is encrypted.
    #[must_use]
    pub fn is_encrypted_column(&self, name: &str) -> bool {
        self.encrypted_columns.contains(name)
    }

    /// Whether a table of this name has its columns in another order since one was encrypted.
    #[must_use]
    pub fn is_reordered(&self, table: &str) -> bool {
        self.reordered.contains(table)
    }

    /// The names of those tables, in ascending order.
    #[must_use]
    pub fn reordered(&self) -> Vec<String> {
        let mut names: Vec<String> = self.reordered.iter().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Whether this is the name of a type that stands for one of the classes.
    #[must_use]
    pub fn is_type_name(&self, name: &str) -> bool {
        self.classes().any(|class| {
            let domain = class.class.type_name();
            name == domain || name.strip_suffix("_cell") == Some(domain.as_str())
        })
    }

    /// All columns of a table in their order; without a schema only when no two tables that matter have that name.
    #[must_use]
    pub fn columns_of(&self, schema: Option<&str>, table: &str) -> Option<&[TableColumn]> {
        let tables = self.tables.get(table)?;
        match (schema, tables.as_slice()) {
            (None, [only]) => Some(&only.columns),
            (None, _) => None,
            (Some(schema), tables) => {
                tables.iter().find(|table| table.schema == schema).map(|table| table.columns.as_slice())
            }
        }
    }

    /// The query without parameters that finds differences between the manifest and the database as a session sees it: no
    /// row if there are none, else `schema`, `table`, `column`, `what`.
    #[must_use]
    pub fn check(&self) -> &str {
        &self.check
    }

    /// Why every statement with a name that is sensitive is refused.
    #[must_use]
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Counts changes of metadata in the database.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The number of the manifest; 0 when none is trusted.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The keys that the manifest names.
    #[must_use]
    pub fn keys(&self) -> &[KnownKey] {
        &self.keys
    }

    /// One of them.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&KnownKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The classes that the manifest names.
    pub fn classes(&self) -> impl Iterator<Item = &Arc<ColumnClass>> {
        self.types.values().filter(|(_, shape)| *shape == Shape::Cell).map(|(class, _)| class)
    }
}
