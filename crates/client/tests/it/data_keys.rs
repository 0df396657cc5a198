//! Data keys over the wire: what is asked, and that a reply that holds something else is refused.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use serde_json::{Value, json};
use strongroom_client::{Client, ClientError, Context, DataKeys, SealedDataKey, Target};
use strongroom_crypto::SealingKey;
use strongroom_envelope::Id;
use strongroom_envelope::value::{self, Place, Purpose};
use strongroom_secret::DataKey;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

/// A server on a socket that gives one reply and notes what it was asked.
struct Scripted {
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    task: JoinHandle<()>,
}

impl Scripted {
    fn start(directory: &Path, reply: Value) -> Self {
        let listener = UnixListener::bind(directory.join("server.sock")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = service_fn(|request: Request<Incoming>| {
                let (noted, reply) = (Arc::clone(&noted), reply.to_string());
                async move {
                    let path = request.uri().path().to_owned();
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    noted.lock().push((path, serde_json::from_slice(&body).unwrap()));
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(reply))))
                }
            });
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _closed = http.serve_connection(TokioIo::new(stream), answer).await;
        });
        Self { asked, task }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn context() -> Context {
    Context::new([("tenant", "7")]).unwrap()
}

/// A value of this many bytes, each 0x42, sealed for this purpose.
fn sealed(purpose: Purpose, length: usize) -> String {
    let (mut sealed, context) = (Vec::new(), context());
    let (master, place) = (SealingKey::new(&[7; 32]), Place::Context(&context));
    value::seal(&master, purpose, Id([9; 16]), 1, &place, &vec![0x42; length], &mut sealed);
    value::to_text(&sealed)
}

/// Base64 of 32 bytes 0x42; the text of RFC 4648's alphabet that stands for 01000010 over and over.
const DATA_KEY: &str = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";

async fn client(directory: &Path) -> Client {
    Client::connect(Target::Socket(directory.to_owned())).await.unwrap()
}

#[tokio::test]
async fn a_data_key_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let ciphertext = sealed(Purpose::Values, 32);
    let reply = json!({"key": "id", "version": 1, "ciphertext": ciphertext, "value_base64": DATA_KEY});
    let server = Scripted::start(directory.path(), reply);
    let made = client(directory.path()).await.generate("orders", &context()).await.unwrap();
    assert_eq!(made.data_key.expose(), &[0x42; 32]);
    assert_eq!(value::to_text(made.sealed.as_bytes()), ciphertext);
    let asked = server.asked.lock().clone();
    let expected = json!({"name": "orders", "context": {"tenant": "7"}});
    assert_eq!(asked, [("/api/v1/key/datakey".to_owned(), expected)]);
}

#[tokio::test]
async fn a_data_key_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let server = Scripted::start(directory.path(), json!({"key": "id", "version": 1, "value_base64": DATA_KEY}));
    let (master, context) = (SealingKey::new(&[7; 32]), context());
    let data_key = DataKey::fill_with(|key| key.fill(0x42));
    let place = Place::Context(&context);
    let sealed = SealedDataKey::seal(&master, Purpose::Values, Id([9; 16]), 1, &place, &data_key);
    let client = client(directory.path()).await;
    assert!(client.open("orders", &sealed, &context).await.unwrap().same_as(&data_key));
    client.open_data_key("orders", &sealed, &context, true).await.unwrap();
    let text = value::to_text(sealed.as_bytes());
    let plain = json!({"name": "orders", "ciphertext": text, "context": {"tenant": "7"}});
    let mut compromised = plain.clone();
    compromised["compromised"] = true.into();
    let path = "/api/v1/key/decrypt".to_owned();
    assert_eq!(*server.asked.lock(), [(path.clone(), plain), (path, compromised)]);
}

#[tokio::test]
async fn a_reply_with_something_else_is_refused() {
    let good = sealed(Purpose::Values, 32);
    let short = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQg==";
    for (ciphertext, value, expected) in [
        (good.clone(), None, "it has no data key"),
        (good.clone(), Some(short), "its data key does not have 32 bytes"),
        (good.clone(), Some(""), "its data key does not have 32 bytes"),
        (sealed(Purpose::Secrets, 32), Some(DATA_KEY), "its sealed data key is none"),
        (sealed(Purpose::Values, 31), Some(DATA_KEY), "its sealed data key is none"),
        (good[..20].to_owned(), Some(DATA_KEY), "its sealed data key is none"),
        (good.replace("sr1.", "sr9."), Some(DATA_KEY), "its sealed data key is none"),
        (String::new(), Some(DATA_KEY), "its sealed data key is none"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut reply = json!({"key": "id", "version": 1, "ciphertext": ciphertext});
        if let Some(value) = value {
            reply["value_base64"] = value.into();
        }
        let _server = Scripted::start(directory.path(), reply);
        let refused = client(directory.path()).await.generate("orders", &context()).await.unwrap_err();
        let ClientError::Reply { what, .. } = &refused else { panic!("{refused}") };
        assert_eq!(what, expected);
        assert!(!refused.to_string().contains("QkJC"), "{refused}");
    }
}
