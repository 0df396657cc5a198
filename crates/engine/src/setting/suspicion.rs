//! What looks like a secret, and so is refused for a class that is not encrypted.
//!
//! The rules catch mistakes, not malice, and there is no way around them: who meets one that is wrong stores the setting
//! encrypted, or under another name. So each is chosen to be right nearly always (docs/guide/settings.md lists them).

mod assigned;
mod known;
mod name;
mod random;

use super::class::Class;
use super::value::SettingValue;
use crate::name::Name;
use crate::rule::Refusal;

/// Why something looks like a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion {
    /// Which argument does: `name` or `value`.
    pub field: &'static str,
    /// The word of the rule.
    pub rule: &'static str,
    /// What it recognises.
    pub what: &'static str,
}

/// Judges a text; the place of the rule in the table says in what order.
type Judge = fn(&str) -> bool;

/// The rules for values: word, what each recognises, how.
const VALUE_RULES: [(&str, &str, Judge); 7] = [
    ("private-key", "a private key", known::private_key),
    ("strongroom", "a token or a sealed value of Strongroom", known::strongroom),
    ("json-web-token", "a JSON web token", known::json_web_token),
    ("access-key", "an access key of a well-known service", known::access_key),
    ("assignment", "a text such as `password=…`, as in a connection string", assigned::assignment),
    ("url", "a URL with a user's password", assigned::url),
    ("random", "20 or more random characters of base64 or hexadecimal", random::random),
];

/// What about a setting looks like a secret; none when nothing does. The value is told by nobody.
#[must_use]
pub fn suspicion(name: &Name, value: &SettingValue) -> Option<Suspicion> {
    // Neither true nor false is a secret.
    let can_be_secret = !matches!(value, SettingValue::Boolean(_));
    if can_be_secret && name::is_of_a_secret(name.as_str()) {
        return Some(Suspicion { field: "name", rule: "name", what: "a name that is given to secrets" });
    }
    let judged = |bytes: &[u8]| {
        // What is no text has no form that could be recognised.
        let text = std::str::from_utf8(bytes).ok()?;
        let (rule, what, _) = VALUE_RULES.into_iter().find(|(_, _, judge)| judge(text))?;
        Some(Suspicion { field: "value", rule, what })
    };
    match value {
        SettingValue::String(bytes) | SettingValue::Binary(bytes) => judged(bytes.expose()),
        SettingValue::MultiString(strings) => strings.iter().find_map(|string| judged(string.expose())),
        SettingValue::Integer(_) | SettingValue::Boolean(_) => None,
    }
}

/// Refuses what looks like a secret where it would not be encrypted.
pub(super) fn refuse_suspicious(class: Class, name: &Name, value: &SettingValue) -> Result<(), Refusal> {
    if class.is_encrypted() {
        return Ok(());
    }
    let Some(Suspicion { field, rule, what }) = suspicion(name, value) else { return Ok(()) };
    let reason = format!(
        "it looks like a secret, by the rule `{rule}` ({what}); settings of the class `{}` are not encrypted: store it with the class `{}`",
        class.word(),
        Class::Encrypted.word(),
    );
    Err(Refusal::Invalid { field, reason })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use strongroom_secret::SecretBytes;

    use super::*;

    fn bytes(text: &str) -> SecretBytes {
        SecretBytes::from_slice(text.as_bytes())
    }

    fn rule(name: &str, value: &SettingValue) -> Option<&'static str> {
        suspicion(&Name::parse(name).unwrap(), value).map(|found| found.rule)
    }

    #[test]
    fn every_rule_finds_what_it_is_for() {
        let table = [
            ("private-key", "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEI\n-----END EC PRIVATE KEY-----"),
            ("strongroom", "use srt_01980c3e2b6a7c1d9f005a3d1c2b4e6f"),
            ("json-web-token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP"),
            ("access-key", "AKIAIOSFODNN7EXAMPLE"),
            ("assignment", "Server=db1;User Id=sa;Password=hunter2;"),
            ("url", "amqp://engine:hunter2@queue1.example.org:5672/"),
            ("random", "kX9v2LqP0sRt7Yb4WcZ1mN8d"),
        ];
        let words: Vec<&str> = VALUE_RULES.iter().map(|(word, _, _)| *word).collect();
        assert_eq!(words, table.map(|(word, _)| word));
        for (word, text) in table {
            assert_eq!(rule("q/a", &SettingValue::String(bytes(text))), Some(word), "{text}");
            assert_eq!(rule("q/a", &SettingValue::Binary(bytes(text))), Some(word), "{text}");
            let strings = SettingValue::MultiString(vec![bytes("harmless"), bytes(text)]);
            assert_eq!(rule("q/a", &strings), Some(word), "{text}");
        }
    }

    #[test]
    fn a_name_counts_for_all_but_booleans() {
        assert_eq!(rule("queue/password", &SettingValue::String(bytes(""))), Some("name"));
        assert_eq!(rule("queue/password", &SettingValue::Integer(4711)), Some("name"));
        assert_eq!(rule("queue/password", &SettingValue::Boolean(true)), None);
        assert_eq!(rule("queue/depth", &SettingValue::Integer(i64::MAX)), None);
        assert_eq!(rule("queue/raw", &SettingValue::Binary(SecretBytes::from_slice(&[0xff; 32]))), None);
    }

    #[test]
    fn an_encrypted_one_is_never_refused_and_no_refusal_shows_a_value() {
        let (name, value) = (Name::parse("a/password").unwrap(), SettingValue::String(bytes("pwd=canary-4711")));
        assert_eq!(refuse_suspicious(Class::Encrypted, &name, &value), Ok(()));
        for class in [Class::Queue, Class::Client, Class::Audit] {
            for name in [&name, &Name::parse("a/b").unwrap()] {
                let refusal = refuse_suspicious(class, name, &value).unwrap_err().to_string();
                assert!(refusal.contains("the rule `") && refusal.contains("the class `encrypted`"), "{refusal}");
                assert!(refusal.contains(class.word()) && !refusal.contains("canary"), "{refusal}");
            }
        }
    }
}
