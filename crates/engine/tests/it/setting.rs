//! Settings: every type, classes, compare-and-set, lists, export, import, and values that do not open where they do not belong.

use strongroom_engine::key::{BuiltIn, Rotate};
use strongroom_engine::name::{Name, Selector};
use strongroom_engine::policy::Role;
use strongroom_engine::reencrypt::Reencrypt;
use strongroom_engine::rule::{Refusal, Reply};
use strongroom_engine::setting::{
    Class, Delete, DeleteReply, EXPORT_LIMIT, Export, Get, IMPORT_ROWS, Import, ImportRow, Imported, KEY_NAME,
    LIST_LIMIT, List, Set, SetReply, SettingBody, SettingValue, VALUE_BYTES, ValueType,
};
use strongroom_engine::stored::{Family, SealedUnder, sealed_under};
use strongroom_envelope::{Generation, Id, RecordKey, RecordKind, Timestamp, body};
use strongroom_secret::SecretBytes;

use crate::shell::{BEGIN, Shell, caller, name};

fn shell() -> Shell {
    let mut shell = Shell::new();
    shell.admin(&BuiltIn { family: Family::Settings }).unwrap();
    shell
}

fn bytes(text: &str) -> SecretBytes {
    SecretBytes::from_slice(text.as_bytes())
}

fn text(text: &str) -> SettingValue {
    SettingValue::String(bytes(text))
}

fn set(target: &str, value: SettingValue) -> Set {
    Set { selector: Selector::Name(name(target)), value, class: None, expected_revision: None }
}

fn of(class: Class, set: Set) -> Set {
    Set { class: Some(class), ..set }
}

fn get(target: &str) -> Get {
    Get { selector: Selector::Name(name(target)) }
}

/// A value for comparison.
fn shown(value: &SettingValue) -> String {
    let text = |bytes: &SecretBytes| String::from_utf8_lossy(bytes.expose()).into_owned();
    match value {
        SettingValue::String(bytes) => format!("string:{}", text(bytes)),
        SettingValue::Binary(bytes) => format!("binary:{:?}", bytes.expose()),
        SettingValue::MultiString(strings) => format!("multi:{:?}", strings.iter().map(text).collect::<Vec<_>>()),
        SettingValue::Integer(number) => format!("integer:{number}"),
        SettingValue::Boolean(truth) => format!("boolean:{truth}"),
    }
}

fn value(shell: &mut Shell, target: &str) -> String {
    shown(&shell.admin(&get(target)).unwrap().value)
}

fn key_of(id: Id) -> RecordKey {
    SettingBody::record_key(id)
}

fn stored(shell: &Shell, id: Id) -> SettingBody {
    shell.body(RecordKind::Setting, id)
}

/// Puts another body in the place of a record.
fn overwrite(shell: &mut Shell, id: Id, body: &SettingBody) {
    shell.records.insert(key_of(id), (Generation(99 << 16), body::encode(body)));
}

#[test]
fn every_type_in_every_class() {
    for class in Class::ALL {
        let mut shell = shell();
        let values = [
            ("string:größe", text("größe")),
            ("string:", text("")),
            ("multi:[\"a\", \"b\\nc\"]", SettingValue::MultiString(vec![bytes("a"), bytes("b\nc")])),
            ("multi:[]", SettingValue::MultiString(Vec::new())),
            ("integer:-9223372036854775808", SettingValue::Integer(i64::MIN)),
            ("binary:[255, 0]", SettingValue::Binary(SecretBytes::from_slice(&[255, 0]))),
            ("boolean:true", SettingValue::Boolean(true)),
        ];
        for (place, (expected, value)) in values.into_iter().enumerate() {
            let target = format!("a/b{place}");
            let (encoded, value_type) = (value.encoded_length(), value.value_type());
            let reply = shell.admin(&of(class, set(&target, value))).unwrap();
            assert_eq!((reply.class, reply.revision, reply.created), (class, 1, true));
            assert_eq!(shell.last.changes, 1);
            assert_eq!(shown(&shell.admin(&get(&target)).unwrap().value), expected, "{}", class.word());
            let body = stored(&shell, reply.id);
            assert_eq!((body.value_type, body.class, body.created_at), (value_type, class, BEGIN));
            // A two-tier value has 204 bytes around what it holds (docs/spec/two-tier.md).
            let around = if class.is_encrypted() { 204 } else { 0 };
            assert_eq!(body.value.len(), encoded + around);
            let under = sealed_under(&body::encode(&body)).unwrap();
            let expected = shell.key_handle(KEY_NAME);
            let expected = SealedUnder::Key(expected.key_id, expected.version);
            assert_eq!(under, if class.is_encrypted() { expected } else { SealedUnder::Clear });
        }
    }
}

