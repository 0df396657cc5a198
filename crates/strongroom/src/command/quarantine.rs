//! `quarantine`: list, release.

use strongroom_api::quarantine::{How, ListRequest, ReleaseRequest};

use crate::cli::{Quarantine, Release};
use crate::command::Here;
use crate::failure::Failure;
use crate::output::table;

/// Runs one of them.
pub fn run(here: &Here<'_>, quarantine: Quarantine) -> Result<(), Failure> {
    match quarantine {
        Quarantine::List => here.call(|client, output| async move {
            let reply = client.call(&ListRequest {}).await?;
            let rows: Vec<Vec<String>> = reply
                .records
                .iter()
                .map(|entry| {
                    let name = entry.name.clone().unwrap_or_default();
                    vec![entry.record.clone(), entry.finding.clone(), entry.found_at.clone(), name]
                })
                .collect();
            output.answer(&reply, || {
                if rows.is_empty() {
                    "nothing is quarantined".into()
                } else {
                    table(&["RECORD", "FINDING", "FOUND", "NAME"], &rows)
                }
            });
            match rows.len() {
                0 => Ok(()),
                count => Err(Failure::Findings(format!("{count} records are quarantined"))),
            }
        }),
        Quarantine::Release { record, how } => here.call(|client, output| async move {
            let how = match how {
                Release::Recheck => How::Recheck,
                Release::AcceptOlder => How::AcceptOlder,
                Release::Delete => How::Delete,
            };
            let shown = record.clone();
            let reply = client.call(&ReleaseRequest { record, how }).await?;
            output.answer(&reply, || match &reply.still {
                None => format!("{shown} is released"),
                Some(entry) => format!("{shown} stays in quarantine: {}", entry.finding),
            });
            if reply.released { Ok(()) } else { Err(Failure::Findings("it is not released".into())) }
        }),
    }
}
