//! Names that are given to secrets.

/// They make a name suspicious as a part of a word.
const PARTS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "kennwort",
    "credential",
    "privatekey",
    "apikey",
    "accesskey",
    "accountkey",
    "connectionstring",
];
/// They do as a word, and as the end of one.
const ENDS: [&str; 5] = ["secret", "secrets", "token", "tokens", "pwd"];
/// They do as neighbours.
const PAIRS: [(&str, &str); 11] = [
    ("api", "key"),
    ("private", "key"),
    ("access", "key"),
    ("account", "key"),
    ("shared", "key"),
    ("signing", "key"),
    ("encryption", "key"),
    ("master", "key"),
    ("connection", "string"),
    ("pass", "word"),
    ("pass", "phrase"),
];
/// A name that ends with one of these is of something about a secret, not of the secret.
const ABOUT: [&str; 39] = [
    "age",
    "allowed",
    "attempts",
    "count",
    "days",
    "enabled",
    "endpoint",
    "expiration",
    "expires",
    "expiry",
    "field",
    "file",
    "format",
    "hours",
    "id",
    "interval",
    "label",
    "length",
    "lifetime",
    "max",
    "maximum",
    "min",
    "minimum",
    "minutes",
    "name",
    "page",
    "path",
    "policy",
    "prompt",
    "provider",
    "required",
    "retries",
    "rotation",
    "seconds",
    "timeout",
    "ttl",
    "type",
    "uri",
    "url",
];

/// Whether secrets are called so.
pub(super) fn is_of_a_secret(name: &str) -> bool {
    let words = words(name);
    if words.last().is_some_and(|last| ABOUT.contains(&last.as_str())) {
        return false;
    }
    let is_suspicious =
        |word: &String| PARTS.iter().any(|part| word.contains(part)) || ENDS.iter().any(|end| word.ends_with(end));
    let is_pair = |pair: &[String]| matches!(pair, [one, other] if PAIRS.iter().any(|(first, second)| one == first && other == second));
    words.iter().any(is_suspicious) || words.windows(2).any(is_pair)
}

/// The words of a name in small letters: what stands between other characters than letters, and `SmtpPassword` is two.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let bytes = name.as_bytes();
    for (place, byte) in bytes.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|before| bytes.get(before));
        let follows_small = before.is_some_and(u8::is_ascii_lowercase);
        let ends_capitals =
            before.is_some_and(u8::is_ascii_uppercase) && bytes.get(place + 1).is_some_and(u8::is_ascii_lowercase);
        let begins = byte.is_ascii_uppercase() && (follows_small || ends_capitals);
        if (begins || !byte.is_ascii_alphabetic()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if byte.is_ascii_alphabetic() {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "password",
            "Queue/SmtpPassword",
            "queue/SMTPPassword2",
            "queue/dbpassword",
            "db_passwd",
            "Engine/Pwd",
            "sapwd",
            "client/secret",
            "clientsecret",
            "oauth/ClientSecret/current",
            "passwords/queue-1",
            "access.token",
            "authtoken",
            "ApiKey",
            "api-key",
            "Queue/ConnectionString",
            "queue/connection-string",
            "audit/private_key",
            "tls/PrivateKey",
            "storage/AccountKey",
            "engine/credentials",
            "pass-phrase",
        ] {
            assert!(is_of_a_secret(name), "{name}");
        }
    }

    #[test]
    fn harmless_names() {
        for name in [
            "queue/depth",
            "PasswordLength",
            "client/password-policy",
            "client/ShowPasswordPrompt",
            "Token/Lifetime",
            "queue/token-timeout",
            "secret-name",
            "audit/CredentialProvider",
            "keyboard/layout",
            "client/key",
            "queue/routing-key",
            "queue/primary-key-column",
            "secretary",
            "queue/tokenizer",
            "bypass/words",
            "connection/retry",
            "string",
            "passenger/count",
            "compass",
            "audit/path",
        ] {
            assert!(!is_of_a_secret(name), "{name}");
        }
    }

    #[test]
    fn words_of_names() {
        let table: [(&str, &[&str]); 4] = [
            ("a/SMTPPassword2x", &["a", "smtp", "password", "x"]),
            ("dbPWD", &["db", "pwd"]),
            ("A-b_C.d@E", &["a", "b", "c", "d", "e"]),
            ("ABc", &["a", "bc"]),
        ];
        for (name, expected) in table {
            assert_eq!(words(name), expected);
        }
    }
}
