//! Proves that the labels are those of `docs/spec/labels.md` and cannot be confused.

use std::path::Path;

use strongroom_crypto::labels;

#[test]
fn the_module_is_the_page() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/labels.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: Vec<(&str, &str)> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ")).collect();
    assert!(!rows.is_empty());
    assert_eq!(rows, labels::ALL);
}

#[test]
fn no_label_is_the_beginning_of_another() {
    for (label, _) in labels::ALL {
        assert!(label.starts_with("strongroom/") && label.ends_with("/1"), "{label}");
        let beginnings = labels::ALL.iter().filter(|(other, _)| other.starts_with(label)).count();
        assert_eq!(beginnings, 1, "{label}");
    }
}
