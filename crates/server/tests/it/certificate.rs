//! Client certificates: whoever has the one that a credential belongs to reads it over TLS, whoever has another is a stranger; they
//! are for nothing else, count in their time only, and a new binding ends the old one on open connections, too.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use strongroom_api::credential::{Binding, RebindRequest, SetReply, SetRequest, ShowRequest};
use strongroom_api::status::StatusRequest;
use strongroom_api::token::Role;
use strongroom_api::{Code, OPERATIONS, WireSecret};
use strongroom_client::{Client, ClientCertificate, CredentialKey, CredentialValue, EnrollError, Pin, Target, Trust};
use strongroom_secret::{AccessToken, SecretBytes};
use strongroom_server::Limits;
use tempfile::TempDir;

use crate::raw::{Reply, exchange, post};
use crate::shown::{Shown, connect, settings};
use crate::site::Site;

const CANARY: &str = "CanaryValue6122";
/// The same in base64 and in hex.
const SPELLINGS: [&str; 3] = [CANARY, "Q2FuYXJ5VmFsdWU2MTIy", "43616e61727956616c756536313232"];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate and its key, in files.
struct Component {
    folder: TempDir,
    pin: Pin,
}

impl Component {
    fn new() -> Self {
        let now = SystemTime::now();
        Self::dated(now - DAY, now + DAY)
    }

    fn dated(not_before: SystemTime, not_after: SystemTime) -> Self {
        let key = KeyPair::generate().unwrap();
        Self::of(&key, not_before, not_after)
    }

