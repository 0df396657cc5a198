//! The fuzz targets on their seeds, on every beginning of each, and on thousands of mutations, without a fuzzer.

use std::collections::BTreeSet;
use std::fs;

use crate::vector::workspace;

#[path = "../../../../fuzz/targets/anchor_slot.rs"]
mod anchor_slot;
#[path = "../../../../fuzz/targets/audit_line.rs"]
mod audit_line;
#[path = "../../../../fuzz/targets/body.rs"]
mod body;
#[path = "../../../../fuzz/targets/context.rs"]
mod context;
#[path = "../../../../fuzz/targets/keyring.rs"]
mod keyring;
#[path = "../../../../fuzz/targets/log.rs"]
mod log;
#[path = "../../../../fuzz/targets/protector.rs"]
mod protector;
#[path = "../../../../fuzz/targets/record_header.rs"]
mod record_header;
#[path = "../../../../fuzz/targets/sealed_credential.rs"]
mod sealed_credential;
#[path = "../../../../fuzz/targets/snapshot_page.rs"]
mod snapshot_page;
#[path = "../../../../fuzz/targets/stream_header.rs"]
mod stream_header;
#[path = "../../../../fuzz/targets/timestamp.rs"]
mod timestamp;
#[path = "../../../../fuzz/targets/two_tier.rs"]
mod two_tier;
#[path = "../../../../fuzz/targets/value.rs"]
mod value;
#[path = "../../../../fuzz/targets/value_text.rs"]
mod value_text;

type Target = fn(&[u8]);

/// Parsers of other crates, whose tests replay them.
const REPLAYED_BY_THEIR_CRATES: [&str; 8] = [
    "array_value",
    "column_envelope",
    "copy_stream",
    "manifest",
    "plain_value",
    "registry_file",
    "request",
    "statement",
];

const TARGETS: [(&str, Target); 15] = [
    ("anchor_slot", anchor_slot::target),
    ("audit_line", audit_line::target),
    ("body", body::target),
    ("context", context::target),
    ("keyring", keyring::target),
    ("log", log::target),
    ("protector", protector::target),
    ("record_header", record_header::target),
    ("sealed_credential", sealed_credential::target),
    ("snapshot_page", snapshot_page::target),
    ("stream_header", stream_header::target),
    ("timestamp", timestamp::target),
    ("two_tier", two_tier::target),
    ("value", value::target),
    ("value_text", value_text::target),
];

#[test]
fn seeds_and_mutations() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(seeds.len() >= 3, "{name} has seeds");
        let mut random = Random(0x5eed);
        for seed in &seeds {
            target(seed);
            for length in 0..seed.len() {
                target(&seed[..length]);
            }
            for _ in 0..MUTATIONS_PER_SEED {
                target(&mutated(seed, &seeds, &mut random));
            }
        }
    }
}

#[test]
fn every_target_has_a_wrapper_and_is_replayed() {
    let of = |folder: &str| -> BTreeSet<String> {
        let path = workspace().join("fuzz").join(folder);
        let files = fs::read_dir(path).unwrap().map(|file| file.unwrap().path());
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let names = TARGETS.iter().map(|(name, _)| *name).chain(REPLAYED_BY_THEIR_CRATES);
    let replayed: BTreeSet<String> = names.map(str::to_owned).collect();
    assert_eq!(of("targets"), replayed);
    assert_eq!(of("fuzz_targets"), replayed);
    assert_eq!(of("corpus"), replayed);
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = workspace().join("fuzz/corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One to four changes: a bit, a byte, a run cut out, a run doubled, an end of another seed, absurd lengths.
fn mutated(seed: &[u8], seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(data.len());
        let end = at + random.below(data.len() - at);
        match random.below(7) {
            0 if at < data.len() => data[at] ^= 1 << random.below(7),
            1 if at < data.len() => data[at] = random.next() as u8,
            2 => drop(data.drain(at..end)),
            3 => data.extend_from_within(at..end),
            4 => {
                let other = &seeds[random.below(seeds.len() - 1)];
                data.truncate(at);
                data.extend_from_slice(&other[random.below(other.len())..]);
            }
            5 => data.splice(at..at, ABSURD[random.below(ABSURD.len() - 1)].iter().copied()).for_each(drop),
            _ => data.insert(at, INTERESTING[random.below(INTERESTING.len() - 1)]),
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

const MUTATIONS_PER_SEED: usize = 200;
const INTERESTING: [u8; 10] = [0, 1, 0x18, 0x1b, 0x5f, 0x7f, 0x9f, 0xbf, 0xf6, 0xff];
const ABSURD: [&[u8]; 4] = [
    &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff],
    b"\\ud800",
];
