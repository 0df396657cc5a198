//! The body of a request, read into memory that is wiped, up to a limit and within a time.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Body as _;
use hyper::header::{CONTENT_ENCODING, EXPECT};
use strongroom_api::Code;
use strongroom_secret::SecretBytes;
use tokio::time::timeout;

use crate::refused::Refused;

/// Reads the whole body, of `most` bytes, within `patience`.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: &mut Body,
    most: usize,
    patience: Duration,
) -> Result<SecretBytes, Refused> {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Refused::new(Code::UnsupportedEncoding, "the body is encoded"));
    }
    // What is announced is judged before a byte of it is read.
    let announced = body.size_hint().lower();
    if announced > most as u64 {
        return Err(too_large(most));
    }
    let reading = collect(body, usize::try_from(announced).unwrap_or(0), most);
    let late = |_| Refused::new(Code::BodyTimeout, "the body did not arrive in time");
    timeout(patience, reading).await.map_err(late)?
}

async fn collect(body: &mut Body, announced: usize, most: usize) -> Result<SecretBytes, Refused> {
    let mut collected = SecretBytes::with_capacity(announced.min(EAGER_BYTES));
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Refused::new(Code::Malformed, "the body broke off, or is not framed as HTTP says"))?;
        let Some(data) = frame.data_ref() else { continue };
        if collected.len() + data.len() > most {
            return Err(too_large(most));
        }
        collected.extend_from_slice(data);
    }
    Ok(collected)
}

/// Takes what is left of a refused request's body off the connection, so that the next request can follow; whether all of it
/// came. A connection that is closed over it may take the reply along.
pub(crate) async fn discard(headers: &HeaderMap, body: &mut Body) -> bool {
    // Who asks first, or announces much, shall not be made to send it.
    if headers.contains_key(EXPECT) || body.size_hint().lower() > DISCARDED_BYTES {
        return body.is_end_stream();
    }
    let taking = async {
        let mut taken = 0;
        loop {
            match body.frame().await {
                None => return true,
                Some(Ok(frame)) => taken += frame.data_ref().map_or(0, |data| data.len() as u64),
                Some(Err(_)) => return false,
            }
            if taken > DISCARDED_BYTES {
                return false;
            }
        }
    };
    timeout(DISCARD_TIMEOUT, taking).await.unwrap_or(false)
}

/// How much of a refused body is taken.
const DISCARDED_BYTES: u64 = 64 * 1024;
/// How long it may take to come.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// What is set aside on the word of a header alone.
const EAGER_BYTES: usize = 64 * 1024;

fn too_large(most: usize) -> Refused {
    Refused::new(Code::TooLarge, format!("the body is larger than {most} bytes"))
}
