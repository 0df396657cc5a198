//! Lines per second of processor time onto the trail, next to the bare hashing of the same bytes.

#![allow(clippy::print_stdout, missing_docs)]

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use strongroom_audit::{Place, Trail, TrailSettings, search, verify};
use strongroom_crypto::{hash, mac};
use strongroom_envelope::log::AuditEntry;
use strongroom_envelope::{Id, Timestamp};
use strongroom_secret::MacKey;

const LINES: u64 = 300_000;
const BATCH: u64 = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (name, armed) in [("append+write, locked", false), ("append+write, with MAC", true)] {
        let folder = tempfile::tempdir()?;
        let settings = TrailSettings::new(folder.path(), "vault-1");
        let (mut trail, _) = Trail::create(settings, Timestamp(START))?;
        if armed {
            trail.arm(MacKey::fill_with(|key| *key = [7; 32]));
        }
        let mut entry = entry();
        let mut batches = Vec::new();
        for number in 0..LINES / BATCH {
            let began = ProcessorTime::now();
            for index in 0..BATCH {
                entry.time = Timestamp(START + i64::try_from(number)?);
                let index = u32::try_from(index)?;
                let anchor = (u64::from(index) == BATCH - 1).then_some([5; 32]);
                let place = Place { epoch: number, index, anchor };
                trail.append(&entry, Some(place));
            }
            trail.write()?;
            batches.push(began.elapsed());
        }
        show_batches(name, batches);
        trail.sync()?;
        if armed {
            let settings = TrailSettings::new(folder.path(), "vault-1");
            baseline(&settings)?;
            let began = ProcessorTime::now();
            verify(folder.path(), None)?;
            show("verify", LINES, began);
            let began = ProcessorTime::now();
            Trail::inspect(&settings)?;
            show("inspect the newest segments", LINES, began);
        }
    }
    checkpoints()
}

/// One SHA-256 and one HMAC with a fresh key for each line: what no trail of this format can do without.
fn baseline(settings: &TrailSettings) -> Result<(), Box<dyn std::error::Error>> {
    let mut lines = Vec::new();
    search(&settings.directory, &Default::default(), &mut |_, raw| {
        lines.push(raw.to_vec());
        std::ops::ControlFlow::Continue(())
    })?;
    let bytes: usize = lines.iter().map(Vec::len).sum();
    println!("{:<28} {:>9} bytes", "mean line", bytes / lines.len());
    let mut key = [0; 32];
    let mut batches = Vec::new();
    for batch in lines.chunks_exact(usize::try_from(BATCH)?) {
        let began = ProcessorTime::now();
        for line in batch.iter().filter(|line| line.ends_with(b"\"}")) {
            let digest = hash::sha256(&[line]);
            let code = mac::hmac_sha256(&key, &[&line[..line.len() - 42]]);
            key = hash::sha256(&[b"strongroom/audit-step-next/1", &code, &digest[..0]]);
        }
        batches.push(began.elapsed());
    }
    std::hint::black_box(key);
    show_batches("hashing alone", batches);
    let mut out = Vec::new();
    let mut batches = Vec::new();
    let line = strongroom_envelope::audit_line::parse(&lines[lines.len() - 1])?;
    for _ in 0..1000 {
        let began = ProcessorTime::now();
        for _ in 0..BATCH {
            out.clear();
            strongroom_envelope::audit_line::render(&line, &mut out);
            std::hint::black_box(&mut out);
        }
        batches.push(began.elapsed());
    }
    show_batches("rendering alone", batches);
    Ok(())
}

fn checkpoints() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let settings = TrailSettings::new(folder.path(), "vault-1");
    let (mut trail, _) = Trail::create(settings, Timestamp(START))?;
    let began = std::time::Instant::now();
    for _ in 0..200 {
        trail.append(&entry(), None);
        trail.checkpoint(Timestamp(START))?;
    }
    let each = began.elapsed() / 200;
    println!("{:<28} {:>9} µs each, by the clock", "checkpoint, durable", each.as_micros());
    Ok(())
}

fn entry() -> AuditEntry {
    AuditEntry {
        time: Timestamp(START),
        principal: "token:0190b5a0-0000-7000-8000-000000000000".into(),
        remote: "10.20.30.40:51234".into(),
        operation: "secret.get".into(),
        target: "production/ftp/acme".into(),
        key: Some(Id([3; 16])),
        key_version: 4,
        outcome: "ok".into(),
        count: 0,
        request: Id([9; 16]),
        context: Vec::new(),
    }
}

/// The median, and the best tenth, which is nearer to what a quiet machine does.
fn show_batches(name: &str, mut batches: Vec<Duration>) {
    batches.sort_unstable();
    #[allow(clippy::cast_precision_loss)]
    let rate = |at: usize| BATCH as f64 / batches[at].as_secs_f64();
    let (median, best) = (rate(batches.len() / 2), rate(batches.len() / 10));
    println!("{name:<28} {median:>9.0} /s, best tenth {best:>9.0} /s");
}

/// The time this thread has spent on a processor: on a busy machine the other one says little.
struct ProcessorTime(Duration);

impl ProcessorTime {
    fn now() -> ProcessorTime {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        ProcessorTime(Duration::try_from(time).expect("the processor time is positive"))
    }

    fn elapsed(&self) -> Duration {
        ProcessorTime::now().0.saturating_sub(self.0)
    }
}

fn show(name: &str, count: u64, began: ProcessorTime) {
    #[allow(clippy::cast_precision_loss)]
    let per_second = count as f64 / began.elapsed().as_secs_f64();
    println!("{name:<28} {per_second:>9.0} /s");
}

const START: i64 = 1_764_000_000_123;
