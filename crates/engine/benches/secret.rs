//! What the rules of put and get cost, all their runs together, with the facts at hand and no store behind them.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_crypto::SealingKey;
use strongroom_engine::key::State;
use strongroom_engine::name::{Name, Selector};
use strongroom_engine::policy::Principal;
use strongroom_engine::rule::{
    Answers, Change, Done, Facts, KeyHandle, Material, Need, Opened, Operation, Randomness, Stop,
};
use strongroom_engine::secret::{Get, Put};
use strongroom_envelope::value::Purpose;
use strongroom_envelope::{Generation, Id, RecordKey, Timestamp};
use strongroom_secret::SecretBytes;

const NAME: &str = "ftp/acme";
const BATCHES: usize = 1_000;

fn main() {
    for (label, bytes, per_batch) in [("64 B", 64, 2_000), ("4 KiB", 4096, 500), ("1 MiB", 1 << 20, 2)] {
        let mut stored = Stored::default();
        let put = put(bytes);
        stored.keep(run(&stored, &put).commit.changes);
        for _ in 0..9 {
            stored.keep(run(&stored, &put).commit.changes);
        }
        let get = Get { selector: selector(), version: None };
        show(&format!("get {label}, 10 versions"), per_batch, || drop(black_box(run(&stored, &get).reply)));
        show(&format!("put {label}, 10 versions"), per_batch, || drop(black_box(run(&stored, &put).commit)));
        let empty = Stored::default();
        show(&format!("create {label}"), per_batch, || drop(black_box(run(&empty, &put).commit)));
    }
}

/// Prints the fastest and the middle batch: what else the machine does makes batches slower, never faster.
fn show(label: &str, per_batch: u32, mut operation: impl FnMut()) {
    // The first argument that is no option chooses the rows, as for other benchmarks.
    let chosen = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if chosen.is_some_and(|chosen| !label.contains(&chosen)) {
        return;
    }
    let mut batches: Vec<Duration> = (0..BATCHES)
        .map(|_| {
            let began = Instant::now();
            (0..per_batch).for_each(|_| operation());
            began.elapsed() / per_batch
        })
        .collect();
    batches.sort_unstable();
    println!("{label:28} fastest {:>10.3?}  middle {:>10.3?}", batches[0], batches[BATCHES / 2]);
}

fn selector() -> Selector {
    Selector::Name(Name::parse(NAME).unwrap())
}

fn put(bytes: usize) -> Put {
    Put::new(selector(), SecretBytes::from_vec(vec![7; bytes]))
}

/// The facts, without a store: one name and the opened records.
struct Stored {
    id: Option<Id>,
    records: Vec<(RecordKey, SecretBytes)>,
    key: Arc<KeyHandle>,
}

impl Default for Stored {
    fn default() -> Self {
        let sealing = SealingKey::new(&[1; 32]);
        let key = Arc::new(KeyHandle {
            key_id: Id([1; 16]),
            version: 1,
            name: Name::parse("secrets").unwrap(),
            purpose: Purpose::Secrets,
            state: State::Active,
            generation: Generation::new(1, 0),
            usage_limit: None,
            material: Arc::new(Material::Sealing(sealing)),
        });
        Self { id: None, records: Vec::new(), key }
    }
}

impl Stored {
    fn keep(&mut self, changes: Vec<Change>) {
        for change in changes {
            let key = change.key();
            self.records.retain(|(stored, _)| *stored != key);
            if let Change::Put { body, .. } = change {
                if key.kind == strongroom_envelope::RecordKind::Secret {
                    self.id = Some(key.id);
                }
                self.records.push((key, body));
            }
        }
    }

    fn answer(&self, need: Need, answers: &mut Answers) {
        match need {
            Need::Record(key) => {
                let body = self.records.iter().find(|(stored, _)| *stored == key);
                let opened = body.map(|(_, body)| Opened {
                    generation: Generation::new(1, 0),
                    body: SecretBytes::from_slice(body.expose()),
                });
                answers.record(key, Ok(opened));
            }
            Need::Name(kind, name) => answers.name(kind, name, self.id),
            Need::Key(choice) => answers.key(choice, Ok(Arc::clone(&self.key))),
            _ => unreachable!("neither put nor get asks for more"),
        }
    }
}

fn run<O: Operation>(stored: &Stored, operation: &O) -> Done<O::Reply> {
    let principal = Principal::system();
    let (mut answers, mut random) = (Answers::default(), Random);
    loop {
        let mut facts = Facts::new(Timestamp(1_700_000_000_000), &principal, &answers, &mut random);
        match operation.apply(&mut facts) {
            Ok(done) => return done,
            Err(Stop::Need(needs)) => needs.into_iter().for_each(|need| stored.answer(need, &mut answers)),
            Err(other) => panic!("{other:?}"),
        }
    }
}

struct Random;

impl Randomness for Random {
    fn fill(&mut self, buffer: &mut [u8]) {
        strongroom_crypto::random::fill(buffer);
    }
}
