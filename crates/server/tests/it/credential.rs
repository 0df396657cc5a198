//! Credentials over the wire: the account reads its own on either socket, everybody else is denied, an enrolled value never leaves
//! in clear, and the socket for accounts answers nothing else.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use strongroom_api::credential::{Binding, ListRequest, RebindRequest, SetReply, SetRequest, ShowRequest};
use strongroom_api::token::Role;
use strongroom_api::{Code, OPERATIONS, WireSecret};
use strongroom_client::{Client, CredentialKey, CredentialValue, Target};
use strongroom_secret::SecretBytes;
use strongroom_server::{Limits, Server, Settings, StartError};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::raw::{Reply, exchange, post, tls};
use crate::site::{Folders, Site};

const CANARY: &str = "CanaryValue5811";
/// The same in base64 and in hex.
const SPELLINGS: [&str; 3] = [CANARY, "Q2FuYXJ5VmFsdWU1ODEx", "43616e61727956616c756535383131"];

/// A server with a socket for accounts, in a folder that others may enter.
struct Place {
    site: Site,
    folder: TempDir,
}

fn open_folder() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap()
}

impl Place {
    async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    async fn with(limits: Limits) -> Self {
        let (folders, folder) = (Folders::new(), open_folder());
        let keeper = folders.keeper();
        let settings = Settings {
            limits,
            accounts_socket: Some(folder.path().join("accounts.sock")),
            listen: Some(([127, 0, 0, 1], 0).into()),
            ..Settings::new(folders.data())
        };
        let server = Server::start(keeper.clone(), settings).await.unwrap();
        Self { site: Site { folders, keeper, server }, folder }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("accounts.sock")
    }

    /// This process at the socket for accounts.
    async fn as_account(&self) -> Client {
        Client::connect(Target::Accounts(self.socket())).await.unwrap()
    }

    async fn raw(&self) -> UnixStream {
        UnixStream::connect(self.socket()).await.unwrap()
    }

    async fn set(&self, name: &str, account: &str, value: &str) -> SetReply {
        let value_base64 = WireSecret::new(SecretBytes::from_slice(value.as_bytes()));
        let (name, account) = (name.to_owned(), Some(account.to_owned()));
        let request = SetRequest { name, account, certificates: Vec::new(), value_base64, expected_revision: None };
        self.site.local().await.call(&request).await.unwrap()
    }

    /// What another uid is answered.
    async fn ask_as(&self, uid: u32, word: &str, body: &str) -> (u16, serde_json::Value) {
        let path = format!("/api/v1/{}", word.replace('.', "/"));
        let ids = [format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()];
        let mut command = Command::new("setpriv");
        command.args(ids).args(["/usr/bin/python3", "-c", ASK, self.socket().to_str().unwrap(), &path, body]);
        // The server runs on this thread.
        let told = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let text = String::from_utf8(told.stdout).unwrap();
        let (status, body) = text.split_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap())
    }
}

/// One request on a socket; status and body on standard output.
const ASK: &str = "
import http.client, socket, sys
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
connection = Unix('localhost')
connection.request('POST', sys.argv[2], sys.argv[3])
reply = connection.getresponse()
print(reply.status)
print(reply.read().decode())
";

