//! The life of one request: limited, authenticated, measured, parsed, carried out, answered.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::response::Response;
use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::http::request::Parts;
use hyper::{StatusCode, Version};
use strongroom_api::{Code, ErrorBody, ErrorDetail, IDEMPOTENCY_KEY, REQUEST_ID, json};
use strongroom_crypto::hash::sha256;
use strongroom_engine::policy::Principal;
use strongroom_envelope::Id;
use strongroom_keeper::facade::{Caller, RetryKey};
use strongroom_secret::SecretBytes;
use tokio::time::timeout;

use crate::authenticate::{authenticate, nobody};
use crate::body;
use crate::lockout::owners as lockout;
use crate::metrics::UNKNOWN;
use crate::peer::Peer;
use crate::refused::{Failed, Refused};
use crate::routes::Route;
use crate::shell::Shell;

/// No reply may be kept by anything on the way.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static(REQUEST_ID);
const IDEMPOTENCY_KEY_HEADER: HeaderName = HeaderName::from_static(IDEMPOTENCY_KEY);

/// Carries out one operation; `row` is its place in the table.
pub(crate) async fn operation<R: Route>(shell: &Shell, row: usize, request: HttpRequest) -> Response {
    let (parts, mut body) = request.into_parts();
    let peer = peer_of(&parts);
    let request_id = peer.next_request_id();
    let result = carry_out::<R>(shell, &peer, request_id, &parts.headers, &mut body).await;
    let outcome = result.as_ref().err().map(|refused| refused.code);
    shell.metrics.count(row, outcome);
    lockout::note(shell, &peer, R::OPERATION.word, outcome);
    let is_over = result.is_err() && !body::discard(&parts.headers, &mut body).await;
    finished(reply(result, request_id), &parts, is_over)
}

/// Answers a path or method that has no operation.
pub(crate) async fn no_operation(shell: &Shell, row: usize, request: HttpRequest, refused: Refused) -> Response {
    let (parts, mut body) = request.into_parts();
    let peer = peer_of(&parts);
    let request_id = peer.next_request_id();
    let is_asked = parts.uri.path().starts_with("/api/") || parts.headers.contains_key(hyper::header::AUTHORIZATION);
    let refused =
        if is_asked { refuse_known(shell, &peer, request_id, &parts.headers, refused).await } else { refused };
    shell.metrics.count(row, Some(refused.code));
    lockout::note(shell, &peer, UNKNOWN, Some(refused.code));
    let is_over = !body::discard(&parts.headers, &mut body).await;
    finished(reply(Err(refused), request_id), &parts, is_over)
}

