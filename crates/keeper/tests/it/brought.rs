//! Keys that a user brings, wrapped by another implementation under the public key that the server gives out: what Python or
//! OpenSSL wrapped is the key that is used, and what no good generator made is refused.

use std::io::Write;
use std::process::{Command, Stdio};

use strongroom_engine::job::JobState;
use strongroom_engine::key::{Algorithm, Decrypt, DecryptItem, Encrypt, EncryptItem, MakeMac, RotateReply, Show, Sign};
use strongroom_engine::name::Name;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::Id;
use strongroom_envelope::value::{Context, Purpose};
use strongroom_keeper::facade::Failure;
use strongroom_keeper::{Keeper, KeyImport};
use strongroom_secret::SecretBytes;

use crate::rotation::scene::{Scene, counted};
use crate::site::{Site, admin, name, put, value};
use crate::trail;

/// A key that a random generator made; the hash of a text is as good here.
const GOOD: [u8; 32] = *b"\x2c\xf2\x4d\xba\x5f\xb0\xa3\x0e\x26\xe8\x3b\x2a\xc5\xb9\xe2\x9e\x1b\x16\x1e\x5c\x1f\xa7\x42\x5e\x73\x04\x33\x62\x93\x8b\x98\x24";

/// A command of `peer/bring.py` and its arguments.
type Question<'a> = (&'a str, Vec<&'a [u8]>);

