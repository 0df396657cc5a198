//! Using keys.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_api::WireSecret;
use strongroom_api::key::{
    DatakeyRequest, DecryptItem, DecryptRequest, EncryptRequest, MacRequest, RandomRequest, RewrapRequest, SignRequest,
    VerifyItem, VerifyRequest,
};
use strongroom_client::Client;
use strongroom_secret::SecretBytes;

use crate::cli::{Contexts, Given, Key};
use crate::command::Here;
use crate::failure::Failure;
use crate::input;
use crate::output::Output;

/// Sealed values that are sent at once.
const BATCH: usize = 500;

/// Runs one of them.
pub fn run(here: &Here<'_>, key: Key) -> Result<(), Failure> {
    match key {
        Key::Encrypt { name, contexts, given, .. } => {
            let value_base64 = Some(WireSecret::new(input::value(&given, here.output)?));
            let request = EncryptRequest { name, value_base64, context: context(contexts)?, items: None };
            here.call(|client, output| async move {
                let reply = client.call(&request).await?;
                output.answer(&reply, || reply.ciphertext.clone().unwrap_or_default());
                Ok(())
            })
        }
        Key::Decrypt { name, contexts, given, compromised, .. } => {
            let ciphertext = Some(line(&given)?);
            let request = DecryptRequest { name, ciphertext, context: context(contexts)?, items: None, compromised };
            here.call(|client, output| decrypt(client, output, request))
        }
        Key::Rewrap { name, contexts, given } => {
            let lines = lines(&given)?;
            let context = context(contexts)?;
            here.call(|client, output| rewrap(client, output, name, context, lines))
        }
        Key::Datakey { name, contexts, sealed_only } => {
            let request = DatakeyRequest { name, context: context(contexts)?, sealed_only };
            here.call(|client, output| async move {
                let reply = client.call(&request).await?;
                // The key itself is shown with --json only: a terminal keeps what it has shown.
                output.answer(&reply, || reply.ciphertext.clone());
                Ok(())
            })
        }
        Key::Random { bytes } => here.call(|client, output| async move {
            let reply = client.call(&RandomRequest { bytes }).await?;
            if output.is_json() {
                output.json_line(&reply);
                return Ok(());
            }
            output.bytes(reply.value_base64.into_secret().expose())
        }),
        Key::Mac { name, given } => {
            let message = input::value(&given, here.output)?;
            here.call(|client, output| mac(client, output, name, message))
        }
        Key::Sign { name, given } => {
            let message = input::value(&given, here.output)?;
            here.call(|client, output| sign(client, output, name, message))
        }
        Key::Verify { name, mac, signature, given } => {
            let made = Made { is_mac: mac.is_some(), text: mac.or(signature).unwrap_or_default() };
            let message = input::value(&given, here.output)?;
            here.call(|client, output| verify(client, output, name, made, message))
        }
        _ => Err(Failure::usage("this command is not one of using keys", "see `strongroom key --help`")),
    }
}

async fn decrypt(client: Client, output: &Output, request: DecryptRequest) -> Result<(), Failure> {
    let reply = client.call(&request).await?;
    if output.is_json() {
        output.json_line(&reply);
        return Ok(());
    }
    let value = reply.value_base64.map_or_else(SecretBytes::new, WireSecret::into_secret);
    output.bytes(value.expose())
}

