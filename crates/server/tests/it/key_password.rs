//! Passwords of keys over the wire: what is said of a key that has one, how it is changed, what is refused, and that no password
//! stays anywhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use strongroom_api::key::{ChangePasswordRequest, Purpose};
use strongroom_api::token::Role;
use strongroom_api::{Code, WireSecret};
use strongroom_secret::SecretBytes;

use crate::key::{ask, create};
use crate::key_canary::{assert_absent, assert_absent_below, spellings};
use crate::raw::socket;
use crate::site::Site;

const FIRST: &str = "canary words that open";
const SECOND: &str = "canary words from now on";

fn change(current: &str, new: &str) -> Value {
    json!({"name": "k", "password_base64": STANDARD.encode(current), "new_password_base64": STANDARD.encode(new)})
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it_and_stays_nowhere() {
    let site = Site::new().await;
    create(&site.local().await, "k", Purpose::Values).await;
    let mut stream = socket(&site.folders.data()).await;
    let protect = json!({"name": "k", "with": "password", "password_base64": STANDARD.encode(FIRST)});
    let protected = ask(&mut stream, "key.protect", &protect).await;
    let key = &protected.json()["key"];
    assert_eq!((key["protector"].as_str(), key["recovery"].as_str()), (Some("password"), Some("root")));
    let cases = [
        (change(SECOND, FIRST), 403, "protector_does_not_open"),
        (change("", SECOND), 403, "protector_does_not_open"),
        (change(FIRST, "short"), 400, "password_too_weak"),
        (change(FIRST, ""), 400, "password_too_weak"),
        (json!({"name": "k", "password_base64": "=", "new_password_base64": "="}), 400, "malformed"),
        (json!({"name": "k", "password_base64": STANDARD.encode(FIRST)}), 400, "malformed"),
        (json!({"name": "k", "password": FIRST, "new_password": SECOND}), 400, "malformed"),
        (change(FIRST, SECOND), 200, "ok"),
        (change(FIRST, SECOND), 403, "protector_does_not_open"),
    ];
    let mut said = vec![protected.body];
    for (request, status, outcome) in cases {
        let reply = ask(&mut stream, "key.change_password", &request).await;
        assert_eq!(reply.status, status, "{outcome}: {}", String::from_utf8_lossy(&reply.body));
        let told = reply.json();
        if status == 200 {
            assert_eq!((told["name"].as_str(), told["recovery"].as_str()), (Some("k"), Some("root")));
            assert_eq!(site.trail(reply.request_id()).await[0]["outcome"], outcome);
        } else {
            assert_eq!(told["error"]["code"], outcome);
        }
        said.push(reply.body);
    }
    // Only a password can do without the second wrap.
    let root = ask(&mut stream, "key.protect", &json!({"name": "k", "with": "root", "password_only": true})).await;
    assert_eq!((root.status, root.json()["error"]["code"].as_str()), (400, Some("invalid")));
    let only =
        json!({"name": "k", "with": "password", "password_base64": STANDARD.encode(FIRST), "password_only": true});
    assert!(ask(&mut stream, "key.protect", &only).await.json()["key"]["recovery"].is_null());

    let canaries: Vec<Vec<u8>> = [FIRST, SECOND].iter().flat_map(|canary| spellings(canary.as_bytes())).collect();
    for body in &said {
        assert_absent(body, &canaries, "a reply");
    }
    assert!(assert_absent_below(site.folders.path("").as_path(), &canaries) > 4, "store, trail, anchor, secret files");
}

/// Not even an administrator does it from afar.
#[tokio::test]
async fn it_is_changed_on_this_machine_only() {
    let site = Site::new().await;
    create(&site.local().await, "k", Purpose::Values).await;
    let token = site.token(Role::Admin).await;
    let secret = |text: &str| WireSecret::new(SecretBytes::from_slice(text.as_bytes()));
    let (password_base64, new_password_base64) = (secret(FIRST), secret(SECOND));
    let request = ChangePasswordRequest { name: "k".into(), password_base64, new_password_base64 };
    let refused = site.remote(&token).await.unwrap().call(&request).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::Denied));
}
