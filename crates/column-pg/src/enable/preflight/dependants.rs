//! What depends on a column and does not survive its change.

use tokio_postgres::Client;

use crate::enable::error::EnableError;

/// Why the column cannot be done: one sentence for each object.
pub(super) async fn read(client: &Client, table: u32, column: i16) -> Result<Vec<String>, EnableError> {
    let failed = EnableError::while_("read what depends on the column");
    let rows = client.query(DEPENDANTS, &[&table, &i32::from(column)]).await.map_err(&failed)?;
    let mut reasons = Vec::new();
    for row in &rows {
        let (kind, object): (String, String) = (row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?);
        reasons.push(format!("{object} depends on it; {}", advice(&kind)));
    }
    Ok(reasons)
}

fn advice(kind: &str) -> &'static str {
    match kind {
        "pg_attrdef" => {
            "an encrypted column has no default and is not computed: drop it, and have the application give the value"
        }
        "pg_constraint" => "cells fulfil no condition and refer to nothing: drop the constraint",
        "pg_trigger" => "drop the trigger; what it does with the value has to be done where the keys are",
        "pg_policy" => "drop the policy, or have it look at another column",
        "pg_publication_rel" => "take the column out of the publication",
        "pg_proc" => "drop the function, and make it again afterwards",
        "pg_class" => "drop the sequence or identity; numbers that the server makes cannot be encrypted",
        _ => "drop it",
    }
}

// Indexes and views are judged by themselves, and what is ours goes by itself. Constraints of kind `n` are NOT NULL.
const DEPENDANTS: &str = "
SELECT DISTINCT k.relname::text, pg_describe_object(d.classid, d.objid, d.objsubid)
  FROM pg_depend d
  JOIN pg_class k ON k.oid = d.classid
  LEFT JOIN pg_class r ON k.relname = 'pg_class' AND r.oid = d.objid
  LEFT JOIN pg_constraint c ON k.relname = 'pg_constraint' AND c.oid = d.objid
  LEFT JOIN pg_trigger t ON k.relname = 'pg_trigger' AND t.oid = d.objid
 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.refobjsubid = $2
   AND k.relname <> 'pg_rewrite'
   AND coalesce(r.relkind NOT IN ('i', 'I'), true)
   AND coalesce(c.contype NOT IN ('p', 'u', 'n'), true)
   AND coalesce(c.conname NOT LIKE 'strongroom\\_%', true)
   AND coalesce(t.tgname NOT LIKE '~strongroom\\_%', true)
 ORDER BY 2";
