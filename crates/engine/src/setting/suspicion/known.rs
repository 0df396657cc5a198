//! Secrets that say what they are by how they begin.

/// What well-known services begin their access keys with, and the least number of letters and digits behind.
const ACCESS_KEYS: [(&str, usize); 12] = [
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("github_pat_", 20),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("sk_live_", 16),
    ("SG.", 20),
];

/// A private key in one of the forms of files.
pub(super) fn private_key(text: &str) -> bool {
    let pem = |rest: &str| rest.split_once("-----").is_some_and(|(label, _)| label.ends_with("PRIVATE KEY"));
    text.split("-----BEGIN ").skip(1).any(pem)
        || text.contains("PuTTY-User-Key-File-")
        || text.contains("AGE-SECRET-KEY-1")
}

/// A token or a sealed value of our own.
pub(super) fn strongroom(text: &str) -> bool {
    ["srt_", "sr1.", "sr2."].into_iter().any(|begin| begins_a_run(text, begin, 16))
}

/// An access key of a well-known service.
pub(super) fn access_key(text: &str) -> bool {
    ACCESS_KEYS.into_iter().any(|(begin, least)| begins_a_run(text, begin, least))
}

/// Header and payload of a JSON web token (RFC 7519) are objects, so the header begins with `{"` in base64.
pub(super) fn json_web_token(text: &str) -> bool {
    text.split(|other: char| !(other.is_ascii() && is_digit(other as u8) || other == '.')).any(|run| {
        let mut parts = run.split('.').peekable();
        while let Some(header) = parts.next() {
            let (payload, mut after) = (parts.peek().copied().unwrap_or_default(), parts.clone());
            let is_followed = after.nth(1).is_some();
            let is_header = after_each(header, "eyJ").next().is_some_and(|rest| rest.len() >= 8);
            if is_header && payload.len() >= 8 && is_followed {
                return true;
            }
        }
        false
    })
}

fn begins_a_run(text: &str, begin: &'static str, least: usize) -> bool {
    after_each(text, begin).any(|rest| rest.bytes().take(least).filter(|byte| is_digit(*byte)).count() == least)
}

/// What follows each place where `begin` begins a word.
fn after_each<'t>(text: &'t str, begin: &'static str) -> impl Iterator<Item = &'t str> {
    text.match_indices(begin).filter_map(move |(place, _)| {
        let before = text.get(..place)?.chars().next_back();
        let begins = before.is_none_or(|before| !before.is_ascii_alphanumeric());
        if begins { text.get(place + begin.len()..) } else { None }
    })
}

/// A digit of base64 for URLs.
const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys() {
        for text in [
            "-----BEGIN PRIVATE KEY-----",
            "x\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n-----BEGIN OPENSSH PRIVATE KEY-----",
            "PuTTY-User-Key-File-3: ssh-ed25519",
            "AGE-SECRET-KEY-1QQQ",
        ] {
            assert!(private_key(text), "{text}");
        }
        for text in ["-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----", "the PRIVATE KEY of the host"] {
            assert!(!private_key(text), "{text}");
        }
    }

    #[test]
    fn our_own() {
        for text in ["srt_abcdefghijklmnop", "a sr1.AQEAAQIDBAUGBwgJ", "(sr2.AgYAAQEGAAEAAAAA)"] {
            assert!(strongroom(text), "{text}");
        }
        for text in ["srt_short", "mysrt_abcdefghijklmnop", "sr1.", "version sr2.0"] {
            assert!(!strongroom(text), "{text}");
        }
    }

    #[test]
    fn tokens_and_access_keys() {
        // The examples of RFC 7519, section 3.1, and of the manual of AWS.
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(json_web_token(token) && json_web_token(&format!("Bearer {token}")));
        assert!(!json_web_token("eyJ.eyJ.x") && !json_web_token("eyJust.a.sentence with dots"));
        assert!(!json_web_token("eyJ-".repeat(1 << 18).as_str()), "and that in no time");
        assert!(access_key("AKIAIOSFODNN7EXAMPLE") && access_key("key: ASIAIOSFODNN7EXAMPLE;"));
        assert!(!access_key("AKIA") && !access_key("AKIA-short") && !access_key("SLOVAKIAIOSFODNN7EXAMPLE"));
    }
}