#[test]
fn an_update_keeps_the_id_and_the_class() {
    let mut shell = shell();
    let first = shell.admin(&of(Class::Queue, set("a", text("one")))).unwrap();
    shell.now = Timestamp(BEGIN.0 + 5000);
    let second = shell.admin(&set("a", SettingValue::Integer(2))).unwrap();
    let class = Class::Queue;
    assert_eq!(second, SetReply { id: first.id, name: name("a"), class, revision: 2, created: false });
    let body = stored(&shell, first.id);
    assert_eq!((body.created_at, body.updated_at, body.value_type), (BEGIN, shell.now, ValueType::Integer));

    let by_id = Set { selector: Selector::Id(first.id), ..set("a", text("three")) };
    assert_eq!(shell.admin(&by_id).unwrap().revision, 3);
    assert_eq!(shell.last.trace.target, "a", "judged and audited by its canonical name");
    let missing = Id([3; 16]);
    let by_id = Set { selector: Selector::Id(missing), ..set("a", text("x")) };
    let refusal = Refusal::NotFound { what: "setting", target: missing.to_string() };
    assert_eq!(shell.admin(&by_id), Err(refusal));
}

#[test]
fn a_class_is_changed_both_ways() {
    let mut shell = shell();
    let id = shell.admin(&set("a", text("canary"))).unwrap().id;
    assert_eq!(stored(&shell, id).class, Class::Encrypted, "when nothing was said");
    assert!(!body::encode(&stored(&shell, id)).windows(6).any(|window| window == b"canary"));
    shell.admin(&of(Class::Client, set("a", text("canary")))).unwrap();
    let body = stored(&shell, id);
    assert_eq!((body.key_id, body.key_version, body.value.as_slice()), (None, None, b"canary".as_slice()));
    shell.admin(&of(Class::Encrypted, set("a", text("canary")))).unwrap();
    assert!(stored(&shell, id).key_id.is_some() && value(&mut shell, "a") == "string:canary");
}

#[test]
fn compare_and_set_holds_on_every_combination() {
    // What is there, what is expected, what comes out: the new revision or the revision found.
    let table: [(u32, Option<u32>, Result<u32, u32>); 8] = [
        (0, None, Ok(1)),
        (0, Some(0), Ok(1)),
        (0, Some(1), Err(0)),
        (0, Some(u32::MAX), Err(0)),
        (2, None, Ok(3)),
        (2, Some(2), Ok(3)),
        (2, Some(0), Err(2)),
        (2, Some(1), Err(2)),
    ];
    for (there, expected_revision, outcome) in table {
        let mut shell = shell();
        for _ in 0..there {
            shell.admin(&set("a", text("x"))).unwrap();
        }
        let before = shell.records.clone();
        let found = shell.admin(&Set { expected_revision, ..set("a", text("y")) });
        let expected = expected_revision.unwrap_or_default();
        let wanted = outcome.map_err(|found| Refusal::RevisionConflict { expected, found });
        assert_eq!(found.map(|reply| reply.revision), wanted, "{there} there, {expected_revision:?} expected");
        assert_eq!(shell.records == before, outcome.is_err(), "a refusal changes nothing");
    }
    let mut shell = shell();
    let id = shell.admin(&set("a", text("x"))).unwrap().id;
    let mut body = stored(&shell, id);
    body.revision = u32::MAX;
    overwrite(&mut shell, id, &body);
    assert!(matches!(shell.admin(&set("a", text("y"))), Err(Refusal::Invalid { field: "revision", .. })));
}

