//! `key.rewrap`: sealed values are opened and sealed again under the active version; the plaintext never leaves.

use super::apply::{active, alone, check_batch, note_contexts, open, refuse_only, seal};
use super::decrypt::DecryptItem;
use super::encrypt::EncryptReply;
use super::limit::Allowance;
use crate::name::Selector;
use crate::policy::Action;
use crate::rule::{Done, Facts, KeyChoice, Operation, Stop};

/// Seals values again.
#[derive(Debug)]
pub struct Rewrap {
    /// The key they were sealed under, in any of its versions.
    pub selector: Selector,
    /// Which values; one that does not open does not fail the others.
    pub items: Vec<DecryptItem>,
    /// Whether many were asked for: then one that is refused does not fail the request.
    pub many: bool,
}

impl Operation for Rewrap {
    type Reply = EncryptReply;
    const ACTION: Action = Action::KeyRewrap;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<EncryptReply>, Stop> {
        let key = active(facts, Self::ACTION, &self.selector)?;
        check_batch(facts, self.items.len())?;
        note_contexts(facts, self.items.iter().filter_map(|item| item.context.as_ref().ok()));
        let opened = |facts: &mut Facts<'_>, item: &DecryptItem| {
            alone(open(facts, KeyChoice::Exact, key.key_id, item.context.as_ref(), &item.sealed))
        };
        // Only what opens is a use.
        let mut uses = Allowance::ask(facts, &key, |facts| {
            self.items.iter().try_fold(0, |count, item| Ok(count + usize::from(opened(facts, item)?.is_ok())))
        })?;
        let mut items = Vec::with_capacity(self.items.len());
        for item in &self.items {
            let value = opened(facts, item)?;
            items.push(value.and_then(|(_, value)| seal(&mut uses, item.context.as_ref(), value.expose())));
        }
        refuse_only(self.many, &items)?;
        facts.used_key(key.key_id, key.version);
        Ok(Done::read(EncryptReply { key_id: key.key_id, name: key.name.clone(), version: key.version, items }))
    }
}
