//! Words that may not stand in the code, or only in one crate.

use super::{Finding, Source};

/// The one crate that may speak of unsafe code.
const UNSAFE_CRATE: &str = "secret";

/// Words in sequence, whether they are banned in tests only, and why.
const BANNED: &[(&[&str], Where, &str)] = &[
    (&["todo", "!"], Where::Everywhere, "unfinished code does not go in"),
    (&["unimplemented", "!"], Where::Everywhere, "unfinished code does not go in"),
    (&["dbg", "!"], Where::Everywhere, "it prints what it is given"),
    (&["#", "[", "ignore"], Where::Everywhere, "a test is run or it is not there; long ones are `cargo xtask torture`"),
    (&["set_var"], Where::Everywhere, "the environment is shared by all threads; set it on the child process"),
    (&["remove_var"], Where::Everywhere, "the environment is shared by all threads; clear it on the child process"),
    (&["thread", ":", ":", "sleep"], Where::Tests, "a test waits for the event, not for a time"),
    (&["time", ":", ":", "sleep"], Where::Tests, "a test waits for the event, not for a time"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Everywhere,
    Tests,
}

pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (words, place, because) in BANNED {
        let lines = source.occurrences(words);
        for line in lines.filter(|line| *place == Where::Everywhere || source.is_test(*line)) {
            let message = format!("`{}`: {because}", words.concat());
            findings.push(Finding::new(&source.path, line, message));
        }
    }
    if source.crate_name() != UNSAFE_CRATE {
        for word in ["unsafe", "unsafe_code"] {
            for line in source.occurrences(&[word]) {
                let message = format!("`{word}`: only the crate `{UNSAFE_CRATE}` has unsafe code");
                findings.push(Finding::new(&source.path, line, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Source::parse(path, text).unwrap()).len()
    }

    #[test]
    fn unfinished_code_is_found() {
        assert_eq!(found("src/a.rs", "fn a() { todo!() }"), 1);
        assert_eq!(found("src/a.rs", "fn a() { unimplemented!() }"), 1);
        assert_eq!(found("src/a.rs", "fn a() { dbg!(1); }"), 1);
        assert_eq!(found("src/a.rs", "fn todo() { a(todo) }"), 0);
    }

    #[test]
    fn ignored_tests_are_found() {
        assert_eq!(found("src/a.rs", "#[ignore]\nfn a() {}"), 1);
        assert_eq!(found("src/a.rs", "#[ignore = \"slow\"]\nfn a() {}"), 1);
        assert_eq!(found("src/a.rs", "fn ignore() {}"), 0);
    }

    #[test]
    fn changing_the_environment_is_found() {
        assert_eq!(found("src/a.rs", "fn a() { std::env::set_var(b, c) }"), 1);
        assert_eq!(found("src/a.rs", "fn a() { env::remove_var(b) }"), 1);
        assert_eq!(found("src/a.rs", "fn a() { std::env::var(b) }"), 0);
    }

    #[test]
    fn sleeping_in_a_test_is_found() {
        let text = "fn a() { std::thread::sleep(b) }";
        assert_eq!(found("crates/store/tests/it/a.rs", text), 1);
        assert_eq!(found("crates/store/tests/it/a.rs", "async fn a() { tokio::time::sleep(b).await }"), 1);
        assert_eq!(found("crates/store/src/a.rs", text), 0);
        assert_eq!(found("crates/store/src/a.rs", &format!("#[cfg(test)] mod tests {{ {text} }}")), 1);
    }

    #[test]
    fn unsafe_code_outside_its_crate_is_found() {
        let text = "fn a() { unsafe { b() } }";
        assert_eq!(found("crates/store/src/a.rs", text), 1);
        assert_eq!(found("crates/secret/src/a.rs", text), 0);
        assert_eq!(found("crates/store/src/a.rs", "#![allow(unsafe_code)]"), 1);
        assert_eq!(found("crates/store/src/a.rs", "macro_rules! m { () => { unsafe { b() } } }"), 1);
    }
}
