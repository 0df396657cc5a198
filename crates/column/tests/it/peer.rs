//! Cells exchanged with another implementation, which answers a line with a line.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use strongroom_column::{CellKey, Mode};
use strongroom_secret::ColumnKey;

use crate::random::Random;
use crate::vector::{hex, unhex};

const EXCHANGED: usize = 10_000;
const KEYS: usize = 20;

struct Case {
    key: usize,
    mode: Mode,
    plain: Vec<u8>,
}

/// Where `cargo xtask check` puts programs of this name, next to the build.
pub fn installed(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target")).join(name)
}

/// The answers to all lines, in order; `None` where the program is not there.
pub fn ask(mut peer: Command, lines: &[String]) -> Option<Vec<String>> {
    let mut peer = peer.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut input = peer.stdin.take()?;
    let output = BufReader::new(peer.stdout.take()?);
    let answers = std::thread::scope(|scope| {
        scope.spawn(move || {
            for line in lines {
                writeln!(input, "{line}").unwrap();
            }
        });
        output.lines().collect::<Result<Vec<String>, _>>().unwrap()
    });
    assert!(peer.wait().unwrap().success());
    Some(answers)
}

/// 10,000 random cells each way; the peer takes lines `KEY MODE seal|open HEX`. False where it is not there.
pub fn exchange_cells(peer: Command, seed: u64) -> bool {
    let mut random = Random::new(seed);
    let keys: Vec<Vec<u8>> = (0..KEYS).map(|_| (0..32).map(|_| random.next() as u8).collect()).collect();
    let ours: Vec<CellKey> = keys.iter().map(|key| CellKey::derive(&ColumnKey::from_slice(key).unwrap())).collect();
    let cases: Vec<Case> = (0..EXCHANGED)
        .map(|_| Case {
            key: random.below(KEYS as u64) as usize,
            mode: if random.chance(2) { Mode::Deterministic } else { Mode::Randomized },
            plain: if random.chance(50) { random.bytes(5000) } else { random.bytes(70) },
        })
        .collect();
    let line = |case: &Case, what: &str, data: &[u8]| {
        format!("{} {} {what} {}", hex(&keys[case.key]), case.mode as u8, hex(data))
    };

    let sealed_here: Vec<Vec<u8>> = cases
        .iter()
        .map(|case| {
            let mut cell = Vec::new();
            ours[case.key].seal(case.mode, &case.plain, &mut cell);
            cell
        })
        .collect();
    let mut lines: Vec<String> = cases.iter().map(|case| line(case, "seal", &case.plain)).collect();
    lines.extend(cases.iter().zip(&sealed_here).map(|(case, cell)| line(case, "open", cell)));
    // That it refuses what it should shows that its answers are its own.
    let mut changed = sealed_here[0].clone();
    changed[40] ^= 1;
    lines.push(line(&cases[0], "open", &changed));

    let Some(answers) = ask(peer, &lines) else { return false };
    assert_eq!(answers.len(), 2 * EXCHANGED + 1);
    let (theirs, opened) = answers.split_at(EXCHANGED);
    for (((case, cell), theirs), opened) in cases.iter().zip(&sealed_here).zip(theirs).zip(opened) {
        let theirs = unhex(theirs);
        let mut plain = Vec::new();
        ours[case.key].open(&theirs, &mut plain).unwrap();
        assert_eq!(plain, case.plain);
        assert_eq!(case.mode == Mode::Deterministic, theirs == *cell);
        assert_eq!(unhex(opened), case.plain);
    }
    assert_eq!(opened[EXCHANGED], "refused");
    println!("{EXCHANGED} cells each way");
    true
}
