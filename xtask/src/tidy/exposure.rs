//! Counts the places where shipped code hands out the bytes of a secret, and compares with the checked list.

use std::collections::BTreeMap;

use super::{Finding, Source};

/// A method whose name starts so hands out bytes; the crate `secret` defines them and is not counted.
const EXIT: &str = "expose";

pub fn check(sources: &[Source], listed: &[(&str, usize)]) -> Vec<Finding> {
    let places = places(sources);
    let mut findings = Vec::new();
    for (name, found) in &places {
        let expected = listed.iter().find(|(listed, _)| listed == name).map_or(0, |(_, count)| *count);
        if found.len() != expected {
            let message = format!(
                "`{name}` exposes secrets in {} places, the list in xtask/src/data.rs says {expected}; they are:\n      {}",
                found.len(),
                found.join("\n      ")
            );
            findings.push(Finding::new(&format!("crates/{name}"), 0, message));
        }
    }
    for (name, expected) in listed {
        if !places.contains_key(name) {
            let message = format!("`{name}` exposes no secret, the list in xtask/src/data.rs says {expected}");
            findings.push(Finding::new(&format!("crates/{name}"), 0, message));
        }
    }
    findings
}

pub fn print(sources: &[Source]) {
    let places = places(sources);
    for place in places.values().flatten() {
        println!("{place}");
    }
    println!();
    for (name, found) in &places {
        println!("    ({name:?}, {}),", found.len());
    }
}

/// Crate → `path:line` of each place, tests left out.
fn places(sources: &[Source]) -> BTreeMap<&str, Vec<String>> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let shipped =
        |source: &&Source| source.path.starts_with("crates/") && !["secret", "testkit"].contains(&source.crate_name());
    for source in sources.iter().filter(shipped) {
        for window in source.tokens.windows(3) {
            let [before, name, _] = window else { continue };
            // `.expose()` and `RootKey::expose` alike, also when it is handed on as a function.
            let reached = before.text == "." || before.text == ":";
            if reached && name.text.starts_with(EXIT) && !source.is_test(name.line) {
                let place = format!("{}:{}", source.path, name.line);
                places.entry(source.crate_name()).or_default().push(place);
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Vec<Source> {
        vec![Source::parse("crates/crypto/src/a.rs", text).unwrap()]
    }

    #[test]
    fn a_place_that_is_not_listed_is_found() {
        let sources = source("fn a(k: RootKey) { b(k.expose()); assert!(c(k.expose_mut())); d(RootKey::expose); }");
        assert_eq!(check(&sources, &[("crypto", 3)]), []);
        assert_eq!(check(&sources, &[("crypto", 2)]).len(), 1);
        assert_eq!(check(&sources, &[]).len(), 1);
        assert_eq!(check(&sources, &[("crypto", 3), ("engine", 1)]).len(), 1);
    }

    #[test]
    fn tests_and_other_words_do_not_count() {
        let sources = source("fn expose() {}\n#[cfg(test)]\nmod tests { fn a() { b.expose() } }");
        assert_eq!(check(&sources, &[]), []);
    }
}
