//! The router: the table of operations, the health paths, and nothing else.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request as HttpRequest;
use axum::routing::{MethodRouter, post};
use hyper::header::{ALLOW, HeaderValue};
use strongroom_api::credential::{EnrollRequest, GetRequest};
use strongroom_api::health::{LIVE_PATH, METRICS_PATH, READY_PATH};
use strongroom_api::{Code, OPERATIONS, Request as _};

use crate::exchange::{no_operation, operation};
use crate::health;
use crate::refused::Refused;
use crate::routes::Route;
use crate::shell::Shell;

/// Mounts the table. It compiles only when there is a route for each operation of the table, and no other can be mounted.
pub(crate) fn router(shell: &Arc<Shell>) -> Router {
    let mut router = Router::new();
    let mut row = 0;
    macro_rules! mount {
        ($($request:ty,)*) => {
            $(
                router = router.route(&<$request>::OPERATION.path(), method_router::<$request>(shell, row));
                row += 1;
            )*
        };
    }
    strongroom_api::for_each_request!(mount);
    assert_eq!(row, OPERATIONS.len(), "each operation is mounted");

    let unknown = Arc::clone(shell);
    router
        .route(LIVE_PATH, monitor_router(shell, health::live()))
        .route(READY_PATH, monitor_router(shell, health::ready(shell)))
        .route(METRICS_PATH, monitor_router(shell, health::prometheus(shell)))
        .fallback(move |request: HttpRequest| {
            let shell = Arc::clone(&unknown);
            let refused = Refused::new(Code::UnknownOperation, "there is no operation at this path");
            async move { no_operation(&shell, OPERATIONS.len(), request, refused).await }
        })
}

/// What accounts can ask for on their socket: their own credentials, and nothing else. No other operation is mounted there.
pub(crate) fn accounts_router(shell: &Arc<Shell>) -> Router {
    let unknown = Arc::clone(shell);
    mount::<GetRequest>(mount::<EnrollRequest>(Router::new(), shell), shell).fallback(move |request: HttpRequest| {
        let shell = Arc::clone(&unknown);
        let refused = Refused::new(Code::UnknownOperation, "there is no such operation on the socket for accounts");
        async move { no_operation(&shell, OPERATIONS.len(), request, refused).await }
    })
}

fn mount<R: Route>(router: Router, shell: &Arc<Shell>) -> Router {
    let row = OPERATIONS.iter().position(|operation| operation.word == R::OPERATION.word);
    router.route(&R::OPERATION.path(), method_router::<R>(shell, row.unwrap_or(OPERATIONS.len())))
}

fn method_router<R: Route>(shell: &Arc<Shell>, row: usize) -> MethodRouter {
    let asked = Arc::clone(shell);
    let route = post(move |request: HttpRequest| {
        let shell = Arc::clone(&asked);
        async move { operation::<R>(&shell, row, request).await }
    });
    only(route, shell, row, "POST", "operations are asked for with POST")
}

fn monitor_router(shell: &Arc<Shell>, route: MethodRouter) -> MethodRouter {
    only(route, shell, OPERATIONS.len(), "GET, HEAD", "monitors ask with GET")
}

/// Refuses all methods but those of the route.
fn only(
    route: MethodRouter,
    shell: &Arc<Shell>,
    row: usize,
    allow: &'static str,
    message: &'static str,
) -> MethodRouter {
    let shell = Arc::clone(shell);
    route.fallback(move |request: HttpRequest| {
        let shell = Arc::clone(&shell);
        async move {
            let refused = Refused::new(Code::MethodNotAllowed, message);
            let mut response = no_operation(&shell, row, request, refused).await;
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
            response
        }
    })
}
