//! What cells cost: sealing and opening a value of 11 bytes of text, and longer ones.

#![allow(missing_docs, clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use strongroom_column::{CellKey, Format, Mode, PlainType, Style, TextEncoding};
use strongroom_crypto::mac::Key;
use strongroom_secret::ColumnKey;

/// As long as a social security number with its hyphens.
const TEXT: &[u8] = b"123-45-6789";
/// Cells in a second, on one core.
const LEAST: f64 = 1.5e6;

fn key() -> CellKey {
    CellKey::derive(&ColumnKey::fill_with(|key| key.fill(7)))
}

fn cells(criterion: &mut Criterion) {
    let key = key();
    for length in [11, 1024, 65_536] {
        let plain = vec![b'x'; length];
        let mut group = criterion.benchmark_group(format!("cell_{length}"));
        group.throughput(Throughput::Bytes(length as u64));
        for mode in [Mode::Deterministic, Mode::Randomized] {
            let mut cell = Vec::new();
            group.bench_function(format!("seal_{}", mode.word()), |bencher| {
                bencher.iter(|| {
                    cell.clear();
                    key.seal(mode, black_box(&plain), &mut cell);
                });
            });
        }
        let (mut cell, mut opened) = (Vec::new(), Vec::new());
        key.seal(Mode::Randomized, &plain, &mut cell);
        group.bench_function("open", |bencher| {
            bencher.iter(|| {
                opened.clear();
                key.open(black_box(&cell), &mut opened).expect("just sealed");
            });
        });
    }
}

/// What the proxy does with a parameter and with a column of a row.
fn values(criterion: &mut Criterion) {
    let (key, style) = (key(), Style::default());
    let plain_type = PlainType::Text(TextEncoding::Utf8);
    let mut group = criterion.benchmark_group("value_11");
    group.throughput(Throughput::Elements(1));
    let (mut normal, mut cell, mut shown) = (Vec::new(), Vec::new(), Vec::new());
    group.bench_function("normalise_and_seal", |bencher| {
        bencher.iter(|| {
            normal.clear();
            cell.clear();
            plain_type.normalise(black_box(TEXT), Format::Text, 0, &style, &mut normal).expect("a text");
            key.seal(Mode::Deterministic, &normal, &mut cell);
        });
    });
    group.bench_function("open_and_denormalise", |bencher| {
        bencher.iter(|| {
            normal.clear();
            shown.clear();
            key.open(black_box(&cell), &mut normal).expect("just sealed");
            plain_type.denormalise(&normal, Format::Text, &style, &mut shown).expect("just normalised");
        });
    });
    group.finish();
}

/// The figures: the best of many rounds, because other programs run beside this one.
fn figures(_: &mut Criterion) {
    let key = key();
    let mut cell = Vec::new();
    // What no cell can do without: the tag's HMAC, and the initialisation vector's where it is deterministic.
    let hmac = Key::new(&[7; 32]);
    let tag = best(|| _ = black_box(hmac.mac(&[black_box(&[1; 34])])));
    let vector = best(|| _ = black_box(hmac.mac(&[black_box(TEXT)])));
    let hmacs = [1.0 / (1.0 / tag + 1.0 / vector), tag];
    for (mode, hmacs) in [Mode::Deterministic, Mode::Randomized].into_iter().zip(hmacs) {
        let per_second = best(|| {
            cell.clear();
            key.seal(mode, black_box(TEXT), &mut cell);
        });
        figure(&format!("cells sealed, 11 bytes, {}", mode.word()), per_second, hmacs);
    }
    let mut opened = Vec::new();
    let per_second = best(|| {
        opened.clear();
        key.open(black_box(&cell), &mut opened).expect("just sealed");
    });
    figure("cells opened, 11 bytes", per_second, tag);
}

/// Rounds are so short that most are not interrupted.
fn best(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 500;
    let mut shortest = Duration::MAX;
    for _ in 0..5_000 {
        let begun = Instant::now();
        for _ in 0..CALLS {
            call();
        }
        shortest = shortest.min(begun.elapsed());
    }
    f64::from(CALLS) / shortest.as_secs_f64()
}

fn figure(what: &str, per_second: f64, hmacs: f64) {
    let met = if per_second >= LEAST { "yes" } else { "no" };
    let [measured, hmacs, least] = [per_second, hmacs, LEAST].map(|rate| rate / 1e6);
    let share = 100.0 * measured / hmacs;
    println!(
        "figure: {what} | {measured:.2} M/s ({share:.0} %) | its HMACs alone {hmacs:.2} M/s | {least:.1} M/s | {met}"
    );
}

criterion_group!(benches, cells, values, figures);
criterion_main!(benches);
