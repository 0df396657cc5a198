//! Locked and unlocked: what is answered meanwhile, and who may change it.

use strongroom_api::lock::{LockRequest, UnlockRequest};
use strongroom_api::protector::{AddRequest, Kind};
use strongroom_api::status::{State, StatusRequest};
use strongroom_api::token::Role;
use strongroom_api::{Code, OPERATIONS, WireSecret};
use strongroom_secret::SecretBytes;

use crate::raw::{exchange, post, request, socket};
use crate::site::Site;

fn password(text: &str) -> WireSecret {
    WireSecret::new(SecretBytes::from_slice(text.as_bytes()))
}

#[tokio::test]
async fn locked_by_an_administrator_and_unlocked_by_a_password() {
    let site = Site::new().await;
    let client = site.local().await;
    let remote = site.remote(&site.token(Role::Data).await).await.unwrap();
    remote.secret_put("a", SecretBytes::from_slice(b"x")).await.unwrap();
    let add = AddRequest { password_base64: Some(password("four plain words here")), ..AddRequest::of(Kind::Password) };
    client.call(&add).await.unwrap();

    let locked = client.call(&LockRequest {}).await.unwrap();
    assert_eq!((locked.state, locked.reason.as_deref()), (State::Locked, Some("administrator")));
    locked_operations(&site).await;
    // A token cannot be recognised now, which is not its holder's fault.
    for _ in 0..10 {
        let refused = remote.secret_get("a").await.unwrap_err();
        assert_eq!((refused.code(), refused.exit_code()), (Some(Code::Locked), 6));
    }

    let unlock = |text| UnlockRequest { password_base64: password(text) };
    let wrong = client.call(&unlock("four wrong words here")).await.unwrap_err();
    assert_eq!((wrong.code(), wrong.exit_code()), (Some(Code::ProtectorDoesNotOpen), 4));
    assert_eq!(client.call(&StatusRequest {}).await.unwrap().state, State::Locked);
    assert_eq!(client.call(&unlock("four plain words here")).await.unwrap().state, State::Unlocked);
    assert_eq!(remote.secret_get("a").await.unwrap().value.expose(), b"x");
    site.stop().await;
}

async fn locked_operations(site: &Site) {
    let mut stream = socket(&site.folders.data()).await;
    for operation in OPERATIONS.iter().filter(|operation| operation.word != "unlock") {
        let body = (operation.request_example)().to_string();
        let reply = exchange(&mut stream, &post(&operation.path(), &[], body.as_bytes())).await;
        if operation.while_locked {
            assert_eq!(reply.status, 200, "{}: {}", operation.word, reply.json());
        } else {
            assert_eq!(reply.status, 503, "{}", operation.word);
            assert_eq!(reply.code(), "locked", "{}", operation.word);
        }
    }
    assert_eq!(exchange(&mut stream, &request("GET", "/health/live", &[], b"")).await.status, 200);
    let ready = exchange(&mut stream, &request("GET", "/health/ready", &[], b"")).await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json(), serde_json::json!({ "status": "not_ready", "reasons": ["locked"] }));
    let metrics = exchange(&mut stream, &request("GET", "/metrics", &[], b"")).await;
    assert!(String::from_utf8(metrics.body).unwrap().contains("\nstrongroom_unlocked 0\n"));
}
