//! PostgreSQL's tokens, and what is said with them: enough to find names and literals, and never more than its scanner knows.
//!
//! There is no parser of SQL here. [`scan`] reads tokens as PostgreSQL's own scanner does, [`split`] finds where statements end,
//! [`gate`] tells whether a statement names anything that is encrypted, [`Statement`] says which kind it is, and [`Probe`] makes
//! of its literals parameters, so that PostgreSQL's own analyser says what each stands for.

mod conversion;
mod gate;
mod keyword;
mod literal;
mod positional;
mod probe;
mod scan;
mod splice;
mod statement;
mod token;

pub use conversion::{converted, making_rows};
pub use gate::{code_holds_values, gate, mentions};
pub use literal::{Literal, LiteralKind, LiteralRefusal, LiteralValue};
pub use positional::positional;
pub use probe::{Failure, Probe, Variant};
pub use scan::{ScanError, ScanProblem, scan, text};
pub use splice::splice;
pub use statement::{
    Argument, CopyEndpoint, CopyFlow, CopyFormat, CopyHeader, CopyOptions, CopyRefusal, CopySource, CopyStatement,
    Listed, Relation, Setting, Statement, Transaction, classify, split,
};
pub use token::{Kind, Span, StringForm, Token, span_of};