    fn of(key: &KeyPair, not_before: SystemTime, not_after: SystemTime) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        (parameters.not_before, parameters.not_after) = (not_before.into(), not_after.into());
        let made = parameters.self_signed(key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let component = Self { folder, pin: Pin::of_public_key(&key.subject_public_key_info()) };
        fs::write(component.path("certificate.pem"), made.pem()).unwrap();
        fs::write(component.path("key.pem"), key.serialize_pem()).unwrap();
        component.close();
        component
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn close(&self) {
        fs::set_permissions(self.path("key.pem"), Permissions::from_mode(0o600)).unwrap();
    }

    fn certificate(&self) -> ClientCertificate {
        ClientCertificate::read(&self.path("certificate.pem"), &self.path("key.pem")).unwrap()
    }

    /// The client library, which speaks HTTP/2.
    async fn client(&self, site: &Site, token: Option<&str>) -> Client {
        let token = token.map(|token| AccessToken::from_text(token.to_owned()));
        let (address, certificate, trust) =
            (site.address().to_string(), self.certificate(), Some(Trust::Pin(site.pin())));
        Client::connect(Target::Certified { address, certificate, token, trust }).await.unwrap()
    }

    fn shown(&self) -> Shown {
        let read = |name: &str| fs::read(self.path(name)).unwrap();
        Shown { certificate: read("certificate.pem"), key: read("key.pem") }
    }
}

async fn set(site: &Site, name: &str, pins: &[Pin], value: &str) -> SetReply {
    let value_base64 = WireSecret::new(SecretBytes::from_slice(value.as_bytes()));
    let (name, certificates) = (name.to_owned(), pins.iter().map(Pin::to_string).collect());
    let request = SetRequest { name, account: None, certificates, value_base64, expected_revision: None };
    site.local().await.call(&request).await.unwrap()
}

async fn rebind(site: &Site, name: &str, pins: &[Pin]) {
    let (name, certificates) = (name.to_owned(), pins.iter().map(Pin::to_string).collect());
    let request = RebindRequest { name, account: None, certificates, expected_revision: None };
    site.local().await.call(&request).await.unwrap();
}

async fn got(client: &Client, name: &str) -> Result<String, Code> {
    match client.credential_get(name).await.map_err(|error| error.code().unwrap())?.value {
        CredentialValue::Clear(value) => Ok(String::from_utf8(value.expose().to_vec()).unwrap()),
        CredentialValue::Sealed(_) => panic!("it is not enrolled"),
    }
}

fn get(name: &str) -> Vec<u8> {
    post("/api/v1/credential/get", &[], format!("{{\"name\":\"{name}\"}}").as_bytes())
}

/// The words of a refusal.
fn message(reply: &Reply) -> String {
    reply.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_right_one_is_given_it_and_another_is_a_stranger() {
    let (site, right, wrong) = (Site::new().await, Component::new(), Component::new());
    let made = set(&site, "queue", &[right.pin], "one").await;
    assert_eq!((made.revision, made.uid, made.created), (1, None, true));
    // HTTP/2, then HTTP/1.1.
    assert_eq!(got(&right.client(&site, None).await, "queue").await.as_deref(), Ok("one"));
    let mut stream = connect(&site, settings(Some(&right.shown()))).await.unwrap();
    let reply = exchange(&mut stream, &get("queue")).await;
    assert_eq!((reply.status, reply.json()["value_base64"].as_str()), (200, Some("b25l")));
    assert!(reply.json().get("uid").is_none());

    assert_eq!(got(&wrong.client(&site, None).await, "queue").await, Err(Code::Denied));
    let mut stream = connect(&site, settings(Some(&wrong.shown()))).await.unwrap();
    let (there, not_there) = (exchange(&mut stream, &get("queue")).await, exchange(&mut stream, &get("nothing")).await);
    assert_eq!((there.status, there.code().as_str()), (403, "denied"));
    assert_eq!(message(&there), message(&not_there), "whether there is one is not told");
    let lines = site.trail(there.request_id()).await;
    let text = |name: &str| lines[0][name].as_str().map(str::to_owned);
    let expected = (format!("certificate:{}", wrong.pin), "credential.get", "queue", "denied");
    assert_eq!(text("principal"), Some(expected.0));
    let said = [text("operation"), text("target"), text("outcome")];
    assert_eq!(said, [expected.1, expected.2, expected.3].map(|word| Some(word.to_owned())));

    let shown = site.local().await.call(&ShowRequest { name: "queue".into() }).await.unwrap();
    assert_eq!((shown.binding, shown.credential.account), (Binding::Holds, None));
    assert_eq!(shown.credential.certificates, [right.pin.to_string()]);
    site.stop().await;
}

#[tokio::test]
async fn without_a_certificate_nobody_is_given_it() {
    let (site, right) = (Site::new().await, Component::new());
    set(&site, "queue", &[right.pin], "one").await;
    let mut plain = connect(&site, settings(None)).await.unwrap();
    assert_eq!(exchange(&mut plain, &get("queue")).await.code(), "unauthenticated");
    for role in [Role::Admin, Role::Data, Role::Read] {
        let token = site.token(role).await;
        assert_eq!(got(&site.remote(&token).await.unwrap(), "queue").await, Err(Code::Denied), "{role:?}");
    }
    // Nor is an administrator on the server's host, who may bind it.
    assert_eq!(got(&site.local().await, "queue").await, Err(Code::Denied));
    site.stop().await;
}

/// For its credentials the certificate counts, whatever token is shown; for everything else the token, whatever certificate.
#[tokio::test]
async fn a_certificate_is_for_credentials_and_a_token_for_the_rest() {
    let (site, right) = (Site::new().await, Component::new());
    set(&site, "queue", &[right.pin], "one").await;
    let token = site.token(Role::Read).await;
    for token in [token.as_str(), "srt_wrong"] {
        assert_eq!(got(&right.client(&site, Some(token)).await, "queue").await.as_deref(), Ok("one"));
    }
    right.client(&site, Some(&token)).await.call(&StatusRequest {}).await.unwrap();
    let mut stream = connect(&site, settings(Some(&right.shown()))).await.unwrap();
    let own = ["credential.get", "credential.enroll"];
    let others = OPERATIONS.iter().filter(|operation| !own.contains(&operation.word));
    for operation in others {
        let body = serde_json::to_vec(&(operation.request_example)()).unwrap();
        let code = exchange(&mut stream, &post(&operation.path(), &[], &body)).await.code();
        assert!(["unauthenticated", "too_many_attempts"].contains(&code.as_str()), "{} {code}", operation.word);
    }
    // That was too often for tokens, and does not concern certificates.
    assert_eq!(exchange(&mut stream, &get("queue")).await.status, 200);
    site.stop().await;
}

#[tokio::test]
async fn outside_its_time_a_certificate_is_refused_in_clear_words() {
    let (site, now) = (Site::new().await, SystemTime::now());
    let key = KeyPair::generate().unwrap();
    let expired = Component::of(&key, now - 3 * DAY, now - DAY);
    let early = Component::of(&key, now + DAY, now + 3 * DAY);
    set(&site, "queue", &[expired.pin], "one").await;
    for (component, words) in [(&expired, "the client certificate expired at "), (&early, "is not valid before ")] {
        let client = component.client(&site, None).await;
        let refused = client.credential_get("queue").await.unwrap_err();
        assert_eq!((refused.code(), refused.exit_code()), (Some(Code::CertificateNotValid), 4));
        assert!(refused.to_string().contains(words) && refused.fix().contains("same key"), "{refused}");
        assert_eq!(got(&client, "nothing").await, Err(Code::Denied), "of others it learns nothing");
    }
    // Renewed with the same key it has the same pin.
    let renewed = Component::of(&key, now - DAY, now + DAY);
    assert_eq!(got(&renewed.client(&site, None).await, "queue").await.as_deref(), Ok("one"));
    site.stop().await;
}

#[tokio::test]
async fn a_new_binding_ends_the_old_on_open_connections() {
    let (site, old, new) = (Site::new().await, Component::new(), Component::new());
    set(&site, "queue", &[old.pin], "one").await;
    let (before, after) = (old.client(&site, None).await, new.client(&site, None).await);
    assert_eq!((got(&before, "queue").await, got(&after, "queue").await), (Ok("one".into()), Err(Code::Denied)));
    rebind(&site, "queue", &[new.pin]).await;
    assert_eq!((got(&before, "queue").await, got(&after, "queue").await), (Err(Code::Denied), Ok("one".into())));
    rebind(&site, "queue", &[new.pin, old.pin]).await;
    assert_eq!((got(&before, "queue").await, got(&after, "queue").await), (Ok("one".into()), Ok("one".into())));
    site.stop().await;
}

/// A resumed session sends no certificate: it has that of the session, and the rights it has today.
#[tokio::test]
async fn a_resumed_session_is_the_same_component() {
    let (site, old, new) = (Site::new().await, Component::new(), Component::new());
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        set(&site, "queue", &[old.pin], "one").await;
        let shown = crate::shown::settings_of(Some(&old.shown()), &[version]);
        let mut kinds = Vec::new();
        for _ in 0..3 {
            let mut stream = connect(&site, shown.clone()).await.unwrap();
            let reply = exchange(&mut stream, &get("queue")).await;
            assert_eq!(reply.status, 200, "{}", reply.json());
            kinds.push(stream.get_ref().1.handshake_kind().unwrap());
        }
        assert_eq!(kinds[1..], [rustls::HandshakeKind::Resumed; 2], "{version:?}");
        rebind(&site, "queue", &[new.pin]).await;
        let mut stream = connect(&site, shown).await.unwrap();
        assert_eq!(exchange(&mut stream, &get("queue")).await.code(), "denied");
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
        rebind(&site, "queue", &[old.pin]).await;
    }
    site.stop().await;
}

/// A certificate is public; who copied it has not its key.
#[tokio::test]
async fn a_copied_certificate_is_of_no_use() {
    let (site, right, thief) = (Site::new().await, Component::new(), Component::new());
    set(&site, "queue", &[right.pin], "one").await;
    let copied = Shown { certificate: right.shown().certificate, key: thief.shown().key };
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let outcome = connect(&site, crate::shown::settings_of(Some(&copied), &[version])).await;
        // With TLS 1.3 the client hears of it when it reads.
        let Ok(mut stream) = outcome else { continue };
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &get("queue")).await;
        let mut answered = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answered).await;
        assert!(answered.is_empty(), "{}", answered.escape_ascii());
    }
    site.stop().await;
}

