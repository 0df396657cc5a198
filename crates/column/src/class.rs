//! Encryption classes: key, mode and plain type together are one type of the database.

use strongroom_crypto::hash::sha256;

use crate::cell::Mode;
use crate::plain::PlainType;

/// What an encrypted column is: the key its cells are sealed under, how, and what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Class {
    /// The column encryption key's name.
    pub key: String,
    /// How cells are sealed.
    pub mode: Mode,
    /// What cells hold.
    pub plain: PlainType,
}

impl Class {
    /// The name of the class's domain in the schema `strongroom`; that of its base type has `_cell` behind it. It consists of
    /// small letters, digits and underscores, has at most 52 bytes, and no two classes have the same one.
    #[must_use]
    pub fn type_name(&self) -> String {
        let word = self.plain.word();
        let mode = match self.mode {
            Mode::Deterministic => "det",
            Mode::Randomized => "rnd",
        };
        let name = format!("{}_{}_{mode}", safe(&self.key), safe(&word));
        // A key whose name was changed or has no room is told apart by a digest. No word of a type is the end of another one,
        // so that underscores in names cannot make one class look like another.
        if !self.key.is_empty() && safe(&self.key) == self.key && name.len() <= LONGEST {
            return name;
        }
        let digest = sha256(&[self.key.as_bytes(), b"\0", word.as_bytes(), b"\0", mode.as_bytes()]);
        let digest: String = digest.iter().take(DIGEST / 2).map(|byte| format!("{byte:02x}")).collect();
        let start: String = name.chars().take(LONGEST - DIGEST - 1).collect();
        format!("{}_{digest}", start.trim_end_matches('_'))
    }
}

/// Small letters, digits and underscores; each run of other characters is one underscore.
fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            'a'..='z' | '0'..='9' => safe.push(character),
            _ if safe.ends_with('_') || safe.is_empty() => {}
            _ => safe.push('_'),
        }
    }
    safe.trim_end_matches('_').to_owned()
}

/// With `_cell_send` behind it, an identifier of PostgreSQL's 63 bytes.
const LONGEST: usize = 52;
/// Hexadecimal digits of the digest.
const DIGEST: usize = 16;
