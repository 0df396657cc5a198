//! What encryption in the application costs with a cached data key, beside sealing a value in the same process and run.

#![allow(missing_docs)]

use std::convert::Infallible;
use std::hint::black_box;
use std::io;
use std::io::Read;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use strongroom_client::{Context, DataKeys, FreshDataKey, LocalCipher, LocalLimits, SealedDataKey, stream};
use strongroom_crypto::{OVERHEAD, SealingKey, random};
use strongroom_envelope::Id;
use strongroom_envelope::value::{self, Place, Purpose};
use strongroom_secret::{DataKey, SecretBytes};
use tokio::runtime::{Builder, Runtime};

/// Data keys without a server.
struct Own(SealingKey);

impl DataKeys for Own {
    type Error = Infallible;

    async fn generate(&self, _key: &str, context: &Context) -> Result<FreshDataKey, Infallible> {
        let data_key = DataKey::fill_with(|bytes| random::fill(bytes));
        let place = Place::Context(context);
        let sealed = SealedDataKey::seal(&self.0, Purpose::Values, Id([9; 16]), 1, &place, &data_key);
        Ok(FreshDataKey { data_key, sealed })
    }

    async fn open(&self, _key: &str, sealed: &SealedDataKey, context: &Context) -> Result<DataKey, Infallible> {
        Ok(sealed.open(&self.0, &Place::Context(context)).expect("sealed above"))
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime of one thread")
}

/// Limits that are not reached; how dear a new data key is depends on the server.
fn unlimited() -> LocalLimits {
    LocalLimits { messages: u64::MAX, bytes: u64::MAX, ..LocalLimits::default() }
}

fn values_64(criterion: &mut Criterion) {
    let context = Context::new([("tenant", "acme"), ("column", "iban")]).expect("two short pairs");
    let sealing = SealingKey::new(&[1; 32]);
    let (runtime, cipher) = (runtime(), LocalCipher::new(Own(SealingKey::new(&[7; 32])), "orders", unlimited()));
    let mut group = criterion.benchmark_group("local_64");
    group.throughput(Throughput::Elements(1));
    group.bench_function("sealed_value_seal", |bencher| {
        bencher.iter(|| {
            let mut sealed = Vec::new();
            let (place, plaintext) = (Place::Context(&context), black_box(&[5; 64]));
            value::seal(&sealing, Purpose::Values, Id([9; 16]), 1, &place, plaintext, &mut sealed);
            sealed
        });
    });
    group.bench_function("encrypt", |bencher| {
        runtime.block_on(async {
            bencher.iter(|| at_once(cipher.encrypt(&context, black_box(&[5; 64]))).expect("no server, no failure"));
        });
    });
    let mut sealed = Vec::new();
    value::seal(&sealing, Purpose::Values, Id([9; 16]), 1, &Place::Context(&context), &[5; 64], &mut sealed);
    group.bench_function("sealed_value_open", |bencher| {
        bencher.iter(|| {
            let mut out = SecretBytes::with_capacity(64);
            let place = Place::Context(&context);
            value::open(&sealing, Purpose::Values, &place, black_box(&sealed), &mut out).expect("just sealed");
            out
        });
    });
    let encrypted = runtime.block_on(cipher.encrypt(&context, &[5; 64])).expect("no server, no failure");
    group.bench_function("decrypt", |bencher| {
        runtime.block_on(async {
            bencher.iter(|| at_once(cipher.decrypt(&context, black_box(&encrypted))).expect("just encrypted"));
        });
    });
}

/// The result of a future that does not wait: its data key is cached.
fn at_once<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => unreachable!("nothing is waited for"),
    }
}

fn streams(criterion: &mut Criterion) {
    const LENGTH: usize = 64 * 1024 * 1024;
    const MIB: usize = 1024 * 1024;
    let key = runtime().block_on(Own(SealingKey::new(&[7; 32])).generate("", &Context::empty()));
    let key = key.expect("no server, no failure");
    let mut group = criterion.benchmark_group("stream_64_mib");
    group.throughput(Throughput::Bytes(LENGTH as u64)).sample_size(20);
    group.bench_function("sealed_in_place_1_mib_each", |bencher| {
        let (sealing, mut buffer) = (SealingKey::new(&[1; 32]), vec![5; MIB + OVERHEAD]);
        bencher.iter(|| {
            for _ in 0..LENGTH / MIB {
                sealing.seal_in_place(&[], black_box(&mut buffer));
            }
        });
    });
    group.bench_function("seal_reader_to_writer", |bencher| {
        bencher.iter(|| {
            let mut from = io::repeat(5).take(LENGTH as u64);
            stream::seal(&key, &mut from, &mut io::sink(), |_| ()).expect("neither end fails")
        });
    });
    group.bench_function("open_reader_to_writer", |bencher| {
        let (mut sealed, mut from) = (Vec::new(), io::repeat(5).take(LENGTH as u64));
        stream::seal(&key, &mut from, &mut sealed, |_| ()).expect("neither end fails");
        bencher.iter(|| {
            let mut from = &sealed[..];
            let header = stream::read_header(&mut from).expect("just sealed");
            stream::open(&key.data_key, &header, &mut from, &mut io::sink(), |_| ()).expect("just sealed")
        });
    });
}

criterion_group!(benches, values_64, streams);
criterion_main!(benches);
