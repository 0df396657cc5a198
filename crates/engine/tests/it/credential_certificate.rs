//! Credentials of client certificates: whoever has one of them reads the value while it is valid, beside a local account or without
//! one; a new binding ends the old; no value opens beside other pins than those it was sealed for.

use strongroom_crypto::hash::sha256;
use strongroom_crypto::{SealingKey, kem};
use strongroom_engine::credential::{
    Account, BindingChange, CERTIFICATES, CredentialBody, Enroll, Get, GetReply, KEY_NAME, Owner, Pins, Rebind,
    RebindReply, Released, Seen, Set, SetReply, Show,
};
use strongroom_engine::key::{BuiltIn, Rotate};
use strongroom_engine::name::Selector;
use strongroom_engine::policy::{Certificate, Channel, Identity, Principal};
use strongroom_engine::reencrypt::Reencrypt;
use strongroom_engine::rule::{Refusal, Reply};
use strongroom_engine::stored::Family;
use strongroom_envelope::credential::{self, Bond, NO_UID};
use strongroom_envelope::value::{Context, Place, Purpose};
use strongroom_envelope::{Generation, Id, Pin, RecordKind, Timestamp, body, two_tier};
use strongroom_secret::{AgreementKey, SecretBytes};

use crate::shell::{BEGIN, Shell, name};

const HOST: [u8; 16] = [0xab; 16];
const DAY: i64 = 24 * 60 * 60 * 1000;

fn shell() -> Shell {
    let mut shell = Shell::new();
    shell.admin(&BuiltIn { family: Family::Credentials }).unwrap();
    shell
}

fn pin(number: u8) -> Pin {
    Pin([number; 32])
}

/// Of nobody but these certificates.
fn certificates(numbers: &[u8]) -> Owner {
    let pins = numbers.iter().map(|number| pin(*number)).collect();
    Owner { local: None, certificates: Pins::new(pins).unwrap() }
}

/// Of the account `svc-queue`, and of these certificates.
fn account_and(numbers: &[u8]) -> Owner {
    let account = Account { name: "svc-queue".to_owned(), uid: 991 };
    Owner { certificates: certificates(numbers).certificates, ..Owner::local(account, HOST) }
}

/// Whoever has the private key of this certificate, which is valid for a day before and after now.
fn holder(number: u8) -> Principal {
    dated(number, BEGIN.0 - DAY, BEGIN.0 + DAY)
}

fn dated(number: u8, not_before: i64, not_after: i64) -> Principal {
    let (not_before, not_after) = (Timestamp(not_before), Timestamp(not_after));
    let identity = Identity::Certificate(Certificate { pin: pin(number), not_before, not_after });
    Principal { identity, role: None, channel: Channel::Network }
}

fn set(owner: Owner, value: &str) -> Set {
    let (selector, value) = (Selector::Name(name("queue")), SecretBytes::from_slice(value.as_bytes()));
    Set { selector, owner: Ok(owner), value, expected_revision: None }
}

fn rebind(owner: Owner) -> Rebind {
    Rebind { selector: Selector::Name(name("queue")), owner: Ok(owner), expected_revision: None }
}

fn get(target: &str) -> Get {
    Get { selector: Selector::parse(target).unwrap(), seen: None }
}

fn enroll(key: &AgreementKey, proof: Option<[u8; 32]>) -> Enroll {
    Enroll { selector: Selector::Name(name("queue")), public_key: kem::public(key), proof, seen: None }
}

fn clear(reply: GetReply) -> String {
    match reply.value {
        Released::Clear(value) => String::from_utf8(value.expose().to_vec()).unwrap(),
        Released::Sealed(_) => panic!("the account is not enrolled"),
    }
}

fn opened(reply: &GetReply, key: &AgreementKey) -> credential::Opened {
    let Released::Sealed(sealed) = &reply.value else { panic!("the account is enrolled") };
    let bond = Bond { id: reply.id, revision: reply.revision, uid: reply.uid.unwrap_or(NO_UID) };
    credential::open(key, bond, sealed).unwrap()
}

