//! What sealing and opening cost, beside raw AES-256-GCM in the same run.

#![allow(missing_docs)]

use std::hint::black_box;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use strongroom_crypto::{NONCE, OVERHEAD, SealingKey, TAG};
use strongroom_secret::SecretBytes;

/// As long as the associated data of a record.
const AAD: &[u8] = &[7; 52];

fn seal_open_64(criterion: &mut Criterion) {
    let key = SealingKey::new(&[1; 32]);
    let mut group = criterion.benchmark_group("seal_open_64");
    group.throughput(Throughput::Elements(1));
    group.bench_function("kc_xaes_append", |bencher| {
        let mut sealed = Vec::with_capacity(64 + OVERHEAD);
        let mut opened = SecretBytes::with_capacity(64);
        bencher.iter(|| {
            sealed.clear();
            opened.clear();
            key.seal_append(&[AAD], black_box(&[5; 64]), &mut sealed);
            key.open_append(&[AAD], &sealed, &mut opened).expect("just sealed");
            black_box(opened.expose()[0])
        });
    });
    group.bench_function("kc_xaes_in_place", |bencher| {
        let mut buffer = [5; 64 + OVERHEAD];
        bencher.iter(|| {
            key.seal_in_place(&[AAD], black_box(&mut buffer));
            key.open_in_place(&[AAD], black_box(&mut buffer)).expect("just sealed")
        });
    });
    group.bench_function("raw_aes_256_gcm", |bencher| {
        let mut buffer = [5; 64 + TAG];
        bencher.iter(|| raw_seal_open(&raw_key(), black_box(&mut buffer)));
    });
    group.finish();
}

fn seal_open_1_mib(criterion: &mut Criterion) {
    const MIB: usize = 1 << 20;
    let key = SealingKey::new(&[1; 32]);
    let mut group = criterion.benchmark_group("seal_open_1_mib");
    group.throughput(Throughput::Bytes(2 * MIB as u64));
    group.bench_function("kc_xaes_in_place", |bencher| {
        let mut buffer = vec![5; MIB + OVERHEAD];
        bencher.iter(|| {
            key.seal_in_place(&[AAD], black_box(&mut buffer));
            key.open_in_place(&[AAD], black_box(&mut buffer)).expect("just sealed")
        });
    });
    group.bench_function("raw_aes_256_gcm", |bencher| {
        let key = raw_key();
        let mut buffer = vec![5; MIB + TAG];
        bencher.iter(|| raw_seal_open(&key, black_box(&mut buffer)));
    });
    group.bench_function("kc_xaes_append", |bencher| {
        let plaintext = vec![5; MIB];
        let mut sealed = Vec::with_capacity(MIB + OVERHEAD);
        let mut opened = SecretBytes::with_capacity(MIB);
        bencher.iter(|| {
            sealed.clear();
            opened.clear();
            key.seal_append(&[AAD], black_box(&plaintext), &mut sealed);
            key.open_append(&[AAD], &sealed, &mut opened).expect("just sealed");
        });
    });
    group.finish();
}

fn parts(criterion: &mut Criterion) {
    let key = SealingKey::new(&[1; 32]);
    let mut group = criterion.benchmark_group("parts");
    group.bench_function("expand_key", |bencher| {
        bencher.iter(|| SealingKey::new(black_box(&[1; 32])));
    });
    group.bench_function("seal_empty", |bencher| {
        let mut buffer = [0; OVERHEAD];
        bencher.iter(|| key.seal_in_place(&[], black_box(&mut buffer)));
    });
    group.bench_function("refuse_by_commitment", |bencher| {
        let mut sealed = Vec::new();
        key.seal_append(&[], b"", &mut sealed);
        sealed[NONCE + TAG] ^= 1;
        let mut opened = SecretBytes::new();
        bencher.iter(|| key.open_append(&[], black_box(&sealed), &mut opened).is_err());
    });
    group.finish();
}

fn raw_key() -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[1; 32]).expect("a key of 32 bytes"))
}

fn raw_seal_open(key: &LessSafeKey, buffer: &mut [u8]) {
    let end = buffer.len() - TAG;
    let nonce = || Nonce::assume_unique_for_key([9; 12]);
    let tag = key
        .seal_in_place_separate_tag(nonce(), Aad::from(AAD), &mut buffer[..end])
        .expect("within the length of one message");
    buffer[end..].copy_from_slice(tag.as_ref());
    key.open_in_place(nonce(), Aad::from(AAD), buffer).expect("just sealed");
}

criterion_group!(benches, seal_open_64, seal_open_1_mib, parts);
criterion_main!(benches);
