//! Views over columns that change. PostgreSQL lets no column go that a view shows, so they are dropped in the transaction of the
//! swap and made again in it, with all they had; nobody sees the database without them.

use std::collections::HashSet;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::error::EnableError;
use super::table::TablePlan;
use super::tree::Telltale;
use crate::catalogue::quote::qualified;
use crate::catalogue::row_types;

/// A view, and the statements that make it again.
pub(super) struct View {
    oid: u32,
    /// With its schema, as SQL writes it.
    pub(super) name: String,
    /// Why it cannot be made again as it is.
    pub(super) obstacles: Vec<String>,
    create: String,
    owner: String,
}

impl View {
    /// The views that show any of these columns, or views over them, outermost first: so they can be dropped one after the other,
    /// and that is the order in which queries lock them.
    pub(super) async fn read(client: &Client, table: u32, columns: &[String]) -> Result<Vec<Self>, EnableError> {
        let failed = EnableError::while_("read the views over the columns");
        let rows = client.query(VIEWS, &[&table, &columns]).await.map_err(&failed)?;
        let mut views = Vec::new();
        for row in &rows {
            let mut view = Self::of(row).map_err(&failed)?;
            for row in client.query(OTHERS, &[&view.oid]).await.map_err(&failed)? {
                let other: String = row.try_get(0).map_err(&failed)?;
                view.obstacles.push(format!("{other} depends on {}: drop it, and make it again afterwards", view.name));
            }
            views.push(view);
        }
        Ok(views)
    }

    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let (schema, relation): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        let name = qualified(&schema, &relation);
        let kind: String = row.try_get(3)?;
        let (is_owner, of_extension, is_labelled): (bool, bool, bool) =
            (row.try_get(4)?, row.try_get(5)?, row.try_get(6)?);
        let is_temporary: bool = row.try_get(10)?;
        let drop = "drop it, and make it again afterwards";
        let checks = [
            (kind == "m", format!("the materialized view {name} keeps its values in clear: {drop}")),
            (kind != "m" && kind != "v", format!("a rule of {name} looks at it: {drop}")),
            (is_temporary, format!("the temporary view {name} of a session shows it: end that session")),
            (!is_owner, format!("the view {name} shows it, which only the view's owner can make again")),
            (of_extension, format!("the view {name} shows it, which belongs to an extension")),
            (is_labelled, format!("the view {name} shows it, which has security labels: {drop}")),
        ];
        let obstacles = checks.into_iter().filter(|(stands, _)| *stands).map(|(_, reason)| reason).collect();
        let (options, definition): (Option<Vec<String>>, String) = (row.try_get(7)?, row.try_get(8)?);
        let options = options.map(|options| format!(" WITH ({})", options.join(", "))).unwrap_or_default();
        let create = format!("CREATE VIEW {name}{options} AS {definition}");
        Ok(Self { oid: row.try_get(0)?, owner: row.try_get(9)?, name, obstacles, create })
    }
}

/// Views that were dropped, in a transaction that is not over.
pub(super) struct Dropped(Vec<(View, Vec<String>)>);

/// Drops the views over the columns of a table. Comes before the table is locked, since queries lock a view first.
pub(super) async fn drop_over(client: &Client, plan: &TablePlan) -> Result<Dropped, EnableError> {
    let columns: Vec<String> = plan.columns.iter().map(|column| column.name.clone()).collect();
    let mut dropped = Vec::new();
    for view in View::read(client, plan.oid, &columns).await? {
        if let Some(obstacle) = view.obstacles.first() {
            let fix = "then run the same command again".to_owned();
            return Err(EnableError::State { what: obstacle.clone(), fix });
        }
        let failed = EnableError::while_("drop a view");
        let mut had = Vec::new();
        for query in [RIGHTS, COMMENTS] {
            for row in client.query(query, &[&view.oid, &view.name]).await.map_err(&failed)? {
                had.push(row.try_get(0).map_err(&failed)?);
            }
        }
        client.batch_execute(&format!("DROP VIEW {}", view.name)).await.map_err(&failed)?;
        dropped.push((view, had));
    }
    Ok(Dropped(dropped))
}