/// Two who read the same revision: the second one's change is judged again, on what the first one left.
#[test]
fn the_second_of_two_writers_is_refused() {
    let mut shell = shell();
    shell.admin(&set("a", text("x"))).unwrap();
    shell.interrupt_after(3, |shell| drop(shell.admin(&set("a", text("first"))).unwrap()));
    let second = Set { expected_revision: Some(1), ..set("a", text("second")) };
    assert_eq!(shell.admin(&second), Err(Refusal::RevisionConflict { expected: 1, found: 2 }));
    assert_eq!(value(&mut shell, "a"), "string:first");
}

#[test]
fn what_looks_like_a_secret_is_stored_encrypted_only() {
    let mut shell = shell();
    for class in [Class::Queue, Class::Client, Class::Audit] {
        let by_value = shell.admin(&of(class, set("a", text("Server=db;Password=canary"))));
        let by_name = shell.admin(&of(class, set("a/password", text("canary"))));
        assert!(matches!(by_value, Err(Refusal::Invalid { field: "value", .. })), "{by_value:?}");
        assert!(matches!(by_name, Err(Refusal::Invalid { field: "name", .. })), "{by_name:?}");
    }
    assert_eq!(shell.count(RecordKind::Setting), 0);
    shell.admin(&of(Class::Queue, set("a", text("harmless")))).unwrap();
    assert!(shell.admin(&set("a", text("Server=db;Password=canary"))).is_err(), "its class stays");
    shell.admin(&of(Class::Encrypted, set("a", text("Server=db;Password=canary")))).unwrap();
    let back = shell.admin(&of(Class::Queue, set("a", text("pwd=canary"))));
    assert!(matches!(back, Err(Refusal::Invalid { field: "value", .. })));
}

#[test]
fn values_that_are_too_long_or_no_text() {
    let mut shell = shell();
    let long = |length| SettingValue::Binary(SecretBytes::from_vec(vec![7; length]));
    shell.admin(&set("a", long(VALUE_BYTES))).unwrap();
    assert_eq!(
        shell.admin(&set("a", long(VALUE_BYTES + 1))),
        Err(Refusal::TooLarge { what: "the value", actual: VALUE_BYTES + 1, limit: VALUE_BYTES })
    );
    let no_text = SettingValue::String(SecretBytes::from_slice(&[0xff]));
    assert!(matches!(shell.admin(&set("a", no_text)), Err(Refusal::Invalid { field: "value", .. })));
}

#[test]
fn a_deleted_setting_is_gone_and_its_name_free() {
    let mut shell = shell();
    let id = shell.admin(&set("a", text("x"))).unwrap().id;
    let delete = |expected_revision| Delete { selector: Selector::Name(name("a")), expected_revision };
    assert_eq!(shell.admin(&delete(Some(2))), Err(Refusal::RevisionConflict { expected: 2, found: 1 }));
    assert_eq!(shell.admin(&delete(Some(1))), Ok(DeleteReply { id, name: name("a") }));
    assert_eq!(shell.count(RecordKind::Setting), 0);
    let missing = || Refusal::NotFound { what: "setting", target: "a".to_owned() };
    assert_eq!(shell.admin(&get("a")).map(drop), Err(missing()));
    assert_eq!(shell.admin(&delete(None)), Err(missing()));
    let again = shell.admin(&set("a", text("x"))).unwrap();
    assert!(again.created && again.revision == 1 && again.id != id);
}

