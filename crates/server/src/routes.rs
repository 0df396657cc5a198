//! One route per operation: from the words of the wire to an operation of the keeper, and back.

mod audit;
mod column;
mod coverage;
mod credential;
mod doctor;
mod job;
mod key;
mod lock;
mod protector;
mod quarantine;
mod secret;
mod setting;
mod status;
mod store;
mod token;
pub(crate) mod transaction;
mod upgrade;

use std::future::Future;

use strongroom_api::Request;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::{Id, Timestamp};
use strongroom_keeper::facade::Caller;

use crate::refused::Failed;
use crate::shell::Shell;

/// How one operation of the table is carried out.
pub(crate) trait Route: Request {
    /// What somebody can do who is not permitted, when the code's own advice does not fit.
    const DENIED_FIX: Option<&'static str> = None;
    /// Carries it out.
    fn run(self, shell: &Shell, caller: Caller) -> impl Future<Output = Result<Self::Reply, Failed>> + Send;
}

/// Entries of a page, when the caller does not say.
const PAGE: u32 = 100;

fn page_limit(limit: Option<u32>) -> usize {
    usize::try_from(limit.unwrap_or(PAGE)).unwrap_or(usize::MAX)
}

fn parse_id(field: &'static str, text: &str) -> Result<Id, Refusal> {
    Id::parse(text).map_err(|_| Refusal::Invalid { field, reason: "this is not an id (UUID)".to_owned() })
}

fn parse_time(field: &'static str, text: &str) -> Result<Timestamp, Refusal> {
    let reason = "this is not a time such as 2026-07-15T08:30:00.000Z (RFC 3339)";
    // Whole seconds are a time as well.
    let whole = text.strip_suffix('Z').filter(|text| !text.contains('.')).map(|text| format!("{text}.000Z"));
    Timestamp::parse(whole.as_deref().unwrap_or(text))
        .map_err(|_| Refusal::Invalid { field, reason: reason.to_owned() })
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}
