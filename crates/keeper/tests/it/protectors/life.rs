//! Added, proven at every start, opening alone, replaced, dropped.

use std::fs;

use strongroom_keeper::facade::{LockReason, ProtectorFault, ProtectorSpec, ProtectorState};
use strongroom_secret::Passphrase;

use super::parts::{Equipped, drop_the_first_two, hsm1, remove_secret_files, states};
use crate::heal::password::{fault, phrase};
use crate::site::{Site, admin, put, value};
use crate::trail;

#[tokio::test]
async fn each_that_needs_no_person_opens_alone() {
    const NAME: &str = "protectors::life::each_that_needs_no_person_opens_alone";
    let Some(mut equipped) = Equipped::new(NAME) else { return };
    for which in 0..equipped.unattended().len() {
        equipped.begin_anew();
        let (word, spec) = equipped.unattended().remove(which);
        let keeper = equipped.site.start();
        put(&keeper, "a", b"kept").await.unwrap();
        let made = keeper.protector_add(admin(), spec).await.unwrap();
        assert!(made.shares.is_empty() && !made.view.attended, "{word}");
        assert_eq!(made.view.state, ProtectorState::Proven);
        // With it there, nobody is needed when the first two are gone.
        keeper.protector_drop(admin(), "machine".into(), false).await.unwrap();
        keeper.protector_drop(admin(), "account".into(), false).await.unwrap();
        let last = keeper.protector_drop(admin(), word.into(), true).await;
        assert_eq!(fault(last), ProtectorFault::LastProven, "{word}");
        keeper.stop();
        drop(keeper);

        let (keeper, report) = equipped.site.open().unwrap();
        assert_eq!(report.locked, None, "{word}: {:?}", report.explanation);
        assert!(report.healed.is_empty());
        assert_eq!(value(&keeper, "a").await, b"kept");
        let views = keeper.protector_list(admin()).await.unwrap();
        assert_eq!(states(&views).len(), 1);
        assert!(views[0].last_proven_at.unwrap() >= views[0].created_at);
        let replaced = keeper.protector_replace(admin(), word.into(), None).await.unwrap();
        assert_ne!(replaced.view.id, made.view.id);
        keeper.protector_prove(admin(), word.into(), None).await.unwrap();
    }
}

#[tokio::test]
async fn all_of_them_at_once_are_proven_at_every_start() {
    let Some(equipped) = Equipped::new("protectors::life::all_of_them_at_once_are_proven_at_every_start") else {
        return;
    };
    let site = &equipped.site;
    let keeper = site.start();
    put(&keeper, "a", b"kept").await.unwrap();
    let mut expected = 2;
    for (_, spec) in equipped.unattended() {
        keeper.protector_add(admin(), spec).await.unwrap();
        expected += 1;
    }
    keeper.protector_add(admin(), ProtectorSpec::Rsa("other".into())).await.unwrap();
    let made = keeper.protector_add(admin(), ProtectorSpec::Shares { threshold: 2, count: 3 }).await.unwrap();
    assert_eq!((made.shares.len(), made.view.attended), (3, true));
    // Two certificates: the kind alone does not say which.
    assert_eq!(fault(keeper.protector_prove(admin(), "rsa".into(), None).await), ProtectorFault::NotFound);
    keeper.protector_prove(admin(), "rsa:other".into(), None).await.unwrap();
    keeper.stop();
    drop(keeper);

    let (keeper, report) = site.open().unwrap();
    assert_eq!(report.protectors.len(), expected + 2);
    for view in &report.protectors {
        let wanted = if view.attended { ProtectorState::Unproven } else { ProtectorState::Proven };
        assert_eq!(view.state, wanted, "{}", view.kind);
    }
    assert!(report.healed.is_empty() && report.alarms.iter().all(|alarm| alarm.code == "single_copy"));
    keeper.stop();
    drop(keeper);

    // The first two are lost: the others open, and the two are healed.
    remove_secret_files(site);
    let (keeper, report) = site.open().unwrap();
    assert_eq!((report.locked, report.healed.len()), (None, 2));
    assert_eq!(value(&keeper, "a").await, b"kept");
    assert_eq!(trail::count(site, "protector.heal"), 2);
    let views = keeper.protector_list(admin()).await.unwrap();
    assert!(views.iter().all(|view| view.attended || view.state == ProtectorState::Proven));
}

