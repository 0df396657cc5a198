//! What undoes a step, as this engine has it recorded: a small document that it understands when it reads it back.

use serde::{Deserialize, Serialize};
use strongroom_secret::SecretBytes;

/// What undoes a step: this object is deleted, if the transaction has made it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// In this service.
    pub service: String,
    /// The object.
    pub delete: String,
}

impl Undo {
    /// As it is recorded.
    pub fn to_bytes(&self) -> Result<SecretBytes, serde_json::Error> {
        serde_json::to_vec(self).map(SecretBytes::from_vec)
    }

    /// From what was recorded.
    pub fn from_bytes(recorded: &SecretBytes) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(recorded.expose())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_understood() {
        let undo = Undo { service: "Mail".into(), delete: "maria".into() };
        let recorded = undo.to_bytes().unwrap();
        assert_eq!(recorded.expose(), br#"{"service":"Mail","delete":"maria"}"#);
        assert_eq!(Undo::from_bytes(&recorded).unwrap(), undo);
        assert!(Undo::from_bytes(&SecretBytes::from_slice(b"rm -r /")).is_err());
    }
}
