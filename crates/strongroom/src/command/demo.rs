//! `demo`: the whole story in a folder of its own: a real server, real kills, a changed key, a healed protector, a caught forgery.

mod deployment;
mod forgery;
mod keys;
mod transaction;

use strongroom_api::WireSecret;
use strongroom_api::protector::{AddRequest, Kind, ListRequest as ProtectorListRequest};
use strongroom_api::secret::{GetRequest, ListRequest, PutReply, PutRequest, ShowRequest};
use strongroom_api::status::StatusRequest;
use strongroom_api::store::VerifyRequest;
use strongroom_client::Client;
use strongroom_secret::SecretBytes;

use self::deployment::Deployment;
use crate::failure::{Failure, exit};
use crate::output::Output;

const PASSWORD: &str = "four plain words here";
const SECRETS: [(&str, &str); 3] =
    [("ftp/acme", "s3cret-of-acme"), ("ftp/globex", "s3cret-of-globex"), ("db/payroll", "s3cret-of-payroll")];

/// Tells it; leaves nothing behind.
pub fn run(output: &Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::local("starting", error, "give this process more resources"))?;
    runtime.block_on(async {
        let mut story = Story { deployment: Deployment::new()?, output, step: 0 };
        story.tell().await
    })
}

struct Story<'a> {
    deployment: Deployment,
    output: &'a Output,
    step: u32,
}