#[tokio::test]
async fn shares_open_a_start_that_waits_for_people() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "a", b"kept").await.unwrap();
    let impossible = keeper.protector_add(admin(), ProtectorSpec::Shares { threshold: 4, count: 3 }).await;
    assert_eq!(fault(impossible), ProtectorFault::DoesNotOpen);
    let made = keeper.protector_add(admin(), ProtectorSpec::Shares { threshold: 3, count: 5 }).await.unwrap();
    let old: Vec<Vec<u8>> = made.shares.iter().map(|share| share.expose().to_vec()).collect();
    let made = keeper.protector_replace(admin(), "shares".into(), None).await.unwrap();
    let shares: Vec<Vec<u8>> = made.shares.iter().map(|share| share.expose().to_vec()).collect();
    assert_eq!((shares.len(), made.view.bound_to[0].1.as_str()), (5, "3 of 5"), "the numbers stay");
    let typed = |which: &[&Vec<u8>]| {
        let lines: Vec<&[u8]> = which.iter().map(|share| share.as_slice()).collect();
        Passphrase::from_slice(&lines.join(&b'\n'))
    };
    let prove = |which: &[&Vec<u8>]| keeper.protector_prove(admin(), "shares".into(), Some(typed(which)));
    assert_eq!(fault(prove(&[&old[0], &old[1], &old[2]]).await), ProtectorFault::DoesNotOpen);
    prove(&[&shares[4], &shares[1], &shares[2]]).await.unwrap();
    assert_eq!(fault(keeper.protector_prove(admin(), "shares".into(), None).await), ProtectorFault::DoesNotOpen);
    drop_the_first_two(&keeper).await;
    keeper.stop();
    drop(keeper);

    let (keeper, report) = site.open().unwrap();
    assert_eq!(report.locked, Some(LockReason::Attended));
    assert!(report.explanation.unwrap().contains("unlock < shares"));
    let said = |outcome: Result<_, strongroom_keeper::facade::Failure>| match outcome {
        Err(strongroom_keeper::facade::Failure::Protector { what, .. }) => what,
        Err(other) => panic!("{other:?}"),
        Ok(strongroom_keeper::facade::Status { .. }) => panic!("it opened"),
    };
    let few = said(keeper.unlock(admin(), typed(&[&shares[0], &shares[3]])).await);
    assert!(few.contains("2 different shares are not enough: it takes 3"), "{few}");
    let mixed = said(keeper.unlock(admin(), typed(&[&shares[0], &shares[3], &old[1]])).await);
    assert!(mixed.contains("share number 2 belongs to set"), "{mixed}");
    let password = said(keeper.unlock(admin(), phrase("four plain words here")).await);
    assert!(password.contains("no password protector"), "{password}");
    keeper.unlock(admin(), typed(&[&shares[0], &shares[3], &shares[1], &shares[4]])).await.unwrap();
    assert_eq!(value(&keeper, "a").await, b"kept");
    // Nothing of a share is in the trail or the log.
    let shown = format!("{}{:?}", site.events.text(), trail::lines(&site));
    for share in shares.iter().chain(&old) {
        let text = String::from_utf8(share.clone()).unwrap();
        assert!(!shown.contains(&text[5..23]), "{text}");
    }
}

