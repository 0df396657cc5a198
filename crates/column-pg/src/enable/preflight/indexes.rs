//! Indexes with a column that changes: which are made again, which stand against it.

use super::Preflight;
use crate::enable::index::Index;
use crate::enable::machine::Direction;
use crate::enable::table::ColumnPlan;

/// Says what becomes of indexes with a column that changes, and marks columns that a constraint keeps unique.
pub(super) fn judge(
    preflight: &mut Preflight,
    direction: Direction,
    table: &str,
    columns: &mut [ColumnPlan],
    indexes: &[Index],
) {
    for column in columns {
        let place = format!("{table}.{}", column.name);
        for index in indexes.iter().filter(|index| index.has(&column.name) || index.computes_with(&column.name)) {
            let name = &index.name;
            let enabled = direction == Direction::Enable;
            if index.computes_with(&column.name) {
                let reason = format!("index {name} has it in an expression or condition; drop the index");
                preflight.refuse(&place, reason);
            } else if enabled && !column.is_deterministic() && (index.unique || index.constraint.is_some()) {
                let reason =
                    format!("index {name} keeps it unique, which randomized cells always are; choose :deterministic");
                preflight.refuse(&place, reason);
            } else if enabled && !column.is_deterministic() {
                let remark = format!("index {name} goes with the clear text: randomized cells cannot be searched");
                preflight.remarks.push(format!("{place}: {remark}"));
            } else if index.method != "btree" && index.method != "hash" {
                let reason = format!(
                    "index {name} is of the kind {}, which has nothing to find in cells; drop it",
                    index.method
                );
                preflight.refuse(&place, reason);
            }
            column.keyable |= index.constraint.is_some() && index.has_key(&column.name);
        }
    }
}

/// Indexes on what cannot be searched are not made again.
pub(super) fn keeps(columns: &[ColumnPlan], index: &Index) -> bool {
    let searched = |column: &ColumnPlan| column.is_deterministic() || !index.has_key(&column.name);
    columns.iter().all(searched)
}
