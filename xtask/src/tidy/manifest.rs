//! The edges between crates, and which outside crates each may use.

use toml::{Table, Value};

use super::Finding;
use crate::data::{CRATES, CrateRule, PEERS, RESERVED, TEST_EDGES};

const PREFIX: &str = "strongroom-";

/// Tests may use it; nothing that is shipped may.
const TESTKIT: &str = "testkit";

pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::new(path, 0, format!("does not parse: {error}"))],
    };
    // No part of the product, and none of its crates can name it.
    if PEERS.iter().any(|peer| peer.manifest == path) {
        return Vec::new();
    }
    let Some(name) = crate_name(path) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let mut find = |message: String| findings.push(Finding::new(path, 0, message));
    let Some(rule) = CRATES.iter().find(|rule| rule.name == name) else {
        find(format!("the crate `{name}` is not in the table of xtask/src/data.rs"));
        return findings;
    };
    if manifest.get("lints").and_then(|lints| lints.get("workspace")) != Some(&Value::Boolean(true)) {
        find("`[lints] workspace = true` is missing".into());
    }
    for (section, outside) in dependencies(&manifest) {
        let test_only = section == "dev-dependencies";
        match outside.strip_prefix(PREFIX) {
            Some(ours) if is_allowed(rule, ours, test_only) => {}
            Some(ours) => find(format!("`{name}` may not use `{ours}` ({section})")),
            None => {
                let reserved = RESERVED.iter().find(|reserved| reserved.outside == outside);
                if let Some(reserved) =
                    reserved.filter(|reserved| !reserved.ours.contains(&name.as_str()) && !test_only)
                {
                    find(format!("`{name}` may not use `{outside}`: {}", reserved.because));
                }
            }
        }
    }
    findings
}

fn is_allowed(rule: &CrateRule, ours: &str, test_only: bool) -> bool {
    let listed = || TEST_EDGES.iter().any(|(from, to, _)| (*from, *to) == (rule.name, ours));
    rule.may_use.contains(&ours) || (test_only && (ours == TESTKIT || ours == rule.name || listed()))
}

/// As the table has it: a package without its prefix.
fn crate_name(path: &str) -> Option<String> {
    let directory = path.strip_suffix("/Cargo.toml")?;
    let example = || directory.strip_prefix("examples/").map(|name| format!("example-{name}"));
    directory.strip_prefix("crates/").map(str::to_owned).or_else(example)
}

/// Section and package of every dependency, those for one platform included; a renamed one by its real name.
fn dependencies(manifest: &Table) -> Vec<(&'static str, String)> {
    let mut places = vec![manifest];
    if let Some(Value::Table(platforms)) = manifest.get("target") {
        places.extend(platforms.values().filter_map(Value::as_table));
    }
    let mut found = Vec::new();
    for place in places {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(Value::Table(table)) = place.get(section) else {
                continue;
            };
            for (key, value) in table {
                let renamed = value.get("package").and_then(Value::as_str);
                found.push((section, renamed.unwrap_or(key).to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(name: &str, rest: &str) -> Vec<String> {
        let text = format!("[package]\nname = \"x\"\n[lints]\nworkspace = true\n{rest}");
        let findings = check(&format!("crates/{name}/Cargo.toml"), &text);
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn an_edge_outside_the_table_is_found() {
        let bad = "[dependencies]\nstrongroom-store.workspace = true\n";
        assert!(messages("engine", bad)[0].contains("may not use `store`"));
        let good = "[dependencies]\nstrongroom-envelope.workspace = true\n";
        assert_eq!(messages("engine", good), [""; 0]);
    }

    #[test]
    fn an_edge_cannot_hide_behind_a_platform_or_another_name() {
        let platform = "[target.'cfg(unix)'.dependencies]\nstrongroom-store.workspace = true\n";
        assert_eq!(messages("engine", platform).len(), 1);
        let renamed = "[dependencies]\nx = { package = \"strongroom-store\", path = \"../store\" }\n";
        assert_eq!(messages("engine", renamed).len(), 1);
    }

    #[test]
    fn the_test_kit_is_for_tests() {
        let section = |name: &str| format!("[{name}]\nstrongroom-testkit.workspace = true\n");
        assert_eq!(messages("engine", &section("dependencies")).len(), 1);
        assert_eq!(messages("engine", &section("dev-dependencies")), [""; 0]);
    }

    #[test]
    fn an_edge_of_tests_is_no_edge_of_shipped_code() {
        let section = |name: &str| format!("[{name}]\nstrongroom-crypto.workspace = true\n");
        assert_eq!(messages("secret", &section("dev-dependencies")), [""; 0]);
        assert_eq!(messages("secret", &section("dependencies")).len(), 1);
        assert_eq!(messages("store", &section("dev-dependencies")).len(), 1);
    }

    #[test]
    fn a_reserved_crate_elsewhere_is_found() {
        let uses = "[dependencies]\naws-lc-rs.workspace = true\n";
        assert!(messages("server", uses)[0].contains("only `crypto` names an algorithm"));
        assert_eq!(messages("crypto", uses), [""; 0]);
    }

    #[test]
    fn an_example_uses_what_any_program_uses() {
        let section = |ours: &str| format!("[lints]\nworkspace = true\n[dependencies]\n{ours}.workspace = true\n");
        let found = |ours: &str| check("examples/provisioning/Cargo.toml", &section(ours)).len();
        assert_eq!((found("strongroom-client"), found("strongroom-engine"), found("clap")), (0, 1, 1));
        assert!(check("examples/other/Cargo.toml", &section("serde"))[0].message.contains("not in the table"));
    }

    #[test]
    fn an_unknown_crate_and_missing_lints_are_found() {
        assert!(messages("helpers", "")[0].contains("not in the table"));
        assert!(check("crates/store/Cargo.toml", "")[0].message.contains("lints"));
        assert_eq!(check("Cargo.toml", "[workspace]\n"), []);
    }
}