#[test]
fn replies_of_changes_are_remembered_and_those_with_values_are_not() {
    let set = SetReply { id: Id([1; 16]), name: name("a"), class: Class::Audit, revision: 7, created: false };
    assert_eq!(SetReply::recall(&set.remember()), Some(set));
    let delete = DeleteReply { id: Id([1; 16]), name: name("a") };
    assert_eq!(DeleteReply::recall(&delete.remember()), Some(delete));
    let mut shell = shell();
    shell.admin(&self::set("a", text("x"))).unwrap();
    assert!(shell.admin(&get("a")).unwrap().remember().is_empty());
    assert!(shell.admin(&export("", 1)).unwrap().remember().is_empty());
}

fn list(prefix: &str, limit: usize) -> List {
    List { prefix: prefix.to_owned(), after: None, limit }
}

fn export(prefix: &str, limit: usize) -> Export {
    Export { prefix: prefix.to_owned(), after: None, limit }
}

/// Every page of a list and of an export: the names on each.
fn pages(shell: &mut Shell, prefix: &str, limit: usize) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let (mut lists, mut exports) = (Vec::new(), Vec::new());
    let mut after = None;
    loop {
        let page = shell.admin(&List { after, ..list(prefix, limit) }).unwrap();
        lists.push(page.entries.iter().map(|entry| entry.name.to_string()).collect());
        after = page.next.as_ref().map(Name::to_string);
        if after.is_none() {
            break;
        }
    }
    loop {
        let page = shell.admin(&Export { after, ..export(prefix, limit) }).unwrap();
        exports.push(page.settings.iter().map(|setting| setting.entry.name.to_string()).collect());
        after = page.next.as_ref().map(Name::to_string);
        if after.is_none() {
            break;
        }
    }
    (lists, exports)
}

#[test]
fn pages_in_the_order_of_names() {
    let mut shell = shell();
    for target in ["q/b", "q/a", "z", "q/c", "a"] {
        shell.admin(&set(target, text(target))).unwrap();
    }
    let expected = vec![vec!["q/a".to_owned(), "q/b".to_owned()], vec!["q/c".to_owned()]];
    assert_eq!(pages(&mut shell, "q/", 2), (expected.clone(), expected));
    let all = vec![["a", "q/a", "q/b", "q/c", "z"].map(str::to_owned).to_vec()];
    assert_eq!(pages(&mut shell, "", 5), (all.clone(), all));
    assert_eq!(pages(&mut shell, "nothing/", 5), (vec![vec![]], vec![vec![]]));
    assert_eq!(shell.last.trace.target, "nothing/");
    for (limit, most) in [(0, LIST_LIMIT), (LIST_LIMIT + 1, LIST_LIMIT)] {
        let reason = format!("choose 1 to {most}");
        assert_eq!(shell.admin(&list("", limit)).map(drop), Err(Refusal::Invalid { field: "limit", reason }));
    }
    assert!(shell.admin(&export("", EXPORT_LIMIT + 1)).is_err() && shell.admin(&export("", 0)).is_err());
    assert!(shell.admin(&list("/", 1)).is_err() && shell.admin(&export("a//", 1)).is_err());
    let after = Some("no name/".to_owned());
    assert!(matches!(shell.admin(&List { after, ..list("", 1) }), Err(Refusal::Invalid { field: "after", .. })));
}

/// A page of large values is short, and nothing is lost between two.
#[test]
fn pages_of_large_values() {
    let mut shell = shell();
    let names: Vec<String> = (0..20).map(|number| format!("a/{number:02}")).collect();
    for target in &names {
        let value = SettingValue::Binary(SecretBytes::from_vec(vec![7; 300 << 10]));
        shell.admin(&set(target, value)).unwrap();
    }
    let (lists, exports) = pages(&mut shell, "a/", 100);
    assert_eq!((lists.concat(), exports.concat()), (names.clone(), names));
    // Sixteen are fetched at once and are more than 4 MiB; three values are more than 768 KiB.
    assert_eq!(lists.iter().map(Vec::len).collect::<Vec<_>>(), [16, 4]);
    assert_eq!(exports.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3, 3, 3, 3, 2]);
}

