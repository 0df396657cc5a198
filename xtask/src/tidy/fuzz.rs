//! The fuzz targets: each file is built, and each that is built is there.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::Finding;

const MANIFEST: &str = "fuzz/Cargo.toml";
const TARGETS: &str = "fuzz/fuzz_targets/";

/// Compares the manifest with the files; where there is no manifest there may be no target either.
pub fn check(files: &[(String, String)]) -> Vec<Finding> {
    let text = files.iter().find(|(path, _)| path == MANIFEST);
    let manifest: Table = match text.map_or("", |(_, text)| text).parse() {
        Ok(manifest) => manifest,
        Err(error) => {
            return vec![Finding::new(MANIFEST, 0, format!("does not parse: {error}"))];
        }
    };
    let mut findings = Vec::new();
    if text.is_some() && !manifest.contains_key("workspace") {
        let message = "`[workspace]` is missing: the targets are no part of the product's build";
        findings.push(Finding::new(MANIFEST, 0, message));
    }
    let built = built(&manifest);
    let there: BTreeSet<String> = files
        .iter()
        .filter_map(|(path, _)| path.strip_prefix(TARGETS)?.strip_suffix(".rs"))
        .map(str::to_owned)
        .collect();
    for name in there.symmetric_difference(&built) {
        let message = if there.contains(name) {
            format!("the target `{name}` is not a `[[bin]]`")
        } else {
            format!("the target `{name}` has no file in {TARGETS}")
        };
        findings.push(Finding::new(MANIFEST, 0, message));
    }
    findings
}

fn built(manifest: &Table) -> BTreeSet<String> {
    let Some(Value::Array(programs)) = manifest.get("bin") else {
        return BTreeSet::new();
    };
    let name = |program: &Value| Some(program.get("name")?.as_str()?.to_owned());
    programs.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> usize {
        let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        check(&files.iter().map(own).collect::<Vec<_>>()).len()
    }

    #[test]
    fn a_target_without_a_file_or_a_file_without_a_target_is_found() {
        let manifest = (MANIFEST, "[workspace]\n[[bin]]\nname = \"record\"\n");
        let record = ("fuzz/fuzz_targets/record.rs", "");
        let value = ("fuzz/fuzz_targets/value.rs", "");
        assert_eq!(found(&[manifest, record]), 0);
        assert_eq!(found(&[manifest]), 1);
        assert_eq!(found(&[manifest, record, value]), 1);
        assert_eq!(found(&[value]), 1);
        assert_eq!(found(&[]), 0);
    }

    #[test]
    fn the_targets_are_a_workspace_of_their_own() {
        assert_eq!(found(&[(MANIFEST, "[package]\nname = \"fuzz\"\n")]), 1);
    }
}
