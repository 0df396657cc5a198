//! What a rule asks for: names from the index, records from the store, keys from memory.

use std::sync::Arc;

use strongroom_engine::name::Name;
use strongroom_engine::reseal::STORE_KEY_ID;
use strongroom_engine::rule::{Answers, KeyChoice, KeyHandle, Need, Refusal};
use strongroom_envelope::{Id, RecordKey, RecordKind};

use crate::facade::Failure;
use crate::unlocked::Unlocked;
use crate::uses::{self, Taken, Wanted};

/// Reading a value goes from a name to a head to a version. The version is fetched together with the head, on a guess: one
/// read of the store instead of two. What is guessed is compared and judged like everything else; a wrong guess is not used.
#[derive(Default)]
pub struct ReadAhead {
    /// The head, by the name that was asked for.
    head: Option<(Name, RecordKey)>,
    /// The version that was probably meant.
    guess: Option<RecordKey>,
    /// The version that was meant, when nothing or something else was guessed.
    missed: Option<RecordKey>,
}

impl ReadAhead {
    fn named(&mut self, unlocked: &Unlocked, name: &Name, id: Id) {
        let version = unlocked.index.read().next_of(RecordKind::Secret, name);
        self.guess = version.map(|id| RecordKey::new(RecordKind::SecretVersion, id));
        self.head = Some((name.clone(), RecordKey::new(RecordKind::Secret, id)));
    }

    /// What is fetched together with `key`.
    fn along(&mut self, key: RecordKey) -> Option<RecordKey> {
        if key.kind == RecordKind::SecretVersion {
            self.missed = Some(key);
        }
        let is_head = self.head.as_ref().is_some_and(|(_, head)| *head == key);
        if is_head { self.guess } else { None }
    }

    /// Remembers what was read, for the next time.
    pub fn learn(self, unlocked: &Unlocked) {
        if let (Some((name, _)), Some(missed)) = (self.head, self.missed) {
            unlocked.index.write().note_next(RecordKind::Secret, &name, missed.id);
        }
    }
}

/// How much is stored under each version of a key; of the store key, how much is stored under older ones.
pub fn stored(unlocked: &Unlocked, id: Id) -> Vec<(u32, u64)> {
    if id == STORE_KEY_ID {
        return vec![(0, unlocked.resealing.len())];
    }
    unlocked.stored.counts(id, &unlocked.index.read())
}

/// A key of which there is no record is not locked, it is not there.
fn key(unlocked: &Unlocked, choice: &KeyChoice) -> Result<Arc<KeyHandle>, Refusal> {
    unlocked.keys.handle(choice).map_err(|refusal| match (refusal, choice) {
        (Refusal::KeyLocked { key }, KeyChoice::Active(id))
            if unlocked.index.read().get(RecordKey::new(RecordKind::Key, *id)).is_none() =>
        {
            Refusal::NotFound { what: "key", target: key }
        }
        (refusal, _) => refusal,
    })
}

/// Why a need was not met.
pub enum Unmet {
    /// It cannot be.
    Failed(Failure),
    /// Uses of a key have to be set aside first.
    Uses(Wanted),
}

impl From<Failure> for Unmet {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Fetches what a rule asks for.
pub fn fulfil(
    unlocked: &Unlocked,
    needs: &[Need],
    answers: &mut Answers,
    mut next: Option<&mut ReadAhead>,
) -> Result<(), Unmet> {
    let mut keys = Vec::new();
    for need in needs {
        match need {
            Need::Record(key) => {
                keys.push(*key);
                keys.extend(next.as_mut().and_then(|next| next.along(*key)));
            }
            Need::Name(kind, name) => {
                let id = unlocked.index.read().id_of(*kind, name).or_else(|| unlocked.quarantine.named(*kind, name));
                if let (Some(next), Some(id), RecordKind::Secret) = (next.as_mut(), id, kind) {
                    next.named(unlocked, name, id);
                }
                answers.name(*kind, name.clone(), id);
            }
            Need::Page(request) => {
                let names =
                    unlocked.index.read().page(request.kind, &request.prefix, request.after.as_deref(), request.limit);
                answers.page(request.clone(), names);
            }
            Need::Ids(request) => {
                let after = request.after;
                let ids = if request.unfinished {
                    unlocked.unfinished.page(after, request.limit)
                } else {
                    unlocked.index.read().ids(request.kind, after, request.limit)
                };
                answers.ids(request.clone(), ids);
            }
            Need::Key(choice) => answers.key(choice.clone(), key(unlocked, choice)),
            Need::Wraps(id) => answers.wraps(*id, Arc::new(unlocked.keys.wraps(&unlocked.seals.read(), *id))),
            Need::Stored(id) => answers.stored(*id, stored(unlocked, *id)),
            Need::Uses { key, version, wanted } => {
                let wanted = Wanted { version: (*key, *version), count: *wanted };
                match uses::take(unlocked, wanted) {
                    Taken::Granted { count, .. } => answers.uses(*key, *version, count),
                    Taken::Wait => return Err(Unmet::Uses(wanted)),
                }
            }
        }
    }
    for (key, record) in keys.iter().zip(unlocked.fetch(&keys)?) {
        answers.record(*key, record);
    }
    Ok(())
}
