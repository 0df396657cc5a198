//! Five invalid tokens from one address lock it out; connections that have shown a valid one go on.

use strongroom_api::Code;
use strongroom_api::status::StatusRequest;
use strongroom_api::token::Role;

use crate::raw::{exchange, post, tls};
use crate::site::Site;

#[tokio::test]
async fn the_sixth_try_is_not_looked_at() {
    let site = Site::new().await;
    let token = site.token(Role::Read).await;
    let before = site.remote(&token).await.unwrap();
    before.call(&StatusRequest {}).await.unwrap();

    let wrong = post("/api/v1/status", &[("authorization", "Bearer srt_wrong")], b"{}");
    for _ in 0..5 {
        assert_eq!(exchange(&mut tls(&site).await, &wrong).await.status, 401);
    }
    let locked_out = exchange(&mut tls(&site).await, &wrong).await;
    assert_eq!((locked_out.status, locked_out.code().as_str()), (429, "too_many_attempts"));
    let seconds: u64 = locked_out.headers["retry-after"].parse().unwrap();
    assert!((890..=900).contains(&seconds), "{seconds}");
    // What a locked-out address sends is counted, but cannot fill the trail.
    assert!(site.trail(locked_out.request_id()).await.is_empty());

    let new = site.remote(&token).await.unwrap();
    let refused = new.call(&StatusRequest {}).await.unwrap_err();
    assert_eq!((refused.code(), refused.exit_code()), (Some(Code::TooManyAttempts), 4));
    before.call(&StatusRequest {}).await.unwrap();
    site.local().await.call(&StatusRequest {}).await.unwrap();
    site.stop().await;
}

#[tokio::test]
async fn a_valid_token_forgives_earlier_slips() {
    let site = Site::new().await;
    let token = site.token(Role::Read).await;
    let wrong = post("/api/v1/status", &[("authorization", "Bearer srt_wrong")], b"{}");
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(exchange(&mut tls(&site).await, &wrong).await.status, 401);
        }
        site.remote(&token).await.unwrap().call(&StatusRequest {}).await.unwrap();
    }
    site.stop().await;
}