impl Dropped {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes them again, innermost first.
    pub(super) async fn make_again(self, client: &Client) -> Result<(), EnableError> {
        if self.is_empty() {
            return Ok(());
        }
        let failed = EnableError::while_("make a view again");
        // What a view compares may be of a class now, whose operators are not among the system's.
        client.batch_execute(WITH_OPERATORS).await.map_err(&failed)?;
        for (view, had) in self.0.iter().rev() {
            client.batch_execute(&view.create).await.map_err(|error| not_made(view, error))?;
            let (name, owner) = (&view.name, &view.owner);
            client.batch_execute(&format!("ALTER VIEW {name} OWNER TO {owner}")).await.map_err(&failed)?;
            // New ones may be given rights by default.
            for row in client.query(HOLDERS, &[&view.name]).await.map_err(&failed)? {
                let holder: String = row.try_get(0).map_err(&failed)?;
                client.batch_execute(&format!("REVOKE ALL ON TABLE {name} FROM {holder}")).await.map_err(&failed)?;
            }
            for statement in had {
                client.batch_execute(statement).await.map_err(&failed)?;
            }
        }
        self.judge(client).await?;
        self.plan(client).await?;
        client.batch_execute("SET LOCAL search_path = pg_catalog, pg_temp").await.map_err(&failed)
    }

    /// PostgreSQL takes some views over cells that show what nobody wants to see: the text of a cell.
    async fn judge(&self, client: &Client) -> Result<(), EnableError> {
        let failed = EnableError::while_("look at a view");
        let cells = numbers(client, CELLS).await?;
        let rows = row_types(client, &cells).await.map_err(&failed)?;
        let telltale = Telltale {
            types: words(cells.iter().chain(&rows)),
            // Rows of subqueries may hold cells, too.
            rows: words(rows.iter().chain([&RECORD])),
            functions: words(&numbers(client, FUNCTIONS).await?),
        };
        let mut found = Vec::new();
        for (view, _) in &self.0 {
            let row = client.query_one(TREE, &[&view.name]).await.map_err(&failed)?;
            let tree: String = row.try_get(0).map_err(&failed)?;
            if telltale.shows_in(&tree) {
                found.push(view.name.as_str());
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        Err(impossible(&found.join(", "), "text would be made of cells, cells of text, or whole rows be shown"))
    }

    /// A view that can be made need not be one that can be read: cells have no order.
    async fn plan(&self, client: &Client) -> Result<(), EnableError> {
        let failed = EnableError::while_("look at a view");
        for (view, _) in &self.0 {
            client.batch_execute("SAVEPOINT strongroom_view").await.map_err(&failed)?;
            match client.batch_execute(&format!("EXPLAIN SELECT * FROM {}", view.name)).await {
                // Whoever may not read it does not find out.
                Err(error) if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                    return Err(not_made(view, error));
                }
                Ok(()) | Err(_) => {}
            }
            client.batch_execute("ROLLBACK TO SAVEPOINT strongroom_view").await.map_err(&failed)?;
        }
        Ok(())
    }
}

/// Views that do what cannot be done with cells.
fn impossible(views: &str, why: &str) -> EnableError {
    EnableError::State {
        what: format!("the view {views} cannot be made over the columns as they will be: {why}"),
        fix: "change or drop the view, then run the same command again: nothing was swapped".to_owned(),
    }
}

/// Numbers of types or functions.
async fn numbers(client: &Client, query: &str) -> Result<Vec<u32>, EnableError> {
    let failed = EnableError::while_("read the types of cells");
    let rows = client.query(query, &[]).await.map_err(&failed)?;
    rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(failed)
}

/// The same as trees have them.
fn words<'n>(numbers: impl IntoIterator<Item = &'n u32>) -> HashSet<String> {
    numbers.into_iter().map(u32::to_string).collect()
}

fn not_made(view: &View, error: tokio_postgres::Error) -> EnableError {
    match error.as_db_error() {
        // Types and operators that are not there, and what takes an order.
        Some(answer) if ["42", "0A"].iter().any(|class| answer.code().code().starts_with(class)) => {
            impossible(&view.name, &format!("{} ({})", answer.message(), answer.code().code()))
        }
        _ => EnableError::while_("make a view again")(error),
    }
}