impl Story<'_> {
    async fn tell(&mut self) -> Result<(), Failure> {
        self.first_start().await?;
        let put = self.secrets().await?;
        self.what_lies_on_the_disk()?;
        self.kill().await?;
        self.application_key().await?;
        self.rotation().await?;
        self.transaction().await?;
        self.healed().await?;
        self.forged(&put).await?;
        self.over_the_network().await?;
        self.trail().await?;
        self.say("That is all; the folder is gone.");
        Ok(())
    }

    fn head(&mut self, title: &str) {
        self.step += 1;
        self.say(&format!("\n{}. {title}", self.step));
    }

    fn say(&self, text: &str) {
        if self.output.is_json() {
            self.output.json_line(&serde_json::json!({ "step": self.step, "text": text.trim() }));
        } else {
            self.output.text(text);
        }
    }

    /// Something must be so; the demonstration shows nothing that it did not check.
    fn check(&self, holds: bool, what: &str) -> Result<(), Failure> {
        if holds {
            self.say(&format!("   ok  {what}"));
            return Ok(());
        }
        let fix = "this is a defect: please report what was printed above";
        Err(Failure::local("the demonstration", format!("not so: {what}"), fix).with_code(exit::INTEGRITY))
    }

    async fn client(&self) -> Result<Client, Failure> {
        Ok(Client::connect(self.deployment.socket()).await?)
    }

    async fn first_start(&mut self) -> Result<(), Failure> {
        self.head("First start: an empty folder becomes an instance");
        let started = self.deployment.start()?;
        self.say(&format!("   the server says: store {}, listening on {}", started.store_id, started.address));
        let client = self.client().await?;
        let protectors = client.call(&ProtectorListRequest {}).await?.protectors;
        for entry in &protectors {
            let bound: Vec<String> = entry.bound_to.iter().map(|(name, text)| format!("{name} {text}")).collect();
            self.say(&format!("   the root key is wrapped by the {} protector ({})", entry.kind, bound.join(", ")));
        }
        self.check(protectors.len() == 2, "two protectors open the root key, each alone")?;
        let password_base64 = Some(WireSecret::new(SecretBytes::from_slice(PASSWORD.as_bytes())));
        client.call(&AddRequest { password_base64, ..AddRequest::of(Kind::Password) }).await?;
        let protectors = client.call(&ProtectorListRequest {}).await?.protectors;
        self.check(protectors.len() == 3, "a password is the third, for the day this host is gone")
    }

    async fn secrets(&mut self) -> Result<PutReply, Failure> {
        self.head("Secrets: stored, read, updated in place");
        let client = self.client().await?;
        let mut first = None;
        for (name, value) in SECRETS {
            let reply = client.call(&put(name, value)).await?;
            self.say(&format!("   {} version {} has id {}", reply.name, reply.version, reply.id));
            first.get_or_insert(reply);
        }
        let updated = client.call(&put("ftp/acme", "s3cret-of-acme-2")).await?;
        let Some(first) = first else { return Ok(updated) };
        self.check(updated.id == first.id && updated.version == 2, "an update keeps the id: every reference sees it")?;
        let old = client.call(&GetRequest { name: "ftp/acme".into(), version: Some(1) }).await?;
        self.check(old.value_base64.into_secret().expose() == b"s3cret-of-acme", "the earlier version is still there")?;
        let shown = client.call(&ShowRequest { name: "ftp/acme".into() }).await?;
        self.say(&format!(
            "   sealed by provider {} under key {} version {}",
            shown.provider, shown.key, shown.key_version
        ));
        let listed = client.call(&ListRequest { prefix: "ftp/".into(), ..ListRequest::default() }).await?;
        self.check(listed.secrets.len() == 2, "listing ftp/ shows two of the three")?;
        Ok(updated)
    }

    fn what_lies_on_the_disk(&mut self) -> Result<(), Failure> {
        self.head("What is encrypted where");
        for line in [
            "   values     sealed under the application key `secrets`, each bound to its record and version",
            "   records    sealed again under a store key, names and metadata included",
            "   keys       application keys under the wrap key, store keys in the keyring, the keyring under the root key",
            "   root key   only wrapped: by the account, by the machine, by the password",
            "   audit      in clear by intent: names and operations, never a value",
        ] {
            self.say(line);
        }
        let values = SECRETS.iter().map(|(_, value)| *value).chain([PASSWORD]);
        let found: Vec<&str> = values.filter(|value| self.deployment.holds(value.as_bytes())).collect();
        self.check(found.is_empty(), "no value and no password is in any file of the deployment")?;
        self.check(!self.deployment.store_holds(b"ftp/acme"), "no name is in the store's files")
    }

    async fn kill(&mut self) -> Result<(), Failure> {
        self.head("The server is killed (kill -9) right after an answer");
        let client = self.client().await?;
        client.call(&put("db/payroll", "s3cret-of-payroll-2")).await?;
        self.deployment.kill()?;
        let started = self.deployment.start()?;
        self.say(&format!("   started again: {} records verified in {} ms", started.records, started.milliseconds));
        let client = self.client().await?;
        let got = client.call(&GetRequest { name: "db/payroll".into(), version: None }).await?;
        self.check(got.value_base64.into_secret().expose() == b"s3cret-of-payroll-2", "what was answered is there")
    }

    async fn healed(&mut self) -> Result<(), Failure> {
        self.head("The account's key file is lost: the other protector opens, and the broken one is healed");
        self.deployment.kill()?;
        self.deployment.lose_account_file()?;
        let started = self.deployment.start()?;
        for told in &started.healed {
            self.say(&format!("   {told}"));
        }
        self.check(started.healed.len() == 1, "exactly one protector was healed")?;
        let client = self.client().await?;
        let protectors = client.call(&ProtectorListRequest {}).await?.protectors;
        let proven = protectors.iter().filter(|entry| !entry.attended && entry.state == "proven").count();
        self.check(proven == 2, "account and machine both open again")
    }

    async fn forged(&mut self, target: &PutReply) -> Result<(), Failure> {
        self.head("A database administrator changes one byte of a secret's record");
        self.deployment.stop()?;
        forgery::flip_one_byte(&self.deployment.store_file(), &target.id)?;
        self.deployment.start()?;
        let client = self.client().await?;
        let status = client.call(&StatusRequest {}).await?;
        self.check(status.quarantined == 1, "the start finds it: one record is quarantined")?;
        let refused = client.call(&GetRequest { name: "ftp/acme".into(), version: None }).await;
        let word = refused.err().and_then(|error| error.refused().map(|refused| refused.word.clone()));
        self.check(word.as_deref() == Some("quarantined"), "it is never served")?;
        let rest = client.call(&GetRequest { name: "ftp/globex".into(), version: None }).await?;
        self.check(rest.value_base64.into_secret().expose() == b"s3cret-of-globex", "the rest is served")?;
        self.deployment.stop()?;
        forgery::flip_one_byte(&self.deployment.store_file(), &target.id)?;
        self.deployment.start()?;
        let client = self.client().await?;
        let back = client.call(&GetRequest { name: "ftp/acme".into(), version: None }).await?;
        let value = back.value_base64.into_secret();
        self.check(value.expose() == b"s3cret-of-acme-2", "the right bytes are back, and served by themselves")
    }

    async fn over_the_network(&mut self) -> Result<(), Failure> {
        self.head("Over the network: TLS, a token, a pinned public key");
        let local = self.client().await?;
        let remote = Client::connect(self.deployment.remote(&local).await?).await?;
        let got = remote.call(&GetRequest { name: "ftp/globex".into(), version: None }).await?;
        self.check(got.value_base64.into_secret().expose() == b"s3cret-of-globex", "a token with role `read` reads")?;
        let denied = remote.call(&put("ftp/globex", "overwritten")).await;
        let word = denied.err().and_then(|error| error.refused().map(|refused| refused.word.clone()));
        self.check(word.as_deref() == Some("denied"), "and may not write")?;
        let unknown = Client::connect(self.deployment.without_trust()).await;
        self.check(unknown.is_err(), "without pin or certificate the client sends nothing")
    }

    async fn trail(&mut self) -> Result<(), Failure> {
        self.head("The audit trail proves itself from the first line");
        let client = self.client().await?;
        let verified = client.call(&VerifyRequest {}).await?;
        self.check(verified.findings.is_empty(), &format!("{} records verified", verified.records))?;
        self.deployment.stop()?;
        let (trail, key_zero) = self.deployment.trail();
        let report = strongroom_audit::verify(&trail, key_zero)
            .map_err(|error| Failure::local("verifying the trail", error, "").with_code(exit::INTEGRITY))?;
        let signed = report.checkpoint.map_or(0, |last| last.number);
        self.check(report.unsigned_lines == 0, &format!("{} lines, {signed} signed checkpoints", report.lines))
    }
}

fn put(name: &str, value: &str) -> PutRequest {
    let value_base64 = WireSecret::new(SecretBytes::from_slice(value.as_bytes()));
    PutRequest { name: name.to_owned(), value_base64, expected_version: None, keep: None }
}
