//! What is sealed under a transaction's own key, and that it opens nowhere else: with the envelope's own calls, not the rules'.

use minicbor::bytes::ByteVec;
use strongroom_crypto::SealingKey;
use strongroom_engine::rule::Refusal;
use strongroom_engine::transaction::{Begin, Commit, Encrypt, Get, Rollback, Step, TransactionBody, Undone};
use strongroom_envelope::value::{Place, Purpose};
use strongroom_envelope::{Id, RecordKey, RecordKind, SealedDataKey, body as encoding, two_tier};
use strongroom_secret::SecretBytes;

use crate::shell::Shell;
use crate::transaction::{MARKED, PLAIN, begin, body, get, shell, step};

/// The place of a transaction's part, after docs/spec/two-tier.md.
const fn place(id: Id, field: u16, version: u32) -> Place<'static> {
    Place::Record { key: RecordKey::new(RecordKind::Transaction, id), field, version }
}

/// The transaction's own key, opened.
fn own_key(shell: &Shell, id: Id) -> SealingKey {
    let body = body(shell, id);
    let sealed = SealedDataKey::from_bytes(Purpose::Transactions, body.data_key.as_ref().unwrap()).unwrap();
    let master = shell.handle((body.key_id.unwrap(), body.key_version.unwrap()));
    let data_key = sealed.open(master.sealing(Purpose::Transactions).unwrap(), &place(id, 7, 0)).unwrap();
    SealingKey::new(data_key.expose())
}

fn opens(key: &SealingKey, at: &Place<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
    let mut opened = SecretBytes::with_capacity(sealed.len());
    two_tier::open(key, Purpose::Transactions, at, sealed, &mut opened).ok()?;
    Some(opened.expose().to_vec())
}

fn holds(shell: &Shell, needle: &[u8]) -> bool {
    let is_one = |kind| matches!(kind, RecordKind::Transaction | RecordKind::TransactionStep);
    let mut bodies = shell.records.iter().filter(|(key, _)| is_one(key.kind)).map(|(_, (_, body))| body);
    bodies.any(|body| body.windows(needle.len()).any(|window| window == needle))
}

#[test]
fn which_transactions_have_a_key_of_their_own() {
    // Ambiguous: the word in text, in another prefix, with a value that is none.
    let ambiguous: [&[u8]; 3] = [
        b"<request><data><note>sensitive</note></data></request>",
        b"<request xmlns:x=\"urn:x\"><procedure name=\"A\" x:sensitive=\"no\"/></request>",
        b"<request><procedure name=\"A\"><execute sensitive=\"maybe\"/></procedure></request>",
    ];
    let unmarked: &[u8] = b"<request><procedure name=\"A\" sensitive=\"no\"/></request>";
    let mut rows = vec![(PLAIN, false), (unmarked, false), (MARKED, true)];
    rows.extend(ambiguous.map(|document| (document, true)));
    for (document, sensitive) in rows {
        for encrypt in [Encrypt::Always, Encrypt::Marked] {
            let mut shell = shell();
            let encrypted = encrypt == Encrypt::Always || sensitive;
            let reply = shell.admin(&Begin::new(SecretBytes::from_slice(document), encrypt)).unwrap();
            let shown = String::from_utf8_lossy(document);
            assert_eq!((reply.sensitive, reply.encrypted), (sensitive, encrypted), "{shown}");
            step(&mut shell, reply.id, b"canary state", b"canary rollback");
            step(&mut shell, reply.id, b"", &[b"canary apart ".as_slice(), &[b'x'; 5000]].concat());
            let body = body(&shell, reply.id);
            let has_key = (body.key_id.is_some(), body.key_version.is_some(), body.data_key.is_some());
            assert_eq!(has_key, (encrypted, encrypted, encrypted), "{shown}");
            for canary in [document, b"canary state", b"canary rollback", b"canary apart"] {
                assert_eq!(holds(&shell, canary), !encrypted, "{shown}");
            }
            assert_eq!(get(&mut shell, reply.id).request.unwrap().expose(), document);
            let undo = shell.admin(&Rollback { id: reply.id }).unwrap().undo;
            assert_eq!(undo[1].rollback.as_ref().unwrap().expose(), b"canary rollback", "{shown}");
        }
    }
}

