//! Lines per second onto the trail on one core, next to the bare hashing of the same bytes.

#![allow(clippy::print_stdout, missing_docs)]

use std::time::Instant;

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
        let began = Instant::now();
        for number in 0..LINES {
            entry.time = Timestamp(START + i64::try_from(number / 60)?);
            let place = Place { epoch: number, index: 0, anchor: None };
            trail.append(&entry, Some(place));
            if number % BATCH == BATCH - 1 {
                trail.write()?;
            }
        }
        trail.write()?;
        show(name, LINES, began);
        let began = Instant::now();
        trail.sync()?;
        println!("{:<28} {:>9.1} ms", "sync", began.elapsed().as_secs_f64() * 1e3);
        if armed {
            let settings = TrailSettings::new(folder.path(), "vault-1");
            baseline(&settings)?;
            let began = Instant::now();
            verify(folder.path(), None)?;
            show("verify", LINES, began);
            let began = Instant::now();
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
    let began = Instant::now();
    let mut key = [0; 32];
    for line in &lines {
        let digest = hash::sha256(&[line]);
        let code = mac::hmac_sha256(&key, &[&line[..line.len() - 42]]);
        key = hash::sha256(&[&code, &digest]);
    }
    std::hint::black_box(key);
    show("hashing alone", lines.len() as u64, began);
    Ok(())
}

fn checkpoints() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let settings = TrailSettings::new(folder.path(), "vault-1");
    let (mut trail, _) = Trail::create(settings, Timestamp(START))?;
    let began = Instant::now();
    for _ in 0..200 {
        trail.append(&entry(), None);
        trail.checkpoint(Timestamp(START))?;
    }
    show("checkpoints, durable", 200, began);
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
    }
}

fn show(name: &str, count: u64, began: Instant) {
    #[allow(clippy::cast_precision_loss)]
    let per_second = count as f64 / began.elapsed().as_secs_f64();
    println!("{name:<28} {per_second:>9.0} /s");
}

const START: i64 = 1_764_000_000_123;
