//! Reading secrets: by name or id, by version; what is hidden, locked, swapped or damaged.

use strongroom_engine::name::Selector;
use strongroom_engine::policy::{Action, Channel, Identity, Principal, Role};
use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::{Delete, Get, Provider, Put, SecretVersionBody, Show};
use strongroom_envelope::value::{self, Place, Purpose};
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp, body};
use strongroom_secret::SecretBytes;

use crate::shell::{BEGIN, Shell, caller, name};

fn by_name(text: &str) -> Selector {
    Selector::Name(name(text))
}

fn put(shell: &mut Shell, target: &str, value: &[u8]) -> Id {
    shell.admin(&Put::new(by_name(target), SecretBytes::from_slice(value))).unwrap().id
}

fn get(shell: &mut Shell, selector: Selector) -> Result<Vec<u8>, Refusal> {
    shell.admin(&Get { selector, version: None }).map(|reply| reply.value.expose().to_vec())
}

/// Where the current version of a secret lies.
fn version_key(shell: &Shell, target: &str) -> RecordKey {
    let head = shell.head(target);
    RecordKey::new(RecordKind::SecretVersion, head.versions.last().unwrap().record)
}

/// Changes the body of a stored version, as one who can seal records but has no application key.
fn forge(shell: &mut Shell, key: RecordKey, forge: impl FnOnce(&mut SecretVersionBody)) {
    let (_, bytes) = shell.records.get_mut(&key).unwrap();
    let mut version: SecretVersionBody = body::decode_strict(bytes).unwrap();
    forge(&mut version);
    *bytes = body::encode(&version);
}

#[test]
fn a_value_is_read_by_name_and_by_id() {
    let mut shell = Shell::new();
    let id = put(&mut shell, "ftp/acme", b"\x00binary\xff");
    for selector in [by_name("ftp/acme"), Selector::Id(id)] {
        let reply = shell.admin(&Get { selector, version: None }).unwrap();
        assert_eq!((reply.id, reply.name.as_str(), reply.version), (id, "ftp/acme", 1));
        assert_eq!(reply.value.expose(), b"\x00binary\xff");
        assert_eq!(shell.last.trace.target, "ftp/acme");
        assert_eq!(shell.last.trace.key, Some(shell.active()), "the audit line names the key that was used");
        assert_eq!(shell.last.changes, 0);
    }
}

#[test]
fn metadata_tells_all_but_the_value() {
    let mut shell = Shell::new();
    let id = put(&mut shell, "a", b"1");
    shell.rotate();
    shell.now = Timestamp(BEGIN.0 + 9);
    put(&mut shell, "a", b"2");
    let shown = shell.admin(&Show { selector: by_name("a") }).unwrap();
    assert_eq!((shown.id, shown.name.as_str(), shown.version), (id, "a", 2));
    assert_eq!((shown.created_at, shown.updated_at, shown.deleted_at), (BEGIN, shell.now, None));
    assert_eq!((shown.provider, shown.key, shown.key_version), (Provider::Aes256, shell.active().0, 2));
    assert_eq!((shown.keep, shown.provider.word()), (10, "aes-256"));
    let versions: Vec<_> = shown.versions.iter().map(|entry| (entry.number, entry.created_at)).collect();
    assert_eq!(versions, [(1, BEGIN), (2, shell.now)]);
}

#[test]
fn a_version_opens_with_the_key_version_it_was_sealed_under() {
    let mut shell = Shell::new();
    put(&mut shell, "a", b"1");
    shell.rotate();
    put(&mut shell, "a", b"2");
    for (version, value) in [(1, b"1"), (2, b"2")] {
        let reply = shell.admin(&Get { selector: by_name("a"), version: Some(version) }).unwrap();
        assert_eq!(reply.value.expose(), value);
        assert_eq!(shell.last.trace.key, Some((shell.active().0, version)));
    }
}

