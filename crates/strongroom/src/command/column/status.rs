//! `column status`: what is encrypted, what is under way, what is not as it should be.

use serde_json::json;
use strongroom_column_pg::enable::status::{Status, status};

use super::database::{application, dsn, failed, findings, keys};
use crate::cli::Inspection;
use crate::command::Here;
use crate::failure::Failure;
use crate::output::{Output, table};

/// Runs it.
pub fn run(here: &Here<'_>, given: Inspection) -> Result<(), Failure> {
    let dsn = dsn(&given.database)?;
    let sensitive = application(given.application.as_deref())?.sensitive;
    here.call(|client, output| async move {
        let keys = keys(client, &given.names);
        let found = status(&dsn, &keys, &sensitive).await.map_err(failed(output, "reading the state of columns"))?;
        tell(output, &found);
        findings(found.findings.len())
    })
}

fn tell(output: &Output, status: &Status) {
    let columns: Vec<_> = status
        .columns
        .iter()
        .map(|column| {
            json!({
                "column": column.column, "mode": column.mode, "type": column.plain, "key": column.key, "state": column.state,
            })
        })
        .collect();
    let jobs: Vec<_> = status
        .jobs
        .iter()
        .map(|job| {
            json!({
                "column": job.column, "direction": job.direction, "phase": job.phase, "rows": job.rows,
                "expected": job.expected, "updated": job.updated,
            })
        })
        .collect();
    let json = json!({ "manifest": status.sequence, "columns": columns, "reordered": status.reordered, "jobs": jobs, "findings": status.findings });
    output.answer(&json, || text(status));
}

fn text(status: &Status) -> String {
    let mut lines = vec![format!("manifest {}", status.sequence)];
    if !status.columns.is_empty() {
        let rows: Vec<Vec<String>> = status
            .columns
            .iter()
            .map(|column| {
                let column = column.clone();
                vec![column.column, column.mode, column.plain, column.key, column.state]
            })
            .collect();
        lines.push(table(&["COLUMN", "MODE", "TYPE", "KEY", "STATE"], &rows));
    }
    if !status.reordered.is_empty() {
        let tables = status.reordered.join(", ");
        lines.push(format!("INSERT and COPY FROM have to name columns, which stand in another order since: {tables}"));
    }
    for job in &status.jobs {
        let (direction, column, phase) = (&job.direction, &job.column, &job.phase);
        lines.push(format!(
            "under way: {direction} {column}: {phase}, {} of {} rows; last heard of {}",
            job.rows, job.expected, job.updated
        ));
    }
    lines.extend(status.findings.iter().map(|finding| format!("finding: {finding}")));
    lines.join("\n")
}
