//! Proves that after a power loss at any moment every acknowledged commit is there and none is half there (B3).
//!
//! A real process is traced; the model of `testkit` yields what a disk could hold at each moment.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use strongroom_store::{OpenOptions, RECOVERY_MARKER, SqliteStore};
use strongroom_testkit::store::power::{Disk, Event, Image, trace};

use crate::child::{self, Said};
use crate::workload::boundary;
use crate::{has_strace, rounds};

#[test]
fn a_store_survives_at_every_moment_of_its_life() {
    survives(|_| {}, "commit:14 scrub commit:4 close open commit:5 close");
}

#[test]
fn a_recovery_survives_at_every_moment() {
    survives(
        |directory| {
            let mut child = child::command(&[], directory, "commit:20").spawn().unwrap();
            assert!(child::listen(&mut child).any(|said| said == Said::Acknowledged(20)));
            child.wait().unwrap();
            std::fs::write(directory.join(RECOVERY_MARKER), b"").unwrap();
        },
        "commit:3",
    );
}

/// Traces a child that runs `script` in a directory made by `prepare`, and loses power everywhere.
fn survives(prepare: impl FnOnce(&Path), script: &str) {
    if !has_strace() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().canonicalize().unwrap().join("data");
    strongroom_store::DataDirectory::open_or_create(&data).unwrap();
    prepare(&data);
    let mut disk = Disk::of(&data).unwrap();
    let events = traced(&directory.path().join("trace"), &data, script);
    let mut found = HashMap::new();
    let mut found_after = |image: Image| match found.entry(image) {
        Entry::Occupied(known) => *known.get(),
        Entry::Vacant(new) => {
            let commits = commits_in(new.key());
            *new.insert(commits)
        }
    };
    let mut promised = found_after(disk.lose_power(1));
    for (position, event) in events.iter().enumerate() {
        for round in 0..rounds(2) {
            // Now all is lost, now nothing; and then by chance, differently at each moment.
            let position = position as u64;
            let seed = if round == 0 { position % 2 } else { round + 1_000 * (position + 1) };
            let commits = found_after(disk.lose_power(seed));
            assert!(
                (promised..=promised + 1).contains(&commits),
                "power lost before event {position} (seed {seed}): {promised} promised, {commits} found"
            );
        }
        disk.play(event);
        promised = promises(event).last().unwrap_or(promised);
    }
    assert!(found.len() > 100, "the trace shows a life of the store: {} images", found.len());
}

/// Numbers of the commits that an event acknowledges.
fn promises(event: &Event) -> impl Iterator<Item = u64> {
    let text = match event {
        Event::Said(text) => text.as_str(),
        _ => "",
    };
    text.lines().filter_map(Said::parse).filter_map(|said| match said {
        Said::Acknowledged(number) => Some(number),
        Said::Opened(_) | Said::Scrubbed | Said::Closed => None,
        other => panic!("{other:?}"),
    })
}

fn traced(output: &Path, data: &Path, script: &str) -> Vec<Event> {
    let wrapper = trace::wrapper(output.to_str().unwrap());
    let mut child = child::command(&wrapper, data, script).spawn().unwrap();
    let said: Vec<Said> = child::listen(&mut child).collect();
    assert!(child.wait().unwrap().success(), "{said:?}");
    trace::events(&std::fs::read_to_string(output).unwrap(), data).unwrap()
}

/// How many whole commits a store holds that is opened on these files.
fn commits_in(image: &Image) -> u64 {
    // In memory where there is such a volume: what is tested has happened already.
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    image.write(directory.path()).unwrap();
    if image.files.contains_key("store.db") {
        // Shared memory of dead processes is garbage and must not matter.
        std::fs::write(directory.path().join("store.db-shm"), [0xa5; 32_768]).unwrap();
    }
    let options = OpenOptions { readers: 1, ..OpenOptions::default() };
    let store = SqliteStore::open(directory.path(), options).unwrap();
    boundary(&store)
}
