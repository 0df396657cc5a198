//! The columns of an application, in one file.

use serde::Deserialize;
use thiserror::Error;

use super::target::{Target, TargetRefusal};

/// What of an application is encrypted, and what names its sensitive columns have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Application {
    /// The columns.
    pub columns: Vec<Target>,
    /// Names of columns that ought to be encrypted wherever they appear; `*` stands for anything.
    pub sensitive: Vec<String>,
}

/// Why a file is not one.
#[derive(Debug, Error)]
pub enum ApplicationRefusal {
    /// Not TOML of this shape.
    #[error("not a list of columns: {0}")]
    Shape(#[from] toml::de::Error),
    /// A column that is none.
    #[error(transparent)]
    Column(#[from] TargetRefusal),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    columns: Vec<String>,
    #[serde(default)]
    pattern: Pattern,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Pattern {
    sensitive: Vec<String>,
}

impl Application {
    /// Reads the file's text.
    ///
    /// # Errors
    /// [`ApplicationRefusal`] says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, ApplicationRefusal> {
        let File { columns, pattern } = toml::from_str(text)?;
        let columns = columns.iter().map(|column| column.parse()).collect::<Result<_, _>>()?;
        Ok(Self { columns, sensitive: pattern.sensitive })
    }
}

/// Whether a column's name is one of those; letters' case does not matter.
#[must_use]
pub fn is_like(name: &str, pattern: &str) -> bool {
    let (name, pattern) = (name.to_lowercase(), pattern.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

/// Names that columns with personal or secret content often have.
pub const USUAL_NAMES: &[&str] = &[
    "*ssn*",
    "*social_security*",
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*secret*",
    "*api_key*",
    "*access_token*",
    "*email*",
    "*e_mail*",
    "*phone*",
    "*mobile*",
    "*iban*",
    "*card_number*",
    "*credit_card*",
    "*birth*",
    "dob",
    "*diagnosis*",
    "*passport*",
    "*tax_id*",
    "*salary*",
    "*imsi*",
    "*msisdn*",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lists_columns_and_names() {
        let text = "columns = [\"public.messages.body:randomized\"]\n[pattern]\nsensitive = [\"*ssn\"]\n";
        let application = Application::parse(text).unwrap();
        assert_eq!(application.columns[0].place(), "public.messages.body");
        assert_eq!(application.sensitive, ["*ssn"]);
        assert!(Application::parse("columns = []\nother = 1").is_err());
        assert!(Application::parse("columns = [\"a.b\"]").is_err());
    }

    #[test]
    fn stars_stand_for_anything() {
        for (name, pattern, alike) in [
            ("ssn", "ssn", true),
            ("SSN_old", "*ssn*", true),
            ("my_ssn", "*ssn", true),
            ("ssn2", "*ssn", false),
            ("a_b_c", "a*b*c", true),
            ("ab", "a*b*b", false),
            ("x", "", false),
        ] {
            assert_eq!(is_like(name, pattern), alike, "{name} {pattern}");
        }
    }
}