#[test]
fn missing_names_ids_and_versions_are_named() {
    let mut shell = Shell::new();
    put(&mut shell, "a", b"1");
    let (missing, unknown) = (by_name("b"), Selector::Id(Id([8; 16])));
    for selector in [missing, unknown] {
        let target = selector.to_string();
        assert_eq!(get(&mut shell, selector), Err(Refusal::NotFound { what: "secret", target }));
    }
    for version in [0, 2, u32::MAX] {
        let refused = shell.admin(&Get { selector: by_name("a"), version: Some(version) }).map(drop);
        assert_eq!(refused, Err(Refusal::NotFound { what: "version", target: format!("{version} of a") }));
    }
}

#[test]
fn whoever_may_not_learns_nothing_of_what_is_there() {
    let mut shell = Shell::new();
    let id = put(&mut shell, "there", b"1");
    let nobody = Principal { identity: Identity::Peer { uid: 7 }, role: None, channel: Channel::Local };
    let mut refusals = Vec::new();
    for selector in [by_name("there"), by_name("missing"), Selector::Id(id), Selector::Id(Id([8; 16]))] {
        refusals.push(shell.execute(&nobody, &Get { selector, version: None }).map(drop));
        assert_eq!(shell.last.runs, 1, "nothing is looked up for him");
    }
    assert!(matches!(refusals[0], Err(Refusal::Denied { .. })));
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]));
}

#[test]
fn a_reader_reads_and_does_not_change() {
    let mut shell = Shell::new();
    put(&mut shell, "a", b"1");
    let reader = caller(Role::Read);
    assert!(shell.execute(&reader, &Get { selector: by_name("a"), version: None }).is_ok());
    let reason = format!("the role `read` does not include {}", Action::SecretDelete.word());
    for target in ["a", "missing"] {
        let delete = Delete { selector: by_name(target), expected_version: None };
        assert_eq!(shell.execute(&reader, &delete).map(drop), Err(Refusal::Denied { reason: reason.clone() }));
        assert_eq!(shell.last.trace.target, target, "the refusal is audited with its target");
    }
}

#[test]
fn a_locked_key_is_told_from_a_value_that_does_not_open() {
    let mut shell = Shell::new();
    put(&mut shell, "a", b"1");
    shell.locked_keys = true;
    let locked = Refusal::KeyLocked { key: "secrets".to_owned() };
    assert_eq!(get(&mut shell, by_name("a")), Err(locked.clone()));
    let again = Put::new(by_name("a"), SecretBytes::from_slice(b"2"));
    assert_eq!(shell.admin(&again).map(drop), Err(locked));
    assert!(shell.admin(&Show { selector: by_name("a") }).is_ok(), "metadata needs no application key");

    shell.locked_keys = false;
    let key = version_key(&shell, "a");
    forge(&mut shell, key, |version| *version.value.last_mut().unwrap() ^= 1);
    assert_eq!(get(&mut shell, by_name("a")), Err(Refusal::DoesNotOpen));
}

#[test]
fn the_value_of_another_secret_does_not_open_here() {
    let mut shell = Shell::new();
    put(&mut shell, "a", b"for a");
    put(&mut shell, "b", b"for b");
    let (a, b) = (version_key(&shell, "a"), version_key(&shell, "b"));

    // Whole bodies exchanged: each names the other secret.
    let (body_a, body_b) = (shell.records[&a].1.clone(), shell.records[&b].1.clone());
    shell.records.get_mut(&a).unwrap().1.clone_from(&body_b);
    shell.records.get_mut(&b).unwrap().1.clone_from(&body_a);
    assert_eq!(get(&mut shell, by_name("a")), Err(Refusal::DoesNotOpen));
    assert_eq!(get(&mut shell, by_name("b")), Err(Refusal::DoesNotOpen));

    // The same with the ids mended: the value itself is bound to its record.
    let owner = shell.id("a");
    forge(&mut shell, a, |version| version.secret_id = owner);
    assert_eq!(get(&mut shell, by_name("a")), Err(Refusal::DoesNotOpen));

    shell.records.get_mut(&a).unwrap().1 = body_a;
    assert_eq!(get(&mut shell, by_name("a")), Ok(b"for a".to_vec()), "back in its place it opens");
}

