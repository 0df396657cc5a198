//! The client: one connection that is kept, opened anew when it broke, and a call for every operation of the table.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Request as HttpRequest, Response};
use strongroom_api::{IDEMPOTENCY_KEY, REQUEST_ID, Request, json};
use strongroom_secret::{AccessToken, SecretBytes};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::connection::{Connection, Endpoint};
use crate::error::{ClientError, Refused};
use crate::retry_key::IdempotencyKey;
use crate::target::Target;

/// How long the client waits.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the reply to one request.
    pub reply: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), reply: Duration::from_secs(150) }
    }
}

/// A client of one server. Calls may run side by side.
pub struct Client {
    target: String,
    endpoint: Endpoint,
    authorization: Option<HeaderValue>,
    patience: Patience,
    connection: Mutex<Option<Arc<Connection>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Client").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Client {
    /// Connects, with the usual patience.
    ///
    /// # Errors
    /// When the target cannot be used, reached or recognised; nothing of a request has been sent then.
    pub async fn connect(target: Target) -> Result<Self, ClientError> {
        Self::connect_with(target, Patience::default()).await
    }

    /// Connects, with this patience.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_with(target: Target, patience: Patience) -> Result<Self, ClientError> {
        let client = Self::at(target, patience)?;
        client.connection().await?;
        Ok(client)
    }

    /// A client that connects when it is first used: for a program that runs while the server does not.
    ///
    /// # Errors
    /// When the target cannot be used.
    pub fn at(target: Target, patience: Patience) -> Result<Self, ClientError> {
        let endpoint = Endpoint::of(&target)?;
        let name = target.to_string();
        let authorization = match target {
            Target::Socket(_) | Target::Accounts(_) => None,
            Target::Tcp { token, .. } | Target::Certified { token: Some(token), .. } => Some(bearer(&token)?),
            Target::Certified { token: None, .. } => None,
        };
        Ok(Self { target: name, endpoint, authorization, patience, connection: Mutex::new(None) })
    }

    /// Asks for the operation this request belongs to. A change gets an idempotency key of its own.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the server did not do it, the others when it could not be asked.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Reply, ClientError> {
        let key = R::OPERATION.changes.then(IdempotencyKey::random);
        self.send(request, key.as_ref()).await
    }

    /// As [`Client::call`], with the caller's own idempotency key.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_once<R: Request>(&self, request: &R, key: &IdempotencyKey) -> Result<R::Reply, ClientError> {
        self.send(request, Some(key)).await
    }

    async fn send<R: Request>(&self, request: &R, key: Option<&IdempotencyKey>) -> Result<R::Reply, ClientError> {
        let body = json::write(request).map_err(|source| ClientError::Request { source })?;
        let body = Bytes::from_owner(WipedBody(body));
        let path = R::OPERATION.path();
        let exchange = async {
            match self.exchange(self.request(&path, key, &body)).await {
                // The connection may have been closed while it was idle. Reads may be repeated, changes have their key.
                Err(ClientError::Broken { .. }) => self.exchange(self.request(&path, key, &body)).await,
                result => result,
            }
        };
        let patience = self.patience.reply;
        let (status, request_id, mut body) =
            timeout(patience, exchange).await.map_err(|_| self.timed_out("answer", patience))??;
        if status != 200 {
            return Err(ClientError::Refused(Box::new(Refused::read(status, &request_id, body.expose()))));
        }
        json::read(&mut body).map_err(|malformed| self.unreadable(&request_id, malformed.to_string()))
    }

    fn request(&self, path: &str, key: Option<&IdempotencyKey>, body: &Bytes) -> HttpRequest<Full<Bytes>> {
        let mut request = HttpRequest::post(format!("https://{AUTHORITY}{path}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body.clone()))
            .expect("paths of the table are paths");
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(key) = key {
            request.headers_mut().insert(IDEMPOTENCY_KEY, key.header());
        }
        request
    }

    async fn exchange(&self, request: HttpRequest<Full<Bytes>>) -> Result<(u16, String, SecretBytes), ClientError> {
        let connection = self.connection().await?;
        let result = self.exchange_on(&connection, request).await;
        if let Err(ClientError::Broken { .. }) = &result {
            self.forget(&connection).await;
        }
        result
    }

    async fn exchange_on(
        &self,
        connection: &Connection,
        request: HttpRequest<Full<Bytes>>,
    ) -> Result<(u16, String, SecretBytes), ClientError> {
        let broken = |source| ClientError::Broken { target: self.target.clone(), source };
        let response = connection.sender().send_request(request).await.map_err(broken)?;
        let status = response.status().as_u16();
        let request_id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or("").to_owned();
        let body = self.read_body(response, &request_id).await?;
        Ok((status, request_id, body))
    }

    /// The connection that is kept, or a new one.
    async fn connection(&self) -> Result<Arc<Connection>, ClientError> {
        let mut kept = self.connection.lock().await;
        if let Some(usable) = kept.as_ref().filter(|connection| connection.is_usable()) {
            return Ok(Arc::clone(usable));
        }
        let opened = Arc::new(self.open().await?);
        *kept = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Other requests that are still on it may end; new ones get a new connection.
    async fn forget(&self, broken: &Arc<Connection>) {
        let mut kept = self.connection.lock().await;
        if kept.as_ref().is_some_and(|connection| Arc::ptr_eq(connection, broken)) {
            *kept = None;
        }
    }

    async fn read_body(&self, response: Response<Incoming>, request_id: &str) -> Result<SecretBytes, ClientError> {
        let mut incoming = response.into_body();
        let mut body = SecretBytes::with_capacity(1024);
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|source| ClientError::Broken { target: self.target.clone(), source })?;
            let Some(data) = frame.data_ref() else { continue };
            if body.len() + data.len() > REPLY_LIMIT {
                return Err(self.unreadable(request_id, format!("it is larger than {REPLY_LIMIT} bytes")));
            }
            body.extend_from_slice(data);
        }
        Ok(body)
    }

    async fn open(&self) -> Result<Connection, ClientError> {
        let patience = self.patience.connect;
        timeout(patience, Connection::open(&self.endpoint, &self.target))
            .await
            .map_err(|_| self.timed_out("open a connection", patience))?
    }

    fn timed_out(&self, attempted: &'static str, patience: Duration) -> ClientError {
        ClientError::TimedOut { target: self.target.clone(), attempted, patience }
    }

    /// The reply is one of this release and holds something else than was asked for.
    pub(crate) fn not_as_asked(&self, what: &str) -> ClientError {
        self.unreadable("(not noted)", what.to_owned())
    }

    fn unreadable(&self, request_id: &str, what: String) -> ClientError {
        ClientError::Reply { target: self.target.clone(), request_id: request_id.to_owned(), what }
    }
}

/// What stands for the host in requests; the server does not look at it.
const AUTHORITY: &str = "strongroom";
/// The largest reply: a thousand entries of the longest names, or lines of the audit trail.
const REPLY_LIMIT: usize = 16 * 1024 * 1024;

/// A request body that is wiped when the last reader is done with it.
struct WipedBody(SecretBytes);

impl AsRef<[u8]> for WipedBody {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

fn bearer(token: &AccessToken) -> Result<HeaderValue, ClientError> {
    let mut header = SecretBytes::with_capacity(7 + token.expose().len());
    header.extend_from_slice(b"Bearer ");
    header.extend_from_slice(token.expose().trim().as_bytes());
    let header = Bytes::from_owner(WipedBody(header));
    let mut header = HeaderValue::from_maybe_shared(header).map_err(|_| ClientError::Token)?;
    header.set_sensitive(true);
    Ok(header)
}
