//! The part of the story about keys: one that an application uses, and a rotation that changes what is stored.

use strongroom_api::WireSecret;
use strongroom_api::audit::SearchRequest;
use strongroom_api::key::{
    Context, CreateRequest, DecryptRequest, DestroyRequest, EncryptRequest, Purpose, RewrapRequest, RotateRequest,
    ShowRequest,
};
use strongroom_client::Client;
use strongroom_secret::SecretBytes;

use super::Story;
use crate::command::job;
use crate::failure::Failure;

const CARD: &str = "4111 1111 1111 1111";
/// The key that secrets are sealed under.
const STORED: &str = "secrets";

impl Story<'_> {
    /// Encrypt, rotate, rewrap, decrypt: what an application does with a key of its own.
    pub(super) async fn application_key(&mut self) -> Result<(), Failure> {
        self.head("A key for an application: it keeps the values, the key stays here");
        let client = self.client().await?;
        let create = CreateRequest {
            name: "orders".into(),
            purpose: Purpose::Values,
            algorithm: None,
            rotation_period_seconds: None,
            usage_limit: None,
        };
        client.call(&create).await?;
        let value_base64 = Some(WireSecret::new(SecretBytes::from_slice(CARD.as_bytes())));
        let encrypt = EncryptRequest { name: "orders".into(), value_base64, context: tenant("7"), items: None };
        let sealed = client.call(&encrypt).await?.ciphertext.unwrap_or_default();
        self.say(&format!("   version 1 sealed a card number of tenant 7: {}…", sealed.get(..24).unwrap_or(&sealed)));
        self.check(opened(&client, &sealed, "7").await.is_some_and(|card| card == CARD), "it opens for tenant 7")?;
        self.check(opened(&client, &sealed, "8").await.is_none(), "and not as a value of tenant 8")?;
        let rotated = client.call(&rotation("orders")).await?;
        self.check(rotated.key.active_version == Some(2), "the key is rotated: version 2 seals from now on")?;
        let rewrap = RewrapRequest {
            name: "orders".into(),
            ciphertext: Some(sealed.clone()),
            context: tenant("7"),
            items: None,
        };
        let again = client.call(&rewrap).await?.ciphertext.unwrap_or_default();
        self.check(
            again != sealed && opened(&client, &again, "7").await.is_some_and(|card| card == CARD),
            "re-wrapped under version 2, and nobody saw it",
        )
    }

    /// A new version of the key for secrets, everything sealed again under it, the end proven, the old version destroyed.
    pub(super) async fn rotation(&mut self) -> Result<(), Failure> {
        self.head("The key that all secrets are sealed under is changed, and what is stored with it");
        let client = self.client().await?;
        let rotated = client.call(&rotation(STORED)).await?;
        if let Some(id) = rotated.job {
            let job = job::waited(&client, self.output, id).await?;
            self.say(&format!(
                "   {} of {} values are sealed again under version {}",
                job.done, job.total, job.key_version
            ));
        }
        let shown = client.call(&ShowRequest { name: STORED.into() }).await?;
        let older = shown.versions.iter().filter(|version| Some(version.version) != shown.active_version);
        self.check(
            older.map(|version| version.stored_values).sum::<u64>() == 0,
            "nothing is left under the old version",
        )?;
        let destroy = DestroyRequest { name: STORED.into(), version: 1, wait_seconds: Some(0) };
        let destroyed = client.call(&destroy).await?.versions.first().is_some_and(|first| first.state == "destroyed");
        self.check(destroyed, "so it may be destroyed")?;
        let search = SearchRequest { operation: Some("key.reencrypted".into()), ..SearchRequest::default() };
        let proven = client.call(&search).await?.lines.iter().any(|line| line.contains("\"outcome\":\"none_left\""));
        self.check(proven, "and the audit trail has the proof")
    }
}

fn rotation(name: &str) -> RotateRequest {
    RotateRequest { name: name.to_owned(), no_reencrypt: false, expected_version: None, rate: None }
}

fn tenant(text: &str) -> Context {
    Context::from([("tenant".to_owned(), text.to_owned())])
}

/// The card number, when it opens for this tenant.
async fn opened(client: &Client, sealed: &str, of: &str) -> Option<String> {
    let request = DecryptRequest {
        name: "orders".into(),
        ciphertext: Some(sealed.to_owned()),
        context: tenant(of),
        items: None,
        compromised: false,
    };
    let opened = client.call(&request).await.ok()?.value_base64?.into_secret();
    Some(String::from_utf8_lossy(opened.expose()).into_owned())
}
