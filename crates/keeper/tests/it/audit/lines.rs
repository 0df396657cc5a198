//! One line per request, of everything the keeper does.

use strongroom_engine::name::{Name, Selector};
use strongroom_engine::policy::{Action, Channel, Role};
use strongroom_engine::secret::{Delete, Destroy, Get, List, Rename, Show, Undelete};
use strongroom_engine::token;
use strongroom_envelope::{Id, RecordKind};
use strongroom_keeper::facade::{Caller, Failure, ProtectorSpec, Release};
use strongroom_keeper::{AuditQuery, Keeper, failure_word};
use strongroom_secret::Passphrase;

use crate::rows::{Rows, flipped, shown};
use crate::site::{FOLDERS, Site, admin, name, put, put_operation};
use crate::trail;

/// A request that was made: its id, its operation, and the word of what came of it.
struct Made {
    request: Id,
    operation: &'static str,
    outcome: String,
}

#[derive(Default)]
struct Requests(Vec<Made>);

impl Requests {
    fn note<T>(&mut self, request: Id, action: Action, outcome: &Result<T, Failure>) {
        let outcome = outcome.as_ref().map_or_else(|failure| failure_word(failure).to_owned(), |_| "ok".to_owned());
        self.0.push(Made { request, operation: action.word(), outcome });
    }

    /// Each has exactly one line, with its operation and outcome.
    fn assert_told(&self, site: &Site) {
        let lines = trail::lines(site);
        for made in &self.0 {
            let told: Vec<_> = lines.iter().filter(|line| line.request == Some(made.request)).collect();
            assert_eq!(told.len(), 1, "{}: {} lines", made.operation, told.len());
            let released = ["rechecked", "accepted_older", "deleted"].contains(&told[0].outcome.as_str());
            assert_eq!(told[0].operation, made.operation);
            assert!(told[0].outcome == made.outcome || (released && made.outcome == "ok"), "{}", told[0].outcome);
        }
    }
}

/// Makes a request with a caller of its own and notes it.
macro_rules! ask {
    ($requests:ident, $change:expr, $action:ident, |$caller:ident| $call:expr) => {{
        let $caller: Caller = $change(admin());
        let request = $caller.request_id;
        let outcome = $call.await;
        $requests.note(request, Action::$action, &outcome);
        outcome
    }};
}

