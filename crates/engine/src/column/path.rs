//! `NAME#VERSION`: how the catalogue of a database names a version of a master key.

use std::fmt;

use crate::name::Name;
use crate::rule::Refusal;

/// A version of a master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterPath {
    /// The name of the key.
    pub name: Name,
    /// The version, from 1.
    pub version: u32,
}

impl MasterPath {
    /// Reads a path; it has one spelling.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let malformed =
            || Refusal::Invalid { field: "path", reason: "write it as NAME#VERSION, such as cmk1#1".to_owned() };
        let (name, version) = text.rsplit_once('#').ok_or_else(malformed)?;
        let is_number = version.bytes().all(|byte| byte.is_ascii_digit()) && !version.starts_with('0');
        let version = version.parse().ok().filter(|_| is_number).ok_or_else(malformed)?;
        let name = Name::parse(name).map_err(|_| malformed())?;
        Ok(Self { name, version })
    }
}

impl fmt::Display for MasterPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}#{}", self.name, self.version)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        for text in ["cmk1#1", "team/cmk.1@x#4294967295", "A#10"] {
            assert_eq!(MasterPath::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "#",
            "cmk1",
            "cmk1#",
            "#1",
            "cmk1#0",
            "cmk1#01",
            "cmk1#+1",
            "cmk1#-1",
            "cmk1# 1",
            "cmk1#1 ",
            "cmk1#1#1",
            "cmk1#4294967296",
            "cmk1#one",
            "cmk 1#1",
            "../cmk1#1",
            "cmk1/#1",
            "01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e70#1",
        ] {
            assert!(matches!(MasterPath::parse(text), Err(Refusal::Invalid { field: "path", .. })), "{text:?}");
        }
    }
}
