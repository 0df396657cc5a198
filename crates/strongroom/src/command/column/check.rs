//! `column check`: which proxies reach which keys, and whether this place does.

use serde_json::json;
use strongroom_column_pg::enable::status::{ProxyKey, Reach, check};

use super::database::{dsn, failed, findings, keys};
use crate::cli::Inspection;
use crate::command::Here;
use crate::failure::Failure;
use crate::output::{Output, table};

/// Runs it.
pub fn run(here: &Here<'_>, given: Inspection) -> Result<(), Failure> {
    let dsn = dsn(&given.database)?;
    here.call(|client, output| async move {
        let keys = keys(client, &given.names);
        let reach = check(&dsn, &keys).await.map_err(failed(output, "checking the keys"))?;
        tell(output, &reach);
        let here = reach.here.iter().filter(|(_, wrong)| wrong.is_some()).count();
        let proxies = reach.proxies.iter().filter(|key| key.key.is_some() && !key.reached || key.silent).count();
        findings(here + proxies)
    })
}

fn tell(output: &Output, reach: &Reach) {
    let here: Vec<_> = reach.here.iter().map(|(key, wrong)| json!({ "key": key, "wrong": wrong })).collect();
    let proxies: Vec<_> = reach
        .proxies
        .iter()
        .map(|entry| {
            let (key, path) = entry.key.clone().unzip();
            json!({
                "proxy": entry.proxy, "seen": entry.seen, "silent": entry.silent, "manifest": entry.sequence, "key": key,
                "path": path, "reached": entry.reached, "detail": entry.detail,
            })
        })
        .collect();
    output.answer(&json!({ "here": here, "proxies": proxies }), || text(reach));
}

fn text(reach: &Reach) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (key, wrong) in &reach.here {
        let state = wrong.clone().unwrap_or_else(|| "reached".to_owned());
        rows.push(vec!["here".to_owned(), key.clone(), String::new(), state]);
    }
    rows.extend(reach.proxies.iter().map(row));
    table(&["WHERE", "KEY", "PATH", "STATE"], &rows)
}

fn row(entry: &ProxyKey) -> Vec<String> {
    let (key, path) = entry.key.clone().unwrap_or_default();
    let state = match (entry.silent, entry.reached, key.is_empty()) {
        (true, ..) => format!("silent since {}", entry.seen),
        (false, _, true) => "no key needed so far".to_owned(),
        (false, true, false) => "reached".to_owned(),
        (false, false, false) => entry.detail.clone(),
    };
    vec![format!("{} (manifest {})", entry.proxy, entry.sequence), key, path, state]
}
