//! The engine: first what is unfinished, then what waits.

use std::io;
use std::path::Path;
use std::sync::Arc;

use strongroom_client::{Client, ClientError, Target, Transaction};
use strongroom_secret::SecretBytes;

use crate::places::Places;
use crate::request::{Procedure, Request, RequestError};
use crate::service::{ServiceError, Services};
use crate::undo::Undo;

/// The engine.
pub struct Engine {
    client: Arc<Client>,
    services: Services,
    places: Places,
    /// Is told what is done.
    tell: fn(&str),
}

/// Why the engine stopped. What it was about is unfinished; the next start begins with that.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The server did not answer, or refused.
    #[error("Strongroom: {0}")]
    Strongroom(#[from] ClientError),
    /// A service failed while a step was undone.
    #[error("undoing a step: {0}")]
    Service(#[from] ServiceError),
    /// Rollback data is not what this engine records.
    #[error("the rollback data of a step is not this engine's: {0}")]
    Undo(#[from] serde_json::Error),
    /// What undoes a step was recorded and cannot be read any more.
    #[error("step {step} of {id} has to be undone by hand, then `strongroom tx undone {id} {step}`")]
    Damaged {
        /// The transaction.
        id: String,
        /// The step.
        step: u32,
    },
    /// There are unfinished transactions that cannot be read.
    #[error("{0} unfinished transactions cannot be read: `strongroom quarantine list` shows why")]
    Unreadable(u32),
    /// A file could not be read or moved.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl Engine {
    /// Connects to the server.
    ///
    /// # Errors
    /// When the server is not there.
    pub async fn connect(places: Places, tell: fn(&str)) -> Result<Self, EngineError> {
        let client = Arc::new(Client::connect(Target::Socket(places.data.clone())).await?);
        let services = Services::new(places.services.clone());
        Ok(Self { client, services, places, tell })
    }

    /// Ends what is unfinished, then runs what waits.
    ///
    /// # Errors
    /// What it was about is unfinished then; start it again.
    pub async fn run(&self) -> Result<(), EngineError> {
        let unfinished = self.client.unfinished_transactions().await?;
        for transaction in unfinished.transactions {
            self.recover(transaction).await?;
        }
        if unfinished.unreadable > 0 {
            return Err(EngineError::Unreadable(unfinished.unreadable));
        }
        let waiting = self.places.waiting().map_err(|source| failed(&self.places.requests, source))?;
        for request in waiting {
            self.provision(&request).await?;
        }
        Ok(())
    }

    /// Ends a transaction that another run has left: all its steps done and noted, it is committed; else it is undone.
    async fn recover(&self, transaction: Transaction) -> Result<(), EngineError> {
        (self.tell)(&format!("unfinished {}", transaction.id()));
        let first = transaction.get(0).await?;
        // What the engine before had asked for when it was killed may arrive after this one has asked what is unfinished.
        if matches!(first.transaction.state.as_str(), "committed" | "rolled_back") {
            return Ok(());
        }
        let wanted = first.document_base64.map(|document| document.into_secret());
        let wanted =
            wanted.and_then(|document| Request::read(document.expose()).ok()).map(|request| request.procedures);
        let mut noted = first.steps.iter().filter(|step| step.state_base64.is_some()).count();
        let (mut left, mut last) = (first.left, first.steps.last().map(|step| step.step));
        while let (true, Some(after)) = (left > 0, last) {
            let page = transaction.get(after).await?;
            noted += page.steps.iter().filter(|step| step.state_base64.is_some()).count();
            (left, last) = (page.left, page.steps.last().map(|step| step.step));
        }
        let is_active = first.transaction.state == "active";
        if is_active && noted > 0 && wanted.is_some_and(|wanted| wanted.len() == noted) {
            return self.commit(transaction).await;
        }
        self.undo(transaction).await
    }

    /// Runs one request, to its end or back.
    async fn provision(&self, path: &Path) -> Result<(), EngineError> {
        let document = std::fs::read(path).map_err(|source| failed(path, source))?;
        let request = Request::read(&document);
        let (transaction, _) = Transaction::begin(&self.client, SecretBytes::from_vec(document)).await?;
        (self.tell)(&format!("began {}", transaction.id()));
        // From here on the request belongs to this transaction. Killed before, it is begun again, and this one ends without steps.
        std::fs::create_dir_all(&self.places.begun).map_err(|source| failed(&self.places.begun, source))?;
        let begun = self.places.begun.join(format!("{}.xml", transaction.id()));
        std::fs::rename(path, &begun).map_err(|source| failed(&begun, source))?;
        match self.steps(&transaction, request).await {
            Ok(()) => self.commit(transaction).await,
            Err(Stop::Engine(error)) => Err(error),
            Err(Stop::Request(why)) => {
                (self.tell)(&format!("refused {}: {why}", transaction.id()));
                self.undo(transaction).await
            }
        }
    }

    async fn steps(&self, transaction: &Transaction, request: Result<Request, RequestError>) -> Result<(), Stop> {
        let request = request.map_err(|error| Stop::Request(error.to_string()))?;
        for procedure in &request.procedures {
            self.step(transaction, *procedure, &request).await?;
        }
        Ok(())
    }

    /// Records what undoes a step, does it, and notes that it is done: killed anywhere in between, the step can be undone.
    async fn step(&self, transaction: &Transaction, procedure: Procedure, request: &Request) -> Result<(), Stop> {
        let (service, name) = procedure.names();
        let undo = Undo { service: service.to_owned(), delete: request.user.clone() };
        let undo = undo.to_bytes().map_err(EngineError::from)?;
        let step = transaction.step(name, None, Some(undo)).await.map_err(EngineError::from)?;
        (self.tell)(&format!("recorded {} step {step}", transaction.id()));
        let done = self.services.run(procedure, request, transaction.id());
        done.map_err(|error| Stop::Request(error.to_string()))?;
        (self.tell)(&format!("did {} step {step}", transaction.id()));
        let state = SecretBytes::from_slice(br#"{"created":true}"#);
        transaction.state(step, state).await.map_err(EngineError::from)?;
        (self.tell)(&format!("noted {} step {step}", transaction.id()));
        Ok(())
    }

    async fn commit(&self, transaction: Transaction) -> Result<(), EngineError> {
        let committed = transaction.commit().await?;
        (self.tell)(&format!("committed {}", committed.id));
        Ok(())
    }

    /// Undoes what is recorded, the last step first.
    async fn undo(&self, transaction: Transaction) -> Result<(), EngineError> {
        loop {
            let steps = transaction.rollback().await?;
            if steps.is_empty() {
                (self.tell)(&format!("rolled back {}", transaction.id()));
                return Ok(());
            }
            for step in steps {
                if step.unreadable {
                    return Err(EngineError::Damaged { id: transaction.id().to_owned(), step: step.step });
                }
                if let Some(recorded) = &step.rollback {
                    let Undo { service, delete } = Undo::from_bytes(recorded)?;
                    self.services.delete(&service, &delete, transaction.id())?;
                    (self.tell)(&format!("undid {} step {}", transaction.id(), step.step));
                }
                transaction.undone(step.step).await?;
            }
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").field("places", &self.places).finish_non_exhaustive()
    }
}

/// Why a request was not done.
enum Stop {
    /// It cannot be done: what was done for it is undone.
    Request(String),
    /// The engine cannot go on.
    Engine(EngineError),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

fn failed(path: &Path, source: io::Error) -> EngineError {
    EngineError::File { path: path.display().to_string(), source }
}
