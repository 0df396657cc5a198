//! Who may do what: every role on every route, compared with the one function that decides.

use strongroom_api::OPERATIONS;
use strongroom_api::token::Role as WireRole;
use strongroom_engine::policy::{Action, Channel, Decision, Identity, Object, Principal, Role, decide};
use strongroom_envelope::Id;

use crate::raw::{exchange, post, socket, tls};
use crate::site::Site;

/// What the server does by itself, and what is a permission within an operation.
const NO_OPERATION: [&str; 2] = ["key.reencrypt", "key.decrypt.compromised"];
/// What every role may do.
const READ: [&str; 7] =
    ["secret.get", "secret.show", "secret.list", "setting.get", "setting.list", "key.random", "status"];
/// What the role `data` may do beside it.
const DATA: [&str; 25] = [
    "secret.put",
    "secret.rename",
    "secret.delete",
    "secret.undelete",
    "setting.set",
    "setting.delete",
    "key.show",
    "key.list",
    "key.encrypt",
    "key.decrypt",
    "key.datakey",
    "key.rewrap",
    "key.mac",
    "key.sign",
    "key.verify",
    "column.unwrap",
    "tx.begin",
    "tx.step",
    "tx.state",
    "tx.commit",
    "tx.rollback",
    "tx.undone",
    "tx.show",
    "tx.get",
    "tx.list",
];
/// What not even an administrator may do from afar.
const LOCAL: [&str; 11] = [
    "key.protect",
    "key.unlock",
    "key.change_password",
    "protector.add",
    "protector.drop",
    "protector.prove",
    "protector.replace",
    "unlock",
    "lock",
    "quarantine.release",
    "upgrade.accept",
];

/// What only the account does that a credential belongs to, and nobody by a role.
const OWN: [&str; 2] = ["credential.get", "credential.enroll"];

#[test]
fn the_table_is_the_list_of_actions() {
    let table: Vec<_> = OPERATIONS.iter().map(|operation| operation.word).collect();
    let actions = Action::ALL.iter().map(|action| action.word());
    let actions: Vec<_> = actions.filter(|word| !NO_OPERATION.contains(word)).collect();
    assert_eq!(table, actions);
}

/// What a proxy may.
const COLUMNS: [&str; 3] = ["status", "key.random", "column.unwrap"];

/// Whether a role may do it over the network, as the lists above have it.
fn listed(role: Role, word: &str) -> bool {
    match role {
        Role::Read => READ.contains(&word),
        Role::Data => READ.contains(&word) || DATA.contains(&word),
        Role::Columns => COLUMNS.contains(&word),
        Role::Admin => !LOCAL.contains(&word) && !OWN.contains(&word),
    }
}

#[tokio::test]
async fn every_role_on_every_route_over_tls() {
    let site = Site::new().await;
    let mut stream = tls(&site).await;
    let mut denied = 0;
    let roles = [
        (WireRole::Read, Role::Read),
        (WireRole::Data, Role::Data),
        (WireRole::Columns, Role::Columns),
        (WireRole::Admin, Role::Admin),
    ];
    for (wire, role) in roles {
        let authorization = format!("Bearer {}", site.token(wire).await);
        for operation in OPERATIONS {
            let body = (operation.request_example)().to_string();
            let request = post(&operation.path(), &[("authorization", &authorization)], body.as_bytes());
            let reply = exchange(&mut stream, &request).await;
            let action = Action::from_word(operation.word).unwrap();
            let identity = Identity::Token { id: Id::NIL };
            let principal = Principal { identity, role: Some(role), channel: Channel::Network };
            let expected = matches!(decide(&principal, action, Object::System), Decision::Deny(_));
            assert_eq!(!listed(role, operation.word), expected, "{} {}", role.word(), operation.word);
            let was_denied = reply.status == 403 && reply.code() == "denied";
            assert_eq!(was_denied, expected, "{} {}: {}", role.word(), operation.word, reply.body.escape_ascii());
            denied += usize::from(was_denied);
            assert!(!reply.headers["x-request-id"].is_empty());
        }
    }
    let known = |words: &[&str]| OPERATIONS.iter().filter(|operation| words.contains(&operation.word)).count();
    let (all, read, data) = (OPERATIONS.len(), known(&READ), known(&DATA));
    let columns = all - known(&COLUMNS);
    assert_eq!(denied, (all - read) + (all - read - data) + columns + known(&LOCAL) + known(&OWN));
    site.stop().await;
}

#[tokio::test]
async fn the_administrator_on_the_socket_may_do_everything_but_what_belongs_to_accounts() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    for operation in OPERATIONS.iter().filter(|operation| operation.word != "lock") {
        let body = (operation.request_example)().to_string();
        let reply = exchange(&mut stream, &post(&operation.path(), &[], body.as_bytes())).await;
        let denied = reply.status != 200 && reply.code() == "denied";
        assert_eq!(denied, OWN.contains(&operation.word), "{}: {}", operation.word, reply.json());
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
