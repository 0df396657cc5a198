//! `convert`: a new version of the key for secrets, its protector chosen, and everything sealed again under it.

use strongroom_api::WireSecret;
use strongroom_api::job::ListRequest;
use strongroom_api::key::{ProtectRequest, RotateRequest, ShowRequest};
use strongroom_api::status::StatusRequest;
use strongroom_client::Client;
use strongroom_secret::Passphrase;

use crate::cli::Convert;
use crate::command::{Here, job, key};
use crate::failure::Failure;
use crate::input;
use crate::output::Output;

/// The key that stored secrets are sealed under.
const KEY: &str = "secrets";

/// Runs it.
pub fn run(here: &Here<'_>, convert: Convert) -> Result<(), Failure> {
    let password = match convert.with.as_str() {
        "password" => Some(input::password(&convert.given)?),
        _ => None,
    };
    here.call(|client, output| work(client, output, convert, password))
}

/// Each step can be repeated: a conversion that was interrupted is simply started again.
async fn work(client: Client, output: &Output, convert: Convert, password: Option<Passphrase>) -> Result<(), Failure> {
    let Convert { with, token, label, shares, threshold, rate, given: _ } = convert;
    let now = client.call(&ShowRequest { name: KEY.into() }).await?;
    if with != "root" || now.protector != "root" {
        let password_base64 = password.as_ref().map(WireSecret::from);
        let (name, password_only) = (KEY.into(), false);
        let request = ProtectRequest { name, with, token, label, password_base64, password_only, shares, threshold };
        key::hand_out(output, client.call(&request).await?.shares_base64)?;
    }
    // One that was interrupted goes on by itself: it is waited for, and no further version is made.
    let jobs = client.call(&ListRequest {}).await?.jobs;
    if let Some(under_way) = jobs.into_iter().find(|job| job.kind == "convert" && job.state == "running") {
        let job = job::waited(&client, output, under_way.id).await?;
        job::told(output, &job)?;
        return end(&client, output).await;
    }
    let rotate = RotateRequest { name: KEY.into(), no_reencrypt: false, expected_version: now.active_version, rate };
    let rotated = client.call(&rotate).await?;
    if let Some(id) = rotated.job {
        let job = job::waited(&client, output, id).await?;
        job::told(output, &job)?;
    }
    end(&client, output).await
}

/// Says what is protected by what now, or that something is not.
async fn end(client: &Client, output: &Output) -> Result<(), Failure> {
    let status = client.call(&StatusRequest {}).await?;
    let key = client.call(&ShowRequest { name: KEY.into() }).await?;
    let version = key.active_version.unwrap_or_default();
    match status.alarms.iter().find(|alarm| alarm.code == "unprotected") {
        Some(alarm) => Err(Failure::Findings(format!("{}; {}", alarm.message, alarm.fix))),
        None if output.is_json() => Ok(()),
        None => {
            let protector = key.protector;
            output.remark(&format!(
                "every secret is sealed under version {version} of `{KEY}`, protected by {protector}"
            ));
            Ok(())
        }
    }
}
