//! Passwords inside longer texts: connection strings, documents, URLs.

/// What passwords are called; also as the end of a longer word.
const PASSWORDS: [&str; 4] = ["password", "passwd", "pwd", "passphrase"];
/// What other secrets are called; as a whole word.
const OTHERS: [&str; 11] = [
    "secret",
    "client_secret",
    "clientsecret",
    "token",
    "access_token",
    "accesstoken",
    "apikey",
    "api_key",
    "accountkey",
    "sharedaccesskey",
    "credential",
];

/// `Password=…` as in a connection string, `"password": "…"` as in a document, with something behind it.
pub(super) fn assignment(text: &str) -> bool {
    PASSWORDS.into_iter().any(|word| is_assigned(text, word, false))
        || OTHERS.into_iter().any(|word| is_assigned(text, word, true))
}

fn is_assigned(text: &str, word: &str, whole: bool) -> bool {
    let bytes = text.as_bytes();
    let mut places = bytes.windows(word.len()).enumerate();
    places.any(|(place, found)| {
        let before = place.checked_sub(1).and_then(|before| bytes.get(before));
        let begins = !whole || before.is_none_or(|before| !before.is_ascii_alphanumeric());
        begins
            && found.eq_ignore_ascii_case(word.as_bytes())
            && text.get(place + word.len()..).is_some_and(assigns_something)
    })
}

fn assigns_something(after: &str) -> bool {
    let unquoted = after.trim_start_matches(['"', '\'']);
    let was_quoted = unquoted.len() < after.len();
    let spaced = unquoted.trim_start_matches([' ', '\t']);
    // A colon alone is how people are asked for a password.
    let assigned = spaced.strip_prefix('=').or_else(|| spaced.strip_prefix(':').filter(|_| was_quoted));
    assigned.is_some_and(|value| is_something(value.trim_start_matches([' ', '\t', '"', '\''])))
}

/// Not nothing, nor something that stands for what will be put there.
fn is_something(value: &str) -> bool {
    let ends = |first: char| first.is_whitespace() || matches!(first, ';' | '&' | ',' | '*' | '}' | ')' | ']' | '<');
    value.chars().next().is_some_and(|first| !ends(first))
        && !["${", "{{", "%("].iter().any(|begin| value.starts_with(begin))
}

/// `scheme://user:password@host`.
pub(super) fn url(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let ends = |byte: char| byte.is_whitespace() || matches!(byte, '/' | '?' | '#' | '"' | '\'' | '<' | '>');
        let authority = rest.split(ends).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        user.and_then(|user| user.split_once(':')).is_some_and(|(_, password)| is_something(password))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments() {
        for text in [
            "Server=db;Password=x",
            "Server=db; PWD = x;",
            "Data Source=a;User Password='x'",
            "DbPassword=x",
            "host=a password=x",
            "{\"password\": \"x\"}",
            "'client_secret':'x'",
            "https://a.example/?token=x",
            "AccountName=a;AccountKey=abc==",
            "Endpoint=sb://a/;SharedAccessKey=x",
        ] {
            assert!(assignment(text), "{text}");
        }
    }

    #[test]
    fn harmless_texts() {
        for text in [
            "",
            "Server=db;Integrated Security=true;",
            "Server=db;Password=;",
            "Password=${DB_PASSWORD}",
            "Password={{ vault }}",
            "password=***",
            "Enter your password: ",
            "Your password: at least 8 characters",
            "nextpagetoken=abc",
            "the password",
            "PasswordLength=12",
            "secretary=Miller",
            "{\"password\": \"\"}",
        ] {
            assert!(!assignment(text), "{text}");
        }
    }

    #[test]
    fn urls() {
        for text in ["ftp://a:b@c", "see https://u:p@host:8443/path?x", "redis://:p@localhost", "x://a:b@c@d"] {
            assert!(url(text), "{text}");
        }
        for text in [
            "https://host:8443/path",
            "https://user@host/",
            "https://user:@host/",
            "https://user:${PASSWORD}@host/",
            "https://host/a:b@c",
            "mailto:a@b",
            "a:b@c",
        ] {
            assert!(!url(text), "{text}");
        }
    }
}
