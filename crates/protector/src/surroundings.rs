//! Where this process keeps its secret files and what it knows of its host, settled once at start.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD};
use rustix::process::geteuid;
use strongroom_envelope::Id;
use thiserror::Error;

use crate::configuration::Configuration;
use crate::host;

/// What the operator and the environment say; everything is optional.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `STRONGROOM_ACCOUNT_DIR`: the directory of the account protector's secret files itself.
    pub account_dir: Option<PathBuf>,
    /// `STRONGROOM_MACHINE_DIR`: the directory of the machine protector's secret files itself.
    pub machine_dir: Option<PathBuf>,
    /// The file that holds the host's id, instead of `/etc/machine-id`.
    pub machine_id_file: Option<PathBuf>,
    /// The group that may read the machine protector's files when root makes them; default `strongroom`.
    pub service_group: Option<String>,
    /// `XDG_STATE_HOME`.
    pub xdg_state_home: Option<PathBuf>,
    /// `XDG_DATA_HOME`.
    pub xdg_data_home: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `CREDENTIALS_DIRECTORY`: where systemd puts the service's credentials.
    pub credentials_directory: Option<PathBuf>,
    /// Certificates, tokens and plug-ins.
    pub configuration: Configuration,
}

/// The places and facts that protectors depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The store whose root key is protected.
    pub store_id: Id,
    /// Where the account protector makes its secret files.
    pub account_directory: PathBuf,
    /// Where the machine protector makes its secret files.
    pub machine_directory: PathBuf,
    /// Where older secret files of the machine protector may lie.
    pub former_machine_directory: Option<PathBuf>,
    /// The file that holds the host's id.
    pub machine_id_file: PathBuf,
    /// The group that may read the machine protector's files; only set when root runs.
    pub service_group: Option<u32>,
    /// Where systemd puts credentials: a copy of the account protector's file may lie there.
    pub credentials_directory: Option<PathBuf>,
    /// Certificates, tokens and plug-ins.
    pub configuration: Configuration,
}

/// There is no place for a protector's secret files.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SurroundingsError {
    /// Neither a setting nor a home directory says where the account protector's files go.
    #[error("no directory for the account protector: set STRONGROOM_ACCOUNT_DIR, XDG_STATE_HOME or HOME")]
    NoAccountDirectory,
    /// The machine protector's default is not writable and there is no home directory.
    #[error(
        "no directory for the machine protector: {MACHINE_BASE} is not writable; \
         set STRONGROOM_MACHINE_DIR, XDG_DATA_HOME or HOME"
    )]
    NoMachineDirectory,
    /// A relative path, and the current directory is not known.
    #[error("{} is relative and the current directory is unknown: give an absolute path", path.display())]
    Relative {
        /// The path.
        path: PathBuf,
    },
}

impl Surroundings {
    /// Settles the directories by the settings, the environment and what is writable here.
    ///
    /// # Errors
    /// When there is no place for one of the protectors.
    pub fn resolve(store_id: Id, settings: &Settings) -> Result<Self, SurroundingsError> {
        Self::resolve_under(Path::new(MACHINE_BASE), store_id, settings)
    }

    /// Surroundings with exactly these directories and this machine id file, and nothing else.
    #[must_use]
    pub fn new(store_id: Id, account_directory: PathBuf, machine_directory: PathBuf, machine_id_file: PathBuf) -> Self {
        Self {
            store_id,
            account_directory,
            machine_directory,
            former_machine_directory: None,
            machine_id_file,
            service_group: None,
            credentials_directory: None,
            configuration: Configuration::default(),
        }
    }

    fn resolve_under(base: &Path, store_id: Id, settings: &Settings) -> Result<Self, SurroundingsError> {
        let (machine_directory, former_machine_directory) = machine_directories(base, store_id, settings)?;
        let group = settings.service_group.as_deref().unwrap_or(SERVICE_GROUP);
        Ok(Self {
            store_id,
            account_directory: account_directory(store_id, settings)?,
            machine_directory,
            former_machine_directory,
            machine_id_file: machine_id_file(settings)?,
            service_group: if geteuid().is_root() { host::group_id(group) } else { None },
            credentials_directory: settings.credentials_directory.clone().filter(|path| path.is_absolute()),
            configuration: settings.configuration.clone(),
        })
    }
}

fn account_directory(store_id: Id, settings: &Settings) -> Result<PathBuf, SurroundingsError> {
    match &settings.account_dir {
        Some(directory) => absolute(directory),
        None => base_directory(&settings.xdg_state_home, &settings.home, ".local/state")
            .map(|base| base.join("strongroom").join(store_id.to_string()))
            .ok_or(SurroundingsError::NoAccountDirectory),
    }
}

