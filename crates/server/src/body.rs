//! The body of a request, read into memory that is wiped, up to a limit and within a time.

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Body as _;
use hyper::header::CONTENT_ENCODING;
use strongroom_api::Code;
use strongroom_secret::SecretBytes;
use tokio::time::timeout;

use crate::refused::Refused;
use crate::settings::Limits;

/// Reads the whole body.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<SecretBytes, Refused> {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Refused::new(Code::UnsupportedEncoding, "the body is encoded"));
    }
    // What is announced is judged before a byte of it is read.
    let announced = body.size_hint().lower();
    if announced > limits.body_bytes as u64 {
        return Err(too_large(limits));
    }
    let reading = collect(body, usize::try_from(announced).unwrap_or(0), limits);
    let late = |_| Refused::new(Code::BodyTimeout, "the body did not arrive in time");
    timeout(limits.body_timeout, reading).await.map_err(late)?
}

async fn collect(mut body: Body, announced: usize, limits: &Limits) -> Result<SecretBytes, Refused> {
    let mut collected = SecretBytes::with_capacity(announced.min(EAGER_BYTES));
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Refused::new(Code::Malformed, "the body broke off, or is not framed as HTTP says"))?;
        let Some(data) = frame.data_ref() else { continue };
        if collected.len() + data.len() > limits.body_bytes {
            return Err(too_large(limits));
        }
        collected.extend_from_slice(data);
    }
    Ok(collected)
}

/// What is set aside on the word of a header alone.
const EAGER_BYTES: usize = 64 * 1024;

fn too_large(limits: &Limits) -> Refused {
    Refused::new(Code::TooLarge, format!("the body is larger than {} bytes", limits.body_bytes))
}
