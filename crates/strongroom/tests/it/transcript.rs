//! The files in tests/cmd are transcripts: every command that stands in them is typed, and says what stands there.
//!
//! `$ ` begins a shell command; the lines up to the next are its output, standard error included; `? N` is its exit code when it
//! is not 0; empty lines are left out. `%start`, `%stop`, `%kill` act on the server. Ids, times, digests and folders are shown as `[ID]`, `[TIME]`, `[HEX]`,
//! `[FOLDER]`; `[..]` stands for anything within a line. With STRONGROOM_BLESS set the files are written anew.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::deployment::Deployment;

fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd").join(name);
    let expected = std::fs::read_to_string(&path).unwrap();
    let mut deployment = Deployment::new();
    let said = replay(&expected, &mut deployment);
    if std::env::var_os("STRONGROOM_BLESS").is_some() {
        std::fs::write(&path, said).unwrap();
        return;
    }
    compare(&path, &expected, &said);
}

/// Runs the commands of a transcript and writes down what they say.
fn replay(transcript: &str, deployment: &mut Deployment) -> String {
    let mut said = String::new();
    for line in transcript.lines() {
        if line.starts_with('#') {
            writeln!(said, "{line}").unwrap();
        } else if let Some(action) = line.strip_prefix('%') {
            writeln!(said, "{line}").unwrap();
            match action {
                "start" => drop(deployment.start()),
                "stop" => assert_eq!(deployment.stop(), Some(0)),
                "kill" => deployment.kill(),
                other => panic!("unknown action {other}"),
            }
        } else if let Some(command) = line.strip_prefix("$ ") {
            writeln!(said, "{line}").unwrap();
            said.push_str(&run(command, deployment));
        }
    }
    said
}

fn run(command: &str, deployment: &Deployment) -> String {
    let output = deployment
        .command("/bin/sh")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = masked(&String::from_utf8_lossy(&output.stdout), deployment);
    let mut said: String = said.lines().filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
    let code = output.status.code().unwrap();
    if code != 0 {
        writeln!(said, "? {code}").unwrap();
    }
    said
}

/// Hides what differs from run to run.
fn masked(text: &str, deployment: &Deployment) -> String {
    let text = surroundings(text.replace(&deployment.folder.path().display().to_string(), "[FOLDER]"));
    let mut masked = String::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let masks = [mask_id(rest), mask_time(rest), mask_hex(rest), mask_number(rest)];
        let taken = masks.into_iter().flatten().next();
        let (shown, length) = taken.unwrap_or_else(|| {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            (&rest[..length], length)
        });
        masked.push_str(shown);
        rest = &rest[length..];
    }
    masked
}

/// Hides who and where we are.
fn surroundings(text: String) -> String {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&uid.as_str()));
    let user = entry.map_or_else(|| uid.clone(), |fields| fields[0].to_owned());
    let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
    [("uid", &uid, "[UID]"), ("user", &user, "[USER]"), ("host", &node, "[HOST]"), ("node", &node, "[HOST]")]
        .into_iter()
        .fold(text.replace(&format!("uid:{uid}\""), "uid:[UID]\""), |text, (key, value, shown)| {
            text.replace(&format!("{key}={value}"), &format!("{key}={shown}"))
                .replace(&format!("\"{key}\":\"{value}\""), &format!("\"{key}\":\"{shown}\""))
        })
        // In a column, whose heading is as wide as nine characters.
        .replace(&format!("{:<9} ", format!("uid:{uid}")), "uid:[UID] ")
}

/// Ports, processes, durations and line numbers differ from run to run.
fn mask_number(text: &str) -> Option<(&'static str, usize)> {
    let marks = [
        ("127.0.0.1:", "127.0.0.1:[PORT]"),
        ("(process ", "(process [N]"),
        ("verified in ", "verified in [N]"),
        ("\"seq\":", "\"seq\":[N]"),
    ];
    marks.into_iter().find_map(|(mark, shown)| {
        let digits = text.strip_prefix(mark)?.bytes().take_while(u8::is_ascii_digit).count();
        (digits > 0).then_some((shown, mark.len() + digits))
    })
}

fn mask_id(text: &str) -> Option<(&'static str, usize)> {
    let candidate = text.get(..36)?.as_bytes();
    let fits = candidate.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    fits.then_some(("[ID]", 36))
}

fn mask_time(text: &str) -> Option<(&'static str, usize)> {
    let candidate = text.get(..24)?.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd.dddZ";
    let fits = candidate.iter().zip(shape).all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    });
    fits.then_some(("[TIME]", 24))
}

/// Sixteen or more hexadecimal digits.
fn mask_hex(text: &str) -> Option<(&'static str, usize)> {
    let length = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    (length >= 16).then_some(("[HEX]", length))
}

fn compare(path: &Path, expected: &str, said: &str) {
    let mut expected_lines = expected.lines();
    for (number, line) in said.lines().enumerate() {
        let wanted = expected_lines.next().unwrap_or("(nothing more)");
        assert!(
            fits(wanted, line),
            "{}:{}\nexpected: {wanted}\nsaid:     {line}\n\nwhole:\n{said}",
            path.display(),
            number + 1
        );
    }
    assert_eq!(expected_lines.next(), None, "{}: more was expected\n{said}", path.display());
}

/// Whether a line is as expected; `[..]` stands for anything.
fn fits(wanted: &str, line: &str) -> bool {
    let mut parts = wanted.split("[..]");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[test]
fn files() {
    check("files.txt");
}

#[test]
fn settings() {
    check("settings.txt");
}

#[test]
fn credentials() {
    check("credentials.txt");
}

#[test]
fn secrets() {
    check("secrets.txt");
}

#[test]
fn archive() {
    check("archive.txt");
}

#[test]
fn transactions() {
    check("transactions.txt");
}

#[test]
fn keys() {
    check("keys.txt");
}

#[test]
fn key_limit() {
    check("key_limit.txt");
}

#[test]
fn key_password() {
    check("key_password.txt");
}

#[test]
fn import() {
    check("import.txt");
}

#[test]
fn brought() {
    check_with_openssl("brought");
}

#[test]
fn client_certificate() {
    check_with_openssl("client_certificate");
}

#[test]
fn column_cell() {
    check_with_openssl("column_cell");
}

#[test]
fn column_keys() {
    check_with_openssl("column_keys");
}

fn check_with_openssl(name: &str) {
    if !std::process::Command::new("openssl").arg("version").output().is_ok_and(|run| run.status.success()) {
        println!("not run: {name}: the program openssl is missing");
        return;
    }
    check(&format!("{name}.txt"));
}

#[test]
fn protectors() {
    check("protectors.txt");
}

#[test]
fn anchor() {
    check("anchor.txt");
}

#[test]
fn remote() {
    check("remote.txt");
}

#[test]
fn usage() {
    check("usage.txt");
}

#[test]
fn trail() {
    check("trail.txt");
}

#[test]
fn wildcards_stand_for_anything_within_a_line() {
    assert!(fits("a[..]c", "abbc") && fits("[..]", "") && fits("a[..]", "a"));
    assert!(!fits("a[..]c", "ab") && !fits("ab", "abc") && !fits("a[..]a", "a"));
}
