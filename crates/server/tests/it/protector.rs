//! Protectors over the wire: list, add, prove, drop, replace.

use strongroom_api::protector::{AddRequest, DropRequest, Kind, ListRequest, ProveRequest, ReplaceRequest};
use strongroom_api::token::Role;
use strongroom_api::{Code, WireSecret};
use strongroom_secret::SecretBytes;

use crate::site::Site;

fn password(text: &str) -> Option<WireSecret> {
    Some(WireSecret::new(SecretBytes::from_slice(text.as_bytes())))
}

#[tokio::test]
async fn list_shows_the_wrapped_key_to_the_administrator() {
    let site = Site::new().await;
    let listed = site.local().await.call(&ListRequest {}).await.unwrap();
    let kinds: Vec<_> = listed.protectors.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds.len(), 2);
    assert!(kinds.contains(&"account") && kinds.contains(&"machine"));
    for entry in &listed.protectors {
        assert_eq!((entry.state.as_str(), entry.attended, entry.thumbprint.len()), ("proven", false, 64));
        assert!(!entry.bound_to.is_empty() && entry.last_proven_at.is_some());
        let wrapped = entry.wrapped.as_deref().unwrap();
        assert!(wrapped.len() > 64 && wrapped.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    site.stop().await;
}

#[tokio::test]
async fn added_proven_and_dropped() {
    let site = Site::new().await;
    let client = site.local().await;
    let weak = client.call(&AddRequest { password_base64: password("short"), ..AddRequest::of(Kind::Password) }).await.unwrap_err();
    assert_eq!((weak.code(), weak.exit_code()), (Some(Code::PasswordTooWeak), 2));
    let missing = client.call(&AddRequest { password_base64: None, ..AddRequest::of(Kind::Password) }).await.unwrap_err();
    assert_eq!(missing.code(), Some(Code::Invalid));
    let surplus = client.call(&AddRequest { password_base64: password("x"), ..AddRequest::of(Kind::Machine) }).await.unwrap_err();
    assert_eq!(surplus.code(), Some(Code::Invalid));

    let words = "four plain words here";
    let added = client.call(&AddRequest { password_base64: password(words), ..AddRequest::of(Kind::Password) }).await.unwrap();
    assert_eq!((added.kind.as_str(), added.attended, added.state.as_str()), ("password", true, "proven"));
    let prove = |text| ProveRequest { protector: "password".to_owned(), password_base64: password(text) };
    let wrong = client.call(&prove("four other words here")).await.unwrap_err();
    assert_eq!((wrong.code(), wrong.exit_code()), (Some(Code::ProtectorDoesNotOpen), 4));
    assert_eq!(client.call(&prove(words)).await.unwrap().id, added.id);

    let drop = |which: &str| DropRequest { protector: which.to_owned(), attended_start: false };
    assert_eq!(client.call(&drop("machine")).await.unwrap().kind, "machine");
    let last = client.call(&drop("account")).await.unwrap_err();
    assert_eq!((last.code(), last.exit_code()), (Some(Code::LastUnattendedProtector), 5));
    let unknown = client.call(&drop("machine")).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.exit_code()), (Some(Code::ProtectorNotFound), 3));
    let replaced =
        client.call(&ReplaceRequest { protector: "account".to_owned(), password_base64: None }).await.unwrap();
    assert_eq!(replaced.kind, "account");
    site.stop().await;
}

#[tokio::test]
async fn the_root_key_is_touched_over_the_socket_only() {
    let site = Site::new().await;
    let remote = site.remote(&site.token(Role::Admin).await).await.unwrap();
    let add = AddRequest { password_base64: password("four plain words here"), ..AddRequest::of(Kind::Password) };
    let refused = remote.call(&add).await.unwrap_err();
    assert_eq!((refused.code(), refused.exit_code()), (Some(Code::Denied), 4));
    assert!(refused.to_string().contains("local socket"), "{refused}");
    assert_eq!(remote.call(&ListRequest {}).await.unwrap().protectors.len(), 2);
    site.stop().await;
}
