//! `credential`: what a component logs in with; only the account it runs under, or its client certificate, can read it.

mod change;
mod own;
mod read;

pub use change::{DeleteReply, DeleteRequest, RebindReply, RebindRequest, SetReply, SetRequest};
pub use own::{EnrollReply, EnrollRequest, GetReply, GetRequest};
pub use read::{Binding, Entry, ListReply, ListRequest, ShowReply, ShowRequest, Withheld};

const EXAMPLE_ID: &str = "01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e70";
const EXAMPLE_NAME: &str = "queue-manager";
const EXAMPLE_ACCOUNT: &str = "svc-queue";
const EXAMPLE_UID: u32 = 991;
const EXAMPLE_PIN: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const EXAMPLE_TIME: &str = "2026-07-15T08:30:00.000Z";