/// Everything once, by a caller as `change` makes it.
async fn everything(keeper: &Keeper, requests: &mut Requests, change: impl Fn(Caller) -> Caller) {
    let a = || name("a");
    let other = Name::parse("b").unwrap();
    let b = || name("b");
    let list = || List { prefix: String::new(), after: None, limit: 10, deleted: false };
    let issue = || token::Issue { role: Role::Read, expires_in_milliseconds: 60_000, description: None };
    drop(ask!(requests, change, SecretPut, |caller| keeper.execute(caller, put_operation("a", b"x"))));
    drop(ask!(requests, change, SecretGet, |caller| keeper.execute(caller, Get { selector: a(), version: None })));
    drop(ask!(requests, change, SecretGet, |caller| keeper
        .execute(caller, Get { selector: name("none"), version: None })));
    let by_id = Selector::Id(Id([3; 16]));
    drop(ask!(requests, change, SecretShow, |caller| keeper.execute(caller, Show { selector: by_id })));
    drop(ask!(requests, change, SecretShow, |caller| keeper.execute(caller, Show { selector: a() })));
    drop(ask!(requests, change, SecretList, |caller| keeper.execute(caller, list())));
    let rename = Rename { selector: a(), to: other };
    drop(ask!(requests, change, SecretRename, |caller| keeper.execute(caller, rename)));
    drop(ask!(requests, change, SecretDelete, |caller| keeper
        .execute(caller, Delete { selector: b(), expected_version: None })));
    drop(ask!(requests, change, SecretUndelete, |caller| keeper.execute(caller, Undelete { selector: b() })));
    drop(ask!(requests, change, SecretDestroy, |caller| keeper
        .execute(caller, Destroy { selector: b(), version: None })));
    let issued = ask!(requests, change, TokenIssue, |caller| keeper.execute(caller, issue()));
    let id = issued.map_or(Id([4; 16]), |issued| issued.id);
    drop(ask!(requests, change, TokenList, |caller| keeper.execute(caller, token::List { after: None, limit: 5 })));
    drop(ask!(requests, change, TokenRevoke, |caller| keeper.execute(caller, token::Revoke { id })));
    let weak = || ProtectorSpec::Password(Passphrase::from_slice(b"weak"));
    drop(ask!(requests, change, ProtectorList, |caller| keeper.protector_list(caller)));
    drop(ask!(requests, change, ProtectorAdd, |caller| keeper.protector_add(caller, weak())));
    drop(ask!(requests, change, ProtectorDrop, |caller| keeper.protector_drop(caller, "machine".into(), false)));
    drop(ask!(requests, change, ProtectorAdd, |caller| keeper.protector_add(caller, ProtectorSpec::Machine)));
    drop(ask!(requests, change, ProtectorProve, |caller| keeper.protector_prove(caller, "machine".into(), None)));
    drop(ask!(requests, change, ProtectorProve, |caller| keeper.protector_prove(caller, "none".into(), None)));
    drop(ask!(requests, change, ProtectorReplace, |caller| keeper.protector_replace(caller, "account".into(), None)));
    drop(ask!(requests, change, Status, |caller| keeper.status_read(caller)));
    drop(ask!(requests, change, Doctor, |caller| keeper.doctor(caller)));
    drop(ask!(requests, change, QuarantineList, |caller| keeper.quarantine_list(caller)));
    let record = "secret/00000000-0000-0000-0000-000000000000".to_owned();
    drop(ask!(requests, change, QuarantineRelease, |caller| keeper.quarantine_release(
        caller,
        record,
        Release::Delete
    )));
    drop(ask!(requests, change, StoreVerify, |caller| keeper.verify(caller)));
    drop(ask!(requests, change, StoreScrub, |caller| keeper.scrub(caller)));
    drop(ask!(requests, change, UpgradeAccept, |caller| keeper.upgrade_accept(caller)));
    let query = AuditQuery { limit: 10, ..AuditQuery::default() };
    drop(ask!(requests, change, AuditSearch, |caller| keeper.audit_search(caller, query)));
}

#[tokio::test]
async fn every_request_has_one_line_allowed_refused_or_locked() {
    let site = Site::new();
    let (keeper, report) = site.open().unwrap();
    let mut requests = Requests::default();
    let nobody = |mut caller: Caller| {
        caller.principal.role = None;
        caller
    };
    let from_afar = |mut caller: Caller| {
        caller.principal.channel = Channel::Network;
        caller
    };
    everything(&keeper, &mut requests, |caller| caller).await;
    let refused = requests.0.len();
    assert!(requests.0.iter().filter(|made| made.outcome == "ok").count() > 18, "most of it can be done");
    everything(&keeper, &mut requests, nobody).await;
    assert!(requests.0[refused..].iter().all(|made| made.outcome == "denied"));
    everything(&keeper, &mut requests, from_afar).await;
    // Known by its name only to the shell.
    let caller = admin();
    let request = caller.request_id;
    keeper.refused(caller, "unknown", "", "unauthenticated").await.unwrap();
    assert_eq!(trail::of_request(&site, request).len(), 1);
    // Locked: what was asked is told all the same.
    drop(ask!(requests, |caller| caller, Lock, |caller| keeper.lock(caller)));
    let locked = requests.0.len();
    everything(&keeper, &mut requests, |caller| caller).await;
    let answered = ["status", "doctor", "audit.search", "store.scrub"];
    for made in &requests.0[locked..] {
        assert!(made.outcome == "locked" || answered.contains(&made.operation), "{}: {}", made.operation, made.outcome);
    }
    let passphrase = Passphrase::from_slice(b"there is no password protector");
    drop(ask!(requests, |caller| caller, Unlock, |caller| keeper.unlock(caller, passphrase)));
    keeper.stop();
    drop(keeper);
    requests.assert_told(&site);
    trail::assert_no_line_twice(&site);
    trail::verified(&site, report.audit_key_zero.unwrap());
}