/// What `peer/bring.py` answers, another implementation of the wrapping; `None` where Python has not what it needs.
fn peer(test: &str, questions: &[Question<'_>]) -> Option<Vec<Vec<u8>>> {
    let probe = "from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding";
    let is_there =
        |python: &&str| Command::new(python).args(["-c", probe]).output().is_ok_and(|run| run.status.success());
    let Some(python) = ["/usr/bin/python3", "python3"].into_iter().find(is_there) else {
        println!("not run: {test}: Python with the package cryptography is missing");
        return None;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/bring.py");
    let lines: String =
        questions.iter().map(|(command, arguments)| format!("{command} {}\n", words(arguments))).collect();
    let answers = piped(Command::new(python).arg(script), lines.as_bytes())?;
    Some(std::str::from_utf8(&answers).unwrap().lines().map(unhex).collect())
}

/// One answer.
fn peer_once(test: &str, command: &str, arguments: &[&[u8]]) -> Option<Vec<u8>> {
    peer(test, &[(command, arguments.to_vec())]).map(|mut answers| answers.remove(0))
}

/// What a program writes that reads this; `None` when there is no such program.
fn piped(command: &mut Command, input: &[u8]) -> Option<Vec<u8>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    Some(output.stdout)
}

fn words(arguments: &[&[u8]]) -> String {
    let words = arguments.iter().map(|bytes| if bytes.is_empty() { "-".to_owned() } else { hex(bytes) });
    words.collect::<Vec<_>>().join(" ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let text = text.trim_matches('-');
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A key for this purpose.
fn bringing(text: &str, purpose: Purpose, pair: Id, wrapped: Vec<u8>) -> KeyImport {
    let name = Name::parse(text).unwrap();
    KeyImport { name, purpose: Some(purpose), algorithm: None, pair, wrapped, reencrypt: true }
}

async fn bring(
    keeper: &Keeper,
    text: &str,
    purpose: Purpose,
    pair: Id,
    wrapped: Vec<u8>,
) -> Result<RotateReply, Failure> {
    keeper.key_import(admin(), bringing(text, purpose, pair, wrapped)).await
}

async fn mac(keeper: &Keeper, text: &str, message: &[u8]) -> Vec<u8> {
    let operation = MakeMac { selector: name(text), messages: vec![SecretBytes::from_slice(message)] };
    keeper.execute(admin(), operation).await.unwrap().macs.remove(0).unwrap()
}

/// RFC 4231 has no case with a key of 32 bytes, so HMAC is Python's: what was brought is the key that is used, by both ways.
#[tokio::test]
async fn what_python_wrapped_is_what_is_used() {
    let site = Site::new();
    let keeper = site.start();
    let wrapping = keeper.key_wrapping(admin()).await.unwrap();
    assert!((3000..=3600).contains(&wrapping.seconds));
    let of_pair: Vec<&[u8]> = vec![&wrapping.public, &GOOD];
    let questions = [
        ("hmac", vec![&GOOD[..], b"order 4711"]),
        ("oaep", of_pair.clone()),
        ("oaep-kwp", of_pair.clone()),
        ("oaep", of_pair),
    ];
    let Some(answers) = peer("what_python_wrapped_is_what_is_used", &questions) else { return };
    let [expected, oaep, kwp, late] = <[Vec<u8>; 4]>::try_from(answers).unwrap();
    for (method, wrapped) in [("oaep", oaep), ("oaep-kwp", kwp)] {
        assert_eq!(wrapped.len(), if method == "oaep" { 384 } else { 384 + 40 }, "RFC 5649: 32 bytes become 40");
        let made = bring(&keeper, method, Purpose::Mac, wrapping.id, wrapped).await.unwrap();
        assert_eq!((made.key.active, made.key.versions[0].imported, made.job), (Some(1), true, None));
        assert_eq!(made.key.algorithm, Some(Algorithm::HmacSha256));
        assert_eq!(mac(&keeper, method, b"order 4711").await, expected, "{method}");
    }
    keeper.stop();
    drop(keeper);
    let keeper = site.start();
    assert_eq!(mac(&keeper, "oaep", b"order 4711").await, expected, "after a start");
    assert_eq!(trail::count_of(&site, "key.import", "oaep-kwp"), 1);
    assert!(trail::count(&site, "key.wrapping") == 1);
    // The pair lives in memory only.
    let other = keeper.key_wrapping(admin()).await.unwrap();
    assert_ne!((other.id, &other.public), (wrapping.id, &wrapping.public));
    let expired = bring(&keeper, "late", Purpose::Mac, wrapping.id, late.clone()).await.unwrap_err();
    assert!(matches!(expired, Failure::Refused(Refusal::NotFound { what: "wrapping key", .. })), "{expired:?}");
    let crossed = bring(&keeper, "late", Purpose::Mac, other.id, late).await.unwrap_err();
    assert_eq!(crossed, Failure::Refused(Refusal::DoesNotOpen));
    assert!(keeper.execute(admin(), Show { selector: name("late") }).await.is_err());
}

/// The wrapping as the guide shows it, with OpenSSL's command line.
#[tokio::test]
async fn what_openssl_wrapped_is_what_is_used() {
    let site = Site::new();
    let keeper = site.start();
    let wrapping = keeper.key_wrapping(admin()).await.unwrap();
    let public = site.path("wrapping.der");
    std::fs::write(&public, &wrapping.public).unwrap();
    let options = ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"];
    let mut command = Command::new("openssl");
    command.args(["pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey"]).arg(&public);
    for option in options {
        command.args(["-pkeyopt", option]);
    }
    let Some(wrapped) = piped(&mut command, &GOOD) else {
        println!("not run: what_openssl_wrapped_is_what_is_used: the program openssl is missing");
        return;
    };
    bring(&keeper, "k", Purpose::Mac, wrapping.id, wrapped).await.unwrap();
    let key = format!("hexkey:{}", hex(&GOOD));
    let message = site.path("message");
    std::fs::write(&message, "order 4711").unwrap();
    let digest = ["dgst", "-sha256", "-mac", "HMAC", "-binary", "-macopt", &key];
    let expected = Command::new("openssl").args(digest).arg(&message).output().unwrap().stdout;
    assert_eq!(expected.len(), 32);
    assert_eq!(mac(&keeper, "k", b"order 4711").await, expected);
}

/// Keys that cannot be, and wrappings that do not open: nothing is made of any.
#[tokio::test]
async fn what_is_refused() {
    let site = Site::new();
    let keeper = site.start();
    let wrapping = keeper.key_wrapping(admin()).await.unwrap();
    let test = "what_is_refused";
    let counting: Vec<u8> = (0..32).collect();
    let weak: [(&str, &[u8]); 8] = [
        ("16 bytes", &GOOD[..16]),
        ("31 bytes", &GOOD[..31]),
        ("no bytes", b""),
        ("33 bytes", &[&GOOD[..], b"x"].concat()),
        ("zeros", &[0; 32]),
        ("one byte over and over", &[0xa7; 32]),
        ("a pattern", b"passwordpasswordpasswordpassword"),
        ("counting", &counting),
    ];
    let mut asked = Vec::new();
    for (what, key) in weak {
        // RFC 5649 wraps one byte at least.
        let methods = if key.is_empty() { &["oaep"][..] } else { &["oaep", "oaep-kwp"] };
        asked.extend(methods.iter().map(|method| (what, *method, key)));
    }
    let public = &wrapping.public[..];
    let questions: Vec<_> = asked.iter().map(|(_, method, key)| (*method, vec![public, key])).collect();
    let Some(answers) = peer(test, &questions) else { return };
    for ((what, method, _), wrapped) in asked.iter().zip(answers) {
        match bring(&keeper, "weak", Purpose::Values, wrapping.id, wrapped).await.unwrap_err() {
            Failure::Refused(Refusal::Invalid { field: "key", reason }) => assert!(!reason.is_empty(), "{what}"),
            other => panic!("{what}, {method}: {other:?}"),
        }
    }
    let ways = ["oaep", "oaep-kwp", "oaep-sha1", "pkcs1", "oaep-label", "oaep-kwp-128"];
    let questions: Vec<_> = ways.iter().map(|way| (*way, vec![public, &GOOD[..]])).collect();
    let answers = <[Vec<u8>; 6]>::try_from(peer(test, &questions).unwrap()).unwrap();
    let [good, both, sha1, pkcs1, label, short] = answers;
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    let does_not_open = [
        ("nothing", Vec::new()),
        ("garbage", vec![0x5a; 384]),
        ("cut", good[..383].to_vec()),
        ("longer", [&good[..], &[0]].concat()),
        ("changed", flipped(&good, 0)),
        ("the wrapped part changed", flipped(&both, 400)),
        ("the wrapped part cut", both[..416].to_vec()),
        ("OAEP with SHA-1", sha1),
        ("PKCS#1 v1.5", pkcs1),
        ("with a label", label),
        ("a wrapping key of 16 bytes", short),
        ("in clear", GOOD.to_vec()),
    ];
    for (what, wrapped) in does_not_open {
        let refused = bring(&keeper, "weak", Purpose::Values, wrapping.id, wrapped).await.unwrap_err();
        assert_eq!(refused, Failure::Refused(Refusal::DoesNotOpen), "{what}");
    }
    let unknown = bring(&keeper, "weak", Purpose::Values, Id([7; 16]), good).await.unwrap_err();
    assert!(matches!(unknown, Failure::Refused(Refusal::NotFound { what: "wrapping key", .. })), "{unknown:?}");
    assert!(keeper.execute(admin(), Show { selector: name("weak") }).await.is_err());
    let lines = trail::lines(&site);
    let refused = lines.iter().filter(|line| line.operation == "key.import" && line.outcome != "ok").count();
    assert_eq!(refused, 15 + 12 + 1, "each refusal has its line");
}

/// Keys for signatures: PKCS#8. RSA of 2048 bits is too short, and a key of another algorithm is not taken for it.
#[tokio::test]
async fn keys_for_signatures() {
    let site = Site::new();
    let keeper = site.start();
    let wrapping = keeper.key_wrapping(admin()).await.unwrap();
    let test = "keys_for_signatures";
    let rows = [
        ("ed25519", Algorithm::Ed25519, true),
        ("p256", Algorithm::EcdsaP256Sha256, true),
        ("rsa3072", Algorithm::RsaPss3072Sha256, true),
        ("rsa2048", Algorithm::RsaPss3072Sha256, false),
        ("p256", Algorithm::Ed25519, false),
        ("ed25519", Algorithm::EcdsaP256Sha256, false),
    ];
    let made: Vec<_> = rows.iter().map(|(kind, ..)| ("pkcs8", vec![kind.as_bytes()])).collect();
    let Some(keys) = peer(test, &made) else { return };
    let questions: Vec<_> = keys.iter().map(|pkcs8| ("oaep-kwp", vec![&wrapping.public[..], pkcs8])).collect();
    let wrapped = peer(test, &questions).unwrap();
    let mut signatures = Vec::new();
    for (number, ((kind, algorithm, is_taken), wrapped)) in rows.into_iter().zip(wrapped).enumerate() {
        let text = format!("s/{number}");
        let mut import = bringing(&text, Purpose::Sign, wrapping.id, wrapped);
        import.algorithm = Some(algorithm);
        let made = keeper.key_import(admin(), import).await;
        if !is_taken {
            let refused = made.unwrap_err();
            let is_named = matches!(refused, Failure::Refused(Refusal::Invalid { field: "key", .. }));
            assert!(is_named, "{kind} as {}: {refused:?}", algorithm.word());
            continue;
        }
        assert!(made.is_ok(), "{kind}: {made:?}");
        let messages = vec![SecretBytes::from_slice(b"order 4711")];
        let signed = keeper.execute(admin(), Sign { selector: name(&text), messages }).await.unwrap();
        signatures.push((kind, &keys[number], signed.macs.into_iter().next().unwrap().unwrap()));
    }
    let questions: Vec<_> = signatures
        .iter()
        .map(|(kind, pkcs8, signature)| ("verify", vec![kind.as_bytes(), pkcs8, b"order 4711", signature]))
        .collect();
    let verified = peer(test, &questions).unwrap();
    assert_eq!(verified, vec![b"right".to_vec(); 3], "Python verifies with the keys it brought");
}

/// A version that is brought for `secrets`: what is stored is sealed again under it, and a start finds it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brought_version_seals_what_is_stored() {
    let scene = Scene::new();
    let keeper = scene.start();
    for number in 0..50 {
        put(&keeper, &format!("s/{number}"), format!("value {number}").as_bytes()).await.unwrap();
    }
    let wrapping = keeper.key_wrapping(admin()).await.unwrap();
    let test = "a_brought_version_seals_what_is_stored";
    let Some(wrapped) = peer_once(test, "oaep-kwp", &[&wrapping.public, &GOOD]) else { return };
    let wrong = bring(&keeper, "secrets", Purpose::Mac, wrapping.id, wrapped.clone()).await.unwrap_err();
    assert!(matches!(wrong, Failure::Refused(Refusal::WrongPurpose { .. })), "{wrong:?}");
    let made = bring(&keeper, "secrets", Purpose::Secrets, wrapping.id, wrapped).await.unwrap();
    assert_eq!((made.key.active, made.key.versions[1].imported), (Some(2), true));
    assert_eq!(scene.over(&keeper, made.job.unwrap()).await.state, JobState::Done);
    assert_eq!(counted(&keeper).await, [(2, 50)].into());
    assert_eq!(scene.proofs(1), 1);
    keeper.stop();
    drop(keeper);
    let keeper = scene.start();
    for number in 0..50 {
        assert_eq!(value(&keeper, &format!("s/{number}")).await, format!("value {number}").into_bytes());
    }
}

/// A brought key of purpose `values` opens what it sealed after more versions were made.
#[tokio::test]
async fn a_brought_key_has_versions_like_every_other() {
    let site = Site::new();
    let keeper = site.start();
    let wrapping = keeper.key_wrapping(admin()).await.unwrap();
    let test = "a_brought_key_has_versions_like_every_other";
    let Some(wrapped) = peer_once(test, "oaep", &[&wrapping.public, &GOOD]) else { return };
    bring(&keeper, "k", Purpose::Values, wrapping.id, wrapped).await.unwrap();
    let item = EncryptItem { value: SecretBytes::from_slice(b"hello"), context: Ok(Context::empty()) };
    let sealed =
        keeper.execute(admin(), Encrypt { selector: name("k"), items: vec![item], many: false }).await.unwrap();
    let sealed = sealed.items.into_iter().next().unwrap().unwrap();
    let mut other = GOOD;
    other.reverse();
    let wrapped = peer_once(test, "oaep", &[&wrapping.public, &other]).unwrap();
    let made = bring(&keeper, "k", Purpose::Values, wrapping.id, wrapped).await.unwrap();
    assert_eq!((made.key.active, made.key.versions.len()), (Some(2), 2));
    let item = DecryptItem { sealed: sealed.clone(), context: Ok(Context::empty()) };
    let opened = Decrypt { selector: name("k"), items: vec![item], many: false, compromised: false };
    let opened = keeper.execute(admin(), opened).await.unwrap().items.remove(0).unwrap();
    assert_eq!((opened.0, opened.1.expose()), (1, &b"hello"[..]));
    // Another implementation opens it with the key that was brought: docs/spec/value.md.
    assert_eq!(peer_once(test, "open-value", &[&GOOD, &sealed]).unwrap(), b"hello");
}