#[test]
fn each_transaction_has_another_key() {
    let mut shell = shell();
    let (one, other) = (begin(&mut shell, PLAIN, Encrypt::Always), begin(&mut shell, PLAIN, Encrypt::Always));
    let (first, second) = (body(&shell, one), body(&shell, other));
    assert_ne!(first.data_key, second.data_key);
    assert_eq!(first.data_key.as_ref().map(|key| key.len()), Some(128), "docs/spec/two-tier.md");
    let sealed = first.request.inline.unwrap();
    assert_eq!(opens(&own_key(&shell, one), &place(one, 8, 0), &sealed).as_deref(), Some(PLAIN));
    assert_eq!(opens(&own_key(&shell, other), &place(one, 8, 0), &sealed), None);
}

#[test]
fn a_part_opens_at_its_own_place_only() {
    let mut shell = shell();
    let (id, other) = (begin(&mut shell, PLAIN, Encrypt::Always), begin(&mut shell, PLAIN, Encrypt::Always));
    step(&mut shell, id, b"state 1", b"rollback 1");
    step(&mut shell, id, b"state 2", b"rollback 2");
    let stored = body(&shell, id);
    let key = own_key(&shell, id);
    let parts: Vec<(u32, Vec<u8>)> =
        stored.parts().map(|(sequence, _, part)| (sequence, part.inline.as_ref().unwrap().to_vec())).collect();
    assert_eq!(parts.len(), 5);
    let fields = [(8, 0), (9, 1), (10, 1), (9, 2), (10, 2)];
    for ((field, version), (sequence, sealed)) in fields.into_iter().zip(&parts) {
        assert_eq!(version, *sequence);
        assert!(opens(&key, &place(id, field, version), sealed).is_some());
        for (elsewhere_field, elsewhere) in [(7, 0), (8, 0), (9, 1), (10, 1), (9, 2), (10, 2), (9, 3), (11, 1)] {
            if (elsewhere_field, elsewhere) != (field, version) {
                let at = place(id, elsewhere_field, elsewhere);
                assert_eq!(opens(&key, &at, sealed), None, "{field}/{version} at {elsewhere_field}/{elsewhere}");
            }
        }
        assert_eq!(opens(&key, &place(other, field, version), sealed), None, "in another transaction");
        let in_a_part = Place::Record { key: RecordKey::new(RecordKind::TransactionStep, id), field, version };
        assert_eq!(opens(&key, &in_a_part, sealed), None, "in another kind of record");
        // With the sealed key of another transaction put in its place.
        let mut exchanged = sealed.clone();
        exchanged[4..132].copy_from_slice(body(&shell, other).data_key.as_ref().unwrap());
        assert_eq!(opens(&key, &place(id, field, version), &exchanged), None);
        assert_eq!(opens(&own_key(&shell, other), &place(id, field, version), &exchanged), None);
    }
    // The sealed key itself opens in its own transaction only, and nowhere else in it.
    let sealed = SealedDataKey::from_bytes(Purpose::Transactions, stored.data_key.as_ref().unwrap()).unwrap();
    let master = shell.key_handle("transactions");
    let master = master.sealing(Purpose::Transactions).unwrap();
    assert!(sealed.open(master, &place(id, 7, 0)).is_ok());
    for at in [place(other, 7, 0), place(id, 8, 0), place(id, 7, 1)] {
        assert!(sealed.open(master, &at).is_err());
    }
}

type Tampering = fn(&mut TransactionBody, &TransactionBody);

