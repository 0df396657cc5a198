//! `key.import`: a key that the user brings becomes a new key, or a new version of one.

use strongroom_crypto::{asymmetric, column_envelope, weakness};
use strongroom_envelope::value::Purpose;
use strongroom_secret::SecretBytes;

use super::algorithm::Algorithm;
use super::body::KeyBody;
use super::create::Create;
use super::make::{KEY_BYTES, key_change, new_version};
use super::rotate::{Again, RotateReply, add_version};
use super::show::KeyView;
use crate::find::{Found, find};
use crate::job;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, NameChange, Operation, Refusal, Stop};

/// Takes a key over. It came wrapped; who unwrapped it hands its bytes in.
#[derive(Debug)]
pub struct Import {
    /// The name of the key; when there is one, the bytes become its new active version.
    pub name: Name,
    /// What a new key is for; of one that is there it must be the same.
    pub purpose: Option<Purpose>,
    /// What it is used with.
    pub algorithm: Option<Algorithm>,
    /// 32 bytes, or for signatures and RSA master keys PKCS#8 in DER.
    pub bytes: SecretBytes,
    /// Whether what is stored under older versions is sealed again, by a job.
    pub reencrypt: bool,
}

impl Operation for Import {
    type Reply = RotateReply;
    const ACTION: Action = Action::KeyImport;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<RotateReply>, Stop> {
        let found: Option<Found<'_, KeyBody>> = find(facts, Self::ACTION, &Selector::Name(self.name.clone()))?;
        match found {
            Some(found) => self.add(facts, &found),
            None => self.create(facts),
        }
    }
}

impl Import {
    fn create(&self, facts: &mut Facts<'_>) -> Result<Done<RotateReply>, Stop> {
        let purpose = self.purpose.unwrap_or(Purpose::Values);
        let create = Create {
            name: self.name.clone(),
            purpose,
            algorithm: self.algorithm,
            rotation_period: None,
            usage_limit: None,
        };
        let algorithm = create.check()?;
        self.check(algorithm)?;
        let wraps = facts.wraps(None)?;
        let wrap = wraps.root.last().ok_or_else(|| Refusal::KeyLocked { key: self.name.to_string() })?;
        let (id, now) = (facts.new_id(), facts.now());
        let mut first = new_version(id, 1, wrap, (algorithm, &self.bytes), now);
        first.imported = Some(true);
        let key = KeyBody::new(self.name.clone(), purpose, algorithm, now, first);
        facts.used_key(id, 1);
        let change = key_change(id, &key, NameChange::Take(self.name.clone()));
        let reply = RotateReply { key: KeyView::of(id, &key, &[]), job: None };
        Ok(facts.commit_witnessed(reply, vec![change]))
    }

    fn add(&self, facts: &mut Facts<'_>, found: &Found<'_, KeyBody>) -> Result<Done<RotateReply>, Stop> {
        let mut key = found.body.clone();
        if self.purpose.is_some_and(|purpose| purpose != key.purpose) {
            return Err(Refusal::WrongPurpose { key: key.name.to_string(), purpose: key.purpose }.into());
        }
        if let Some(algorithm) = self.algorithm.filter(|algorithm| Some(*algorithm) != key.algorithm) {
            return Err(Refusal::WrongAlgorithm { algorithm, purpose: key.purpose }.into());
        }
        self.check(key.algorithm)?;
        let wraps = facts.wraps(Some(found.id))?;
        let stored = facts.stored(found.id)?;
        let clear = if key.purpose == Purpose::Secrets { job::clear(facts)? } else { 0 };
        let number = add_version(facts, found.id, &mut key, &wraps, &self.bytes)?;
        if let Some(made) = key.version_mut(number) {
            made.imported = Some(true);
        }
        let again = Again { clear, wanted: self.reencrypt, rate: None };
        Ok(again.done(facts, found.id, &key, number, stored))
    }

    /// Refuses what no good generator made.
    fn check(&self, algorithm: Option<Algorithm>) -> Result<(), Refusal> {
        let invalid = |reason: String| Refusal::Invalid { field: "key", reason };
        if algorithm == Some(Algorithm::Rsa3072Oaep) {
            let master = column_envelope::MasterKey::from_pkcs8(&self.bytes);
            return master.map(drop).map_err(|error| invalid(format!("{error}; give it as unencrypted PKCS#8 in DER")));
        }
        match algorithm.and_then(Algorithm::signature) {
            Some(signature) => asymmetric::PrivateKey::from_pkcs8(signature, &self.bytes)
                .map(drop)
                .map_err(|refusal| invalid(refusal.to_string())),
            None if self.bytes.len() != KEY_BYTES => {
                Err(invalid(format!("it has {} bytes; {KEY_BYTES} are needed", self.bytes.len())))
            }
            None => weakness::refuse(self.bytes.expose()).map_err(|weakness| invalid(weakness.to_string())),
        }
    }
}
