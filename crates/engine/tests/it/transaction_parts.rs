//! Where the parts of a transaction lie, what is too large, and what happens to them when it is closed or its key is rotated.

use strongroom_engine::key::Rotate;
use strongroom_engine::name::Selector;
use strongroom_engine::reencrypt::ReencryptReply;
use strongroom_engine::rule::Refusal;
use strongroom_engine::stored::{SealedUnder, sealed_under};
use strongroom_engine::transaction::{
    Archived, Begin, Commit, Encrypt, Get, MOST_STEPS, PART_BYTES, PROCEDURE_BYTES, PartBody, Rollback, State,
    StepEntry, TransactionBody, TransactionState, Undone,
};
use strongroom_envelope::{Id, RecordKey, RecordKind, body as encoding};
use strongroom_secret::SecretBytes;

use crate::key_life::again;
use crate::shell::{BEGIN, Shell, name};
use crate::transaction::{PLAIN, begin, body, get, shell, step, stepped};

/// As if so many steps without data had been recorded one after another, which takes long.
fn fill(shell: &mut Shell, id: Id, steps: usize, procedure: &str) {
    let first = shell.admin(&stepped(id, procedure, b"", b"")).unwrap().sequence;
    let mut stored = body(shell, id);
    let step = stored.steps.last().unwrap().clone();
    for sequence in (first + 1..).take(steps - 1) {
        stored.steps.push(StepEntry { sequence, ..step.clone() });
    }
    shell.records.get_mut(&TransactionBody::record_key(id)).unwrap().1 = encoding::encode(&stored);
}

/// Records of parts.
fn apart(shell: &Shell) -> usize {
    shell.count(RecordKind::TransactionStep)
}

/// A well-formed request of so many bytes.
fn document(length: usize) -> Vec<u8> {
    let (begin, end) = ("<request><data>", "</data></request>");
    let mut document = begin.as_bytes().to_vec();
    document.resize(length - end.len(), b'x');
    document.extend_from_slice(end.as_bytes());
    document
}

