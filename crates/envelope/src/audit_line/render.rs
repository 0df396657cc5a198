//! Writing a trail line.

use core::fmt::Write as _;

use super::{Checkpoint, Line};
use crate::hexadecimal;

/// Appends the whole line, without a line feed.
pub fn render(line: &Line, out: &mut Vec<u8>) {
    write(line, true, out);
    if let Some(mac) = &line.mac {
        append_mac(mac, out);
    }
}

/// Appends the line without its MAC: what the MAC is over.
pub fn render_for_mac(line: &Line, out: &mut Vec<u8>) {
    write(line, true, out);
}

/// Appends the line without its signature and its MAC: what the signature is over, after its label.
pub fn render_for_signature(line: &Line, out: &mut Vec<u8>) {
    write(line, false, out);
}

/// Turns a line that [`render_for_mac`] has just appended into the whole line.
///
/// # Panics
/// When `out` does not end in a line.
pub fn append_mac(mac: &[u8; 16], out: &mut Vec<u8>) {
    assert_eq!(out.pop(), Some(b'}'), "a line ends in a brace");
    out.extend_from_slice(b",\"mac\":\"");
    hexadecimal::append(mac, out);
    out.extend_from_slice(b"\"}");
}

fn write(line: &Line, signed: bool, out: &mut Vec<u8>) {
    out.reserve(TYPICAL_LENGTH);
    out.extend_from_slice(b"{\"seq\":");
    number(line.seq, out);
    out.extend_from_slice(b",\"time\":\"");
    display(line.time, out);
    out.push(b'"');
    text_field("node", &line.node, out);
    text_field("principal", &line.principal, out);
    optional_text("remote", &line.remote, out);
    text_field("operation", &line.operation, out);
    optional_text("target", &line.target, out);
    if let Some(key) = line.key {
        id_field("key", key, out);
    }
    optional_number("key_version", line.key_version.map(u64::from), out);
    text_field("outcome", &line.outcome, out);
    optional_number("count", line.count, out);
    optional_texts("context", &line.context, out);
    if let Some(request) = line.request {
        id_field("request", request, out);
    }
    optional_number("epoch", line.epoch, out);
    optional_number("index", line.index.map(u64::from), out);
    if let Some(anchor) = &line.anchor {
        hex_field("anchor", anchor, out);
    }
    if let Some(checkpoint) = &line.checkpoint {
        write_checkpoint(checkpoint, signed, out);
    }
    hex_field("prev", &line.prev, out);
    out.push(b'}');
}

fn write_checkpoint(checkpoint: &Checkpoint, signed: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"checkpoint\":{\"number\":");
    number(checkpoint.number, out);
    hex_field("next_key", &checkpoint.next_key, out);
    if let (true, Some(signature)) = (signed, &checkpoint.signature) {
        hex_field("signature", signature, out);
    }
    out.push(b'}');
}

fn optional_text(name: &str, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        text_field(name, text, out);
    }
}

fn optional_texts(name: &str, texts: &[String], out: &mut Vec<u8>) {
    if texts.is_empty() {
        return;
    }
    field(name, out);
    for (place, text) in texts.iter().enumerate() {
        out.push(if place == 0 { b'[' } else { b',' });
        quoted(text, out);
    }
    out.push(b']');
}

fn text_field(name: &str, text: &str, out: &mut Vec<u8>) {
    field(name, out);
    quoted(text, out);
}

fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for character in text.chars() {
        escaped(character, out);
    }
    out.push(b'"');
}

fn escaped(character: char, out: &mut Vec<u8>) {
    match character {
        '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
        ' '..='~' => out.push(character as u8),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                hexadecimal::append(&unit.to_be_bytes(), out);
            }
        }
    }
}

fn id_field(name: &str, id: crate::Id, out: &mut Vec<u8>) {
    field(name, out);
    out.push(b'"');
    display(id, out);
    out.push(b'"');
}

fn hex_field(name: &str, bytes: &[u8], out: &mut Vec<u8>) {
    field(name, out);
    out.push(b'"');
    hexadecimal::append(bytes, out);
    out.push(b'"');
}

fn optional_number(name: &str, value: Option<u64>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        field(name, out);
        number(value, out);
    }
}

fn number(value: u64, out: &mut Vec<u8>) {
    display(value, out);
}

fn field(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn display(value: impl core::fmt::Display, out: &mut Vec<u8>) {
    let mut sink = Sink(out);
    write!(sink, "{value}").expect("writing to a vector does not fail");
}

struct Sink<'a>(&'a mut Vec<u8>);

impl core::fmt::Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

const TYPICAL_LENGTH: usize = 512;
