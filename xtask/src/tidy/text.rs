//! Nothing in the tree names the machine it was written on, or another source of crates than the public one.

use super::Finding;

const PUBLIC_REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Ends of host names that mean something inside one network only.
const PRIVATE_HOSTS: &[&str] = &[".internal", ".local", ".lan", ".corp", ".intranet"];

/// What is peculiar to the machine that runs the check.
pub struct Machine {
    paths: Vec<String>,
}

impl Machine {
    pub fn this_one() -> Machine {
        let mut paths = vec![crate::workspace::root().display().to_string()];
        let home = std::env::var("HOME").unwrap_or_default();
        paths.extend([".cargo/", ".rustup/"].map(|tools| format!("{home}/{tools}")));
        // A checkout in `/` or `/src` would make a finding of every path.
        paths.retain(|path| path.matches('/').count() > 1);
        Machine { paths }
    }
}

pub fn check(path: &str, text: &str, machine: &Machine) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut find = |message: String| findings.push(Finding::new(path, number + 1, message));
        let mut paths = machine.paths.iter();
        if let Some(private) = paths.find(|private| line.contains(private.as_str())) {
            find(format!("`{private}` is a path of one machine"));
        }
        if let Some(host) = private_host(line) {
            find(format!("`{host}` is a host of one network"));
        }
        let from_elsewhere = line.starts_with("source = ") && !line.contains(PUBLIC_REGISTRY);
        if path.ends_with("Cargo.lock") && from_elsewhere {
            find("a crate comes from another place than the public registry".into());
        }
        let table = ["[source", "[registries", "[registry"].iter().any(|table| line.starts_with(table));
        if path.starts_with(".cargo/") && table {
            find("the tree does not choose where crates come from".into());
        }
    }
    findings
}

/// The host of a URL in the line, when its name ends as only private names do.
fn private_host(line: &str) -> Option<&str> {
    line.split("://").skip(1).find_map(|rest| {
        let end = rest.find(|sign: char| !(sign.is_ascii_alphanumeric() || "-.".contains(sign)));
        let host = &rest[..end.unwrap_or(rest.len())];
        PRIVATE_HOSTS.iter().any(|end| host.ends_with(end)).then_some(host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        let machine = Machine { paths: vec!["/srv/checkout".into()] };
        check(path, text, &machine).len()
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        assert_eq!(found("docs/a.md", "see /srv/checkout/docs"), 1);
        assert_eq!(found("docs/a.md", "see /var/lib/strongroom and ~/docs"), 0);
    }

    #[test]
    fn hosts_of_one_network_are_found() {
        // Put together here, so that this file is not a finding itself.
        let private = format!("https://crates.proxy{}/index", PRIVATE_HOSTS[0]);
        assert_eq!(found("docs/a.md", &private), 1);
        assert_eq!(found("docs/a.md", "https://c2sp.org/XAES-256-GCM and http://127.0.0.1:8700/"), 0);
    }

    #[test]
    fn crates_from_elsewhere_are_found() {
        assert_eq!(found("Cargo.lock", "source = \"git+https://example.org/a#1\""), 1);
        assert_eq!(found("Cargo.lock", &format!("source = \"{PUBLIC_REGISTRY}\"")), 0);
        assert_eq!(found(".cargo/config.toml", "[source.crates-io]"), 1);
        assert_eq!(found(".cargo/config.toml", "[alias]"), 0);
    }
}