fn large(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn a_megabyte_is_taken_and_a_byte_more_is_not() {
    let mut shell = shell();
    let begun = |length| Begin::new(SecretBytes::from_vec(document(length)), Encrypt::Always);
    let too_large = |what| Refusal::TooLarge { what, actual: PART_BYTES + 1, limit: 1_048_576 };
    let before = shell.records.len();
    assert_eq!(shell.admin(&begun(PART_BYTES + 1)).map(drop), Err(too_large("the document")));
    assert_eq!(shell.records.len(), before);
    let id = shell.admin(&begun(PART_BYTES)).unwrap().id;
    assert_eq!(shell.admin(&stepped(id, "A", &large(PART_BYTES + 1), b"")), Err(too_large("the state")));
    assert_eq!(shell.admin(&stepped(id, "A", b"", &large(PART_BYTES + 1))), Err(too_large("the rollback data")));
    assert_eq!(shell.admin(&stepped(id, "A", &large(PART_BYTES), b"")).unwrap().sequence, 1);
    assert_eq!(shell.admin(&stepped(id, "B", b"", &large(PART_BYTES))).unwrap().sequence, 2);
    let state = |length| State { id, sequence: 2, state: SecretBytes::from_vec(large(length)) };
    assert_eq!(shell.admin(&state(PART_BYTES + 1)), Err(too_large("the state")));
    shell.admin(&state(PART_BYTES)).unwrap();
    // Both of one step: a megabyte together.
    let together = shell.admin(&stepped(id, "C", &large(PART_BYTES / 2), &large(PART_BYTES / 2 + 1)));
    assert!(matches!(together, Err(Refusal::Invalid { field: "state", .. })), "{together:?}");
    assert_eq!(shell.admin(&stepped(id, "C", &large(PART_BYTES / 2), &large(PART_BYTES / 2))).unwrap().sequence, 3);
    assert_eq!(shell.admin(&stepped(id, "D", &[], &[])).unwrap().sequence, 4, "what was refused took no number");
    let found = get(&mut shell, id);
    assert_eq!(found.request.unwrap().expose(), document(PART_BYTES));
    assert_eq!(found.steps[1].state.as_ref().unwrap().expose(), large(PART_BYTES));
    assert_eq!((found.steps.len(), found.left), (2, 2), "four megabytes are enough for one reply");
    let found = shell.admin(&Get { id, after: 2 }).unwrap();
    assert_eq!(found.steps[0].rollback.as_ref().unwrap().expose(), large(PART_BYTES / 2));
}

#[test]
fn a_procedure_has_a_name() {
    let mut shell = shell();
    let id = begin(&mut shell, PLAIN, Encrypt::Always);
    let longest = "ä".repeat(PROCEDURE_BYTES / 2);
    for wrong in ["", "a\0", "a\n", "\u{85}", "\u{7f}", &format!("{longest}x")] {
        let refused = shell.admin(&stepped(id, wrong, b"", b""));
        assert!(matches!(refused, Err(Refusal::Invalid { field: "procedure", .. })), "{wrong:?}");
    }
    shell.admin(&stepped(id, &longest, b"", b"")).unwrap();
    assert_eq!(get(&mut shell, id).steps[0].step.procedure, longest);
}

#[test]
fn so_many_steps_and_no_more() {
    let mut shell = shell();
    let id = begin(&mut shell, PLAIN, Encrypt::Always);
    fill(&mut shell, id, MOST_STEPS - 1, "CreateMailboxOfUser");
    assert_eq!(shell.admin(&stepped(id, "A", b"", b"")).unwrap().sequence, 4096);
    assert!(matches!(shell.admin(&stepped(id, "A", b"", b"")), Err(Refusal::Invalid { field: "id", .. })));
    // Read and undone a page at a time.
    let (mut pages, mut after) = (0, 0);
    loop {
        let page = shell.admin(&Get { id, after }).unwrap();
        assert_eq!(page.request.is_some(), after == 0);
        assert_eq!(page.steps[0].step.sequence, after + 1);
        after = page.steps.last().unwrap().step.sequence;
        pages += 1;
        assert_eq!(page.left, 4096 - after);
        if page.left == 0 {
            break;
        }
    }
    assert_eq!((pages, after), (41, 4096));
    let reply = shell.admin(&Rollback { id }).unwrap();
    assert_eq!((reply.undo[0].sequence, reply.undo.len(), reply.left), (4096, 100, 3996));
    assert_eq!(shell.admin(&Undone { id, sequence: 4096 }).unwrap().left, 4095);
    let reply = shell.admin(&Rollback { id }).unwrap();
    assert_eq!((reply.undo[0].sequence, reply.undo[99].sequence, reply.left), (4095, 3996, 3995));
}

/// docs/spec/bodies.md: at most 4,096 stored bytes in one, at most 32,768 in all; a sealed part has 204 bytes more.
#[test]
fn small_parts_lie_in_the_record_and_large_ones_apart() {
    for (encrypt, more) in [(Encrypt::Always, 204), (Encrypt::Marked, 0)] {
        let mut shell = shell();
        let id = begin(&mut shell, PLAIN, encrypt);
        assert_eq!(body(&shell, id).request.inline.unwrap().len(), PLAIN.len() + more);
        let room = 32_768 - PLAIN.len() - more;
        step(&mut shell, id, &large(4096 - more), &[]);
        assert_eq!((apart(&shell), shell.last.changes), (0, 1));
        step(&mut shell, id, &large(4096 - more + 1), &[]);
        assert_eq!((apart(&shell), shell.last.changes), (1, 2));
        for _ in 0..6 {
            step(&mut shell, id, &[], &large(4096 - more));
        }
        assert_eq!(apart(&shell), 1);
        let left = room - 7 * 4096;
        step(&mut shell, id, &[], &large(left - more + 1));
        assert_eq!(apart(&shell), 2, "a byte more than all may have");
        step(&mut shell, id, &[], &large(left - more));
        assert_eq!(apart(&shell), 2, "and what fits still goes in");
        let stored = body(&shell, id);
        let inline: usize = stored.parts().filter_map(|(_, _, part)| part.inline.as_ref()).map(|part| part.len()).sum();
        assert_eq!(inline, 32_768);
        for (sequence, _, part) in stored.parts() {
            assert_ne!(part.inline.is_some(), part.record.is_some(), "{sequence}: one of both");
            let Some(record) = part.record else { continue };
            let stored_part: PartBody = shell.body(RecordKind::TransactionStep, record);
            assert_eq!((stored_part.transaction, stored_part.sequence), (id, sequence));
            assert_eq!((stored_part.key_id, stored_part.key_version), (stored.key_id, stored.key_version));
            assert_eq!(stored_part.payload.len() as u64, part.size + more as u64);
        }
        let found = get(&mut shell, id);
        assert_eq!(found.steps[1].state.as_ref().unwrap().expose(), large(4096 - more + 1));
        assert_eq!(found.steps[8].rollback.as_ref().unwrap().expose(), large(left - more + 1));
    }
}

/// Ends a transaction either way.
fn end(shell: &mut Shell, id: Id, commit: bool) {
    if commit {
        shell.admin(&Commit { id }).unwrap();
        return;
    }
    loop {
        let reply = shell.admin(&Rollback { id }).unwrap();
        if reply.undo.is_empty() {
            assert_eq!(reply.state, TransactionState::RolledBack);
            return;
        }
        for undo in reply.undo {
            shell.admin(&Undone { id, sequence: undo.sequence }).unwrap();
        }
    }
}

/// A step's number, state and rollback data.
type Whole = (u32, Option<Vec<u8>>, Option<Vec<u8>>);

/// The data of a transaction, whole.
fn read(shell: &mut Shell, id: Id) -> Vec<Whole> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = shell.admin(&Get { id, after }).unwrap();
        let bytes = |part: &Option<SecretBytes>| part.as_ref().map(|part| part.expose().to_vec());
        all.extend(page.steps.iter().map(|step| (step.step.sequence, bytes(&step.state), bytes(&step.rollback))));
        after = all.last().map_or(0, |step| step.0);
        if page.left == 0 {
            return all;
        }
    }
}

