//! The fuzz targets of statements, COPY streams and arrays on their seeds, on every beginning of each, and on mutations, without a
//! fuzzer.

use std::fs;

#[path = "../../../../fuzz/targets/array_value.rs"]
mod array_value;
#[path = "../../../../fuzz/targets/copy_stream.rs"]
mod copy_stream;
#[path = "../../../../fuzz/targets/statement.rs"]
mod statement;

#[test]
fn statements() {
    const PIECES: [&str; 24] = [
        "'",
        "''",
        "\"",
        "$$",
        "$a$",
        "\\",
        "E'",
        "U&\"",
        "--",
        "\n",
        "/*",
        "*/",
        ";",
        "(",
        ")",
        "-1",
        "'x'",
        " date ",
        " AS ",
        "::",
        "1.5",
        " BEGIN ATOMIC ",
        "\u{e9}",
        " UESCAPE '!'",
    ];
    replay("statement", &PIECES, statement::target);
}

#[test]
fn copy_streams() {
    const PIECES: [&str; 16] = [
        "\\",
        "\\.",
        "\\N",
        "\n",
        "\r",
        "\r\n",
        ",",
        "|",
        "\"",
        "\"\"",
        "\\x41",
        "\\8",
        "\0",
        "\0\u{2}",
        "\u{7f}\u{7f}",
        "a",
    ];
    replay("copy_stream", &PIECES, copy_stream::target);
}

#[test]
fn arrays() {
    const PIECES: [&str; 14] =
        ["{", "}", ",", "\"", "\\", " ", "NULL", "[1:2]", "=", "{}", "\0", "\0\0\0\u{1}", "a", "\u{7f}"];
    replay("array_value", &PIECES, array_value::target);
}

fn replay(name: &str, pieces: &[&str], target: impl Fn(&[u8])) {
    let folder = format!("{}/../../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 5, "{name}");
    let mut random = Random(0x5eed);
    for path in &paths {
        let seed = fs::read(path).unwrap();
        target(&seed);
        for length in 0..seed.len() {
            target(&seed[..length]);
        }
        for _ in 0..MUTATIONS_PER_SEED {
            target(&mutated(&seed, pieces, &mut random));
        }
    }
}

/// One to three changes: a byte, a run cut out or doubled, a piece put in.
fn mutated(seed: &[u8], pieces: &[&str], random: &mut Random) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(2) {
        let at = random.below(data.len());
        let end = at + random.below((data.len() - at).min(20));
        match random.below(6) {
            0 if at < data.len() => data[at] ^= 1 << random.below(7),
            1 => drop(data.drain(at..end)),
            2 => data.extend_from_within(at..end),
            _ => data.splice(at..at, pieces[random.below(pieces.len() - 1)].bytes()).for_each(drop),
        }
    }
    data
}

/// A generator with a fixed seed (xorshift64*), so that a failure comes back.
struct Random(u64);

impl Random {
    /// A number from 0 to `most`.
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % (most as u64 + 1)) as usize
    }
}

const MUTATIONS_PER_SEED: usize = 300;
