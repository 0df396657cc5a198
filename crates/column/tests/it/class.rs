//! Proves that no two classes have one name, and that every name has room for `_cell_send` behind it.

use std::collections::BTreeMap;

use strongroom_column::{Class, Mode, PlainType};

#[test]
fn every_class_has_its_own_name() {
    let keys = [
        "a",
        "a_b",
        "a-b",
        "a.b",
        "A_b",
        "a__b",
        "_a",
        "a_",
        "",
        "text",
        "a_text",
        "a_varchar",
        "ä",
        &"k".repeat(200),
        &"k".repeat(201),
    ];
    let words = [
        "text",
        "text utf16",
        "varchar",
        "varchar(20)",
        "varchar(20) utf16",
        "numeric(10,2)",
        "numeric(1,0)",
        "pg:json",
        "time",
        "time(2)",
    ];
    let mut names: BTreeMap<String, Class> = BTreeMap::new();
    for key in keys {
        for word in words {
            for mode in [Mode::Deterministic, Mode::Randomized] {
                let class = Class { key: key.to_owned(), mode, plain: PlainType::parse(word).unwrap() };
                let name = class.type_name();
                assert!(name.len() + "_cell_send".len() <= 63, "{name}");
                assert!(
                    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
                    "{name}"
                );
                if let Some(other) = names.insert(name, class.clone()) {
                    panic!("{class:?} and {other:?} have one name");
                }
            }
        }
    }
}
