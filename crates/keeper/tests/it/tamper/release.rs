//! `quarantine release`: look again, accept an authentic older record, give it up; never anything that does not authenticate.

use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::Get;
use strongroom_envelope::RecordKind;
use strongroom_keeper::facade::{Failure, Release};

use crate::filled::{Filled, content, secret, versions};
use crate::rows::{Rows, flipped, shown};
use crate::site::{admin, findings, get, name, put, value};
use crate::trail;

use super::running::Findings;

fn is_invalid<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> bool {
    matches!(outcome, Err(Failure::Refused(Refusal::Invalid { .. })))
}

#[tokio::test]
async fn looking_again_serves_what_is_right_and_keeps_what_is_not() {
    let filled = Filled::new().await;
    let rows = Rows::open(&filled.site);
    let right = filled.current(1);
    rows.put_all(&[flipped(&right, 70, 1)]);
    let keeper = filled.site.start();
    let record = shown(&right.0);
    let still = keeper.quarantine_release(admin(), record.clone(), Release::Recheck).await.unwrap();
    assert_eq!(still.unwrap().finding, "unreadable");
    rows.put_all(&[right]);
    assert!(keeper.quarantine_release(admin(), record.clone(), Release::Recheck).await.unwrap().is_none());
    filled.assert_served(&keeper, &[]).await;
    let gone = keeper.quarantine_release(admin(), record, Release::Recheck).await;
    assert!(matches!(gone, Err(Failure::Refused(Refusal::NotFound { .. }))));
}

#[tokio::test]
async fn an_older_record_is_accepted_by_sealing_it_anew() {
    let filled = Filled::new().await;
    let rows = Rows::open(&filled.site);
    let right = filled.heads.last().unwrap();
    rows.put_all(&[filled.heads[2].clone()]);
    let keeper = filled.site.start();
    let record = shown(&right.0);
    assert!(keeper.quarantine_release(admin(), record.clone(), Release::AcceptOlder).await.unwrap().is_none());
    assert_eq!(value(&keeper, &secret(0)).await, content(0, 3));
    assert_eq!(trail::count_of(&filled.site, "quarantine.release", &record), 1);
    // What was accepted is what is expected from now on; the one it took the place of is old itself.
    assert_eq!(put(&keeper, &secret(0), b"next").await.unwrap().version, 4);
    keeper.stop();
    drop(keeper);
    let keeper = filled.site.start();
    assert_eq!((findings(&keeper).await, value(&keeper, &secret(0)).await), (Findings::new(), b"next".to_vec()));
    rows.put_all(std::slice::from_ref(right));
    assert_eq!(filled.refused(&keeper, 0).await, (Some("older"), Some("older")));
}

#[tokio::test]
async fn an_older_record_whose_name_another_has_now_is_not_accepted() {
    let filled = Filled::new().await;
    let rows = Rows::open(&filled.site);
    let older = (filled.head_key(1), rows.get(&filled.head_key(1)).unwrap());
    let keeper = filled.site.start();
    let rename = |from: &str, to: &str| strongroom_engine::secret::Rename {
        selector: name(from),
        to: strongroom_engine::name::Name::parse(to).unwrap(),
    };
    keeper.execute(admin(), rename(&secret(1), "moved")).await.unwrap();
    rows.put_all(std::slice::from_ref(&older));
    // While nobody has the old name it comes back with the older record, and the new one is free.
    assert!(get(&keeper, "moved").await.is_err());
    keeper.quarantine_release(admin(), shown(&older.0), Release::AcceptOlder).await.unwrap();
    assert_eq!(value(&keeper, &secret(1)).await, content(1, versions(1)));
    assert!(matches!(get(&keeper, "moved").await, Err(Failure::Refused(Refusal::NotFound { .. }))));
    let older = (filled.head_key(1), rows.get(&filled.head_key(1)).unwrap());
    keeper.execute(admin(), rename(&secret(1), "moved")).await.unwrap();
    put(&keeper, &secret(1), b"another").await.unwrap();
    rows.put_all(std::slice::from_ref(&older));
    assert!(get(&keeper, "moved").await.is_err());
    let taken = keeper.quarantine_release(admin(), shown(&older.0), Release::AcceptOlder).await;
    assert!(matches!(taken, Err(Failure::Refused(Refusal::NameTaken { .. }))));
    assert_eq!(value(&keeper, &secret(1)).await, b"another");
}

