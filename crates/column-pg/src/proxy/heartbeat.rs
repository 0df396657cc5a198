//! What the proxy tells in the database about itself: that it runs, which manifest it has, which keys it reaches.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::{Client, Error};

use super::keys::KeyCache;
use crate::catalogue::Catalogue;

/// How long a key that was reached counts as reachable.
const PROOF_LASTS: Duration = Duration::from_secs(10 * 60);

/// Writes the row of the proxy; the row is new at every start of the proxy.
const PROXY: &str = "insert into strongroom.proxy_heartbeat (proxy, release, listen, manifest_sequence) values ($1, $2, $3, $4) \
     on conflict (proxy) do update set release = excluded.release, listen = excluded.listen, \
     manifest_sequence = excluded.manifest_sequence, seen = pg_catalog.now()";
const KEY: &str = "insert into strongroom.proxy_key (proxy, column_encryption_key, key_path, reached, detail) \
     values ($1, $2, $3, $4, $5) on conflict (proxy, column_encryption_key, key_path) do update \
     set reached = excluded.reached, detail = excluded.detail, seen = pg_catalog.now()";
/// Keys of which nothing is said any more.
const OTHERS: &str =
    "delete from strongroom.proxy_key where proxy = $1 and not (column_encryption_key || '/' || key_path = any ($2))";

/// Under which name, and where clients are awaited.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The name of the proxy, one for each that runs.
    pub name: String,
    /// Its address.
    pub listen: String,
}

/// What was found out about keys, by name of the key and path of the master key.
#[derive(Default)]
pub(super) struct Reach {
    found: HashMap<(String, String), (Result<(), String>, Instant)>,
}

impl Reach {
    /// Asks for the keys of which nothing good is known, or not lately.
    async fn prove(&mut self, keys: &KeyCache, catalogue: &Catalogue) {
        for key in catalogue.keys() {
            for value in &key.values {
                let place = (key.name.clone(), value.path.clone());
                let fresh = |(found, at): &(Result<(), String>, Instant)| found.is_ok() && at.elapsed() < PROOF_LASTS;
                if !self.found.get(&place).is_some_and(fresh) {
                    let found = keys.prove(key, value).await.map_err(|why| why.to_string());
                    self.found.insert(place, (found, Instant::now()));
                }
            }
        }
        self.found.retain(|(name, path), _| {
            catalogue.key(name).is_some_and(|key| key.values.iter().any(|value| value.path == *path))
        });
    }

    /// Proves the keys and writes what is known.
    pub(super) async fn tell(
        &mut self,
        client: &Client,
        identity: &Identity,
        keys: &KeyCache,
        catalogue: &Catalogue,
    ) -> Result<(), Error> {
        self.prove(keys, catalogue).await;
        let Identity { name, listen } = identity;
        let sequence = i64::try_from(catalogue.sequence()).unwrap_or(i64::MAX);
        client.execute(PROXY, &[name, &env!("CARGO_PKG_VERSION"), listen, &sequence]).await?;
        let mut places = Vec::with_capacity(self.found.len());
        for ((key, path), (found, _)) in &self.found {
            let detail = found.as_ref().err().map_or("", String::as_str);
            client.execute(KEY, &[name, key, path, &found.is_ok(), &detail]).await?;
            places.push(format!("{key}/{path}"));
        }
        client.execute(OTHERS, &[name, &places]).await?;
        Ok(())
    }
}