#[test]
fn an_older_version_does_not_open_as_a_newer_one() {
    let mut shell = Shell::new();
    put(&mut shell, "a", b"old");
    let old = version_key(&shell, "a");
    put(&mut shell, "a", b"new");
    let new = version_key(&shell, "a");
    let old_value = shell.body::<SecretVersionBody>(RecordKind::SecretVersion, old.id).value;
    forge(&mut shell, new, |version| version.value = old_value);
    assert_eq!(get(&mut shell, by_name("a")), Err(Refusal::DoesNotOpen));
}

#[test]
fn every_lie_about_a_version_is_noticed() {
    let lies: [fn(&mut SecretVersionBody); 6] = [
        |version| version.secret_id = Id([1; 16]),
        |version| version.number += 1,
        |version| version.provider = Provider::Cleartext,
        |version| version.key_id = Id([1; 16]),
        |version| version.key_version += 1,
        |version| version.value.truncate(95),
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let mut shell = Shell::new();
        put(&mut shell, "a", b"v");
        shell.rotate();
        let key = version_key(&shell, "a");
        forge(&mut shell, key, lie);
        assert_eq!(get(&mut shell, by_name("a")), Err(Refusal::DoesNotOpen), "lie {number}");
    }
}

#[test]
fn a_value_whose_own_header_names_another_key_does_not_open() {
    let mut shell = Shell::new();
    put(&mut shell, "a", b"v");
    let key = version_key(&shell, "a");
    let handle = shell.handle(shell.active());
    for (key_id, key_version, opens) in [(handle.key_id, 1, true), (Id([1; 16]), 1, false), (handle.key_id, 2, false)] {
        let (mut sealed, place) = (Vec::new(), Place::Record { key, field: 7, version: 1 });
        value::seal(
            handle.sealing(Purpose::Secrets).unwrap(),
            Purpose::Secrets,
            key_id,
            key_version,
            &place,
            b"w",
            &mut sealed,
        );
        forge(&mut shell, key, |version| version.value = sealed);
        let expected = if opens { Ok(b"w".to_vec()) } else { Err(Refusal::DoesNotOpen) };
        assert_eq!(get(&mut shell, by_name("a")), expected);
    }
}

#[test]
fn a_quarantined_or_newer_record_is_refused_by_itself() {
    let mut shell = Shell::new();
    let id = put(&mut shell, "a", b"1");
    put(&mut shell, "b", b"2");
    let quarantined = Refusal::Quarantined { target: "a".to_owned(), finding: "older" };
    shell.refused.insert(RecordKey::new(RecordKind::Secret, id), quarantined.clone());
    assert_eq!(get(&mut shell, by_name("a")), Err(quarantined));
    assert_eq!(get(&mut shell, by_name("b")), Ok(b"2".to_vec()), "the rest is served");
}

#[test]
fn bodies_that_are_damaged_or_of_a_later_version_are_told_apart() {
    let mut shell = Shell::new();
    let key = RecordKey::new(RecordKind::Secret, put(&mut shell, "a", b"1"));
    let body = shell.records[&key].1.clone();

    // A map whose field 0 holds 2 (RFC 8949: 0xa?, 0x00, 0x02).
    let mut newer = body.clone();
    assert_eq!(newer[1..3], [0x00, 0x01]);
    newer[2] = 0x02;
    shell.records.get_mut(&key).unwrap().1 = newer;
    let target = key.id.to_string();
    assert_eq!(get(&mut shell, by_name("a")), Err(Refusal::WrittenByNewer { target: target.clone() }));

    for length in 0..body.len() {
        shell.records.get_mut(&key).unwrap().1 = body[..length].to_vec();
        let finding = "unreadable";
        let refused = get(&mut shell, by_name("a"));
        assert_eq!(refused, Err(Refusal::Quarantined { target: target.clone(), finding }), "{length} bytes");
    }
}
