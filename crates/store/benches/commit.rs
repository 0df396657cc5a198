//! Rates of the store alone: grouped commits with time-ordered and with random keys, point reads, scans.
//!
//! Prints one line per measurement. Set `STRONGROOM_BENCH_DIR` to measure on a certain volume.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use strongroom_store::{Batch, Change, OpenOptions, SqliteStore, Store};

static PUTS: AtomicU64 = AtomicU64::new(0);

/// A sealed secret version of 64 bytes is about as long.
const VALUE: usize = 300;
const STORED: u64 = 100_000;
const EACH: Duration = Duration::from_secs(3);

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let directory = match std::env::var_os("STRONGROOM_BENCH_DIR") {
        Some(volume) => tempfile::tempdir_in(volume),
        None => tempfile::tempdir(),
    }
    .unwrap();
    let store = SqliteStore::open(directory.path(), OpenOptions::default()).unwrap();
    let mut keys = Keys { drawn: 1, clock: 0 };
    let began = Instant::now();
    let stored: Vec<[u8; 17]> = (0..STORED).map(|_| keys.ordered()).collect();
    for chunk in stored.chunks(1_000) {
        put(&store, chunk);
    }
    println!("fill, batches of 1000: {:.0} rows/s", STORED as f64 / began.elapsed().as_secs_f64());
    reads(&store, &stored);
    for size in [1, 64, 1_000] {
        rate(&format!("time-ordered keys, batches of {size}"), size, || {
            let batch: Vec<_> = (0..size).map(|_| keys.ordered()).collect();
            put(&store, &batch);
        });
    }
    rate("updates of random records, batches of 64", 64, || {
        let batch: Vec<_> = (0..64).map(|_| stored[keys.random_number(STORED) as usize]).collect();
        put(&store, &batch);
    });
    for size in [64, 1_000] {
        rate(&format!("random keys, batches of {size}"), size, || {
            let batch: Vec<_> = (0..size).map(|_| keys.random()).collect();
            put(&store, &batch);
        });
    }
    clients(&store, &mut keys);
    scan(&store);
    let began = Instant::now();
    store.scrub().unwrap();
    println!("scrub: {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    Box::new(store).close().unwrap();
    let bytes = std::fs::metadata(directory.path().join("store.db")).unwrap().len();
    println!("file: {} MiB", bytes >> 20);
}

fn put(store: &SqliteStore, keys: &[[u8; 17]]) {
    // SQLite does not write a value that is there already, so each batch has another.
    let mut value = [7; VALUE];
    value[..17].copy_from_slice(&keys[0]);
    value[17..25].copy_from_slice(&PUTS.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let changes = keys.iter().map(|key| Change::Put { key, value: &value }).collect();
    store.commit(&Batch { absent: vec![], changes }).unwrap();
}

fn rate(what: &str, rows: usize, mut commit: impl FnMut()) {
    let began = Instant::now();
    let mut longest = Duration::ZERO;
    let mut commits = 0;
    while began.elapsed() < EACH {
        let commit_began = Instant::now();
        commit();
        longest = longest.max(commit_began.elapsed());
        commits += 1;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{what}: {:.0} rows/s, {:.0} commits/s, longest {:.1} ms",
        (commits * rows) as f64 / seconds,
        f64::from(commits as u32) / seconds,
        longest.as_secs_f64() * 1e3
    );
}

/// 64 clients that each wait for their commit; one thread gathers what waits.
fn clients(store: &SqliteStore, keys: &mut Keys) {
    let (jobs, waiting) = mpsc::sync_channel::<([u8; 17], mpsc::SyncSender<()>)>(64);
    let keys: Vec<Vec<[u8; 17]>> = (0..64).map(|_| (0..20_000).map(|_| keys.ordered()).collect()).collect();
    let began = Instant::now();
    let (mut commits, mut rows) = (0, 0);
    std::thread::scope(|scope| {
        for keys in &keys {
            let jobs = jobs.clone();
            scope.spawn(move || {
                let (answer, answered) = mpsc::sync_channel(1);
                for key in keys.iter().take_while(|_| began.elapsed() < EACH) {
                    jobs.send((*key, answer.clone())).unwrap();
                    answered.recv().unwrap();
                }
            });
        }
        drop(jobs);
        while let Ok(first) = waiting.recv() {
            let gathered: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
            put(store, &gathered.iter().map(|(key, _)| *key).collect::<Vec<_>>());
            commits += 1;
            rows += gathered.len();
            gathered.iter().for_each(|(_, answer)| answer.send(()).unwrap());
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    println!("64 clients, grouped: {:.0} rows/s, {:.0} commits/s", rows as f64 / seconds, f64::from(commits) / seconds);
}

fn reads(store: &SqliteStore, stored: &[[u8; 17]]) {
    for count in [1, 2, 4, 8] {
        for (kind, step) in [("hot", 0), ("spread", 7_919)] {
            let asked: Vec<Vec<&[u8]>> = (0..5_000)
                .map(|read| (0..count).map(move |key| &stored[(read * step + key * 31) % stored.len()][..]))
                .map(Iterator::collect)
                .collect();
            let round = || {
                let (began, busy) = (Instant::now(), processor_time());
                asked.iter().for_each(|keys| assert!(store.read(keys).unwrap()[0].is_some()));
                (began.elapsed(), processor_time() - busy)
            };
            let rounds: Vec<_> = (0..20).map(|_| round()).collect();
            let each = |time: Option<Duration>| time.unwrap().as_secs_f64() * 1e6 / asked.len() as f64;
            println!(
                "read of {count} keys, {kind}: {:.2} µs, on the processor {:.2} µs (best of 20 rounds)",
                each(rounds.iter().map(|round| round.0).min()),
                each(rounds.iter().map(|round| round.1).min())
            );
        }
    }
}

/// Time this thread spent on a processor: what a read costs also on a machine that is busy otherwise.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn scan(store: &SqliteStore) {
    let began = Instant::now();
    let mut rows = 0;
    store
        .scan(b"", &mut |_, _| {
            rows += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    println!("scan: {:.0} rows/s of {rows}", f64::from(rows) / began.elapsed().as_secs_f64());
}

/// Keys as records have them: a kind, then a UUID that begins with the time, or one that does not.
struct Keys {
    drawn: u64,
    clock: u64,
}

impl Keys {
    fn ordered(&mut self) -> [u8; 17] {
        self.clock += 1;
        let mut key = self.random();
        key[1..9].copy_from_slice(&self.clock.to_be_bytes());
        key
    }

    fn random(&mut self) -> [u8; 17] {
        let mut key = [0x12; 17];
        key[1..9].copy_from_slice(&self.random_number(u64::MAX).to_be_bytes());
        key[9..].copy_from_slice(&self.random_number(u64::MAX).to_be_bytes());
        key
    }

    fn random_number(&mut self, below: u64) -> u64 {
        self.drawn = self.drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.drawn ^ (self.drawn >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 32)) % below
    }
}
