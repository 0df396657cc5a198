//! Services that stand for the real ones: a folder each, and in it a file for each object, which holds the transaction that made it.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::request::{Procedure, Request};

/// Why a service did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Another transaction has made this object.
    #[error("{object} is there already")]
    Exists {
        /// Which.
        object: String,
    },
    /// There is no such licence.
    #[error("there is no licence `{licence}`")]
    NoLicence {
        /// Which.
        licence: String,
    },
    /// The service is not there.
    #[error("the service failed: {0}")]
    Failed(#[from] io::Error),
}

/// All services.
pub struct Services {
    folder: PathBuf,
}

/// The one licence there is.
const LICENCE: &str = "standard";

impl Services {
    /// In this folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Runs a procedure for a transaction. Twice is as good as once.
    pub fn run(&self, procedure: Procedure, request: &Request, transaction: &str) -> Result<(), ServiceError> {
        if procedure == Procedure::AssignLicence && request.licence != LICENCE {
            return Err(ServiceError::NoLicence { licence: request.licence.clone() });
        }
        self.create(procedure.names().0, &request.user, transaction)
    }

    fn create(&self, service: &str, object: &str, transaction: &str) -> Result<(), ServiceError> {
        let folder = self.folder.join(service);
        fs::create_dir_all(&folder)?;
        // The file appears whole or not at all, and takes nobody's place.
        let whole = folder.join(format!(".{transaction}"));
        fs::write(&whole, transaction)?;
        let linked = fs::hard_link(&whole, folder.join(object));
        fs::remove_file(&whole)?;
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let is_ours = fs::read_to_string(folder.join(object))? == transaction;
                if is_ours { Ok(()) } else { Err(ServiceError::Exists { object: format!("{service}/{object}") }) }
            }
            other => Ok(other?),
        }
    }

    /// Deletes what a transaction has made, if it has. Twice is as good as once.
    pub fn delete(&self, service: &str, object: &str, transaction: &str) -> Result<(), ServiceError> {
        let path = self.folder.join(service).join(object);
        // What a killed engine may have left.
        let _gone = fs::remove_file(self.folder.join(service).join(format!(".{transaction}")));
        match fs::read_to_string(&path) {
            Ok(owner) if owner == transaction => Ok(fs::remove_file(&path)?),
            // Of another transaction, which was faster.
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn creating_and_deleting_twice_is_as_good_as_once_and_touches_nothing_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let services = Services::new(folder.path().to_owned());
        let object = folder.path().join("Mail/maria");
        services.delete("Mail", "maria", "one").unwrap();
        services.create("Mail", "maria", "one").unwrap();
        services.create("Mail", "maria", "one").unwrap();
        assert!(matches!(services.create("Mail", "maria", "other"), Err(ServiceError::Exists { .. })));
        services.delete("Mail", "maria", "other").unwrap();
        assert_eq!(fs::read_to_string(&object).unwrap(), "one");
        services.delete("Mail", "maria", "one").unwrap();
        services.delete("Mail", "maria", "one").unwrap();
        assert!(!object.exists());
    }
}
