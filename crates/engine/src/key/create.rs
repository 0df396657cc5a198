//! `key.create`: a new key with its first version.

use strongroom_envelope::RecordKind;
use strongroom_envelope::value::Purpose;

use super::BUILT_IN;
use super::algorithm::Algorithm;
use super::body::KeyBody;
use super::limit;
use super::make::{key_change, new_bytes, new_version};
use super::show::KeyView;
use crate::name::Name;
use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, NameChange, Operation, Refusal, Stop};

/// The shortest and the longest time between two versions that the server makes by itself, milliseconds.
const PERIODS: std::ops::RangeInclusive<i64> = 60_000..=3_660 * 24 * 60 * 60 * 1000;

/// Makes a key.
#[derive(Debug)]
pub struct Create {
    /// Its name.
    pub name: Name,
    /// The one thing it is for: `values`, `mac`, `sign` or `columns`.
    pub purpose: Purpose,
    /// What it is used with; none for what is usual.
    pub algorithm: Option<Algorithm>,
    /// After how long the server makes a new version, milliseconds.
    pub rotation_period: Option<i64>,
    /// How often each version may protect something.
    pub usage_limit: Option<u64>,
}

impl Operation for Create {
    type Reply = KeyView;
    const ACTION: Action = Action::KeyCreate;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<KeyView>, Stop> {
        facts.permit(Self::ACTION, Object::Name(self.name.as_str()))?;
        let algorithm = self.check()?;
        if facts.name(RecordKind::Key, &self.name)?.is_some() {
            return Err(Refusal::NameTaken { name: self.name.to_string() }.into());
        }
        let wraps = facts.wraps(None)?;
        let wrap = wraps.root.last().ok_or_else(|| Refusal::KeyLocked { key: self.name.to_string() })?;
        let (id, now) = (facts.new_id(), facts.now());
        let bytes = new_bytes(algorithm, &mut |slot| facts.fill(slot));
        let first = new_version(id, 1, wrap, (algorithm, &bytes), now);
        let mut key = KeyBody::new(self.name.clone(), self.purpose, algorithm, now, first);
        key.rotation_period = self.rotation_period;
        key.usage_limit = self.usage_limit;
        facts.used_key(id, 1);
        let change = key_change(id, &key, NameChange::Take(self.name.clone()));
        Ok(facts.commit_witnessed(KeyView::of(id, &key, &[]), vec![change]))
    }
}

impl Create {
    /// What the key is used with, or what is wrong with the request.
    pub(super) fn check(&self) -> Result<Option<Algorithm>, Refusal> {
        let invalid = |field, reason: String| Err(Refusal::Invalid { field, reason });
        if BUILT_IN.contains(&self.name.as_str()) {
            // The server makes it by itself, if not today.
            return Err(Refusal::NameTaken { name: self.name.to_string() });
        }
        if !matches!(self.purpose, Purpose::Values | Purpose::Mac | Purpose::Sign | Purpose::Columns) {
            let made = format!("keys for {} are made by the server", self.purpose.word());
            let reason = format!("{made}; choose values, mac, sign or columns");
            return invalid("purpose", reason);
        }
        if self.rotation_period.is_some_and(|period| !PERIODS.contains(&period)) {
            return invalid("rotation_period_seconds", "choose one minute to 3,660 days".to_owned());
        }
        limit::check("usage_limit", self.usage_limit)?;
        let algorithm = self.algorithm.or_else(|| Algorithm::usual(self.purpose));
        if let Some(algorithm) = algorithm.filter(|algorithm| algorithm.purpose() != self.purpose) {
            return Err(Refusal::WrongAlgorithm { algorithm, purpose: self.purpose });
        }
        Ok(algorithm)
    }
}
