//! `key.encrypt`: values of an application are sealed; and `key.datakey`: a key for it to encrypt with itself.

use strongroom_envelope::Id;
use strongroom_envelope::value::Context;
use strongroom_secret::SecretBytes;

use super::apply::{active, check_batch, check_value, note_contexts, refuse_only, seal};
use super::limit::Allowance;
use super::make::KEY_BYTES;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Refusal, Reply, Stop};

/// Seals values.
#[derive(Debug)]
pub struct Encrypt {
    /// Under which key.
    pub selector: Selector,
    /// Which values; one that cannot be sealed does not fail the others.
    pub items: Vec<EncryptItem>,
    /// Whether many were asked for: then one that is refused does not fail the request.
    pub many: bool,
}

/// One value.
#[derive(Debug)]
pub struct EncryptItem {
    /// The value.
    pub value: SecretBytes,
    /// Must be the same when it is decrypted; or why there cannot be such a context.
    pub context: Result<Context, Refusal>,
}

/// Sealed values, in the order of the request.
#[derive(Debug)]
pub struct EncryptReply {
    /// The key.
    pub key_id: Id,
    /// Its name.
    pub name: Name,
    /// The version they are sealed under.
    pub version: u32,
    /// Each sealed value, or why it was not sealed.
    pub items: Vec<Result<Vec<u8>, Refusal>>,
}

impl Operation for Encrypt {
    type Reply = EncryptReply;
    const ACTION: Action = Action::KeyEncrypt;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<EncryptReply>, Stop> {
        let key = active(facts, Self::ACTION, &self.selector)?;
        check_batch(facts, self.items.len())?;
        note_contexts(facts, self.items.iter().filter_map(|item| item.context.as_ref().ok()));
        key.sealing(strongroom_envelope::value::Purpose::Values)?;
        let fits = |item: &&EncryptItem| check_value(item.context.as_ref(), item.value.expose()).is_ok();
        let mut uses = Allowance::ask(facts, &key, |_| Ok(self.items.iter().filter(fits).count()))?;
        let items: Vec<_> =
            self.items.iter().map(|item| seal(&mut uses, item.context.as_ref(), item.value.expose())).collect();
        refuse_only(self.many, &items)?;
        Ok(Done::read(EncryptReply { key_id: key.key_id, name: key.name.clone(), version: key.version, items }))
    }
}

/// Never kept: sealing again is as good.
impl Reply for EncryptReply {}

/// Makes a data key: 32 random bytes, sealed as a value, so that `key.decrypt` opens it again.
#[derive(Debug)]
pub struct DataKey {
    /// Under which key.
    pub selector: Selector,
    /// Must be the same when it is decrypted.
    pub context: Context,
    /// Whether the reply holds the key itself, too.
    pub plaintext: bool,
}

/// A data key.
#[derive(Debug)]
pub struct DataKeyReply {
    /// The key it is sealed under.
    pub key_id: Id,
    /// That key's name.
    pub name: Name,
    /// The version it is sealed under.
    pub version: u32,
    /// The data key, sealed.
    pub sealed: Vec<u8>,
    /// The data key itself, when it was asked for.
    pub plaintext: Option<SecretBytes>,
}

impl Operation for DataKey {
    type Reply = DataKeyReply;
    const ACTION: Action = Action::KeyDatakey;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<DataKeyReply>, Stop> {
        let key = active(facts, Self::ACTION, &self.selector)?;
        facts.context(&self.context);
        let mut plaintext = SecretBytes::with_capacity(KEY_BYTES);
        facts.fill(plaintext.extend_zeroed(KEY_BYTES));
        let mut uses = Allowance::ask(facts, &key, |_| Ok(1))?;
        let sealed = seal(&mut uses, Ok(&self.context), plaintext.expose())?;
        Ok(Done::read(DataKeyReply {
            key_id: key.key_id,
            name: key.name.clone(),
            version: key.version,
            sealed,
            plaintext: self.plaintext.then_some(plaintext),
        }))
    }
}

/// Never kept: it holds a key.
impl Reply for DataKeyReply {}
