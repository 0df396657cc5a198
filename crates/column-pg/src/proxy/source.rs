//! Keys from a Strongroom server.

use std::future::Future;
use std::pin::Pin;

use strongroom_api::Code;
use strongroom_client::{ClientError, ColumnKeyAlgorithm, ColumnKeys};
use strongroom_secret::ColumnKey;

use super::keys::{NotUnwrapped, Unwrap};
use crate::catalogue::KeyValue;

impl Unwrap for ColumnKeys {
    fn unwrap<'a>(
        &'a self,
        value: &'a KeyValue,
    ) -> Pin<Box<dyn Future<Output = Result<ColumnKey, NotUnwrapped>> + Send + 'a>> {
        Box::pin(async move {
            if value.provider != strongroom_column::master::PROVIDER {
                return Err(NotUnwrapped::refused(format!("its key store is {}, not Strongroom", value.provider)));
            }
            let algorithm = match value.algorithm.as_str() {
                "RSA_OAEP" => ColumnKeyAlgorithm::RsaOaep,
                "STRONGROOM_SEALED" => ColumnKeyAlgorithm::Sealed,
                other => return Err(NotUnwrapped::refused(format!("its algorithm {other} is not known"))),
            };
            self.unwrap(&value.path, algorithm, &value.envelope).await.map_err(|error| reason(&error))
        })
    }
}

/// Whose fault it is. What the server says of itself goes to the client of the database; where it is does not.
fn reason(error: &ClientError) -> NotUnwrapped {
    match error {
        ClientError::Refused(refused) if matches!(refused.code(), Some(Code::KeyLocked | Code::Locked)) => {
            NotUnwrapped::locked(refused.message.clone())
        }
        ClientError::Refused(refused) => NotUnwrapped::refused(refused.message.clone()),
        ClientError::Unreachable { .. } | ClientError::Broken { .. } | ClientError::TimedOut { .. } => {
            NotUnwrapped::unreachable("the key server cannot be reached".to_owned())
        }
        _ => NotUnwrapped::unreachable(
            "the key server is not the expected one, or does not answer as it should".to_owned(),
        ),
    }
}
