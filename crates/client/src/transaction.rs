//! Transactions, as a provisioning engine works with them.

use std::sync::Arc;

use strongroom_api::WireSecret;
use strongroom_api::transaction::{
    BeginReply, BeginRequest, CommitReply, CommitRequest, GetReply, GetRequest, ListReply, ListRequest, RollbackReply,
    RollbackRequest, StateRequest, StepReply, StepRequest, UndoneReply, UndoneRequest,
};
use strongroom_secret::SecretBytes;

use crate::call::Client;
use crate::error::ClientError;

/// The most bytes of state and rollback data that one request takes.
const TOGETHER: usize = 1 << 20;

/// A transaction that goes on. Everything it was told is durable on the server when the call answers; dropping it leaves it as
/// it is there: unfinished, and listed as such, until somebody commits it or rolls it back.
#[derive(Debug)]
pub struct Transaction {
    client: Arc<Client>,
    id: String,
}

/// What undoes a step.
#[derive(Debug)]
pub struct Undo {
    /// The step.
    pub step: u32,
    /// The procedure that was run.
    pub procedure: String,
    /// What undoes it, if that was recorded.
    pub rollback: Option<SecretBytes>,
    /// Whether it was recorded and cannot be read any more: a person has to undo the step, and then confirm it.
    pub unreadable: bool,
}

/// The transactions that are neither committed nor rolled back.
#[derive(Debug)]
pub struct Unfinished {
    /// In the order they were begun.
    pub transactions: Vec<Transaction>,
    /// How many there are beside these that cannot be read; the quarantine lists them.
    pub unreadable: u32,
}

impl Transaction {
    /// Records a request document (docs/spec/request.md), and begins its transaction.
    ///
    /// # Errors
    /// As [`Client::call`]; with the code `invalid` when the document is not one.
    pub async fn begin(client: &Arc<Client>, document: SecretBytes) -> Result<(Self, BeginReply), ClientError> {
        let begun = client.call(&BeginRequest { document_base64: WireSecret::new(document) }).await?;
        Ok((Self::resume(client, begun.id.clone()), begun))
    }

    /// Goes on with one that is there, such as one of [`Client::unfinished_transactions`].
    #[must_use]
    pub fn resume(client: &Arc<Client>, id: String) -> Self {
        Self { client: Arc::clone(client), id }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Records a step with the state after it and what undoes it; answers its number. What is too much for one request goes in
    /// two, what undoes the step first.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn step(
        &self,
        procedure: &str,
        state: Option<SecretBytes>,
        rollback: Option<SecretBytes>,
    ) -> Result<u32, ClientError> {
        let length = |part: &Option<SecretBytes>| part.as_ref().map_or(0, SecretBytes::len);
        // What no request takes is refused as a whole, before anything of it is recorded.
        let is_refused = length(&state) > TOGETHER || length(&rollback) > TOGETHER;
        let is_one = is_refused || length(&state) + length(&rollback) <= TOGETHER;
        let (now, later) = if is_one || rollback.is_none() { (state, None) } else { (None, state) };
        let request = StepRequest {
            id: self.id.clone(),
            procedure: procedure.to_owned(),
            state_base64: now.map(WireSecret::new),
            rollback_base64: rollback.map(WireSecret::new),
        };
        let StepReply { step, .. } = self.client.call(&request).await?;
        if let Some(state) = later {
            self.state(step, state).await?;
        }
        Ok(step)
    }

    /// Records the state after a step that was recorded without one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn state(&self, step: u32, state: SecretBytes) -> Result<(), ClientError> {
        let state_base64 = WireSecret::new(state);
        self.client.call(&StateRequest { id: self.id.clone(), step, state_base64 }).await.map(|_: StepReply| ())
    }

    /// Reads it back with its data, steps after `after`; the reply says how many are left after those.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn get(&self, after: u32) -> Result<GetReply, ClientError> {
        self.client.call(&GetRequest { id: self.id.clone(), after }).await
    }

    /// Ends it: everything is done.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn commit(&self) -> Result<CommitReply, ClientError> {
        self.client.call(&CommitRequest { id: self.id.clone() }).await
    }

    /// Begins to undo it, or goes on: what undoes the steps that are left, in the order in which to do so. When it is empty
    /// nothing is left. After each one [`Transaction::undone`]; when all are, ask again.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn rollback(&self) -> Result<Vec<Undo>, ClientError> {
        let RollbackReply { undo, .. } = self.client.call(&RollbackRequest { id: self.id.clone() }).await?;
        let undo = undo.into_iter().map(|undo| Undo {
            step: undo.step,
            procedure: undo.procedure,
            rollback: undo.rollback_base64.map(WireSecret::into_secret),
            unreadable: undo.unreadable,
        });
        Ok(undo.collect())
    }

    /// Confirms that a step is undone; answers how many are left.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn undone(&self, step: u32) -> Result<u32, ClientError> {
        let UndoneReply { left, .. } = self.client.call(&UndoneRequest { id: self.id.clone(), step }).await?;
        Ok(left)
    }
}

impl Client {
    /// The transactions that are neither committed nor rolled back.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn unfinished_transactions(self: &Arc<Self>) -> Result<Unfinished, ClientError> {
        let mut found = Unfinished { transactions: Vec::new(), unreadable: 0 };
        let mut after = None;
        loop {
            let request = ListRequest { unfinished: true, state: None, after, limit: Some(PAGE) };
            let ListReply { transactions, next, unreadable } = self.call(&request).await?;
            found.unreadable += unreadable;
            found.transactions.extend(transactions.into_iter().map(|found| Transaction::resume(self, found.id)));
            match next {
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
    }
}

const PAGE: u32 = 1000;
