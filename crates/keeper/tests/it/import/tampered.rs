//! B17: who can write the store's files and has no key cannot make a value lose its layer, get another key, or come back in its
//! form without one: provider and key id lie in sealed records.

use strongroom_engine::job::JobState;
use strongroom_engine::secret::{Imported, Provider, Show};
use strongroom_envelope::{Id, RecordKey, RecordKind};
use strongroom_keeper::Keeper;

use super::scene::{canary, import, row, unprotected};
use crate::rotation::scene::{Scene, rotate};
use crate::rows::{Row, Rows, flipped, shown};
use crate::site::{admin, findings, get, name, quarantined, value};

/// The row of a secret's only version.
async fn version_row(keeper: &Keeper, rows: &Rows, text: &str) -> Row {
    let shown = keeper.execute(admin(), Show { selector: name(text) }).await.unwrap();
    let key = RecordKey::new(RecordKind::SecretVersion, shown.versions[0].record).to_bytes().to_vec();
    let sealed = rows.get(&key).unwrap();
    (key, sealed)
}

async fn finding(keeper: &Keeper, text: &str) -> Option<&'static str> {
    quarantined(get(keeper, text).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provider_and_key_cannot_be_changed_without_the_store_key() {
    let scene = Scene::new();
    let keeper = scene.start();
    let imported = import(&keeper, (0..4).map(row).collect(), true).await;
    assert!(imported.iter().all(|row| matches!(row, Ok(Imported::Created(_)))));
    let rows = Rows::open(&scene.site);
    let (first, second) =
        (version_row(&keeper, &rows, "import/1").await, version_row(&keeper, &rows, "import/2").await);

    // The body begins at byte 40; the provider's text and the key's id stand in its first hundred bytes.
    for offset in (0..first.1.len()).step_by(3) {
        rows.put_all(&[flipped(&first, offset, 0x40)]);
        assert_eq!(finding(&keeper, "import/1").await, Some("unreadable"), "byte {offset}");
        assert_eq!(value(&keeper, "import/2").await, canary(2));
        rows.put_all(std::slice::from_ref(&first));
        assert_eq!(value(&keeper, "import/1").await, canary(1), "byte {offset}: the right bytes are back");
    }
    // A value without its layer in the place of another.
    rows.swap(&first.0, &second.0);
    assert_eq!(finding(&keeper, "import/1").await, Some("unreadable"));
    assert_eq!(finding(&keeper, "import/2").await, Some("unreadable"));
    rows.swap(&first.0, &second.0);
    assert_eq!((value(&keeper, "import/1").await, value(&keeper, "import/2").await), (canary(1), canary(2)));

    // After the conversion the form without the layer does not come back, neither while the server runs nor at a start.
    let job = rotate(&keeper).await.unwrap().job.unwrap();
    assert_eq!(scene.over(&keeper, job).await.state, JobState::Done);
    let converted = version_row(&keeper, &rows, "import/1").await;
    assert_ne!(converted.1, first.1);
    rows.put_all(std::slice::from_ref(&first));
    assert_eq!(finding(&keeper, "import/1").await, Some("older"));
    keeper.stop();
    drop(keeper);
    let keeper = scene.start();
    assert_eq!(findings(&keeper).await, [(shown(&first.0), "older")].into());
    assert_eq!((finding(&keeper, "import/1").await, unprotected(&keeper)), (Some("older"), 0));
    rows.put_all(std::slice::from_ref(&converted));
    assert_eq!(value(&keeper, "import/1").await, canary(1));
    let shown = keeper.execute(admin(), Show { selector: name("import/1") }).await.unwrap();
    assert_eq!((shown.provider, shown.key_version), (Provider::Aes256, 2));
    assert_ne!(shown.key, Id::NIL);
}
