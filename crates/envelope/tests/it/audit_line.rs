//! Trail lines: one form each, no text can forge another line, entries come back as they were.

use strongroom_envelope::audit_line::{
    Checkpoint, Line, LineRefusal, append_mac, parse, render, render_for_mac, render_for_signature,
};
use strongroom_envelope::log::AuditEntry;
use strongroom_envelope::{Id, Timestamp};

use crate::vector::{Vector, check_all, named, unhex};

#[test]
fn vectors() {
    check_all("audit_line", 40, |vector| {
        let text = vector.text("line");
        match parse(text.as_bytes()) {
            Ok(line) => {
                assert_eq!(line, expected(&vector.object("fields")));
                assert_eq!(rendered(&line), text);
                check_parts(vector, &line);
                "ok".into()
            }
            Err(LineRefusal::Json) => "json".into(),
            Err(LineRefusal::Field { .. }) => "field".into(),
            Err(LineRefusal::Form) => "form".into(),
        }
    });
}

fn check_parts(vector: &Vector, line: &Line) {
    let mut without = Vec::new();
    render_for_signature(line, &mut without);
    assert_eq!(without, vector.text("without_signature").as_bytes());
    without.clear();
    render_for_mac(line, &mut without);
    assert_eq!(without, vector.text("without_mac").as_bytes());
    if let Some(mac) = &line.mac {
        append_mac(mac, &mut without);
    }
    assert_eq!(without, vector.text("line").as_bytes());
}

fn rendered(line: &Line) -> String {
    let mut out = Vec::new();
    render(line, &mut out);
    String::from_utf8(out).unwrap()
}

fn expected(fields: &Vector) -> Line {
    let text = |name: &str| fields.0[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| fields.0[name].as_u64();
    let id = |name: &str| fields.0[name].as_str().map(|text| Id::parse(text).unwrap());
    Line {
        seq: fields.u64("seq"),
        time: Timestamp::parse(fields.text("time")).unwrap(),
        node: text("node"),
        principal: text("principal"),
        remote: text("remote"),
        operation: text("operation"),
        target: text("target"),
        key: id("key"),
        key_version: number("key_version").map(|version| version.try_into().unwrap()),
        outcome: text("outcome"),
        count: number("count"),
        context: Vec::new(),
        request: id("request"),
        epoch: number("epoch"),
        index: number("index").map(|index| index.try_into().unwrap()),
        anchor: fields.has("anchor").then(|| digits(fields, "anchor")),
        checkpoint: fields.has("checkpoint").then(|| {
            let checkpoint = fields.object("checkpoint");
            Checkpoint {
                number: checkpoint.u64("number"),
                next_key: digits(&checkpoint, "next_key"),
                signature: checkpoint.has("signature").then(|| digits(&checkpoint, "signature")),
            }
        }),
        prev: digits(fields, "prev"),
        mac: fields.has("mac").then(|| digits(fields, "mac")),
    }
}

fn digits<const N: usize>(fields: &Vector, name: &str) -> [u8; N] {
    unhex(fields.text(name)).try_into().unwrap()
}

#[test]
fn every_byte_of_a_line_has_one_meaning() {
    for name in ["audit_line/change", "audit_line/checkpoint", "audit_line/escapes"] {
        let whole = named(name).text("line").as_bytes().to_vec();
        for at in 0..whole.len() {
            for byte in TELLING.iter().copied().chain([whole[at] ^ 1, whole[at] ^ 0x20]) {
                let mut changed = whole.clone();
                changed[at] = byte;
                if let Ok(line) = parse(&changed) {
                    assert_eq!(rendered(&line).as_bytes(), changed, "byte {at} = {byte}");
                }
            }
            assert!(parse(&whole[..at]).is_err(), "{at} bytes");
        }
        assert!(parse(&[&whole[..], b" "].concat()).is_err());
    }
}

/// Bytes that mean something in JSON, digits, the edges of what is printable, and beyond.
const TELLING: &[u8] = b"\0\n\r \"\\/,:{}[]0158aAuUeE+-.\x1f~\x7f\x80\xc3\xff";

#[test]
fn no_text_leaves_its_field() {
    let hostile = [
        "\"",
        "\\",
        "\n",
        "\r\n",
        "\u{2028}",
        "\u{202e}",
        "\u{0}",
        "\u{7f}",
        "\u{1b}[2J",
        "\",\"seq\":1}\n{\"seq\":2",
        "\\u000a",
        "\u{fffe}",
        "\u{10ffff}",
        "</script>",
    ];
    for text in hostile {
        let line = Line {
            seq: 1,
            node: text.into(),
            principal: text.into(),
            remote: text.into(),
            operation: text.into(),
            target: text.into(),
            outcome: text.into(),
            ..Line::default()
        };
        let rendered = rendered(&line);
        assert!(rendered.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{rendered}");
        assert_eq!(parse(rendered.as_bytes()), Ok(line), "{text:?}");
    }
}

#[test]
fn entries_come_back_from_their_lines() {
    let full = AuditEntry {
        time: Timestamp(1_764_000_000_123),
        principal: "uid:1000".into(),
        remote: "unix".into(),
        operation: "secret.put".into(),
        target: "ftp/acme".into(),
        key: Some(Id([1; 16])),
        key_version: 3,
        outcome: "ok".into(),
        count: 12,
        request: Id([2; 16]),
        context: vec!["region".into(), "te\"nant".into()],
    };
    let bare = AuditEntry {
        principal: "system".into(),
        operation: "protector.heal".into(),
        outcome: "ok".into(),
        ..AuditEntry::default()
    };
    for entry in [full, bare] {
        let line = Line { seq: 9, node: "n".into(), ..Line::of_entry(&entry, 42, 7) };
        assert_eq!((line.epoch, line.index), (Some(42), Some(7)));
        let said = rendered(&line);
        for absent in
            ["\"remote\"", "\"target\"", "\"key\"", "\"key_version\"", "\"count\"", "\"request\"", "\"context\""]
        {
            assert_eq!(said.contains(absent), entry.count > 0, "{absent}");
        }
        let read = parse(said.as_bytes()).unwrap();
        assert_eq!(read.to_entry(), entry);
        assert_eq!(Line::from(&entry).epoch, None);
    }
}

#[test]
fn moments_are_written_as_rfc_3339_says() {
    // Computed with GNU date.
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_764_000_000_123, "2025-11-24T16:00:00.123Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] {
        assert_eq!(Timestamp(ms).rfc3339(), text);
        assert_eq!(Timestamp::parse(text), Ok(Timestamp(ms)));
    }
    assert_eq!(Timestamp(i64::MAX).rfc3339(), "9999-12-31T23:59:59.999Z");
    assert_eq!(Timestamp(i64::MIN).rfc3339(), "0000-01-01T00:00:00.000Z");
    for text in [
        "2025-02-29T00:00:00.000Z",
        "2025-13-01T00:00:00.000Z",
        "2025-01-01T24:00:00.000Z",
        "2025-01-01T00:00:60.000Z",
        "2025-01-01t00:00:00.000Z",
        "2025-01-01 00:00:00.000Z",
        "2025-01-01T00:00:00Z",
        "2025-01-01T00:00:00.000+00:00",
        "+025-01-01T00:00:00.000Z",
        "",
    ] {
        assert!(Timestamp::parse(text).is_err(), "{text}");
    }
}
