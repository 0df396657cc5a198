//! A batch: preconditions and changes that are applied together, and how large it may be.

/// Changes that happen together or not at all.
#[derive(Debug, Clone, Default)]
pub struct Batch<'a> {
    /// Keys that must not be there before the batch.
    pub absent: Vec<&'a [u8]>,
    /// What changes, in order.
    pub changes: Vec<Change<'a>>,
}

/// One change of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// The record has this value from now on.
    Put {
        /// Where the record lies.
        key: &'a [u8],
        /// Its sealed bytes.
        value: &'a [u8],
    },
    /// The record is gone; deleting what is not there is no error.
    Delete {
        /// Where the record lay.
        key: &'a [u8],
    },
}

impl<'a> Change<'a> {
    /// The key of the record that changes.
    pub fn key(&self) -> &'a [u8] {
        match *self {
            Change::Put { key, .. } | Change::Delete { key } => key,
        }
    }

    /// Key and value together, in bytes.
    pub fn size(&self) -> usize {
        match self {
            Change::Put { key, value } => key.len() + value.len(),
            Change::Delete { key } => key.len(),
        }
    }
}

impl Batch<'_> {
    /// Keys and values of all changes together, in bytes.
    pub fn size(&self) -> usize {
        self.changes.iter().map(Change::size).sum()
    }
}

/// How much a store takes at once; fixed now, because commits are composed against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most changes of one commit; more is a job.
    pub commit_changes: usize,
    /// Most bytes of record bodies in one commit.
    pub commit_bytes: usize,
    /// Most commits that the committer gathers into one batch.
    pub batch_commits: usize,
    /// Most bytes that the committer gathers from several commits; a single commit and the log
    /// record of the batch may go beyond it.
    pub batch_bytes: usize,
    /// Longest key.
    pub key_bytes: usize,
    /// Longest value: a log record or a snapshot page is longer than any one body.
    pub value_bytes: usize,
}

impl Limits {
    /// The limits of the store on one machine.
    pub const LOCAL: Limits = Limits {
        commit_changes: 60,
        commit_bytes: (1 << 20) + (64 << 10),
        batch_commits: 1024,
        batch_bytes: 1 << 20,
        key_bytes: 64,
        value_bytes: 8 << 20,
    };

    /// Refuses a batch no store takes. Gathering commits within the other limits is the
    /// committer's business: a batch does not show where one commit ends.
    pub fn check(&self, batch: &Batch<'_>) -> Result<(), Limit> {
        let keys = batch.changes.iter().map(Change::key).chain(batch.absent.iter().copied());
        for key in keys {
            if key.is_empty() {
                return Err(Limit::EmptyKey);
            }
            if key.len() > self.key_bytes {
                return Err(Limit::Key { bytes: key.len(), most: self.key_bytes });
            }
        }
        for change in &batch.changes {
            if let Change::Put { value, .. } = change
                && value.len() > self.value_bytes
            {
                return Err(Limit::Value { bytes: value.len(), most: self.value_bytes });
            }
        }
        Ok(())
    }
}

/// Which limit a batch broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// A key has no byte at all.
    #[error("a key is empty")]
    EmptyKey,
    /// A key is too long.
    #[error("a key has {bytes} bytes, at most {most} are allowed")]
    Key {
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        most: usize,
    },
    /// A value is too long.
    #[error("a value has {bytes} bytes, at most {most} are allowed")]
    Value {
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        most: usize,
    },
}
