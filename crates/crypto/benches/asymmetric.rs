//! What signing costs, per algorithm: reading a key, signing, verifying.

#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use strongroom_crypto::asymmetric::{Algorithm, PrivateKey, PublicKey};

fn algorithms(criterion: &mut Criterion) {
    for algorithm in Algorithm::ALL {
        let key = PrivateKey::generate(algorithm);
        let (pkcs8, spki, signature) = (key.to_pkcs8(), key.public_spki(), key.sign(b"message"));
        let public = PublicKey::from_spki(algorithm, &spki).expect("just made");
        let mut group = criterion.benchmark_group(format!("{algorithm:?}"));
        group.bench_function("from_pkcs8", |bencher| {
            bencher.iter(|| PrivateKey::from_pkcs8(algorithm, black_box(&pkcs8)).expect("just made"));
        });
        group.bench_function("from_spki", |bencher| {
            bencher.iter(|| PublicKey::from_spki(algorithm, black_box(&spki)).expect("just made"));
        });
        group.bench_function("sign", |bencher| bencher.iter(|| key.sign(black_box(b"message"))));
        group.bench_function("verify", |bencher| bencher.iter(|| public.verify(black_box(b"message"), &signature)));
        group.sample_size(10);
        group.bench_function("generate", |bencher| bencher.iter(|| PrivateKey::generate(algorithm)));
    }
}

criterion_group!(benches, algorithms);
criterion_main!(benches);
