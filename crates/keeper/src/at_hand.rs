//! Trying the protectors: with what is here and what a person typed, in their order, none waiting for a slow one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use strongroom_envelope::protector::Share;
use strongroom_protector::{ConfiguredError, Given, Kind, Protector, Surroundings, UnwrapError, configured};
use strongroom_secret::Passphrase;

use crate::protectors::{Outcome, Stored, Tried, is_attended};

/// What records are opened with: what is here, and what a person typed.
pub struct AtHand {
    surroundings: Arc<Surroundings>,
    typed: Option<Box<dyn Protector>>,
}

impl AtHand {
    /// Without a person.
    pub fn here(surroundings: &Arc<Surroundings>) -> Self {
        Self { surroundings: Arc::clone(surroundings), typed: None }
    }

    /// With what a person typed: shares, which show themselves by their prefix, or a password.
    pub fn with_typed(surroundings: &Arc<Surroundings>, typed: Passphrase) -> Result<Self, ConfiguredError> {
        let kind = kind_of_typed(&typed);
        let typed = configured(surroundings, kind, "", Given::Typed(typed))?;
        Ok(Self { typed: Some(typed), ..Self::here(surroundings) })
    }

    /// Tries every record, in the order account, machine, the others that need no person, those that do. Devices and
    /// programs are tried last and side by side: none keeps the others waiting.
    pub fn attempt(&self, stored: &[Stored]) -> Vec<Tried> {
        let mut groups: BTreeMap<(Kind, &str), Vec<&Stored>> = BTreeMap::new();
        let mut tried = Vec::with_capacity(stored.len());
        for stored in stored {
            match self.group(stored) {
                Some(group) => groups.entry(group).or_default().push(stored),
                None => tried.push(self.try_one(stored).0),
            }
        }
        thread::scope(|scope| {
            let begun: Vec<_> = groups
                .values()
                .map(|group| (group, thread::Builder::new().spawn_scoped(scope, || self.try_group(group))))
                .collect();
            for (group, begun) in begun {
                match begun.map(thread::ScopedJoinHandle::join) {
                    Ok(Ok(outcome)) => tried.extend(outcome),
                    // No thread to be had, or a panic in it: here and now.
                    Ok(Err(_)) | Err(_) => tried.extend(self.try_group(group)),
                }
            }
        });
        let rank = |tried: &Tried| tried.record.as_ref().map_or(u8::MAX, |record| order(record.kind));
        tried.sort_by_key(|tried| (rank(tried), tried.key));
        tried
    }

    /// The device or program that a record asks, if it asks one that is configured: others cost nothing, and there
    /// may be as many as somebody likes to write.
    fn group<'a>(&self, stored: &'a Stored) -> Option<(Kind, &'a str)> {
        let record = stored.record.as_ref().ok()?;
        let is_slow = matches!(record.kind, Kind::Pkcs11 | Kind::Plugin);
        let is_configured = || {
            let names = self.surroundings.configuration.names(record.kind);
            names.contains(&record.parameter.as_str())
        };
        (is_slow && is_configured()).then_some((record.kind, record.parameter.as_str()))
    }

    /// Tries the records of one device or program one after the other; when it gives no answer, it is not asked again.
    fn try_group(&self, group: &[&Stored]) -> Vec<Tried> {
        let mut gave_no_answer: Option<Outcome> = None;
        let mut tried = Vec::with_capacity(group.len());
        for stored in group {
            if let (Some(Outcome::Closed { reason, mend }), Ok(record)) = (&gave_no_answer, &stored.record) {
                let outcome = Outcome::Closed { reason: reason.clone(), mend: mend.clone() };
                tried.push(Tried { key: stored.key, record: Some(record.clone()), outcome });
                continue;
            }
            let (one, is_timed_out) = self.try_one(stored);
            if let (true, Outcome::Closed { reason, mend }) = (is_timed_out, &one.outcome) {
                gave_no_answer = Some(Outcome::Closed { reason: reason.clone(), mend: mend.clone() });
            }
            tried.push(one);
        }
        tried
    }

    /// One record tried, and whether what it asks gave no answer in its time.
    fn try_one(&self, stored: &Stored) -> (Tried, bool) {
        let closed = |reason: String, mend: String| Outcome::Closed { reason, mend };
        let record = match &stored.record {
            Ok(record) => record,
            Err(refusal) => {
                let mend = "restore the record, or `strongroom protector replace` it once the server is unlocked";
                let outcome = closed(refusal.to_string(), mend.into());
                return (Tried { key: stored.key, record: None, outcome }, false);
            }
        };
        let unwrapped = if is_attended(record.kind) {
            match self.typed.as_deref().filter(|typed| typed.kind() == record.kind) {
                None => Ok(Outcome::Attended),
                Some(typed) => typed.unwrap(record).map(Outcome::Candidate),
            }
        } else {
            match configured(&self.surroundings, record.kind, &record.parameter, Given::Nothing) {
                Ok(protector) => protector.unwrap(record).map(Outcome::Candidate),
                Err(error) => Ok(closed(error.to_string(), error.how_to_mend())),
            }
        };
        let is_timed_out = unwrapped.as_ref().is_err_and(UnwrapError::is_timed_out);
        let outcome = unwrapped.unwrap_or_else(|error| closed(error.to_string(), error.how_to_mend()));
        (Tried { key: stored.key, record: Some(record.clone()), outcome }, is_timed_out)
    }
}

/// Whether shares or a password was typed.
pub fn kind_of_typed(typed: &Passphrase) -> Kind {
    if Share::is_meant_by(typed.expose()) { Kind::Shares } else { Kind::Password }
}

const fn order(kind: Kind) -> u8 {
    match kind {
        Kind::Account => 0,
        Kind::Machine => 1,
        Kind::Rsa => 2,
        Kind::Pkcs11 => 3,
        Kind::Plugin => 4,
        Kind::Password => 5,
        Kind::Shares => 6,
    }
}
