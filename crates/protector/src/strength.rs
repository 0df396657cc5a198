//! Which passwords are strong enough to stand over a key, the root key or an application's.
//!
//! The rule is about length, because length is what an attacker with the record pays for, and is
//! the same everywhere: fourteen characters or four words. What only looks long does not count:
//! fewer than five different characters, or a word that was said before.

use std::collections::BTreeSet;

use strongroom_secret::Passphrase;
use thiserror::Error;
use zeroize::Zeroizing;

/// A password is too weak to protect a key. Says nothing of the password but the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StrengthRefusal {
    /// Neither enough characters nor enough words.
    #[error(
        "the password has {characters} characters and {words} different words; \
         one that protects a key needs at least {LEAST_CHARACTERS} characters or {LEAST_WORDS} words"
    )]
    TooShort {
        /// How many characters it has.
        characters: usize,
        /// How many different words of two characters or more.
        words: usize,
    },
    /// Long, but made of hardly anything.
    #[error(
        "the password uses only {different} different characters; \
         one that protects a key needs at least {LEAST_DIFFERENT}, as four plain words have"
    )]
    TooUniform {
        /// How many different characters it has.
        different: usize,
    },
}

/// Refuses a password that is too weak to protect a key.
///
/// Characters are those of UTF-8 text; in other bytes each byte counts as one.
///
/// # Errors
/// [`StrengthRefusal`], whose text can be shown as it is.
pub fn check_strength(passphrase: &Passphrase) -> Result<(), StrengthRefusal> {
    match core::str::from_utf8(passphrase.expose()) {
        Ok(text) => {
            let words: BTreeSet<&str> = text.split_whitespace().filter(|word| word.chars().nth(1).is_some()).collect();
            judge(text.chars().map(u32::from), words.len())
        }
        Err(_) => judge(passphrase.expose().iter().map(|byte| u32::from(*byte)), 0),
    }
}

fn judge(characters: impl Iterator<Item = u32> + Clone, words: usize) -> Result<(), StrengthRefusal> {
    let count = characters.clone().count();
    if count < LEAST_CHARACTERS && words < LEAST_WORDS {
        return Err(StrengthRefusal::TooShort { characters: count, words });
    }
    let different = different_characters(characters);
    if different < LEAST_DIFFERENT {
        return Err(StrengthRefusal::TooUniform { different });
    }
    Ok(())
}

/// Stops counting at what is enough, so that no set of the password's characters is built up.
fn different_characters(characters: impl Iterator<Item = u32>) -> usize {
    let mut seen = Zeroizing::new([0_u32; LEAST_DIFFERENT]);
    let mut count = 0;
    for character in characters {
        if count < LEAST_DIFFERENT && !seen[..count].contains(&character) {
            seen[count] = character;
            count += 1;
        }
    }
    count
}

const LEAST_CHARACTERS: usize = 14;
const LEAST_WORDS: usize = 4;
const LEAST_DIFFERENT: usize = 5;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(password: &[u8]) -> Result<(), StrengthRefusal> {
        check_strength(&Passphrase::from_slice(password))
    }

    #[test]
    fn fourteen_characters_or_four_words_are_enough() {
        let enough: &[&[u8]] = &[
            b"four plain words here",
            b"ab cd ef gh",
            b"ab\tcd\nef  gh ",
            b"correcthorseba",
            b"12345678901234",
            "пароль-из-букв".as_bytes(),
            "日本 東京 大阪 京都".as_bytes(),
            b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4\xf3\xf2",
        ];
        for password in enough {
            assert_eq!(check(password), Ok(()), "{}", String::from_utf8_lossy(password));
        }
    }

    #[test]
    fn less_is_too_short() {
        let too_short: &[(&[u8], usize, usize)] = &[
            (b"", 0, 0),
            (b"password", 8, 1),
            (b"correcthorseb", 13, 1),
            (b"ab cd ef", 8, 3),
            (b"ab cd ef ab", 11, 3),
            (b"a b c d e f", 11, 0),
            ("пароль-из-бук".as_bytes(), 13, 1),
            (b"\xff\xfe\xfd\xfc\xfb \xf9 \xf8 \xf7 ", 12, 0),
        ];
        for &(password, characters, words) in too_short {
            let wanted = Err(StrengthRefusal::TooShort { characters, words });
            assert_eq!(check(password), wanted, "{}", String::from_utf8_lossy(password));
        }
    }

    #[test]
    fn length_made_of_hardly_anything_does_not_count() {
        for (password, different) in [("x".repeat(40), 1), (" ".repeat(14), 1), ("abcd".repeat(9), 4)] {
            assert_eq!(check(password.as_bytes()), Err(StrengthRefusal::TooUniform { different }));
        }
    }

    #[test]
    fn the_refusal_says_what_is_wanted() {
        let text = check(b"hunter2").unwrap_err().to_string();
        assert!(text.contains("7 characters") && text.contains("at least 14 characters or 4 words"), "{text}");
        assert!(!text.contains("hunter"), "{text}");
    }
}