#[test]
fn what_is_closed_is_one_record_when_it_fits() {
    // How many parts, of how many bytes each; whether they are taken in.
    let table = [(1, 5000, true), (59, 5000, true), (60, 5000, false), (3, 300_000, true), (4, 300_000, false)];
    for (parts, length, folds) in table {
        for (commit, encrypt) in [(true, Encrypt::Always), (false, Encrypt::Always), (true, Encrypt::Marked)] {
            let mut shell = shell();
            let id = begin(&mut shell, PLAIN, encrypt);
            for _ in 0..parts {
                step(&mut shell, id, &[], &large(length));
            }
            step(&mut shell, id, b"small", b"small");
            assert_eq!(apart(&shell), parts);
            let before = read(&mut shell, id);
            end(&mut shell, id, commit);
            let place = format!("{parts} of {length}, {encrypt:?}, commit {commit}");
            assert_eq!(apart(&shell), if folds { 0 } else { parts }, "{place}");
            assert_eq!(shell.count(RecordKind::Transaction), 1);
            assert_eq!(read(&mut shell, id), before, "{place}");
        }
    }
}

#[test]
fn what_is_begun_to_be_undone_is_not_folded() {
    let mut shell = shell();
    let id = begin(&mut shell, PLAIN, Encrypt::Always);
    step(&mut shell, id, &[], &large(5000));
    step(&mut shell, id, &[], &large(5001));
    shell.admin(&Rollback { id }).unwrap();
    assert_eq!(apart(&shell), 2);
    shell.admin(&Undone { id, sequence: 2 }).unwrap();
    assert_eq!(apart(&shell), 2, "a crash later all that is left is still there");
    shell.admin(&Undone { id, sequence: 1 }).unwrap();
    assert_eq!(apart(&shell), 0);
}

/// A table of steps that is long by itself does not make a commit too large.
#[test]
fn closing_never_makes_a_commit_too_large() {
    let mut shell = shell();
    let id = begin(&mut shell, PLAIN, Encrypt::Always);
    fill(&mut shell, id, 1000, &"p".repeat(PROCEDURE_BYTES));
    // Together just less than what is folded.
    for _ in 0..3 {
        step(&mut shell, id, &[], &large(340_000));
    }
    // The shell refuses a commit of more than 1 MiB + 64 KiB.
    shell.admin(&Commit { id }).unwrap();
    assert_eq!(read(&mut shell, id)[1000].2.as_ref().unwrap().len(), 340_000);
}

