//! The fuzz target of request documents on its seeds, on every beginning of each, and on mutations, without a fuzzer.

use std::fs;

#[path = "../../../../fuzz/targets/request.rs"]
mod target;

#[test]
fn seeds_and_mutations() {
    let seeds = seeds();
    assert!(seeds.len() >= 10);
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

pub fn seeds() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/request");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One to three changes: a byte, a run cut out, a run doubled or moved, the end of another seed, a piece of XML.
pub fn mutated(seed: &[u8], seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(2) {
        let at = random.below(data.len());
        let end = at + random.below((data.len() - at).min(40));
        match random.below(8) {
            0 if at < data.len() => data[at] = b" <>/&;'\"=:-[]!?sxA0\n\xc3"[random.below(20)],
            1 if at < data.len() => data[at] ^= 0x20,
            2 => drop(data.drain(at..end)),
            3 => data.extend_from_within(at..end),
            4 => {
                let run = data[at..end].to_vec();
                let to = random.below(data.len());
                data.splice(to..to, run).for_each(drop);
            }
            5 => {
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
pub struct Random(pub u64);

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

const MUTATIONS_PER_SEED: usize = 500;
const PIECES: [&str; 32] = [
    "<execute/>",
    "<execute procedure='a&lt;b' namespace=\"c\n\">",
    "</execute>",
    "<data>",
    "</data>",
    "<a>",
    "</a>",
    "<x:a/>",
    " xmlns:x='urn:x'",
    " xmlns=''",
    " sensitive=\"no\"",
    " sensitive='1'",
    " Sensitive='0'",
    " x:sensitive='0'",
    " größe='1'",
    "sensitive",
    "sensi",
    "tive",
    "&#115;",
    "&#x53;",
    "&#48;",
    "&amp;",
    "&a;",
    "<!-- a -->",
    "<!--sensitive-->",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE request>",
    "<?a?>",
    "\u{feff}",
    "\u{0}",
    "<?xml version='1.0'?>",
];
