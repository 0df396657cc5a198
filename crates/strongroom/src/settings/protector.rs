//! The sections `[protector.rsa.NAME]`, `[protector.pkcs11.NAME]` and `[protector.plugin.NAME]`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use strongroom_keeper::{Pkcs11Settings, PluginSettings, ProtectorConfiguration, RsaSettings};

use super::hexadecimal;
use crate::failure::Failure;

/// Everything below `[protector]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sections {
    #[serde(default)]
    rsa: BTreeMap<String, Rsa>,
    #[serde(default)]
    pkcs11: BTreeMap<String, Pkcs11>,
    #[serde(default)]
    plugin: BTreeMap<String, Plugin>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rsa {
    certificate: Option<PathBuf>,
    private_key: Option<PathBuf>,
    pkcs12: Option<PathBuf>,
    password_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pkcs11 {
    module: PathBuf,
    pin_file: PathBuf,
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

/// Without the environment, in which there may be credentials.
impl fmt::Debug for Pkcs11 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pkcs11").field("module", &self.module).finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plugin {
    sha256: String,
}

impl Rsa {
    fn settings(&self, section: &str) -> Result<RsaSettings, Failure> {
        let whole = |key: &str, path: &Path| absolute(&format!("{section} {key}"), path);
        match (&self.certificate, &self.private_key, &self.pkcs12, &self.password_file) {
            (Some(certificate), Some(private_key), None, None) => Ok(RsaSettings::Files {
                certificate: whole("certificate", certificate)?,
                private_key: whole("private_key", private_key)?,
            }),
            #[cfg(feature = "pkcs12")]
            (None, None, Some(file), Some(password_file)) => Ok(RsaSettings::Pkcs12 {
                file: whole("pkcs12", file)?,
                password_file: whole("password_file", password_file)?,
            }),
            #[cfg(not(feature = "pkcs12"))]
            (None, None, Some(_), _) => Err(Failure::usage(
                format!("{section} pkcs12: this program was built without PKCS#12"),
                "give certificate and private_key, or build it with --features pkcs12",
            )),
            _ => Err(Failure::usage(
                format!("{section}: it takes certificate and private_key, or pkcs12 and password_file"),
                "give the one pair or the other",
            )),
        }
    }
}

impl Sections {
    /// Refuses names, digests and paths that cannot be right.
    pub fn check(&self, shown: &str) -> Result<(), Failure> {
        self.configuration(None)
            .map(|_| ())
            .map_err(|failure| Failure::usage(format!("{shown}: {failure}"), failure.fix()))
    }

    /// For the keeper.
    pub fn configuration(&self, plugin_directory: Option<&Path>) -> Result<ProtectorConfiguration, Failure> {
        let mut configuration = ProtectorConfiguration {
            plugin_directory: plugin_directory.map(|path| absolute("plugin_dir", path)).transpose()?,
            ..ProtectorConfiguration::default()
        };
        for (name, rsa) in &self.rsa {
            let section = format!("[protector.rsa.{name}]");
            configuration.rsa.insert(name.clone(), rsa.settings(&section)?);
        }
        for (name, pkcs11) in &self.pkcs11 {
            let section = format!("[protector.pkcs11.{name}]");
            let module = absolute(&format!("{section} module"), &pkcs11.module)?;
            let pin_file = absolute(&format!("{section} pin_file"), &pkcs11.pin_file)?;
            let environment = environment(&section, &pkcs11.environment)?;
            configuration.pkcs11.insert(name.clone(), Pkcs11Settings { module, pin_file, environment });
        }
        for (name, plugin) in &self.plugin {
            let sha256 = hexadecimal(&plugin.sha256).ok_or_else(|| {
                let what = format!("[protector.plugin.{name}] sha256 is not 64 hexadecimal digits");
                Failure::usage(what, "copy it from `sha256sum`")
            })?;
            configuration.plugin.insert(name.clone(), PluginSettings { sha256 });
        }
        configuration.check().map_err(|error| Failure::usage(error.to_string(), "choose another name"))?;
        Ok(configuration)
    }
}

/// A relative path would depend on where the server was started.
pub(super) fn absolute(what: &str, path: &Path) -> Result<PathBuf, Failure> {
    if path.is_absolute() {
        Ok(path.to_owned())
    } else {
        Err(Failure::usage(format!("{what} is not an absolute path"), "write it from the root directory on"))
    }
}

fn environment(section: &str, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Failure> {
    let is_possible =
        |(name, value): (&String, &String)| !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
    if given.iter().all(is_possible) {
        Ok(given.clone())
    } else {
        Err(Failure::usage(format!("{section} environment holds an impossible name or value"), "mend it"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ProtectorConfiguration, String> {
        let sections: Sections = toml::from_str(text).map_err(|error| error.to_string())?;
        sections.check("strongroom.toml").map_err(|failure| failure.to_string())?;
        sections.configuration(Some(Path::new("/plugins"))).map_err(|failure| failure.to_string())
    }

    /// What is wrong with a relative path to a PKCS#12 file.
    const PKCS12: &str = if cfg!(feature = "pkcs12") {
        "pkcs12 is not an absolute path"
    } else {
        "pkcs12: this program was built without PKCS#12"
    };

    #[cfg(feature = "pkcs12")]
    #[test]
    fn both_in_one_file() {
        let configuration = read("[rsa.office]\npkcs12 = \"/p\"\npassword_file = \"/w\"\n").unwrap();
        let one = RsaSettings::Pkcs12 { file: "/p".into(), password_file: "/w".into() };
        assert_eq!(configuration.rsa["office"], one);
    }

    #[test]
    fn every_section_is_read() {
        let digest = "ab".repeat(32);
        let configuration = read(&format!(
            "[rsa.office]\ncertificate = \"/c.pem\"\nprivate_key = \"/k.pem\"\n\
             [pkcs11.hsm1]\nmodule = \"/m.so\"\npin_file = \"/pin\"\nenvironment = {{ A = \"b\" }}\n\
             [plugin.vault]\nsha256 = \"{digest}\"\n"
        ))
        .unwrap();
        let files = RsaSettings::Files { certificate: "/c.pem".into(), private_key: "/k.pem".into() };
        assert_eq!(configuration.rsa["office"], files);
        assert_eq!(configuration.pkcs11["hsm1"].environment["A"], "b");
        assert_eq!(configuration.plugin["vault"].sha256, [0xab; 32]);
        assert_eq!(configuration.plugin_directory.as_deref(), Some(Path::new("/plugins")));
    }

    #[test]
    fn what_cannot_be_right_is_named() {
        let cases = [
            ("[rsa.office]\ncertificate = \"c.pem\"\nprivate_key = \"/k\"\n", "certificate is not an absolute path"),
            (
                "[rsa.office]\ncertificate = \"/c\"\n",
                "it takes certificate and private_key, or pkcs12 and password_file",
            ),
            ("[rsa.office]\ncertificate = \"/c\"\nprivate_key = \"/k\"\npkcs12 = \"/p\"\n", "it takes certificate and"),
            ("[rsa.office]\npkcs12 = \"p\"\npassword_file = \"/w\"\n", PKCS12),
            ("[rsa.Office]\ncertificate = \"/c\"\nprivate_key = \"/k\"\n", "\"Office\" cannot name a protector"),
            ("[plugin.\"../x\"]\nsha256 = \"SHA\"\n", "\"../x\" cannot name a protector"),
            ("[plugin.x]\nsha256 = \"abc\"\n", "not 64 hexadecimal digits"),
            ("[plugin.x]\nsha256 = \"SHA\"\npath = \"/bin/sh\"\n", "path"),
            ("[pkcs11.h]\nmodule = \"/m\"\npin_file = \"/p\"\npin = \"1\"\n", "pin"),
            ("[pkcs11.h]\nmodule = \"/m\"\npin_file = \"/p\"\nenvironment = { \"A=\" = \"\" }\n", "impossible name"),
            ("[hsm.h]\n", "hsm"),
        ];
        for (text, expected) in cases {
            let refused = read(&text.replace("SHA", &"0".repeat(64))).unwrap_err();
            assert!(refused.contains(expected), "{expected} is not in: {refused}");
        }
    }
}
