//! `coverage`: what is encrypted, under which key, and what lies in clear and why.

use strongroom_api::coverage::{Area, CoverageRequest};
use strongroom_client::Client;

use crate::failure::Failure;
use crate::output::Output;

/// Runs it.
pub async fn run(client: Client, output: &Output) -> Result<(), Failure> {
    let reply = client.call(&CoverageRequest {}).await?;
    output.answer(&reply, || reply.areas.iter().map(told).collect::<Vec<_>>().join("\n"));
    if reply.areas.iter().all(|area| area.as_it_should_be) {
        return Ok(());
    }
    Err(Failure::Findings(
        "something lies in clear that should not; `strongroom doctor` says how to mend it".to_owned(),
    ))
}

fn told(area: &Area) -> String {
    let items = area.items.map(|items| format!(", {items}")).unwrap_or_default();
    let clear = if area.kept == "partly" { format!(" ({} in clear)", area.clear) } else { String::new() };
    let mut lines = vec![format!("{:<9} {}{items}{clear}", area.kept, area.what)];
    if !area.key.is_empty() {
        lines.push(format!("          by {}, {}", area.key, area.algorithm));
    }
    if !area.why.is_empty() {
        lines.push(format!("          {}", area.why));
    }
    lines.join("\n")
}
