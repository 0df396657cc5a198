//! The states of a transaction: which change is taken in which, what is answered twice, and in which order steps are undone.

use strongroom_engine::key::BuiltIn;
use strongroom_engine::policy::Role;
use strongroom_engine::rule::{Refusal, Reply};
use strongroom_engine::stored::Family;
use strongroom_engine::transaction::{
    Begin, BeginReply, Commit, CommitReply, Encrypt, Get, GetReply, List, ListReply, Rollback, RollbackReply, Show,
    State, Step, StepReply, TransactionBody, TransactionState, Undone, UndoneReply,
};
use strongroom_envelope::{Id, RecordKind, Timestamp};
use strongroom_secret::SecretBytes;

use crate::shell::{BEGIN, Shell, caller};

/// A request without a mark.
pub const PLAIN: &[u8] = b"<request><procedure namespace=\"Hosting\" name=\"CreateUser\"/></request>";
/// One with a mark in a node of a node.
pub const MARKED: &[u8] =
    b"<request><procedure name=\"A\"><execute procedure=\"B\" sensitive=\"yes\"/></procedure></request>";

/// A shell that has the key of transactions.
pub fn shell() -> Shell {
    let mut shell = Shell::new();
    assert!(shell.admin(&BuiltIn { family: Family::Transactions }).unwrap().made);
    shell
}

pub fn begin(shell: &mut Shell, document: &[u8], encrypt: Encrypt) -> Id {
    shell.admin(&Begin::new(SecretBytes::from_slice(document), encrypt)).unwrap().id
}

/// A step with state and rollback data; what is empty is not recorded.
pub fn stepped(id: Id, procedure: &str, state: &[u8], rollback: &[u8]) -> Step {
    let part = |bytes: &[u8]| (!bytes.is_empty()).then(|| SecretBytes::from_slice(bytes));
    Step { id, procedure: procedure.to_owned(), state: part(state), rollback: part(rollback) }
}

pub fn step(shell: &mut Shell, id: Id, state: &[u8], rollback: &[u8]) -> u32 {
    shell.admin(&stepped(id, "CreateMailbox", state, rollback)).unwrap().sequence
}

pub fn body(shell: &Shell, id: Id) -> TransactionBody {
    shell.body(RecordKind::Transaction, id)
}

pub fn get(shell: &mut Shell, id: Id) -> GetReply {
    shell.admin(&Get { id, after: 0 }).unwrap()
}

/// Every step that is to be undone, in the order handed back, over as many replies as it takes; none is confirmed.
fn handed(reply: RollbackReply) -> Vec<(u32, Option<Vec<u8>>)> {
    reply.undo.into_iter().map(|undo| (undo.sequence, undo.rollback.map(|bytes| bytes.expose().to_vec()))).collect()
}

fn state_of(shell: &mut Shell, id: Id) -> TransactionState {
    shell.admin(&Show { id }).unwrap().transaction.state
}

/// One transaction in each state, each with two steps; of the one that is being undone the second is.
fn in_state(shell: &mut Shell, state: TransactionState) -> Id {
    let id = begin(shell, PLAIN, Encrypt::Always);
    step(shell, id, b"s1", b"r1");
    step(shell, id, b"", b"r2");
    match state {
        TransactionState::Active => {}
        TransactionState::Committed => drop(shell.admin(&Commit { id }).unwrap()),
        TransactionState::RollingBack | TransactionState::RolledBack => {
            shell.admin(&Rollback { id }).unwrap();
            shell.admin(&Undone { id, sequence: 2 }).unwrap();
            if state == TransactionState::RolledBack {
                shell.admin(&Undone { id, sequence: 1 }).unwrap();
            }
        }
    }
    assert_eq!(state_of(shell, id), state);
    id
}