/// What crosses the connection is looked at, byte for byte, and what lies in the folders afterwards.
#[tokio::test]
async fn a_component_enrols_and_its_value_is_nowhere_in_clear() {
    let (site, right) = (Site::new().await, Component::new());
    set(&site, "queue", &[right.pin], CANARY).await;
    let mut stream = connect(&site, settings(Some(&right.shown()))).await.unwrap();
    let holds = |bytes: &[u8]| SPELLINGS.iter().any(|spelling| contains(bytes, spelling));
    assert!(holds(&exchange(&mut stream, &get("queue")).await.body), "in clear before, or this test sees nothing");

    let (client, home) = (right.client(&site, None).await, tempfile::tempdir().unwrap());
    let key = CredentialKey::make(&home.path().join("key")).unwrap();
    client.credential_enroll("queue", &key, None).await.unwrap();
    let reply = exchange(&mut stream, &get("queue")).await;
    assert!(reply.status == 200 && !holds(&reply.body), "{}", reply.json());
    let opened = |value, key: &CredentialKey| match value {
        CredentialValue::Sealed(sealed) => sealed.open(key).unwrap().expose().to_vec(),
        CredentialValue::Clear(_) => panic!("it is enrolled"),
    };
    assert_eq!(opened(client.credential_get("queue").await.unwrap().value, &key), CANARY.as_bytes());
    // Another key takes its place with proof of the old one only.
    let new = CredentialKey::make(&home.path().join("new")).unwrap();
    let refused = client.credential_enroll("queue", &new, None).await.unwrap_err();
    assert!(matches!(&refused, EnrollError::Client(error) if error.code() == Some(Code::OtherKeyEnrolled)));
    client.credential_enroll("queue", &new, Some(&key)).await.unwrap();
    assert_eq!(opened(client.credential_get("queue").await.unwrap().value, &new), CANARY.as_bytes());

    let folders = site.stop().await;
    check_absent(&folders.path("."), &holds);
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn check_absent(folder: &Path, holds: &dyn Fn(&[u8]) -> bool) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_absent(&path, holds);
        } else if path.is_file() {
            assert!(!holds(&fs::read(&path).unwrap()), "{}", path.display());
        }
    }
}

