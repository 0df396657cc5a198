//! Credentials: only their account reads them, and only as it was when they were bound; enrolment; rebinding; no value opens where
//! it does not belong.

use strongroom_crypto::{SealingKey, kem};
use strongroom_engine::credential::{
    Account, BindingChange, CredentialBody, Delete, DeleteReply, Enroll, EnrollReply, Get, GetReply, KEY_NAME,
    LIST_LIMIT, List, Owner, Rebind, RebindReply, Released, Seen, Set, SetReply, Show, VALUE_BYTES,
};
use strongroom_engine::key::{BuiltIn, Rotate};
use strongroom_engine::name::Selector;
use strongroom_engine::policy::{Channel, Identity, Principal, Role};
use strongroom_engine::reencrypt::Reencrypt;
use strongroom_engine::rule::{Refusal, Reply};
use strongroom_engine::stored::{Family, SealedUnder, sealed_under};
use strongroom_envelope::credential::{self, Bond, NO_UID};
use strongroom_envelope::value::{Context, Place, Purpose};
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp, body, two_tier};
use strongroom_secret::{AgreementKey, SecretBytes};

use crate::shell::{BEGIN, Shell, name};

const HOST: [u8; 16] = [0xab; 16];
const OTHER_HOST: [u8; 16] = [0xac; 16];

fn shell() -> Shell {
    let mut shell = Shell::new();
    shell.admin(&BuiltIn { family: Family::Credentials }).unwrap();
    shell
}

fn svc() -> Account {
    Account { name: "svc-queue".to_owned(), uid: 991 }
}

/// A local account without a role, as the kernel tells it.
fn account(uid: u32) -> Principal {
    Principal { identity: Identity::Peer { uid }, role: None, channel: Channel::Local }
}

fn seen(account: Option<&str>, host: [u8; 16]) -> Option<Seen> {
    Some(Seen { account: account.map(str::to_owned), host })
}

fn as_bound() -> Option<Seen> {
    seen(Some("svc-queue"), HOST)
}

fn by_name(text: &str) -> Selector {
    Selector::Name(name(text))
}

fn set(target: &str, value: &str) -> Set {
    let value = SecretBytes::from_slice(value.as_bytes());
    Set { selector: by_name(target), owner: Ok(Owner::local(svc(), HOST)), value, expected_revision: None }
}

fn get(target: &str) -> Get {
    Get { selector: by_name(target), seen: as_bound() }
}

fn enroll(target: &str, key: &AgreementKey, proof: Option<[u8; 32]>) -> Enroll {
    Enroll { selector: by_name(target), public_key: kem::public(key), proof, seen: as_bound() }
}

fn rebind(target: &str, account: Account) -> Rebind {
    Rebind { selector: by_name(target), owner: Ok(Owner::local(account, HOST)), expected_revision: None }
}

fn clear(reply: GetReply) -> String {
    match reply.value {
        Released::Clear(value) => String::from_utf8(value.expose().to_vec()).unwrap(),
        Released::Sealed(_) => panic!("the account is not enrolled"),
    }
}

fn sealed(reply: &GetReply) -> (Bond, &[u8]) {
    match &reply.value {
        Released::Sealed(sealed) => {
            (Bond { id: reply.id, revision: reply.revision, uid: reply.uid.unwrap_or(NO_UID) }, sealed)
        }
        Released::Clear(_) => panic!("the account is enrolled"),
    }
}

fn stored(shell: &Shell, id: Id) -> CredentialBody {
    shell.body(RecordKind::Credential, id)
}

fn overwrite(shell: &mut Shell, id: Id, body: &CredentialBody) {
    shell.records.insert(CredentialBody::record_key(id), (Generation(99 << 16), body::encode(body)));
}