#[test]
fn what_was_moved_is_refused_by_the_rules() {
    let tamperings: [(&str, Tampering); 9] = [
        ("state to rollback", |body, _| body.steps[0].rollback = body.steps[0].state.clone()),
        ("rollback of step 1 to step 2", |body, _| body.steps[1].rollback = body.steps[0].rollback.clone()),
        ("steps exchanged", |body, _| {
            let first = body.steps[0].rollback.take();
            body.steps[0].rollback = std::mem::replace(&mut body.steps[1].rollback, first);
        }),
        ("sequence renumbered", |body, _| body.steps[1].sequence = 3),
        ("rollback of another transaction", |body, other| body.steps[1].rollback = other.steps[1].rollback.clone()),
        ("key of another transaction", |body, other| body.data_key = other.data_key.clone()),
        ("version renumbered", |body, _| body.key_version = Some(2)),
        ("bytes cut", |body, _| {
            let inline = body.steps[1].rollback.as_mut().unwrap().inline.as_mut().unwrap();
            let short = inline[..inline.len() - 1].to_vec();
            *inline = ByteVec::from(short);
        }),
        ("bytes emptied", |body, _| body.steps[1].rollback.as_mut().unwrap().inline = Some(ByteVec::from(Vec::new()))),
    ];
    for (what, tamper) in tamperings {
        let mut shell = shell();
        let (id, other) = (begin(&mut shell, MARKED, Encrypt::Marked), begin(&mut shell, MARKED, Encrypt::Marked));
        for transaction in [id, other] {
            step(&mut shell, transaction, b"state 1", b"rollback 1");
            step(&mut shell, transaction, b"state 2", b"rollback 2");
        }
        let mut stored = body(&shell, id);
        tamper(&mut stored, &body(&shell, other));
        let key = TransactionBody::record_key(id);
        shell.records.get_mut(&key).unwrap().1 = encoding::encode(&stored);
        assert_eq!(shell.admin(&Get { id, after: 0 }).map(drop), Err(Refusal::DoesNotOpen), "{what}");
        // What undoes a later step may still be handed back; nothing that was moved is.
        match shell.admin(&Rollback { id }) {
            Ok(reply) => {
                assert_eq!((reply.undo.len(), reply.left), (2, 0), "{what}");
                assert!(reply.undo.iter().any(|undo| undo.unreadable), "{what}");
                for undo in reply.undo {
                    let right = format!("rollback {}", undo.sequence);
                    let handed = undo.rollback.as_ref().map(strongroom_secret::SecretBytes::expose);
                    let expected = (!undo.unreadable).then_some(right.as_bytes());
                    assert_eq!(handed, expected, "{what}");
                }
            }
            Err(refused) => assert_eq!(refused, Refusal::DoesNotOpen, "{what}"),
        }
        assert_eq!(get(&mut shell, other).steps.len(), 2, "{what}: the other one is served");
    }
}

#[test]
fn while_the_key_is_locked_what_needs_no_data_goes_on() {
    let mut shell = shell();
    let id = begin(&mut shell, PLAIN, Encrypt::Always);
    let clear = begin(&mut shell, PLAIN, Encrypt::Marked);
    for transaction in [id, clear] {
        step(&mut shell, transaction, b"s", b"r");
    }
    shell.locked_keys = true;
    let is_locked = |outcome: Result<(), Refusal>| matches!(outcome, Err(Refusal::KeyLocked { .. }));
    let begun = |encrypt| Begin::new(SecretBytes::from_slice(PLAIN), encrypt);
    assert!(is_locked(shell.admin(&begun(Encrypt::Always)).map(drop)));
    assert!(is_locked(shell.admin(&Get { id, after: 0 }).map(drop)));
    assert!(is_locked(shell.admin(&Rollback { id }).map(drop)), "nothing is undone without what undoes it");
    assert!(is_locked(shell.admin(&crate::transaction::stepped(id, "A", b"s", b"")).map(drop)));
    assert_eq!(body(&shell, id).state.word(), "active", "and it is as it was");
    assert_eq!(get(&mut shell, clear).steps.len(), 1, "what is in clear needs no key");
    shell.admin(&begun(Encrypt::Marked)).unwrap();
    shell.admin(&Step { id: clear, procedure: "B".into(), state: None, rollback: None }).unwrap();
    shell.admin(&Commit { id }).unwrap();
    shell.locked_keys = false;
    assert_eq!(get(&mut shell, id).steps[0].rollback.as_ref().unwrap().expose(), b"r");
    let refused = shell.admin(&Undone { id, sequence: 1 });
    assert!(matches!(refused, Err(Refusal::TransactionState { .. })));
}