#[test]
fn what_is_taken_in_which_state() {
    use TransactionState::{Active, Committed, RolledBack, RollingBack};
    // The state before; then where it is after step, state of step 2, commit, rollback, undone 1; none when refused.
    type Row = (TransactionState, [Option<TransactionState>; 5]);
    let table: [Row; 4] = [
        (Active, [Some(Active), Some(Active), Some(Committed), Some(RollingBack), None]),
        (Committed, [None, None, Some(Committed), None, None]),
        (RollingBack, [None, None, None, Some(RollingBack), Some(RolledBack)]),
        (RolledBack, [None, None, None, Some(RolledBack), Some(RolledBack)]),
    ];
    for (before, row) in table {
        for (number, wanted) in row.into_iter().enumerate() {
            let mut shell = shell();
            let id = in_state(&mut shell, before);
            let stored = shell.records.clone();
            let text = SecretBytes::from_slice(b"later");
            let outcome = match number {
                0 => shell.admin(&stepped(id, "Third", b"", b"r3")).map(|reply| reply.state),
                1 => shell.admin(&State { id, sequence: 2, state: text }).map(|reply| reply.state),
                2 => shell.admin(&Commit { id }).map(|reply| reply.state),
                3 => shell.admin(&Rollback { id }).map(|reply| reply.state),
                _ => shell.admin(&Undone { id, sequence: 1 }).map(|reply| reply.state),
            };
            let place = format!("{before:?}, operation {number}");
            match wanted {
                Some(after) => {
                    assert_eq!(outcome, Ok(after), "{place}");
                    assert_eq!(state_of(&mut shell, id), after, "{place}");
                }
                None => {
                    let refused = outcome.unwrap_err();
                    let is_it = matches!(&refused, Refusal::TransactionState { state, .. } if *state == before.word());
                    assert!(is_it, "{place}: {refused:?}");
                }
            }
            let is_change = wanted.is_some_and(|after| after != before) || (before == Active && number < 2);
            assert_eq!(shell.records != stored, is_change, "{place}: what is refused or said twice writes nothing");
        }
    }
}

#[test]
fn what_is_not_there() {
    let mut shell = shell();
    let id = in_state(&mut shell, TransactionState::RollingBack);
    let other = Id([7; 16]);
    let no_transaction = Refusal::NotFound { what: "transaction", target: other.to_string() };
    let text = || SecretBytes::from_slice(b"x");
    assert_eq!(shell.admin(&stepped(other, "A", b"", b"")), Err(no_transaction.clone()));
    assert_eq!(shell.admin(&State { id: other, sequence: 1, state: text() }), Err(no_transaction.clone()));
    assert_eq!(shell.admin(&Commit { id: other }), Err(no_transaction.clone()));
    assert_eq!(shell.admin(&Rollback { id: other }).map(drop), Err(no_transaction.clone()));
    assert_eq!(shell.admin(&Undone { id: other, sequence: 1 }), Err(no_transaction.clone()));
    assert_eq!(shell.admin(&Show { id: other }), Err(no_transaction.clone()));
    assert_eq!(shell.admin(&Get { id: other, after: 0 }).map(drop), Err(no_transaction));
    for sequence in [0, 3, u32::MAX] {
        let no_step = Refusal::NotFound { what: "step", target: format!("{sequence} of {id}") };
        assert_eq!(shell.admin(&Undone { id, sequence }), Err(no_step.clone()));
        let active = in_state(&mut shell, TransactionState::Active);
        let no_step = Refusal::NotFound { what: "step", target: format!("{sequence} of {active}") };
        assert_eq!(shell.admin(&State { id: active, sequence, state: text() }), Err(no_step));
    }
}

#[test]
fn a_state_is_recorded_once() {
    let mut shell = shell();
    let id = in_state(&mut shell, TransactionState::Active);
    let state = |sequence, text: &[u8]| State { id, sequence, state: SecretBytes::from_slice(text) };
    assert!(matches!(shell.admin(&state(1, b"other")), Err(Refusal::Invalid { field: "step", .. })));
    assert_eq!(shell.admin(&state(2, b"s2")).unwrap().sequence, 2);
    assert!(matches!(shell.admin(&state(2, b"s2")), Err(Refusal::Invalid { field: "step", .. })));
    let found = get(&mut shell, id);
    let states: Vec<_> = found.steps.iter().map(|step| step.state.as_ref().unwrap().expose().to_vec()).collect();
    assert_eq!(states, [b"s1", b"s2"]);
}

