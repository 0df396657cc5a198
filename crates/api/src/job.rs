//! `job`: what the server works on in the background.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::Example;

const EXAMPLE_ID: &str = "01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f";
const EXAMPLE_TIME: &str = "2026-07-15T08:30:00.000Z";

/// Lists jobs, the oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "JobListRequest")]
#[serde(deny_unknown_fields)]
pub struct ListRequest {}

/// Jobs that run, wait, or ended not long ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "JobListReply")]
pub struct ListReply {
    /// The jobs.
    pub jobs: Vec<Job>,
}

/// A job, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What it does: `reencrypt`.
    pub kind: String,
    /// The name of the key it is about.
    pub key: String,
    /// The key version that was made with it.
    pub key_version: u32,
    /// `running`, `paused`, `done`, `incomplete` (some values could not be done; `job.resume` tries them again).
    pub state: String,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When its state last changed.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
    /// How many values there were to do.
    pub total: u64,
    /// How many of them are done.
    pub done: u64,
    /// At most so many a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
}

macro_rules! about_one {
    ($($(#[$doc:meta])* $request:ident = $name:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        #[schemars(rename = $name)]
        #[serde(deny_unknown_fields)]
        pub struct $request {
            /// The job's id.
            #[schemars(extend("format" = "uuid"))]
            pub id: String,
        }

        impl Example for $request {
            fn example() -> Self {
                Self { id: EXAMPLE_ID.to_owned() }
            }
        }
    )*};
}

about_one! {
    /// Shows one job.
    ShowRequest = "JobShowRequest";
    /// Stops a job for now.
    PauseRequest = "JobPauseRequest";
    /// Lets a job go on.
    ResumeRequest = "JobResumeRequest";
}

impl Example for ListRequest {
    fn example() -> Self {
        Self {}
    }
}

impl Example for ListReply {
    fn example() -> Self {
        Self { jobs: vec![Job::example()] }
    }
}

impl Example for Job {
    fn example() -> Self {
        Self {
            id: EXAMPLE_ID.to_owned(),
            kind: "reencrypt".to_owned(),
            key: "secrets".to_owned(),
            key_version: 2,
            state: "running".to_owned(),
            created_at: EXAMPLE_TIME.to_owned(),
            updated_at: EXAMPLE_TIME.to_owned(),
            total: 100_000,
            done: 42_000,
            rate: None,
        }
    }
}
