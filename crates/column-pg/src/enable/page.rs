//! Some rows at a time: read, converted, written back where nothing changed meanwhile.

use strongroom_column::{Format, PlainType, Style};
use strongroom_secret::wipe;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::error::EnableError;
use super::machine::{Direction, Work};
use super::part::Part;
use super::raw::{RawArray, RawValue, TEXT, TID, XID, tid_text};
use super::table::ColumnPlan;
use crate::catalogue::quote::identifier;

/// Rows to be written: where each lies, which version of it was read, and what is to stand in each column.
#[derive(Debug)]
pub(super) struct Page {
    tids: RawArray,
    versions: RawArray,
    columns: Vec<RawArray>,
}

impl Page {
    /// Bytes of converted values.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(RawArray::bytes).sum()
    }
}

/// What is read of a row: where it lies, its version, and each value that has to be converted, else null.
pub(super) fn selection<S>(work: &Work<'_, S>) -> String {
    let columns = work.plan.columns.iter().map(|column| {
        let fresh = identifier(&column.fresh());
        format!("CASE WHEN t.{fresh} IS NULL THEN {} END", source(column, work.options.direction))
    });
    format!("t.ctid, t.xmin, {}", columns.collect::<Vec<_>>().join(", "))
}

/// The value as it is converted from.
pub(super) fn source(column: &ColumnPlan, direction: Direction) -> String {
    let name = identifier(&column.name);
    match direction {
        Direction::Disable => format!("t.{name}::bytea"),
        Direction::Enable if column.as_text => format!("t.{name}::text"),
        Direction::Enable => format!("t.{name}"),
    }
}

/// Prepares the statement that writes a page. It finds rows by where they lie, and leaves those alone of which another version is
/// there by now: whoever changed the row has emptied the column beside, and it is read again. Nor does it wait for a row that
/// somebody holds: so no transaction of an application ever waits in a circle with it.
pub(super) async fn prepare_write<S>(work: &Work<'_, S>, part: &Part) -> Result<Statement, EnableError> {
    let (columns, table) = (&work.plan.columns, part.sql());
    let mut sets = Vec::new();
    let mut arrays = vec!["$1::tid[]".to_owned(), "$2::xid[]".to_owned()];
    let mut names = vec!["k".to_owned(), "x".to_owned()];
    for (number, column) in columns.iter().enumerate() {
        let fresh = identifier(&column.fresh());
        let (array, value) = match work.options.direction {
            Direction::Enable => (format!("{}[]", column.cell_sql()), format!("u.c{number}")),
            Direction::Disable => ("text[]".to_owned(), format!("u.c{number}::{}", column.plain_sql)),
        };
        arrays.push(format!("${}::{array}", number + 3));
        names.push(format!("c{number}"));
        sets.push(format!("{fresh} = coalesce({value}, t.{fresh})"));
    }
    let query = format!(
        "UPDATE {table} AS t SET {} FROM (SELECT u.* FROM unnest({}) AS u ({}) JOIN {table} AS l ON l.ctid = u.k AND l.xmin = u.x \
         FOR NO KEY UPDATE OF l SKIP LOCKED) AS u WHERE t.ctid = u.k",
        sets.join(", "),
        arrays.join(", "),
        names.join(", ")
    );
    work.writer.client.prepare(&query).await.map_err(EnableError::while_("prepare writing"))
}

/// Writes a page; how many rows were as they had been read.
pub(super) async fn write(client: &Client, statement: &Statement, page: &Page) -> Result<u64, EnableError> {
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&page.tids, &page.versions];
    parameters.extend(page.columns.iter().map(|column| -> &(dyn ToSql + Sync) { column }));
    match client.execute(statement, &parameters).await {
        // An index can still make two wait for each other, and a row may move to another partition in this moment; then these rows
        // come again later.
        Err(error) if error.code().is_some_and(|code| PASSING.contains(code)) => Ok(0),
        written => written.map_err(EnableError::while_("write rows")),
    }
}

const PASSING: [SqlState; 2] = [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE];

/// Converts rows; one buffer of clear text, wiped at the end.
pub(super) struct Converter<'a, S> {
    work: &'a Work<'a, S>,
    style: Style,
    normal: Vec<u8>,
    converted: Vec<u8>,
}

impl<'a, S> Converter<'a, S> {
    pub fn new(work: &'a Work<'a, S>) -> Self {
        Self { work, style: Style::default(), normal: Vec::new(), converted: Vec::new() }
    }

