//! What PostgreSQL said of statement texts: for all sessions of a kind, and for this one.
//!
//! What one session learned may be wrong in another: a temporary table may hide a table, a function may have changed the search
//! path. So what is shared is a hint for texts with sensitive names, and is verified once in every session before a value is
//! sent; what this session verified holds until it does anything that may change what names mean.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use super::analysis::Analysis;

/// Texts that all sessions together remember.
const SHARED_ENTRIES: usize = 2_000;
/// Texts that one session remembers.
const OWN_ENTRIES: usize = 256;
/// Longer texts are not remembered, so that the bytes of a cache are bounded too.
const LONGEST_TEXT: usize = 64 * 1024;

/// A text, the types declared with it, and in which surroundings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Text {
    pub(super) scope: Arc<str>,
    pub(super) epoch: u64,
    pub(super) sql: Arc<str>,
    pub(super) types: Vec<u32>,
}

/// What is known of texts, shared by sessions. Bounded; the oldest goes first.
#[derive(Debug)]
pub struct StatementCache {
    bounded: Mutex<Bounded>,
    /// Types that a fresh catalogue knew nothing of: types of the application.
    plain_types: Mutex<HashSet<(Arc<str>, u32)>>,
}

#[derive(Debug)]
struct Bounded {
    entries: HashMap<Text, Arc<Analysis>>,
    order: VecDeque<Text>,
    most: usize,
}

impl Default for StatementCache {
    fn default() -> Self {
        Self { bounded: Mutex::new(Bounded::new(SHARED_ENTRIES)), plain_types: Mutex::default() }
    }
}

impl StatementCache {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many texts are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bounded.lock().entries.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn is_plain(&self, scope: &Arc<str>, oid: u32) -> bool {
        self.plain_types.lock().contains(&(Arc::clone(scope), oid))
    }

    pub(super) fn set_plain(&self, scope: &Arc<str>, oid: u32) {
        let mut types = self.plain_types.lock();
        if types.len() >= SHARED_ENTRIES {
            types.clear();
        }
        types.insert((Arc::clone(scope), oid));
    }
}

impl Bounded {
    fn new(most: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), most }
    }

    fn remove(&mut self, text: &Text) {
        if self.entries.remove(text).is_some() {
            self.order.retain(|own| own != text);
        }
    }

    fn insert(&mut self, text: Text, analysis: Arc<Analysis>) {
        if text.sql.len() > LONGEST_TEXT {
            return;
        }
        if self.entries.insert(text.clone(), analysis).is_none() {
            self.order.push_back(text);
        }
        while self.order.len() > self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }
}

/// Both layers, as one session sees them.
pub(super) struct Texts {
    shared: Arc<StatementCache>,
    own: Bounded,
    scope: Arc<str>,
    /// Whether names may mean something else here than in a new session.
    apart: bool,
    /// Counts the times at which names may have changed.
    generation: u64,
}

impl Texts {
    pub(super) fn new(shared: Arc<StatementCache>, scope: Arc<str>) -> Self {
        Self { shared, own: Bounded::new(OWN_ENTRIES), scope, apart: false, generation: 0 }
    }

    pub(super) fn text(&self, epoch: u64, sql: &Arc<str>, types: &[u32]) -> Text {
        Text { scope: Arc::clone(&self.scope), epoch, sql: Arc::clone(sql), types: types.to_vec() }
    }

    /// What this session found out itself.
    pub(super) fn verified(&self, text: &Text) -> Option<Arc<Analysis>> {
        self.own.entries.get(text).cloned()
    }

    /// What any session found out: right for texts without sensitive names, a hint for others.
    pub(super) fn hint(&self, text: &Text) -> Option<Arc<Analysis>> {
        if self.apart {
            return None;
        }
        self.shared.bounded.lock().entries.get(text).cloned()
    }

    /// Remembers what was found out.
    pub(super) fn remember(&mut self, text: Text, analysis: &Arc<Analysis>) {
        if !self.apart {
            self.shared.bounded.lock().insert(text.clone(), Arc::clone(analysis));
        }
        self.own.insert(text, Arc::clone(analysis));
    }

    /// What was remembered of a text is not so any more.
    pub(super) fn forget_text(&mut self, text: &Text) {
        self.own.remove(text);
        self.shared.bounded.lock().remove(text);
    }

    /// Names may mean something else from here on, in this session.
    pub(super) fn names_changed(&mut self) {
        self.own = Bounded::new(OWN_ENTRIES);
        self.apart = true;
        self.generation += 1;
    }

    /// The session is as it was when it began.
    pub(super) fn begin_again(&mut self) {
        self.names_changed();
        self.apart = false;
    }

    /// Statements of another generation may mean other tables now.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The catalogue is another.
    pub(super) fn forget(&mut self) {
        self.own = Bounded::new(OWN_ENTRIES);
    }

    pub(super) fn is_plain(&self, oid: u32) -> bool {
        self.shared.is_plain(&self.scope, oid)
    }

    pub(super) fn set_plain(&self, oid: u32) {
        self.shared.set_plain(&self.scope, oid);
    }
}
