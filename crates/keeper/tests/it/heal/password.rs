//! A password protector: a start that waits for a person, unlocking, locking; and the last one that opens.

use std::fs;

use strongroom_keeper::Keeper;
use strongroom_keeper::facade::{Failure, LockReason, ProtectorFault, ProtectorSpec, ProtectorState};
use strongroom_secret::Passphrase;

use crate::site::{Site, admin, get, put, value};
use crate::trail;

pub fn phrase(text: &str) -> Passphrase {
    Passphrase::from_slice(text.as_bytes())
}

pub fn fault<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> ProtectorFault {
    match outcome {
        Err(Failure::Protector { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

const RIGHT: &str = "four plain words here";

fn remove_secret_files(site: &Site) {
    for folder in ["account", "machine"] {
        fs::remove_dir_all(site.path(folder)).unwrap();
    }
}

async fn assert_locked(keeper: &Keeper, reason: LockReason) {
    assert_eq!(get(keeper, "a").await.unwrap_err(), Failure::Locked { reason });
    assert_eq!(keeper.status().locked, Some(reason));
}

#[tokio::test]
async fn a_start_that_waits_for_a_person() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "a", b"kept").await.unwrap();
    let weak = keeper.protector_add(admin(), ProtectorSpec::Password(phrase("too short"))).await;
    assert_eq!(fault(weak), ProtectorFault::Weak);
    let added = keeper.protector_add(admin(), ProtectorSpec::Password(phrase(RIGHT))).await.unwrap().view;
    assert_eq!((added.attended, added.state), (true, ProtectorState::Proven));
    let weak = keeper.protector_replace(admin(), "password".into(), Some(phrase("too short"))).await;
    assert_eq!(fault(weak), ProtectorFault::Weak);
    keeper.stop();
    drop(keeper);
    remove_secret_files(&site);

    let before = site.image().settled();
    let (keeper, report) = site.open().unwrap();
    assert_eq!(report.locked, Some(LockReason::Attended));
    let told = report.explanation.unwrap();
    assert!(told.contains("account protector") && told.contains("machine protector"), "{told}");
    assert!(told.contains("needs a person"), "{told}");
    assert_locked(&keeper, LockReason::Attended).await;
    let wrong = keeper.unlock(admin(), phrase("four other words here")).await;
    assert_eq!(fault(wrong), ProtectorFault::DoesNotOpen);
    assert_locked(&keeper, LockReason::Attended).await;
    for folder in ["data", "anchor", "account", "machine"] {
        let (before, after) = (before.of(folder), site.image().settled().of(folder));
        assert!(before == after, "{:?}", before.differing(&after));
    }
    let status = keeper.unlock(admin(), phrase(RIGHT)).await.unwrap();
    assert_eq!(status.locked, None);
    assert_eq!(value(&keeper, "a").await, b"kept");
    assert_eq!((trail::count(&site, "protector.heal"), site.events.count("protector_healed")), (2, 4));
    let outcomes: Vec<String> =
        trail::lines(&site).into_iter().filter(|line| line.operation == "unlock").map(|line| line.outcome).collect();
    assert_eq!(outcomes, ["protector_does_not_open", "ok"]);

    keeper.lock(admin()).await.unwrap();
    assert_locked(&keeper, LockReason::Administrator).await;
    keeper.unlock(admin(), phrase(RIGHT)).await.unwrap();
    assert_eq!(put(&keeper, "a", b"more").await.unwrap().version, 2);
    keeper.stop();
    drop(keeper);

    let (keeper, report) = site.open().unwrap();
    assert!(report.locked.is_none() && report.healed.is_empty());
    let password = report.protectors.iter().find(|view| view.kind == "password").unwrap();
    assert_eq!(password.state, ProtectorState::Unproven);
    assert!(password.last_proven_at.unwrap() > password.created_at);
    assert_eq!(value(&keeper, "a").await, b"more");
}

/// R8, and the rule behind it: what opens at the end must be there and must open now.
#[tokio::test]
async fn the_last_one_that_opens_is_never_dropped() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "a", b"kept").await.unwrap();
    let dropping = |which: &str, attended| keeper.protector_drop(admin(), which.into(), attended);
    // The other one is damaged in the store, or its file is gone: it would open nothing at the next start.
    let rows = crate::rows::Rows::open(&site);
    let machine =
        keeper.protector_list(admin()).await.unwrap().into_iter().find(|view| view.kind == "machine").unwrap();
    let key = strongroom_envelope::RecordKey::new(strongroom_envelope::RecordKind::Protector, machine.id).to_bytes();
    let right = (key.to_vec(), rows.get(&key).unwrap());
    rows.put_all(&[crate::rows::flipped(&right, 40, 1)]);
    assert_eq!(fault(dropping("account", false).await), ProtectorFault::LastProven);
    rows.put_all(&[right]);
    keeper.protector_prove(admin(), "machine".into(), None).await.unwrap();
    let file = site.secret_files("machine").remove(0);
    fs::rename(&file, site.path("aside")).unwrap();
    assert_eq!(fault(dropping("account", false).await), ProtectorFault::LastProven);
    fs::rename(site.path("aside"), &file).unwrap();

    dropping("machine", false).await.unwrap();
    assert_eq!(fault(dropping("account", false).await), ProtectorFault::LastProven);
    assert_eq!(fault(dropping("account", true).await), ProtectorFault::LastProven);
    keeper.protector_add(admin(), ProtectorSpec::Password(phrase(RIGHT))).await.unwrap();
    assert_eq!(fault(dropping("account", false).await), ProtectorFault::LastUnattended);
    dropping("account", true).await.unwrap();
    assert_eq!(fault(dropping("password", true).await), ProtectorFault::LastProven);
    keeper.stop();
    drop(keeper);
    let (keeper, report) = site.open().unwrap();
    assert_eq!(report.locked, Some(LockReason::Attended));
    keeper.unlock(admin(), phrase(RIGHT)).await.unwrap();
    // What an operator dropped is never made again.
    let kinds: Vec<String> = keeper.protector_list(admin()).await.unwrap().into_iter().map(|view| view.kind).collect();
    assert_eq!(kinds, ["password"]);
    assert_eq!(value(&keeper, "a").await, b"kept");
    assert_eq!(trail::count(&site, "protector.heal"), 0);

    // A store that goes back while it is locked is not unlocked by the right password either.
    let before = rows.all();
    put(&keeper, "a", b"newer").await.unwrap();
    keeper.lock(admin()).await.unwrap();
    for (key, _) in rows.all() {
        if !before.iter().any(|(known, _)| *known == key) {
            rows.delete(&key);
        }
    }
    rows.put_all(&before);
    let refused = keeper.unlock(admin(), phrase(RIGHT)).await.unwrap_err();
    assert_eq!(refused, Failure::Locked { reason: LockReason::RolledBack });
    assert_locked(&keeper, LockReason::RolledBack).await;
    let again = keeper.unlock(admin(), phrase(RIGHT)).await.unwrap_err();
    assert_eq!(again, Failure::Locked { reason: LockReason::RolledBack });
}
