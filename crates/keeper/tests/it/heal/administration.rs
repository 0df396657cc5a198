//! `protector list | add | drop | prove | replace` on account and machine protectors.

use std::fs;

use strongroom_envelope::{RecordKey, RecordKind};
use strongroom_keeper::facade::{ProtectorFault, ProtectorSpec, ProtectorState, ProtectorView};

use super::password::fault;
use crate::rows::{Row, Rows, flipped, shown};
use crate::site::{Site, admin, findings, get, put, value};
use crate::trail;

async fn view(keeper: &strongroom_keeper::Keeper, kind: &str) -> ProtectorView {
    keeper.protector_list(admin()).await.unwrap().into_iter().find(|view| view.kind == kind).unwrap()
}

fn row(rows: &Rows, view: &ProtectorView) -> Row {
    let key = RecordKey::new(RecordKind::Protector, view.id).to_bytes();
    (key.to_vec(), rows.get(&key).unwrap())
}

fn holds(site: &Site, bytes: &[u8]) -> bool {
    site.image().0.values().any(|(_, file)| file.windows(bytes.len()).any(|window| window == bytes))
}

#[tokio::test]
async fn what_is_dropped_leaves_nothing_behind() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "a", b"kept").await.unwrap();
    let machine = view(&keeper, "machine").await;
    let wrapped = machine.wrapped.clone().unwrap();
    assert!(holds(&site, &wrapped));
    assert_eq!(strongroom_crypto::hash::sha256(&[&wrapped]), machine.thumbprint);
    keeper.protector_drop(admin(), machine.id.to_string(), false).await.unwrap();
    assert!(!holds(&site, &wrapped), "the wrapped key is still in a file");
    assert!(site.secret_files("machine").is_empty());
    keeper.stop();
    drop(keeper);
    let (keeper, report) = site.open().unwrap();
    assert_eq!((report.protectors.len(), report.healed.len()), (1, 0));
    // R8: off and on again.
    keeper.protector_add(admin(), ProtectorSpec::Machine).await.unwrap();
    assert_eq!(fault(keeper.protector_add(admin(), ProtectorSpec::Machine).await), ProtectorFault::Exists);
    keeper.stop();
    drop(keeper);
    let (keeper, report) = site.open().unwrap();
    assert!(report.protectors.len() == 2 && report.healed.is_empty());
    assert!(report.protectors.iter().all(|view| view.state == ProtectorState::Proven));
    assert_eq!(value(&keeper, "a").await, b"kept");
}

#[tokio::test]
async fn a_tampered_protector_is_mended_by_replacing_it() {
    let site = Site::new();
    let keeper = site.start();
    let rows = Rows::open(&site);
    let account = view(&keeper, "account").await;
    let right = row(&rows, &account);
    keeper.stop();
    drop(keeper);
    rows.put_all(&[flipped(&right, right.1.len() - 5, 1)]);
    let keeper = site.start();
    assert_eq!(view(&keeper, "account").await.state, ProtectorState::Tampered);
    assert_eq!(fault(keeper.protector_prove(admin(), "account".into(), None).await), ProtectorFault::DoesNotOpen);
    let replaced = keeper.protector_replace(admin(), account.id.to_string(), None).await.unwrap();
    assert_ne!(replaced.view.id, account.id);
    assert!(findings(&keeper).await.is_empty());
    assert!(!keeper.status().alarms.iter().any(|alarm| alarm.code == "protector_tampered"));
    assert!(!holds(&site, &account.wrapped.unwrap()));
    keeper.stop();
    drop(keeper);
    let (keeper, report) = site.open().unwrap();
    assert!(report.healed.is_empty());
    assert!(report.protectors.iter().all(|view| view.state == ProtectorState::Proven));
    assert_eq!((keeper.status().quarantined, trail::count(&site, "quarantine.found")), (0, 1));
}

