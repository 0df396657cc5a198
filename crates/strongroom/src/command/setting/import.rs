//! `setting import`: settings of a file, row by row.

use std::path::Path;

use serde_json::json;
use strongroom_api::Code;
use strongroom_api::setting::registry_file;
use strongroom_api::setting::{ImportRequest, ImportRow};
use strongroom_client::Client;
use strongroom_secret::SecretBytes;

use super::toml_form;
use crate::cli::SettingsForm;
use crate::command::Here;
use crate::command::report::Report;
use crate::failure::Failure;
use crate::input;
use crate::output::Output;

/// The most rows of a request.
const ROWS: usize = 50;
/// The most bytes of their values, unless there is one only.
const BYTES: usize = 768 << 10;
/// What it means here that a name is taken.
const ANOTHER: &str = "a setting of this name is there with another class, type or value, or stands above in this file";

/// A row of a file, as far as it could be read.
pub struct Row {
    /// The line it begins in.
    pub line: usize,
    /// The line it ends in.
    pub last_line: usize,
    /// The setting's name.
    pub name: Option<String>,
    /// The row, or why not.
    pub read: Result<ImportRow, String>,
}

/// What became of the file, and where what was refused is said.
struct Progress<'a> {
    output: &'a Output,
    report: Option<Report>,
    created: u64,
    unchanged: u64,
    refused: u64,
}

/// Runs it.
pub fn run(here: &Here<'_>, path: &Path, form: Option<SettingsForm>, report: Option<&Path>) -> Result<(), Failure> {
    let shown = path.display();
    let form = form.or_else(|| by_ending(path)).ok_or_else(|| {
        Failure::usage(format!("the form of {shown} cannot be told by its ending"), "say --form toml or --form reg")
    })?;
    let file = input::file(path)?;
    let rows = match form {
        SettingsForm::Toml => toml_form::read(&file)?,
        SettingsForm::Reg => registry_rows(&file)?,
    };
    let report = report.map(Report::create).transpose()?;
    here.call(|client, output| {
        let progress = Progress { output, report, created: 0, unchanged: 0, refused: 0 };
        take_over(client, progress, rows)
    })
}

fn by_ending(file: &Path) -> Option<SettingsForm> {
    let ending = file.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "toml" => Some(SettingsForm::Toml),
        "reg" => Some(SettingsForm::Reg),
        _ => None,
    }
}

fn registry_rows(file: &SecretBytes) -> Result<Vec<Row>, Failure> {
    let rows = registry_file::read(file.expose()).map_err(|refusal| {
        let fix = "export it with the registry editor, or save it in one of these forms";
        Failure::usage(format!("the file is no export of the registry editor: {refusal}"), fix)
    })?;
    let row = |row: registry_file::Row| {
        let name = row.name.clone();
        let read = match (row.read, row.name) {
            (Ok(value), Some(name)) => Ok(ImportRow { name, value, class: None }),
            (Ok(_), None) => Err("it has no name".to_owned()),
            (Err(refusal), _) => Err(refusal.to_string()),
        };
        Row { line: row.line, last_line: row.last_line, name, read }
    };
    Ok(rows.into_iter().map(row).collect())
}

async fn take_over(client: Client, mut progress: Progress<'_>, rows: Vec<Row>) -> Result<(), Failure> {
    let mut waiting: Vec<(usize, ImportRow)> = Vec::with_capacity(ROWS);
    let mut bytes = 0;
    for Row { line, last_line, name, read } in rows {
        let row = match read {
            Ok(row) => row,
            Err(why) => {
                let why = if last_line > line { format!("{why} (up to line {last_line})") } else { why };
                progress.refuse(line, name.as_deref(), "unreadable", &why)?;
                continue;
            }
        };
        let length = row.value.encoded_length();
        if !waiting.is_empty() && (waiting.len() == ROWS || bytes + length > BYTES) {
            progress.send(&client, std::mem::take(&mut waiting)).await?;
            bytes = 0;
        }
        bytes += length;
        waiting.push((line, row));
    }
    if !waiting.is_empty() {
        progress.send(&client, waiting).await?;
    }
    progress.end()
}

impl Progress<'_> {
    async fn send(&mut self, client: &Client, waiting: Vec<(usize, ImportRow)>) -> Result<(), Failure> {
        let known: Vec<(usize, String)> = waiting.iter().map(|(line, row)| (*line, row.name.clone())).collect();
        let rows = waiting.into_iter().map(|(_, row)| row).collect();
        let reply = client.call(&ImportRequest { rows }).await?;
        for ((line, name), row) in known.iter().zip(&reply.rows) {
            match &row.error {
                None if row.created => self.created += 1,
                None => self.unchanged += 1,
                Some(error) => {
                    let why = if error.code == Code::NameTaken { ANOTHER } else { &error.message };
                    self.refuse(*line, Some(name), error.code.word(), why)?;
                }
            }
        }
        Ok(())
    }

    /// Says which row was refused, and why; never its value.
    fn refuse(&mut self, line: usize, name: Option<&str>, code: &str, why: &str) -> Result<(), Failure> {
        self.refused += 1;
        match &mut self.report {
            Some(report) => report.line(&json!({ "line": line, "name": name, "code": code, "message": why })),
            None => {
                let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
                self.output.remark(&format!("line {line}{name}: {why}"));
                Ok(())
            }
        }
    }

    fn end(self) -> Result<(), Failure> {
        let Self { output, report, created, unchanged, refused } = self;
        if let Some(report) = report {
            report.end()?;
        }
        output.answer(&json!({ "created": created, "unchanged": unchanged, "refused": refused }), || {
            format!("{created} created, {unchanged} there already, {refused} refused")
        });
        if refused == 0 { Ok(()) } else { Err(Failure::Findings(format!("{refused} rows were refused"))) }
    }
}