#[tokio::test]
async fn what_is_broken_is_named_and_not_healed_over() {
    let Some(mut equipped) = Equipped::new("protectors::life::what_is_broken_is_named_and_not_healed_over") else {
        return;
    };
    let keeper = equipped.site.start();
    put(&keeper, "a", b"kept").await.unwrap();
    for (_, spec) in equipped.unattended() {
        keeper.protector_add(admin(), spec).await.unwrap();
    }
    keeper.stop();
    drop(keeper);
    let right = equipped.site.configuration.clone();
    equipped.site.configuration.rsa.remove("office");
    equipped.site.configuration.plugin.get_mut("vault").unwrap().sha256 = [0; 32];
    equipped.write_pin("wrong");

    let (keeper, report) = equipped.site.open().unwrap();
    assert_eq!((report.locked, report.healed.len()), (None, 0));
    let broken = |kind: &str| {
        let view = report.protectors.iter().find(|view| view.kind == kind).unwrap();
        assert_eq!(view.state, ProtectorState::Broken, "{kind}");
        view.reason.clone().unwrap()
    };
    assert_eq!(broken("rsa"), "[protector.rsa.office] is not configured here");
    assert!(broken("plugin").contains("has SHA-256"), "{}", broken("plugin"));
    if equipped.has_token {
        assert!(broken("pkcs11").ends_with("wrong PIN"), "{}", broken("pkcs11"));
        let again = keeper.protector_prove(admin(), "pkcs11:hsm1".into(), None).await.unwrap_err();
        assert!(format!("{again:?}").contains("not tried again"), "{again:?}");
    }
    assert!(report.alarms.iter().any(|alarm| alarm.code == "protector_broken"));
    assert!(!report.alarms.iter().any(|alarm| alarm.code == "fallback_used"));
    keeper.stop();
    drop(keeper);

    equipped.site.configuration = right;
    equipped.write_pin("271828");
    let (keeper, report) = equipped.site.open().unwrap();
    assert!(report.protectors.iter().all(|view| view.state == ProtectorState::Proven));
    assert!(!report.alarms.iter().any(|alarm| alarm.code == "protector_broken"));
    // What opened at the start and does not open now is nothing to rely on.
    fs::rename(equipped.path("office.key"), equipped.path("aside")).unwrap();
    keeper.protector_drop(admin(), "plugin:vault".into(), false).await.unwrap();
    if equipped.has_token {
        keeper.protector_drop(admin(), "pkcs11:hsm1".into(), false).await.unwrap();
    }
    keeper.protector_drop(admin(), "machine".into(), false).await.unwrap();
    let only = keeper.protector_drop(admin(), "account".into(), true).await;
    assert_eq!(fault(only), ProtectorFault::LastProven);
}

#[tokio::test]
async fn what_cannot_be_added_is_said_and_changes_nothing() {
    let Some(equipped) = Equipped::new("protectors::life::what_cannot_be_added_is_said_and_changes_nothing") else {
        return;
    };
    let keeper = equipped.site.start();
    let add = |spec| keeper.protector_add(admin(), spec);
    assert_eq!(fault(add(ProtectorSpec::Rsa("home".into())).await), ProtectorFault::NotFound);
    assert_eq!(fault(add(ProtectorSpec::Plugin("../vault".into())).await), ProtectorFault::NotFound);
    assert_eq!(fault(add(ProtectorSpec::Plugin(String::new())).await), ProtectorFault::DoesNotOpen);
    fs::remove_file(equipped.path("office.pem")).unwrap();
    assert_eq!(fault(add(ProtectorSpec::Rsa("office".into())).await), ProtectorFault::Surroundings);
    if equipped.has_token {
        let elsewhere = ProtectorSpec::Pkcs11 { name: "hsm1".into(), token: "U".into(), label: "x".into() };
        assert_eq!(fault(add(elsewhere).await), ProtectorFault::Surroundings);
        add(hsm1()).await.unwrap();
    }
    let views = keeper.protector_list(admin()).await.unwrap();
    assert_eq!(views.len(), 2 + usize::from(equipped.has_token));
}