/// The directory for new files, and the other default, where files made under another account may lie.
fn machine_directories(
    base: &Path,
    store_id: Id,
    settings: &Settings,
) -> Result<(PathBuf, Option<PathBuf>), SurroundingsError> {
    if let Some(directory) = &settings.machine_dir {
        return Ok((absolute(directory)?, None));
    }
    let of_host = base.join(store_id.to_string());
    let of_account = base_directory(&settings.xdg_data_home, &settings.home, ".local/share")
        .map(|base| base.join("strongroom-machine").join(store_id.to_string()));
    if is_writable(&of_host) {
        return Ok((of_host, of_account));
    }
    match of_account {
        Some(directory) => Ok((directory, Some(of_host))),
        None => Err(SurroundingsError::NoMachineDirectory),
    }
}

fn machine_id_file(settings: &Settings) -> Result<PathBuf, SurroundingsError> {
    if let Some(file) = &settings.machine_id_file {
        return absolute(file);
    }
    let older = Path::new(DBUS_MACHINE_ID);
    let usual = Path::new(MACHINE_ID);
    Ok(if !usual.exists() && older.exists() { older } else { usual }.to_path_buf())
}

/// An XDG variable, which counts only when it is absolute (XDG base directory specification), or its default.
fn base_directory(variable: &Option<PathBuf>, home: &Option<PathBuf>, default: &str) -> Option<PathBuf> {
    let absolute = |path: &&PathBuf| path.is_absolute();
    match variable.as_ref().filter(absolute) {
        Some(path) => Some(path.clone()),
        None => home.as_ref().filter(absolute).map(|home| home.join(default)),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, SurroundingsError> {
    std::path::absolute(path).map_err(|_| SurroundingsError::Relative { path: path.to_path_buf() })
}

/// Whether files can be made in the directory, or it can be made in the nearest one that exists.
fn is_writable(directory: &Path) -> bool {
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    directory
        .ancestors()
        .find(|step| step.symlink_metadata().is_ok())
        .is_some_and(|step| step.is_dir() && rustix::fs::accessat(CWD, step, wanted, AtFlags::EACCESS).is_ok())
}

const MACHINE_BASE: &str = "/var/lib/strongroom-machine";
const MACHINE_ID: &str = "/etc/machine-id";
const DBUS_MACHINE_ID: &str = "/var/lib/dbus/machine-id";
const SERVICE_GROUP: &str = "strongroom";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const STORE: Id = Id([0x11; 16]);
    const STORE_TEXT: &str = "11111111-1111-1111-1111-111111111111";

    fn homes(state: &str, data: &str, home: &str) -> Settings {
        let some = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        Settings { xdg_state_home: some(state), xdg_data_home: some(data), home: some(home), ..Settings::default() }
    }

    fn account(settings: &Settings) -> Result<String, SurroundingsError> {
        account_directory(STORE, settings).map(|path| path.display().to_string())
    }

    #[test]
    fn the_account_directory_follows_the_xdg_base_directories() {
        let of = |state, home| account(&homes(state, "", home));
        assert_eq!(of("/s", "/home/a").unwrap(), format!("/s/strongroom/{STORE_TEXT}"));
        assert_eq!(of("", "/home/a").unwrap(), format!("/home/a/.local/state/strongroom/{STORE_TEXT}"));
        assert_eq!(of("relative", "/home/a").unwrap(), format!("/home/a/.local/state/strongroom/{STORE_TEXT}"));
        assert_eq!(of("", ""), Err(SurroundingsError::NoAccountDirectory));
        let chosen = Settings { account_dir: Some("/keys".into()), ..homes("/s", "", "/home/a") };
        assert_eq!(account(&chosen).unwrap(), "/keys");
    }

    #[test]
    fn the_machine_directory_is_the_hosts_when_it_is_writable() {
        let base = tempfile::tempdir().unwrap();
        let of_host = base.path().join("strongroom-machine").join(STORE_TEXT);
        let of_account = PathBuf::from(format!("/d/strongroom-machine/{STORE_TEXT}"));
        let settings = homes("", "/d", "/home/a");
        let machine = |base: &Path| machine_directories(base, STORE, &settings);

        let writable = machine(&base.path().join("strongroom-machine")).unwrap();
        assert_eq!(writable, (of_host, Some(of_account.clone())));
        // Nobody, not even root, can make a directory in a file.
        let file = base.path().join("file");
        std::fs::write(&file, "").unwrap();
        let closed = machine(&file).unwrap();
        assert_eq!(closed, (of_account, Some(file.join(STORE_TEXT))));
        let homeless = machine_directories(&file, STORE, &Settings::default());
        assert_eq!(homeless, Err(SurroundingsError::NoMachineDirectory));
        let chosen = Settings { machine_dir: Some("/m".into()), ..Settings::default() };
        assert_eq!(machine_directories(&file, STORE, &chosen), Ok(("/m".into(), None)));
    }

    #[test]
    fn settings_decide_the_machine_id_file_and_relative_paths_become_absolute() {
        let settings = Settings { machine_id_file: Some("id".into()), ..homes("/s", "/d", "") };
        let resolved = Surroundings::resolve(STORE, &settings).unwrap();
        assert_eq!(resolved.machine_id_file, std::env::current_dir().unwrap().join("id"));
        assert_eq!(resolved.store_id, STORE);
    }
}
