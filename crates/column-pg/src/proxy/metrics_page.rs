//! `/metrics`, for those who collect: one page, no parameters, no state.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::keys::KeyCache;
use super::metrics::Metrics;

/// How long a connection may last.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many are answered at the same time.
const AT_ONCE: usize = 16;

/// Answers until the proxy stops.
pub(super) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    keys: Arc<KeyCache>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted && answers.len() < AT_ONCE {
                    let text = metrics.text(keys.figures());
                    answers.spawn(async move { drop(timeout(PATIENCE, answer(stream, text)).await) });
                }
            }
            Some(_) = answers.join_next() => {}
            () = super::stop(&mut stopped) => return,
        }
    }
}

async fn answer(stream: TcpStream, metrics: String) -> hyper::Result<()> {
    let page = service_fn(|request: Request<_>| {
        let answer = page(request.uri().path(), &metrics);
        async { Ok::<_, Infallible>(answer) }
    });
    http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), page).await
}

fn page(path: &str, metrics: &str) -> Response<Full<Bytes>> {
    let (status, text) =
        if path == "/metrics" { (StatusCode::OK, metrics) } else { (StatusCode::NOT_FOUND, "only /metrics is here\n") };
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain; version=0.0.4"));
    answer
}
