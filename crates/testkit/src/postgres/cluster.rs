//! A fresh data directory: made by initdb once for each build directory, then copied.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::Account;

pub(super) const SUPERUSER: &str = "postgres";

/// A data directory, and what is needed to run a server on it.
pub(super) struct Cluster {
    pub programs: PathBuf,
    pub account: Account,
    pub data: PathBuf,
    pub password: String,
}

impl Cluster {
    /// In this folder, from the template if there is one.
    pub fn create(programs: PathBuf, account: Account, folder: &Path) -> Result<Self, String> {
        let data = folder.join("data");
        let template = template(&programs, &account);
        if let Some(password) = template.as_deref().and_then(|template| copied(template, &data)) {
            return Ok(Self { programs, account, data, password });
        }
        let password = random_password().map_err(|error| format!("making a password: {error}"))?;
        let cluster = Self { programs, account, data, password };
        cluster.init(folder)?;
        if let Some(template) = template {
            // Without it the next one takes longer; nothing else.
            let _kept = cluster.keep_as(&template);
        }
        Ok(cluster)
    }

    fn init(&self, folder: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("running initdb: {error}");
        let file = folder.join("password");
        std::fs::write(&file, &self.password).map_err(failed)?;
        self.account.own(&file)?;
        let output = self
            .account
            .command(&self.programs.join("initdb"))
            .args(["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--username", SUPERUSER])
            .arg("--pwfile")
            .arg(&file)
            .arg("-D")
            .arg(&self.data)
            .current_dir(folder)
            .output()
            .map_err(failed)?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim_end()))
    }

    /// The template appears whole or not at all; of two that are made at once, one stays.
    fn keep_as(&self, template: &Path) -> std::io::Result<()> {
        let parent = template.parent().ok_or(std::io::ErrorKind::NotFound)?;
        std::fs::create_dir_all(parent)?;
        std::fs::set_permissions(parent, std::fs::Permissions::from_mode(0o700))?;
        let making = tempfile::tempdir_in(parent)?;
        std::fs::write(making.path().join("password"), &self.password)?;
        if copy(&self.data, &making.path().join("data")) {
            std::fs::rename(making.path(), template)?;
        }
        Ok(())
    }
}

/// Where the template of this version lies: beside the tests' programs.
fn template(programs: &Path, account: &Account) -> Option<PathBuf> {
    let version = Command::new(programs.join("postgres")).arg("--version").output().ok()?;
    let version = String::from_utf8(version.stdout).ok()?;
    let version = version.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let program = std::env::current_exe().ok()?;
    let target = program.ancestors().find(|directory| directory.file_name().is_some_and(|name| name == "deps"))?;
    Some(target.parent()?.join("postgres-template").join(format!("{version}-{}", account.word())))
}

/// The password of the copy.
fn copied(template: &Path, data: &Path) -> Option<String> {
    let password = std::fs::read_to_string(template.join("password")).ok()?;
    copy(&template.join("data"), data).then_some(password)
}

/// With owners and modes.
fn copy(from: &Path, to: &Path) -> bool {
    Command::new("cp").args(["-a", "--reflink=auto"]).arg(from).arg(to).status().is_ok_and(|status| status.success())
}

fn random_password() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