#[test]
fn a_damaged_record_hides_no_other_and_a_locked_key_ends_an_export() {
    let mut shell = shell();
    let ids: Vec<Id> =
        ["a", "b", "c"].map(|target| shell.admin(&set(target, text(target))).unwrap().id).into_iter().collect();
    let quarantined = Refusal::Quarantined { target: ids[0].to_string(), finding: "older" };
    shell.refused.insert(key_of(ids[0]), quarantined.clone());
    let mut body = stored(&shell, ids[1]);
    body.value[200] ^= 1;
    overwrite(&mut shell, ids[1], &body);

    let listed = shell.admin(&list("", 9)).unwrap();
    let names: Vec<_> = listed.entries.iter().map(|entry| entry.name.to_string()).collect();
    assert_eq!((names, listed.withheld[0].why.clone()), (vec!["b".to_owned(), "c".to_owned()], quarantined.clone()));
    assert_eq!(shell.last.trace.count, Some(2));
    let exported = shell.admin(&export("", 9)).unwrap();
    let why: Vec<_> = exported.withheld.into_iter().map(|withheld| withheld.why).collect();
    assert_eq!(why, [quarantined, Refusal::DoesNotOpen]);
    assert_eq!(shown(&exported.settings[0].value), "string:c");
    shell.locked_keys = true;
    assert!(matches!(shell.admin(&export("", 9)), Err(Refusal::KeyLocked { .. })));
    assert_eq!(shell.admin(&list("", 9)).unwrap().entries.len(), 2, "a list needs no key");
}

fn row(target: &str, value: SettingValue, class: Option<Class>) -> ImportRow {
    ImportRow { name: target.to_owned(), value, class }
}

#[test]
fn an_import_is_repeated_without_a_change() {
    let mut shell = shell();
    let rows = || Import {
        rows: vec![
            row("a", text("x"), None),
            row("b", SettingValue::Integer(1), Some(Class::Queue)),
            row("c", SettingValue::MultiString(vec![bytes("y")]), Some(Class::Encrypted)),
        ],
    };
    let created = shell.admin(&rows()).unwrap().rows;
    assert!(created.iter().all(|row| matches!(row, Ok(Imported::Created(_)))), "{created:?}");
    assert_eq!((shell.last.changes, shell.last.trace.count), (3, Some(3)));
    let before = shell.records.clone();
    let again = shell.admin(&rows()).unwrap().rows;
    let ids = |rows: &[Result<Imported, Refusal>]| -> Vec<Id> {
        rows.iter()
            .map(|row| match row {
                Ok(Imported::Created(id) | Imported::Unchanged(id)) => *id,
                Err(_) => Id::NIL,
            })
            .collect()
    };
    assert!(again.iter().all(|row| matches!(row, Ok(Imported::Unchanged(_)))) && ids(&again) == ids(&created));
    assert!(shell.records == before && shell.last.changes == 0);
}

