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
    let weak = client
        .call(&AddRequest { password_base64: password("short"), ..AddRequest::of(Kind::Password) })
        .await
        .unwrap_err();
    assert_eq!((weak.code(), weak.exit_code()), (Some(Code::PasswordTooWeak), 2));
    let missing =
        client.call(&AddRequest { password_base64: None, ..AddRequest::of(Kind::Password) }).await.unwrap_err();
    assert_eq!(missing.code(), Some(Code::Invalid));
    let surplus =
        client.call(&AddRequest { password_base64: password("x"), ..AddRequest::of(Kind::Machine) }).await.unwrap_err();
    assert_eq!(surplus.code(), Some(Code::Invalid));

    let words = "four plain words here";
    let added = client
        .call(&AddRequest { password_base64: password(words), ..AddRequest::of(Kind::Password) })
        .await
        .unwrap()
        .protector;
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
    assert_eq!(replaced.protector.kind, "account");
    site.stop().await;
}

/// A kind takes exactly what it needs; the shares come with the answer, this once.
#[tokio::test]
async fn shares_are_handed_out_once_and_open() {
    let site = Site::new().await;
    let client = site.local().await;
    let refused = [
        AddRequest { shares: Some(3), ..AddRequest::of(Kind::Shares) },
        AddRequest { shares: Some(3), threshold: Some(2), name: Some("x".into()), ..AddRequest::of(Kind::Shares) },
        AddRequest::of(Kind::Rsa),
        AddRequest { name: Some("hsm1".into()), token: Some("T".into()), ..AddRequest::of(Kind::Pkcs11) },
        AddRequest { name: Some("vault".into()), label: Some("x".into()), ..AddRequest::of(Kind::Plugin) },
        AddRequest { threshold: Some(2), ..AddRequest::of(Kind::Account) },
    ];
    for request in refused {
        assert_eq!(client.call(&request).await.unwrap_err().code(), Some(Code::Invalid), "{request:?}");
    }
    let unconfigured = AddRequest { name: Some("office".into()), ..AddRequest::of(Kind::Rsa) };
    let unconfigured = client.call(&unconfigured).await.unwrap_err();
    assert_eq!((unconfigured.code(), unconfigured.exit_code()), (Some(Code::ProtectorNotFound), 3));
    assert!(unconfigured.to_string().contains("[protector.rsa.office] is not configured here"), "{unconfigured}");

    let add = AddRequest { shares: Some(3), threshold: Some(2), ..AddRequest::of(Kind::Shares) };
    let made = client.call(&add).await.unwrap();
    assert_eq!((made.protector.kind.as_str(), made.shares_base64.len()), ("shares", 3));
    assert_eq!((made.protector.bound_to["shares"].as_str(), made.protector.attended), ("2 of 3", true));
    let shares: Vec<SecretBytes> = made.shares_base64.into_iter().map(WireSecret::into_secret).collect();
    let prove = |which: &[usize]| {
        let lines: Vec<&[u8]> = which.iter().map(|at| shares[*at].expose()).collect();
        let password_base64 = Some(WireSecret::new(SecretBytes::from_slice(&lines.join(&b'\n'))));
        ProveRequest { protector: "shares".to_owned(), password_base64 }
    };
    assert_eq!(client.call(&prove(&[2, 0])).await.unwrap().state, "proven");
    let few = client.call(&prove(&[1])).await.unwrap_err();
    assert_eq!((few.code(), few.exit_code()), (Some(Code::ProtectorDoesNotOpen), 4));
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