fn is_denied(outcome: Result<GetReply, Refusal>) -> String {
    match outcome {
        Err(Refusal::Denied { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

fn stored(shell: &Shell, id: Id) -> CredentialBody {
    shell.body(RecordKind::Credential, id)
}

#[test]
fn whoever_has_one_of_the_certificates_reads_it() {
    let mut shell = shell();
    let made = shell.admin(&set(certificates(&[2, 1]), "one")).unwrap();
    assert_eq!((made.revision, made.uid, made.created), (1, None, true));
    for number in [1, 2] {
        let got = shell.execute(&holder(number), &get("queue")).unwrap();
        assert_eq!((got.id, got.uid, got.revision), (made.id, None, 1));
        assert_eq!(clear(got), "one");
        assert_eq!(clear(shell.execute(&holder(number), &get(&made.id.to_string())).unwrap()), "one");
    }
    assert_eq!(shell.last.trace.target, "queue", "audited by its canonical name");
    let shown = shell.admin(&Show { selector: Selector::Name(name("queue")) }).unwrap();
    assert_eq!(shown.owner, certificates(&[1, 2]));
    let body = stored(&shell, made.id);
    assert!(body.account.is_none() && body.uid.is_none() && body.host.is_none());
}

/// In the same words, whether there is such a credential or not, and on whatever day.
#[test]
fn another_certificate_is_a_stranger() {
    let mut shell = shell();
    let id = shell.admin(&set(certificates(&[1]), "one")).unwrap().id;
    let local = Principal { channel: Channel::Local, ..holder(1) };
    let peer = Principal { identity: Identity::Peer { uid: NO_UID }, role: None, channel: Channel::Local };
    let mut reasons = Vec::new();
    for other in [holder(2), dated(2, 0, 1), local, peer] {
        reasons.push(is_denied(shell.execute(&other, &get("queue"))));
        reasons.push(is_denied(shell.execute(&other, &get("nothing"))));
        reasons.push(is_denied(shell.execute(&other, &get(&id.to_string()))));
        assert!(matches!(shell.execute(&other, &enroll(&kem::generate(), None)), Err(Refusal::Denied { .. })));
    }
    reasons.dedup();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(stored(&shell, id).public_key.is_none());
}

#[test]
fn a_certificate_counts_in_its_time_only() {
    let mut shell = shell();
    shell.admin(&set(certificates(&[1]), "one")).unwrap();
    for (not_before, not_after, wrong) in
        [(BEGIN.0 - 2 * DAY, BEGIN.0 - DAY, "expired at "), (BEGIN.0 + DAY, BEGIN.0 + 2 * DAY, "is not valid before ")]
    {
        let holder = dated(1, not_before, not_after);
        for refused in [
            shell.execute(&holder, &get("queue")).map(drop).unwrap_err(),
            shell.execute(&holder, &enroll(&kem::generate(), None)).map(drop).unwrap_err(),
        ] {
            assert!(matches!(&refused, Refusal::CertificateNotValid { wrong: found } if found.starts_with(wrong)));
        }
        is_denied(shell.execute(&holder, &get("nothing")));
    }
    // The same connection a day and a second later.
    shell.now = Timestamp(BEGIN.0 + DAY);
    assert_eq!(clear(shell.execute(&holder(1), &get("queue")).unwrap()), "one");
    shell.now = Timestamp(BEGIN.0 + DAY + 1000);
    let refused = shell.execute(&holder(1), &get("queue")).unwrap_err();
    assert!(matches!(refused, Refusal::CertificateNotValid { .. }), "{refused}");
}

#[test]
fn an_account_and_a_certificate_read_the_same() {
    let mut shell = shell();
    let made = shell.admin(&set(account_and(&[1]), "one")).unwrap();
    assert_eq!(made.uid, Some(991));
    let peer = Principal { identity: Identity::Peer { uid: 991 }, role: None, channel: Channel::Local };
    let here = |host| Get { seen: Some(Seen { account: Some("svc-queue".to_owned()), host }), ..get("queue") };
    assert_eq!(clear(shell.execute(&peer, &here(HOST)).unwrap()), "one");
    assert_eq!(clear(shell.execute(&holder(1), &get("queue")).unwrap()), "one");
    // What happens to the account or the host does not concern the certificate.
    let change = BindingChange::OtherHost;
    let refused = Refusal::AccountChanged { name: "queue".to_owned(), change };
    assert_eq!(shell.execute(&peer, &here([0; 16])).unwrap_err(), refused);
    assert!(matches!(shell.execute(&peer, &get("queue")).unwrap_err(), Refusal::AccountChanged { .. }));
    // Either is given the sealed form once one of them has enrolled.
    let key = kem::generate();
    shell.execute(&holder(1), &enroll(&key, None)).unwrap();
    for (asking, get) in [(&peer, here(HOST)), (&holder(1), get("queue"))] {
        let got = shell.execute(asking, &get).unwrap();
        assert_eq!(got.uid, Some(991));
        assert_eq!(opened(&got, &key).value.expose(), b"one");
    }
}

#[test]
fn a_new_binding_ends_the_old() {
    let mut shell = shell();
    let id = shell.admin(&set(certificates(&[1]), "one")).unwrap().id;
    shell.execute(&holder(1), &enroll(&kem::generate(), None)).unwrap();
    let bound = shell.admin(&rebind(certificates(&[2]))).unwrap();
    assert_eq!(bound, RebindReply { id, name: name("queue"), revision: 2, owner: certificates(&[2]) });
    assert!(shell.last.witnessed);
    is_denied(shell.execute(&holder(1), &get("queue")));
    assert_eq!(clear(shell.execute(&holder(2), &get("queue")).unwrap()), "one", "the enrolled key is forgotten");
    // To an account alone: no certificate is left.
    shell.admin(&rebind(account_and(&[]))).unwrap();
    is_denied(shell.execute(&holder(2), &get("queue")));
    assert!(stored(&shell, id).certificates.is_none());
    let both = shell.admin(&rebind(account_and(&[3]))).unwrap();
    assert_eq!(both.revision, 4);
    assert_eq!(clear(shell.execute(&holder(3), &get("queue")).unwrap()), "one");
}

#[test]
fn a_value_is_given_to_those_it_is_bound_to_and_no_others() {
    let mut shell = shell();
    shell.admin(&set(account_and(&[1, 2]), "one")).unwrap();
    let refused = |change| Err(Refusal::AccountChanged { name: "queue".to_owned(), change });
    for (owner, change) in [
        (account_and(&[1]), BindingChange::OtherCertificates),
        (account_and(&[1, 2, 3]), BindingChange::OtherCertificates),
        (account_and(&[]), BindingChange::OtherCertificates),
        (certificates(&[1, 2]), BindingChange::OtherAccount),
    ] {
        assert_eq!(shell.admin(&set(owner, "two")), refused(change));
    }
    let again = shell.admin(&set(account_and(&[2, 1, 2]), "two")).unwrap();
    assert_eq!((again.revision, again.created), (2, false), "in whatever order they are named");
    assert_eq!(clear(shell.execute(&holder(1), &get("queue")).unwrap()), "two");
    shell.admin(&rebind(certificates(&[1]))).unwrap();
    assert_eq!(shell.admin(&set(account_and(&[1]), "three")), refused(BindingChange::OtherAccount));
}

#[test]
fn nobody_and_no_uid_cannot_be_bound_to() {
    let mut shell = shell();
    let invalid = |outcome: Result<SetReply, Refusal>| match outcome.unwrap_err() {
        Refusal::Invalid { field, .. } => field,
        other => panic!("{other}"),
    };
    assert_eq!(invalid(shell.admin(&set(certificates(&[]), "x"))), "account");
    let nobody = Owner::local(Account { name: "svc".to_owned(), uid: NO_UID }, HOST);
    assert_eq!(invalid(shell.admin(&set(nobody, "x"))), "account");
    let most: Vec<u8> = (0..CERTIFICATES as u8).collect();
    shell.admin(&set(certificates(&most), "x")).unwrap();
    assert_eq!(clear(shell.execute(&holder(15), &get("queue")).unwrap()), "x");
}

/// Whoever can write records, and knows no application key, adds himself: the value knows whose it is.
#[test]
fn a_value_opens_beside_its_own_pins_only() {
    let mut shell = shell();
    let id = shell.admin(&set(account_and(&[1]), "one")).unwrap().id;
    let bound = stored(&shell, id);
    let with = |change: &dyn Fn(&mut CredentialBody)| {
        let mut body = bound.clone();
        change(&mut body);
        body
    };
    let forged = [
        (1, with(&|body| body.certificates = Some(certificates(&[1, 2]).certificates))),
        (2, with(&|body| body.certificates = Some(certificates(&[1, 2]).certificates))),
        (2, with(&|body| body.certificates = Some(certificates(&[2]).certificates))),
        (1, with(&|body| (body.account, body.uid, body.host) = (None, None, None))),
        (1, with(&|body| body.uid = None)),
    ];
    for (number, body) in forged {
        shell.records.insert(CredentialBody::record_key(id), (Generation(99 << 16), body::encode(&body)));
        assert_eq!(shell.execute(&holder(number), &get("queue")).unwrap_err(), Refusal::DoesNotOpen);
    }
    shell.records.insert(CredentialBody::record_key(id), (Generation(99 << 16), body::encode(&bound)));
    assert_eq!(clear(shell.execute(&holder(1), &get("queue")).unwrap()), "one");
}

/// Opened by hand, as docs/spec/credential.md and docs/spec/two-tier.md have it.
#[test]
fn the_place_of_a_value_is_the_context_of_the_specification() {
    let mut shell = shell();
    let id = shell.admin(&set(certificates(&[2, 1]), "one")).unwrap().id;
    let digest: String = sha256(&[&[1; 32], &[2; 32]]).iter().map(|byte| format!("{byte:02x}")).collect();
    let record = id.to_string();
    let pairs = [("certificates", digest.as_str()), ("record", record.as_str()), ("revision", "1")];
    let context = Context::new(pairs).unwrap();
    let place = Place::Context(&context);
    let (stored, master) = (stored(&shell, id), shell.key_handle(KEY_NAME));
    let sealed_key = two_tier::parse(&stored.value).unwrap().data_key;
    let data_key = sealed_key.open(master.sealing(Purpose::Credentials).unwrap(), &place).unwrap();
    let mut out = SecretBytes::new();
    two_tier::open(&SealingKey::new(data_key.expose()), Purpose::Credentials, &place, &stored.value, &mut out).unwrap();
    assert_eq!(out.expose(), b"one");
}

#[test]
fn a_certificate_is_enrolled_and_another_key_takes_its_place_with_proof() {
    let mut shell = shell();
    shell.admin(&set(certificates(&[1]), "CANARY-one")).unwrap();
    let (old, new) = (kem::generate(), kem::generate());
    shell.execute(&holder(1), &enroll(&old, None)).unwrap();
    let got = shell.execute(&holder(1), &get("queue")).unwrap();
    let first = opened(&got, &old);
    assert_eq!((got.uid, first.value.expose()), (None, &b"CANARY-one"[..]));
    let refused = Refusal::OtherKeyEnrolled { name: "queue".to_owned() };
    assert_eq!(shell.execute(&holder(1), &enroll(&new, None)).unwrap_err(), refused);
    let bond = Bond { id: got.id, revision: 1, uid: NO_UID };
    let proof = credential::proof(&first.proof_key, bond, &kem::public(&new));
    shell.execute(&holder(1), &enroll(&new, Some(proof))).unwrap();
    let got = shell.execute(&holder(1), &get("queue")).unwrap();
    assert_eq!(opened(&got, &new).value.expose(), b"CANARY-one");
}

#[test]
fn a_rotation_keeps_whose_it_is() {
    let mut shell = shell();
    let id = shell.admin(&set(certificates(&[1]), "one")).unwrap().id;
    let selector = Selector::Name(name(KEY_NAME));
    shell.admin(&Rotate { selector, reencrypt: false, expected_version: None, rate: None }).unwrap();
    let (key, records) = (shell.key_handle(KEY_NAME).key_id, vec![CredentialBody::record_key(id)]);
    assert_eq!(shell.admin(&Reencrypt { key, name: name(KEY_NAME), records }).unwrap().sealed, 1);
    let after = stored(&shell, id);
    assert_eq!((after.key_version, after.certificates), (2, Some(certificates(&[1]).certificates)));
    assert_eq!(clear(shell.execute(&holder(1), &get("queue")).unwrap()), "one");
}

#[test]
fn replies_are_remembered() {
    let mut shell = shell();
    let made = shell.admin(&set(certificates(&[1]), "CANARY")).unwrap();
    assert_eq!(SetReply::recall(&made.remember()).unwrap(), made);
    for owner in [certificates(&[1, 2]), account_and(&[]), account_and(&[3])] {
        let bound = shell.admin(&rebind(owner)).unwrap();
        assert_eq!(RebindReply::recall(&bound.remember()).unwrap(), bound);
    }
}
