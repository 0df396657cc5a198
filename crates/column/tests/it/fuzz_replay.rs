//! The fuzz targets on their seeds, on every beginning of each, and on thousands of mutations, without a fuzzer.

use std::fs;

use crate::random::Random;
use crate::vector::workspace;

#[path = "../../../../fuzz/targets/column_envelope.rs"]
mod column_envelope;
#[path = "../../../../fuzz/targets/manifest.rs"]
mod manifest;
#[path = "../../../../fuzz/targets/plain_value.rs"]
mod plain_value;

const MUTATIONS_PER_SEED: usize = 500;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = workspace().join("fuzz/corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(seeds.len() >= 8, "{name} has seeds");
    let mut random = Random::new(0x5eed);
    for seed in &seeds {
        target(seed);
        (0..seed.len()).for_each(|length| target(&seed[..length]));
        for _ in 0..MUTATIONS_PER_SEED {
            target(&mutated(seed, &seeds, &mut random));
        }
    }
}

/// One to four changes: a bit, a byte, a run cut out, a run doubled, an end of another seed.
fn mutated(seed: &[u8], seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(data.len() as u64 + 1) as usize;
        let end = at + random.below((data.len() - at) as u64 + 1) as usize;
        match random.below(6) {
            0 if at < data.len() => data[at] ^= 1 << random.below(8),
            1 if at < data.len() => data[at] = random.next() as u8,
            2 => drop(data.drain(at..end)),
            3 => data.extend_from_within(at..end),
            4 => {
                let other = random.pick(seeds);
                data.truncate(at);
                data.extend_from_slice(&other[random.below(other.len() as u64 + 1) as usize..]);
            }
            _ => data.insert(at, *random.pick(b"0129-+.:eE \\/{}[]\",\0\xff\xc3TZ")),
        }
    }
    data
}

#[test]
fn envelopes() {
    replay("column_envelope", column_envelope::target);
}

#[test]
fn manifests() {
    replay("manifest", manifest::target);
}

#[test]
fn values() {
    replay("plain_value", plain_value::target);
}
