//! Random sequences of operations, each compared with what a plain list of transactions in memory would answer.

use std::collections::BTreeMap;

use strongroom_engine::key::Rotate;
use strongroom_engine::name::Selector;
use strongroom_engine::rule::{Randomness, Refusal};
use strongroom_engine::transaction::{
    Archived, Commit, Encrypt, Get, List, Rollback, Show, State, TransactionBody, TransactionState, Undone,
};
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp};
use strongroom_secret::SecretBytes;

use crate::key_life::again;
use crate::shell::{Seeded, Shell, name};
use crate::transaction::{MARKED, PLAIN, begin, body, shell, stepped};

/// A transaction, as somebody would keep it without any of this.
struct Model {
    document: &'static [u8],
    encrypted: bool,
    state: TransactionState,
    steps: Vec<ModelStep>,
}

#[derive(Default)]
struct ModelStep {
    state: Option<Vec<u8>>,
    rollback: Option<Vec<u8>>,
    undone: bool,
}

/// What a change may come to.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Done(TransactionState, usize),
    WrongState,
    NoStep,
    WrongStep,
    Missing,
}

fn told<R>(outcome: Result<R, Refusal>, done: impl FnOnce(R) -> (TransactionState, usize)) -> Told {
    match outcome.map(done) {
        Ok((state, number)) => Told::Done(state, number),
        Err(Refusal::TransactionState { .. }) => Told::WrongState,
        Err(Refusal::NotFound { what: "step", .. }) => Told::NoStep,
        Err(Refusal::NotFound { .. }) => Told::Missing,
        Err(Refusal::Invalid { field: "step", .. }) => Told::WrongStep,
        Err(other) => panic!("{other:?}"),
    }
}

impl Model {
    fn not_undone(&self) -> usize {
        self.steps.iter().filter(|step| !step.undone).count()
    }

    fn step(&mut self, step: ModelStep) -> Told {
        if self.state != TransactionState::Active {
            return Told::WrongState;
        }
        self.steps.push(step);
        Told::Done(self.state, self.steps.len())
    }

    fn state(&mut self, number: usize, text: Vec<u8>) -> Told {
        if self.state != TransactionState::Active {
            return Told::WrongState;
        }
        let Some(step) = number.checked_sub(1).and_then(|at| self.steps.get_mut(at)) else { return Told::NoStep };
        if step.state.is_some() {
            return Told::WrongStep;
        }
        step.state = Some(text);
        Told::Done(self.state, number)
    }

    fn commit(&mut self) -> Told {
        if matches!(self.state, TransactionState::RollingBack | TransactionState::RolledBack) {
            return Told::WrongState;
        }
        self.state = TransactionState::Committed;
        Told::Done(self.state, self.steps.len())
    }

    fn rollback(&mut self) -> Told {
        match self.state {
            TransactionState::Committed => return Told::WrongState,
            TransactionState::Active if self.steps.is_empty() => self.state = TransactionState::RolledBack,
            TransactionState::Active => self.state = TransactionState::RollingBack,
            TransactionState::RollingBack | TransactionState::RolledBack => {}
        }
        Told::Done(self.state, self.not_undone())
    }

    fn undone(&mut self, number: usize) -> Told {
        let Some(at) = number.checked_sub(1).filter(|at| *at < self.steps.len()) else { return Told::NoStep };
        if !self.steps[at].undone {
            if self.state != TransactionState::RollingBack {
                return Told::WrongState;
            }
            if self.steps[at + 1..].iter().any(|step| !step.undone) {
                return Told::WrongStep;
            }
            self.steps[at].undone = true;
            if self.not_undone() == 0 {
                self.state = TransactionState::RolledBack;
            }
        }
        Told::Done(self.state, self.not_undone())
    }
}

struct Run {
    random: Seeded,
    shell: Shell,
    models: BTreeMap<Id, Model>,
    place: String,
}

