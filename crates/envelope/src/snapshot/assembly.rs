//! Putting the pages of a snapshot together again.

use super::{Page, SnapshotHead};
use crate::RecordKey;

/// The pages seen so far, each of which has to fit the ones before.
#[derive(Clone, Debug)]
pub struct Assembly {
    head: SnapshotHead,
    pages: u64,
    record_count: u64,
    next_page: u64,
    entries: u64,
    last: Option<RecordKey>,
}

/// The pages are not one complete snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyRefusal {
    /// Another page than the one whose turn it is.
    #[error("page {found} of the snapshot comes where page {expected} belongs")]
    Order {
        /// The page whose turn it is.
        expected: u64,
        /// The page found.
        found: u64,
    },
    /// A page says otherwise than the first one.
    #[error("page {page} belongs to another snapshot than page 0")]
    Disagreement {
        /// The page.
        page: u64,
    },
    /// The entries do not rise over all pages.
    #[error("the entries of page {page} do not follow those before")]
    Entries {
        /// The page.
        page: u64,
    },
    /// Pages are missing.
    #[error("the snapshot has {found} of {expected} pages")]
    Incomplete {
        /// How many there should be.
        expected: u64,
        /// How many there were.
        found: u64,
    },
    /// The entries are not as many as the pages say.
    #[error("the snapshot has {found} entries and says {expected}")]
    Count {
        /// How many there should be.
        expected: u64,
        /// How many there were.
        found: u64,
    },
}

impl Assembly {
    /// Begins with page 0.
    ///
    /// # Errors
    /// When it is another page.
    pub fn begin(first: &Page) -> Result<Self, AssemblyRefusal> {
        let mut assembly = Self {
            head: first.head,
            pages: first.pages,
            record_count: first.record_count,
            next_page: 0,
            entries: 0,
            last: None,
        };
        assembly.add(first)?;
        Ok(assembly)
    }

    /// Takes the next page.
    ///
    /// # Errors
    /// When it does not fit the ones before.
    pub fn add(&mut self, page: &Page) -> Result<(), AssemblyRefusal> {
        let number = page.page;
        if number != self.next_page {
            return Err(AssemblyRefusal::Order { expected: self.next_page, found: number });
        }
        let agrees = page.head == self.head && page.pages == self.pages && page.record_count == self.record_count;
        if !agrees {
            return Err(AssemblyRefusal::Disagreement { page: number });
        }
        for entry in &page.entries {
            if self.last.is_some_and(|last| entry.key <= last) {
                return Err(AssemblyRefusal::Entries { page: number });
            }
            self.last = Some(entry.key);
        }
        self.next_page += 1;
        self.entries += page.entries.len() as u64;
        Ok(())
    }

    /// What the snapshot is about, when it is complete.
    ///
    /// # Errors
    /// When pages or entries are missing.
    pub fn finish(self) -> Result<SnapshotHead, AssemblyRefusal> {
        if self.next_page != self.pages {
            return Err(AssemblyRefusal::Incomplete { expected: self.pages, found: self.next_page });
        }
        if self.entries != self.record_count {
            return Err(AssemblyRefusal::Count { expected: self.record_count, found: self.entries });
        }
        Ok(self.head)
    }
}
