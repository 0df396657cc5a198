//! Tests of columns in PostgreSQL, against a real one.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod array_values;
mod catalogue;
mod copy_stream;
mod enable;
mod oracle;
mod proxy;
mod session;
mod sql_probe;
mod sql_scan;
mod sql_statement;
mod text_replay;
mod through;