const VIEWS: &str = "
WITH RECURSIVE reached (oid, depth) AS (
    SELECT w.ev_class, 1
      FROM pg_depend d
      JOIN pg_rewrite w ON w.oid = d.objid
      JOIN pg_class c ON c.oid = d.refobjid
      LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
     WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
       AND d.refobjid = $1 AND w.ev_class <> $1
       AND (a.attname = ANY ($2)
            OR w.ev_action::text LIKE '%:varattno 0 :vartype ' || c.reltype || ' %')
     UNION
    SELECT w.ev_class, r.depth + 1
      FROM reached r
      JOIN pg_depend d ON d.refobjid = r.oid
      JOIN pg_rewrite w ON w.oid = d.objid
     WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND w.ev_class <> r.oid
       AND r.depth < 100)
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, pg_has_role(c.relowner, 'USAGE'),
       EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'),
       EXISTS (SELECT FROM pg_seclabel l WHERE l.classoid = 'pg_class'::regclass AND l.objoid = c.oid),
       c.reloptions, coalesce(pg_get_viewdef(c.oid), ''), quote_ident(pg_get_userbyid(c.relowner)), n.nspname LIKE 'pg\\_temp\\_%'
  FROM (SELECT oid, max(depth) AS depth FROM reached GROUP BY oid) r
  JOIN pg_class c ON c.oid = r.oid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY r.depth DESC, c.oid";

const TREE: &str =
    "SELECT w.ev_action::text FROM pg_rewrite w WHERE w.ev_class = $1::text::regclass AND w.rulename = '_RETURN'";

/// Types of cells, and arrays of them.
const CELLS: &str = "
SELECT unnest(ARRAY[t.oid, t.typarray])
  FROM pg_type t WHERE t.typnamespace = 'strongroom'::regnamespace AND t.typtype IN ('b', 'd') AND t.typelem = 0";

/// `record`.
const RECORD: u32 = 2249;

/// From a type that stands for any to text, bytes or a document.
const FUNCTIONS: &str = "
SELECT p.oid
  FROM pg_proc p
 WHERE p.prorettype = ANY ('{text,varchar,bpchar,name,bytea,json,jsonb,xml,text[]}'::regtype[]::oid[])
   AND EXISTS (SELECT FROM pg_type t WHERE t.oid = ANY (p.proargtypes) AND t.typtype = 'p')";

/// What depends on a view, or on the type of its rows, and is no view: triggers, defaults, rules, functions, policies.
const OTHERS: &str = "
SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
  FROM pg_depend d
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
 WHERE d.deptype IN ('n', 'a')
   AND (w.oid IS NULL OR w.ev_class = $1 AND w.rulename <> '_RETURN')
   AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = $1
        OR d.refclassid = 'pg_type'::regclass
           AND d.refobjid IN (SELECT unnest(ARRAY[t.oid, t.typarray]) FROM pg_type t WHERE t.typrelid = $1))
 ORDER BY 1";

const RIGHTS: &str = "
SELECT concat('GRANT ', g.privilege_type, g.columns, ' ON TABLE ', $2::text, ' TO ',
              CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
              CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END)
  FROM (SELECT x.*, '' AS columns
          FROM pg_class c CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) x WHERE c.oid = $1
         UNION ALL
        SELECT x.*, ' (' || quote_ident(a.attname) || ')'
          FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) x WHERE a.attrelid = $1) g";

const COMMENTS: &str = "
SELECT concat('COMMENT ON ', CASE WHEN a.attname IS NULL THEN 'VIEW ' || $2::text ELSE 'COLUMN ' || $2::text || '.' || quote_ident(a.attname) END,
              ' IS ', quote_literal(d.description))
  FROM pg_description d
  LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
 WHERE d.classoid = 'pg_class'::regclass AND d.objoid = $1";

const HOLDERS: &str = "
SELECT DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END
  FROM pg_class c CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) g
 WHERE c.oid = $1::text::regclass";

const WITH_OPERATORS: &str = "
SELECT set_config('search_path', 'pg_catalog, ' || quote_ident(operators) || ', pg_temp', true) FROM strongroom.database";
