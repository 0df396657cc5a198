//! `anchor accept`: says what is lost, takes the epoch typed, starts a new incarnation; what was before is refused from then on.

use std::fs;

use strongroom_keeper::facade::LockReason;
use strongroom_keeper::{AcceptError, anchor_accept};

use super::verdict::{Lived, accepted, assert_locked, next};
use crate::rows::Rows;
use crate::site::{FOLDERS, Site, put, value};
use crate::trail;

/// Accepts the store as it is, after having looked; expects it to open, also a second time. The old copy is refused afterwards.
async fn accept(site: &Site, newest: &[u8]) {
    let before = site.image();
    let looked = anchor_accept(&site.settings(), None, None).unwrap();
    assert_eq!(looked.incarnation, None);
    let wrong = anchor_accept(&site.settings(), Some(looked.store_epoch + 1), None).unwrap_err();
    assert!(matches!(wrong, AcceptError::Epoch { typed, found } if typed == found + 1 && found == looked.store_epoch));
    let untouched = site.image().settled();
    assert!(before.clone().settled() == untouched, "{:?}", before.clone().settled().differing(&untouched));

    let done = anchor_accept(&site.settings(), Some(looked.store_epoch), None).unwrap();
    let incarnation = done.incarnation.unwrap();
    assert_eq!((done.store_epoch, &done.lost), (looked.store_epoch, &looked.lost));
    let (keeper, _) = accepted(site, &[]);
    assert_eq!(keeper.status().incarnation, Some(incarnation));
    assert!(keeper.status().epoch > looked.required_epoch.max(looked.store_epoch));
    assert_eq!(value(&keeper, "a").await, newest);
    assert_eq!((keeper.status().quarantined, trail::count(site, "anchor.accept")), (0, 1));
    put(&keeper, "a", b"a new life").await.unwrap();
    keeper.stop();
    drop(keeper);
    let (keeper, report) = accepted(site, &[]);
    assert_eq!((keeper.status().incarnation, value(&keeper, "a").await), (Some(incarnation), b"a new life".to_vec()));
    assert!(report.healed.is_empty());
    keeper.stop();
    drop(keeper);
    site.restore(&before, &["data"]);
    assert_locked(site, LockReason::RolledBack).await;
}

#[tokio::test]
async fn a_store_that_was_rolled_back() {
    let lived = Lived::new().await;
    lived.site.restore(&lived.first, &["data"]);
    assert_locked(&lived.site, LockReason::RolledBack).await;
    let looked = anchor_accept(&lived.site.settings(), None, None).unwrap();
    assert!(looked.required_epoch > looked.store_epoch);
    // Exactly the changes of the second life are named: its two values, and what the server noted.
    let puts: Vec<&String> = looked.lost.iter().filter(|line| line.contains(r#""operation":"secret.put""#)).collect();
    assert_eq!(puts.len(), 2);
    assert!(puts[0].contains(r#""target":"a""#) && puts[1].contains(r#""target":"second""#));
    assert!(!looked.lost.iter().any(|line| line.contains("audit.checkpoint")));
    accept(&lived.site, b"first").await;
}

#[tokio::test]
async fn a_store_with_another_history() {
    let lived = Lived::new().await;
    lived.site.restore(&lived.first, &FOLDERS);
    let other = next(&lived.site, b"other").await;
    lived.site.restore(&lived.second, &FOLDERS);
    lived.site.restore(&other, &["data"]);
    assert_locked(&lived.site, LockReason::Forked).await;
    accept(&lived.site, b"other").await;
    // The history that was given up is refused too.
    lived.site.restore(&lived.second, &["data"]);
    assert_locked(&lived.site, LockReason::RolledBack).await;
}

#[tokio::test]
async fn a_store_without_anchor_and_trail() {
    let lived = Lived::new().await;
    for folder in ["audit", "anchor"] {
        fs::remove_dir_all(lived.site.path(folder)).unwrap();
    }
    let looked = anchor_accept(&lived.site.settings(), None, None).unwrap();
    assert_eq!((looked.required_epoch, looked.lost.len()), (0, 0));
    accept(&lived.site, b"second").await;
}

#[tokio::test]
async fn a_store_under_a_foreign_anchor() {
    let lived = Lived::new().await;
    let other = Lived::new().await;
    fs::copy(other.site.anchor_file(), lived.site.anchor_file()).unwrap();
    accept(&lived.site, b"second").await;
}

/// The override sets aside what anchor and trail remember, nothing else: a damaged record stays in quarantine, a log that does not
/// hold together stays refused, and so does a root key that the configuration does not vouch for.
#[tokio::test]
async fn what_is_not_accepted() {
    let lived = Lived::new().await;
    lived.site.restore(&lived.first, &["data"]);
    let rolled_back = lived.site.image();
    let epoch = anchor_accept(&lived.site.settings(), None, None).unwrap().store_epoch;
    let mut pinned = lived.site.settings();
    pinned.root_id = Some([1; 16]);
    assert!(matches!(anchor_accept(&pinned, Some(epoch), None), Err(AcceptError::NoRoot(_))));
    let rows = Rows::open(&lived.site);
    for (key, sealed) in rows.of(strongroom_envelope::RecordKind::Snapshot) {
        rows.put_all(&[crate::rows::flipped(&(key, sealed), 30, 1)]);
    }
    drop(rows);
    assert!(matches!(anchor_accept(&lived.site.settings(), Some(epoch), None), Err(AcceptError::Broken(_))));
    lived.site.restore(&rolled_back, &["data"]);
    let rows = Rows::open(&lived.site);
    let damaged = rows.of(strongroom_envelope::RecordKind::SecretVersion).remove(0);
    rows.put_all(&[crate::rows::flipped(&damaged, 30, 1)]);
    drop(rows);
    anchor_accept(&lived.site.settings(), Some(epoch), None).unwrap();
    let (keeper, _) = accepted(&lived.site, &[]);
    assert_eq!(keeper.status().quarantined, 1);
    keeper.stop();
    drop(keeper);
    for folder in ["account", "machine"] {
        fs::remove_dir_all(lived.site.path(folder)).unwrap();
    }
    let error = anchor_accept(&lived.site.settings(), None, None).unwrap_err();
    assert!(matches!(&error, AcceptError::NoRoot(_)) && error.to_string().contains("account protector"), "{error}");
}
