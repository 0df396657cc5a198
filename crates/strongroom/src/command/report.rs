//! The file in which an import says which rows were refused, and why; never their values.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::failure::Failure;

/// The file of refused rows.
pub struct Report(BufWriter<File>);

impl Report {
    /// Makes it; it may not be there yet.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
            Failure::local(format!("making {}", path.display()), error, "name a file that does not exist yet")
        })?;
        Ok(Self(BufWriter::new(file)))
    }

    /// Adds a line.
    pub fn line(&mut self, line: &serde_json::Value) -> Result<(), Failure> {
        writeln!(self.0, "{line}").map_err(|error| Failure::local("writing the report", error, "make room for it"))
    }

    /// Makes it durable.
    pub fn end(mut self) -> Result<(), Failure> {
        let written = self.0.flush().and_then(|()| self.0.get_ref().sync_all());
        written.map_err(|error| Failure::local("writing the report", error, "make room for it"))
    }
}
