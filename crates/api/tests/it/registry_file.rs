//! Files of the registry editor: the seeds row by row, and the fuzz target on them, their beginnings and mutations, without a fuzzer.

use std::fs;

use strongroom_api::setting::Value;
use strongroom_api::setting::registry_file::{RowRefusal, read};

#[path = "../../../../fuzz/targets/registry_file.rs"]
mod target;

fn seed(name: &str) -> Vec<u8> {
    fs::read(format!("{}/../../fuzz/corpus/registry_file/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A value in words.
fn shown(value: Value) -> String {
    let text = |secret: strongroom_api::WireSecret| String::from_utf8(secret.into_secret().expose().to_vec()).unwrap();
    match value {
        Value::StringBase64(string) => format!("string {}", text(string)),
        Value::MultiStringBase64(strings) => {
            format!("strings {}", strings.into_iter().map(text).collect::<Vec<_>>().join("|"))
        }
        Value::Integer(number) => format!("integer {number}"),
        Value::BinaryBase64(bytes) => format!("binary {:02x?}", bytes.into_secret().expose()),
        Value::Boolean(_) => panic!("the registry has no such type"),
    }
}

/// The same file in both encodings. Its rows were written down from Microsoft's description, beside the file.
#[test]
fn an_exported_file() {
    let engine = |name: &str| format!("HKEY_LOCAL_MACHINE/SOFTWARE/Acme/Provisioning-Engine/{name}");
    let part = |part: &str| Err(RowRefusal::Name { part: part.to_owned() });
    let clash = |name: &str| Some(format!("HKEY_LOCAL_MACHINE/SOFTWARE/Acme/Clash/{name}"));
    let told = |text: &str| Ok(text.to_owned());
    let expected = vec![
        (7, Some(engine("Default")), told("string Acme Provisioning")),
        (8, Some(engine("ConnectionString")), told("string Server=db1;User Id=engine;Password=\"p;w\\d\"")),
        (9, Some(engine("InstallPath")), told("string %ProgramFiles%\\Acme")),
        (11, Some(engine("Retries")), told("integer 5")),
        (12, Some(engine("MaxBytes")), told("integer 4294967296")),
        (13, Some(engine("Servers")), told("strings db1|db2")),
        (14, Some(engine("Cookie")), told("binary [de, ad, be, ef, 00, 01]")),
        (16, None, part("Grüße")),
        (17, Some(engine("Greeting")), told("string größe")),
        (18, Some(engine("Old")), Err(RowRefusal::Deletion)),
        (20, None, Err(RowRefusal::Deletion)),
        (21, None, Err(RowRefusal::NoKey)),
        (24, None, part("{0C2A1B6E-0000-0000-0000-000000000000}")),
        (27, clash("a-b"), Err(RowRefusal::Clash)),
        (28, clash("A-B"), Err(RowRefusal::Clash)),
        (29, clash("Link"), Err(RowRefusal::Type { number: "6".to_owned() })),
    ];
    for name in ["five_utf16", "five_utf8"] {
        let rows = read(&seed(name)).unwrap().into_iter();
        let found: Vec<_> = rows.map(|row| (row.line, row.name, row.read.map(shown))).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn seeds_and_mutations() {
    let seeds = ["five_utf16", "five_utf8", "four", "lines"].map(seed);
    let mut random = Random(0x5eed);
    for seed in &seeds {
        target::target(seed);
        for length in 0..seed.len() {
            target::target(&seed[..length]);
        }
        for _ in 0..MUTATIONS_PER_SEED {
            target::target(&mutated(seed, &seeds, &mut random));
        }
    }
}

/// One to three changes: a byte, a run cut out, doubled or moved, the end of another seed, a piece of the form.
fn mutated(seed: &[u8], seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(2) {
        let at = random.below(data.len());
        let end = at + random.below((data.len() - at).min(40));
        match random.below(6) {
            0 if at < data.len() => data[at] = b"\"\\[]=-;,:@()\n\r 0aF\xc3\0"[random.below(19)],
            1 if at < data.len() => data[at] ^= 0x20,
            2 => drop(data.drain(at..end)),
            3 => data.extend_from_within(at..end),
            4 => {
                let other = &seeds[random.below(seeds.len() - 1)];
                data.truncate(at);
                data.extend_from_slice(&other[random.below(other.len())..]);
            }
            _ => data.splice(at..at, PIECES[random.below(PIECES.len() - 1)].bytes()).for_each(drop),
        }
    }
    data
}

/// A generator with a fixed seed (xorshift64*), so that a failure comes back.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number from 0 to `most`.
    fn below(&mut self, most: usize) -> usize {
        (self.next() % (most as u64 + 1)) as usize
    }
}

const MUTATIONS_PER_SEED: usize = 2000;
const PIECES: [&str; 12] = [
    "\"a\"=\"text\"\n",
    "\"a\"=dword:0000002a\n",
    "\"a\"=hex(7):61,00,62,00,00,00\n",
    "\"a\"=hex(b):01,02,03,04,05,06,07,08\n",
    "\"a\"=hex(1):00,d8\n",
    "\"a\"=-\n",
    "@=hex:\\\n",
    "[A\\B]\n",
    "[-A]\n",
    "; comment\n",
    ",\\\n  ",
    "\\\"",
];
