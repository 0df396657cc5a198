//! What a protector is bound to, as people read it, and what of it changed.

use std::path::Path;

/// A pair that fits the record: at most 256 bytes, nothing that moves a cursor.
pub(crate) fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), shown(value))
}

/// The same for a path; of a long one the end is kept, which says more.
pub(crate) fn path_pair(name: &str, path: &Path) -> (String, String) {
    let text = escaped(&path.to_string_lossy());
    if text.len() <= LONGEST {
        return (name.to_owned(), text);
    }
    let tail_length = LONGEST - ELLIPSIS.len();
    let start = (text.len() - tail_length..text.len()).find(|at| text.is_char_boundary(*at));
    (name.to_owned(), format!("{ELLIPSIS}{}", &text[start.unwrap_or(text.len())..]))
}

/// Bytes as people compare them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What differs in the named pairs: `uid was 1000 and is 1001; …`.
pub(crate) fn difference(
    names: &[&str],
    recorded: &[(String, String)],
    current: &[(String, String)],
) -> Option<String> {
    let differences: Vec<String> = names
        .iter()
        .filter_map(|name| {
            let (before, now) = (find(recorded, name), find(current, name));
            (before != now).then(|| format!("{name} was {} and is {}", worded(before), worded(now)))
        })
        .collect();
    (!differences.is_empty()).then(|| differences.join("; "))
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

fn worded(value: Option<&str>) -> String {
    value.map_or_else(|| "unknown".to_owned(), shown)
}

/// Text that fits the record.
pub(crate) fn shown(value: &str) -> String {
    let mut text = escaped(value);
    if text.len() > LONGEST {
        let end = (0..=LONGEST - ELLIPSIS.len()).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.push_str(ELLIPSIS);
    }
    text
}

fn escaped(value: &str) -> String {
    value
        .chars()
        .map(|character| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character })
        .collect()
}

/// Bytes of a name or value in the record.
const LONGEST: usize = 256;
const ELLIPSIS: &str = "…";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_the_named_pairs_count() {
        let recorded = pairs(&[("user", "alice"), ("uid", "1000"), ("directory", "/a")]);
        let moved = pairs(&[("user", "alice"), ("uid", "1000"), ("directory", "/b")]);
        assert_eq!(difference(&["user", "uid"], &recorded, &moved), None);
        let other = pairs(&[("uid", "1001")]);
        assert_eq!(
            difference(&["user", "uid"], &recorded, &other).unwrap(),
            "user was alice and is unknown; uid was 1000 and is 1001"
        );
    }

    #[test]
    fn values_fit_the_record() {
        let (_, value) = pair("host", &"ü".repeat(200));
        assert!(value.len() <= LONGEST && value.ends_with('…') && value.starts_with('ü'));
        let (_, path) = path_pair("directory", &Path::new("/ü").join("ä".repeat(200)).join("end"));
        assert!(path.len() <= LONGEST && path.starts_with('…') && path.ends_with("/end"));
        assert_eq!(pair("host", "a\u{1b}[2Jb\n").1, "a\u{fffd}[2Jb\u{fffd}");
    }
}
