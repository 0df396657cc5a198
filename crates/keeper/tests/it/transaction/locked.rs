//! While the master key waits for its password nothing that holds data is begun or read; what is known about transactions is.

use strongroom_engine::transaction::{Encrypt, TransactionState};
use strongroom_keeper::facade::{Failure, ProtectorFault};
use strongroom_secret::Passphrase;

use super::{KEY, begin, begin_as, commit, content, is_locked, listed, read, rollback, shown, step, undone};
use crate::site::{Site, admin, name, password_only, put, value};

const PASSWORD: &[u8] = b"four plain words here";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_the_password_only() {
    let site = Site::new();
    let keeper = site.start();
    let (open, done) = (begin(&keeper).await, begin(&keeper).await);
    let clear = begin_as(&keeper, admin(), Encrypt::Marked).await.unwrap().id;
    for id in [open, done, clear] {
        step(&keeper, id, b"s1", &content("r1", 5000)).await.unwrap();
        step(&keeper, id, b"s2", b"r2").await.unwrap();
    }
    keeper.key_protect(admin(), name(KEY), password_only(PASSWORD)).await.unwrap();
    step(&keeper, open, b"", b"r3").await.unwrap();
    drop(keeper);

    let keeper = site.start();
    assert!(is_locked(begin_as(&keeper, admin(), Encrypt::Always).await));
    assert!(is_locked(step(&keeper, open, b"s", b"r").await));
    assert!(is_locked(read(&keeper, open).await));
    assert!(is_locked(rollback(&keeper, open).await));
    let mut all = [open, done, clear];
    all.sort_unstable();
    assert_eq!(listed(&keeper, true).await, all);
    let view = shown(&keeper, open).await.unwrap();
    assert_eq!((view.state, view.steps, view.encrypted), (TransactionState::Active, 3, true), "nothing was begun");
    // What needs no key goes on; so does everything else.
    assert_eq!(commit(&keeper, done).await.unwrap().state, TransactionState::Committed);
    assert_eq!(rollback(&keeper, clear).await.unwrap(), [(2, b"r2".to_vec()), (1, content("r1", 5000))]);
    put(&keeper, "other", b"served").await.unwrap();
    assert_eq!(value(&keeper, "other").await, b"served");

    let wrong = keeper.key_unlock(admin(), name(KEY), Some(Passphrase::from_slice(b"four other plain words"))).await;
    assert!(matches!(wrong, Err(Failure::Protector { code: ProtectorFault::DoesNotOpen, .. })), "{wrong:?}");
    assert!(is_locked(read(&keeper, open).await));
    keeper.key_unlock(admin(), name(KEY), Some(Passphrase::from_slice(PASSWORD))).await.unwrap();
    let wanted = [(3, b"r3".to_vec()), (2, b"r2".to_vec()), (1, content("r1", 5000))];
    assert_eq!(rollback(&keeper, open).await.unwrap(), wanted);
    for (sequence, _) in wanted {
        undone(&keeper, open, sequence).await.unwrap();
    }
    assert_eq!(read(&keeper, done).await.unwrap().steps[0], (b"s1".to_vec(), content("r1", 5000), false));
    assert_eq!(listed(&keeper, true).await, [clear]);
    keeper.stop();
}
