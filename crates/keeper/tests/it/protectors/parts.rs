//! What the protectors work with: a certificate, a SoftHSM token, the example plug-in, each in a folder of this test.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use strongroom_keeper::facade::{ProtectorSpec, ProtectorState, ProtectorView};
use strongroom_keeper::{ChildProgram, Keeper, Pkcs11Settings, PluginSettings, RsaSettings, serve_pkcs11};

use crate::site::{Site, admin};

/// A site whose configuration has `rsa:office`, `plugin:vault` and, where SoftHSM is there, `pkcs11:hsm1`.
pub struct Equipped {
    pub site: Site,
    folder: tempfile::TempDir,
    pub has_token: bool,
}

/// Not a test but the child process of the others: its standard input is a socket then.
#[test]
fn serves_as_child() {
    let input = rustix::fs::fstat(std::io::stdin()).unwrap();
    if rustix::fs::FileType::from_raw_mode(input.st_mode) == rustix::fs::FileType::Socket {
        assert!(serve_pkcs11());
    }
}

impl Equipped {
    /// `None` where Python cannot make certificates or run the example.
    pub fn new(test: &str) -> Option<Self> {
        let probe = ["-I", "-c", "import cryptography.hazmat.primitives.ciphers.aead"];
        if !Command::new("/usr/bin/python3").args(probe).output().is_ok_and(|output| output.status.success()) {
            println!("not run: {test}: /usr/bin/python3 with the package cryptography is missing");
            return None;
        }
        // Not in memory: files there may not be executed on some hosts.
        let folder = tempfile::tempdir().unwrap();
        let mut equipped = Self { site: Site::new(), folder, has_token: false };
        equipped.certificates();
        let example = fs::read_to_string(repository("packaging/plugins/example")).unwrap();
        fs::write(equipped.path("example.key"), [0x6b; 32]).unwrap();
        let line = format!("KEY_FILE = {:?}", equipped.path("example.key").display().to_string());
        equipped.plugin("vault", &example.replace("KEY_FILE = \"/etc/strongroom/plugin-example.key\"", &line));
        equipped.token(test);
        Some(equipped)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same means for another instance.
    pub fn begin_anew(&mut self) {
        self.site = Site { configuration: self.site.configuration.clone(), ..Site::new() };
    }

    fn certificates(&mut self) {
        let script = repository("crates/protector/tests/peer/certificates.py");
        let output = Command::new("/usr/bin/python3")
            .arg(script)
            .arg("make")
            .arg(self.folder.path())
            .args(NAMES)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for name in NAMES {
            let certificate = self.path(&format!("{name}.pem"));
            let settings = RsaSettings::Files { certificate, private_key: self.path(&format!("{name}.key")) };
            self.site.configuration.rsa.insert(name.into(), settings);
        }
    }

    /// Installs a plug-in and configures it.
    pub fn plugin(&mut self, name: &str, program: &str) {
        let directory = self.path("plugins");
        if !directory.exists() {
            fs::create_dir(&directory).unwrap();
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let file = directory.join(name);
        fs::write(&file, program).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let sha256 = strongroom_crypto::hash::sha256(&[program.as_bytes()]);
        self.site.configuration.plugin.insert(name.into(), PluginSettings { sha256 });
        self.site.configuration.plugin_directory = Some(directory);
    }

    fn token(&mut self, test: &str) {
        let module = Path::new("/usr/lib/softhsm/libsofthsm2.so");
        if !module.exists() {
            println!("not run: {test}: the part with a token: SoftHSM is missing (softhsm2)");
            return;
        }
        fs::create_dir(self.path("tokens")).unwrap();
        let configuration = self.path("softhsm2.conf");
        fs::write(&configuration, format!("directories.tokendir = {}\n", self.path("tokens").display())).unwrap();
        let words = ["--init-token", "--free", "--label", "T", "--pin", "271828", "--so-pin", "31415926"];
        let output = Command::new("softhsm2-util").args(words).env("SOFTHSM2_CONF", &configuration).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.write_pin("271828");
        let settings = Pkcs11Settings {
            module: module.to_path_buf(),
            pin_file: self.path("pin"),
            environment: BTreeMap::from([("SOFTHSM2_CONF".into(), configuration.display().to_string())]),
        };
        self.site.configuration.pkcs11.insert("hsm1".into(), settings);
        let arguments = ["--exact", "protectors::parts::serves_as_child", "--nocapture"].map(Into::into).to_vec();
        self.site.configuration.child = ChildProgram { program: std::env::current_exe().unwrap(), arguments };
        self.has_token = true;
    }

    pub fn write_pin(&self, pin: &str) {
        fs::write(self.path("pin"), pin).unwrap();
        fs::set_permissions(self.path("pin"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Every kind that can be added here and needs no person, with the word that names it.
    pub fn unattended(&self) -> Vec<(&'static str, ProtectorSpec)> {
        let mut specs = vec![
            ("rsa:office", ProtectorSpec::Rsa("office".into())),
            ("plugin:vault", ProtectorSpec::Plugin("vault".into())),
        ];
        if self.has_token {
            specs.push(("pkcs11:hsm1", hsm1()));
        }
        specs
    }
}

/// The certificates that are made.
const NAMES: [&str; 2] = ["office", "other"];

pub fn hsm1() -> ProtectorSpec {
    ProtectorSpec::Pkcs11 { name: "hsm1".into(), token: "T".into(), label: "strongroom".into() }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Takes away what account and machine protectors rest on.
pub fn remove_secret_files(site: &Site) {
    for folder in ["account", "machine"] {
        fs::remove_dir_all(site.path(folder)).unwrap();
    }
}

/// Drops the two protectors of the first start.
pub async fn drop_the_first_two(keeper: &Keeper) {
    keeper.protector_drop(admin(), "machine".into(), false).await.unwrap();
    keeper.protector_drop(admin(), "account".into(), true).await.unwrap();
}

/// The state of each kind, in the order of the kinds' names.
pub fn states(views: &[ProtectorView]) -> BTreeMap<String, ProtectorState> {
    views.iter().map(|view| (view.kind.clone(), view.state)).collect()
}
