//! Conversion: every value gets its layer, nothing is left unprotected, and what was on the disk before is in no file any more.

use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_engine::job::{JobKind, JobState};
use strongroom_engine::secret::{Provider, Show};
use strongroom_envelope::RecordKind;
use strongroom_secret::Passphrase;
use strongroom_testkit::store::MemoryStore;

use super::scene::{Canaries, ROWS, assert_all, holders, import, import_all, metadata, row, unprotected};
use crate::faults::watched::Watched;
use crate::rotation::scene::{Scene, counted, jobs, key_view, rotate};
use crate::rows::{Row, Rows};
use crate::site::{Image, admin, name, password_only, value};
use crate::trail;

/// What tells a sealed form from every other: its nonce.
fn nonces(rows: &[Row]) -> Vec<Vec<u8>> {
    rows.iter().map(|(_, sealed)| sealed[16..40].to_vec()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_value_gets_its_layer_and_old_bytes_are_gone() {
    let scene = Scene::new();
    let keeper = scene.start();
    import_all(&keeper, true).await;
    let rows = Rows::open(&scene.site);
    let (values, keys) = (nonces(&rows.of(RecordKind::SecretVersion)), nonces(&rows.of(RecordKind::Key)));
    drop(rows);
    assert_eq!(values.len(), ROWS);
    let before = scene.site.image_of(&["data"]);
    for old in [&values, &keys] {
        assert!(!holders(&before, old).is_empty(), "the search finds them while they are there");
    }

    // What `convert --with password` does: the protector is chosen, then everything is sealed again under a new version.
    let with = password_only(b"four plain words here");
    keeper.key_protect(admin(), name("secrets"), with).await.unwrap();
    let rotated = rotate(&keeper).await.unwrap();
    let over = scene.over(&keeper, rotated.job.unwrap()).await;
    assert_eq!((over.kind, over.state, over.done, over.total), (JobKind::Convert, JobState::Done, 500, 500));
    assert_eq!(unprotected(&keeper), 0);
    assert!(!keeper.status().alarms.iter().any(|alarm| alarm.code == "unprotected"));
    assert_eq!(counted(&keeper).await, [(2, 500)].into());

    // The server still runs, and its files hold neither the old forms of the values nor the old wraps of the key.
    let after = scene.site.image();
    let now = nonces(&Rows::open(&scene.site).of(RecordKind::Key));
    let keys: Vec<_> = keys.into_iter().filter(|nonce| !now.contains(nonce)).collect();
    assert_eq!(keys.len(), 1, "one key was wrapped anew");
    for (what, old) in [("values", &values), ("wraps", &keys)] {
        assert_eq!(holders(&after, old), Vec::<String>::new(), "old {what}");
    }
    assert_eq!(Canaries::new().holders(&after), Vec::<String>::new());
    assert_all(&keeper).await;
    for number in 0..ROWS {
        let shown = keeper.execute(admin(), Show { selector: name(&row(number).name) }).await.unwrap();
        assert_eq!((shown.provider, shown.key_version, shown.version), (Provider::Aes256, 2, 1));
        assert_eq!(shown.already_encrypted, number % 3 == 0, "row {number}");
        assert_eq!(shown.metadata, if number % 5 == 0 { metadata(number) } else { Vec::new() }, "row {number}");
    }
    assert!(scene.proofs(1) >= 1);
    keeper.stop();
    drop(keeper);

    let keeper = scene.start();
    assert_eq!(unprotected(&keeper), 0, "after a start");
    let passphrase = Passphrase::from_slice(b"four plain words here");
    keeper.key_unlock(admin(), name("secrets"), Some(passphrase)).await.unwrap();
    assert_all(&keeper).await;
    keeper.stop();
}

/// What comes while a rotation is under way is sealed with the rest, and its old bytes go too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_imported_during_a_conversion_is_converted() {
    let scene = Scene::new();
    let keeper = scene.start();
    import(&keeper, (0..10).map(row).collect(), true).await;
    let job = rotate(&keeper).await.unwrap().job.unwrap();
    import(&keeper, (10..30).map(row).collect(), true).await;
    assert_eq!(scene.over(&keeper, job).await.state, JobState::Done);
    if unprotected(&keeper) > 0 {
        // They came when the job had looked for the last time.
        let job = rotate(&keeper).await.unwrap().job.unwrap();
        assert_eq!(scene.over(&keeper, job).await.state, JobState::Done);
    }
    assert_eq!(unprotected(&keeper), 0);
    for number in 0..30 {
        assert_eq!(value(&keeper, &row(number).name).await, super::scene::canary(number));
    }
    keeper.stop();
}

const BESIDE: [&str; 4] = ["audit", "anchor", "account", "machine"];
/// Fewer than all: each moment is a start of its own.
const FEW: usize = 290;

/// The process ends at every moment of a conversion: the next start goes on with it, and it comes to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversion_that_was_interrupted_goes_on() {
    let (scene, store) = (Scene::new(), MemoryStore::new());
    let keeper = scene.start_over(store.clone());
    for begin in (0..FEW).step_by(29) {
        import(&keeper, (begin..begin + 29).map(row).collect(), true).await;
    }
    keeper.stop();
    drop(keeper);
    let moments: Arc<Mutex<Vec<(MemoryStore, Image)>>> = Arc::default();
    let (seen, folder) = (Arc::clone(&moments), scene.site.folder.path().to_owned());
    let watched = Watched::new(store.clone(), move |store| {
        seen.lock().push((store.copied(), Image::taken(&folder, &BESIDE)));
    });
    let keeper = scene.start_over(watched);
    moments.lock().clear();
    let job = rotate(&keeper).await.unwrap().job.unwrap();
    assert_eq!(scene.over(&keeper, job).await.state, JobState::Done);
    keeper.stop();
    drop(keeper);

    let moments = std::mem::take(&mut *moments.lock());
    let mut in_the_middle = 0;
    for (number, (image, beside)) in moments.iter().enumerate().skip(1) {
        scene.site.restore(beside, &BESIDE);
        let keeper = scene.start_over(image.clone());
        let left = unprotected(&keeper);
        in_the_middle += usize::from(left > 0 && left < FEW as u64);
        let running = jobs(&keeper).await;
        assert_eq!((running.len(), running[0].kind), (1, JobKind::Convert), "moment {number}");
        assert_eq!(scene.over(&keeper, running[0].id).await.state, JobState::Done, "moment {number}");
        assert_eq!((unprotected(&keeper), counted(&keeper).await), (0, [(2, FEW as u64)].into()), "moment {number}");
        for number in 0..FEW {
            assert_eq!(value(&keeper, &row(number).name).await, super::scene::canary(number));
        }
        assert_eq!(key_view(&keeper).await.active, Some(2), "moment {number}");
        drop(keeper);
        trail::assert_no_line_twice(&scene.site);
    }
    assert!(in_the_middle >= 4, "{in_the_middle} of {} moments in the middle of the work", moments.len());
}
