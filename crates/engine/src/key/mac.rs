//! `key.mac` and `key.sign`: message authentication codes and signatures are made; and `key.verify`: they are checked.

use std::sync::Arc;

use strongroom_envelope::Id;
use strongroom_secret::SecretBytes;

use super::apply::{active, alone, check_batch, named, permitted_id};
use super::limit::Allowance;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, KeyChoice, KeyHandle, Material, Operation, Refusal, Reply, Stop};

/// Makes a MAC of each message.
#[derive(Debug)]
pub struct MakeMac {
    /// With which key.
    pub selector: Selector,
    /// The messages.
    pub messages: Vec<SecretBytes>,
}

/// MACs or signatures, in the order of the request.
#[derive(Debug)]
pub struct MacReply {
    /// The key.
    pub key_id: Id,
    /// Its name.
    pub name: Name,
    /// The version they are made with.
    pub version: u32,
    /// What was made of the messages, or why nothing was; never of none.
    pub macs: Vec<Result<Vec<u8>, Refusal>>,
}

impl Operation for MakeMac {
    type Reply = MacReply;
    const ACTION: Action = Action::KeyMac;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<MacReply>, Stop> {
        let key = active(facts, Self::ACTION, &self.selector)?;
        check_batch(facts, self.messages.len())?;
        let Material::Mac(mac) = &*key.material else {
            return Err(wrong_purpose(&key).into());
        };
        let macs = made(facts, &key, &self.messages, |message| mac.mac(&[message]).to_vec())?;
        Ok(Done::read(MacReply { key_id: key.key_id, name: key.name.clone(), version: key.version, macs }))
    }
}

/// Never kept: making them again gives the same.
impl Reply for MacReply {}

/// Signs each message.
#[derive(Debug)]
pub struct Sign {
    /// With which key.
    pub selector: Selector,
    /// The messages.
    pub messages: Vec<SecretBytes>,
}

impl Operation for Sign {
    type Reply = MacReply;
    const ACTION: Action = Action::KeySign;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<MacReply>, Stop> {
        let key = active(facts, Self::ACTION, &self.selector)?;
        check_batch(facts, self.messages.len())?;
        let Material::Sign(pair) = &*key.material else {
            return Err(wrong_purpose(&key).into());
        };
        let macs = made(facts, &key, &self.messages, |message| pair.private.sign(message))?;
        Ok(Done::read(MacReply { key_id: key.key_id, name: key.name.clone(), version: key.version, macs }))
    }
}

/// Checks what a key has made of messages.
#[derive(Debug)]
pub struct Verify {
    /// With which key.
    pub selector: Selector,
    /// What is checked.
    pub items: Vec<VerifyItem>,
}

/// A message and what was made of it.
#[derive(Debug)]
pub struct VerifyItem {
    /// The message.
    pub message: SecretBytes,
    /// The version that made it.
    pub version: u32,
    /// What was made of it.
    pub made: SecretBytes,
}

/// What was found, in the order of the request.
#[derive(Debug)]
pub struct VerifyReply {
    /// The key.
    pub key_id: Id,
    /// Whether each is right, or why that cannot be told.
    pub items: Vec<Result<bool, Refusal>>,
}

impl Operation for Verify {
    type Reply = VerifyReply;
    const ACTION: Action = Action::KeyVerify;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<VerifyReply>, Stop> {
        let key_id = permitted_id(facts, Self::ACTION, &self.selector)?;
        check_batch(facts, self.items.len())?;
        let mut items = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let handle = match alone(facts.key(&KeyChoice::Exact(key_id, item.version)))? {
                Ok(handle) => named(facts, Self::ACTION, &self.selector, handle)?,
                Err(refusal) => {
                    items.push(Err(refusal));
                    continue;
                }
            };
            items.push(is_right(&handle, item.message.expose(), item.made.expose()));
        }
        Ok(Done::read(VerifyReply { key_id, items }))
    }
}

/// What is made of the messages, as long as the key may be used; a request of which nothing can be made is refused.
fn made(
    facts: &mut Facts<'_>,
    key: &KeyHandle,
    messages: &[SecretBytes],
    make: impl Fn(&[u8]) -> Vec<u8>,
) -> Result<Vec<Result<Vec<u8>, Refusal>>, Stop> {
    let mut uses = Allowance::ask(facts, key, |_| Ok(messages.len()))?;
    let made: Vec<_> = messages.iter().map(|message| uses.take().map(|()| make(message.expose()))).collect();
    match made.first() {
        Some(Err(refusal)) => Err(refusal.clone().into()),
        _ => Ok(made),
    }
}

fn is_right(key: &Arc<KeyHandle>, message: &[u8], made: &[u8]) -> Result<bool, Refusal> {
    match &*key.material {
        Material::Mac(mac) => Ok(mac.verify(&[message], made)),
        Material::Sign(pair) => Ok(pair.public.verify(message, made)),
        Material::Sealing(_) | Material::Master(_) => Err(wrong_purpose(key)),
    }
}

fn wrong_purpose(key: &KeyHandle) -> Refusal {
    Refusal::WrongPurpose { key: key.name.to_string(), purpose: key.purpose }
}

/// Nothing to keep.
impl Reply for VerifyReply {}
