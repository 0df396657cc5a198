//! The part of the story about a provisioning system: a transaction that a crash interrupts, and what undoes it.

use std::sync::Arc;

use strongroom_api::coverage::CoverageRequest;
use strongroom_client::{Client, Transaction};
use strongroom_secret::SecretBytes;

use super::Story;
use crate::failure::Failure;

const REQUEST: &str = r#"<request id="hire-anna"><procedure namespace="directory" name="CreateUser"><data password="welcome-anna-42" sensitive="true"/></procedure><procedure namespace="mail" name="CreateMailbox"/></request>"#;
const STEPS: [(&str, &str); 2] = [("CreateUser", "delete user anna"), ("CreateMailbox", "delete mailbox anna")];

impl Story<'_> {
    /// Two steps are done, then everything is killed: what was done is known, and undone in reverse order.
    pub(super) async fn transaction(&mut self) -> Result<(), Failure> {
        self.head("A provisioning system hires somebody; in the middle of it the server is killed");
        let client = self.shared().await?;
        let (transaction, begun) = Transaction::begin(&client, bytes(REQUEST)).await?;
        self.check(begun.sensitive && begun.encrypted, "a marked node makes the whole transaction sensitive")?;
        for (procedure, undo) in STEPS {
            let step = transaction.step(procedure, Some(bytes("done")), Some(bytes(undo))).await?;
            self.say(&format!("   step {step}: {procedure}, and how to undo it: {undo}"));
        }
        let (id, canary) = (transaction.id().to_owned(), b"welcome-anna-42");
        self.check(!self.deployment.holds(canary), "the password in the request is in no file of the deployment")?;
        self.deployment.kill()?;
        self.deployment.start()?;
        let client = self.shared().await?;
        let unfinished = client.unfinished_transactions().await?;
        let [transaction] = unfinished.transactions.as_slice() else {
            return self.check(false, "one transaction is unfinished");
        };
        self.check(transaction.id() == id, "after the start one transaction is unfinished: this one")?;
        let undo = transaction.rollback().await?;
        let handed: Vec<&str> = undo.iter().map(|undo| undo.procedure.as_str()).collect();
        self.check(handed == ["CreateMailbox", "CreateUser"], "what undoes it is handed back in reverse order")?;
        for step in &undo {
            transaction.undone(step.step).await?;
        }
        let left = client.unfinished_transactions().await?.transactions.len();
        self.check(left == 0, "each step is confirmed as undone, and nothing is left half done")?;
        let areas = client.call(&CoverageRequest {}).await?.areas;
        let covered = areas.iter().find(|area| area.what.starts_with("transactions"));
        self.check(covered.is_some_and(|area| area.kept == "encrypted"), "`coverage` says: all transactions encrypted")
    }

    async fn shared(&self) -> Result<Arc<Client>, Failure> {
        Ok(Arc::new(self.client().await?))
    }
}

fn bytes(text: &str) -> SecretBytes {
    SecretBytes::from_slice(text.as_bytes())
}