/// Whatever was recorded can be undone: what is too much is refused when it is recorded, not when it ends.
#[test]
fn the_longest_table_of_steps_can_be_undone() {
    let mut shell = shell();
    let id = begin(&mut shell, PLAIN, Encrypt::Always);
    let longest = "p".repeat(PROCEDURE_BYTES);
    // Each is 273 bytes and three more from step 256 on; so it ends somewhere here.
    fill(&mut shell, id, 3600, &longest);
    let last = loop {
        match shell.admin(&stepped(id, &longest, b"", b"")) {
            Ok(reply) => assert!(reply.sequence < 4096),
            Err(Refusal::Invalid { field: "id", .. }) => break body(&shell, id).steps.len(),
            Err(other) => panic!("{other:?}"),
        }
    };
    // All but the first ten are undone already, one after another.
    let mut stored = body(&shell, id);
    shell.admin(&Rollback { id }).unwrap();
    stored.state = TransactionState::RollingBack;
    for step in &mut stored.steps[10..] {
        step.undone_at = Some(BEGIN);
    }
    shell.records.get_mut(&TransactionBody::record_key(id)).unwrap().1 = encoding::encode(&stored);
    assert!(last > 3600, "{last} steps");
    end(&mut shell, id, false);
    assert_eq!(body(&shell, id).state, TransactionState::RolledBack);
}

/// A megabyte is taken whatever was recorded before, or refused for what it is.
#[test]
fn a_large_part_after_many_steps() {
    let mut shell = shell();
    let id = begin(&mut shell, PLAIN, Encrypt::Always);
    fill(&mut shell, id, 2000, "CreateMailboxOfUser");
    match shell.admin(&stepped(id, "A", b"", &large(PART_BYTES))) {
        Err(Refusal::Invalid { field: "id", .. }) => {}
        other => panic!("{other:?}"),
    }
    // What is smaller is still taken.
    assert_eq!(step(&mut shell, id, &large(900_000), b""), 2001);
}

fn rotate(shell: &mut Shell) {
    let selector = Selector::Name(name("transactions"));
    shell.admin(&Rotate { selector, reencrypt: false, expected_version: None, rate: None }).unwrap();
}

fn records(shell: &Shell, kind: RecordKind) -> Vec<RecordKey> {
    let mut records: Vec<RecordKey> = shell.records.keys().copied().filter(|key| key.kind == kind).collect();
    records.sort_unstable();
    records
}

fn seal_again(shell: &mut Shell, records: Vec<RecordKey>) -> ReencryptReply {
    again(shell, "transactions", records)
}

/// The version of the master key that a two-tier value names (docs/spec/two-tier.md and value.md: bytes 4 + 20 to 24).
fn version_in(sealed: &[u8]) -> u32 {
    u32::from_be_bytes(sealed[24..28].try_into().unwrap())
}

/// Every version that anything of a transaction really is sealed under, wherever it lies.
fn versions(shell: &Shell, id: Id) -> Vec<u32> {
    let stored = body(shell, id);
    let mut versions: Vec<u32> = stored
        .parts()
        .map(|(_, _, part)| match (&part.inline, part.record) {
            (Some(inline), None) => version_in(inline),
            (None, Some(record)) => {
                let part: PartBody = shell.body(RecordKind::TransactionStep, record);
                assert_eq!(part.key_version, Some(version_in(&part.payload)));
                version_in(&part.payload)
            }
            _ => panic!("in one of both"),
        })
        .chain(stored.key_version)
        .collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}

fn three_parts(shell: &mut Shell) -> Id {
    let id = begin(shell, PLAIN, Encrypt::Always);
    step(shell, id, b"state", &large(5000));
    step(shell, id, &large(6000), b"rollback");
    id
}

