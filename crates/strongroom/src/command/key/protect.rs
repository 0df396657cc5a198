//! The protector of a key: chosen, opened, its password changed.

use strongroom_api::WireSecret;
use strongroom_api::key::{ChangePasswordRequest, ProtectRequest, UnlockRequest};
use strongroom_client::Client;

use super::manage::{shown, told};
use crate::cli::Key;
use crate::command::Here;
use crate::failure::Failure;
use crate::input;
use crate::output::Output;

/// Runs one of them.
pub fn run(here: &Here<'_>, key: Key) -> Result<(), Failure> {
    match key {
        Key::Protect { name, with, token, label, shares, threshold, password_only, given } => {
            let password_base64 = match with.as_str() {
                "password" => Some(WireSecret::from(&input::password(&given)?)),
                _ => None,
            };
            let request =
                ProtectRequest { name, with, token, label, password_base64, password_only, shares, threshold };
            here.call(|client, output| protect(client, output, request))
        }
        Key::Unlock { name, unattended, given } => {
            let typed = if unattended { None } else { Some(input::password(&given)?) };
            let request = UnlockRequest { name, password_base64: typed.as_ref().map(WireSecret::from) };
            here.call(|client, output| async move {
                told(output, &client.call(&request).await?);
                Ok(())
            })
        }
        Key::ChangePassword { name, password_file, new_password_file } => {
            let (current, new) = input::passwords(password_file, new_password_file)?;
            let (password_base64, new_password_base64) = (WireSecret::from(&current), WireSecret::from(&new));
            let request = ChangePasswordRequest { name, password_base64, new_password_base64 };
            here.call(|client, output| async move {
                told(output, &client.call(&request).await?);
                Ok(())
            })
        }
        _ => Err(Failure::usage("this command is not one of protecting keys", "see `strongroom key --help`")),
    }
}

async fn protect(client: Client, output: &Output, request: ProtectRequest) -> Result<(), Failure> {
    let reply = client.call(&request).await?;
    if output.is_json() {
        output.json_line(&reply);
        return Ok(());
    }
    output.text(&shown(&reply.key));
    hand_out(output, reply.shares_base64)
}

/// Shows shares, once, one a line.
pub fn hand_out(output: &Output, shares: Vec<WireSecret>) -> Result<(), Failure> {
    if !shares.is_empty() {
        output.remark("give each of these to another person; they are shown this once");
    }
    for share in shares {
        output.bytes(share.into_secret().expose())?;
        output.text("");
    }
    Ok(())
}
