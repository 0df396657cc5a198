//! Health and metrics: without a token, without names.

use strongroom_secret::SecretBytes;

use crate::raw::{exchange, request, tls};
use crate::site::Site;

#[tokio::test]
async fn health_and_metrics_need_no_token_and_tell_no_names() {
    let site = Site::new().await;
    let client = site.local().await;
    client.secret_put("ftp/acme", SecretBytes::from_slice(b"x")).await.unwrap();
    client.secret_get("ftp/acme").await.unwrap();
    client.secret_get("ftp/other").await.unwrap_err();

    let mut stream = tls(&site).await;
    let live = exchange(&mut stream, &request("GET", "/health/live", &[], b"")).await;
    assert_eq!((live.status, live.json()), (200, serde_json::json!({ "status": "live" })));
    let ready = exchange(&mut stream, &request("GET", "/health/ready", &[], b"")).await;
    assert_eq!((ready.status, ready.json()), (200, serde_json::json!({ "status": "ready" })));
    assert_eq!(ready.headers["cache-control"], "no-store");

    let metrics = exchange(&mut stream, &request("GET", "/metrics", &[], b"")).await;
    assert_eq!(metrics.status, 200);
    let text = String::from_utf8(metrics.body).unwrap();
    for line in [
        "strongroom_requests_total{operation=\"secret.put\",outcome=\"ok\"} 1",
        "strongroom_requests_total{operation=\"secret.get\",outcome=\"ok\"} 1",
        "strongroom_requests_total{operation=\"secret.get\",outcome=\"not_found\"} 1",
        "strongroom_unlocked 1",
        "strongroom_secrets 1",
        "strongroom_quarantined 0",
        "strongroom_connections{door=\"tcp\"} 1",
        "strongroom_alarm{code=\"no_offline_protector\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in:\n{text}");
    }
    assert!(!text.contains("acme") && !text.contains("other"), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("strongroom_") && value.parse::<f64>().is_ok(), "{line}");
    }
    site.stop().await;
}
