//! Records that somebody else wrote: planted keys, names of what is not configured, changed blobs.

use strongroom_envelope::protector::{self, ProtectorRecord, mac_key};
use strongroom_envelope::{Generation, RecordKey, RecordKind};
use strongroom_keeper::facade::{LockReason, ProtectorFault, ProtectorSpec, ProtectorState};
use strongroom_protector::{Given, Kind, Surroundings, configured};
use strongroom_secret::RootKey;

use super::parts::{Equipped, drop_the_first_two, remove_secret_files};
use crate::heal::password::fault;
use crate::rows::Rows;
use crate::site::{Site, admin, put, value};

/// The record of the certificate's protector, and where it lies.
fn rsa_record(rows: &Rows) -> (RecordKey, ProtectorRecord) {
    let parsed = rows.of(RecordKind::Protector).into_iter().map(|(key, stored)| {
        let key = RecordKey::from_bytes(&key).unwrap();
        (key, protector::parse(key, &stored).unwrap().record)
    });
    parsed.into_iter().find(|(_, record)| record.kind == Kind::Rsa).unwrap()
}

/// Wraps a root key of the attacker's own for the certificate, as anybody can who has it, and puts it in the place of
/// the true record.
fn plant(site: &Site) {
    let rows = Rows::open(site);
    let (key, record) = rsa_record(&rows);
    let mut surroundings =
        Surroundings::new(record.store_id, site.path("account"), site.path("machine"), site.path("machine-id"));
    surroundings.configuration = site.configuration.clone();
    let protector = configured(&surroundings.into(), Kind::Rsa, "office", Given::Nothing).unwrap();
    let root = RootKey::fill_with(|key| key.fill(0x66));
    let fill = &mut strongroom_crypto::random::fill;
    let planted = protector.wrap(&root, record.protector_id, fill, record.created_at).unwrap();
    let generation = Generation::new(2, 0);
    let (stored, _) = protector::encode(&planted, &mac_key(&root), key, generation).unwrap();
    rows.put(&key.to_bytes(), &stored);
}

/// B18 for the root key.
#[tokio::test]
async fn a_planted_key_is_an_alarm_and_opens_nothing() {
    let Some(equipped) = Equipped::new("protectors::hostile::a_planted_key_is_an_alarm_and_opens_nothing") else {
        return;
    };
    let site = &equipped.site;
    let keeper = site.start();
    put(&keeper, "a", b"kept").await.unwrap();
    keeper.protector_add(admin(), ProtectorSpec::Rsa("office".into())).await.unwrap();
    keeper.stop();
    drop(keeper);
    plant(site);

    let (keeper, report) = site.open().unwrap();
    assert_eq!(report.locked, None);
    let rsa = report.protectors.iter().find(|view| view.kind == "rsa").unwrap();
    assert_eq!(rsa.state, ProtectorState::Tampered);
    assert!(report.alarms.iter().any(|alarm| alarm.code == "protector_tampered"));
    assert_eq!(value(&keeper, "a").await, b"kept");
    // A forged record does not say what a new one is made with.
    let refused = keeper.protector_replace(admin(), rsa.id.to_string(), None).await;
    assert_eq!(fault(refused), ProtectorFault::DoesNotOpen);
    keeper.protector_drop(admin(), rsa.id.to_string(), false).await.unwrap();
    keeper.protector_add(admin(), ProtectorSpec::Rsa("office".into())).await.unwrap();
    keeper.stop();
    drop(keeper);

    // Alone it makes the server neither take the attacker's key nor forget the true one.
    plant(site);
    let before = site.image_of(&["account", "machine"]);
    remove_secret_files(site);
    let (keeper, report) = site.open().unwrap();
    assert_eq!(report.locked, Some(LockReason::ForeignRoot));
    drop(keeper);
    site.restore(&before, &["account", "machine"]);
    let (keeper, report) = site.open().unwrap();
    assert_eq!(report.locked, None);
    assert_eq!(value(&keeper, "a").await, b"kept");
}

/// Without an anchor nothing says which root key is right but a protector whose secret nobody else has.
#[tokio::test]
async fn a_certificate_alone_does_not_vouch_for_a_root_key() {
    let Some(mut equipped) = Equipped::new("protectors::hostile::a_certificate_alone_does_not_vouch_for_a_root_key")
    else {
        return;
    };
    let keeper = equipped.site.start();
    put(&keeper, "a", b"kept").await.unwrap();
    keeper.protector_add(admin(), ProtectorSpec::Rsa("office".into())).await.unwrap();
    drop_the_first_two(&keeper).await;
    keeper.stop();
    drop(keeper);
    let with_anchor = equipped.site.image_of(&["anchor"]);
    std::fs::remove_dir_all(equipped.site.path("anchor")).unwrap();
    let (keeper, report) = equipped.site.open().unwrap();
    assert_eq!(report.locked, Some(LockReason::ForeignRoot));
    assert!(report.explanation.unwrap().contains("anchor accept"));
    drop(keeper);

    equipped.site.restore(&with_anchor, &["anchor"]);
    let (keeper, report) = equipped.site.open().unwrap();
    assert_eq!(report.locked, None);
    assert_eq!(value(&keeper, "a").await, b"kept");
    // What another name than the configured one opens is not looked for anywhere.
    let settings = equipped.site.configuration.rsa.remove("office").unwrap();
    equipped.site.configuration.rsa.insert("home".into(), settings);
    keeper.stop();
    drop(keeper);
    let refused = equipped.site.open().err().unwrap().to_string();
    assert!(refused.contains("[protector.rsa.office] is not configured here"), "{refused}");
    assert!(refused.contains("add [protector.rsa.office]"), "{refused}");
}

/// Every byte of a record is under the root key's MAC, the blob and the name in it included.
#[tokio::test]
async fn changed_records_are_tampered_with_not_broken() {
    let Some(equipped) = Equipped::new("protectors::hostile::changed_records_are_tampered_with_not_broken") else {
        return;
    };
    let site = &equipped.site;
    let keeper = site.start();
    keeper.protector_add(admin(), ProtectorSpec::Rsa("office".into())).await.unwrap();
    keeper.stop();
    drop(keeper);
    let rows = Rows::open(site);
    let (key, record) = rsa_record(&rows);
    let right = rows.get(&key.to_bytes()).unwrap();
    drop(rows);
    let blob = right.windows(record.blob.len()).position(|window| window == record.blob).unwrap();
    // Field 9, a text of six bytes, then field 10 with the length of the blob in two bytes.
    let parameter = blob - 4 - 6;
    assert_eq!(right[parameter..parameter + 6], *b"office");
    let image = site.image();
    for offset in [parameter, blob + 3, blob + 60, blob + record.blob.len() - 1] {
        let rows = Rows::open(site);
        rows.put_all(&[crate::rows::flipped(&(key.to_bytes().to_vec(), right.clone()), offset, 1)]);
        drop(rows);
        let (keeper, report) = site.open().unwrap();
        assert_eq!((report.locked, report.healed.len()), (None, 0), "{offset}");
        let tampered = report.protectors.iter().filter(|view| view.state == ProtectorState::Tampered).count();
        assert_eq!(tampered, 1, "{offset}");
        keeper.stop();
        drop(keeper);
        site.restore(&image, &crate::site::FOLDERS);
    }
}