#[test]
fn steps_are_undone_in_reverse_order_and_one_at_a_time() {
    let mut shell = shell();
    let id = begin(&mut shell, MARKED, Encrypt::Marked);
    for number in 1..=5_u8 {
        // Step 3 has nothing that undoes it, and is handed back all the same.
        step(
            &mut shell,
            id,
            b"",
            if number == 3 { b"" } else { std::slice::from_ref(&b"_12_45"[usize::from(number)]) },
        );
    }
    let whole: Vec<(u32, Option<Vec<u8>>)> =
        [(5, Some("5")), (4, Some("4")), (3, None), (2, Some("2")), (1, Some("1"))]
            .map(|(sequence, text)| (sequence, text.map(|text| text.as_bytes().to_vec())))
            .to_vec();
    for done in 0..5_usize {
        // Asked any number of times, as after a crash: the rest, the last one first.
        for _ in 0..2 {
            let reply = shell.admin(&Rollback { id }).unwrap();
            assert_eq!((reply.state, reply.left), (TransactionState::RollingBack, 0));
            assert_eq!(handed(reply), whole[done..]);
        }
        let next = 5 - u32::try_from(done).unwrap();
        for too_early in 1..next {
            let refused = shell.admin(&Undone { id, sequence: too_early });
            let Err(Refusal::Invalid { field: "step", reason }) = refused else { panic!("{refused:?}") };
            assert!(reason.contains(&format!("step {next}")), "{reason}");
        }
        shell.now = Timestamp(shell.now.0 + 1000);
        let reply = shell.admin(&Undone { id, sequence: next }).unwrap();
        let state = if next == 1 { TransactionState::RolledBack } else { TransactionState::RollingBack };
        assert_eq!(reply, UndoneReply { id, state, left: next - 1 });
        assert_eq!(shell.admin(&Undone { id, sequence: next }).unwrap(), reply, "said twice is as good as once");
    }
    let reply = shell.admin(&Rollback { id }).unwrap();
    assert_eq!((reply.state, reply.left, reply.undo.len()), (TransactionState::RolledBack, 0, 0));
    let shown = shell.admin(&Show { id }).unwrap();
    assert_eq!((shown.transaction.not_undone, shown.transaction.updated_at), (0, Timestamp(BEGIN.0 + 5000)));
    let undone: Vec<_> = shown.steps.iter().map(|step| step.undone_at.unwrap().0 - BEGIN.0).collect();
    assert_eq!(undone, [5000, 4000, 3000, 2000, 1000]);
}

#[test]
fn without_steps_nothing_is_left_to_undo() {
    let mut shell = shell();
    let id = begin(&mut shell, PLAIN, Encrypt::Always);
    let reply = shell.admin(&Rollback { id }).unwrap();
    assert_eq!((reply.state, reply.undo.len()), (TransactionState::RolledBack, 0));
    assert_eq!(state_of(&mut shell, id), TransactionState::RolledBack);
    let empty = begin(&mut shell, PLAIN, Encrypt::Always);
    let committed = CommitReply { id: empty, state: TransactionState::Committed, steps: 0 };
    assert_eq!(shell.admin(&Commit { id: empty }), Ok(committed));
}

