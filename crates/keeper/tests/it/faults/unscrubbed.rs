//! What is handed out once is handed out even when old bytes cannot be removed from the store's files.

use strongroom_engine::key::Create;
use strongroom_engine::name::{Name, Selector};
use strongroom_envelope::value::Purpose;
use strongroom_keeper::facade::KeyProtector;
use strongroom_store::{Batch, CommitError, Limits, Store, StoreError, Visit};
use strongroom_testkit::store::MemoryStore;

use super::watched::start_over;
use crate::site::{Site, admin};

/// A store whose files cannot be written anew.
struct Unscrubbed(MemoryStore);

impl Store for Unscrubbed {
    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn read(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.0.read(keys)
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.0.scan(prefix, visit)
    }

    fn commit(&self, batch: &Batch<'_>) -> Result<(), CommitError> {
        self.0.commit(batch)
    }

    fn scrub(&self) -> Result<(), StoreError> {
        Err(StoreError::Stopped)
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn shares_are_handed_out_all_the_same() {
    let site = Site::new();
    let keeper = start_over(&site, Unscrubbed(MemoryStore::new()));
    let name = Name::parse("orders").unwrap();
    let create = Create {
        name: name.clone(),
        purpose: Purpose::Values,
        algorithm: None,
        rotation_period: None,
        usage_limit: None,
    };
    keeper.execute(admin(), create).await.unwrap();
    let with = KeyProtector::Shares { threshold: 2, count: 3 };
    let (key, shares) = keeper.key_protect(admin(), Selector::Name(name), with).await.unwrap();
    assert_eq!((key.protector.as_str(), shares.len()), ("shares", 3));
    let alarms: Vec<_> = keeper.status().alarms.iter().map(|alarm| alarm.code).collect();
    assert!(alarms.contains(&"scrub_failed"), "{alarms:?}");
    keeper.stop();
}