/// Anybody can make certificates, so addresses are counted; what is over the limit has no line in the trail.
#[tokio::test]
async fn an_address_that_is_refused_too_often_waits() {
    let limits = Limits { certificate_refusals: 4, ..Limits::default() };
    let (site, right) = (Site::with(limits).await, Component::new());
    set(&site, "queue", &[right.pin], "one").await;
    let mut known = connect(&site, settings(Some(&right.shown()))).await.unwrap();
    assert_eq!(exchange(&mut known, &get("queue")).await.status, 200);
    for _ in 0..4 {
        let mut stream = connect(&site, settings(Some(&Component::new().shown()))).await.unwrap();
        assert_eq!(exchange(&mut stream, &get("queue")).await.code(), "denied");
    }
    for component in [&Component::new(), &right] {
        let mut stream = connect(&site, settings(Some(&component.shown()))).await.unwrap();
        let reply = exchange(&mut stream, &get("queue")).await;
        assert_eq!((reply.status, reply.code().as_str()), (429, "too_many_attempts"));
        assert!((1..=900).contains(&reply.headers["retry-after"].parse::<u64>().unwrap()));
        assert!(site.trail(reply.request_id()).await.is_empty(), "only counted");
    }
    // It concerns neither a connection that was given a credential, nor tokens, nor the sockets.
    assert_eq!(exchange(&mut known, &get("queue")).await.status, 200);
    let token = site.token(Role::Read).await;
    site.remote(&token).await.unwrap().call(&StatusRequest {}).await.unwrap();
    assert_eq!(got(&site.local().await, "queue").await, Err(Code::Denied));
    let metrics = crate::raw::request("GET", "/metrics", &[], b"");
    let metrics = exchange(&mut crate::raw::socket(&site.folders.data()).await, &metrics).await;
    let text = String::from_utf8(metrics.body).unwrap();
    assert!(text.contains("strongroom_locked_out_certificate_addresses 1\n"), "{text}");
    site.stop().await;
}

