//! `setting export`: settings with their values in clear, as TOML or JSON.

use strongroom_api::setting::{ExportReply, ExportRequest};
use strongroom_client::Client;

use super::toml_form;
use crate::failure::Failure;
use crate::output::Output;

/// Text is written page by page, JSON as one object.
pub async fn run(client: Client, output: &Output, prefix: String) -> Result<(), Failure> {
    let mut whole = ExportReply { settings: Vec::new(), withheld: Vec::new(), next: None };
    let (mut after, mut is_first) = (None, true);
    loop {
        let page = client.call(&ExportRequest { prefix: prefix.clone(), after: after.take(), limit: None }).await?;
        if output.is_json() {
            whole.settings.extend(page.settings);
        } else {
            output.bytes(toml_form::written(page.settings, is_first)?.expose())?;
        }
        is_first = false;
        whole.withheld.extend(page.withheld);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if output.is_json() {
        output.json_line(&whole);
    }
    if whole.withheld.is_empty() {
        return Ok(());
    }
    for withheld in &whole.withheld {
        output.remark(&format!("{} was left out: {}", withheld.name, withheld.message));
    }
    Err(Failure::Findings(format!("{} settings could not be read", whole.withheld.len())))
}
