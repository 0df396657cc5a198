//! The rules of this project that no other tool checks.

mod debug;
mod exposure;
mod fuzz;
mod links;
mod manifest;
mod reach;
mod shape;
mod source;
mod text;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Failure;
use crate::workspace;
use source::Source;

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    /// From 1; 0 when the finding is about the whole file.
    pub line: usize,
    pub message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, message: message.into() }
    }
}

/// Checks the whole tree.
pub fn run() -> Result<(), Failure> {
    let files = read_tree(workspace::root())?;
    let mut findings = Vec::new();
    let mut sources = Vec::new();
    let machine = text::Machine::this_one();
    for (path, text) in &files {
        findings.extend(text::check(path, text, &machine));
        if path.ends_with("Cargo.toml") {
            findings.extend(manifest::check(path, text));
        }
        if path.ends_with(".md") {
            let exists = |path: &Path| workspace::root().join(path).exists();
            findings.extend(links::check(path, text, exists));
        }
        if path.ends_with(".rs") {
            match Source::parse(path, text) {
                Ok(source) => sources.push(source),
                Err(finding) => findings.push(finding),
            }
        }
    }
    for source in &sources {
        findings.extend(shape::check(source));
        findings.extend(tokens::check(source));
        findings.extend(debug::check(source));
        findings.extend(reach::check(source));
    }
    findings.extend(fuzz::check(&files));
    findings.extend(exposure::check(&sources, crate::data::EXPOSURES));
    if findings.is_empty() {
        println!("{} files, of them {} of Rust: tidy", files.len(), sources.len());
        return Ok(());
    }
    let line = |finding: &Finding| format!("{}:{}: {}", finding.path, finding.line, finding.message);
    Err(Failure::Findings {
        title: format!("{} findings:", findings.len()),
        lines: findings.iter().map(line).collect(),
    })
}

/// Prints where shipped code hands out the bytes of a secret, and the list that tidy compares with.
pub fn print_exposures() -> Result<(), Failure> {
    let files = read_tree(workspace::root())?;
    let sources: Vec<Source> = files
        .iter()
        .filter(|(path, _)| path.ends_with(".rs"))
        .filter_map(|(path, text)| Source::parse(path, text).ok())
        .collect();
    exposure::print(&sources);
    Ok(())
}

/// Every text file of the tree with its path from the root; build output, version control and binary files are left out.
fn read_tree(root: &Path) -> Result<Vec<(String, String)>, Failure> {
    let mut files = Vec::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        let failure = |source| Failure::File { path: directory.clone(), source };
        for entry in fs::read_dir(&directory).map_err(failure)? {
            let entry = entry.map_err(failure)?;
            let path = entry.path();
            let kind = entry.file_type().map_err(failure)?;
            if kind.is_dir() && !is_left_out(&path) {
                waiting.push(path);
            } else if kind.is_file() {
                files.extend(read_text(root, &path));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_left_out(directory: &Path) -> bool {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    ["target", ".git", "corpus", "found", "artifacts", "coverage", "__pycache__"].contains(&name)
}

/// A file that vanishes meanwhile, or is no text, has nothing to check.
fn read_text(root: &Path, path: &PathBuf) -> Option<(String, String)> {
    let text = fs::read_to_string(path).ok()?;
    let relative = path.strip_prefix(root).ok()?;
    Some((relative.to_str()?.to_owned(), text))
}
