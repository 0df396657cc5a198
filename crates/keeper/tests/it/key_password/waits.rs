//! A rotation that is due and needs a password nobody has given is an alarm, and is made up for as soon as the password is there.

use std::time::Duration;

use strongroom_engine::key::{Create, KeyBody, Show};
use strongroom_envelope::{RecordKey, body};

use super::*;
use crate::insider::Insider;

const PERIOD: i64 = 60_000;

async fn version(keeper: &Keeper) -> Option<u32> {
    keeper.execute(admin(), Show { selector: name("k") }).await.unwrap().active
}

/// The key's active version is older than it shall become.
fn age(site: &Site) {
    let (insider, rows) = (Insider::of(site), Rows::open(site));
    for row in rows.of(RecordKind::Key) {
        let mut key: KeyBody = body::decode_strict(insider.opened(&row).expose()).unwrap();
        if key.name.as_str() == "k" {
            let active = key.versions.last_mut().unwrap();
            active.activated_at.0 -= 2 * PERIOD;
            insider.commit(&rows, &[(RecordKey::from_bytes(&row.0).unwrap(), body::encode(&key))]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_waits_for_a_password_is_an_alarm() {
    for protector in [password(FIRST), password_only(FIRST)] {
        let mut site = Site::new();
        let keeper = site.start();
        let (name, purpose, rotation_period) = (Name::parse("k").unwrap(), Purpose::Values, Some(PERIOD));
        let create = Create { name, purpose, algorithm: None, rotation_period, usage_limit: None };
        keeper.execute(admin(), create).await.unwrap();
        keeper.key_protect(admin(), crate::site::name("k"), protector).await.unwrap();
        assert_eq!(alarm(&keeper, "rotation_waits"), None, "it is not due");
        keeper.stop();
        drop(keeper);
        age(&site);

        site.look_every = Duration::from_millis(5);
        let keeper = site.start();
        assert!(alarm(&keeper, "rotation_waits").unwrap().ends_with(": k"));
        assert_eq!(version(&keeper).await, Some(1));
        unlock(&keeper, FIRST).await.unwrap();
        while version(&keeper).await != Some(2) {
            tokio::task::yield_now().await;
        }
        assert_eq!(alarm(&keeper, "rotation_waits"), None);
        keeper.stop();
    }
}