#[tokio::test]
async fn a_protector_that_is_missing_is_dropped_and_added_anew() {
    let site = Site::new();
    let keeper = site.start();
    let rows = Rows::open(&site);
    let machine = view(&keeper, "machine").await;
    let right = row(&rows, &machine);
    keeper.stop();
    drop(keeper);
    rows.delete(&right.0);
    let keeper = site.start();
    assert_eq!(findings(&keeper).await, [(shown(&right.0), "missing")].into());
    let id = machine.id.to_string();
    assert_eq!(fault(keeper.protector_replace(admin(), id.clone(), None).await), ProtectorFault::DoesNotOpen);
    keeper.protector_drop(admin(), id, false).await.unwrap();
    keeper.protector_add(admin(), ProtectorSpec::Machine).await.unwrap();
    assert!(findings(&keeper).await.is_empty());
    keeper.stop();
    drop(keeper);
    let (keeper, report) = site.open().unwrap();
    assert!(report.protectors.len() == 2 && report.healed.is_empty() && keeper.status().quarantined == 0);
    // The row that somebody took away comes back: it is nobody's any more, is not used, and goes when it is dropped.
    keeper.stop();
    drop(keeper);
    rows.put_all(std::slice::from_ref(&right));
    let keeper = site.start();
    assert_eq!(findings(&keeper).await, [(shown(&right.0), "extra")].into());
    let id = machine.id.to_string();
    assert_eq!(fault(keeper.protector_replace(admin(), id.clone(), None).await), ProtectorFault::NotFound);
    keeper.protector_drop(admin(), id, false).await.unwrap();
    keeper.stop();
    drop(keeper);
    assert!(rows.get(&right.0).is_none());
    let keeper = site.start();
    assert_eq!((findings(&keeper).await.len(), keeper.protector_list(admin()).await.unwrap().len()), (0, 2));
}

#[tokio::test]
async fn proving_looks_at_the_store_and_at_the_secret_file() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "a", b"kept").await.unwrap();
    let rows = Rows::open(&site);
    let account = view(&keeper, "account").await;
    let right = row(&rows, &account);
    let prove = || keeper.protector_prove(admin(), "account".into(), None);
    let proven = prove().await.unwrap();
    assert!(proven.last_proven_at >= account.last_proven_at);
    rows.put_all(&[flipped(&right, right.1.len() - 1, 1)]);
    assert_eq!(fault(prove().await), ProtectorFault::DoesNotOpen);
    assert_eq!(view(&keeper, "account").await.state, ProtectorState::Tampered);
    rows.put_all(std::slice::from_ref(&right));
    assert_eq!(prove().await.unwrap().state, ProtectorState::Proven);
    assert_eq!(view(&keeper, "account").await.state, ProtectorState::Proven);
    fs::remove_file(&site.secret_files("account")[0]).unwrap();
    assert_eq!(fault(prove().await), ProtectorFault::DoesNotOpen);
    // Replacing it while the server runs makes a file that opens.
    keeper.protector_replace(admin(), "account".into(), None).await.unwrap();
    assert_eq!(prove().await.unwrap().state, ProtectorState::Proven);
    assert!(get(&keeper, "a").await.is_ok());
}

#[tokio::test]
async fn who_may_not_see_the_wrapped_key_is_not_shown_it() {
    let site = Site::new();
    let (keeper, report) = site.open().unwrap();
    assert!(report.protectors.iter().all(|view| view.wrapped.is_none() && view.thumbprint != [0; 32]));
    let mut network = admin();
    network.principal.channel = strongroom_engine::policy::Channel::Network;
    let refused = keeper.protector_drop(network, "machine".into(), false).await.unwrap_err();
    assert_eq!(strongroom_keeper::failure_word(&refused), "denied");
    let mut reader = admin();
    reader.principal.role = Some(strongroom_engine::policy::Role::Read);
    assert!(keeper.protector_list(reader).await.is_err());
}
