//! The settings of a server: file, environment, flags, in that order of weight.

use std::env;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use strongroom_keeper::ProtectorSettings;
use strongroom_keeper::journal::{Journal, Severity};
use strongroom_server::CertificateFiles;

use crate::cli::{Global, Places, Serve};
use crate::failure::Failure;
use crate::target::DEFAULT_DATA;

mod key;
mod protector;
mod transaction;

/// Where the packaged service keeps its anchor.
const SERVICE_ANCHOR: &str = "/var/lib/strongroom-anchor";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The configuration file. Unknown keys are refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The data directory.
    pub data: Option<PathBuf>,
    /// Address and port for TLS over TCP.
    pub listen: Option<SocketAddr>,
    /// Where the newest epoch is remembered.
    pub anchor_dir: Option<PathBuf>,
    /// Where the audit trail is written.
    pub audit_dir: Option<PathBuf>,
    /// The name of this node in the trail.
    pub node: Option<String>,
    /// The file that identifies this host.
    pub machine_id_file: Option<PathBuf>,
    /// Whether a protector is bound to this host.
    pub machine_protector: Option<bool>,
    /// The root id that is accepted, 32 hexadecimal digits.
    pub root_id: Option<String>,
    /// Versions a new secret keeps.
    pub versions_kept: Option<u32>,
    /// Days for which a deletion can be taken back.
    pub deleted_retention_days: Option<u32>,
    /// How other accounts reach their credentials.
    #[serde(default)]
    pub accounts: Accounts,
    /// The TLS certificate.
    pub tls: Option<Tls>,
    /// Where plug-ins lie.
    pub plugin_dir: Option<PathBuf>,
    /// What protectors work with, by kind and name.
    #[serde(default)]
    pub protector: protector::Sections,
    /// How transactions are kept.
    #[serde(default)]
    pub transactions: transaction::Section,
    /// What application keys are opened with, by their name.
    #[serde(default)]
    pub key: key::Sections,
}

/// The table `[tls]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file.
    pub certificate: PathBuf,
    /// PEM file.
    pub private_key: PathBuf,
}

/// The table `[accounts]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// The path of their socket.
    pub socket: Option<PathBuf>,
}

/// Everything `serve` needs.
pub struct Settings {
    /// For the keeper.
    pub keeper: strongroom_keeper::Settings,
    /// For the network shell.
    pub server: strongroom_server::Settings,
}

impl File {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::local(format!("reading {shown}"), error, "check its name and that you may read it")
        })?;
        let file: Self = toml::from_str(&text).map_err(|error| {
            Failure::usage(
                format!("{shown}: {}", error.to_string().trim_end()),
                "mend the line it names; docs/guide/install.md lists the keys",
            )
        })?;
        file.check(&shown.to_string())?;
        Ok(file)
    }

    fn check(&self, shown: &str) -> Result<(), Failure> {
        if self.versions_kept.is_some_and(|kept| !(1..=50).contains(&kept)) {
            return Err(Failure::usage(
                format!("{shown}: versions_kept is not 1 to 50"),
                "choose a number in this range",
            ));
        }
        self.protector.check(shown)?;
        self.key.check(shown)?;
        self.transactions.check(shown)?;
        root_id(self.root_id.as_deref()).map(|_| ())
    }
}

impl Settings {
    /// From the command line of `serve`.
    pub fn of(global: &Global, serve: &Serve) -> Result<Self, Failure> {
        let file = serve.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
        let data = data(global, &file);
        let mut keeper = keeper(&data, &serve.places, &file)?;
        key::take_flags(&mut keeper.protector.configuration.key_password_files, &serve.key_password_files)?;
        keeper.machine_protector = file.machine_protector.unwrap_or(true) && !serve.no_machine_protector;
        let mut server = strongroom_server::Settings::new(data);
        server.listen = serve.listen.or(file.listen);
        server.accounts_socket = serve.accounts_socket.clone().or(file.accounts.socket.clone());
        server.certificate = certificate(serve, &file);
        server.versions_kept = file.versions_kept.unwrap_or(server.versions_kept);
        server.transactions_encrypt = file.transactions.encrypt();
        server.archive_folder = file.transactions.archive_dir.clone();
        server.archive_after = file.transactions.archive_after();
        server.notify_socket = env::var_os("NOTIFY_SOCKET");
        server.version = env!("CARGO_PKG_VERSION");
        Ok(Self { keeper, server })
    }
}

