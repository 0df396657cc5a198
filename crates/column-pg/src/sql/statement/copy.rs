//! `COPY`: what is copied, which way, in which format.

mod options;

use super::Walk;
use crate::sql::token::{Kind, Span, Token, span_of};

/// What a `COPY` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyStatement<'t, 'a> {
    /// What is copied.
    pub source: CopySource<'t, 'a>,
    /// Which way.
    pub flow: CopyFlow,
    /// From or to what.
    pub endpoint: CopyEndpoint,
    /// How rows are written.
    pub options: CopyOptions,
    /// The condition after `WHERE` (`COPY … FROM` only), without that word.
    pub filter: Option<&'t [Token<'a>]>,
}

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopySource<'t, 'a> {
    /// A table or view.
    Table {
        /// Which.
        relation: Relation,
        /// Its columns; nothing: all.
        columns: Option<Vec<String>>,
    },
    /// The rows of a query, without the parentheses.
    Query(&'t [Token<'a>]),
}

/// The name of a table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its schema, when it is named.
    pub schema: Option<String>,
    /// Its own name.
    pub name: String,
}

/// Which way rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyFlow {
    /// Into the table.
    From,
    /// Out of the table or query.
    To,
}

/// From or to what rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyEndpoint {
    /// The client.
    Client,
    /// A file of the server.
    File,
    /// A program on the server.
    Program,
}

/// How rows are written. What the statement leaves out has PostgreSQL's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOptions {
    /// The format.
    pub format: CopyFormat,
    /// What stands between columns.
    pub delimiter: u8,
    /// What stands for NULL.
    pub null: String,
    /// What stands for the default of a column (`COPY … FROM`, PostgreSQL 16).
    pub default: Option<String>,
    /// Whether the first line holds the names of columns.
    pub header: CopyHeader,
    /// The quote of CSV.
    pub quote: u8,
    /// What makes a quote inside quotes one of the value, in CSV.
    pub escape: u8,
    /// Columns that are always quoted in CSV.
    pub force_quote: Listed,
    /// Columns whose values are never NULL in CSV.
    pub force_not_null: Listed,
    /// Columns where NULL may be quoted in CSV.
    pub force_null: Listed,
}

/// The format of a `COPY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyFormat {
    /// Lines with escapes.
    Text,
    /// Comma-separated values.
    Csv,
    /// PostgreSQL's binary format.
    Binary,
}

/// What is done with a first line of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyHeader {
    /// There is none.
    Absent,
    /// There is one; when read it is passed over.
    Present,
    /// There is one, and PostgreSQL compares it with the names of the columns.
    Match,
}

/// Columns that an option is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// None, the default.
    None,
    /// `*`.
    All,
    /// These.
    Columns(Vec<String>),
}

impl Listed {
    /// Whether the option is for this column.
    pub fn holds(&self, column: &str) -> bool {
        match self {
            Listed::None => false,
            Listed::All => true,
            Listed::Columns(columns) => columns.iter().any(|own| own == column),
        }
    }
}

/// Why a `COPY` was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyRefusal {
    /// It is not written as PostgreSQL writes it.
    #[error("this COPY could not be read; write it as COPY table (columns) FROM STDIN WITH (options)")]
    Form,
    /// An option that is not known here.
    #[error(
        "the option {name} of COPY is not known to column encryption; leave it out, or copy without column encryption"
    )]
    Option {
        /// Which.
        name: String,
    },
    /// An option stands twice.
    #[error("the option {name} of COPY stands twice")]
    Twice {
        /// Which.
        name: String,
    },
    /// An option has a value that it cannot have.
    #[error("the option {name} of COPY has a value that it cannot have")]
    Value {
        /// Which.
        name: String,
    },
    /// Another encoding than UTF-8.
    #[error("COPY of encrypted columns takes UTF-8 only; leave out the option ENCODING")]
    Encoding,
}

impl CopyRefusal {
    /// The code PostgreSQL would give such an error.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            CopyRefusal::Form | CopyRefusal::Twice { .. } => "42601",
            CopyRefusal::Option { .. } | CopyRefusal::Encoding => "0A000",
            CopyRefusal::Value { .. } => "22023",
        }
    }
}

/// After `COPY`.
pub(super) fn read<'t, 'a>(sql: &str, mut walk: Walk<'t, 'a>) -> Result<CopyStatement<'t, 'a>, CopyRefusal> {
    let mut read = options::Reader::new(sql);
    if !is_end_of_name(walk) && walk.is("binary") {
        read.flag("format", "binary")?;
    }
    let source = source(&mut walk)?;
    let flow = match walk.word() {
        Some("from") => CopyFlow::From,
        Some("to") => CopyFlow::To,
        _ => return Err(CopyRefusal::Form),
    };
    let endpoint = endpoint(&mut walk)?;
    // The oldest form: [USING] DELIMITERS 'x' before WITH.
    walk.is("using");
    if walk.is("delimiters") {
        read.value("delimiter", walk.next())?;
    }
    walk.is("with");
    read.all(&mut walk)?;
    let filter = (flow == CopyFlow::From && walk.is("where")).then(|| walk.until(|_| false));
    if !walk.is_done() {
        return Err(CopyRefusal::Form);
    }
    Ok(CopyStatement { source, flow, endpoint, options: read.finish(flow)?, filter })
}

/// Whether the first word is all of the table's name: `COPY binary FROM …`.
fn is_end_of_name(mut walk: Walk<'_, '_>) -> bool {
    walk.next();
    walk.mark(".") || walk.mark("(") || walk.one_of(&["from", "to"])
}

fn source<'t, 'a>(walk: &mut Walk<'t, 'a>) -> Result<CopySource<'t, 'a>, CopyRefusal> {
    if let Some(query) = walk.parenthesised() {
        return Ok(CopySource::Query(query));
    }
    let mut names = vec![walk.name().ok_or(CopyRefusal::Form)?.to_owned()];
    while walk.mark(".") {
        names.push(walk.name().ok_or(CopyRefusal::Form)?.to_owned());
    }
    let name = names.pop().ok_or(CopyRefusal::Form)?;
    let relation = Relation { schema: names.pop(), name };
    let columns = match walk.parenthesised() {
        Some(columns) => Some(names_of(columns)?),
        None => None,
    };
    Ok(CopySource::Table { relation, columns })
}

fn endpoint(walk: &mut Walk<'_, '_>) -> Result<CopyEndpoint, CopyRefusal> {
    if walk.one_of(&["stdin", "stdout"]) {
        return Ok(CopyEndpoint::Client);
    }
    let endpoint = if walk.is("program") { CopyEndpoint::Program } else { CopyEndpoint::File };
    match walk.next() {
        Some(Token { kind: Kind::String(_), .. }) => Ok(endpoint),
        _ => Err(CopyRefusal::Form),
    }
}

/// Names between commas.
fn names_of(tokens: &[Token<'_>]) -> Result<Vec<String>, CopyRefusal> {
    let parts = super::walk::at_commas(tokens);
    let name = |part: &[Token<'_>]| match part {
        [token] => token.name().map(str::to_owned),
        _ => None,
    };
    parts.into_iter().map(|part| name(part).ok_or(CopyRefusal::Form)).collect()
}

impl CopyStatement<'_, '_> {
    /// Where the query stands, if one is copied.
    pub fn query_span(&self) -> Option<Span> {
        match &self.source {
            CopySource::Query(tokens) => span_of(tokens),
            CopySource::Table { .. } => None,
        }
    }
}
