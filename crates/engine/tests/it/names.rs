//! Names: what is authorised, executed and audited is one and the same text, or the request is refused.

use std::collections::BTreeSet;

use strongroom_engine::name::{Name, SEGMENT_BYTES, SEGMENTS, Selector, check_prefix};
use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::{Get, Put};
use strongroom_envelope::{Id, RecordKind};
use strongroom_secret::SecretBytes;

use crate::shell::Shell;

/// What attackers put between, before, behind and in the place of the parts of a name.
const PIECES: [&str; 66] = [
    "",
    "/",
    "//",
    ".",
    "..",
    "./",
    "../",
    "/.",
    "/..",
    "/./",
    "/../",
    "%2e",
    "%2E",
    "%2f",
    "%2F",
    "%00",
    "%252e",
    "%c0%ae",
    "\\",
    "\\..\\",
    "\0",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\u{a0}",
    "\u{200b}",
    "\u{200d}",
    "\u{feff}",
    "\u{2028}",
    "\u{202e}",
    "\u{7f}",
    "\u{1b}[31m",
    "\u{301}",
    "é",
    "e\u{301}",
    "ﬁ",
    "ａ",
    "а",
    "Ａ",
    "ı",
    "İ",
    "ß",
    "K",
    "．",
    "／",
    "∕",
    "․",
    "。",
    "*",
    "+",
    "?",
    "#",
    ";",
    ":",
    "~",
    "&",
    "=",
    "|",
    "\"",
    "'",
    "<",
    "{",
    "\u{10ffff}",
    "-",
    "_",
];

const NAMES: [&str; 10] =
    ["ftp/acme", "a", "db/prod/main", "Root", "root", "x.y", "a_b", "mail@host", "v1-2", "0190b5a0/0000"];

/// Every piece before, behind, within and doubled around every name, and case changes.
fn variants() -> BTreeSet<String> {
    let mut variants = BTreeSet::new();
    for name in NAMES {
        let middle = name.len() / 2;
        for piece in PIECES {
            let (left, right) = name.split_at(middle);
            variants.extend([
                format!("{piece}{name}"),
                format!("{name}{piece}"),
                format!("{left}{piece}{right}"),
                format!("{piece}{name}{piece}"),
                format!("{name}/{piece}"),
                format!("{piece}/{name}"),
                format!("{name}/{piece}/{name}"),
                format!("{}{piece}", name.to_uppercase()),
                name.replace('/', piece),
            ]);
        }
    }
    variants
}

/// The rule of the specification, read from its text: segments `[A-Za-z0-9][A-Za-z0-9._@-]*`.
fn is_canonical(text: &str) -> bool {
    let letter_or_digit = |c| "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".contains(c);
    let segment_is = |segment: &str| {
        segment.len() <= 128
            && segment.chars().enumerate().all(|(at, c)| letter_or_digit(c) || at > 0 && "._@-".contains(c))
            && !segment.is_empty()
    };
    text.split('/').all(segment_is) && text.split('/').count() <= 16
}

#[test]
fn five_thousand_variants_are_one_name_everywhere_or_refused() {
    let variants = variants();
    assert!(variants.len() >= 5000, "{} variants", variants.len());
    let (mut accepted, mut refused) = (0, 0);
    for text in &variants {
        match Name::parse(text) {
            Ok(name) => {
                assert!(is_canonical(text), "{text:?} was accepted");
                one_and_the_same(text, name);
                accepted += 1;
            }
            Err(Refusal::Invalid { field: "name", .. }) => {
                assert!(!is_canonical(text), "{text:?} was refused");
                assert!(Selector::parse(text).is_err());
                refused += 1;
            }
            Err(other) => panic!("{text:?}: {other}"),
        }
    }
    assert!(accepted > 100 && refused > 4000, "{accepted} accepted, {refused} refused");
}

/// Authorised is executed is audited is what was asked for.
fn one_and_the_same(text: &str, name: Name) {
    let mut shell = Shell::new();
    let selector = Selector::parse(text).unwrap();
    assert_eq!(selector, Selector::Name(name));
    let reply = shell.admin(&Put::new(selector.clone(), SecretBytes::from_slice(b"v"))).unwrap();
    assert_eq!(shell.last.trace.target, text, "audited");
    assert_eq!(shell.head(text).name.as_str(), text, "executed");
    assert_eq!(reply.name.as_str(), text, "answered");
    assert_eq!(shell.count(RecordKind::Secret), 1);
    shell.admin(&Get { selector, version: None }).unwrap();
    assert_eq!(shell.last.trace.target, text, "audited");
}

#[test]
fn names_that_differ_in_case_are_two_names() {
    let mut shell = Shell::new();
    for text in ["Root", "root", "ROOT"] {
        let put = Put::new(Selector::parse(text).unwrap(), SecretBytes::from_slice(text.as_bytes()));
        assert!(shell.admin(&put).unwrap().created);
    }
    assert_eq!(shell.count(RecordKind::Secret), 3);
}

#[test]
fn lengths_are_judged_at_their_bounds() {
    let segment = |bytes: usize| "s".repeat(bytes);
    let segments = |count: usize| vec!["s"; count].join("/");
    assert!(Name::parse(&segment(SEGMENT_BYTES)).is_ok());
    assert!(Name::parse(&segment(SEGMENT_BYTES + 1)).is_err());
    assert!(Name::parse(&segments(SEGMENTS)).is_ok());
    assert!(Name::parse(&segments(SEGMENTS + 1)).is_err());
    assert!(Name::parse(&segments(1_000_000)).is_err());
}

#[test]
fn a_name_never_looks_like_an_id() {
    for text in ["0190b5a0-0000-7000-8000-000000000000", "0190B5A0-0000-7000-8000-00000000000F"] {
        assert!(matches!(Name::parse(text), Err(Refusal::Invalid { .. })));
        assert_eq!(Selector::parse(text).unwrap(), Selector::Id(Id::parse(text).unwrap()));
    }
    let almost = "0190b5a0-0000-7000-8000-00000000000g";
    assert_eq!(Selector::parse(almost).unwrap(), Selector::Name(Name::parse(almost).unwrap()));
}

#[test]
fn a_prefix_is_empty_or_the_beginning_of_a_name() {
    for prefix in ["", "a", "a/", "ftp/ac", "a/b/"] {
        assert!(check_prefix(prefix).is_ok(), "{prefix:?}");
    }
    for prefix in ["/", "//", "a//", "../", "a/../", ".", " ", "é"] {
        assert!(check_prefix(prefix).is_err(), "{prefix:?}");
    }
}
