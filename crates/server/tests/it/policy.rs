//! Who may do what: every role on every route, compared with the one function that decides.

use strongroom_api::OPERATIONS;
use strongroom_api::token::Role as WireRole;
use strongroom_engine::policy::{Action, Channel, Decision, Identity, Object, Principal, Role, decide};
use strongroom_envelope::Id;

use crate::raw::{exchange, post, socket, tls};
use crate::site::Site;

#[test]
fn the_table_is_the_list_of_actions() {
    let table: Vec<_> = OPERATIONS.iter().map(|operation| operation.word).collect();
    let actions: Vec<_> = Action::ALL.iter().map(|action| action.word()).collect();
    assert_eq!(table, actions);
}

#[tokio::test]
async fn every_role_on_every_route_over_tls() {
    let site = Site::new().await;
    let mut stream = tls(&site).await;
    let mut denied = 0;
    for (wire, role) in [(WireRole::Read, Role::Read), (WireRole::Data, Role::Data), (WireRole::Admin, Role::Admin)] {
        let authorization = format!("Bearer {}", site.token(wire).await);
        for operation in OPERATIONS {
            let body = (operation.request_example)().to_string();
            let request = post(&operation.path(), &[("authorization", &authorization)], body.as_bytes());
            let reply = exchange(&mut stream, &request).await;
            let action = Action::from_word(operation.word).unwrap();
            let identity = Identity::Token { id: Id::NIL };
            let principal = Principal { identity, role: Some(role), channel: Channel::Network };
            let expected = matches!(decide(&principal, action, Object::System), Decision::Deny(_));
            let was_denied = reply.status == 403 && reply.code() == "denied";
            assert_eq!(was_denied, expected, "{} {}: {}", role.word(), operation.word, reply.body.escape_ascii());
            denied += u32::from(was_denied);
            assert!(!reply.headers["x-request-id"].is_empty());
        }
    }
    // Of 26: read gets 3 of secrets and the status; data gets 4 of secrets more; admin all but the 8 of the local socket.
    assert_eq!(denied, 22 + 18 + 8);
    site.stop().await;
}

#[tokio::test]
async fn the_administrator_on_the_socket_may_do_everything() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    for operation in OPERATIONS.iter().filter(|operation| operation.word != "lock") {
        let body = (operation.request_example)().to_string();
        let reply = exchange(&mut stream, &post(&operation.path(), &[], body.as_bytes())).await;
        assert!(reply.status == 200 || reply.code() != "denied", "{}: {}", operation.word, reply.json());
    }
    site.stop().await;
}

/// A caller on the socket that shows a token is judged by it, not by the account it runs under.
#[tokio::test]
async fn a_token_on_the_socket_counts() {
    let site = Site::new().await;
    let authorization = format!("Bearer {}", site.token(WireRole::Read).await);
    let mut stream = socket(&site.folders.data()).await;
    let request = post("/api/v1/token/list", &[("authorization", &authorization)], b"{}");
    assert_eq!(exchange(&mut stream, &request).await.code(), "denied");
    let request = post("/api/v1/token/list", &[("authorization", "Bearer nonsense")], b"{}");
    assert_eq!(exchange(&mut stream, &request).await.code(), "unauthenticated");
    assert_eq!(exchange(&mut stream, &post("/api/v1/token/list", &[], b"{}")).await.status, 200);
    site.stop().await;
}
