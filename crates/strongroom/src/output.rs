//! The only place where the program writes to its standard streams.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{IsTerminal, Write};

use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;

/// Text for people, or JSON.
pub struct Output {
    json: bool,
}

impl Output {
    /// JSON or text.
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether JSON was asked for.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// One answer: as JSON, or as the lines that `text` makes.
    pub fn answer<T: Serialize>(&self, answer: &T, text: impl FnOnce() -> String) {
        if self.json {
            self.json_line(answer);
        } else {
            print(&text());
        }
    }

    /// One line of JSON.
    pub fn json_line<T: Serialize>(&self, answer: &T) {
        match serde_json::to_string(answer) {
            Ok(line) => print(&line),
            Err(error) => eprintln!("strongroom: the answer cannot be written as JSON: {error}"),
        }
    }

    /// Plain text, also when JSON was asked for.
    pub fn text(&self, text: &str) {
        print(text);
    }

    /// Exactly these bytes.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Ok(()) => {}
            // A reader that has gone away (`| head`) has what it wanted.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(Failure::local("writing to standard output", error, "check where it goes")),
        }
        if stdout.is_terminal() && !bytes.ends_with(b"\n") {
            eprintln!();
        }
        Ok(())
    }

    /// A remark on standard error.
    pub fn remark(&self, text: &str) {
        eprintln!("strongroom: {text}");
    }

    /// How far something is, over what was there before; `is_last` ends the line.
    pub fn progress(&self, text: &str, is_last: bool) {
        let mut stderr = std::io::stderr().lock();
        let end = if is_last { "\n" } else { "" };
        let _gone = write!(stderr, "\r{text}{end}").and_then(|()| stderr.flush());
    }

    /// A failure on standard error.
    pub fn failure(&self, failure: &Failure) {
        if self.json {
            let error = json!({
                "code": failure.word(),
                "message": failure.to_string(),
                "fix": failure.fix(),
                "request_id": failure.request_id(),
            });
            eprintln!("{}", json!({ "error": error }));
            return;
        }
        eprintln!("strongroom: {failure}");
        if !failure.fix().is_empty() {
            eprintln!("  to mend it: {}", failure.fix());
        }
        if let Some(request) = failure.request_id().filter(|request| !request.is_empty()) {
            eprintln!("  request: {request}");
        }
    }
}

/// A reader that has gone away (`| head`) is no error.
fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _gone = writeln!(stdout, "{text}");
}

/// Columns of text, each as wide as its widest cell.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(head.to_vec())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["long".to_owned(), "c".to_owned()]];
        assert_eq!(table(&["x", "y"], &rows), "x     y\na     b\nlong  c");
    }
}
