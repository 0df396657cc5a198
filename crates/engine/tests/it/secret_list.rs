//! Lists: order, pages, prefixes, deleted and damaged secrets.

use strongroom_engine::name::Selector;
use strongroom_engine::policy::{Channel, Identity, Principal};
use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::{Delete, LIST_LIMIT, List, Put, Rename};
use strongroom_envelope::{RecordKey, RecordKind};
use strongroom_secret::SecretBytes;

use crate::shell::{Shell, name};

fn list(prefix: &str) -> List {
    List { prefix: prefix.to_owned(), after: None, limit: 100, deleted: false }
}

fn put(shell: &mut Shell, target: &str) {
    shell.admin(&Put::new(Selector::Name(name(target)), SecretBytes::from_slice(b"v"))).unwrap();
}

fn delete(shell: &mut Shell, target: &str) {
    shell.admin(&Delete { selector: Selector::Name(name(target)), expected_version: None }).unwrap();
}

fn names(shell: &mut Shell, list: &List) -> Vec<String> {
    shell.admin(list).unwrap().entries.iter().map(|entry| entry.name.to_string()).collect()
}

#[test]
fn a_list_is_in_order_and_by_prefix() {
    let mut shell = Shell::new();
    for target in ["ftp/b", "ftp/a", "ftps", "db/x", "ftp/a/1"] {
        put(&mut shell, target);
    }
    assert_eq!(names(&mut shell, &list("")), ["db/x", "ftp/a", "ftp/a/1", "ftp/b", "ftps"]);
    assert_eq!(names(&mut shell, &list("ftp/")), ["ftp/a", "ftp/a/1", "ftp/b"]);
    assert_eq!(shell.last.trace.target, "ftp/");
    assert_eq!(shell.last.trace.count, Some(3));
    assert_eq!(names(&mut shell, &list("ftp")), ["ftp/a", "ftp/a/1", "ftp/b", "ftps"]);
    assert!(names(&mut shell, &list("nothing")).is_empty());
}

#[test]
fn an_entry_tells_id_version_and_times() {
    let mut shell = Shell::new();
    put(&mut shell, "a");
    put(&mut shell, "a");
    let reply = shell.admin(&list("")).unwrap();
    let entry = &reply.entries[0];
    assert_eq!((entry.id, entry.version, entry.updated_at), (shell.id("a"), 2, shell.now));
    assert_eq!((entry.deleted_at, reply.next), (None, None));
}

#[test]
fn pages_of_every_size_give_every_name_once() {
    let mut shell = Shell::new();
    let all: Vec<String> = (0..23).map(|number| format!("n{number:02}")).collect();
    all.iter().for_each(|target| put(&mut shell, target));
    for limit in 1..=24 {
        let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = List { limit, after, ..list("n") };
            let reply = shell.admin(&page).unwrap();
            seen.extend(reply.entries.iter().map(|entry| entry.name.to_string()));
            pages += 1;
            match reply.next {
                Some(next) => after = Some(next.to_string()),
                None => break,
            }
        }
        assert_eq!(seen, all, "limit {limit}");
        assert_eq!(pages, 23_usize.div_ceil(limit), "no empty last page at limit {limit}");
    }
}

#[test]
fn a_page_is_fetched_at_once() {
    let mut shell = Shell::new();
    (0..LIST_LIMIT).for_each(|number| put(&mut shell, &format!("n{number:04}")));
    let reply = shell.admin(&List { limit: LIST_LIMIT, ..list("") }).unwrap();
    assert_eq!((reply.entries.len(), shell.last.runs), (LIST_LIMIT, 3), "names, heads, reply");
}

#[test]
fn deleted_secrets_are_listed_on_request() {
    let mut shell = Shell::new();
    for target in ["a", "b", "c"] {
        put(&mut shell, target);
    }
    delete(&mut shell, "b");
    assert_eq!(names(&mut shell, &list("")), ["a", "c"]);
    let reply = shell.admin(&List { deleted: true, ..list("") }).unwrap();
    let deleted: Vec<bool> = reply.entries.iter().map(|entry| entry.deleted_at.is_some()).collect();
    assert_eq!(deleted, [false, true, false]);
}

#[test]
fn a_damaged_record_is_named_and_hides_no_other() {
    let mut shell = Shell::new();
    for target in ["a", "b", "c"] {
        put(&mut shell, target);
    }
    let id = shell.id("b");
    let why = Refusal::Quarantined { target: "b".to_owned(), finding: "older" };
    shell.refused.insert(RecordKey::new(RecordKind::Secret, id), why.clone());
    let reply = shell.admin(&list("")).unwrap();
    assert_eq!(reply.entries.len(), 2);
    assert_eq!((reply.withheld[0].id, &reply.withheld[0].why), (id, &why));
}

#[test]
fn a_secret_that_is_renamed_meanwhile_does_not_show_under_a_prefix_it_left() {
    let mut shell = Shell::new();
    put(&mut shell, "public/a");
    shell.interrupt_after(1, |shell| {
        let selector = Selector::Name(name("public/a"));
        shell.admin(&Rename { selector, to: name("private/a") }).unwrap();
    });
    let reply = shell.admin(&list("public/")).unwrap();
    assert!(reply.entries.is_empty() && reply.withheld.is_empty());
    let mut shell = Shell::new();
    put(&mut shell, "public/a");
    shell.interrupt_after(2, |shell| {
        let selector = Selector::Name(name("public/a"));
        shell.admin(&Rename { selector, to: name("private/a") }).unwrap();
    });
    let reply = shell.admin(&list("public/")).unwrap();
    assert!(reply.entries.iter().all(|entry| entry.name.as_str().starts_with("public/")));
}

#[test]
fn bad_arguments_are_refused() {
    let mut shell = Shell::new();
    for prefix in ["/", "a//b", "../a", "a/..", " ", "a b", "a%2f", "-a"] {
        let refused = shell.admin(&list(prefix));
        assert!(matches!(refused, Err(Refusal::Invalid { field: "name", .. })), "{prefix:?}: {refused:?}");
    }
    for limit in [0, LIST_LIMIT + 1, usize::MAX] {
        let refused = shell.admin(&List { limit, ..list("") });
        assert!(matches!(refused, Err(Refusal::Invalid { field: "limit", .. })), "{limit}");
    }
    let refused = shell.admin(&List { after: Some("a//".to_owned()), ..list("") });
    assert!(matches!(refused, Err(Refusal::Invalid { field: "after", .. })));
}

#[test]
fn whoever_may_not_list_sees_no_names() {
    let mut shell = Shell::new();
    put(&mut shell, "a");
    let nobody = Principal { identity: Identity::System, role: None, channel: Channel::Local };
    assert!(matches!(shell.execute(&nobody, &list("")), Err(Refusal::Denied { .. })));
    assert_eq!(shell.last.runs, 1);
}
