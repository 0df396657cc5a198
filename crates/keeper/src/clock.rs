//! The clock of the keeper; rules are handed their time.

use std::time::{SystemTime, UNIX_EPOCH};

use strongroom_envelope::Timestamp;

/// Milliseconds since 1970 by the system's clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
