//! Using keys: one value, or many in one request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_api::WireSecret;
use strongroom_api::key as wire;
use strongroom_engine::key as rule;
use strongroom_engine::name::Selector;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::value;
use strongroom_keeper::facade::Caller;
use strongroom_secret::SecretBytes;

use super::{context, item_error};
use crate::refused::Failed;
use crate::routes::Route;
use crate::shell::Shell;

impl Route for wire::EncryptRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::EncryptReply, Failed> {
        let selector = Selector::parse(&self.name)?;
        let item = |value: WireSecret, pairs: &wire::Context| rule::EncryptItem {
            value: value.into_secret(),
            context: context(pairs),
        };
        let (items, many) = match (self.value_base64, self.items) {
            (Some(value), None) => (vec![item(value, &self.context)], false),
            (None, Some(items)) => {
                let items = items.into_iter();
                (items.map(|one| item(one.value_base64, own(&one.context, &self.context))).collect(), true)
            }
            _ => return Err(one_or_many("value_base64").into()),
        };
        let reply = shell.keeper.execute(caller, rule::Encrypt { selector, items, many }).await?;
        Ok(sealed(reply, many)?)
    }
}

impl Route for wire::DecryptRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::DecryptReply, Failed> {
        let selector = Selector::parse(&self.name)?;
        let (items, many) = ciphertexts(self.ciphertext, self.context, self.items)?;
        let decrypt = rule::Decrypt { selector, items, many, compromised: self.compromised };
        let reply = shell.keeper.execute(caller, decrypt).await?;
        let key = reply.key_id.to_string();
        if many {
            let items = reply.items.into_iter().map(plaintext).collect();
            return Ok(wire::DecryptReply { key, value_base64: None, version: None, items: Some(items) });
        }
        let (version, value) = only(reply.items)?;
        Ok(wire::DecryptReply { key, value_base64: Some(value.into()), version: Some(version), items: None })
    }
}

impl Route for wire::RewrapRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::EncryptReply, Failed> {
        let selector = Selector::parse(&self.name)?;
        let (items, many) = ciphertexts(self.ciphertext, self.context, self.items)?;
        let reply = shell.keeper.execute(caller, rule::Rewrap { selector, items, many }).await?;
        Ok(sealed(reply, many)?)
    }
}

impl Route for wire::DatakeyRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::DatakeyReply, Failed> {
        let (selector, context) = (Selector::parse(&self.name)?, context(&self.context)?);
        let make = rule::DataKey { selector, context, plaintext: !self.sealed_only };
        let made = shell.keeper.execute(caller, make).await?;
        Ok(wire::DatakeyReply {
            key: made.key_id.to_string(),
            version: made.version,
            ciphertext: value::to_text(&made.sealed),
            value_base64: made.plaintext.map(WireSecret::from),
        })
    }
}

impl Route for wire::RandomRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::RandomReply, Failed> {
        let bytes = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        let drawn = shell.keeper.execute(caller, rule::Random { bytes }).await?;
        Ok(wire::RandomReply { value_base64: drawn.value.into() })
    }
}

impl Route for wire::MacRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::MacReply, Failed> {
        let selector = Selector::parse(&self.name)?;
        let messages = self.messages_base64.into_iter().map(WireSecret::into_secret).collect();
        let made = shell.keeper.execute(caller, rule::MakeMac { selector, messages }).await?;
        let (key, version) = (made.key_id.to_string(), made.version);
        let (macs_base64, error) = texts(made.macs);
        Ok(wire::MacReply { key, version, macs_base64, error })
    }
}

impl Route for wire::SignRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::SignReply, Failed> {
        let selector = Selector::parse(&self.name)?;
        let messages = self.messages_base64.into_iter().map(WireSecret::into_secret).collect();
        let made = shell.keeper.execute(caller, rule::Sign { selector, messages }).await?;
        let (key, version) = (made.key_id.to_string(), made.version);
        let (signatures_base64, error) = texts(made.macs);
        Ok(wire::SignReply { key, version, signatures_base64, error })
    }
}

