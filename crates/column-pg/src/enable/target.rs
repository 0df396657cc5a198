//! Which columns, and how: `public.patients.ssn:deterministic`.

use std::str::FromStr;

use strongroom_column::cell::Mode;
use thiserror::Error;

/// A column to encrypt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// Its schema.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub column: String,
    /// How its cells are to be sealed; none where that does not matter.
    pub mode: Option<Mode>,
    /// Text in UTF-16, as SQL Server's `nvarchar` has it.
    pub nvarchar: bool,
}

/// Why a text names no column.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TargetRefusal {
    /// Not three names.
    #[error("`{0}` is not SCHEMA.TABLE.COLUMN; names with other characters stand in double quotes, as in SQL")]
    Names(String),
    /// Not a mode.
    #[error(
        "`{0}` is not a mode: write :deterministic (can be searched for equality) or :randomized (cannot), perhaps with +nvarchar behind it"
    )]
    Mode(String),
}

impl Target {
    /// `SCHEMA.TABLE.COLUMN`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}.{}.{}", self.schema, self.table, self.column)
    }
}

impl FromStr for Target {
    type Err = TargetRefusal;

    fn from_str(text: &str) -> Result<Self, TargetRefusal> {
        let (names, rest) = names(text).ok_or_else(|| TargetRefusal::Names(text.to_owned()))?;
        let Ok([schema, table, column]) = <[String; 3]>::try_from(names) else {
            return Err(TargetRefusal::Names(text.to_owned()));
        };
        let (mode, nvarchar) = match rest.strip_suffix("+nvarchar") {
            Some(mode) => (mode, true),
            None => (rest, false),
        };
        let mode = match mode {
            "" => None,
            ":deterministic" | ":det" => Some(Mode::Deterministic),
            ":randomized" | ":rnd" => Some(Mode::Randomized),
            other => return Err(TargetRefusal::Mode(other.trim_start_matches(':').to_owned())),
        };
        Ok(Self { schema, table, column, mode, nvarchar })
    }
}

/// Names between dots, quoted ones with what they hold; and what follows them, from a colon or plus on.
fn names(text: &str) -> Option<(Vec<String>, &str)> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (name, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_name(quoted)?,
            None => {
                let end = rest.find(['.', ':', '+']).unwrap_or(rest.len());
                (rest.get(..end)?.to_owned(), rest.get(end..)?)
            }
        };
        if name.is_empty() || name.len() > MOST {
            return None;
        }
        names.push(name);
        match behind.strip_prefix('.') {
            Some(behind) => rest = behind,
            None if behind.is_empty() || behind.starts_with([':', '+']) => return Some((names, behind)),
            None => return None,
        }
    }
}

fn quoted_name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, behind) = rest.split_once('"')?;
        name.push_str(before);
        match behind.strip_prefix('"') {
            Some(behind) => {
                name.push('"');
                rest = behind;
            }
            None => return Some((name, behind)),
        }
    }
}

/// Bytes of the longest identifier.
const MOST: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_modes_are_read() {
        let target: Target = "public.patients.ssn:deterministic".parse().unwrap();
        assert_eq!(target.place(), "public.patients.ssn");
        assert_eq!(target.mode, Some(Mode::Deterministic));
        let target: Target = r#""S.1"."a""b".c:randomized+nvarchar"#.parse().unwrap();
        assert_eq!((target.schema.as_str(), target.table.as_str(), target.column.as_str()), ("S.1", "a\"b", "c"));
        assert!(target.nvarchar && target.mode == Some(Mode::Randomized));
        assert_eq!("a.b.c".parse::<Target>().unwrap().mode, None);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "a", "a.b", "a.b.c.d", "a..c", "a.b.\"c", "a.b.\"c\"d", ":deterministic"] {
            assert!(matches!(text.parse::<Target>(), Err(TargetRefusal::Names(_))), "{text}");
        }
        assert!(matches!("a.b.c:both".parse::<Target>(), Err(TargetRefusal::Mode(_))));
    }
}