fn is_denied<R: std::fmt::Debug>(outcome: Result<R, Refusal>) -> String {
    match outcome {
        Err(Refusal::Denied { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

fn changed(change: BindingChange) -> Refusal {
    Refusal::AccountChanged { name: "queue".to_owned(), change }
}

#[test]
fn the_account_reads_what_was_set_for_it() {
    let mut shell = shell();
    let reply = shell.admin(&set("queue", "one")).unwrap();
    assert_eq!((reply.revision, reply.uid, reply.created, shell.last.changes), (1, Some(991), true, 1));
    let got = shell.execute(&account(991), &get("queue")).unwrap();
    assert_eq!((got.id, got.revision, got.uid, got.updated_at), (reply.id, 1, Some(991), BEGIN));
    assert_eq!(clear(got), "one");
    assert_eq!(shell.last.trace.target, "queue");

    shell.now = Timestamp(BEGIN.0 + 1000);
    let again = shell.admin(&set("queue", "two")).unwrap();
    assert_eq!(again, SetReply { id: reply.id, name: name("queue"), revision: 2, uid: Some(991), created: false });
    assert_eq!(clear(shell.execute(&account(991), &get("queue")).unwrap()), "two");
    let by_id = Get { selector: Selector::Id(reply.id), seen: as_bound() };
    assert_eq!(clear(shell.execute(&account(991), &by_id).unwrap()), "two");
    assert_eq!(shell.last.trace.target, "queue", "judged and audited by its canonical name");

    let body = stored(&shell, reply.id);
    assert_eq!((body.created_at, body.updated_at, body.host), (BEGIN, shell.now, Some(HOST)));
    let key = shell.key_handle(KEY_NAME);
    assert_eq!(sealed_under(&body::encode(&body)), Some(SealedUnder::Key(key.key_id, key.version)));
    // A two-tier value has 204 bytes around what it holds (docs/spec/two-tier.md).
    assert_eq!(body.value.len(), 3 + 204);
}

/// Whoever is not the account is answered in the same words whether the credential is there or not.
#[test]
fn nobody_else_reads_it_whatever_the_role() {
    let mut shell = shell();
    let id = shell.admin(&set("queue", "one")).unwrap().id;
    let mut others = vec![account(992), account(0), Principal::system()];
    for role in Role::ALL {
        for channel in [Channel::Local, Channel::Network] {
            for identity in [
                Identity::Peer { uid: 0 },
                Identity::Peer { uid: 1000 },
                Identity::Token { id: Id([1; 16]) },
                Identity::Anonymous,
            ] {
                others.push(Principal { identity, role: Some(role), channel });
            }
        }
    }
    others.push(Principal { channel: Channel::Network, ..account(991) });
    let key = kem::generate();
    for other in others {
        let mut reasons = vec![
            is_denied(shell.execute(&other, &get("queue"))),
            is_denied(shell.execute(&other, &get("nothing"))),
            is_denied(shell.execute(&other, &Get { selector: Selector::Id(id), seen: as_bound() })),
            is_denied(shell.execute(&other, &Get { selector: Selector::Id(Id([7; 16])), seen: as_bound() })),
        ];
        reasons.dedup();
        assert_eq!(reasons.len(), 1, "{other:?}: {reasons:?}");
        is_denied(shell.execute(&other, &enroll("queue", &key, None)));
        assert!(stored(&shell, id).public_key.is_none());
    }
    // A record that cannot be read is nobody's.
    let why = Refusal::Quarantined { target: "x".to_owned(), finding: "older" };
    shell.refused.insert(CredentialBody::record_key(id), why);
    is_denied(shell.execute(&account(992), &get("queue")));
}

#[test]
fn what_changed_since_it_was_bound_is_refused() {
    let mut shell = shell();
    shell.admin(&set("queue", "one")).unwrap();
    let cases = [
        (seen(None, HOST), BindingChange::AccountGone),
        (seen(Some("other"), HOST), BindingChange::AccountChanged),
        (seen(Some("svc-queue"), OTHER_HOST), BindingChange::OtherHost),
        (seen(None, OTHER_HOST), BindingChange::OtherHost),
    ];
    let key = kem::generate();
    for (seen, change) in cases {
        let get = Get { selector: by_name("queue"), seen: seen.clone() };
        assert_eq!(shell.execute(&account(991), &get).unwrap_err(), changed(change));
        let enroll = Enroll { seen, ..enroll("queue", &key, None) };
        assert_eq!(shell.execute(&account(991), &enroll).unwrap_err(), changed(change));
    }
    // A value is never given to another account on the side.
    let other = |account: Account, host| Set { owner: Ok(Owner::local(account, host)), ..set("queue", "two") };
    let renamed = Account { name: "svc-audit".to_owned(), uid: 991 };
    assert_eq!(shell.admin(&other(renamed, HOST)).unwrap_err(), changed(BindingChange::OtherAccount));
    let renumbered = Account { uid: 1991, ..svc() };
    assert_eq!(shell.admin(&other(renumbered, HOST)).unwrap_err(), changed(BindingChange::UidChanged));
    assert_eq!(shell.admin(&other(svc(), OTHER_HOST)).unwrap_err(), changed(BindingChange::OtherHost));
    assert_eq!(clear(shell.execute(&account(991), &get("queue")).unwrap()), "one");
}

/// The account alone decides who reads; its value is bound to account, uid, host, record and revision, so that none of them can be
/// changed beside it.
#[test]
fn a_value_opens_nowhere_else() {
    let mut shell = shell();
    let first = shell.admin(&set("queue", "one")).unwrap().id;
    let second = shell.admin(&set("audit", "two")).unwrap().id;
    let (queue, audit) = (stored(&shell, first), stored(&shell, second));
    let with = |change: &dyn Fn(&mut CredentialBody)| {
        let mut body = queue.clone();
        change(&mut body);
        body
    };
    let does_not_open = |shell: &mut Shell, uid: u32, seen: Option<Seen>, body: &CredentialBody| {
        overwrite(shell, first, body);
        let get = Get { selector: Selector::Id(first), seen };
        assert_eq!(shell.execute(&account(uid), &get).unwrap_err(), Refusal::DoesNotOpen);
    };
    let swapped = with(&|body| body.value = audit.value.clone());
    does_not_open(&mut shell, 991, as_bound(), &swapped);
    let renumbered = with(&|body| body.uid = Some(992));
    does_not_open(&mut shell, 992, as_bound(), &renumbered);
    let renamed = with(&|body| body.account = Some("mallory".to_owned()));
    does_not_open(&mut shell, 991, seen(Some("mallory"), HOST), &renamed);
    let moved = with(&|body| body.host = Some(OTHER_HOST));
    does_not_open(&mut shell, 991, seen(Some("svc-queue"), OTHER_HOST), &moved);
    let revised = with(&|body| body.revision = 2);
    does_not_open(&mut shell, 991, as_bound(), &revised);
    let other_key = with(&|body| body.key_version = 2);
    does_not_open(&mut shell, 991, as_bound(), &other_key);
    let spoilt = with(&|body| *body.value.last_mut().unwrap() ^= 1);
    does_not_open(&mut shell, 991, as_bound(), &spoilt);
    overwrite(&mut shell, first, &queue);
    assert_eq!(clear(shell.execute(&account(991), &get("queue")).unwrap()), "one");
}

/// Opened by hand, as docs/spec/credential.md and docs/spec/two-tier.md have it.
#[test]
fn the_place_of_a_value_is_the_context_of_the_specification() {
    let mut shell = shell();
    let id = shell.admin(&set("queue", "one")).unwrap().id;
    let stored = stored(&shell, id);
    let context = Context::new([
        ("uid", "991"),
        ("revision", "1"),
        ("record", id.to_string().as_str()),
        ("host", "abababababababababababababababab"),
        ("account", "svc-queue"),
    ])
    .unwrap();
    let place = Place::Context(&context);
    let master = shell.key_handle(KEY_NAME);
    let sealed_key = two_tier::parse(&stored.value).unwrap().data_key;
    let data_key = sealed_key.open(master.sealing(Purpose::Credentials).unwrap(), &place).unwrap();
    let mut out = SecretBytes::new();
    let sealing = SealingKey::new(data_key.expose());
    two_tier::open(&sealing, Purpose::Credentials, &place, &stored.value, &mut out).unwrap();
    assert_eq!(out.expose(), b"one");
}

#[test]
fn an_enrolled_value_leaves_only_sealed() {
    let mut shell = shell();
    shell.admin(&set("queue", "CANARY-one")).unwrap();
    let (key, other) = (kem::generate(), kem::generate());
    shell.now = Timestamp(BEGIN.0 + 1000);
    let reply = shell.execute(&account(991), &enroll("queue", &key, None)).unwrap();
    assert_eq!((reply.revision, shell.last.witnessed), (1, true));
    let shown = shell.admin(&Show { selector: by_name("queue") }).unwrap();
    assert_eq!(shown.enrolled, Some((kem::public(&key), shell.now)));
    assert_eq!((shown.owner, shown.revision, shown.updated_at), (Owner::local(svc(), HOST), 1, BEGIN));

    let got = shell.execute(&account(991), &get("queue")).unwrap();
    let (bond, bytes) = sealed(&got);
    assert!(!bytes.windows(6).any(|window| window == b"CANARY"));
    assert_eq!(credential::open(&key, bond, bytes).unwrap().value.expose(), b"CANARY-one");
    assert!(credential::open(&other, bond, bytes).is_err());
    for bond in [Bond { id: Id([1; 16]), ..bond }, Bond { revision: 2, ..bond }, Bond { uid: 992, ..bond }] {
        assert!(credential::open(&key, bond, bytes).is_err());
    }
    // Another value is sealed to the same key.
    shell.admin(&set("queue", "two")).unwrap();
    let got = shell.execute(&account(991), &get("queue")).unwrap();
    let (bond, bytes) = sealed(&got);
    assert_eq!(bond.revision, 2);
    assert_eq!(credential::open(&key, bond, bytes).unwrap().value.expose(), b"two");
    // Once more with the same key changes nothing.
    shell.execute(&account(991), &enroll("queue", &key, None)).unwrap();
    assert_eq!(shell.last.changes, 0);
}

#[test]
fn another_key_takes_its_place_only_with_proof_of_the_old_one() {
    let mut shell = shell();
    shell.admin(&set("queue", "one")).unwrap();
    shell.admin(&set("audit", "two")).unwrap();
    let (old, new, third) = (kem::generate(), kem::generate(), kem::generate());
    for target in ["queue", "audit"] {
        shell.execute(&account(991), &enroll(target, &old, None)).unwrap();
    }
    let refused = Refusal::OtherKeyEnrolled { name: "queue".to_owned() };
    let proof_key = |shell: &mut Shell, target: &str| {
        let got = shell.execute(&account(991), &get(target)).unwrap();
        let (bond, bytes) = sealed(&got);
        (credential::open(&old, bond, bytes).unwrap().proof_key, bond)
    };
    let (key, bond) = proof_key(&mut shell, "queue");
    let (of_other, other_bond) = proof_key(&mut shell, "audit");
    let right = credential::proof(&key, bond, &kem::public(&new));
    let wrong = [
        None,
        Some([0; 32]),
        // For another key, and of another credential of the same account.
        Some(credential::proof(&key, bond, &kem::public(&third))),
        Some(credential::proof(&of_other, other_bond, &kem::public(&new))),
        Some(credential::proof(&of_other, bond, &kem::public(&new))),
    ];
    for proof in wrong {
        assert_eq!(shell.execute(&account(991), &enroll("queue", &new, proof)).unwrap_err(), refused);
    }
    // After a change of the value the proof is another one.
    shell.admin(&set("queue", "three")).unwrap();
    assert_eq!(shell.execute(&account(991), &enroll("queue", &new, Some(right))).unwrap_err(), refused);
    let (key, bond) = proof_key(&mut shell, "queue");
    let right = credential::proof(&key, bond, &kem::public(&new));
    shell.execute(&account(991), &enroll("queue", &new, Some(right))).unwrap();
    let got = shell.execute(&account(991), &get("queue")).unwrap();
    let (bond, bytes) = sealed(&got);
    assert!(credential::open(&old, bond, bytes).is_err());
    assert_eq!(credential::open(&new, bond, bytes).unwrap().value.expose(), b"three");
}

#[test]
fn a_public_key_that_nothing_can_be_sealed_to_is_refused() {
    let mut shell = shell();
    shell.admin(&set("queue", "one")).unwrap();
    let enroll = Enroll { selector: by_name("queue"), public_key: [0; 32], proof: None, seen: as_bound() };
    let refused = shell.execute(&account(991), &enroll).unwrap_err();
    assert!(matches!(refused, Refusal::Invalid { field: "public_key", .. }), "{refused:?}");
}

#[test]
fn a_rebinding_gives_it_to_the_account_of_today_and_forgets_the_key() {
    let mut shell = shell();
    let id = shell.admin(&set("queue", "one")).unwrap().id;
    shell.execute(&account(991), &enroll("queue", &kem::generate(), None)).unwrap();
    shell.now = Timestamp(BEGIN.0 + 1000);
    let today = Account { uid: 1991, ..svc() };
    let reply = shell.admin(&rebind("queue", today.clone())).unwrap();
    assert_eq!(reply, RebindReply { id, name: name("queue"), revision: 2, owner: Owner::local(today, HOST) });
    assert!(shell.last.witnessed);
    let body = stored(&shell, id);
    assert_eq!((body.uid, body.public_key, body.enrolled_at, body.updated_at), (Some(1991), None, None, shell.now));
    assert_eq!(clear(shell.execute(&account(1991), &get("queue")).unwrap()), "one");
    is_denied(shell.execute(&account(991), &get("queue")));

    let moved = Rebind { owner: Ok(Owner::local(svc(), OTHER_HOST)), ..rebind("queue", svc()) };
    assert_eq!(shell.admin(&moved).unwrap().revision, 3);
    assert_eq!(shell.execute(&account(991), &get("queue")).unwrap_err(), changed(BindingChange::OtherHost));
    let there = Get { selector: by_name("queue"), seen: seen(Some("svc-queue"), OTHER_HOST) };
    assert_eq!(clear(shell.execute(&account(991), &there).unwrap()), "one");
}

/// Only an administrator sets, binds, lists and deletes; what an account's name stands for is told to nobody else.
#[test]
fn administration_is_for_administrators() {
    let mut shell = shell();
    shell.admin(&set("queue", "one")).unwrap();
    let gone = || Refusal::Invalid { field: "account", reason: "there is no such account".to_owned() };
    for role in [None, Some(Role::Data), Some(Role::Read)] {
        let other = Principal { role, ..account(991) };
        is_denied(shell.execute(&other, &set("queue", "two")));
        is_denied(shell.execute(&other, &Set { owner: Err(gone()), ..set("queue", "two") }));
        is_denied(shell.execute(&other, &Rebind { owner: Err(gone()), ..rebind("queue", svc()) }));
        is_denied(shell.execute(&other, &Show { selector: by_name("queue") }));
        is_denied(shell.execute(&other, &List { prefix: String::new(), after: None, limit: 10 }));
        is_denied(shell.execute(&other, &Delete { selector: by_name("queue"), expected_revision: None }));
    }
    assert_eq!(shell.admin(&Set { owner: Err(gone()), ..set("queue", "two") }).unwrap_err(), gone());
    assert_eq!(shell.admin(&Rebind { owner: Err(gone()), ..rebind("queue", svc()) }).unwrap_err(), gone());
}

#[test]
fn limits() {
    let mut shell = shell();
    let sized = |length: usize| Set { value: SecretBytes::from_vec(vec![7; length]), ..set("queue", "") };
    assert!(matches!(shell.admin(&sized(0)).unwrap_err(), Refusal::Invalid { field: "value", .. }));
    shell.admin(&sized(VALUE_BYTES)).unwrap();
    let refused = shell.admin(&sized(VALUE_BYTES + 1)).unwrap_err();
    assert_eq!(refused, Refusal::TooLarge { what: "the value", actual: 65_537, limit: 65_536 });
    for bad in [String::new(), "a\nb".to_owned(), "x".repeat(257)] {
        let named = Set { owner: Ok(Owner::local(Account { name: bad, uid: 1 }, HOST)), ..set("other", "x") };
        assert!(matches!(shell.admin(&named).unwrap_err(), Refusal::Invalid { field: "account", .. }));
    }
    let longest = Set { owner: Ok(Owner::local(Account { name: "x".repeat(256), uid: 1 }, HOST)), ..set("other", "x") };
    shell.admin(&longest).unwrap();
    for limit in [0, LIST_LIMIT + 1] {
        let list = List { prefix: String::new(), after: None, limit };
        assert!(matches!(shell.admin(&list).unwrap_err(), Refusal::Invalid { field: "limit", .. }));
    }
}

#[test]
fn compare_and_set() {
    let mut shell = shell();
    let if_revision = |revision| Set { expected_revision: Some(revision), ..set("queue", "x") };
    let conflict = |expected, found| Refusal::RevisionConflict { expected, found };
    assert_eq!(shell.admin(&if_revision(1)).unwrap_err(), conflict(1, 0));
    shell.admin(&if_revision(0)).unwrap();
    assert_eq!(shell.admin(&if_revision(0)).unwrap_err(), conflict(0, 1));
    shell.admin(&if_revision(1)).unwrap();
    let rebind = Rebind { expected_revision: Some(1), ..rebind("queue", svc()) };
    assert_eq!(shell.admin(&rebind).unwrap_err(), conflict(1, 2));
    let delete = |revision| Delete { selector: by_name("queue"), expected_revision: Some(revision) };
    assert_eq!(shell.admin(&delete(1)).unwrap_err(), conflict(1, 2));
    shell.admin(&delete(2)).unwrap();
    assert!(shell.last.witnessed);
    assert_eq!(shell.count(RecordKind::Credential), 0);
    is_denied(shell.execute(&account(991), &get("queue")));
    shell.admin(&if_revision(0)).unwrap();
    let unknown = Set { selector: Selector::Id(Id([9; 16])), ..set("queue", "x") };
    assert!(matches!(shell.admin(&unknown).unwrap_err(), Refusal::NotFound { what: "credential", .. }));
}

#[test]
fn lists_go_by_name_and_page() {
    let mut shell = shell();
    for target in ["b", "a/two", "a/one"] {
        shell.admin(&set(target, "x")).unwrap();
    }
    let page = |shell: &mut Shell, prefix: &str, after: Option<&str>, limit| {
        let list = List { prefix: prefix.to_owned(), after: after.map(str::to_owned), limit };
        let reply = shell.admin(&list).unwrap();
        let names: Vec<String> = reply.entries.iter().map(|entry| entry.name.to_string()).collect();
        (names, reply.next.map(|name| name.to_string()))
    };
    assert_eq!(page(&mut shell, "", None, 2), (vec!["a/one".into(), "a/two".into()], Some("a/two".into())));
    assert_eq!(page(&mut shell, "", Some("a/two"), 2), (vec!["b".into()], None));
    assert_eq!(page(&mut shell, "a/", None, 9), (vec!["a/one".into(), "a/two".into()], None));
    let id = shell.names[&(RecordKind::Credential, "b".to_owned())];
    let why = Refusal::Quarantined { target: "b".to_owned(), finding: "older" };
    shell.refused.insert(RecordKey::new(RecordKind::Credential, id), why.clone());
    let reply = shell.admin(&List { prefix: String::new(), after: None, limit: 9 }).unwrap();
    assert_eq!((reply.entries.len(), reply.withheld[0].why.clone()), (2, why));
}

/// Every credential gets a new key of its own; who is enrolled stays so, and an older proof is of no use.
#[test]
fn a_rotation_seals_every_value_again() {
    let mut shell = shell();
    let id = shell.admin(&set("queue", "one")).unwrap().id;
    let key = kem::generate();
    shell.execute(&account(991), &enroll("queue", &key, None)).unwrap();
    let before = stored(&shell, id);
    shell.admin(&Rotate { selector: by_name(KEY_NAME), reencrypt: false, expected_version: None, rate: None }).unwrap();
    let records = vec![CredentialBody::record_key(id)];
    let master = shell.key_handle(KEY_NAME).key_id;
    let again = Reencrypt { key: master, name: name(KEY_NAME), records };
    assert_eq!(shell.admin(&again).unwrap().sealed, 1);
    let after = stored(&shell, id);
    assert_eq!((before.key_version, after.key_version), (1, 2));
    assert!(before.value != after.value);
    assert_eq!((after.revision, after.updated_at, after.public_key), (1, before.updated_at, before.public_key));
    let got = shell.execute(&account(991), &get("queue")).unwrap();
    let (bond, bytes) = sealed(&got);
    assert_eq!(credential::open(&key, bond, bytes).unwrap().value.expose(), b"one");
    assert_eq!(shell.admin(&again).unwrap().sealed, 0);
}

#[test]
fn a_locked_key_keeps_values_and_shows_the_rest() {
    let mut shell = shell();
    shell.admin(&set("queue", "one")).unwrap();
    shell.locked_keys = true;
    assert!(matches!(shell.execute(&account(991), &get("queue")).unwrap_err(), Refusal::KeyLocked { .. }));
    assert!(matches!(shell.admin(&set("queue", "two")).unwrap_err(), Refusal::KeyLocked { .. }));
    shell.admin(&Show { selector: by_name("queue") }).unwrap();
}

#[test]
fn a_change_in_between_is_judged_anew() {
    let mut shell = shell();
    shell.admin(&set("queue", "one")).unwrap();
    shell.interrupt_after(3, |shell| {
        shell.admin(&rebind("queue", Account { name: "other".to_owned(), uid: 5 })).unwrap();
    });
    // The account lost it while it was being enrolled.
    is_denied(shell.execute(&account(991), &enroll("queue", &kem::generate(), None)));
    assert_eq!(shell.last.attempts, 2);
}

#[test]
fn replies_of_changes_are_remembered_and_hold_no_value() {
    let mut shell = shell();
    let made = shell.admin(&set("queue", "CANARY")).unwrap();
    let remembered = made.remember();
    assert!(!remembered.windows(6).any(|window| window == b"CANARY"));
    assert_eq!(SetReply::recall(&remembered).unwrap(), made);
    let enrolled = shell.execute(&account(991), &enroll("queue", &kem::generate(), None)).unwrap();
    assert_eq!(EnrollReply::recall(&enrolled.remember()).unwrap(), enrolled);
    let got = shell.execute(&account(991), &get("queue")).unwrap();
    assert!(got.remember().is_empty());
    let bound = shell.admin(&rebind("queue", svc())).unwrap();
    assert_eq!(RebindReply::recall(&bound.remember()).unwrap(), bound);
    let deleted = shell.admin(&Delete { selector: by_name("queue"), expected_revision: None }).unwrap();
    assert_eq!(DeleteReply::recall(&deleted.remember()).unwrap(), deleted);
}
