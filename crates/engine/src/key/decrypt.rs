//! `key.decrypt`: values that `key.encrypt` sealed are opened.

use strongroom_envelope::Id;
use strongroom_envelope::value::Context;
use strongroom_secret::SecretBytes;

use super::apply::{alone, check_batch, named, note_contexts, open, permitted_id, refuse_only};
use crate::name::{Name, Selector};
use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, KeyChoice, Operation, Refusal, Reply, Stop};

/// Opens values.
#[derive(Debug)]
pub struct Decrypt {
    /// The key they were sealed under, in any of its versions.
    pub selector: Selector,
    /// Which values; one that does not open does not fail the others.
    pub items: Vec<DecryptItem>,
    /// Whether many were asked for: then one that is refused does not fail the request.
    pub many: bool,
    /// Also open what a compromised version sealed; needs [`Action::KeyDecryptCompromised`].
    pub compromised: bool,
}

/// One sealed value.
#[derive(Debug)]
pub struct DecryptItem {
    /// The sealed value.
    pub sealed: Vec<u8>,
    /// As it was when it was sealed; or why there cannot be such a context.
    pub context: Result<Context, Refusal>,
}

/// Opened values, in the order of the request.
#[derive(Debug)]
pub struct DecryptReply {
    /// The key.
    pub key_id: Id,
    /// Its name, when anything was opened.
    pub name: Option<Name>,
    /// Each value with the version that sealed it, or why it was not opened.
    pub items: Vec<Result<(u32, SecretBytes), Refusal>>,
}

impl Operation for Decrypt {
    type Reply = DecryptReply;
    const ACTION: Action = Action::KeyDecrypt;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<DecryptReply>, Stop> {
        let key_id = permitted_id(facts, Self::ACTION, &self.selector)?;
        if self.compromised {
            self.permit_compromised(facts, key_id)?;
        }
        check_batch(facts, self.items.len())?;
        note_contexts(facts, self.items.iter().filter_map(|item| item.context.as_ref().ok()));
        let choice = |id, version| match self.compromised {
            true => KeyChoice::Compromised(id, version),
            false => KeyChoice::Exact(id, version),
        };
        let mut name = None;
        let mut items = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let opened = alone(open(facts, choice, key_id, item.context.as_ref(), &item.sealed))?;
            items.push(match opened {
                Ok((handle, value)) => {
                    let handle = named(facts, Self::ACTION, &self.selector, handle)?;
                    name = Some(handle.name.clone());
                    Ok((handle.version, value))
                }
                Err(refusal) => Err(refusal),
            });
        }
        refuse_only(self.many, &items)?;
        Ok(Done::read(DecryptReply { key_id, name, items }))
    }
}

impl Decrypt {
    /// A permission of its own, and then again the one of this operation, whose word the line has.
    fn permit_compromised(&self, facts: &mut Facts<'_>, key_id: Id) -> Result<(), Stop> {
        let object = match &self.selector {
            Selector::Name(name) => Object::Name(name.as_str()),
            Selector::Id(_) => Object::Id(key_id),
        };
        facts.permit(Action::KeyDecryptCompromised, object)?;
        facts.permit(Self::ACTION, object)
    }
}

/// Never kept: it holds values.
impl Reply for DecryptReply {}
