//! `protector-plugin remote`: this program as a plug-in of another server, whose keys are wrapped by a key of this one.
//!
//! The protocol is that of `docs/guide/plugins.md`: one line in, one line out, and nothing of a failure but a word.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use strongroom_api::WireSecret;
use strongroom_api::key::{DecryptRequest, EncryptRequest};
use strongroom_client::{Client, ClientError, Patience, Pin, Target, Trust};
use strongroom_secret::{AccessToken, SecretBytes};

use crate::cli::{Global, Remote};
use crate::failure::Failure;
use crate::output::Output;

/// Answers the question on standard input.
pub fn remote(global: &Global, remote: &Remote, output: &Output) -> Result<(), Failure> {
    let reply = answer(global, remote).unwrap_or_else(|word| Reply { error: Some(word), ..Reply::default() });
    // Made at once at its full size: nothing of it is left in a buffer that grew.
    let mut line = Vec::with_capacity(LONGEST);
    serde_json::to_writer(&mut line, &reply).map_err(|error| Failure::local("writing the reply", error, ""))?;
    line.push(b'\n');
    output.bytes(SecretBytes::from_vec(line).expose())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    version: u32,
    operation: String,
    context_base64: String,
    #[serde(default)]
    key_base64: Option<WireSecret>,
    #[serde(default)]
    wrapped_base64: Option<String>,
}

#[derive(Default, Serialize)]
struct Reply {
    #[serde(skip_serializing_if = "Option::is_none")]
    wrapped_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<WireSecret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

fn answer(global: &Global, remote: &Remote) -> Result<Reply, &'static str> {
    let question = read_up_to(std::io::stdin().lock(), LONGEST).map_err(|_| INVALID)?;
    let question: Question = serde_json::from_slice(question.expose()).map_err(|_| INVALID)?;
    let target = target(global, remote)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|_| UNAVAILABLE)?;
    runtime.block_on(async {
        let client = Client::connect_with(target, PATIENCE).await.map_err(|error| word(&error))?;
        ask(&client, &remote.key, question).await
    })
}

async fn ask(client: &Client, key: &str, question: Question) -> Result<Reply, &'static str> {
    let name = key.to_owned();
    let context = [("protector".to_owned(), question.context_base64)].into();
    match (question.version, question.operation.as_str(), question.key_base64, question.wrapped_base64) {
        (1, "wrap", Some(value), None) => {
            let request = EncryptRequest { name, value_base64: Some(value), context, items: None };
            let reply = client.call(&request).await.map_err(|error| word(&error))?;
            let wrapped = reply.ciphertext.ok_or(UNAVAILABLE)?;
            Ok(Reply { wrapped_base64: Some(STANDARD.encode(wrapped)), ..Reply::default() })
        }
        (1, "unwrap", None, Some(wrapped)) => {
            let wrapped = STANDARD.decode(wrapped).map_err(|_| INVALID)?;
            let ciphertext = Some(String::from_utf8(wrapped).map_err(|_| INVALID)?);
            let request = DecryptRequest { name, ciphertext, context, items: None, compromised: false };
            let reply = client.call(&request).await.map_err(|error| word(&error))?;
            Ok(Reply { key_base64: Some(reply.value_base64.ok_or(UNAVAILABLE)?), ..Reply::default() })
        }
        // Connecting was the probe.
        (1, "probe", None, None) => Ok(Reply::default()),
        (1, "wrap" | "unwrap" | "probe", ..) => Err(INVALID),
        _ => Err("unsupported"),
    }
}

/// The exit code says whose fault it was.
fn word(error: &ClientError) -> &'static str {
    match error.exit_code() {
        2 | 7 => INVALID,
        3 => "not_found",
        4 | 5 => "denied",
        _ => UNAVAILABLE,
    }
}

fn target(global: &Global, remote: &Remote) -> Result<Target, &'static str> {
    let Some(address) = global.address.clone() else {
        return global.data.clone().map(Target::Socket).ok_or(UNAVAILABLE);
    };
    let trust = match (&remote.pin, &remote.ca) {
        (Some(pin), _) => Trust::Pin(Pin::parse(pin).map_err(|_| UNAVAILABLE)?),
        (None, Some(path)) => Trust::Ca(std::fs::read(path).map_err(|_| UNAVAILABLE)?),
        (None, None) => return Err(UNAVAILABLE),
    };
    let token = token(remote.token_file.as_deref().ok_or("denied")?)?;
    Ok(Target::Tcp { address, token, trust: Some(trust) })
}

/// A token in a file that only its owner can read, as private keys and PINs are.
fn token(path: &Path) -> Result<AccessToken, &'static str> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let handle = rustix::fs::open(path, flags, Mode::empty()).map_err(|_| "denied")?;
    if rustix::fs::fstat(&handle).map_err(|_| "denied")?.st_mode & 0o077 != 0 {
        return Err("denied");
    }
    let mut text = read_up_to(File::from(handle), LONGEST).map_err(|_| "denied")?;
    let length = text.expose().trim_ascii_end().len();
    text.truncate(length);
    AccessToken::from_bytes(text).map_err(|_| "denied")
}

fn read_up_to(mut from: impl Read, most: usize) -> std::io::Result<SecretBytes> {
    let mut bytes = SecretBytes::with_capacity(most);
    let mut length = 0;
    let room = bytes.extend_zeroed(most);
    loop {
        match from.read(&mut room[length..])? {
            0 if length < most => break,
            0 => return Err(std::io::ErrorKind::InvalidData.into()),
            read => length += read,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

const INVALID: &str = "invalid";
const UNAVAILABLE: &str = "unavailable";
/// Whoever asks gives up after five seconds.
const PATIENCE: Patience = Patience { connect: Duration::from_secs(2), reply: Duration::from_secs(2) };
const LONGEST: usize = 16 * 1024;
