//! A table with columns that change: what is known of it, and the SQL that its changes are made with.

use strongroom_column::cell::Mode;
use strongroom_column::{Class, PlainType};

use super::index::Index;
use crate::catalogue::ColumnClass;
use crate::catalogue::quote::{identifier, literal, qualified};

/// A table and those of its columns that are encrypted, or decrypted, together.
#[derive(Debug, Clone)]
pub struct TablePlan {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its OID.
    pub oid: u32,
    /// Whether its rows lie in partitions.
    pub partitioned: bool,
    /// The columns.
    pub columns: Vec<ColumnPlan>,
    /// Indexes that have at least one of the columns.
    pub indexes: Vec<Index>,
    /// Estimated number of rows.
    pub rows: i64,
}

/// A column that changes.
#[derive(Debug, Clone)]
pub struct ColumnPlan {
    /// Its name.
    pub name: String,
    /// Its class when it is encrypted.
    pub class: Class,
    /// Its type when it is not, as SQL writes it.
    pub plain_sql: String,
    /// Whether its value is asked for as text, because only that has a normal form.
    pub as_text: bool,
    /// Whether it may not be null.
    pub not_null: bool,
    /// Whether a PRIMARY KEY or UNIQUE constraint has it.
    pub keyable: bool,
    /// Rights on this column alone, as statements with `{}` for the column's name.
    pub grants: Vec<String>,
    /// Its comment, and those of the same column of partitions, as statements with `{}` for the column's name.
    pub comments: Vec<String>,
    /// Whether the column beside it is there already: the work goes on.
    pub begun: bool,
}

impl TablePlan {
    /// `"schema"."table"`.
    pub fn sql(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// Rows with a value beside which there is none yet; `row` is an alias or empty.
    pub fn dirty(&self, row: &str) -> String {
        let one = |column: &ColumnPlan| {
            let dot = if row.is_empty() { String::new() } else { format!("{row}.") };
            format!("({dot}{} IS NOT NULL AND {dot}{} IS NULL)", identifier(&column.name), identifier(&column.fresh()))
        };
        self.columns.iter().map(one).collect::<Vec<_>>().join(" OR ")
    }
}

impl ColumnPlan {
    /// The name of the column that is filled beside this one.
    pub fn fresh(&self) -> String {
        beside(&self.name, "strongroom")
    }

    /// The name of the column that held clear text, where it is kept.
    pub fn kept(&self) -> String {
        beside(&self.name, "plain")
    }

    /// The name of the trigger and its function. It is the last of all triggers that are fired before a row is written, since
    /// they are fired in the order of their names.
    pub fn trigger(&self, table: &TablePlan) -> String {
        format!("~strongroom_{}_{}", table.oid, short(&self.name, 30))
    }

    /// The constraint that stands for NOT NULL until that is verified.
    pub fn not_null_constraint(&self) -> String {
        format!("strongroom_{}_not_null", short(&self.name, 40))
    }

    /// The class's domain, as SQL writes it.
    pub fn domain_sql(&self) -> String {
        qualified("strongroom", &self.class.type_name())
    }

    /// The class's base type, as SQL writes it.
    pub fn cell_sql(&self) -> String {
        qualified("strongroom", &format!("{}_cell", self.class.type_name()))
    }

    /// Whether equal values have equal cells.
    pub fn is_deterministic(&self) -> bool {
        self.class.mode == Mode::Deterministic
    }

    /// The class, once its types are there.
    pub fn is_of(&self, class: &ColumnClass) -> bool {
        class.class == self.class
    }
}

/// What clients may send and get as text only: normal forms of these types are made of their text.
pub(super) fn is_as_text(plain: &PlainType) -> bool {
    matches!(plain, PlainType::Tagged(_))
}

/// A name beside another one, within PostgreSQL's 63 bytes.
fn beside(name: &str, what: &str) -> String {
    format!("{}__{what}", short(name, 61 - what.len()))
}

/// A name of at most so many bytes; a longer one ends in digits that tell it from others.
fn short(name: &str, most: usize) -> String {
    if name.len() <= most {
        return name.to_owned();
    }
    let digest = strongroom_crypto::hash::sha256(&[name.as_bytes()]);
    let digits: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut end = most - 9;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_{digits}", name.get(..end).unwrap_or_default())
}

/// `COMMENT ON COLUMN`, with `{}` for the column's name.
pub(super) fn comment_sql(table: &str, comment: &str) -> String {
    format!("COMMENT ON COLUMN {table}.{{}} IS {}", literal(comment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beside_others_have_room_and_differ() {
        assert_eq!(beside("ssn", "strongroom"), "ssn__strongroom");
        let long = "é".repeat(31);
        let name = beside(&long, "strongroom");
        assert!(name.len() <= 63 && name.ends_with("__strongroom"), "{name}");
        assert_ne!(beside(&format!("{}a", "x".repeat(60)), "plain"), beside(&format!("{}b", "x".repeat(60)), "plain"));
    }
}