#[test]
fn everything_is_sealed_again() {
    let mut shell = shell();
    let ids: Vec<Id> = (0..10).map(|_| three_parts(&mut shell)).collect();
    let before: Vec<_> = ids.iter().map(|id| read(&mut shell, *id)).collect();
    shell.admin(&Commit { id: ids[9] }).unwrap();
    rotate(&mut shell);
    let all = [records(&shell, RecordKind::Transaction), records(&shell, RecordKind::TransactionStep)].concat();
    assert_eq!(all.len(), 10 + 18);
    // Heads first, as the server goes; then parts, some of them in the same commit as a head.
    let mut todo = all.clone();
    while !todo.is_empty() {
        let reply = seal_again(&mut shell, todo.iter().copied().take(60).collect());
        assert_eq!(reply.failed, []);
        assert!(reply.looked_at > 0);
        todo.drain(..reply.looked_at);
        for (id, before) in ids.iter().zip(&before) {
            assert_eq!(&read(&mut shell, *id), before, "in the middle of it");
        }
    }
    while seal_again(&mut shell, all.clone()).sealed > 0 {}
    for (id, before) in ids.iter().zip(&before) {
        assert_eq!(versions(&shell, *id), [2]);
        assert_eq!(&read(&mut shell, *id), before);
    }
}

#[test]
fn a_part_alone_brings_its_transaction_along() {
    let mut shell = shell();
    let id = three_parts(&mut shell);
    let before = read(&mut shell, id);
    rotate(&mut shell);
    let parts = records(&shell, RecordKind::TransactionStep);
    assert_eq!(seal_again(&mut shell, vec![parts[1]]).failed, []);
    assert_eq!(seal_again(&mut shell, parts.clone()).failed, []);
    while seal_again(&mut shell, parts.clone()).sealed > 0 {}
    assert_eq!(versions(&shell, id), [2]);
    assert_eq!(read(&mut shell, id), before);
}

/// What the list of what is left goes by: a record says what is sealed in it.
#[test]
fn what_closes_in_the_middle_of_a_rotation_leaves_nothing_under_the_old_version() {
    for commit in [true, false] {
        let mut shell = shell();
        let id = three_parts(&mut shell);
        let before = read(&mut shell, id);
        rotate(&mut shell);
        // The head is done, its parts are not.
        seal_again(&mut shell, vec![TransactionBody::record_key(id)]);
        assert_eq!(versions(&shell, id), [1, 2]);
        end(&mut shell, id, commit);
        // The job goes on with what says that it is under an older version, until nothing does.
        loop {
            let older = |key: &RecordKey| match sealed_under(&shell.records[key].1) {
                Some(SealedUnder::Key(_, version)) => version == 1,
                _ => false,
            };
            let all = [records(&shell, RecordKind::Transaction), records(&shell, RecordKind::TransactionStep)].concat();
            let older: Vec<RecordKey> = all.into_iter().filter(older).collect();
            if older.is_empty() {
                break;
            }
            assert!(seal_again(&mut shell, older).sealed > 0);
        }
        assert_eq!(versions(&shell, id), [2], "commit {commit}: version 1 may be destroyed now");
        assert_eq!(read(&mut shell, id), before);
    }
}

#[test]
fn steps_after_a_rotation() {
    let mut shell = shell();
    let id = three_parts(&mut shell);
    rotate(&mut shell);
    step(&mut shell, id, b"s3", &large(7000));
    assert_eq!(versions(&shell, id), [1], "under the key that the transaction has");
    seal_again(&mut shell, vec![TransactionBody::record_key(id)]);
    step(&mut shell, id, b"s4", &large(8000));
    assert_eq!(versions(&shell, id), [1, 2]);
    let parts = records(&shell, RecordKind::TransactionStep);
    while seal_again(&mut shell, parts.clone()).sealed > 0 {}
    assert_eq!(versions(&shell, id), [2]);
    assert_eq!(
        read(&mut shell, id).iter().map(|step| step.2.as_ref().unwrap().len()).collect::<Vec<_>>(),
        [5000, 8, 7000, 8000]
    );
    // One that is in clear has nothing to be sealed.
    let clear = begin(&mut shell, PLAIN, Encrypt::Marked);
    step(&mut shell, clear, &large(5000), b"");
    let all = [records(&shell, RecordKind::Transaction), records(&shell, RecordKind::TransactionStep)].concat();
    assert_eq!(seal_again(&mut shell, all), ReencryptReply { looked_at: 7, ..ReencryptReply::default() });
}

