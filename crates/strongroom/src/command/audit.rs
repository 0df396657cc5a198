//! `audit`: search and tail over the server, verify from files alone.

use std::path::{Path, PathBuf};

use serde_json::json;
use strongroom_api::audit::SearchRequest;
use strongroom_audit::{CheckpointState, Inspection, Report, Trail, TrailSettings, VerifyError};

use crate::cli::Audit;
use crate::command::Here;
use crate::failure::{Failure, exit};
use crate::settings::hexadecimal;
use crate::target::DEFAULT_DATA;

/// Runs one of them.
pub fn run(here: &Here<'_>, audit: Audit) -> Result<(), Failure> {
    match audit {
        Audit::Search { operation, principal, target, request, since, limit } => {
            let request =
                SearchRequest { operation, principal, target, request_id: request, since, limit: Some(limit) };
            search(here, request)
        }
        Audit::Tail { lines } => search(here, SearchRequest { limit: Some(lines), ..SearchRequest::default() }),
        Audit::Verify { trail, key } => verify(here, trail, key.as_deref()),
    }
}

fn search(here: &Here<'_>, request: SearchRequest) -> Result<(), Failure> {
    here.call(|client, output| async move {
        let reply = client.call(&request).await?;
        output.answer(&reply, || reply.lines.join("\n"));
        Ok(())
    })
}

/// Needs no server: the trail and key 0 are enough.
/// The chain and its signatures, and whether the key file tells of checkpoints that are not there any more.
fn verified(directory: &Path, key: Option<[u8; 32]>) -> Result<Report, Failure> {
    let attempted = || format!("verifying {}", directory.display());
    let whole = || {
        strongroom_audit::verify(directory, key).map_err(|error| {
            // Who removed a trail must not look like who mistyped its name: the exit code is that of a broken one.
            let fix = match &error {
                VerifyError::Missing => "name its folder with `--trail`; if this is it, the trail was removed",
                _ => "compare with what a log collector received; what is before the line it names is whole",
            };
            Failure::local(attempted(), error, fix).with_code(exit::INTEGRITY)
        })
    };
    let mut report = whole()?;
    // A server that is signing right now may be one checkpoint ahead of what was read, but not of what is read after that.
    for _ in 0..READINGS {
        let Ok(Inspection::Present(tail)) = Trail::inspect(&TrailSettings::new(directory.to_owned(), "")) else {
            return Ok(report);
        };
        let CheckpointState::Truncated { number, key } = tail.checkpoint else { return Ok(report) };
        let after = whole()?;
        if after.lines == report.lines {
            let message =
                format!("the trail ends at checkpoint {number}, but checkpoint {key} was signed: lines are missing");
            let fix = "compare with what a log collector received; every line that is left is whole";
            return Err(Failure::local(attempted(), message, fix).with_code(exit::INTEGRITY));
        }
        report = after;
    }
    Ok(report)
}

/// How often a trail that grows is read again.
const READINGS: usize = 3;

fn verify(here: &Here<'_>, trail: Option<PathBuf>, key: Option<&str>) -> Result<(), Failure> {
    let data = here.global.data.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA));
    let directory = trail.unwrap_or_else(|| data.join("audit"));
    let wrong =
        || Failure::usage("--key is not 64 hexadecimal digits", "it was printed at the first start, as `audit key 0`");
    let key = key.map(|key| hexadecimal::<32>(key).ok_or_else(wrong)).transpose()?;
    let report = verified(&directory, key)?;
    let without_key = key.is_none();
    let checkpoints = report.checkpoint.map_or(0, |last| last.number);
    let answer = json!({
        "lines": report.lines,
        "checkpoints": checkpoints,
        "key_zero": report.key_zero.map(|key| crate::settings::hex(&key)),
        "not_yet_signed": report.unsigned_lines,
        "key_zero_given": !without_key,
    });
    here.output.answer(&answer, || {
        let hint = if without_key {
            "; key 0 was taken from the trail itself: give --key to rule out a trail made anew"
        } else {
            ""
        };
        let (lines, unsigned) = (report.lines, report.unsigned_lines);
        format!("{lines} lines are whole, {checkpoints} checkpoints signed, {unsigned} lines not yet signed{hint}")
    });
    Ok(())
}
