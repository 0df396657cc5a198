//! `column setup`: a database gets the schema `strongroom`.

use serde_json::json;
use strongroom_column_pg::enable::setup::{SetUp, Setup};

use super::database::{dsn, failed, keys, signing_key};
use super::server_keys::ServerKeys;
use crate::cli::ColumnSetup;
use crate::command::Here;
use crate::failure::Failure;
use crate::output::Output;

/// Runs it.
pub fn run(here: &Here<'_>, given: ColumnSetup) -> Result<(), Failure> {
    let ColumnSetup { database, names, dry_run, operators, proxy_role, no_manifest } = given;
    let setup = Setup { operators, proxy_role };
    if dry_run {
        here.output.text(&setup.script());
        return Ok(());
    }
    let dsn = dsn(&database)?;
    if no_manifest {
        return here.alone(|output| async move {
            let done = setup.run::<ServerKeys>(&dsn, None).await.map_err(failed(output, "setting up the database"))?;
            tell(output, &done);
            Ok(())
        });
    }
    here.call(|client, output| async move {
        signing_key(&client, &names.manifest_key, output).await?;
        let keys = keys(client, &names);
        let source = Some((&keys, names.manifest_key.as_str()));
        let done = setup.run(&dsn, source).await.map_err(failed(output, "setting up the database"))?;
        tell(output, &done);
        Ok(())
    })
}

fn tell(output: &Output, done: &SetUp) {
    let SetUp { created, database, manifest } = done;
    output.answer(&json!({ "created": created, "database": database, "manifest": manifest }), || {
        let what = if *created { "was set up" } else { "was set up already, and is complete" };
        let manifest = match manifest {
            Some(number) => format!("its manifest has number {number}"),
            None => "it has no manifest yet, so proxies refuse it".to_owned(),
        };
        format!("the database {database} {what}; {manifest}")
    });
}