/// A part that cannot be read hurts its transaction, but does not keep it from ending for ever.
#[test]
fn a_damaged_part_does_not_keep_a_transaction_open() {
    let mut shell = shell();
    let id = begin(&mut shell, PLAIN, Encrypt::Always);
    step(&mut shell, id, &large(5000), b"r1");
    step(&mut shell, id, b"s2", b"r2");
    let part = records(&shell, RecordKind::TransactionStep)[0];
    shell.refused.insert(part, Refusal::Quarantined { target: part.id.to_string(), finding: "unreadable" });
    shell.admin(&Commit { id }).unwrap();
    assert_eq!(body(&shell, id).state, TransactionState::Committed);
    assert!(matches!(shell.admin(&Get { id, after: 0 }).map(drop), Err(Refusal::Quarantined { .. })));
    shell.refused.clear();
    assert_eq!(read(&mut shell, id)[0].1.as_deref(), Some(large(5000).as_slice()), "nothing of it was lost");
}

/// What undoes step 1 is damaged: what undoes the steps after it is handed back all the same.
#[test]
fn a_damaged_rollback_does_not_hide_those_before_it() {
    let mut shell = shell();
    let id = begin(&mut shell, PLAIN, Encrypt::Always);
    step(&mut shell, id, b"s1", &large(5000));
    step(&mut shell, id, b"s2", b"r2");
    step(&mut shell, id, b"s3", b"r3");
    let part = records(&shell, RecordKind::TransactionStep)[0];
    shell.refused.insert(part, Refusal::Quarantined { target: part.id.to_string(), finding: "unreadable" });
    let reply = shell.admin(&Rollback { id }).unwrap();
    let handed: Vec<_> = reply.undo.iter().map(|undo| (undo.sequence, undo.unreadable)).collect();
    assert_eq!((handed, reply.left), (vec![(3, false), (2, false), (1, true)], 0));
    for sequence in [3, 2] {
        shell.admin(&Undone { id, sequence }).unwrap();
    }
    // Now it is the next, and said to be damaged; who undid it by hand may say so.
    let next = shell.admin(&Rollback { id }).unwrap().undo;
    assert!(next.len() == 1 && next[0].unreadable && next[0].rollback.is_none());
    assert_eq!(shell.admin(&Undone { id, sequence: 1 }).unwrap().state, TransactionState::RolledBack);
}

#[test]
fn what_is_archived_goes_in_several_commits() {
    let mut shell = shell();
    let id = begin(&mut shell, &document(5000), Encrypt::Always);
    for _ in 0..70 {
        step(&mut shell, id, &large(5000), &large(4500));
    }
    let open = shell.admin(&Archived { id });
    assert!(matches!(open, Err(Refusal::TransactionState { .. })), "{open:?}");
    shell.admin(&Commit { id }).unwrap();
    assert_eq!(apart(&shell), 141);
    let mut lefts = Vec::new();
    while !shell.admin(&Archived { id }).unwrap().removed {
        lefts.push(apart(&shell));
        // Every part that the record names is there, and every one that is there is named.
        let named = body(&shell, id).parts().filter_map(|(_, _, part)| part.record).count();
        assert_eq!(named, apart(&shell));
    }
    assert_eq!(lefts, [91, 41]);
    assert_eq!((apart(&shell), shell.count(RecordKind::Transaction)), (0, 0));
    assert!(shell.admin(&Archived { id }).unwrap().removed, "said twice is as good as once");
}

/// Between two steps of a commit's reading and its writing something else happens.
#[test]
fn a_step_and_a_commit_at_once() {
    let mut shell = shell();
    let id = three_parts(&mut shell);
    shell.interrupt_after(3, move |shell| assert!(shell.admin(&stepped(id, "Late", b"", b"late")).is_ok()));
    shell.admin(&Commit { id }).unwrap();
    assert!(shell.last.attempts > 1, "{}", shell.last.attempts);
    assert_eq!(read(&mut shell, id)[2].2.as_deref(), Some(b"late".as_slice()), "an acknowledged step is never lost");

    let id = three_parts(&mut shell);
    shell.interrupt_after(2, move |shell| assert!(shell.admin(&Commit { id }).is_ok()));
    let late = shell.admin(&stepped(id, "Late", b"", b"late"));
    assert!(matches!(late, Err(Refusal::TransactionState { state: "committed", .. })), "{late:?}");
    let id = three_parts(&mut shell);
    shell.interrupt_after(2, move |shell| assert!(shell.admin(&Commit { id }).is_ok()));
    assert_eq!(read(&mut shell, id).len(), 2, "read while its parts are taken in");
}