    /// Makes a page of rows that were read by [`selection`].
    pub fn page(&mut self, rows: &[Row]) -> Result<Page, EnableError> {
        let element = |number: usize| match self.work.options.direction {
            Direction::Enable => self.work.cell_oids.get(number).copied().unwrap_or_default(),
            Direction::Disable => TEXT,
        };
        let columns = (0..self.work.plan.columns.len()).map(|number| RawArray::new(element(number))).collect();
        let mut page = Page { tids: RawArray::new(TID), versions: RawArray::new(XID), columns };
        let failed = EnableError::while_("read rows");
        for row in rows {
            let tid: RawValue<'_> = row.try_get(0).map_err(&failed)?;
            let version: RawValue<'_> = row.try_get(1).map_err(&failed)?;
            for number in 0..page.columns.len() {
                let value: Option<RawValue<'_>> = row.try_get(number + 2).map_err(&failed)?;
                let converted = value.map(|value| self.convert(number, value.0, tid.0)).transpose()?;
                if let Some(array) = page.columns.get_mut(number) {
                    array.push(converted.is_some().then_some(self.converted.as_slice()));
                }
            }
            page.tids.push(Some(tid.0));
            page.versions.push(Some(version.0));
        }
        Ok(page)
    }

    /// Leaves the converted value in the buffer.
    fn convert(&mut self, number: usize, value: &[u8], tid: &[u8]) -> Result<(), EnableError> {
        let work = self.work;
        let (Some(column), Some(key)) = (work.plan.columns.get(number), work.keys.get(number)) else {
            return Err(self.cell(number, tid, "there is no key for it"));
        };
        self.converted.clear();
        match work.options.direction {
            Direction::Enable => {
                self.normal(number, value, tid)?;
                key.seal(column.class.mode, &self.normal, &mut self.converted);
                Ok(())
            }
            Direction::Disable => {
                self.open(number, value, tid)?;
                let plain = &column.class.plain;
                plain
                    .denormalise(&self.normal, Format::Text, &self.style, &mut self.converted)
                    .map_err(|source| EnableError::Value { column: self.place(number), row: tid_text(tid), source })
            }
        }
    }

    /// The normal form of a clear value, into the buffer.
    fn normal(&mut self, number: usize, value: &[u8], tid: &[u8]) -> Result<(), EnableError> {
        self.normal.clear();
        let work = self.work;
        let Some(column) = work.plan.columns.get(number) else { return Ok(()) };
        let format = if column.as_text { Format::Text } else { Format::Binary };
        let plain: &PlainType = &column.class.plain;
        let outcome = plain.normalise(value, format, 0, &self.style, &mut self.normal);
        outcome.map_err(|source| EnableError::Value { column: self.place(number), row: tid_text(tid), source })
    }

    /// What a cell holds, into the buffer.
    fn open(&mut self, number: usize, cell: &[u8], tid: &[u8]) -> Result<(), EnableError> {
        self.normal.clear();
        let opened = self.work.keys.get(number).is_some_and(|key| key.open(cell, &mut self.normal).is_ok());
        if opened { Ok(()) } else { Err(self.cell(number, tid, "the cell does not open with the column's key")) }
    }

    /// Makes sure that a clear value and a cell say the same.
    pub fn compare(&mut self, number: usize, clear: &[u8], cell: &[u8], tid: &[u8]) -> Result<(), EnableError> {
        self.normal(number, clear, tid)?;
        let mut expected = std::mem::take(&mut self.normal);
        let opened = self.open(number, cell, tid);
        let same = expected == self.normal;
        wipe(&mut expected);
        opened?;
        if same { Ok(()) } else { Err(self.cell(number, tid, "the cell holds another value than the clear column")) }
    }

    fn place(&self, number: usize) -> String {
        let plan = &self.work.plan;
        let column = plan.columns.get(number).map(|column| column.name.as_str()).unwrap_or_default();
        format!("{}.{}.{column}", plan.schema, plan.name)
    }

    fn cell(&self, number: usize, tid: &[u8], problem: &'static str) -> EnableError {
        EnableError::Cell { column: self.place(number), row: tid_text(tid), problem }
    }
}

impl<S> Drop for Converter<'_, S> {
    fn drop(&mut self) {
        wipe(&mut self.normal);
        wipe(&mut self.converted);
    }
}
