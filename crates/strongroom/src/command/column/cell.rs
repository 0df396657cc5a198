//! `column cell seal|open`: cells under a key from a file, without a server and without a database.

use std::fs::File;
use std::io::{BufRead, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use strongroom_column::{CellKey, Mode};
use strongroom_secret::{ColumnKey, KEY_BYTES, SecretBytes, wipe};

use crate::cli::{CellMode, ColumnCell};
use crate::command::Here;
use crate::failure::Failure;
use crate::output::Output;

/// Runs one of them.
pub fn run(here: &Here<'_>, cell: &ColumnCell) -> Result<(), Failure> {
    let input = std::io::stdin().lock();
    match cell {
        ColumnCell::Seal { key, mode } => {
            let (key, mode) = (read_key(&key.key_file, here.output)?, mode_of(*mode));
            for_each_line(input, here.output, |value, cell| {
                key.seal(mode, value, cell);
                Ok(())
            })
        }
        ColumnCell::Open { key, mode: _ } => {
            let key = read_key(&key.key_file, here.output)?;
            for_each_line(input, here.output, |cell, value| {
                key.open(cell, value).map_err(|_| "the cell does not open under this key")
            })
        }
    }
}

const fn mode_of(mode: CellMode) -> Mode {
    match mode {
        CellMode::Deterministic => Mode::Deterministic,
        CellMode::Randomized => Mode::Randomized,
    }
}

/// The key of a file: its bytes, or their digits with a line feed behind them or without.
fn read_key(path: &Path, output: &Output) -> Result<CellKey, Failure> {
    let shown = path.display();
    let failed = |error| Failure::local(format!("reading {shown}"), error, "check its name and that you may read it");
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        output.remark(&format!("others than its owner can read {shown}; use `chmod 600`"));
    }
    let mut read = SecretBytes::from_vec(vec![0; LONGEST_KEY_FILE + 1]);
    let mut length = 0;
    let mut file = file.take(read.len() as u64);
    loop {
        match file.read(&mut read.expose_mut()[length..]).map_err(failed)? {
            0 => break,
            count => length += count,
        }
    }
    read.truncate(length);
    let key = key_of(read.expose()).ok_or_else(|| {
        let message = format!("{shown} is not a column encryption key");
        Failure::usage(message, format!("give {KEY_BYTES} bytes, or {} hexadecimal digits", 2 * KEY_BYTES))
    })?;
    Ok(CellKey::derive(&key))
}

fn key_of(read: &[u8]) -> Option<ColumnKey> {
    if let Ok(key) = ColumnKey::from_slice(read) {
        return Some(key);
    }
    let digits = read.strip_suffix(b"\n").unwrap_or(read);
    let (pairs, odd) = digits.strip_suffix(b"\r").unwrap_or(digits).as_chunks::<2>();
    if pairs.len() != KEY_BYTES || !odd.is_empty() {
        return None;
    }
    ColumnKey::try_fill_with(|key| {
        for (byte, pair) in key.iter_mut().zip(pairs) {
            *byte = byte_of(*pair).ok_or(())?;
        }
        Ok::<(), ()>(())
    })
    .ok()
}

/// Converts line by line; nothing is written of a line that fails, and nothing is read behind it.
fn for_each_line(
    mut input: impl BufRead,
    output: &Output,
    mut convert: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), &'static str>,
) -> Result<(), Failure> {
    let (mut line, mut given, mut made, mut text) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut number = 0_u64;
    let outcome = loop {
        line.clear();
        let mut limited = input.by_ref().take(LONGEST_LINE + 1);
        let count = limited
            .read_until(b'\n', &mut line)
            .map_err(|error| Failure::local("reading standard input", error, "give it once more"))?;
        if count == 0 {
            break Ok(());
        }
        number += 1;
        given.clear();
        made.clear();
        let converted = read_line(&line, &mut given).and_then(|()| convert(&given, &mut made));
        if let Err(problem) = converted {
            let message = format!("line {number}: {problem}");
            break Err(Failure::usage(
                message,
                "give one value a line, in hexadecimal digits; the lines before are done",
            ));
        }
        text.extend(made.iter().flat_map(|byte| digits_of(*byte)));
        text.push(b'\n');
        if text.len() >= WRITTEN_AT_ONCE {
            output.bytes(&text)?;
            text.clear();
        }
    };
    output.bytes(&text)?;
    for buffer in [&mut line, &mut given, &mut made, &mut text] {
        wipe(buffer);
    }
    outcome
}

fn read_line(line: &[u8], bytes: &mut Vec<u8>) -> Result<(), &'static str> {
    if line.len() as u64 > LONGEST_LINE {
        return Err("it is longer than 64 MiB");
    }
    let digits = line.strip_suffix(b"\n").unwrap_or(line);
    let (pairs, odd) = digits.strip_suffix(b"\r").unwrap_or(digits).as_chunks::<2>();
    if !odd.is_empty() {
        return Err("an odd number of hexadecimal digits");
    }
    for pair in pairs {
        bytes.push(byte_of(*pair).ok_or("something else than hexadecimal digits")?);
    }
    Ok(())
}

fn byte_of(pair: [u8; 2]) -> Option<u8> {
    let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

fn digits_of(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|half| if half < 10 { b'0' + half } else { b'a' + half - 10 })
}

/// The digits of a key and the end of a line.
const LONGEST_KEY_FILE: usize = 2 * KEY_BYTES + 2;
const LONGEST_LINE: u64 = 64 << 20;
const WRITTEN_AT_ONCE: usize = 1 << 16;
