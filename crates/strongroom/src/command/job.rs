//! `job`: list, show, pause, resume; and waiting for one with a bar.

use std::io::IsTerminal;
use std::time::Duration;

use strongroom_api::job::{Job as Entry, ListRequest, PauseRequest, ResumeRequest, ShowRequest};
use strongroom_client::Client;

use crate::cli::Job;
use crate::command::Here;
use crate::failure::Failure;
use crate::output::{Output, table};

/// How often a job that is waited for is asked about.
const ASK: Duration = Duration::from_millis(200);
/// Characters of the bar.
const BAR: usize = 30;

/// Runs one of them.
pub fn run(here: &Here<'_>, job: Job) -> Result<(), Failure> {
    match job {
        Job::List => here.call(|client, output| async move {
            let reply = client.call(&ListRequest {}).await?;
            output.answer(&reply, || listed(&reply.jobs));
            Ok(())
        }),
        Job::Show { id, wait } => here.call(|client, output| async move {
            let job = if wait { waited(&client, output, id).await? } else { client.call(&ShowRequest { id }).await? };
            told(output, &job)
        }),
        Job::Pause { id } => here.call(|client, output| async move {
            let job = client.call(&PauseRequest { id }).await?;
            told(output, &job)
        }),
        Job::Resume { id } => here.call(|client, output| async move {
            let job = client.call(&ResumeRequest { id }).await?;
            told(output, &job)
        }),
    }
}

/// Shows a job; one that could not do everything is a failure.
pub fn told(output: &Output, job: &Entry) -> Result<(), Failure> {
    output.answer(job, || {
        let rate = job.rate.map(|rate| format!(", at most {rate} a second")).unwrap_or_default();
        format!(
            "{} {} of {} to version {}: {}, {} of {}{rate}",
            job.id, job.kind, job.key, job.key_version, job.state, job.done, job.total
        )
    });
    if job.state == "incomplete" {
        let left = job.total - job.done.min(job.total);
        let message = format!(
            "{left} values could not be sealed again; mend what `strongroom quarantine list` shows, then `strongroom job resume {}`",
            job.id
        );
        return Err(Failure::Findings(message));
    }
    Ok(())
}

/// Asks until the job has ended; at a terminal a bar shows how far it is.
pub async fn waited(client: &Client, output: &Output, id: String) -> Result<Entry, Failure> {
    let shows = std::io::stderr().is_terminal() && !output.is_json();
    loop {
        let job = client.call(&ShowRequest { id: id.clone() }).await?;
        let is_over = job.state != "running";
        if shows {
            output.progress(&bar(&job), is_over);
        }
        if is_over {
            return Ok(job);
        }
        tokio::time::sleep(ASK).await;
    }
}

fn bar(job: &Entry) -> String {
    let share = if job.total == 0 { 1.0 } else { job.done as f64 / job.total as f64 };
    let filled = (share * BAR as f64) as usize;
    format!("[{}{}] {} of {}", "#".repeat(filled), ".".repeat(BAR - filled.min(BAR)), job.done, job.total)
}

fn listed(jobs: &[Entry]) -> String {
    let row = |job: &Entry| {
        let done = format!("{} of {}", job.done, job.total);
        let what = format!("{} {} to version {}", job.kind, job.key, job.key_version);
        vec![job.id.clone(), what, job.state.clone(), done, job.updated_at.clone()]
    };
    let rows: Vec<Vec<String>> = jobs.iter().map(row).collect();
    if rows.is_empty() { "no jobs".into() } else { table(&["ID", "WHAT", "STATE", "DONE", "UPDATED"], &rows) }
}