#[tokio::test]
async fn texts_that_are_no_pins_are_refused() {
    let site = Site::new().await;
    let client = site.local().await;
    let request = |certificates: Vec<String>| {
        let (name, value_base64) = ("queue".to_owned(), WireSecret::new(SecretBytes::from_slice(b"x")));
        SetRequest { name, account: None, certificates, value_base64, expected_revision: None }
    };
    let digits = "0123456789abcdef".repeat(4);
    let many = (0..17).map(|number| format!("sha256:{number:064x}")).collect();
    for certificates in [
        vec![],
        vec![digits.clone()],
        vec![format!("sha256:{digits}\n")],
        vec![format!("sha256:{}", &digits[1..])],
        vec![format!("sha256:{digits}"), "sha1:00".to_owned()],
        many,
    ] {
        let refused = client.call(&request(certificates.clone())).await.unwrap_err();
        assert_eq!(refused.code(), Some(Code::Invalid), "{certificates:?} {refused}");
    }
    let upper = format!("sha256:{}", digits.to_uppercase());
    client.call(&request(vec![upper, format!("sha256:{digits}")])).await.unwrap();
    let shown = client.call(&ShowRequest { name: "queue".into() }).await.unwrap();
    assert_eq!(shown.credential.certificates, [format!("sha256:{digits}")]);
    site.stop().await;
}

/// Made and digested by another program; with RSA, and with an authority that nobody knows here.
#[tokio::test]
async fn certificates_of_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let Some(pins) = made_by_openssl(folder.path()) else {
        println!("not run: certificates_of_openssl: the program openssl is missing");
        return;
    };
    let site = Site::new().await;
    for (name, pin) in pins {
        let path = |ending: &str| folder.path().join(format!("{name}.{ending}"));
        let certificate = ClientCertificate::read(&path("pem"), &path("key")).unwrap();
        assert_eq!(certificate.pin().to_string(), pin, "{name}");
        set(&site, &name, &[Pin::parse(&pin).unwrap()], &name).await;
        let (address, trust) = (site.address().to_string(), Some(Trust::Pin(site.pin())));
        let client = Client::connect(Target::Certified { address, certificate, token: None, trust }).await.unwrap();
        assert_eq!(got(&client, &name).await, Ok(name));
    }
    site.stop().await;
}

/// Keys and certificates `NAME.key` and `NAME.pem`; their names and pins.
fn made_by_openssl(folder: &Path) -> Option<Vec<(String, String)>> {
    Command::new("openssl").arg("version").output().ok().filter(|run| run.status.success())?;
    let script = r#"
        set -e; umask 077
        openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.pem -days 2 -subj /CN=rsa
        openssl req -x509 -newkey ed25519 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca
        openssl ecparam -name secp384r1 -genkey -noout -out signed.key
        openssl req -new -key signed.key -subj /CN=signed -out signed.csr
        openssl x509 -req -in signed.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out leaf.pem
        cat leaf.pem ca.pem > signed.pem
        for name in rsa ca signed; do
            openssl x509 -in $name.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -r |
                sed "s/^\([0-9a-f]*\).*/$name sha256:\1/"
        done
    "#;
    fs::write(folder.join("ext"), "subjectKeyIdentifier=hash\n").unwrap();
    let made = Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let text = String::from_utf8(made.stdout).unwrap();
    let pins: Vec<(String, String)> =
        text.lines().map(|line| line.split_once(' ').unwrap()).map(|(name, pin)| (name.into(), pin.into())).collect();
    assert_eq!(pins.len(), 3);
    Some(pins)
}
