//! Random characters: what keys and tokens look like when nothing else tells.

/// Fewer characters are too few to tell.
const LEAST: usize = 20;
/// Bits of each character in a random text of hexadecimal digits, and of base64, of this length: at least.
const HEX_BITS: f64 = 3.0;
const BASE64_BITS: f64 = 3.7;
/// In random base64 six of ten letters and digits follow one of another class (small, capital, digit); in words, versions and
/// identifiers three or four do.
const CHANGES: f64 = 0.42;
/// Digests by name, with how many digits they have. A digest looks like a key; its name in front tells them apart.
const DIGESTS: [(&str, usize); 6] =
    [("md5:", 32), ("sha1:", 40), ("sha224:", 56), ("sha256:", 64), ("sha384:", 96), ("sha512:", 128)];
/// What begins and ends blocks of base64 that everybody may see (RFC 7468).
const PUBLIC_BLOCKS: [&str; 4] = ["CERTIFICATE", "PUBLIC KEY", "CERTIFICATE REQUEST", "X509 CRL"];

/// A run of random base64 or hexadecimal digits.
pub(super) fn random(text: &str) -> bool {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("-----BEGIN ") {
        if runs(before) {
            return true;
        }
        let label = after.split_once("-----").map(|(label, _)| label);
        if !label.is_some_and(|label| PUBLIC_BLOCKS.contains(&label)) {
            rest = after;
            continue;
        }
        // Where this block has no end, no later one has.
        let Some((_, end)) = after.split_once("-----END ") else { return runs(after) };
        rest = end;
    }
    runs(rest)
}

fn runs(text: &str) -> bool {
    let mut begin = None;
    for (place, byte) in text.bytes().chain([b' ']).enumerate() {
        let is_digit = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-');
        match (begin, is_digit) {
            (None, true) => begin = Some(place),
            (Some(first), false) => {
                begin = None;
                let (before, run) = (text.get(..first).unwrap_or_default(), text.get(first..place).unwrap_or_default());
                if run.len() >= LEAST && is_random(before, run.as_bytes()) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

fn is_random(before: &str, run: &[u8]) -> bool {
    if is_uuid(run) || is_digest(before, run) {
        return false;
    }
    let has = |class: fn(&u8) -> bool| run.iter().any(class);
    if run.iter().all(u8::is_ascii_hexdigit) {
        // A long number is no key.
        return has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && bits(run) >= HEX_BITS;
    }
    has(u8::is_ascii_digit)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && bits(run) >= BASE64_BITS
        && changes(run) >= CHANGES
}

/// Shannon's entropy of one character.
fn bits(run: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in run {
        counts[usize::from(*byte)] += 1;
    }
    let length = run.len() as f64;
    let share = |count: u32| f64::from(count) / length;
    counts.into_iter().filter(|count| *count > 0).map(|count| -share(count) * share(count).log2()).sum()
}

/// How many of the neighbours among letters and digits are of different classes.
fn changes(run: &[u8]) -> f64 {
    let class = |byte: u8| match byte {
        b'a'..=b'z' => Some(0),
        b'A'..=b'Z' => Some(1),
        b'0'..=b'9' => Some(2),
        _ => None,
    };
    let (mut pairs, mut changes) = (0_u32, 0_u32);
    for pair in run.windows(2) {
        if let [Some(one), Some(other)] = [class(pair[0]), class(pair[1])] {
            pairs += 1;
            changes += u32::from(one != other);
        }
    }
    f64::from(changes) / f64::from(pairs.max(1))
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(run: &[u8]) -> bool {
    let lengths: Vec<usize> = run.split(|byte| *byte == b'-').map(<[u8]>::len).collect();
    lengths == [8, 4, 4, 4, 12] && run.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

fn is_digest(before: &str, run: &[u8]) -> bool {
    let named = |(name, length): (&str, usize)| {
        let word = before.len().checked_sub(name.len()).and_then(|place| before.get(place..));
        run.len() == length && word.is_some_and(|word| word.eq_ignore_ascii_case(name))
    };
    run.iter().all(u8::is_ascii_hexdigit) && DIGESTS.into_iter().any(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_texts() {
        for text in [
            // Drawn with Python's `secrets`: token_hex, token_urlsafe, and base64 of token_bytes.
            "9f1c2b7e4a6d8035e1fc",
            "key 4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce",
            "D41D8CD98F00B204E9800998ECF8427E",
            "kX9v2LqP0sRt7Yb4WcZ1mN8d",
            "Zm9vYmFyMTIz+QkX/7aPq0L4sT9w=",
            "a:'8Jx-2_vQm4Zt1KcR7pWn'",
            "7d793037a0760186574b0282f2f435e7",
            // SHA-256 of nothing, without and with a wrong name.
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "md5:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "-----BEGIN PRIVATE THING-----\nkX9v2LqP0sRt7Yb4WcZ1mN8d",
            "-----BEGIN CERTIFICATE-----\nkX9v2LqP0sRt7Yb4WcZ1mN8d",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\nkX9v2LqP0sRt7Yb4WcZ1mN8d",
        ] {
            assert!(random(text), "{text}");
        }
    }

    #[test]
    fn harmless_texts() {
        for text in [
            "",
            "01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f",
            "{01980C3E-2B6A-7C1D-9F00-5A3D1C2B4E6F}",
            "S-1-5-21-3623811015-3361044348-30300820-1013",
            "C:\\Program Files\\Acme\\Provisioning Engine 2\\bin\\queue.exe",
            "/var/lib/strongroom/queues/incoming-01/spool",
            "/opt/App2/bin/x64/Release/net8",
            "Queue-01-Node2-Rack3-DC4-Prod",
            "ProvisioningEngineQueueTimeout2ForMailboxes",
            "https://provisioning01.example.org:8443/api/v2/queues",
            "CN=Queue01,OU=Provisioning,DC=example,DC=org",
            "1.2.3-beta.4+build.20260715.83012",
            "2026-07-15T08:30:00.000Z",
            "123456789012345678901234567890",
            "00000000000000000000000000000000",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "SHA1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "Microsoft.Exchange.Management.PowerShell.E2010",
            "The quick brown fox jumps over the lazy dog",
            "0 30 4 * * MON-FRI",
            "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQk9xZ2v8mT4pR7\n-----END CERTIFICATE-----\n",
        ] {
            assert!(!random(text), "{text}");
        }
    }

    /// However many blocks begin, the text is gone through once.
    #[test]
    fn a_long_text_takes_no_time() {
        assert!(!random(&"-----BEGIN CERTIFICATE-----\n".repeat(40_000)));
        assert!(!random(&"-----BEGIN \n".repeat(90_000)));
    }

    /// RFC 4648 alphabets, from a generator with known digits: hardly one of a thousand random texts is missed.
    #[test]
    fn hardly_one_random_text_is_missed() {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        let mut missed = |digits: usize, length: usize| {
            let text = |_| (0..length).map(|_| char::from(DIGITS[next() % digits])).collect::<String>();
            (0..1000).map(text).filter(|text| !random(text)).count()
        };
        assert!(missed(64, 43) <= 20, "a key of 32 bytes in base64");
        assert!(missed(64, 22) <= 120, "one of 16 bytes");
    }
}
