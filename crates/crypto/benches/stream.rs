//! What a stream of 1 GiB costs, beside raw AES-256-GCM on as many bytes in the same run.

#![allow(missing_docs)]

use std::hint::black_box;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use strongroom_crypto::stream::{FRAME, Opener, SEALED_FRAME, Sealer};
use strongroom_secret::SecretBytes;

const GIB: u64 = 1 << 30;
const FRAMES: u64 = GIB / FRAME as u64;
/// Each frame opens at its own number only, so all that are opened must be at hand.
const HELD: u64 = 256;

fn raw_key() -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[1; 32]).expect("a key of 32 bytes"))
}

fn raw_nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn seal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stream_seal_1_gib");
    group.throughput(Throughput::Bytes(GIB)).sample_size(10);
    group.bench_function("raw_aes_256_gcm", |bencher| {
        let (key, mut buffer) = (raw_key(), vec![5; FRAME]);
        bencher.iter(|| {
            for number in 0..FRAMES {
                let tag = key.seal_in_place_separate_tag(raw_nonce(number), Aad::empty(), black_box(&mut buffer));
                let _tag = black_box(tag.expect("within the length of one message"));
            }
        });
    });
    group.bench_function("stream", |bencher| {
        let mut frame = Box::new([5; SEALED_FRAME]);
        bencher.iter(|| {
            let mut sealer = Sealer::new(&[1; 32], &mut vec![0; 140]);
            for _ in 1..FRAMES {
                sealer.seal_next(black_box(&mut frame)).expect("far from full");
            }
            sealer.seal_last(black_box(&mut frame[..]));
        });
    });
}

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stream_open_16_mib");
    group.throughput(Throughput::Bytes(HELD * FRAME as u64));
    group.bench_function("raw_aes_256_gcm", |bencher| {
        let key = raw_key();
        let seal = |number| {
            let mut frame = vec![5; FRAME];
            key.seal_in_place_append_tag(raw_nonce(number), Aad::empty(), &mut frame).expect("it fits");
            frame
        };
        let sealed: Vec<Vec<u8>> = (0..HELD).map(seal).collect();
        let mut out = vec![0; FRAME];
        bencher.iter(|| {
            for (number, frame) in (0..HELD).zip(&sealed) {
                let (ciphertext, tag) = frame.split_at(FRAME);
                let opened = key.open_separate_gather(raw_nonce(number), Aad::empty(), ciphertext, tag, &mut out);
                opened.expect("just sealed");
            }
        });
    });
    group.bench_function("stream", |bencher| {
        let mut header = vec![0; 140];
        let mut sealer = Sealer::new(&[1; 32], &mut header);
        let mut sealed: Vec<Box<[u8; SEALED_FRAME]>> = (0..HELD).map(|_| Box::new([5; SEALED_FRAME])).collect();
        let (last, others) = sealed.split_last_mut().expect("there are frames");
        others.iter_mut().for_each(|frame| sealer.seal_next(frame).expect("far from full"));
        sealer.seal_last(&mut last[..]);
        let mut out = SecretBytes::with_capacity(FRAME);
        bencher.iter(|| {
            let mut opener = Opener::new(&[1; 32], &header);
            let (last, others) = sealed.split_last().expect("there are frames");
            others.iter().for_each(|frame| opener.open_next(frame, &mut out).expect("just sealed"));
            opener.open_last(&last[..], &mut out).expect("just sealed");
        });
    });
}

criterion_group!(benches, seal, open);
criterion_main!(benches);
