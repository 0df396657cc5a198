//! `column keys`: the master keys of encrypted columns; words for what `key` does with keys of purpose `columns`.

use strongroom_api::key::{CreateRequest, Purpose, RotateRequest, ShowRequest};

use crate::cli::{ColumnKeys, Given};
use crate::command::Here;
use crate::command::key::{Brought, bring, list, rotate, show, told};
use crate::failure::Failure;
use crate::input;

/// Runs one of them.
pub fn run(here: &Here<'_>, keys: ColumnKeys) -> Result<(), Failure> {
    match keys {
        ColumnKeys::Create { name, symmetric, rotate_every } => here.call(|client, output| async move {
            let request = CreateRequest {
                name,
                purpose: Purpose::Columns,
                algorithm: algorithm(symmetric),
                rotation_period_seconds: rotate_every,
                usage_limit: None,
            };
            told(output, &client.call(&request).await?);
            Ok(())
        }),
        ColumnKeys::Import { name, file, symmetric } => {
            let key = input::key(&Given { file }, here.output)?;
            let (purpose, algorithm) = (Some(Purpose::Columns), algorithm(symmetric));
            // Nothing that the server stores is sealed under such a key.
            let brought = Brought { name, key, purpose, algorithm, no_reencrypt: true };
            here.call(|client, output| bring(client, output, brought))
        }
        ColumnKeys::List { prefix } => {
            here.call(|client, output| list(client, output, prefix, |key| key.purpose == PURPOSE))
        }
        ColumnKeys::Show { name, public_key } => {
            here.call(|client, output| show(client, output, ShowRequest { name }, public_key))
        }
        ColumnKeys::Rotate { name, expected_version } => here.call(|client, output| async move {
            let key = client.call(&ShowRequest { name: name.clone() }).await?;
            if key.purpose != PURPOSE {
                let what = format!("{} is no master key of columns: it is for {}", key.name, key.purpose);
                return Err(Failure::usage(what, "`strongroom key rotate` rotates every key"));
            }
            let request = RotateRequest { name, no_reencrypt: true, expected_version, rate: None };
            rotate(client, output, request, true).await
        }),
    }
}

/// Said in either case: of a key that is there it must be the same.
fn algorithm(symmetric: bool) -> Option<String> {
    Some(if symmetric { "aes-256" } else { "rsa-3072-oaep" }.to_owned())
}

/// As keys tell their purpose.
const PURPOSE: &str = "columns";
