//! No name, principal or other text from outside can forge a line or hide one.

use std::ops::ControlFlow;

use strongroom_audit::{Filter, Trail, search, verify};
use strongroom_envelope::log::AuditEntry;

use crate::scene::{NOW, entry, settings};

#[test]
fn hostile_texts_stay_one_line_each() {
    let folder = tempfile::tempdir().unwrap();
    let (mut trail, key_zero) = Trail::create(settings(folder.path()), NOW).unwrap();
    let mut expected = Vec::new();
    for text in hostile() {
        for field in 0..4 {
            let mut entry = entry("harmless");
            *field_of(&mut entry, field) = text.clone();
            trail.append(&entry, None);
            expected.push(entry);
        }
    }
    trail.write().unwrap();
    trail.checkpoint(NOW).unwrap();

    let content = std::fs::read(folder.path().join("trail-00000001.jsonl")).unwrap();
    assert!(content.iter().all(|&byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
    let feeds = content.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(feeds, 1 + expected.len() + 1);
    let report = verify(folder.path(), Some(key_zero)).unwrap();
    assert_eq!(report.lines, 1 + expected.len() as u64 + 1);

    let mut found = Vec::new();
    let filter = Filter { operation: Some("secret.get".into()), ..Filter::default() };
    let searched = search(folder.path(), &filter, &mut |line, _| {
        found.push(line.to_entry());
        ControlFlow::Continue(())
    });
    assert_eq!(searched.unwrap().unreadable, 0);
    assert_eq!(found, expected);
}

fn field_of(entry: &mut AuditEntry, field: usize) -> &mut String {
    match field {
        0 => &mut entry.target,
        1 => &mut entry.principal,
        2 => &mut entry.remote,
        _ => &mut entry.outcome,
    }
}

fn hostile() -> Vec<String> {
    let forged = r#"{"seq":2,"time":"2025-11-24T16:00:00.123Z","node":"vault-1","principal":"uid:0"}"#;
    let mut texts = vec![
        format!("a\n{forged}\n"),
        format!("a\r\n{forged}"),
        format!("a\u{2028}{forged}"),
        format!("a\u{85}{forged}\u{b}\u{c}"),
        r#"","outcome":"ok","mac":"00000000000000000000000000000000"}"#.to_owned(),
        "\\\"}\n".to_owned(),
        "\\u000a".to_owned(),
        "\u{1b}[2K\u{1b}[1A\u{1b}]0;title\u{7}".to_owned(),
        "\u{9b}31m".to_owned(),
        "acme\u{202e}gnp.exe\u{2066}\u{2069}".to_owned(),
        "\u{feff}\u{200b}\u{7f}\u{0}".to_owned(),
        "\u{1f512}\u{10ffff}\u{fffd}".to_owned(),
        "x".repeat(100_000),
        "\u{0}".repeat(20_000),
    ];
    texts.extend((0..=0x1f).map(|code: u8| format!("c{}", char::from(code))));
    texts
}