#[test]
fn rows_that_are_refused_do_not_fail_the_others() {
    let mut shell = shell();
    shell.admin(&set("there", text("x"))).unwrap();
    let rows = vec![
        row("there", text("y"), None),
        row("there", text("x"), Some(Class::Queue)),
        row("no name/", text("x"), None),
        row("twice", text("x"), None),
        row("twice", text("x"), None),
        row("queue/password", text("x"), Some(Class::Queue)),
        row("bad", SettingValue::String(SecretBytes::from_slice(&[0xff])), None),
        row("good", SettingValue::Boolean(true), Some(Class::Audit)),
    ];
    let found: Vec<String> = shell
        .admin(&Import { rows })
        .unwrap()
        .rows
        .into_iter()
        .map(|row| match row {
            Ok(Imported::Created(_)) => "created".to_owned(),
            Ok(Imported::Unchanged(_)) => "unchanged".to_owned(),
            Err(Refusal::NameTaken { name }) => format!("taken {name}"),
            Err(Refusal::Invalid { field, .. }) => format!("invalid {field}"),
            Err(other) => panic!("{other}"),
        })
        .collect();
    let expected = [
        "taken there",
        "taken there",
        "invalid name",
        "created",
        "taken twice",
        "invalid name",
        "invalid value",
        "created",
    ];
    assert_eq!(found, expected);
    assert_eq!(value(&mut shell, "there"), "string:x");

    let many =
        |count: usize| Import { rows: (0..count).map(|number| row(&format!("n/{number}"), text("x"), None)).collect() };
    assert!(matches!(shell.admin(&many(IMPORT_ROWS + 1)), Err(Refusal::Invalid { field: "rows", .. })));
    assert!(shell.admin(&many(0)).is_err());
    assert!(shell.admin(&many(IMPORT_ROWS)).unwrap().rows.iter().all(Result::is_ok));
    let large = || SettingValue::Binary(SecretBytes::from_vec(vec![0; 400 << 10]));
    let too_large = Import { rows: vec![row("l/1", large(), None), row("l/2", large(), None)] };
    assert!(matches!(shell.admin(&too_large), Err(Refusal::TooLarge { .. })));
}

/// Values, revisions and classes of two records are exchanged by somebody who can seal records: nothing opens.
#[test]
fn a_value_opens_nowhere_else() {
    let mut shell = shell();
    let id = shell.admin(&set("a", text("one"))).unwrap().id;
    let other = shell.admin(&set("b", text("two"))).unwrap().id;
    let first = stored(&shell, id);
    shell.admin(&set("a", text("newer"))).unwrap();
    let right = stored(&shell, id);
    let with = |change: &dyn Fn(&mut SettingBody)| {
        let mut body = right.clone();
        change(&mut body);
        body
    };
    let theirs = stored(&shell, other);
    let wrong = [
        ("another setting's value", with(&|body| body.value.clone_from(&theirs.value))),
        ("an earlier value", with(&|body| body.value.clone_from(&first.value))),
        ("another revision", with(&|body| body.revision = 1)),
        ("another class", with(&|body| body.class = Class::Queue)),
        ("no key", with(&|body| (body.key_id, body.key_version) = (None, None))),
        (
            "in clear as another class",
            with(&|body| {
                (body.key_id, body.key_version) = (None, None);
                body.value = b"forged".to_vec();
            }),
        ),
        ("another key", with(&|body| body.key_id = Some(Id([9; 16])))),
        ("another version", with(&|body| body.key_version = Some(2))),
        ("another type", with(&|body| body.value_type = ValueType::Integer)),
    ];
    for (what, body) in wrong {
        overwrite(&mut shell, id, &body);
        assert_eq!(shell.admin(&get("a")).map(drop), Err(Refusal::DoesNotOpen), "{what}");
    }
    overwrite(&mut shell, id, &right);
    assert_eq!(value(&mut shell, "a"), "string:newer");
}

#[test]
fn under_a_new_version_each_gets_a_new_key_of_its_own() {
    let mut shell = shell();
    let mut ids: Vec<Id> =
        (0..5).map(|n| shell.admin(&set(&format!("a/{n}"), text(&format!("v{n}")))).unwrap().id).collect();
    ids.push(shell.admin(&of(Class::Queue, set("a/clear", text("clear")))).unwrap().id);
    shell.admin(&set("a/3", text("w3"))).unwrap();
    let before: Vec<SettingBody> = ids.iter().map(|id| stored(&shell, *id)).collect();
    let selector = Selector::Name(name(KEY_NAME));
    shell.admin(&Rotate { selector, reencrypt: false, expected_version: None, rate: None }).unwrap();
    let key = shell.key_handle(KEY_NAME).key_id;
    let records: Vec<RecordKey> = ids.iter().copied().map(key_of).collect();
    let again = |records: Vec<RecordKey>| Reencrypt { key, name: name(KEY_NAME), records };
    let done = shell.admin(&again(records.clone())).unwrap();
    assert_eq!((done.looked_at, done.sealed, done.failed.len()), (6, 5, 0));
    for (before, id) in before.iter().zip(&ids) {
        let after = stored(&shell, *id);
        assert_eq!(after.key_version, before.key_version.map(|_| 2));
        assert_eq!((after.revision, after.updated_at, after.class), (before.revision, before.updated_at, before.class));
        assert_eq!(after.value == before.value, before.class == Class::Queue);
        // The sealed data key: 128 bytes behind the head of four.
        assert!(!before.class.is_encrypted() || after.value[4..132] != before.value[4..132]);
    }
    let values: Vec<String> = ["0", "1", "2", "3", "4", "clear"].map(|n| value(&mut shell, &format!("a/{n}"))).to_vec();
    assert_eq!(values, ["string:v0", "string:v1", "string:v2", "string:w3", "string:v4", "string:clear"]);
    assert_eq!(shell.admin(&again(records)).unwrap().sealed, 0, "nothing is left");
}