#[tokio::test]
async fn what_does_not_authenticate_is_never_accepted() {
    let filled = Filled::new().await;
    let other = Filled::new().await;
    let rows = Rows::open(&filled.site);
    let extra = (other.head_key(0), other.heads[0].1.clone());
    rows.put_all(&[flipped(&filled.current(1), 70, 1), flipped(&filled.heads[2], 20, 4), extra.clone()]);
    rows.delete(&filled.current(2).0);
    let keeper = filled.site.start();
    for key in [filled.current(1).0, filled.head_key(0), extra.0, filled.current(2).0] {
        let outcome = keeper.quarantine_release(admin(), shown(&key), Release::AcceptOlder).await;
        assert!(is_invalid(outcome), "{}", shown(&key));
    }
    assert_eq!(findings(&keeper).await.len(), 4);
}

#[tokio::test]
async fn what_is_given_up_is_gone_and_the_next_start_is_clean() {
    let filled = Filled::new().await;
    let rows = Rows::open(&filled.site);
    let first = filled.versions[0][0].clone();
    let extra = strongroom_envelope::RecordKey::new(RecordKind::Secret, strongroom_envelope::Id([5; 16])).to_bytes();
    rows.put_all(&[flipped(&first, 70, 1), (extra.to_vec(), vec![1; 99])]);
    rows.delete(&filled.head_key(3));
    let keeper = filled.site.start();
    for key in [first.0.clone(), extra.to_vec(), filled.head_key(3)] {
        let record = shown(&key);
        assert!(keeper.quarantine_release(admin(), record.clone(), Release::Delete).await.unwrap().is_none());
        assert_eq!(trail::count_of(&filled.site, "quarantine.release", &record), 1);
    }
    assert_eq!(findings(&keeper).await, Findings::new());
    // With a head its versions go: nobody could reach them any more.
    let left = rows.of(RecordKind::SecretVersion);
    assert!(filled.versions[3].iter().all(|gone| left.iter().all(|row| row.0 != gone.0)));
    assert!(filled.versions[2].iter().all(|kept| left.iter().any(|row| row.0 == kept.0)));
    // The head still lists the version that was given up; pruning it later must not stop new values.
    assert_eq!(value(&keeper, &secret(0)).await, content(0, 5));
    let lost = keeper.execute(admin(), Get { selector: name(&secret(0)), version: Some(1) }).await;
    assert!(lost.is_err());
    let mut keeping_two = crate::site::put_operation(&secret(0), b"six");
    keeping_two.keep = Some(2);
    assert_eq!(keeper.execute(admin(), keeping_two).await.unwrap().version, 6);
    // Its name is free again.
    assert!(put(&keeper, &secret(3), b"anew").await.unwrap().created);
    keeper.stop();
    drop(keeper);
    let keeper = filled.site.start();
    assert_eq!(findings(&keeper).await, Findings::new());
    filled.assert_served(&keeper, &[0, 3]).await;
}

#[tokio::test]
async fn what_the_store_cannot_do_without_is_not_given_up() {
    let filled = Filled::new().await;
    let rows = Rows::open(&filled.site);
    let keeper = filled.site.start();
    for kind in [RecordKind::Keyring, RecordKind::Instance, RecordKind::Protector] {
        let row = rows.of(kind).remove(0);
        rows.put_all(&[flipped(&row, 30, 1)]);
        keeper.verify(admin()).await.unwrap();
        let outcome = keeper.quarantine_release(admin(), shown(&row.0), Release::Delete).await;
        assert!(is_invalid(outcome), "{kind}");
        rows.put_all(&[row]);
    }
    keeper.verify(admin()).await.unwrap();
    assert_eq!(findings(&keeper).await, Findings::new());
}
