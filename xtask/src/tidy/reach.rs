//! What the shipped code of a crate may not name: files, network, clock, where its rules have to stay pure.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::{Finding, Source};
use crate::data::CRATES;

pub fn check(source: &Source) -> Vec<Finding> {
    let Some(rule) = CRATES.iter().find(|rule| rule.name == source.crate_name()) else {
        return Vec::new();
    };
    if !source.path.starts_with("crates/") {
        return Vec::new();
    }
    let mut paths = Paths::default();
    paths.visit_file(&source.syntax);
    let mut findings = Vec::new();
    for (path, line) in paths.found {
        if source.is_test(line) {
            continue;
        }
        if let Some(banned) = rule.never.iter().find(|banned| reaches(&path, banned)) {
            let message = format!("`{path}`: the crate `{}` never sees `{banned}`", rule.name);
            findings.push(Finding::new(&source.path, line, message));
        }
    }
    findings
}

/// `std::fs` covers itself and what lies below it.
fn reaches(path: &str, banned: &str) -> bool {
    path.strip_prefix(banned).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[derive(Default)]
struct Paths {
    found: Vec<(String, usize)>,
}

impl Paths {
    fn follow(&mut self, prefix: &str, tree: &syn::UseTree) {
        let join = |word: &syn::Ident| match prefix {
            "" => word.to_string(),
            prefix => format!("{prefix}::{word}"),
        };
        let mut keep = |word: &syn::Ident| self.found.push((join(word), word.span().start().line));
        match tree {
            syn::UseTree::Path(path) => self.follow(&join(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.found.push((prefix.to_owned(), name.span().start().line));
            }
            syn::UseTree::Name(name) => keep(&name.ident),
            syn::UseTree::Rename(rename) => keep(&rename.ident),
            syn::UseTree::Glob(glob) => self.found.push((prefix.to_owned(), glob.span().start().line)),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.follow(prefix, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.follow("", &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.found.push((words.join("::"), path.span().start().line));
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Source::parse(path, text).unwrap()).len()
    }

    #[test]
    fn a_pure_crate_that_reaches_out_is_found() {
        let engine = "crates/engine/src/a.rs";
        assert_eq!(found(engine, "use std::{fmt, fs::File};"), 1);
        assert_eq!(found(engine, "use std::fs::{self, File};"), 2);
        assert_eq!(found(engine, "use std::time::Instant as Moment;"), 1);
        assert_eq!(found(engine, "fn a() { std::time::SystemTime::now(); }"), 1);
        assert_eq!(found(engine, "use tokio::*;"), 1);
    }

    #[test]
    fn what_it_may_name_is_not() {
        let engine = "crates/engine/src/a.rs";
        assert_eq!(found(engine, "use std::{fmt, time::Duration, collections::BTreeMap};"), 0);
        assert_eq!(found(engine, "use crate::fs;"), 0);
        assert_eq!(found(engine, "#[cfg(test)] mod tests { use std::fs; }"), 0);
        assert_eq!(found("crates/keeper/src/a.rs", "use std::fs;"), 0);
    }
}
