//! The router: the table of operations, the health paths, and nothing else.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request as HttpRequest;
use axum::routing::{MethodRouter, post};
use hyper::header::{ALLOW, HeaderValue};
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
        .route(LIVE_PATH, health::live())
        .route(READY_PATH, health::ready(shell))
        .route(METRICS_PATH, health::prometheus(shell))
        .fallback(move |request: HttpRequest| {
            let shell = Arc::clone(&unknown);
            let refused = Refused::new(Code::UnknownOperation, "there is no operation at this path");
            async move { no_operation(&shell, OPERATIONS.len(), request, refused).await }
        })
}

fn method_router<R: Route>(shell: &Arc<Shell>, row: usize) -> MethodRouter {
    let (asked, refused) = (Arc::clone(shell), Arc::clone(shell));
    post(move |request: HttpRequest| {
        let shell = Arc::clone(&asked);
        async move { operation::<R>(&shell, row, request).await }
    })
    .fallback(move |request: HttpRequest| {
        let shell = Arc::clone(&refused);
        async move {
            let refused = Refused::new(Code::MethodNotAllowed, "operations are asked for with POST");
            let mut response = no_operation(&shell, row, request, refused).await;
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            response
        }
    })
}
