//! Administration over the wire: status, doctor, verify, scrub, quarantine, audit, upgrade.

use strongroom_api::Code;
use strongroom_api::audit::SearchRequest;
use strongroom_api::doctor::DoctorRequest;
use strongroom_api::quarantine::{How, ListRequest, ReleaseRequest};
use strongroom_api::status::{State, StatusRequest};
use strongroom_api::store::{ScrubRequest, VerifyRequest};
use strongroom_api::upgrade::AcceptRequest;
use strongroom_secret::SecretBytes;

use crate::site::Site;

#[tokio::test]
async fn status_says_how_to_reach_the_server() {
    let site = Site::new().await;
    let client = site.local().await;
    client.secret_put("a", SecretBytes::from_slice(b"x")).await.unwrap();
    let status = client.call(&StatusRequest {}).await.unwrap();
    assert_eq!((status.state, status.secrets, status.quarantined, status.copies), (State::Unlocked, 1, 0, 1));
    assert!(status.writable && status.auditing && status.epoch > 0 && status.records > 1);
    assert_eq!(status.address.unwrap(), site.address().to_string());
    assert_eq!(status.spki_pin.unwrap(), site.pin().to_string());
    let written = std::fs::read_to_string(site.folders.data().join("address")).unwrap();
    assert_eq!(written.trim(), site.address().to_string());
    site.stop().await;
}

#[tokio::test]
async fn doctor_knows_that_no_protector_opens_elsewhere() {
    let site = Site::new().await;
    let found = site.local().await.call(&DoctorRequest {}).await.unwrap();
    let codes: Vec<_> = found.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert!(codes.contains(&"no_offline_protector"), "{codes:?}");
    assert!(found.findings.iter().all(|finding| !finding.message.is_empty() && !finding.fix.is_empty()));
    site.stop().await;
}

#[tokio::test]
async fn a_healthy_store() {
    let site = Site::new().await;
    let client = site.local().await;
    client.secret_put("a", SecretBytes::from_slice(b"x")).await.unwrap();
    let verified = client.call(&VerifyRequest {}).await.unwrap();
    assert!(verified.findings.is_empty() && verified.records >= 3, "{verified:?}");
    client.call(&ScrubRequest {}).await.unwrap();
    client.call(&AcceptRequest {}).await.unwrap();
    assert!(client.call(&ListRequest {}).await.unwrap().records.is_empty());
    for record in ["nonsense", "secret/01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f"] {
        let release = ReleaseRequest { record: record.to_owned(), how: How::Recheck };
        let refused = client.call(&release).await.unwrap_err();
        assert!(matches!(refused.code(), Some(Code::NotFound | Code::Invalid)), "{refused}");
    }
    site.stop().await;
}

#[tokio::test]
async fn the_trail_tells_who_read_what() {
    let site = Site::new().await;
    let client = site.local().await;
    client.secret_put("ftp/acme", SecretBytes::from_slice(b"x")).await.unwrap();
    client.secret_get("ftp/acme").await.unwrap();
    client.secret_get("ftp/other").await.unwrap_err();
    let search = SearchRequest { operation: Some("secret.get".to_owned()), ..SearchRequest::default() };
    let lines: Vec<serde_json::Value> =
        client.call(&search).await.unwrap().lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> =
        lines.iter().map(|line| (line["target"].as_str().unwrap(), line["outcome"].as_str().unwrap())).collect();
    assert_eq!(told, [("ftp/acme", "ok"), ("ftp/other", "not_found")]);
    assert!(
        lines.iter().all(|line| line["remote"] == "unix" && line["principal"].as_str().unwrap().starts_with("uid:"))
    );
    for (since, limit) in [(Some("yesterday"), None), (None, Some(0)), (None, Some(1001))] {
        let search = SearchRequest { since: since.map(str::to_owned), limit, ..SearchRequest::default() };
        assert_eq!(client.call(&search).await.unwrap_err().code(), Some(Code::Invalid));
    }
    site.stop().await;
}
