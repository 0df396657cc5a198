//! The manifest and the database side by side: what a catalogue is made of, or why it may not be used.

use std::collections::HashMap;
use std::sync::Arc;

use strongroom_column::cell::Mode;
use strongroom_column::manifest::ManifestKey;
use strongroom_column::{Class, Manifest};

use super::check::{Expected, check_query};
use super::facts::Facts;
use super::{ColumnClass, KeyValue, KnownKey, Parts, Table};

/// Puts together what the manifest says and what the database has of it; and the differences that show so far.
pub(super) fn judge(manifest: &Manifest, facts: &Facts, epoch: u64) -> (Parts, Vec<String>) {
    let mut differences = Vec::new();
    let mut classes: HashMap<String, Arc<ColumnClass>> = HashMap::new();
    for column in &manifest.columns {
        let name = column.class.type_name();
        if classes.contains_key(&name) {
            continue;
        }
        match class(&column.class, &name, facts) {
            Some(class) => drop(classes.insert(name, Arc::new(class))),
            None => differences.push(format!("the type strongroom.\"{name}\" is missing or was changed")),
        }
    }
    let expected: Vec<Expected<'_>> = manifest
        .columns
        .iter()
        .filter_map(|column| {
            let class = classes.get(&column.class.type_name())?;
            Some(Expected { schema: &column.schema, table: &column.table, column: &column.column, class })
        })
        .collect();
    let keys: Vec<KnownKey> = manifest.keys.iter().map(|key| known_key(key, facts, &mut differences)).collect();
    differences.extend(mislisted(manifest, facts));
    let mut in_use: Vec<&ColumnClass> = classes.values().map(AsRef::as_ref).collect();
    in_use.sort_by(|one, other| one.sql_name.cmp(&other.sql_name));
    let check = check_query(&expected, &in_use, manifest.sequence);
    let tables = tables(facts, &classes);
    let mut names = facts.names.clone();
    names.extend(manifest.columns.iter().map(|column| column.table.clone()));
    let ours = |oid: &u32| *oid != 0;
    let parts = Parts {
        epoch,
        sequence: manifest.sequence,
        other_types: facts.types.values().flat_map(|found| [found.oid, found.array_oid]).filter(ours).collect(),
        classes: classes.into_values().collect(),
        row_types: facts.row_types.clone(),
        names,
        tables,
        reordered: reordered(manifest, facts),
        check,
        keys,
        refused: None,
    };
    (parts, differences)
}

/// The manifest's tables in another order, and their partitions, which share it.
fn reordered(manifest: &Manifest, facts: &Facts) -> Vec<String> {
    let of =
        |schema: &str, table: &str| manifest.reordered.iter().any(|own| own.schema == schema && own.table == table);
    let partitions = facts.partitions.iter().filter(|(schema, table, _)| of(schema, table));
    let tables = manifest.reordered.iter().map(|table| &table.table);
    tables.chain(partitions.map(|(.., partition)| partition)).cloned().collect()
}

/// The text for people; none when there is no difference.
pub(super) fn refusal(differences: &[String]) -> Option<String> {
    let (first, rest) = differences.split_first()?;
    let more = if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
    Some(format!(
        "the database is not as the signed manifest says: {first}{more}; `strongroom column status` lists all"
    ))
}

fn class(class: &Class, name: &str, facts: &Facts) -> Option<ColumnClass> {
    let domain = facts.types.get(name)?;
    let cell = facts.types.get(&format!("{name}_cell"))?;
    if domain.base_oid != cell.oid || cell.base_oid != 0 {
        return None;
    }
    Some(ColumnClass {
        class: class.clone(),
        key: class.key.clone(),
        cell_oid: cell.oid,
        domain_oid: domain.oid,
        cell_array_oid: cell.array_oid,
        domain_array_oid: domain.array_oid,
        sql_name: super::quote::qualified("strongroom", name),
    })
}

/// Only values under master keys that the manifest names; a key without any is a difference.
fn known_key(key: &ManifestKey, facts: &Facts, differences: &mut Vec<String>) -> KnownKey {
    let of_key = || facts.values.iter().filter(|value| value.key == key.name);
    let values: Vec<KeyValue> = key
        .masters
        .iter()
        .filter_map(|master| of_key().find(|value| value.provider == master.provider && value.path == master.path))
        .map(|value| KeyValue {
            provider: value.provider.clone(),
            path: value.path.clone(),
            algorithm: value.algorithm.clone(),
            envelope: value.envelope.clone(),
        })
        .collect();
    if values.len() != key.masters.len() {
        let name = &key.name;
        differences.push(format!("column encryption key {name} is not under the master keys that the manifest names"));
    } else if of_key().count() != values.len() {
        differences.push(format!("column encryption key {} has a value that the manifest does not name", key.name));
    }
    KnownKey { name: key.name.clone(), check: key.check, values }
}

/// The tables of the schema serve people and tools; one that was edited by hand has nothing good in mind.
fn mislisted(manifest: &Manifest, facts: &Facts) -> Vec<String> {
    let mut differences = Vec::new();
    for column in &manifest.columns {
        let place = format!("{}.{}.{}", column.schema, column.table, column.column);
        let name = column.class.type_name();
        let mode = match column.class.mode {
            Mode::Deterministic => 1,
            Mode::Randomized => 2,
        };
        let listed = facts.listed.iter().find(|(schema, table, listed, ..)| {
            (schema, table, listed) == (&column.schema, &column.table, &column.column)
        });
        match listed {
            None => differences.push(format!("strongroom.encrypted_column does not list {place}")),
            Some((.., class, listed_mode)) if *class != name || *listed_mode != mode => {
                differences.push(format!("strongroom.encrypted_column lists {place} under another class or mode"));
            }
            Some(_) => {}
        }
    }
    for (schema, table, column, ..) in &facts.listed {
        if manifest.column(schema, table, column).is_none() {
            differences
                .push(format!("strongroom.encrypted_column lists {schema}.{table}.{column}, the manifest does not"));
        }
    }
    differences
}

fn tables(facts: &Facts, classes: &HashMap<String, Arc<ColumnClass>>) -> Vec<Table> {
    let by_oid: HashMap<u32, &Arc<ColumnClass>> =
        classes.values().flat_map(|class| [(class.domain_oid, class), (class.cell_oid, class)]).collect();
    let mut tables: Vec<Table> = Vec::new();
    for column in &facts.columns {
        let class = by_oid.get(&column.type_oid).map(|class| Arc::clone(class));
        let entry = (column.column.clone(), class);
        match tables.last_mut() {
            Some(table) if table.schema == column.schema && table.name == column.table => table.columns.push(entry),
            _ => {
                let (schema, name) = (column.schema.clone(), column.table.clone());
                tables.push(Table { schema, name, columns: vec![entry] });
            }
        }
    }
    tables
}
