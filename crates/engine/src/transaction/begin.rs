//! `tx.begin`: a request is recorded, and with it a transaction begins.

use std::sync::OnceLock;

use strongroom_envelope::Id;
use strongroom_secret::SecretBytes;

use super::body::{Datum, TransactionBody, TransactionState};
use super::reply::Remembered;
use super::seal::Seal;
use super::{head_change, part};
use crate::policy::{Action, Object};
use crate::request::{self, Request, RequestRefusal};
use crate::rule::{Done, Facts, Operation, Refusal, Reply, Stop};

/// Which transactions are sealed under a key of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encrypt {
    /// All.
    #[default]
    Always,
    /// Those whose request has a node that is marked as sensitive, or may be meant so.
    Marked,
}

/// Begins a transaction.
pub struct Begin {
    document: SecretBytes,
    encrypt: Encrypt,
    /// Reading the document is done once, however often the rule is run.
    read: OnceLock<Result<Request, RequestRefusal>>,
}

/// What was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginReply {
    /// Names the transaction.
    pub id: Id,
    /// Where it is.
    pub state: TransactionState,
    /// Whether its request is marked as sensitive.
    pub sensitive: bool,
    /// Whether it is sealed under a key of its own.
    pub encrypted: bool,
}

impl Begin {
    /// For a request document (docs/spec/request.md).
    #[must_use]
    pub const fn new(document: SecretBytes, encrypt: Encrypt) -> Self {
        Self { document, encrypt, read: OnceLock::new() }
    }

    fn request(&self) -> Result<&Request, Refusal> {
        let read = self.read.get_or_init(|| request::read(self.document.expose()));
        read.as_ref().map_err(|why| Refusal::Invalid { field: "document", reason: why.to_string() })
    }
}

impl Operation for Begin {
    type Reply = BeginReply;
    const ACTION: Action = Action::TxBegin;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<BeginReply>, Stop> {
        facts.permit(Self::ACTION, Object::System)?;
        part::check("the document", &self.document)?;
        let sensitive = self.request()?.sensitive;
        let encrypted = self.encrypt == Encrypt::Always || sensitive;
        let id = facts.new_id();
        facts.permit(Self::ACTION, Object::Id(id))?;
        let seal = if encrypted { Seal::new(facts, id)? } else { Seal::clear(id) };
        let (request, apart) = part::place(facts, id, &seal, None, (0, Datum::Request), &self.document);
        let begun_by = facts.principal().identity.to_string();
        let mut transaction = TransactionBody::new(sensitive, facts.now(), begun_by, request);
        seal.note_in(&mut transaction);
        let mut changes = vec![head_change(id, &transaction)];
        changes.extend(apart);
        let reply = BeginReply { id, state: transaction.state, sensitive, encrypted };
        Ok(facts.commit(reply, changes))
    }
}

impl Reply for BeginReply {
    fn remember(&self) -> Vec<u8> {
        let (sensitive, encrypted) = (Some(self.sensitive), Some(self.encrypted));
        Remembered { sensitive, encrypted, ..Remembered::of(self.id, self.state) }.encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, state, sensitive, encrypted, .. } = Remembered::decode(remembered)?;
        Some(Self { id, state, sensitive: sensitive?, encrypted: encrypted? })
    }
}
