//! What is looked at before anything is touched: whether each column can be done, and what has to be known.

mod dependants;
mod facts;
mod indexes;
mod leakage;
mod partitions;

use strongroom_column::manifest::ManifestColumn;
use strongroom_column::{Class, Manifest, PlainType};
use tokio_postgres::Client;

use self::facts::{ColumnFacts, TableFacts};
use super::error::EnableError;
use super::index::Index;
use super::machine::{Direction, Options};
use super::table::{ColumnPlan, TablePlan, comment_sql, is_as_text};
use super::target::Target;
use super::views::View;
use crate::catalogue::quote::qualified;

/// What was found.
#[derive(Debug, Default)]
pub struct Preflight {
    /// What will be done, table by table.
    pub tables: Vec<TablePlan>,
    /// What stands against it.
    pub refusals: Vec<Refusal>,
    /// What has to be known.
    pub remarks: Vec<String>,
    /// Columns that are as they shall be.
    pub already: Vec<String>,
    /// Columns that the manifest lists and that are not there any more: they are taken off it.
    pub gone: Vec<Target>,
    /// Columns that have the type of a class already, as after renaming: they are put on the manifest.
    pub found: Vec<(Target, Class)>,
}

/// A column that cannot be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `schema.table.column`.
    pub column: String,
    /// Why, and what to do.
    pub reason: String,
}

impl Preflight {
    pub(super) fn refused_columns(&self) -> usize {
        let mut columns: Vec<&str> = self.refusals.iter().map(|refusal| refusal.column.as_str()).collect();
        columns.sort_unstable();
        columns.dedup();
        columns.len()
    }

    fn refuse(&mut self, column: &str, reason: impl Into<String>) {
        self.refusals.push(Refusal { column: column.to_owned(), reason: reason.into() });
    }
}

/// Looks at all targets; changes nothing.
pub(super) async fn examine(
    client: &Client,
    manifest: Option<&Manifest>,
    targets: &[Target],
    options: &Options,
) -> Result<Preflight, EnableError> {
    let mut preflight = Preflight::default();
    let mut tables: Vec<(&str, &str)> = Vec::new();
    for target in targets {
        let table = (target.schema.as_str(), target.table.as_str());
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    for (schema, table) in tables {
        let of_table =
            targets.iter().filter(|target| (target.schema.as_str(), target.table.as_str()) == (schema, table));
        let of_table: Vec<&Target> = of_table.collect();
        let examination = Examination { client, manifest, options, preflight: &mut preflight };
        examination.table(schema, table, &of_table).await?;
    }
    Ok(preflight)
}

struct Examination<'a> {
    client: &'a Client,
    manifest: Option<&'a Manifest>,
    options: &'a Options,
    preflight: &'a mut Preflight,
}