async fn rewrap(
    client: Client,
    output: &Output,
    name: String,
    context: BTreeMap<String, String>,
    lines: Vec<String>,
) -> Result<(), Failure> {
    let mut failed = 0;
    for chunk in lines.chunks(BATCH) {
        let item = |ciphertext: &String| DecryptItem { ciphertext: ciphertext.clone(), context: context.clone() };
        let items = Some(chunk.iter().map(item).collect());
        let request = RewrapRequest { name: name.clone(), ciphertext: None, context: BTreeMap::new(), items };
        let reply = client.call(&request).await?;
        if output.is_json() {
            output.json_line(&reply);
        }
        for (place, item) in reply.items.iter().flatten().enumerate() {
            match (&item.ciphertext, &item.error) {
                (Some(ciphertext), _) if !output.is_json() => output.text(ciphertext),
                (Some(_), _) => {}
                (None, error) => {
                    failed += 1;
                    let why = error.as_ref().map_or("", |error| error.message.as_str());
                    output.remark(&format!("value {}: {why}", place + 1));
                }
            }
        }
    }
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::Findings(format!("{failed} of {} values were not sealed again", lines.len())))
}

async fn mac(client: Client, output: &Output, name: String, message: SecretBytes) -> Result<(), Failure> {
    let reply = client.call(&MacRequest { name, messages_base64: vec![WireSecret::new(message)] }).await?;
    output.answer(&reply, || format!("{}:{}", reply.version, made(&reply.macs_base64)));
    Ok(())
}

async fn sign(client: Client, output: &Output, name: String, message: SecretBytes) -> Result<(), Failure> {
    let reply = client.call(&SignRequest { name, messages_base64: vec![WireSecret::new(message)] }).await?;
    let signature = made(&reply.signatures_base64);
    output.answer(&reply, || format!("{}:{signature}", reply.version));
    Ok(())
}

/// What was made of the only message: it is there, or the request was refused.
fn made(texts: &[Option<String>]) -> &str {
    texts.first().and_then(Option::as_deref).unwrap_or_default()
}

/// A MAC or a signature, as it was written.
struct Made {
    is_mac: bool,
    text: String,
}

async fn verify(
    client: Client,
    output: &Output,
    name: String,
    made: Made,
    message: SecretBytes,
) -> Result<(), Failure> {
    let wrong = || Failure::usage("this is not VERSION:BASE64", "give what `strongroom key mac` or `sign` wrote");
    let (version, text) = made.text.split_once(':').ok_or_else(wrong)?;
    let version = version.parse().map_err(|_| wrong())?;
    let bytes = Some(WireSecret::new(SecretBytes::from_vec(STANDARD.decode(text).map_err(|_| wrong())?)));
    let (mac_base64, signature_base64) = if made.is_mac { (bytes, None) } else { (None, bytes) };
    let item = VerifyItem { message_base64: WireSecret::new(message), version, mac_base64, signature_base64 };
    let reply = client.call(&VerifyRequest { name, items: vec![item] }).await?;
    let item = reply.items.first();
    if let Some(error) = item.and_then(|item| item.error.as_ref()) {
        return Err(Failure::Findings(format!("{}; {}", error.message, error.code.fix())));
    }
    let is_right = item.and_then(|item| item.valid).unwrap_or(false);
    output.answer(&reply, || if is_right { "right".to_owned() } else { "wrong".to_owned() });
    if is_right {
        Ok(())
    } else {
        Err(Failure::NotAuthentic("it was not made of this message with this key".to_owned()))
    }
}

fn context(contexts: Contexts) -> Result<BTreeMap<String, String>, Failure> {
    let mut context = BTreeMap::new();
    for (name, text) in contexts.pairs {
        if context.insert(name.clone(), text).is_some() {
            let message = format!("the context has the name `{name}` twice");
            return Err(Failure::usage(message, "give each name once"));
        }
    }
    Ok(context)
}

/// One sealed value: a line of text.
fn line(given: &Given) -> Result<String, Failure> {
    let mut lines = lines(given)?;
    match (lines.pop(), lines.is_empty()) {
        (Some(line), true) => Ok(line),
        (None, _) => Err(Failure::usage("there is no sealed value", "give one on standard input or with --file")),
        (Some(_), false) => Err(Failure::usage("there is more than one line", "give one sealed value")),
    }
}

fn lines(given: &Given) -> Result<Vec<String>, Failure> {
    let text = input::text(given)?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
