//! The keeper in process: durable creates and updates at 64 clients against raw group-committed SQLite, the start with 100,000
//! records, memory per record. Set `STRONGROOM_BENCH_DIR` to measure on a certain volume.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use strongroom_engine::job::{JobState, Show};
use strongroom_engine::key::Rotate;
use strongroom_engine::name::{Name, Selector};
use strongroom_engine::policy::{Channel, Identity, Principal, Role};
use strongroom_engine::secret::{Get, Put};
use strongroom_envelope::{Id, RecordKey, RecordKind};
use strongroom_keeper::facade::Caller;
use strongroom_keeper::journal::{Journal, Severity};
use strongroom_keeper::{Keeper, ProtectorSettings, Settings};
use strongroom_secret::SecretBytes;
use strongroom_store::{Batch, Change, OpenOptions, SqliteStore, Store};

const CLIENTS: u64 = 64;
const EACH: Duration = Duration::from_secs(4);
const SECRETS: u64 = 100_000;
/// Secrets of the instance whose start is measured: each is two records.
const STARTED: u64 = 50_000;
/// Sealed sizes of the three rows of a create with a 32-byte value: head, version; the log record is per batch.
const HEAD_ROW: usize = 160;
const VERSION_ROW: usize = 300;

struct Silent;

impl Journal for Silent {
    fn event(&self, _: Severity, _: &str, _: &str) {}
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    if let Some(folder) = std::env::var_os(START) {
        return start(Path::new(&folder));
    }
    let folder = match std::env::var_os("STRONGROOM_BENCH_DIR") {
        Some(parent) => tempfile::tempdir_in(parent).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let raw = raw_creates(folder.path());
    let keeper = Keeper::open(settings(folder.path())).unwrap().0;
    runtime.spawn(keeper.deliver());
    let created = Arc::new(AtomicU64::new(0));
    let creates = rate(&runtime, &keeper, |number| put(format!("bench/{number:09}")), &created);
    figure(
        "durable secret creates, 64 clients, in process",
        creates,
        "/s",
        &format!("raw SQLite {raw:.0}/s"),
        creates / raw,
        0.40,
    );
    fill(&runtime, &keeper, &created, SECRETS);
    let there = created.load(Ordering::Relaxed).min(keeper.status().secrets);
    let updated = Arc::new(AtomicU64::new(0));
    let updates = rate(&runtime, &keeper, move |number| put(format!("bench/{:09}", scatter(number) % there)), &updated);
    figure("random updates among 100,000 secrets, in process", updates, "/s", "8,000/s", updates / 8000.0, 1.0);
    let reads = rate_reads(&runtime, &keeper, there);
    println!("reads in process, audited: {reads:.0}/s");
    rotation(&runtime, &keeper, there);
    keeper.stop();
    drop(keeper);
    let fresh = folder.path().join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    let keeper = Keeper::open(settings(&fresh)).unwrap().0;
    fill(&runtime, &keeper, &Arc::default(), STARTED);
    keeper.stop();
    runtime.shutdown_background();
    drop(keeper);
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    Keeper::open(settings(&empty)).unwrap().0.stop();
    started(&empty, &fresh);
}

/// Sealing everything again under a new version: with nothing else to do, and beside reads, whose slowest are compared.
fn rotation(runtime: &tokio::runtime::Runtime, keeper: &Keeper, there: u64) {
    let (values, seconds) = rotated(runtime, keeper);
    let rate = values / seconds;
    let what = format!("{values:.0} stored values sealed again, no other load");
    figure(&what, rate, "/s", "50,000/s", rate / 50_000.0, 1.0);
    let before = slowest(runtime, keeper, there, &|| ());
    let during = slowest(runtime, keeper, there, &|| {
        rotated(runtime, keeper);
    });
    figure(
        "slowest 1 % of reads beside it",
        during * 1e3,
        " ms",
        &format!("{:.2} ms without", before * 1e3),
        2.0 * before / during,
        1.0,
    );
}

/// Leaves the processors to others for a moment.
fn rest(runtime: &tokio::runtime::Runtime, milliseconds: u64) {
    let moment = Duration::from_millis(milliseconds);
    let _over = runtime.block_on(async { tokio::time::timeout(moment, std::future::pending::<()>()).await });
}

/// Makes a new version and waits for the job: how many values, how long.
fn rotated(runtime: &tokio::runtime::Runtime, keeper: &Keeper) -> (f64, f64) {
    let selector = Selector::Name(Name::parse("secrets").unwrap());
    let began = Instant::now();
    let rotate = Rotate { selector, reencrypt: true, expected_version: None, rate: None };
    let id = runtime.block_on(keeper.execute(caller(), rotate)).unwrap().job.unwrap();
    loop {
        let job = runtime.block_on(keeper.execute(caller(), Show { id })).unwrap();
        if job.state == JobState::Done {
            return (job.total as f64, began.elapsed().as_secs_f64());
        }
        rest(runtime, 25);
    }
}

/// The time in seconds that 99 of 100 reads do not take longer than, of eight clients, while `beside` runs again and again.
fn slowest(runtime: &tokio::runtime::Runtime, keeper: &Keeper, there: u64, beside: &dyn Fn()) -> f64 {
    let ended = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let clients: Vec<_> = (0..8_u64)
        .map(|client| {
            let (keeper, ended) = (keeper.clone(), Arc::clone(&ended));
            runtime.spawn(async move {
                let mut times = Vec::new();
                while !ended.load(Ordering::Relaxed) {
                    let number = scatter(client * 1_000_003 + times.len() as u64) % there;
                    let selector = Selector::Name(Name::parse(&format!("bench/{number:09}")).unwrap());
                    let began = Instant::now();
                    keeper.execute(caller(), Get { selector, version: None }).await.unwrap();
                    times.push(began.elapsed());
                }
                times
            })
        })
        .collect();
    let deadline = Instant::now() + EACH;
    while Instant::now() < deadline {
        beside();
        rest(runtime, 20);
    }
    ended.store(true, Ordering::Relaxed);
    let mut times: Vec<Duration> = clients.into_iter().flat_map(|client| runtime.block_on(client).unwrap()).collect();
    times.sort_unstable();
    times[times.len() * 99 / 100].as_secs_f64()
}

/// What an instance needs with records, above what it needs with none.
fn started(empty: &Path, full: &Path) {
    let [_, _, _, nothing] = measured_start(empty);
    let [records, secrets, milliseconds, memory] = measured_start(full);
    let per_second = records / milliseconds * 1000.0;
    figure(
        &format!("start: {records} records of {secrets} secrets opened and verified in {milliseconds} ms"),
        per_second,
        " records/s",
        "100,000 records in 1 s",
        per_second / 100_000.0,
        1.0,
    );
    let name = 15.0;
    let (memory, allowed) = (memory - nothing, records * 100.0 + secrets * (name + 64.0));
    let baseline = format!("{:.1} MB allowed", allowed / 1e6);
    figure("memory after a start", memory / 1e6, " MB", &baseline, allowed / memory, 1.0);
}

/// Set for the process that measures a start.
const START: &str = "STRONGROOM_BENCH_START";

/// Starts in a process of its own: records, secrets, milliseconds, bytes.
fn measured_start(folder: &Path) -> [f64; 4] {
    let output = Command::new(std::env::current_exe().unwrap()).env(START, folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut figures = text.split_whitespace().map(|figure| figure.parse().unwrap());
    std::array::from_fn(|_| figures.next().unwrap())
}

fn start(folder: &Path) {
    let before = resident();
    let began = Instant::now();
    let (keeper, _) = Keeper::open(settings(folder)).unwrap();
    let milliseconds = began.elapsed().as_millis();
    let status = keeper.status();
    println!("{} {} {milliseconds} {}", status.records, status.secrets, resident().saturating_sub(before));
    keeper.stop();
}

fn figure(what: &str, measured: f64, unit: &str, baseline: &str, ratio: f64, least: f64) {
    let met = if ratio >= least { "yes" } else { "no" };
    println!(
        "figure: {what} | {measured:.1}{unit} ({:.0} %) | {baseline} | {:.0} % | {met}",
        ratio * 100.0,
        least * 100.0
    );
}

fn settings(folder: &Path) -> Settings {
    let machine_id = folder.join("machine-id");
    std::fs::write(&machine_id, "0123456789abcdef0123456789abcdef\n").unwrap();
    Settings {
        data: folder.join("data"),
        anchor_directory: folder.join("anchor"),
        audit_directory: None,
        protector: ProtectorSettings {
            account_dir: Some(folder.join("account")),
            machine_dir: Some(folder.join("machine")),
            machine_id_file: Some(machine_id),
            ..ProtectorSettings::default()
        },
        machine_protector: true,
        node: "bench".into(),
        root_id: None,
        deleted_retention_ms: i64::MAX / 4,
        look_every: strongroom_keeper::LOOK_EVERY,
        workers: 2,
        journal: Arc::new(Silent),
    }
}

fn caller() -> Caller {
    let identity = Identity::Peer { uid: 0 };
    Caller {
        principal: Principal { identity, role: Some(Role::Admin), channel: Channel::Local },
        remote: "unix".into(),
        request_id: Id([7; 16]),
        retry: None,
    }
}

fn put(name: String) -> Put {
    Put::new(Selector::Name(Name::parse(&name).unwrap()), SecretBytes::from_slice(&[7; 32]))
}

/// Numbers that wander over the whole range.
fn scatter(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

/// Runs 64 clients for a while on two threads; each draws its numbers from `next`.
fn rate(
    runtime: &tokio::runtime::Runtime,
    keeper: &Keeper,
    operation: impl Fn(u64) -> Put + Send + Sync + Copy + 'static,
    next: &Arc<AtomicU64>,
) -> f64 {
    let began = Instant::now();
    let deadline = began + EACH;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (keeper, next) = (keeper.clone(), Arc::clone(next));
            runtime.spawn(async move {
                let mut count = 0_u64;
                while Instant::now() < deadline {
                    keeper.execute(caller(), operation(next.fetch_add(1, Ordering::Relaxed))).await.unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let count: u64 = clients.into_iter().map(|client| runtime.block_on(client).unwrap()).sum();
    count as f64 / began.elapsed().as_secs_f64()
}

fn rate_reads(runtime: &tokio::runtime::Runtime, keeper: &Keeper, there: u64) -> f64 {
    let began = Instant::now();
    let deadline = began + EACH;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let keeper = keeper.clone();
            runtime.spawn(async move {
                let mut count = 0_u64;
                while Instant::now() < deadline {
                    let name = format!("bench/{:09}", scatter(count * CLIENTS + client) % there);
                    let get = Get { selector: Selector::Name(Name::parse(&name).unwrap()), version: None };
                    keeper.execute(caller(), get).await.unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let count: u64 = clients.into_iter().map(|client| runtime.block_on(client).unwrap()).sum();
    count as f64 / began.elapsed().as_secs_f64()
}

/// Until there are 100,000 secrets.
fn fill(runtime: &tokio::runtime::Runtime, keeper: &Keeper, next: &Arc<AtomicU64>, secrets: u64) {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (keeper, next) = (keeper.clone(), Arc::clone(next));
            runtime.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= secrets {
                        return;
                    }
                    keeper.execute(caller(), put(format!("bench/{number:09}"))).await.unwrap();
                }
            })
        })
        .collect();
    for client in clients {
        runtime.block_on(client).unwrap();
    }
}

/// The same rows in the same order by the store alone: 64 clients, one writer that takes what waits, no timer.
fn raw_creates(folder: &Path) -> f64 {
    let directory = folder.join("raw");
    std::fs::create_dir(&directory).unwrap();
    let store = SqliteStore::open(&directory, OpenOptions::default()).unwrap();
    let (jobs, waiting) = mpsc::sync_channel::<([u8; 17], [u8; 17], mpsc::SyncSender<()>)>(4096);
    let began = Instant::now();
    let deadline = began + EACH;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let jobs = jobs.clone();
            std::thread::spawn(move || {
                let mut count = 0_u64;
                while Instant::now() < deadline {
                    let milliseconds = i64::try_from(began.elapsed().as_millis()).unwrap();
                    let mut random = [0; 10];
                    random[..8].copy_from_slice(&scatter(count * CLIENTS + client).to_be_bytes());
                    let id = Id::v7(milliseconds, random);
                    let (answer, answered) = mpsc::sync_channel(1);
                    let head = RecordKey::new(RecordKind::Secret, id).to_bytes();
                    let version = RecordKey::new(RecordKind::SecretVersion, id).to_bytes();
                    jobs.send((head, version, answer)).unwrap();
                    answered.recv().unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    drop(jobs);
    let mut epoch = 0;
    while let Ok(first) = waiting.recv() {
        let batch: Vec<_> = std::iter::once(first).chain(waiting.try_iter().take(1023)).collect();
        epoch += 1;
        let log = RecordKey::log(epoch).to_bytes();
        let log_value = vec![7; 400 + batch.len() * 420];
        let mut changes = vec![Change::Put { key: &log, value: &log_value }];
        for (head, version, _) in &batch {
            changes.push(Change::Put { key: head, value: &[7; HEAD_ROW] });
            changes.push(Change::Put { key: version, value: &[7; VERSION_ROW] });
        }
        store.commit(&Batch { absent: Vec::new(), changes }).unwrap();
        for (_, _, answer) in batch {
            answer.send(()).unwrap();
        }
    }
    let count: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
    count as f64 / began.elapsed().as_secs_f64()
}

/// Resident memory that is not a file's: the program itself is not counted.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes * 1024
}