#[test]
fn who_may() {
    let mut shell = shell();
    shell.admin(&of(Class::Queue, set("a", text("x")))).unwrap();
    for (role, changes, exports) in [(Role::Read, false, false), (Role::Data, true, false), (Role::Admin, true, true)] {
        let caller = caller(role);
        assert!(shell.execute(&caller, &get("a")).is_ok() && shell.execute(&caller, &list("", 1)).is_ok());
        assert_eq!(shell.execute(&caller, &set("a", text("y"))).is_ok(), changes, "{}", role.word());
        assert_eq!(shell.execute(&caller, &export("", 1)).is_ok(), exports, "{}", role.word());
        let import = Import { rows: vec![row("a", text("y"), Some(Class::Queue))] };
        assert_eq!(shell.execute(&caller, &import).is_ok(), exports, "{}", role.word());
    }
    let delete = Delete { selector: Selector::Name(name("a")), expected_revision: None };
    assert!(matches!(shell.execute(&caller(Role::Read), &delete), Err(Refusal::Denied { .. })));
    assert!(shell.execute(&caller(Role::Data), &delete).is_ok());
}

/// The bytes of a record, written by hand after RFC 8949 and docs/spec/bodies.md.
#[test]
fn the_body_byte_for_byte() {
    let mut shell = shell();
    let id = shell.admin(&of(Class::Queue, set("q", SettingValue::Integer(5)))).unwrap().id;
    let time = "1b0000018bcfe56800";
    let written =
        format!("a8 0001 01 6171 02 657175657565 03{time} 04{time} 07 67696e7465676572 08 480000000000000005 09 01");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let encoded = body::encode(&stored(&shell, id));
    assert_eq!(hex(&encoded), written.replace(' ', ""));
    for length in 0..encoded.len() {
        assert!(body::decode_strict::<SettingBody>(&encoded[..length]).is_err(), "{length} bytes");
    }
    for (right, wrong) in [("657175657565", "657175657566"), ("67696e7465676572", "67696e7465676573")] {
        let wrong = hex(&encoded).replace(right, wrong);
        let wrong: Vec<u8> =
            (0..wrong.len()).step_by(2).map(|at| u8::from_str_radix(&wrong[at..at + 2], 16).unwrap()).collect();
        assert!(body::decode_strict::<SettingBody>(&wrong).is_err(), "no such class or type");
    }
    let id = shell.admin(&set("e", text(""))).unwrap().id;
    let key = shell.key_handle(KEY_NAME).key_id;
    let encoded = hex(&body::encode(&stored(&shell, id)));
    let head = format!(
        "aa 0001 01 6165 02 69656e63727970746564 03{time} 04{time} 05 50{} 06 01 07 66737472696e67 08 58cc 02030001 01030001",
        hex(&key.0)
    );
    assert!(encoded.starts_with(&head.replace(' ', "")), "{encoded}");
    assert!(encoded.ends_with("0901"));
}