impl Run {
    fn below(&mut self, limit: usize) -> usize {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % limit as u64).unwrap()
    }

    /// Nothing, or something of any size, many of them at the borders.
    fn part(&mut self) -> Option<Vec<u8>> {
        let lengths = [0, 1, 200, 3892, 3893, 4096, 4097, 9000, 40_000];
        let length = lengths[self.below(lengths.len())];
        let first = u8::try_from(self.below(256)).unwrap();
        (length > 0).then(|| (0..length).map(|at| first.wrapping_add(u8::try_from(at % 251).unwrap())).collect())
    }

    fn any(&mut self) -> Id {
        let at = self.below(self.models.len());
        *self.models.keys().nth(at).unwrap()
    }

    fn begin(&mut self) {
        self.shell.now = Timestamp(self.shell.now.0 + 1);
        let document = if self.below(2) == 0 { PLAIN } else { MARKED };
        let encrypt = if self.below(2) == 0 { Encrypt::Always } else { Encrypt::Marked };
        let id = begin(&mut self.shell, document, encrypt);
        let encrypted = encrypt == Encrypt::Always || document == MARKED;
        assert_eq!(body(&self.shell, id).is_encrypted(), encrypted);
        self.models.insert(id, Model { document, encrypted, state: TransactionState::Active, steps: Vec::new() });
    }

    /// One operation on one transaction, with both.
    fn operate(&mut self) {
        let id = self.any();
        let number = self.below(self.models[&id].steps.len() + 2);
        let sequence = u32::try_from(number).unwrap();
        let (operation, state, rollback) = (self.below(10), self.part(), self.part());
        let model = self.models.get_mut(&id).unwrap();
        let shell = &mut self.shell;
        let (found, wanted) = match operation {
            0..=3 => {
                let empty: &[u8] = &[];
                let bytes = |part: &Option<Vec<u8>>| part.clone().unwrap_or_else(|| empty.to_vec());
                let outcome = shell.admin(&stepped(id, "P", &bytes(&state), &bytes(&rollback)));
                let done = told(outcome, |reply| (reply.state, reply.sequence as usize));
                (done, model.step(ModelStep { state, rollback, undone: false }))
            }
            4 => {
                let text = state.unwrap_or_default();
                let outcome = shell.admin(&State { id, sequence, state: SecretBytes::from_slice(&text) });
                (told(outcome, |reply| (reply.state, reply.sequence as usize)), model.state(number, text))
            }
            5 if number == 0 => {
                (told(shell.admin(&Commit { id }), |reply| (reply.state, reply.steps as usize)), model.commit())
            }
            6 => {
                let outcome = shell.admin(&Rollback { id });
                if let Ok(reply) = &outcome {
                    let numbered: Vec<(&ModelStep, u32)> = model.steps.iter().zip(1..).collect();
                    let mut todo = numbered.into_iter().filter(|(step, _)| !step.undone).rev();
                    for undo in &reply.undo {
                        let (step, number) = todo.next().unwrap();
                        assert_eq!(undo.sequence, number, "{}", self.place);
                        let handed = undo.rollback.as_ref().map(|bytes| bytes.expose().to_vec());
                        assert!(handed == step.rollback, "{}: what undoes step {number}", self.place);
                    }
                    assert_eq!(todo.count(), reply.left as usize);
                }
                (told(outcome, |reply| (reply.state, reply.undo.len() + reply.left as usize)), model.rollback())
            }
            _ => {
                // Mostly the right one.
                let next = model.steps.iter().rposition(|step| !step.undone).map_or(number, |at| at + 1);
                let number = if operation == 9 { number } else { next };
                let outcome = shell.admin(&Undone { id, sequence: u32::try_from(number).unwrap() });
                (told(outcome, |reply| (reply.state, reply.left as usize)), model.undone(number))
            }
        };
        assert_eq!(found, wanted, "{}: operation {operation} on {id}, step {number}", self.place);
        self.compare(id);
    }

    /// What is read is what the model says; what is stored has the form it should have.
    fn compare(&mut self, id: Id) {
        let model = &self.models[&id];
        let (mut after, mut steps) = (0, Vec::new());
        loop {
            let page = self.shell.admin(&Get { id, after }).unwrap();
            assert_eq!((page.transaction.state, page.transaction.encrypted), (model.state, model.encrypted));
            let request = page.request.map(|request| request.expose().to_vec());
            assert_eq!(request.as_deref(), (after == 0).then_some(model.document), "{}", self.place);
            after = page.steps.last().map_or(after, |step| step.step.sequence);
            steps.extend(page.steps);
            if page.left == 0 {
                break;
            }
        }
        assert_eq!(steps.len(), model.steps.len());
        for (found, wanted) in steps.iter().zip(&model.steps) {
            let bytes = |part: &Option<SecretBytes>| part.as_ref().map(|part| part.expose().to_vec());
            assert!(bytes(&found.state) == wanted.state && bytes(&found.rollback) == wanted.rollback, "{}", self.place);
            assert_eq!(found.step.undone_at.is_some(), wanted.undone, "{}", self.place);
        }
        let shown = self.shell.admin(&Show { id }).unwrap().transaction;
        assert_eq!((shown.steps as usize, shown.not_undone as usize), (model.steps.len(), model.not_undone()));
    }

    /// The list of what is unfinished, and the records that are there: those that transactions name, and no other.
    fn look(&mut self) {
        let list = List { unfinished: true, state: None, after: None, limit: 1000 };
        let listed: Vec<Id> = self.shell.admin(&list).unwrap().transactions.iter().map(|found| found.id).collect();
        let open = self.models.iter().filter(|(_, model)| !model.state.is_closed()).map(|(id, _)| *id);
        assert_eq!(listed, open.collect::<Vec<_>>(), "{}", self.place);
        let mut named: Vec<Id> = Vec::new();
        for id in self.models.keys() {
            named.extend(body(&self.shell, *id).parts().filter_map(|(_, _, part)| part.record));
        }
        named.sort_unstable();
        assert_eq!(self.records(RecordKind::TransactionStep), named, "{}", self.place);
    }

    fn records(&self, kind: RecordKind) -> Vec<Id> {
        let mut ids: Vec<Id> = self.shell.records.keys().filter(|key| key.kind == kind).map(|key| key.id).collect();
        ids.sort_unstable();
        ids
    }

    /// A new version of the master key, or a piece of the work that follows.
    fn rotate(&mut self) {
        if self.below(4) == 0 {
            let selector = Selector::Name(name("transactions"));
            let rotate = Rotate { selector, reencrypt: false, expected_version: None, rate: None };
            self.shell.admin(&rotate).unwrap();
        }
        let kinds = [RecordKind::Transaction, RecordKind::TransactionStep];
        let all: Vec<RecordKey> =
            kinds.iter().flat_map(|kind| self.records(*kind).into_iter().map(|id| RecordKey::new(*kind, id))).collect();
        let begin = self.below(all.len());
        let some = all[begin..].iter().copied().take(10).collect();
        assert_eq!(again(&mut self.shell, "transactions", some).failed, [], "{}", self.place);
    }

    fn archive(&mut self) {
        let id = self.any();
        if !self.models[&id].state.is_closed() {
            return assert!(self.shell.admin(&Archived { id }).is_err());
        }
        while !self.shell.admin(&Archived { id }).unwrap().removed {}
        assert!(!self.shell.records.contains_key(&TransactionBody::record_key(id)));
        self.models.remove(&id);
    }
}

fn run(seed: u64, operations: usize) {
    println!("seed {seed}");
    let mut run = Run { random: Seeded(seed), shell: shell(), models: BTreeMap::new(), place: String::new() };
    for number in 0..operations {
        run.place = format!("seed {seed}, operation {number}");
        if run.models.is_empty() {
            run.begin();
        }
        match run.below(40) {
            0..=2 => run.begin(),
            3 => run.rotate(),
            4 if run.below(4) == 0 => run.archive(),
            5 => run.look(),
            _ => run.operate(),
        }
    }
    run.look();
    for id in run.models.keys().copied().collect::<Vec<_>>() {
        run.compare(id);
    }
}

#[test]
fn as_a_plain_list_would_do_it() {
    for seed in 1..=6 {
        run(seed, 250);
    }
}
