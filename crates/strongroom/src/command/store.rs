//! `store`, `verify` and `upgrade`.

use strongroom_api::store::{ScrubRequest, VerifyRequest};
use strongroom_api::upgrade::AcceptRequest;
use strongroom_client::Client;

use crate::cli::Store;
use crate::command::Here;
use crate::failure::Failure;
use crate::output::Output;

/// Runs one of `store`'s.
pub fn run(here: &Here<'_>, store: &Store) -> Result<(), Failure> {
    match store {
        Store::Scrub => here.call(scrub),
        Store::Verify => here.call(verify),
    }
}

async fn scrub(client: Client, output: &Output) -> Result<(), Failure> {
    let reply = client.call(&ScrubRequest {}).await?;
    output.answer(&reply, || "the bytes of deleted and replaced records are gone from the store's files".into());
    Ok(())
}

/// `verify`: what was found makes the exit code.
pub async fn verify(client: Client, output: &Output) -> Result<(), Failure> {
    let reply = client.call(&VerifyRequest {}).await?;
    output.answer(&reply, || {
        let mut lines = vec![format!("{} records verified in {} ms", reply.records, reply.duration_milliseconds)];
        lines.extend(reply.findings.iter().map(|entry| {
            format!("{} is {} {}", entry.record, entry.finding, entry.name.as_deref().unwrap_or_default())
        }));
        lines.join("\n")
    });
    match reply.findings.len() {
        0 => Ok(()),
        count => Err(Failure::Findings(format!("{count} records failed"))),
    }
}

/// `upgrade accept`.
pub async fn upgrade_accept(client: Client, output: &Output) -> Result<(), Failure> {
    let reply = client.call(&AcceptRequest {}).await?;
    output.answer(&reply, || "the running program is accepted".into());
    Ok(())
}
