//! The section `[transactions]`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use strongroom_server::Encrypt;

use crate::failure::Failure;

const DAY_SECONDS: u64 = 24 * 60 * 60;
/// A hundred years.
const MOST_DAYS: u32 = 36_525;

/// How transactions are kept.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Which of them are sealed under keys of their own.
    pub encrypt: Option<Which>,
    /// The folder of archives.
    pub archive_dir: Option<PathBuf>,
    /// After how many days closed transactions are archived.
    pub archive_after_days: Option<u32>,
}

/// Which transactions.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// All.
    Always,
    /// Those whose request is marked as sensitive, or may be meant so.
    Marked,
}

impl Section {
    /// Refuses what cannot be meant.
    pub fn check(&self, shown: &str) -> Result<(), Failure> {
        if self.archive_dir.as_ref().is_some_and(|folder| !folder.is_absolute()) {
            return Err(Failure::usage(
                format!("{shown}: transactions.archive_dir is not an absolute path"),
                "begin it with /: a server does not always run in the same folder",
            ));
        }
        if self.archive_after_days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
            return Err(Failure::usage(
                format!("{shown}: transactions.archive_after_days is not 1 to {MOST_DAYS}"),
                "choose a number in this range, or leave it away: `strongroom tx archive` does it on demand",
            ));
        }
        Ok(())
    }

    /// After how long closed transactions are archived, if the server does it by itself.
    pub fn archive_after(&self) -> Option<Duration> {
        self.archive_after_days.map(|days| Duration::from_secs(u64::from(days) * DAY_SECONDS))
    }

    /// What was chosen, or the usual.
    pub fn encrypt(&self) -> Encrypt {
        match self.encrypt {
            Some(Which::Marked) => Encrypt::Marked,
            Some(Which::Always) | None => Encrypt::Always,
        }
    }
}
