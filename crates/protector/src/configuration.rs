//! What the local configuration says of certificates, tokens and plug-ins. Stored records only name its sections.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use strongroom_envelope::protector::ProtectorKind as Kind;
use thiserror::Error;

/// The sections `[protector.rsa.NAME]`, `[protector.pkcs11.NAME]`, `[protector.plugin.NAME]`, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Certificates with their private keys.
    pub rsa: BTreeMap<String, RsaSettings>,
    /// PKCS#11 modules.
    pub pkcs11: BTreeMap<String, Pkcs11Settings>,
    /// Plug-ins.
    pub plugin: BTreeMap<String, PluginSettings>,
    /// Where plug-ins lie; by default `/usr/lib/strongroom/plugins`.
    pub plugin_directory: Option<PathBuf>,
    /// The program that loads PKCS#11 modules; by default this one.
    pub child: ChildProgram,
    /// Files with the passwords of application keys, by the key's name.
    pub key_password_files: BTreeMap<String, PathBuf>,
}

/// A certificate and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RsaSettings {
    /// Two files.
    Files {
        /// X.509, PEM or DER.
        certificate: PathBuf,
        /// PKCS#8, PEM or DER, readable by the service's account only.
        private_key: PathBuf,
    },
    /// One file for both, under a password.
    #[cfg(feature = "pkcs12")]
    Pkcs12 {
        /// PKCS#12, readable by the service's account only.
        file: PathBuf,
        /// Its password, readable by the service's account only.
        password_file: PathBuf,
    },
}

/// A PKCS#11 module and the PIN of its tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Pkcs11Settings {
    /// The shared library.
    pub module: PathBuf,
    /// Holds the user's PIN, readable by the service's account only.
    pub pin_file: PathBuf,
    /// What the module finds in its environment, beside nothing.
    pub environment: BTreeMap<String, String>,
}

/// Some modules take credentials from their environment: only the names are shown.
impl fmt::Debug for Pkcs11Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pkcs11Settings")
            .field("module", &self.module)
            .field("pin_file", &self.pin_file)
            .field("environment", &self.environment.keys())
            .finish()
    }
}

/// A plug-in: a program of the section's name in the directory of plug-ins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginSettings {
    /// Of the program's file.
    pub sha256: [u8; 32],
}

/// A program and its arguments that serve as [`crate::serve_pkcs11`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildProgram {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl Default for ChildProgram {
    fn default() -> Self {
        Self { program: THIS_PROGRAM.into(), arguments: CHILD_WORDS.map(OsString::from).to_vec() }
    }
}

/// A name that cannot be the name of a section.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{name:?} cannot name a protector: names are 1 to {LONGEST_NAME} characters of a-z, 0-9 and -")]
pub struct NameError {
    /// The name.
    pub name: String,
}

impl Configuration {
    /// Refuses names that no record could carry.
    ///
    /// # Errors
    /// [`NameError`] for the first of them.
    pub fn check(&self) -> Result<(), NameError> {
        let mut names = self.rsa.keys().chain(self.pkcs11.keys()).chain(self.plugin.keys());
        names.find(|name| !is_name(name)).map_or(Ok(()), |name| Err(NameError { name: name.clone() }))
    }

    /// The names of the sections of a kind.
    #[must_use]
    pub fn names(&self, kind: Kind) -> Vec<&str> {
        match kind {
            Kind::Rsa => self.rsa.keys().map(String::as_str).collect(),
            Kind::Pkcs11 => self.pkcs11.keys().map(String::as_str).collect(),
            Kind::Plugin => self.plugin.keys().map(String::as_str).collect(),
            Kind::Account | Kind::Machine | Kind::Password | Kind::Shares => Vec::new(),
        }
    }

    pub(crate) fn plugin_directory(&self) -> PathBuf {
        self.plugin_directory.clone().unwrap_or_else(|| PLUGIN_DIRECTORY.into())
    }
}

/// Whether it is a name that sections may have: never a path.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(fits)
}

const LONGEST_NAME: usize = 32;
const PLUGIN_DIRECTORY: &str = "/usr/lib/strongroom/plugins";
const THIS_PROGRAM: &str = "/proc/self/exe";
const CHILD_WORDS: [&str; 2] = ["protector-child", "pkcs11"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_environment_are_not_shown() {
        let environment = BTreeMap::from([("HSM_PASSWORD".to_owned(), "canary-7d21".to_owned())]);
        let settings = Pkcs11Settings { module: "/m.so".into(), pin_file: "/pin".into(), environment };
        let shown = format!("{settings:?}");
        assert!(shown.contains("HSM_PASSWORD") && !shown.contains("canary"), "{shown}");
    }
}
