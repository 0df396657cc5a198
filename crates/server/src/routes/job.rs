//! `job`: from the wire to the engine's rules, and back.

use strongroom_api::job as wire;
use strongroom_engine::job as rule;
use strongroom_keeper::facade::Caller;

use super::{Route, parse_id};
use crate::refused::Failed;
use crate::shell::Shell;

impl Route for wire::ListRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::ListReply, Failed> {
        let rule::ListReply { jobs } = shell.keeper.execute(caller, rule::List).await?;
        Ok(wire::ListReply { jobs: jobs.into_iter().map(job).collect() })
    }
}

impl Route for wire::ShowRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Job, Failed> {
        let show = rule::Show { id: parse_id("id", &self.id)? };
        Ok(job(shell.keeper.execute(caller, show).await?))
    }
}

impl Route for wire::PauseRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Job, Failed> {
        let pause = rule::Pause { id: parse_id("id", &self.id)? };
        Ok(job(shell.keeper.execute(caller, pause).await?))
    }
}

impl Route for wire::ResumeRequest {
    async fn run(self, shell: &Shell, caller: Caller) -> Result<wire::Job, Failed> {
        let resume = rule::Resume { id: parse_id("id", &self.id)? };
        Ok(job(shell.keeper.execute(caller, resume).await?))
    }
}

fn job(view: rule::JobView) -> wire::Job {
    wire::Job {
        id: view.id.to_string(),
        kind: view.kind.word().to_owned(),
        key: view.key.to_string(),
        key_version: view.key_version,
        state: view.state.word().to_owned(),
        created_at: view.created_at.rfc3339(),
        updated_at: view.updated_at.rfc3339(),
        total: view.total,
        done: view.done,
        rate: view.rate,
    }
}
