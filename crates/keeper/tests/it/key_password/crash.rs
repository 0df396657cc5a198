//! The process ends at every moment of a change of the password: exactly one of the two opens the key afterwards.

use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_keeper::facade::ProtectorFault;
use strongroom_testkit::store::MemoryStore;

use super::{FIRST, SECOND, change, code, create, encrypt, locked, opens, password_only, unlock};
use crate::faults::watched::{Watched, start_over};
use crate::site::{Image, Site, admin, name};

const BESIDE: [&str; 4] = ["audit", "anchor", "account", "machine"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_one_password_works() {
    let (site, store) = (Site::new(), MemoryStore::new());
    let moments: Arc<Mutex<Vec<(MemoryStore, Image)>>> = Arc::default();
    let (seen, folder) = (Arc::clone(&moments), site.folder.path().to_owned());
    let watched = Watched::new(store.clone(), move |store| {
        seen.lock().push((store.copied(), Image::taken(&folder, &BESIDE)));
    });
    let keeper = start_over(&site, watched);
    create(&keeper).await;
    keeper.key_protect(admin(), name("k"), password_only(FIRST)).await.unwrap();
    let sealed = encrypt(&keeper).await.unwrap();
    moments.lock().clear();
    change(&keeper, admin(), FIRST, SECOND).await.unwrap();
    let mut moments = std::mem::take(&mut *moments.lock());
    // The last moment: it was answered, and nothing was stopped.
    moments.push((store.copied(), site.image_of(&BESIDE)));
    keeper.stop();
    drop(keeper);

    let mut working = Vec::new();
    for (number, (image, beside)) in moments.iter().enumerate() {
        site.restore(beside, &BESIDE);
        let keeper = start_over(&site, image.clone());
        assert_eq!(opens(&keeper, &sealed).await, Err(locked()), "moment {number}");
        let first = unlock(&keeper, FIRST).await;
        if first.is_ok() {
            // It has been opened: another start asks for the other one.
            drop(keeper);
            site.restore(beside, &BESIDE);
            let keeper = start_over(&site, image.clone());
            assert_eq!(code(unlock(&keeper, SECOND).await), Some(ProtectorFault::DoesNotOpen), "moment {number}");
            unlock(&keeper, FIRST).await.unwrap();
            assert_eq!(opens(&keeper, &sealed).await, Ok(true), "moment {number}");
            working.push(FIRST);
        } else {
            assert_eq!(code(first), Some(ProtectorFault::DoesNotOpen), "moment {number}");
            unlock(&keeper, SECOND).await.unwrap();
            assert_eq!(opens(&keeper, &sealed).await, Ok(true), "moment {number}");
            working.push(SECOND);
        }
    }
    assert_eq!((working.first(), working.last()), (Some(&FIRST), Some(&SECOND)));
    assert!(working.is_sorted_by_key(|works| *works == SECOND), "never back: {working:?}");
}
