//! Where a trail lies and how large its pieces are.

use std::path::PathBuf;

/// What a [`Trail`](crate::Trail) needs to know; sizes other than the defaults are for small volumes and for tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailSettings {
    /// The folder of the segments and of `checkpoint.key`; created with mode 0700 when it is missing.
    pub directory: PathBuf,
    /// The name of this node, written into every line.
    pub node: String,
    /// The most bytes of a segment.
    pub segment_bytes: u64,
    /// Bytes preallocated behind the last line, so that urgent lines still fit on a full volume.
    pub reserve_bytes: u64,
    /// Lines after which a checkpoint is due.
    pub checkpoint_lines: u64,
    /// Milliseconds after which a checkpoint is due when there are lines to sign.
    pub checkpoint_milliseconds: i64,
}

impl TrailSettings {
    /// The defaults: segments of 64 MiB, 16 MiB in reserve, a checkpoint every 1,000 lines or 10 seconds.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, node: impl Into<String>) -> TrailSettings {
        TrailSettings {
            directory: directory.into(),
            node: node.into(),
            segment_bytes: 64 << 20,
            reserve_bytes: 16 << 20,
            checkpoint_lines: 1_000,
            checkpoint_milliseconds: 10_000,
        }
    }

    /// How near to its end a segment is closed with a checkpoint, so that one ordinary write still fits before.
    pub(crate) fn closing_margin(&self) -> u64 {
        (self.segment_bytes / 8).min(1 << 20)
    }
}