/// The data directory: by the flag, by the file, or the one in use where nothing is said.
pub fn data(global: &Global, file: &File) -> PathBuf {
    global.data.clone().or(file.data.clone()).unwrap_or_else(|| PathBuf::from(DEFAULT_DATA))
}

fn certificate(serve: &Serve, file: &File) -> Option<CertificateFiles> {
    let flags = serve.tls_certificate.clone().zip(serve.tls_key.clone());
    let configured = file.tls.as_ref().map(|tls| (tls.certificate.clone(), tls.private_key.clone()));
    let (certificate, private_key) = flags.or(configured)?;
    Some(CertificateFiles { certificate, private_key })
}

/// The keeper's settings; also for the offline commands.
pub fn keeper(data: &Path, places: &Places, file: &File) -> Result<strongroom_keeper::Settings, Failure> {
    let path = |name: &str| env::var_os(name).filter(|text| !text.is_empty()).map(PathBuf::from);
    let mut configuration = file.protector.configuration(file.plugin_dir.as_deref())?;
    configuration.key_password_files = file.key.password_files()?;
    let anchor_directory = places.anchor_dir.clone().or(file.anchor_dir.clone()).map_or_else(default_anchor, Ok)?;
    Ok(strongroom_keeper::Settings {
        data: data.to_owned(),
        anchor_directory,
        audit_directory: places.audit_dir.clone().or(file.audit_dir.clone()),
        protector: ProtectorSettings {
            account_dir: path("STRONGROOM_ACCOUNT_DIR"),
            machine_dir: path("STRONGROOM_MACHINE_DIR"),
            machine_id_file: places.machine_id_file.clone().or(file.machine_id_file.clone()),
            service_group: None,
            xdg_state_home: path("XDG_STATE_HOME"),
            xdg_data_home: path("XDG_DATA_HOME"),
            home: path("HOME"),
            credentials_directory: path("CREDENTIALS_DIRECTORY"),
            configuration,
        },
        machine_protector: true,
        node: file.node.clone().unwrap_or_else(host_name),
        root_id: root_id(file.root_id.as_deref())?,
        deleted_retention_ms: i64::from(file.deleted_retention_days.unwrap_or(30)) * DAY_MS,
        look_every: strongroom_keeper::LOOK_EVERY,
        workers: std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8),
        journal: Arc::new(StandardError),
    })
}

/// The unit's directory if it is there, else the account's state.
fn default_anchor() -> Result<PathBuf, Failure> {
    let service = Path::new(SERVICE_ANCHOR);
    if rustix::fs::access(service, rustix::fs::Access::WRITE_OK).is_ok() {
        return Ok(service.to_owned());
    }
    state_directory().map(|state| state.join("strongroom-anchor")).ok_or_else(|| {
        Failure::usage(
            "there is no place for the anchor",
            "set --anchor-dir, STRONGROOM_ANCHOR_DIR, XDG_STATE_HOME or HOME",
        )
    })
}

/// Where the account keeps what programs remember.
pub fn state_directory() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|text| !text.is_empty()).map(PathBuf::from);
    set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")))
}

/// The name of this host.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn root_id(text: Option<&str>) -> Result<Option<[u8; 16]>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || Failure::usage("root_id is not 32 hexadecimal digits", "copy it from `strongroom status --json`");
    hexadecimal(text).map(Some).ok_or_else(wrong)
}

/// Exactly `N` bytes of hexadecimal digits.
pub fn hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.trim();
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Events go to standard error with the priority prefix that the journal understands.
struct StandardError;

impl Journal for StandardError {
    fn event(&self, severity: Severity, code: &str, message: &str) {
        let priority = match severity {
            Severity::Critical => 2,
            Severity::Error => 3,
            Severity::Warning => 4,
            Severity::Notice => 5,
        };
        let clean: String = message.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
        let _gone = writeln!(std::io::stderr(), "<{priority}>{code}: {clean}");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("strongroom.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:0\"\nlisen = 1\n").unwrap();
        let refused = File::read(&path).unwrap_err();
        assert!(refused.to_string().contains("lisen"), "{refused}");
        std::fs::write(&path, "listen = \"127.0.0.1:8700\"\nversions_kept = 51\n").unwrap();
        assert!(File::read(&path).unwrap_err().to_string().contains("versions_kept"));
        std::fs::write(
            &path,
            "root_id = \"00112233445566778899aabbccddeeff\"\n[tls]\ncertificate = \"c\"\nprivate_key = \"k\"\n",
        )
        .unwrap();
        let file = File::read(&path).unwrap();
        assert_eq!(root_id(file.root_id.as_deref()).unwrap().unwrap()[15], 0xff);
    }
}