#[tokio::test]
async fn releases_have_one_line_each() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "a", b"one").await.unwrap();
    let rows = Rows::open(&site);
    let version = rows.of(RecordKind::SecretVersion).remove(0);
    rows.put_all(&[flipped(&version, 50, 1)]);
    keeper.verify(admin()).await.unwrap();
    let mut requests = Requests::default();
    let as_is = |caller: Caller| caller;
    let record = || shown(&version.0);
    for how in [Release::Recheck, Release::AcceptOlder, Release::Delete, Release::Delete] {
        drop(ask!(requests, as_is, QuarantineRelease, |caller| keeper.quarantine_release(caller, record(), how)));
    }
    let outcomes: Vec<&str> = requests.0.iter().map(|made| made.outcome.as_str()).collect();
    assert_eq!(outcomes, ["ok", "invalid", "ok", "not_found"]);
    keeper.stop();
    requests.assert_told(&site);
}

/// The process ended between COMMIT and the trail: the next start appends the lines of the changes, once; reads are not in the log.
#[tokio::test]
async fn lines_of_changes_are_appended_once_after_a_crash() {
    let site = Site::new();
    let (keeper, report) = site.open().unwrap();
    put(&keeper, "a", b"one").await.unwrap();
    let mut requests = Vec::new();
    let mut behind = vec![site.image_of(&["audit", "anchor"])];
    for _ in 0..4 {
        let caller = admin();
        requests.push(caller.request_id);
        keeper.execute(caller, put_operation("a", b"more")).await.unwrap();
        behind.push(site.image_of(&["audit", "anchor"]));
    }
    let store = site.image_of(&["data", "account", "machine"]);
    keeper.stop();
    drop(keeper);
    for (told, earlier) in behind.iter().enumerate() {
        site.restore(&store, &FOLDERS);
        site.restore(earlier, &["audit", "anchor"]);
        for request in &requests[told..] {
            assert_eq!(trail::of_request(&site, *request).len(), 0);
        }
        for _ in 0..2 {
            let keeper = site.start();
            keeper.stop();
            drop(keeper);
            for request in &requests {
                let lines = trail::of_request(&site, *request);
                assert!(lines.len() == 1 && lines[0].operation == "secret.put" && lines[0].epoch.is_some());
            }
            trail::assert_no_line_twice(&site);
            trail::verified(&site, report.audit_key_zero.unwrap());
        }
    }
}

/// A line that was written only in part, and a batch of which the trail has only the first lines.
#[tokio::test]
async fn a_torn_line_is_cut_and_told_again() {
    let site = Site::new();
    let (keeper, report) = site.open().unwrap();
    let caller = admin();
    let request = caller.request_id;
    keeper.execute(caller, put_operation("a", b"one")).await.unwrap();
    let killed = site.image();
    keeper.stop();
    drop(keeper);
    let segment = std::path::Path::new("audit/trail-00000001.jsonl");
    let (_, whole) = killed.0[segment].clone();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for kept in [last + 1, last + 40, whole.len() - 1] {
        let mut torn = killed.clone();
        torn.0.get_mut(segment).unwrap().1.truncate(kept);
        site.restore(&torn, &FOLDERS);
        let keeper = site.start();
        keeper.stop();
        drop(keeper);
        assert_eq!((trail::count(&site, "audit.cut"), trail::of_request(&site, request).len()), (1, 1));
        trail::assert_no_line_twice(&site);
        trail::verified(&site, report.audit_key_zero.unwrap());
    }
}
