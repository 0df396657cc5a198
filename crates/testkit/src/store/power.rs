//! Power loss, modelled on what a real process asked of its disk.
//!
//! A process is run under `strace`; its system calls on one directory become [`Event`]s
//! ([`trace::events`]); a [`Disk`] plays them up to any moment, and [`Disk::lose_power`] yields
//! what could be found there afterwards: what was synced surely, of the rest any part, torn at
//! any sector, with names that were not synced there or not there.

mod disk;
pub mod trace;

pub use disk::{Disk, Image};

/// One thing a process did to the files of a directory, in the order in which it did them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new, empty file.
    Create {
        /// Its name in the directory.
        name: String,
    },
    /// Bytes written at a place.
    Write {
        /// Which file.
        name: String,
        /// Where.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// Bytes written at the end.
    Append {
        /// Which file.
        name: String,
        /// What.
        bytes: Vec<u8>,
    },
    /// A new length.
    SetLength {
        /// Which file.
        name: String,
        /// How many bytes.
        length: u64,
    },
    /// The content of a file is on the disk.
    SyncFile {
        /// Which file.
        name: String,
    },
    /// A file has another name, in place of what had it.
    Rename {
        /// The old one.
        from: String,
        /// The new one.
        to: String,
    },
    /// A name is gone.
    Remove {
        /// Which.
        name: String,
    },
    /// The names are on the disk.
    SyncDirectory,
    /// Text on the standard output: what was promised by then.
    Said(String),
}
