//! Whether a session is to see columns decrypted: asked for by the client, by the database for a role, by the listener; off when
//! nobody does.

use thiserror::Error;

use super::frame::Start;
use crate::session::Encryption;

/// The setting of a session, as PostgreSQL takes it too.
pub const SETTING: &str = "strongroom.column_encryption";

/// A start-up message, and what it chose.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    /// As the server shall see it.
    pub start: Start,
    /// What was chosen, if anything was.
    pub encryption: Option<Encryption>,
}

/// A value of the setting that is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{SETTING} is `enabled`, `resultsetonly` or `disabled`")]
pub struct UnknownChoice;

/// What a client chose: looks, in this order, at the database's name (`app!enabled`), the setting in `options`, and the setting
/// as a parameter of its own.
pub fn choose(mut start: Start) -> Result<Choice, UnknownChoice> {
    let mut encryption = None;
    for (name, value) in &mut start.parameters {
        match name.as_str() {
            "database" => {
                if let Some((database, word)) = value.rsplit_once('!') {
                    encryption = Some(parse(word)?);
                    *value = database.to_owned();
                }
            }
            "options" if encryption.is_none() => encryption = in_options(value)?,
            setting if setting.eq_ignore_ascii_case(SETTING) && encryption.is_none() => {
                encryption = Some(parse(value)?)
            }
            _ => {}
        }
    }
    Ok(Choice { start, encryption })
}

/// What holds for a client that chose nothing: what the listener does, or what the database has for its role, whichever takes more
/// care. Whoever administers the database can have a role's columns encrypted (`ALTER ROLE … SET`), and not have them sent in clear.
pub fn default(listener: Encryption, role: &[(String, String)]) -> Result<Encryption, UnknownChoice> {
    let ours = role.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(SETTING));
    let of_role = ours.map(|(_, word)| parse(word)).transpose()?;
    Ok(of_role.map_or(listener, |of_role| listener.more_careful(of_role)))
}

fn parse(word: &str) -> Result<Encryption, UnknownChoice> {
    Encryption::parse(word).ok_or(UnknownChoice)
}

/// Every setting that a start-up message asks for, in `options` and by itself.
#[must_use]
pub fn settings(start: &Start) -> Vec<(String, String)> {
    let in_options = start.parameter("options").map(options).unwrap_or_default();
    let own = start.parameters.iter().filter(|(name, _)| !matches!(name.as_str(), "user" | "database" | "options"));
    in_options.into_iter().chain(own.cloned()).collect()
}

fn in_options(text: &str) -> Result<Option<Encryption>, UnknownChoice> {
    let ours = options(text).into_iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(SETTING));
    ours.map(|(_, word)| parse(&word)).transpose()
}

/// `-c name=value` or `--name=value`, the last one counts; a backslash makes the next character part of its word.
fn options(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let words = words(text);
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("-c").or_else(|| word.strip_prefix("--")) {
            Some("") => words.next().unwrap_or_default(),
            Some(setting) => setting,
            None => continue,
        };
        if let Some((name, value)) = setting.split_once('=') {
            found.push((name.replace('-', "_"), value.to_owned()));
        }
    }
    found
}

fn words(options: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match (character, words.last_mut()) {
            ('\\', Some(word)) => word.extend(characters.next()),
            (space, _) if space.is_ascii_whitespace() => words.push(String::new()),
            (other, Some(word)) => word.push(other),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(parameters: &[(&str, &str)]) -> Start {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Start { minor: 0, parameters }
    }

    fn chosen(parameters: &[(&str, &str)]) -> Result<Encryption, UnknownChoice> {
        let choice = choose(start(parameters))?;
        choice.encryption.map_or_else(|| default(Encryption::Disabled, &[]), Ok)
    }

    #[test]
    fn nothing_said_is_what_the_listener_does() {
        assert_eq!(chosen(&[("user", "a"), ("options", "-c work_mem=4MB")]), Ok(Encryption::Disabled));
        assert_eq!(choose(start(&[])).map(|choice| choice.encryption), Ok(None));
        assert_eq!(default(Encryption::Enabled, &[]), Ok(Encryption::Enabled));
    }

    #[test]
    fn what_the_database_has_for_a_role_takes_more_care_or_does_not_count() {
        let of_role = |listener, word: &str| {
            let other = ("work_mem".to_owned(), "4MB".to_owned());
            default(
                listener,
                &[(SETTING.to_uppercase(), "resultsetonly".to_owned()), (SETTING.to_owned(), word.to_owned()), other],
            )
        };
        assert_eq!(of_role(Encryption::Disabled, "enabled"), Ok(Encryption::Enabled));
        assert_eq!(of_role(Encryption::ResultSetOnly, "on"), Ok(Encryption::Enabled));
        assert_eq!(of_role(Encryption::Enabled, "disabled"), Ok(Encryption::Enabled));
        assert_eq!(of_role(Encryption::Enabled, "resultsetonly"), Ok(Encryption::Enabled));
        assert_eq!(of_role(Encryption::Disabled, "disabled"), Ok(Encryption::Disabled));
        assert_eq!(of_role(Encryption::Disabled, "perhaps"), Err(UnknownChoice));
    }

    #[test]
    fn every_way_to_say_it_is_understood() {
        for options in [
            "-c strongroom.column_encryption=enabled",
            "-cstrongroom.column_encryption=Enabled",
            "--strongroom.column-encryption=enabled",
            "-c geqo=off  -c strongroom.column_encryption=disabled -c strongroom.column_encryption=enabled",
            "-c application_name=a\\ b -c strongroom.column_encryption=enabled",
        ] {
            assert_eq!(chosen(&[("options", options)]), Ok(Encryption::Enabled), "{options}");
        }
        assert_eq!(chosen(&[(SETTING, "resultsetonly")]), Ok(Encryption::ResultSetOnly));
        assert_eq!(
            chosen(&[("options", "-c application_name=a\\ -c\\ strongroom.column_encryption=enabled")]),
            Ok(Encryption::Disabled)
        );
    }

    #[test]
    fn an_alias_of_the_database_is_taken_off_and_counts_most() {
        let parameters = [("database", "app!enabled"), ("options", "-c strongroom.column_encryption=disabled")];
        let choice = choose(start(&parameters)).unwrap();
        assert_eq!(choice.encryption, Some(Encryption::Enabled));
        assert_eq!(choice.start.parameter("database"), Some("app"));
    }

    #[test]
    fn a_word_that_is_none_is_refused() {
        assert_eq!(chosen(&[("options", "-c strongroom.column_encryption=yes-please")]), Err(UnknownChoice));
        assert_eq!(chosen(&[("database", "app!maybe")]), Err(UnknownChoice));
    }
}
