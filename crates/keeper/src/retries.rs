//! Commits of the last day that came with an idempotency key, so that a retry finds its answer.

use std::collections::{HashMap, VecDeque};

use strongroom_envelope::{Id, Timestamp};

/// How long a commit is remembered.
pub const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// The most that are remembered; beyond it the oldest go early.
const MOST: usize = 1 << 20;

/// Commit id → epoch, in order of time.
#[derive(Default)]
pub struct Retries {
    epochs: HashMap<Id, u64>,
    order: VecDeque<(Timestamp, Id)>,
}

impl Retries {
    /// Whether this commit was done.
    pub fn contains(&self, commit_id: &Id) -> bool {
        self.epochs.contains_key(commit_id)
    }

    /// The epoch in which it was done.
    pub fn epoch_of(&self, commit_id: &Id) -> Option<u64> {
        self.epochs.get(commit_id).copied()
    }

    /// Remembers a commit and forgets what is a day old.
    pub fn insert(&mut self, commit_id: Id, epoch: u64, time: Timestamp) {
        self.forget_before(Timestamp(time.0 - KEPT_MS));
        if self.epochs.insert(commit_id, epoch).is_none() {
            self.order.push_back((time, commit_id));
        }
        while self.order.len() > MOST {
            self.forget_oldest();
        }
    }

    /// All of them with epoch and time, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (Id, u64, Timestamp)> {
        self.order.iter().filter_map(|(time, id)| self.epochs.get(id).map(|epoch| (*id, *epoch, *time)))
    }

    fn forget_before(&mut self, limit: Timestamp) {
        while self.order.front().is_some_and(|(time, _)| *time < limit) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.order.pop_front() {
            self.epochs.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_later_a_commit_is_forgotten() {
        let mut retries = Retries::default();
        retries.insert(Id([1; 16]), 7, Timestamp(0));
        retries.insert(Id([2; 16]), 8, Timestamp(KEPT_MS));
        assert_eq!(retries.epoch_of(&Id([1; 16])), Some(7));
        retries.insert(Id([3; 16]), 9, Timestamp(KEPT_MS + 1));
        assert_eq!(retries.epoch_of(&Id([1; 16])), None);
        assert_eq!(retries.epoch_of(&Id([2; 16])), Some(8));
        assert_eq!(retries.iter().count(), 2);
    }
}
