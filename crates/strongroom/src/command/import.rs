//! `import`: secrets of another system, row by row out of a file.

mod rows;

use std::fs::File;
use std::path::Path;

use serde_json::json;
use strongroom_api::secret::{ImportRequest, ImportRow};
use strongroom_client::Client;

use self::rows::{Row, Rows};
use crate::cli::{Form, Import};
use crate::command::Here;
use crate::command::report::Report;
use crate::failure::Failure;
use crate::output::Output;

/// The most rows of a request.
const ROWS: usize = 29;
/// The most bytes of their values, unless there is one only.
const BYTES: usize = 768 << 10;
/// After so many rows it is said how far it is.
const TELL: u64 = 1000;

/// What became of the file, and where what was refused is said.
struct Progress<'a> {
    output: &'a Output,
    report: Option<Report>,
    created: u64,
    unchanged: u64,
    refused: u64,
}

/// Runs it.
pub fn run(here: &Here<'_>, import: &Import) -> Result<(), Failure> {
    let shown = import.file.display();
    let fix = "check its name and that you may read it";
    let file = File::open(&import.file).map_err(|error| Failure::local(format!("opening {shown}"), error, fix))?;
    let form = import.form.or_else(|| by_ending(&import.file)).ok_or_else(|| {
        Failure::usage(format!("the form of {shown} cannot be told by its ending"), "say --form csv or --form jsonl")
    })?;
    let rows = Rows::of(form, file)?;
    let report = import.report.as_deref().map(Report::create).transpose()?;
    here.call(|client, output| {
        let progress = Progress { output, report, created: 0, unchanged: 0, refused: 0 };
        take_over(client, progress, rows, import.clear)
    })
}

fn by_ending(file: &Path) -> Option<Form> {
    match file.extension()?.to_str()? {
        "csv" => Some(Form::Csv),
        "jsonl" | "ndjson" => Some(Form::Jsonl),
        _ => None,
    }
}

async fn take_over(client: Client, mut progress: Progress<'_>, rows: Rows, clear: bool) -> Result<(), Failure> {
    let mut waiting: Vec<(u64, ImportRow)> = Vec::with_capacity(ROWS);
    let mut bytes = 0;
    for (number, row) in (1..).zip(rows) {
        let Row { name, read } = row;
        let (row, length) = match read {
            Ok(read) => read,
            Err(why) => {
                progress.refuse(number, name.as_deref(), "unreadable", &why)?;
                continue;
            }
        };
        if !waiting.is_empty() && (waiting.len() == ROWS || bytes + length > BYTES) {
            progress.send(&client, std::mem::take(&mut waiting), clear).await?;
            bytes = 0;
        }
        bytes += length;
        waiting.push((number, row));
        if number % TELL == 0 {
            progress.tell(number);
        }
    }
    if !waiting.is_empty() {
        progress.send(&client, waiting, clear).await?;
    }
    progress.end(clear)
}

impl Progress<'_> {
    async fn send(&mut self, client: &Client, waiting: Vec<(u64, ImportRow)>, clear: bool) -> Result<(), Failure> {
        let known: Vec<(u64, String)> = waiting.iter().map(|(number, row)| (*number, row.name.clone())).collect();
        let rows = waiting.into_iter().map(|(_, row)| row).collect();
        let reply = client.call(&ImportRequest { rows, clear }).await?;
        for ((number, name), row) in known.iter().zip(&reply.rows) {
            match &row.error {
                None if row.created => self.created += 1,
                None => self.unchanged += 1,
                Some(error) => self.refuse(*number, Some(name), error.code.word(), &error.message)?,
            }
        }
        Ok(())
    }

    /// Says which row was refused, and why; never its value.
    fn refuse(&mut self, number: u64, name: Option<&str>, code: &str, why: &str) -> Result<(), Failure> {
        self.refused += 1;
        match &mut self.report {
            Some(report) => report.line(&json!({ "row": number, "name": name, "code": code, "message": why })),
            None => {
                let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
                self.output.remark(&format!("row {number}{name}: {why}"));
                Ok(())
            }
        }
    }

    fn tell(&self, number: u64) {
        if !self.output.is_json() && std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            self.output.progress(&format!("{number} rows"), false);
        }
    }

    fn end(self, clear: bool) -> Result<(), Failure> {
        let Self { output, report, created, unchanged, refused } = self;
        if let Some(report) = report {
            report.end()?;
        }
        output.answer(&json!({ "created": created, "unchanged": unchanged, "refused": refused }), || {
            format!("{created} created, {unchanged} there already, {refused} refused")
        });
        if clear && created > 0 && !output.is_json() {
            let how = "what was imported in clear is sealed by `strongroom convert --with root`, or another protector";
            output.remark(how);
        }
        if refused == 0 { Ok(()) } else { Err(Failure::Findings(format!("{refused} rows were refused"))) }
    }
}
