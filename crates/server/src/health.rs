//! `/health/live`, `/health/ready` and `/metrics`: for outside monitors, without a token, without a line in the trail.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use strongroom_api::health::{Condition, Health, Hindrance};
use strongroom_api::json;
use strongroom_keeper::facade::Status;

use crate::exchange::NO_STORE;
use crate::metrics;
use crate::shell::Shell;

/// Whether the process answers at all.
pub(crate) fn live() -> MethodRouter {
    get(|| async { answer(StatusCode::OK, &Health { status: Condition::Live, reasons: Vec::new(), unprotected: 0 }) })
}

/// Whether the service can be used.
pub(crate) fn ready(shell: &Arc<Shell>) -> MethodRouter {
    let shell = Arc::clone(shell);
    get(move || async move {
        let status = shell.keeper.status();
        let (reasons, unprotected) = (hindrances(&shell, &status), status.unprotected);
        if reasons.is_empty() {
            answer(StatusCode::OK, &Health { status: Condition::Ready, reasons, unprotected })
        } else {
            answer(StatusCode::SERVICE_UNAVAILABLE, &Health { status: Condition::NotReady, reasons, unprotected })
        }
    })
}

fn hindrances(shell: &Shell, status: &Status) -> Vec<Hindrance> {
    let locked = status.locked.is_some();
    let found = [
        (shell.stopping.load(Ordering::Relaxed), Hindrance::Stopping),
        (locked, Hindrance::Locked),
        (!status.auditing && !locked, Hindrance::AuditUnavailable),
        (!status.writable && !locked, Hindrance::NotWritable),
    ];
    found.into_iter().filter_map(|(is_so, hindrance)| is_so.then_some(hindrance)).collect()
}

/// Counters and gauges.
pub(crate) fn prometheus(shell: &Arc<Shell>) -> MethodRouter {
    let shell = Arc::clone(shell);
    get(move || async move {
        let mut response = Response::new(Body::from(metrics::text(&shell)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"));
        response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
        response
    })
}

fn answer(status: StatusCode, health: &Health) -> Response {
    let body = json::write(health).expect("words are JSON");
    let mut response = Response::new(Body::from(body.expose().to_vec()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}
