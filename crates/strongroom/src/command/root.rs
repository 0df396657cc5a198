//! `unlock` and `lock`.

use strongroom_api::lock::{LockRequest, UnlockRequest};
use strongroom_client::Client;

use crate::cli::Given;
use crate::command::{Here, protector, status};
use crate::failure::Failure;
use crate::input;
use crate::output::Output;

/// `unlock`.
pub fn unlock(here: &Here<'_>, given: &Given) -> Result<(), Failure> {
    let password_base64 = protector::wire(input::password(given)?);
    here.call(|client, output| async move {
        let reply = client.call(&UnlockRequest { password_base64 }).await?;
        output.answer(&reply, || status::text(&reply));
        Ok(())
    })
}

/// `lock`.
pub async fn lock(client: Client, output: &Output) -> Result<(), Failure> {
    let reply = client.call(&LockRequest {}).await?;
    output.answer(&reply, || status::text(&reply));
    Ok(())
}
