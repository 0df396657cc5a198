//! Where requests lie and where they go, and how the server is reached.

use std::path::PathBuf;

use crate::request::is_name;

/// Where requests lie and where they go, and how the server is reached.
#[derive(Debug, Clone)]
pub struct Places {
    /// The data directory of the server, which holds its socket.
    pub data: PathBuf,
    /// Holds requests, `NAME.xml`, until their transactions begin.
    pub requests: PathBuf,
    /// Holds requests that were begun, each under the id of its transaction: `ID.xml`.
    pub begun: PathBuf,
    /// Holds a folder for each service.
    pub services: PathBuf,
}

impl Places {
    /// The requests that wait, in the order of their names.
    pub(crate) fn waiting(&self) -> std::io::Result<Vec<PathBuf>> {
        let mut waiting = Vec::new();
        for entry in std::fs::read_dir(&self.requests)? {
            let path = entry?.path();
            let is_request = path.extension().is_some_and(|extension| extension == "xml")
                && path.file_stem().and_then(|name| name.to_str()).is_some_and(is_name);
            if is_request {
                waiting.push(path);
            }
        }
        waiting.sort();
        Ok(waiting)
    }
}
