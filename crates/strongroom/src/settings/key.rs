//! The sections `[key.NAME]`, and the flags of `serve` that say the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::protector::absolute;
use crate::failure::Failure;

/// Everything below `[key]`.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Sections(BTreeMap<String, Section>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    /// Where the password of a key lies that a password protects.
    password_file: PathBuf,
}

impl Sections {
    /// Refuses paths that cannot be right.
    pub fn check(&self, shown: &str) -> Result<(), Failure> {
        self.password_files()
            .map(|_| ())
            .map_err(|failure| Failure::usage(format!("{shown}: {failure}"), failure.fix()))
    }

    /// For the keeper.
    pub fn password_files(&self) -> Result<BTreeMap<String, PathBuf>, Failure> {
        let file = |(name, section): (&String, &Section)| {
            let file = absolute(&format!("[key.{name}] password_file"), &section.password_file)?;
            Ok((name.clone(), file))
        };
        self.0.iter().map(file).collect()
    }
}

/// Flags weigh more than the file; a relative path of theirs is taken from where the server is started.
pub fn take_flags(files: &mut BTreeMap<String, PathBuf>, flags: &[(String, PathBuf)]) -> Result<(), Failure> {
    let mut given = BTreeMap::new();
    for (name, file) in flags {
        if given.insert(name.clone(), from_here(file)?).is_some() {
            let what = format!("--key-password-file names the key {name} twice");
            return Err(Failure::usage(what, "give one file for each key"));
        }
    }
    files.extend(given);
    Ok(())
}

fn from_here(file: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(file)
        .map_err(|error| Failure::local("finding the current directory", error, "give whole paths"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BTreeMap<String, PathBuf>, String> {
        let sections: Sections = toml::from_str(text).map_err(|error| error.to_string())?;
        sections.check("strongroom.toml").map_err(|failure| failure.to_string())?;
        sections.password_files().map_err(|failure| failure.to_string())
    }

    #[test]
    fn flags_weigh_more_than_the_file() {
        let mut files =
            read("[transactions]\npassword_file = \"/a\"\n[\"team/orders\"]\npassword_file = \"/b\"\n").unwrap();
        take_flags(&mut files, &[("transactions".into(), "/c".into())]).unwrap();
        assert_eq!(files["transactions"], Path::new("/c"));
        assert_eq!(files["team/orders"], Path::new("/b"));
        let twice = [("a".into(), "/c".into()), ("a".into(), "/d".into())];
        assert!(take_flags(&mut files, &twice).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn what_cannot_be_right_is_named() {
        let cases = [
            ("[a]\npassword_file = \"p\"\n", "[key.a] password_file is not an absolute path"),
            ("[a]\npassword = \"four plain words here\"\n", "password"),
            ("[a]\n", "password_file"),
        ];
        for (text, expected) in cases {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(expected), "{expected} is not in: {refused}");
        }
    }
}
