//! Links between the pages of the project lead somewhere.

use std::path::{Component, Path, PathBuf};

use super::Finding;

/// Checks the links of one page; `exists` tells whether a path from the root is there.
pub fn check(path: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let directory = Path::new(path).parent().unwrap_or(Path::new(""));
    for (number, line) in text.lines().enumerate() {
        for target in targets(line) {
            let file = target.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || target.starts_with("mailto:");
            if !outside && !file.is_empty() && !exists(&normal(&directory.join(file))) {
                let message = format!("the link leads nowhere: {target}");
                findings.push(Finding::new(path, number + 1, message));
            }
        }
    }
    findings
}

/// What stands between `](` and `)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn normal(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                result.pop();
            }
            Component::CurDir => {}
            other => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        let there = [Path::new("docs/spec/record.md"), Path::new("README.md")];
        check("docs/guide/a.md", text, |path| there.contains(&path)).len()
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        assert_eq!(found("see [a](record.md)"), 1);
        assert_eq!(found("[a](../../README.md) and [b](../spec/gone.md#x)"), 1);
    }

    #[test]
    fn links_inside_and_outside_are_fine() {
        assert_eq!(found("[a](../spec/record.md#body), [b](#here), [c](https://c2sp.org/x)"), 0);
    }
}
