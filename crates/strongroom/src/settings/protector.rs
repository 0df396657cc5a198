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
    certificate: PathBuf,
    private_key: PathBuf,
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
            let certificate = absolute(&format!("{section} certificate"), &rsa.certificate)?;
            let private_key = absolute(&format!("{section} private_key"), &rsa.private_key)?;
            configuration.rsa.insert(name.clone(), RsaSettings { certificate, private_key });
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
fn absolute(what: &str, path: &Path) -> Result<PathBuf, Failure> {
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

    #[test]
    fn every_section_is_read() {
        let digest = "ab".repeat(32);
        let configuration = read(&format!(
            "[rsa.office]\ncertificate = \"/c.pem\"\nprivate_key = \"/k.pem\"\n\
             [pkcs11.hsm1]\nmodule = \"/m.so\"\npin_file = \"/pin\"\nenvironment = {{ A = \"b\" }}\n\
             [plugin.vault]\nsha256 = \"{digest}\"\n"
        ))
        .unwrap();
        assert_eq!(configuration.rsa["office"].private_key, Path::new("/k.pem"));
        assert_eq!(configuration.pkcs11["hsm1"].environment["A"], "b");
        assert_eq!(configuration.plugin["vault"].sha256, [0xab; 32]);
        assert_eq!(configuration.plugin_directory.as_deref(), Some(Path::new("/plugins")));
    }

    #[test]
    fn what_cannot_be_right_is_named() {
        let cases = [
            ("[rsa.office]\ncertificate = \"c.pem\"\nprivate_key = \"/k\"\n", "certificate is not an absolute path"),
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