#[test]
fn replies_of_changes_are_remembered_and_data_is_not() {
    let id = Id([5; 16]);
    for (sensitive, encrypted) in [(false, false), (false, true), (true, true)] {
        let begun = BeginReply { id, state: TransactionState::Active, sensitive, encrypted };
        assert_eq!(BeginReply::recall(&begun.remember()), Some(begun));
    }
    let stepped = StepReply { id, sequence: 4096, state: TransactionState::Active };
    assert_eq!(StepReply::recall(&stepped.remember()), Some(stepped));
    let committed = CommitReply { id, state: TransactionState::Committed, steps: 3 };
    assert_eq!(CommitReply::recall(&committed.remember()), Some(committed));
    let undone = UndoneReply { id, state: TransactionState::RolledBack, left: 0 };
    assert_eq!(UndoneReply::recall(&undone.remember()), Some(undone));

    let mut shell = shell();
    let id = in_state(&mut shell, TransactionState::RollingBack);
    assert_eq!(shell.admin(&Rollback { id }).unwrap().remember(), Vec::<u8>::new());
    assert_eq!(get(&mut shell, id).remember(), Vec::<u8>::new());
}

#[test]
fn lists_are_in_the_order_of_beginning() {
    let mut shell = shell();
    let mut ids = Vec::new();
    for state in TransactionState::ALL.into_iter().cycle().take(8) {
        shell.now = Timestamp(shell.now.0 + 1);
        ids.push(in_state(&mut shell, state));
    }
    let list = |unfinished, state, after, limit| List { unfinished, state, after, limit };
    let found = |reply: ListReply| -> Vec<Id> { reply.transactions.iter().map(|found| found.id).collect() };
    assert_eq!(found(shell.admin(&list(false, None, None, 1000)).unwrap()), ids);
    assert_eq!(found(shell.admin(&list(true, None, None, 1000)).unwrap()), [ids[0], ids[2], ids[4], ids[6]]);
    for (at, state) in TransactionState::ALL.into_iter().enumerate() {
        let reply = shell.admin(&list(false, Some(state), None, 1000)).unwrap();
        assert_eq!(found(reply), [ids[at], ids[at + 4]], "{state:?}");
    }
    for unfinished in [true, false] {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let reply = shell.admin(&list(unfinished, None, after, 3)).unwrap();
            after = reply.next;
            pages.extend(found(reply));
            if after.is_none() {
                break;
            }
        }
        let wanted: Vec<Id> =
            ids.iter().copied().enumerate().filter(|(at, _)| !unfinished || at % 2 == 0).map(|(_, id)| id).collect();
        assert_eq!(pages, wanted);
    }
    for limit in [0, 1001] {
        assert!(matches!(shell.admin(&list(false, None, None, limit)), Err(Refusal::Invalid { field: "limit", .. })));
    }
    // One that cannot be read hides no other.
    let bad = TransactionBody::record_key(ids[2]);
    shell.refused.insert(bad, Refusal::Quarantined { target: ids[2].to_string(), finding: "unreadable" });
    let reply = shell.admin(&list(true, None, None, 1000)).unwrap();
    assert_eq!((reply.unreadable, found(reply)), (1, vec![ids[0], ids[4], ids[6]]));
}

#[test]
fn who_may_only_read_begins_nothing_and_sees_no_data() {
    let mut shell = shell();
    let id = in_state(&mut shell, TransactionState::Active);
    let reader = caller(Role::Read);
    let denied = |outcome: Result<(), Refusal>| matches!(outcome, Err(Refusal::Denied { .. }));
    let begun = Begin::new(SecretBytes::from_slice(PLAIN), Encrypt::Always);
    assert!(denied(shell.execute(&reader, &begun).map(drop)));
    assert!(denied(shell.execute(&reader, &stepped(id, "A", b"", b"")).map(drop)));
    assert!(denied(shell.execute(&reader, &Commit { id }).map(drop)));
    assert!(denied(shell.execute(&reader, &Rollback { id }).map(drop)));
    assert!(denied(shell.execute(&reader, &Undone { id, sequence: 1 }).map(drop)));
    assert!(denied(shell.execute(&reader, &Get { id, after: 0 }).map(drop)));
    // Who may do nothing learns nothing about what is there either: the answer is the same for an id that does not exist.
    assert!(denied(shell.execute(&reader, &Get { id: Id([7; 16]), after: 0 }).map(drop)));
    assert_eq!(state_of(&mut shell, id), TransactionState::Active);
}