/// Says that the connection ends with this reply, when it does (RFC 9112 §9.6); HTTP/2 says it in another way.
fn finished(mut response: Response, parts: &Parts, is_over: bool) -> Response {
    if is_over && parts.version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Every connection hands itself to its requests.
fn peer_of(parts: &Parts) -> Arc<Peer> {
    let peer = parts.extensions.get::<Arc<Peer>>();
    Arc::clone(peer.expect("the connection puts itself into every request it hands on"))
}

async fn carry_out<R: Route>(
    shell: &Shell,
    peer: &Peer,
    request_id: Id,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<SecretBytes, Refused> {
    let _slot = shell.slots.try_acquire().map_err(|_| Refused::new(Code::Busy, "too many requests are worked on"))?;
    let operation = R::OPERATION.word;
    let principal = known(shell, peer, request_id, headers, operation).await?;
    let caller = |principal, retry| Caller { principal, remote: peer.remote_text().to_owned(), request_id, retry };

    let parsed = async {
        let most = if peer.account_uid().is_some() { ACCOUNT_BODY_BYTES } else { shell.limits.body_bytes };
        let mut body = body::read(headers, body, most, shell.limits.body_timeout).await?;
        let retry = if R::OPERATION.changes { retry_key(headers, &body)? } else { None };
        let request: R =
            json::read(&mut body).map_err(|malformed| Refused::new(Code::Malformed, malformed.to_string()))?;
        Ok((request, retry))
    };
    let (request, retry) = match parsed.await {
        Ok(parsed) => parsed,
        Err(refused) => return Err(recorded(shell, caller(principal, None), operation, refused).await),
    };
    let done = match timeout(shell.limits.request_timeout, request.run(shell, caller(principal.clone(), retry))).await {
        Err(_) => return Err(Refused::new(Code::TimedOut, "the operation took too long")),
        Ok(done) => done,
    };
    match done {
        Ok(reply) => json::write(&reply).map_err(|_| Refused::new(Code::Internal, "the reply cannot be written")),
        Err(Failed::Keeper(failure)) => {
            let refused = Refused::from(&failure);
            let fix = R::DENIED_FIX.filter(|_| refused.code == Code::Denied).map(str::to_owned);
            Err(Refused { fix: fix.or(refused.fix), ..refused })
        }
        Err(Failed::Request(refusal)) => {
            Err(recorded(shell, caller(principal, None), operation, Refused::from(&refusal)).await)
        }
        Err(Failed::Shell(refused)) => Err(recorded(shell, caller(principal, None), operation, refused).await),
    }
}

/// The most bytes of a body on the socket for accounts: a name, a public key and a proof.
const ACCOUNT_BODY_BYTES: usize = 16 * 1024;

async fn known(
    shell: &Shell,
    peer: &Peer,
    request_id: Id,
    headers: &HeaderMap,
    operation: &str,
) -> Result<Principal, Refused> {
    if let Some(refused) = lockout::of_owners(shell, peer, operation) {
        return Err(refused);
    }
    let stranger = match authenticate(shell, peer, headers, operation) {
        Ok(principal) => return Ok(principal),
        Err(stranger) => stranger,
    };
    if !stranger.recorded {
        return Err(stranger.refused);
    }
    let caller = Caller { principal: nobody(peer), remote: peer.remote_text().to_owned(), request_id, retry: None };
    Err(recorded(shell, caller, operation, stranger.refused).await)
}

async fn refuse_known(shell: &Shell, peer: &Peer, request_id: Id, headers: &HeaderMap, refused: Refused) -> Refused {
    match known(shell, peer, request_id, headers, UNKNOWN).await {
        Err(refused) => refused,
        Ok(principal) => {
            let caller = Caller { principal, remote: peer.remote_text().to_owned(), request_id, retry: None };
            recorded(shell, caller, UNKNOWN, refused).await
        }
    }
}

/// Writes a refusal to the trail before it is answered. The target stays empty: what could not be read may be anything.
async fn recorded(shell: &Shell, caller: Caller, operation: &str, refused: Refused) -> Refused {
    match shell.keeper.refused(caller, operation, "", refused.code.word()).await {
        Ok(()) => refused,
        Err(failure) => Refused::from(&failure),
    }
}

fn retry_key(headers: &HeaderMap, body: &SecretBytes) -> Result<Option<RetryKey>, Refused> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY_HEADER).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let usable = |key: &&[u8]| (1..=128).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    let key = Some(key.as_bytes()).filter(usable).and_then(|key| str::from_utf8(key).ok());
    match (key, given.next()) {
        (Some(key), None) => Ok(Some(RetryKey { key: key.to_owned(), body_sha256: sha256(&[body.expose()]) })),
        (Some(_) | None, _) => Err(Refused::new(
            Code::Invalid,
            "Idempotency-Key: give one, of 1 to 128 printable ASCII characters without spaces",
        )),
    }
}

/// A body that is wiped when the connection has sent it.
struct WipedBody(SecretBytes);

impl AsRef<[u8]> for WipedBody {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

fn reply(result: Result<SecretBytes, Refused>, request_id: Id) -> Response {
    let request_id = request_id.to_string();
    let (status, body, refused) = match result {
        Ok(body) => (StatusCode::OK, body, None),
        Err(refused) => {
            let status = StatusCode::from_u16(refused.code.status()).expect("the table holds statuses");
            (status, error_body(&refused, &request_id), Some(refused))
        }
    };
    let mut response = Response::new(Body::from(Bytes::from_owner(WipedBody(body))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(REQUEST_ID_HEADER, HeaderValue::from_str(&request_id).expect("an id is digits and dashes"));
    if let Some(refused) = refused {
        if refused.code == Code::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = refused.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    response
}

fn error_body(refused: &Refused, request_id: &str) -> SecretBytes {
    let (message, fix) = (refused.message.clone().into_owned(), refused.fix().to_owned());
    let error = ErrorDetail { code: refused.code, message, fix, request_id: request_id.to_owned() };
    json::write(&ErrorBody { error }).expect("an error is words and text")
}