impl Examination<'_> {
    async fn table(mut self, schema: &str, name: &str, targets: &[&Target]) -> Result<(), EnableError> {
        let facts = TableFacts::read(self.client, schema, name).await?;
        let Some(facts) = facts else {
            for target in targets {
                self.missing(target, "there is no such table");
            }
            return Ok(());
        };
        for reason in facts.reasons() {
            for target in targets {
                self.preflight.refuse(&target.place(), reason);
            }
        }
        let sql = qualified(schema, name);
        let mut columns = Vec::new();
        for target in targets {
            if let Some(column) = self.column(&facts, &sql, target).await? {
                columns.push(column);
            }
        }
        if columns.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let indexes = Index::read(self.client, facts.oid, &names).await?;
        indexes::judge(self.preflight, self.options.direction, &format!("{schema}.{name}"), &mut columns, &indexes);
        let indexes = indexes.into_iter().filter(|index| indexes::keeps(&columns, index)).collect();
        self.remark(&facts, &format!("{schema}.{name}"), &columns);
        let views = View::read(self.client, facts.oid, &names).await?;
        if !views.is_empty() {
            let list: Vec<String> = views.into_iter().map(|view| view.name).collect();
            let list = list.join(", ");
            let remark =
                format!("{schema}.{name}: the views over it ({list}) are made again at the swap, with all they have");
            self.preflight.remarks.push(remark);
        }
        let (schema, name) = (schema.to_owned(), name.to_owned());
        self.preflight.tables.push(TablePlan {
            schema,
            name,
            oid: facts.oid,
            partitioned: facts.is_partitioned(),
            columns,
            indexes,
            rows: facts.rows,
        });
        Ok(())
    }

    async fn column(
        &mut self,
        table: &TableFacts,
        sql: &str,
        target: &Target,
    ) -> Result<Option<ColumnPlan>, EnableError> {
        let place = target.place();
        let facts = ColumnFacts::read(self.client, table.oid, &target.column).await?;
        let Some(facts) = facts else {
            self.missing(target, "there is no such column");
            return Ok(None);
        };
        let listed = self.listed(target);
        if listed.is_none() && facts.is_encrypted && self.options.direction == Direction::Enable {
            self.encrypted_already(&facts, target).await?;
            return Ok(None);
        }
        let class = match (self.options.direction, listed) {
            (Direction::Enable, Some(listed)) => {
                match target.mode {
                    Some(mode) if mode != listed.class.mode => {
                        self.preflight.refuse(&place, "it is encrypted in the other mode; disable it first");
                    }
                    _ => self.preflight.already.push(place),
                }
                return Ok(None);
            }
            (Direction::Disable, None) => {
                self.preflight.already.push(place);
                return Ok(None);
            }
            (Direction::Disable, Some(listed)) => listed.class.clone(),
            (Direction::Enable, None) => match self.class(table, &facts, sql, target).await? {
                Some(class) => class,
                None => return Ok(None),
            },
        };
        self.obstacles(table, &facts, target).await?;
        let plain_sql = match self.options.direction {
            Direction::Enable => facts.type_sql.clone(),
            Direction::Disable => facts::declared_type(self.client, table.oid, &target.column, &class).await?,
        };
        let (grants, comments) = self.of_its_own(table, &facts, sql, target).await?;
        let column = ColumnPlan {
            name: target.column.clone(),
            as_text: is_as_text(&class.plain),
            class,
            plain_sql,
            not_null: facts.not_null,
            keyable: false,
            grants,
            comments,
            begun: false,
        };
        self.begun(table, column, &place).await
    }

    /// What depends on a column and is in the way.
    async fn obstacles(&mut self, table: &TableFacts, facts: &ColumnFacts, target: &Target) -> Result<(), EnableError> {
        let place = target.place();
        for reason in dependants::read(self.client, table.oid, facts.number).await? {
            self.preflight.refuse(&place, reason);
        }
        for view in View::read(self.client, table.oid, std::slice::from_ref(&target.column)).await? {
            for obstacle in view.obstacles {
                self.preflight.refuse(&place, obstacle);
            }
        }
        for reason in facts.reasons() {
            self.preflight.refuse(&place, reason);
        }
        Ok(())
    }

    /// Rights and comments of a column, its partitions' too, as templates. What stands against it there is told.
    async fn of_its_own(
        &mut self,
        table: &TableFacts,
        facts: &ColumnFacts,
        sql: &str,
        target: &Target,
    ) -> Result<(Vec<String>, Vec<String>), EnableError> {
        let mut grants = facts::grants(self.client, table.oid, facts.number, sql).await?;
        let mut comments: Vec<String> = facts.comment.iter().map(|comment| comment_sql(sql, comment)).collect();
        if table.is_partitioned() {
            let found = partitions::look(self.client, table.oid, &target.column, facts.not_null).await?;
            for reason in found.reasons {
                self.preflight.refuse(&target.place(), reason);
            }
            grants.extend(found.grants);
            comments.extend(found.comments);
        }
        Ok((grants, comments))
    }

    fn listed(&self, target: &Target) -> Option<&ManifestColumn> {
        self.manifest.and_then(|manifest| manifest.column(&target.schema, &target.table, &target.column))
    }

    /// Whoever drops a table on purpose has it taken off the manifest by disabling what is not there.
    fn missing(&mut self, target: &Target, reason: &str) {
        if self.options.direction == Direction::Disable && self.listed(target).is_some() {
            self.preflight.gone.push(target.clone());
        } else {
            self.preflight.refuse(&target.place(), reason);
        }
    }

    /// A column that was renamed, or is in a copy of a table, keeps its class.
    async fn encrypted_already(&mut self, facts: &ColumnFacts, target: &Target) -> Result<(), EnableError> {
        let class = facts::class(self.client, &facts.type_word).await?;
        let known = |class: &Class| self.manifest.is_some_and(|manifest| manifest.key(&class.key).is_some());
        match class.filter(|class| class.type_name() == facts.type_word && known(class)) {
            Some(class) if target.mode.is_none_or(|mode| mode == class.mode) => {
                self.preflight.found.push((target.clone(), class));
            }
            Some(_) => self.preflight.refuse(&target.place(), "it is encrypted in the other mode"),
            None => {
                self.preflight.refuse(&target.place(), "its type is one of a class that the manifest has no key of")
            }
        }
        Ok(())
    }

    /// The class a column gets; none when that was refused.
    async fn class(
        &mut self,
        table: &TableFacts,
        facts: &ColumnFacts,
        sql: &str,
        target: &Target,
    ) -> Result<Option<Class>, EnableError> {
        let place = target.place();
        let Some(mode) = target.mode else {
            self.preflight.refuse(&place, "say how: :deterministic can be searched for equality, :randomized cannot");
            return Ok(None);
        };
        let plain =
            match PlainType::from_postgres(&facts.type_word, facts.type_oid, facts.type_modifier, target.nvarchar) {
                Ok(plain) => plain,
                Err(unsupported) => {
                    self.preflight.refuse(&place, unsupported.to_string());
                    return Ok(None);
                }
            };
        if let Err(unsupported) = plain.allows(mode) {
            self.preflight.refuse(&place, unsupported.to_string());
            return Ok(None);
        }
        if mode == strongroom_column::cell::Mode::Deterministic {
            if !facts.collation_is_deterministic {
                self.preflight
                    .refuse(&place, "its collation holds different texts for equal; only :randomized is possible");
            }
            if !self.options.accept_frequency_leakage
                && let Some(reason) = leakage::found(self.client, sql, &target.column, &plain).await?
            {
                self.preflight.refuse(&place, reason);
            }
        }
        let key = self.options.key.clone().unwrap_or_else(|| self.free_key_name(table, target));
        Ok(Some(Class { key, mode, plain }))
    }

    /// A key of its own for each column, named after it.
    fn free_key_name(&self, table: &TableFacts, target: &Target) -> String {
        let parts = if target.schema == "public" { vec![] } else { vec![target.schema.as_str()] };
        let parts = [parts, vec![target.table.as_str(), target.column.as_str()]].concat();
        let name: String = parts.join("_").to_lowercase();
        let is_safe = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let name: String = name.chars().map(|letter| if is_safe(letter) { letter } else { '_' }).take(40).collect();
        let taken = |name: &str| {
            let in_manifest = self.manifest.is_some_and(|manifest| {
                manifest.columns.iter().any(|column| {
                    column.class.key == name && (&column.schema, &column.table) != (&target.schema, &target.table)
                })
            });
            in_manifest
                || self
                    .preflight
                    .tables
                    .iter()
                    .any(|plan| plan.oid != table.oid && plan.columns.iter().any(|column| column.class.key == name))
        };
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        std::iter::once(name.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(name)
    }

    /// Whether work on the column goes on; none if something else is in the way.
    async fn begun(
        &mut self,
        table: &TableFacts,
        mut column: ColumnPlan,
        place: &str,
    ) -> Result<Option<ColumnPlan>, EnableError> {
        let Some(beside) = ColumnFacts::read(self.client, table.oid, &column.fresh()).await? else {
            return Ok(Some(column));
        };
        let Some(job) = facts::job(self.client, table.oid, &column.name, self.options.direction).await? else {
            let reason = format!("a column {} is in the way", column.fresh());
            self.preflight.refuse(place, reason);
            return Ok(None);
        };
        // A key that was made for it is kept, whatever it is called.
        if self.options.direction == Direction::Enable
            && let Some(listed) = self.manifest.and_then(|manifest| {
                manifest
                    .columns
                    .iter()
                    .find(|listed| listed.column == column.fresh() && listed.class.type_name() == job)
            })
        {
            if listed.class.mode != column.class.mode {
                self.preflight.refuse(place, "it was begun in the other mode; finish that, or drop what was begun");
            }
            column.class = listed.class.clone();
        }
        if job != column.class.type_name() && beside.type_oid != 0 {
            let reason = "it was begun with another key or type; finish that with the same words as then";
            self.preflight.refuse(place, reason);
        }
        column.begun = true;
        Ok(Some(column))
    }

    fn remark(&mut self, facts: &TableFacts, table: &str, columns: &[ColumnPlan]) {
        self.preflight.remarks.extend(facts.remarks(table));
        for column in columns.iter().filter(|_| self.options.direction == Direction::Enable) {
            if facts.last_column.as_ref() != Some(&column.name) && !column.begun {
                let name = &column.name;
                let remark = format!(
                    "{table}: {name} becomes the last column; where that changes their order, SELECT * shows it, and the proxy refuses INSERT and COPY FROM that do not name columns"
                );
                self.preflight.remarks.push(remark);
            }
            if column.keyable {
                let name = &column.name;
                let remark = format!(
                    "{table}: ORDER BY {name} will be the order of cells, since its constraint asks for some order"
                );
                self.preflight.remarks.push(remark);
            }
        }
    }
}
