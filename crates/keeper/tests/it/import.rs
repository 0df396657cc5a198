//! Secrets of another system: imported in clear so that nothing stops them half-way, sealed like every record even then, counted
//! until they are converted, and gone from the store's files in their old form afterwards (B17, B37).

mod conversion;
mod refused;
pub mod scene;
mod tampered;

use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::{Destroy, Imported, Provider, Show};
use strongroom_keeper::facade::Failure;
use strongroom_secret::Passphrase;

use self::scene::{Canaries, ROWS, assert_all, canary, import_all, row, unprotected};
use crate::rows::Rows;
use crate::site::{Site, admin, get_by_id, name, password_only, put, value};
use crate::trail;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_imported_in_clear_is_sealed_and_counted() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "there/before", b"a value of its own").await.unwrap();
    let outcomes = import_all(&keeper, true).await;
    assert_eq!(outcomes.iter().filter(|row| matches!(row, Ok(Imported::Created(_)))).count(), ROWS);
    assert_eq!(unprotected(&keeper), ROWS as u64);
    assert_all(&keeper).await;
    // The store, its write-ahead log and its shared memory; then everything beside them.
    let canaries = Canaries::new();
    assert_eq!(canaries.holders(&site.image_of(&["data"])), Vec::<String>::new());
    assert_eq!(canaries.holders(&site.image()), Vec::<String>::new());
    let shown = keeper.execute(admin(), Show { selector: name("import/7") }).await.unwrap();
    assert_eq!((shown.provider, shown.key, shown.key_version), (Provider::Cleartext, strongroom_envelope::Id::NIL, 0));

    keeper.stop();
    drop(keeper);
    let keeper = site.start();
    assert_eq!(unprotected(&keeper), ROWS as u64, "after a start");
    assert!(keeper.status().alarms.iter().any(|alarm| alarm.code == "unprotected"));
    assert_all(&keeper).await;
    assert_eq!(canaries.holders(&site.image()), Vec::<String>::new());
    // What is changed meanwhile has its layer; its version of before has not, until that is gone too.
    put(&keeper, "import/0", b"changed").await.unwrap();
    assert_eq!(unprotected(&keeper), ROWS as u64);
    keeper.execute(admin(), Destroy { selector: name("import/1"), version: None }).await.unwrap();
    assert_eq!(unprotected(&keeper), ROWS as u64 - 1);
    keeper.stop();
    assert!(!site.events.text().contains("canary"));
}

/// The search finds what is there.
#[test]
fn the_search_finds_a_canary() {
    let site = Site::new();
    std::fs::create_dir_all(site.path("data")).unwrap();
    std::fs::write(site.path("data").join("a"), [&[0, 1], canary(77).as_slice(), &[2]].concat()).unwrap();
    assert_eq!(Canaries::new().holders(&site.image()), ["data/a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_import_changes_nothing() {
    let site = Site::new();
    let keeper = site.start();
    let first = import_all(&keeper, true).await;
    let before = Rows::open(&site).all();
    for clear in [true, false] {
        let again = import_all(&keeper, clear).await;
        for (number, (first, again)) in first.iter().zip(&again).enumerate() {
            let (Ok(Imported::Created(made)), Ok(Imported::Unchanged(found))) = (first, again) else {
                panic!("row {number}: {first:?}, then {again:?}");
            };
            assert_eq!(made, found);
        }
    }
    assert_eq!(Rows::open(&site).all(), before, "no row of the store changed, log and heads included");
    assert_eq!(unprotected(&keeper), ROWS as u64);
    keeper.stop();
    assert!(trail::count(&site, "secret.import") >= 3 * ROWS / 29);
}

/// What importing in clear is for: a key whose protector is away stops nothing. Only the row that would have to be compared with
/// what is sealed under the key is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_key_does_not_stop_an_import_in_clear() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "import/3", &canary(3)).await.unwrap();
    let passphrase = || Passphrase::from_slice(b"four plain words here");
    keeper.key_protect(admin(), name("secrets"), password_only(b"four plain words here")).await.unwrap();
    keeper.stop();
    drop(keeper);
    let keeper = site.start();
    let locked = || Refusal::KeyLocked { key: "secrets".into() };
    assert_eq!(put(&keeper, "a", b"v").await.unwrap_err(), Failure::Refused(locked()));
    let outcomes = import_all(&keeper, true).await;
    assert_eq!(outcomes[3], Err(locked()));
    assert_eq!(outcomes.iter().filter(|row| matches!(row, Ok(Imported::Created(_)))).count(), ROWS - 1);
    assert_eq!((unprotected(&keeper), value(&keeper, "import/4").await), (ROWS as u64 - 1, canary(4)));
    keeper.key_unlock(admin(), name("secrets"), Some(passphrase())).await.unwrap();
    let again = import_all(&keeper, true).await;
    assert!(again.iter().all(|row| matches!(row, Ok(Imported::Unchanged(_)))));
    assert_all(&keeper).await;
}

/// Without `--clear` the rows are sealed under the application key at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_under_the_key_leaves_nothing_unprotected() {
    let site = Site::new();
    let keeper = site.start();
    import_all(&keeper, false).await;
    assert_eq!(unprotected(&keeper), 0);
    assert_all(&keeper).await;
    let shown = keeper.execute(admin(), Show { selector: name("import/7") }).await.unwrap();
    assert_eq!((shown.provider, shown.key_version), (Provider::Aes256, 1));
    assert_eq!(get_by_id(&keeper, shown.id).await.unwrap().value.expose(), canary(7));
    assert_eq!(value(&keeper, &row(8).name).await, canary(8));
    assert_eq!(Canaries::new().holders(&site.image()), Vec::<String>::new());
}