/// The name of the account that runs this test.
fn own_account() -> String {
    let told = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

/// An account that is there, is not the one of this test, and that this test can become.
fn other_account(test: &str) -> Option<(String, u32)> {
    if !rustix::process::geteuid().is_root() {
        println!("not run: {test}: needs root, to act as two users");
        return None;
    }
    let there = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !there("setpriv") || !there("/usr/bin/python3") {
        println!("not run: {test}: setpriv or python3 is not installed");
        return None;
    }
    Some(("nobody".to_owned(), fs::read_to_string("/etc/passwd").unwrap().lines().find_map(uid_of_nobody)?))
}

fn uid_of_nobody(line: &str) -> Option<u32> {
    line.strip_prefix("nobody:")?.split(':').nth(1)?.parse().ok()
}

/// To the account of this test.
fn rebind_to_this(name: &str, expected_revision: Option<u32>) -> RebindRequest {
    let (name, account) = (name.to_owned(), Some(own_account()));
    RebindRequest { name, account, certificates: Vec::new(), expected_revision }
}

fn clear(value: CredentialValue) -> String {
    match value {
        CredentialValue::Clear(value) => String::from_utf8(value.expose().to_vec()).unwrap(),
        CredentialValue::Sealed(_) => panic!("the account is not enrolled"),
    }
}

async fn get_raw(stream: &mut UnixStream, name: &str) -> Reply {
    exchange(stream, &post("/api/v1/credential/get", &[], format!("{{\"name\":\"{name}\"}}").as_bytes())).await
}

#[tokio::test]
async fn the_account_reads_its_own_on_either_socket() {
    let place = Place::new().await;
    let made = place.set("queue", &own_account(), "one").await;
    assert_eq!((made.revision, made.created), (1, true));
    assert_eq!(made.uid, Some(rustix::process::geteuid().as_raw()));
    for client in [place.as_account().await, place.site.local().await] {
        let got = client.credential_get("queue").await.unwrap();
        assert_eq!((got.id.as_str(), got.name.as_str(), got.revision), (made.id.as_str(), "queue", 1));
        assert_eq!(clear(got.value), "one");
    }
    let shown = place.site.local().await.call(&ShowRequest { name: "queue".into() }).await.unwrap();
    assert_eq!((shown.binding, shown.credential.account), (Binding::Holds, Some(own_account())));
    let listed = place.site.local().await.call(&ListRequest::default()).await.unwrap();
    assert_eq!(
        listed.credentials,
        [place.site.local().await.call(&ShowRequest { name: "queue".into() }).await.unwrap().credential]
    );
    place.site.stop().await;
}

/// What crosses the socket is looked at, byte for byte.
#[tokio::test]
async fn an_enrolled_value_is_nowhere_in_the_reply() {
    let place = Place::new().await;
    place.set("queue", &own_account(), CANARY).await;
    let holds = |reply: &Reply| {
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        SPELLINGS.iter().any(|spelling| body.contains(spelling))
    };
    let mut stream = place.raw().await;
    assert!(holds(&get_raw(&mut stream, "queue").await), "in clear before, or this test sees nothing");

    let (client, home) = (place.as_account().await, tempfile::tempdir().unwrap());
    let key = CredentialKey::make(&home.path().join("key")).unwrap();
    client.credential_enroll("queue", &key, None).await.unwrap();
    let mut local = crate::raw::socket(&place.site.folders.data()).await;
    for stream in [&mut stream, &mut local] {
        let reply = get_raw(stream, "queue").await;
        assert_eq!(reply.status, 200);
        assert!(!holds(&reply) && reply.json().get("value_base64").is_none(), "{}", reply.json());
    }
    let CredentialValue::Sealed(sealed) = client.credential_get("queue").await.unwrap().value else {
        panic!("the account is enrolled")
    };
    assert_eq!(sealed.open(&key).unwrap().expose(), CANARY.as_bytes());
    let new = CredentialKey::make(&home.path().join("new")).unwrap();
    assert!(sealed.open(&new).is_err());

    let refused = client.credential_enroll("queue", &new, None).await.unwrap_err();
    assert!(
        matches!(&refused, strongroom_client::EnrollError::Client(error) if error.code() == Some(Code::OtherKeyEnrolled))
    );
    let third = CredentialKey::make(&home.path().join("third")).unwrap();
    client.credential_enroll("queue", &new, Some(&third)).await.unwrap_err();
    client.credential_enroll("queue", &new, Some(&key)).await.unwrap();
    let CredentialValue::Sealed(sealed) = client.credential_get("queue").await.unwrap().value else {
        panic!("the account is enrolled")
    };
    assert_eq!(sealed.open(&new).unwrap().expose(), CANARY.as_bytes());
    assert!(sealed.open(&key).is_err());
    place.site.stop().await;
}

#[tokio::test]
async fn another_uid_root_and_tokens_are_denied() {
    let Some((account, uid)) = other_account("another_uid_root_and_tokens_are_denied") else { return };
    let place = Place::new().await;
    place.set("theirs", &account, "one").await;
    place.set("ours", &own_account(), "two").await;
    let (status, body) = place.ask_as(uid, "credential.get", r#"{"name":"theirs"}"#).await;
    assert_eq!((status, body["value_base64"].as_str(), body["uid"].as_u64()), (200, Some("b25l"), Some(uid.into())));

    let denied = |status: u16, body: &serde_json::Value| {
        assert_eq!((status, body["error"]["code"].as_str()), (403, Some("denied")), "{body}");
        body["error"]["message"].as_str().unwrap().to_owned()
    };
    let (status, body) = place.ask_as(uid, "credential.get", r#"{"name":"ours"}"#).await;
    let of_another = denied(status, &body);
    let request = body["error"]["request_id"].as_str().unwrap();
    let (status, body) = place.ask_as(uid, "credential.get", r#"{"name":"nothing"}"#).await;
    assert_eq!(denied(status, &body), of_another, "whether there is one is not told");
    let lines = place.site.trail(request).await;
    let expected = (Some(format!("uid:{uid}")), Some("credential.get"), Some("ours"), Some("denied"));
    let line = &lines[0];
    let text = |name: &str| line[name].as_str();
    assert_eq!((text("principal").map(str::to_owned), text("operation"), text("target"), text("outcome")), expected);

    // Root, the administrator and the account of the service are one here, on either socket.
    for stream in [&mut place.raw().await, &mut crate::raw::socket(&place.site.folders.data()).await] {
        assert_eq!(get_raw(stream, "theirs").await.code(), "denied");
    }
    for role in [Role::Admin, Role::Data, Role::Read] {
        let authorization = format!("Bearer {}", place.site.token(role).await);
        let ask = post("/api/v1/credential/get", &[("authorization", &authorization)], br#"{"name":"ours"}"#);
        assert_eq!(exchange(&mut tls(&place.site).await, &ask).await.code(), "denied");
        let mut local = crate::raw::socket(&place.site.folders.data()).await;
        assert_eq!(exchange(&mut local, &ask).await.code(), "denied");
        assert_eq!(exchange(&mut place.raw().await, &ask).await.code(), "unauthenticated", "not taken there at all");
    }

    // Once it is given to another account the one before has nothing.
    let rebind = rebind_to_this("theirs", None);
    place.site.local().await.call(&rebind).await.unwrap();
    let (status, body) = place.ask_as(uid, "credential.get", r#"{"name":"theirs"}"#).await;
    denied(status, &body);
    assert_eq!(clear(place.as_account().await.credential_get("theirs").await.unwrap().value), "one");
    place.site.stop().await;
}

#[tokio::test]
async fn the_socket_for_accounts_answers_nothing_else() {
    let limits = Limits { account_refusals: u32::MAX, ..Limits::default() };
    let place = Place::with(limits).await;
    let mut stream = place.raw().await;
    let own = ["credential.get", "credential.enroll"];
    for operation in OPERATIONS.iter().filter(|operation| !own.contains(&operation.word)) {
        let body = serde_json::to_vec(&(operation.request_example)()).unwrap();
        let reply = exchange(&mut stream, &post(&operation.path(), &[], &body)).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "unknown_operation"), "{}", operation.word);
    }
    for path in ["/health/live", "/health/ready", "/metrics", "/"] {
        let ask = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(exchange(&mut stream, ask.as_bytes()).await.status, 404, "{path}");
    }
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(17_000));
    let reply = exchange(&mut place.raw().await, &post("/api/v1/credential/get", &[], long.as_bytes())).await;
    assert_eq!(reply.code(), "too_large");
    let mode = fs::metadata(place.socket()).unwrap().mode();
    assert_eq!(mode & 0o777, 0o666);
    let socket = place.socket();
    place.site.stop().await;
    assert!(!socket.exists(), "gone with the server");
}

/// Everybody on the host can ask, so who is refused again and again is not looked at any more, and writes no lines.
#[tokio::test]
async fn an_account_that_is_refused_too_often_waits() {
    let place = Place::new().await;
    place.set("queue", &own_account(), "one").await;
    let most = Limits::default().account_refusals;
    let mut stream = place.raw().await;
    for _ in 0..most {
        assert_eq!(get_raw(&mut stream, "nothing").await.code(), "denied");
    }
    for name in ["nothing", "queue"] {
        let reply = get_raw(&mut stream, name).await;
        assert_eq!((reply.status, reply.code().as_str()), (429, "too_many_attempts"));
        assert!((1..=60).contains(&reply.headers["retry-after"].parse::<u64>().unwrap()));
        assert!(place.site.trail(reply.request_id()).await.is_empty(), "only counted");
    }
    // It concerns that door only; and other accounts not at all.
    assert_eq!(get_raw(&mut crate::raw::socket(&place.site.folders.data()).await, "queue").await.status, 200);
    if let Some((_, uid)) = other_account("an_account_that_is_refused_too_often_waits") {
        assert_eq!(place.ask_as(uid, "credential.get", r#"{"name":"queue"}"#).await.0, 403);
    }
    place.site.stop().await;
}

#[tokio::test]
async fn an_account_cannot_take_every_connection() {
    let place = Place::with(Limits { account_connections: 3, ..Limits::default() }).await;
    place.set("queue", &own_account(), "one").await;
    let mut open = [place.raw().await, place.raw().await, place.raw().await];
    for stream in &mut open {
        assert_eq!(get_raw(stream, "queue").await.status, 200);
    }
    let mut fourth = place.raw().await;
    assert_eq!(fourth.read(&mut [0; 1]).await.unwrap_or(0), 0, "closed at once");
    drop(open);
    // Their places are free as soon as the server has seen their ends.
    let ask = post("/api/v1/credential/get", &[], br#"{"name":"queue"}"#);
    let mut answered = Vec::new();
    while answered.is_empty() {
        let mut again = place.raw().await;
        let _ = again.write_all(&ask).await;
        let _ = again.read_buf(&mut answered).await;
    }
    assert!(answered.starts_with(b"HTTP/1.1 200"), "{}", answered.escape_ascii());
    place.site.stop().await;
}

#[tokio::test]
async fn another_host_is_noticed_and_a_rebinding_mends_it() {
    let place = Place::new().await;
    place.set("queue", &own_account(), "one").await;
    let machine_id = place.site.folders.path("machine-id");
    fs::write(&machine_id, "fedcba9876543210fedcba9876543210\n").unwrap();
    let mut stream = place.raw().await;
    let reply = get_raw(&mut stream, "queue").await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "account_changed"));
    assert!(reply.json()["error"]["message"].as_str().unwrap().contains("another host"));
    let client = place.site.local().await;
    let shown = client.call(&ShowRequest { name: "queue".into() }).await.unwrap();
    assert_eq!(shown.binding, Binding::OtherHost);
    let rebind = rebind_to_this("queue", Some(1));
    assert_eq!(client.call(&rebind).await.unwrap().revision, 2);
    assert_eq!(get_raw(&mut stream, "queue").await.status, 200);
    fs::remove_file(&machine_id).unwrap();
    assert_eq!(get_raw(&mut stream, "queue").await.code(), "accounts_unknown");
    let shown = client.call(&ShowRequest { name: "queue".into() }).await.unwrap();
    assert_eq!(shown.binding, Binding::Unknown);
    place.site.stop().await;
}

#[tokio::test]
async fn accounts_that_are_not_there_are_refused() {
    let place = Place::new().await;
    let client = place.site.local().await;
    for account in ["no-such-account-here", "", "a\u{7}b", "root\0x"] {
        let value_base64 = WireSecret::new(SecretBytes::from_slice(b"x"));
        let (name, account, certificates) = ("a".to_owned(), Some(account.to_owned()), Vec::new());
        let request =
            SetRequest { name, account: account.clone(), certificates, value_base64, expected_revision: None };
        let account = account.unwrap();
        let refused = client.call(&request).await.unwrap_err();
        assert_eq!(refused.code(), Some(Code::Invalid), "{account:?}");
        assert!(account.is_empty() || !refused.to_string().contains(&account), "{refused}");
    }
    place.site.stop().await;
}

/// A socket that others could exchange would be taken for the server.
#[tokio::test]
async fn only_a_safe_place_is_taken() {
    let (folders, folder) = (Folders::new(), open_folder());
    let keeper = folders.keeper();
    let started = async |path: PathBuf| {
        let settings = Settings { accounts_socket: Some(path), ..Settings::new(folders.data()) };
        Server::start(keeper.clone(), settings).await
    };
    let inside = |name: &str| folder.path().join(name);
    let refused = |outcome: Result<Server, StartError>| match outcome {
        Err(StartError::Accounts { source, .. }) => source.to_string(),
        other => panic!("{other:?}"),
    };
    fs::create_dir(inside("open")).unwrap();
    fs::set_permissions(inside("open"), Permissions::from_mode(0o777)).unwrap();
    assert!(refused(started(inside("open/a.sock")).await).contains("others"));
    symlink(folder.path(), inside("link")).unwrap();
    refused(started(inside("link/a.sock")).await);
    assert!(refused(started(PathBuf::from("a.sock")).await).contains("absolute"));
    refused(started(inside("no/such/folder/a.sock")).await);
    fs::write(inside("file"), "kept").unwrap();
    assert!(refused(started(inside("file")).await).contains("something else"));
    assert_eq!(fs::read_to_string(inside("file")).unwrap(), "kept");
    let listener = std::os::unix::net::UnixListener::bind(inside("used.sock")).unwrap();
    assert!(refused(started(inside("used.sock")).await).contains("another server"));
    drop(listener);

    // One that a dead server left is replaced; a folder that is missing is made.
    let server = started(inside("used.sock")).await.unwrap();
    assert_eq!(server.addresses().accounts.as_deref(), Some(Path::new(&inside("used.sock"))));
    drop(server);
    let server = started(inside("made/a.sock")).await.unwrap();
    assert_eq!(fs::metadata(inside("made")).unwrap().mode() & 0o777, 0o755);
    server.stop().await;
}