impl Route for wire::VerifyRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::VerifyReply, Failed> {
        let selector = Selector::parse(&self.name)?;
        let item = |item: wire::VerifyItem| match (item.mac_base64, item.signature_base64) {
            (Some(made), None) | (None, Some(made)) => {
                let (message, made) = (item.message_base64.into_secret(), made.into_secret());
                Ok(rule::VerifyItem { message, version: item.version, made })
            }
            _ => {
                let reason = "give each item either `mac_base64` or `signature_base64`".to_owned();
                Err(Refusal::Invalid { field: "items", reason })
            }
        };
        let items = self.items.into_iter().map(item).collect::<Result<_, _>>()?;
        let found = shell.keeper.execute(caller, rule::Verify { selector, items }).await?;
        let verdict = |item: Result<bool, Refusal>| match item {
            Ok(valid) => wire::Verdict { valid: Some(valid), error: None },
            Err(refusal) => wire::Verdict { valid: None, error: Some(item_error(&refusal)) },
        };
        let items = found.items.into_iter().map(verdict).collect();
        Ok(wire::VerifyReply { key: found.key_id.to_string(), items })
    }
}

/// What was made, and why some was not.
fn texts(made: Vec<Result<Vec<u8>, Refusal>>) -> (Vec<Option<String>>, Option<wire::ItemError>) {
    let error = made.iter().find_map(|made| made.as_ref().err()).map(item_error);
    let texts = made.into_iter().map(|made| made.ok().map(|made| STANDARD.encode(made)));
    (texts.collect(), error)
}

/// One sealed value, or many.
fn ciphertexts(
    one: Option<String>,
    pairs: wire::Context,
    many: Option<Vec<wire::DecryptItem>>,
) -> Result<(Vec<rule::DecryptItem>, bool), Refusal> {
    match (one, many) {
        (Some(text), None) => Ok((vec![ciphertext(&text, &pairs)], false)),
        (None, Some(items)) => {
            let item = |item: &wire::DecryptItem| ciphertext(&item.ciphertext, own(&item.context, &pairs));
            Ok((items.iter().map(item).collect(), true))
        }
        _ => Err(one_or_many("ciphertext")),
    }
}

/// The context of an item, or the request's when it has none.
fn own<'a>(item: &'a wire::Context, request: &'a wire::Context) -> &'a wire::Context {
    if item.is_empty() { request } else { item }
}

/// What is no sealed value in text form at all opens as little as one that was changed, and is answered alike.
fn ciphertext(text: &str, pairs: &wire::Context) -> rule::DecryptItem {
    rule::DecryptItem { sealed: value::from_text(text).unwrap_or_default(), context: context(pairs) }
}

fn one_or_many(field: &'static str) -> Refusal {
    let reason = format!("give either one `{field}`, or `items`");
    Refusal::Invalid { field, reason }
}

fn sealed(reply: rule::EncryptReply, many: bool) -> Result<wire::EncryptReply, Refusal> {
    let (key, version) = (reply.key_id.to_string(), reply.version);
    if many {
        let items = reply.items.into_iter().map(|item| match item {
            Ok(sealed) => wire::Sealed { ciphertext: Some(value::to_text(&sealed)), error: None },
            Err(refusal) => wire::Sealed { ciphertext: None, error: Some(item_error(&refusal)) },
        });
        return Ok(wire::EncryptReply { key, version, ciphertext: None, items: Some(items.collect()) });
    }
    let sealed = only(reply.items)?;
    Ok(wire::EncryptReply { key, version, ciphertext: Some(value::to_text(&sealed)), items: None })
}

fn plaintext(item: Result<(u32, SecretBytes), Refusal>) -> wire::Plaintext {
    match item {
        Ok((version, value)) => {
            wire::Plaintext { value_base64: Some(value.into()), version: Some(version), error: None }
        }
        Err(refusal) => wire::Plaintext { value_base64: None, version: None, error: Some(item_error(&refusal)) },
    }
}

/// The one item of a request for one value; what it was refused for is what the request is refused for.
fn only<T>(items: Vec<Result<T, Refusal>>) -> Result<T, Refusal> {
    items.into_iter().next().unwrap_or(Err(Refusal::DoesNotOpen))
}
