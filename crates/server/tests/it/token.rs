//! Tokens over the wire: issued, used, listed, revoked; and what happens without a valid one.

use strongroom_api::Code;
use strongroom_api::status::StatusRequest;
use strongroom_api::token::{IssueRequest, ListRequest, RevokeRequest, Role};
use strongroom_server::Limits;

use crate::raw::{exchange, post, tls};
use crate::site::Site;

#[tokio::test]
async fn issued_used_listed_revoked() {
    let site = Site::new().await;
    let local = site.local().await;
    let issue = IssueRequest { role: Role::Read, expires_in_seconds: 3600, description: Some("nightly".to_owned()) };
    let issued = local.call(&issue).await.unwrap();
    let text = issued.token.into_token();
    assert!(text.expose().starts_with("srt_"));

    let remote = site.remote(text.expose()).await.unwrap();
    remote.call(&StatusRequest {}).await.unwrap();

    let listed = local.call(&ListRequest::default()).await.unwrap();
    let [entry] = listed.tokens.as_slice() else { panic!("{listed:?}") };
    assert_eq!((&entry.id, entry.role.as_str(), entry.expired), (&issued.id, "read", false));
    assert_eq!(
        (entry.expires_at.as_str(), entry.description.as_deref()),
        (issued.expires_at.as_str(), Some("nightly"))
    );
    assert!(entry.issued_by.starts_with("uid:"));

    local.call(&RevokeRequest { id: issued.id.clone() }).await.unwrap();
    // On the connection that is open already, at once.
    let refused = remote.call(&StatusRequest {}).await.unwrap_err();
    assert_eq!((refused.code(), refused.exit_code()), (Some(Code::Unauthenticated), 4));
    assert!(local.call(&ListRequest::default()).await.unwrap().tokens.is_empty());
    let unknown = local.call(&RevokeRequest { id: issued.id }).await.unwrap_err();
    assert_eq!(unknown.code(), Some(Code::NotFound));
    let no_id = local.call(&RevokeRequest { id: "nightly".to_owned() }).await.unwrap_err();
    assert_eq!(no_id.code(), Some(Code::Invalid));
    site.stop().await;
}

#[tokio::test]
async fn lifetimes_have_limits() {
    let site = Site::new().await;
    let local = site.local().await;
    for seconds in [0, 59, 366 * 24 * 3600 + 1, u64::MAX] {
        let issue = IssueRequest { role: Role::Admin, expires_in_seconds: seconds, description: None };
        assert_eq!(local.call(&issue).await.unwrap_err().code(), Some(Code::Invalid), "{seconds}");
    }
    site.stop().await;
}

/// Every shape of credentials that is not a valid token gets the same answer, and a line in the trail.
#[tokio::test]
async fn every_invalid_token_is_refused_alike() {
    let site = Site::with(Limits { failed_tokens: 1000, ..Limits::default() }).await;
    let valid = site.token(Role::Admin).await;
    let mut other = valid.clone();
    let last = other.pop().unwrap();
    other.push(if last == 'A' { 'B' } else { 'A' });
    let path = "/api/v1/status";
    let headers = [
        vec![],
        vec![("authorization", "Bearer")],
        vec![("authorization", "Bearer ")],
        vec![("authorization", "Bearer srt_")],
        vec![("authorization", valid.as_str())],
        vec![("authorization", "Basic dXNlcjpwYXNz")],
    ];
    let (appended, shortened) = (format!("Bearer {valid}x"), format!("Bearer {}", &valid[..valid.len() - 1]));
    let (changed, upper) = (format!("Bearer {other}"), format!("Bearer {}", valid.to_uppercase()));
    let good = format!("Bearer {valid}");
    let more = [
        vec![("authorization", appended.as_str())],
        vec![("authorization", shortened.as_str())],
        vec![("authorization", changed.as_str())],
        vec![("authorization", upper.as_str())],
        vec![("authorization", good.as_str()), ("authorization", changed.as_str())],
    ];
    for headers in headers.into_iter().chain(more) {
        let reply = exchange(&mut tls(&site).await, &post(path, &headers, b"{}")).await;
        assert_eq!((reply.status, reply.code().as_str()), (401, "unauthenticated"), "{headers:?}");
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
        let [line] = site.trail(reply.request_id()).await.try_into().unwrap();
        assert_eq!((&line["operation"], &line["outcome"]), (&"status".into(), &"unauthenticated".into()), "{line}");
    }
    let reply = exchange(&mut tls(&site).await, &post(path, &[("authorization", good.as_str())], b"{}")).await;
    assert_eq!(reply.status, 200);
    site.stop().await;
}
