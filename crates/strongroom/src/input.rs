//! Secrets come in by standard input, a file or the prompt; never on the command line.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use strongroom_secret::{KEY_BYTES, Passphrase, SecretBytes};

use crate::cli::Given;
use crate::failure::Failure;
use crate::output::Output;

/// A value may be this long; one byte more is read to tell.
const VALUE_BYTES: usize = 1 << 20;
/// Sealed values may be this long together.
const TEXT_BYTES: usize = 64 << 20;
/// A password may be this long.
const PASSWORD_BYTES: usize = 4096;

/// A value, byte for byte. A final line feed is kept, and remarked on.
pub fn value(given: &Given, output: &Output) -> Result<SecretBytes, Failure> {
    let value = read(given, "Value", VALUE_BYTES)?;
    remark_line_feed(&value, output);
    Ok(value)
}

fn remark_line_feed(value: &SecretBytes, output: &Output) {
    if value.expose().ends_with(b"\n") && !output.is_json() {
        output.remark("the value ends with a line feed, which is stored too; use `printf` to leave it out");
    }
}

/// A key that is brought, byte for byte. Any byte may be its last; a line feed behind 32 bytes is remarked on.
pub fn key(given: &Given, output: &Output) -> Result<SecretBytes, Failure> {
    let key = read(given, "Key", VALUE_BYTES)?;
    if key.len() == KEY_BYTES + 1 {
        remark_line_feed(&key, output);
    }
    Ok(key)
}

/// A document, state, or rollback data, byte for byte.
pub fn document(given: &Given) -> Result<SecretBytes, Failure> {
    read(given, "Data", VALUE_BYTES)
}

/// A whole file, such as one of settings.
pub fn file(path: &Path) -> Result<SecretBytes, Failure> {
    read(&Given { file: Some(path.to_owned()) }, "File", TEXT_BYTES)
}

/// A password; one final line feed is no part of it.
pub fn password(given: &Given) -> Result<Passphrase, Failure> {
    let mut read = read(given, "Password", PASSWORD_BYTES)?;
    for ending in [b'\n', b'\r'] {
        if read.expose().last() == Some(&ending) {
            read.truncate(read.len() - 1);
        }
    }
    if read.is_empty() {
        return Err(Failure::usage(
            "the password is empty",
            "give it on standard input, with --file, or at the prompt",
        ));
    }
    Ok(Passphrase::from_slice(read.expose()))
}

/// A password and the one that takes its place: both from files, or both typed at the prompt, the new one twice; from standard
/// input, the one of now in the first line and the new one in the second.
pub fn passwords(current: Option<PathBuf>, new: Option<PathBuf>) -> Result<(Passphrase, Passphrase), Failure> {
    if let (Some(current), Some(new)) = (current, new) {
        let given = |file| Given { file: Some(file) };
        return Ok((password(&given(current))?, password(&given(new))?));
    }
    if !std::io::stdin().is_terminal() {
        return lines(read(&Given { file: None }, "Passwords", 2 * PASSWORD_BYTES)?);
    }
    let typed = |what: &str| {
        let typed = rpassword::prompt_password(format!("{what}: "));
        let typed = typed.map_err(|error| Failure::local("reading what was typed", error, "type it once more"))?;
        if typed.is_empty() {
            return Err(Failure::usage("the password is empty", "type it at the prompt"));
        }
        Ok(Passphrase::from_vec(typed.into_bytes()))
    };
    let (current, new) = (typed("Password of now")?, typed("New password")?);
    if typed("New password, once more")?.same_as(&new) {
        Ok((current, new))
    } else {
        Err(Failure::usage("the new password was typed differently the second time", "nothing was changed; try again"))
    }
}

/// Two passwords, one a line.
fn lines(mut read: SecretBytes) -> Result<(Passphrase, Passphrase), Failure> {
    if read.expose().last() == Some(&b'\n') {
        read.truncate(read.len() - 1);
    }
    let mut lines = read.expose().split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    match (lines.next(), lines.next(), lines.next()) {
        (Some(current), Some(new), None) if !current.is_empty() && !new.is_empty() => {
            Ok((Passphrase::from_slice(current), Passphrase::from_slice(new)))
        }
        _ => Err(Failure::usage(
            "two passwords are needed",
            "give --password-file and --new-password-file, or the password of now and the new one in two lines",
        )),
    }
}

/// Text that is no secret, such as sealed values.
pub fn text(given: &Given) -> Result<String, Failure> {
    let read = read(given, "Sealed values", TEXT_BYTES)?;
    String::from_utf8(read.expose().to_vec())
        .map_err(|_| Failure::usage("what was given is not text", "give sealed values, one a line"))
}

fn read(given: &Given, what: &str, limit: usize) -> Result<SecretBytes, Failure> {
    let read = match &given.file {
        Some(path) => {
            let shown = path.display();
            let fix = "check its name and that you may read it";
            let file = File::open(path).map_err(|error| Failure::local(format!("opening {shown}"), error, fix))?;
            read_up_to(file, limit)
        }
        None if std::io::stdin().is_terminal() => {
            let typed = rpassword::prompt_password(format!("{what}: "));
            typed.map(|typed| SecretBytes::from_vec(typed.into_bytes()))
        }
        None => read_up_to(std::io::stdin().lock(), limit),
    };
    let read = read.map_err(|error| Failure::local("reading what was given", error, "give it once more"))?;
    if read.len() > limit {
        let message = format!("what was given is longer than {limit} bytes");
        return Err(Failure::usage(message, "split it, or store it elsewhere under a key"));
    }
    Ok(read)
}

/// Reads into wiped memory; nothing is left in a buffer that grew.
fn read_up_to(mut from: impl Read, limit: usize) -> std::io::Result<SecretBytes> {
    let mut read = SecretBytes::with_capacity(limit.min(VALUE_BYTES) + 1);
    let mut chunk = SecretBytes::from_vec(vec![0; 8192]);
    loop {
        let count = from.read(chunk.expose_mut())?;
        if count == 0 || read.len() > limit {
            return Ok(read);
        }
        read.extend_from_slice(&chunk.expose()[..count.min(limit + 1 - read.len())]);
    }
}

/// A time as a number with `s`, `m`, `h` or `d`, in seconds.
pub fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a time; write a number with s, m, h or d, such as 8h");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(factor).ok_or_else(wrong)
}

/// A number of bytes, perhaps with `K`, `M` or `G` for powers of 1024.
pub fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size; write a number of bytes, or one with K, M or G, such as 256M");
    let (number, factor) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(number) if text.ends_with('K') => (number, 1 << 10),
        Some(number) if text.ends_with('M') => (number, 1 << 20),
        Some(number) => (number, 1 << 30),
        None => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).ok_or_else(wrong)
}

/// Asks a person at a terminal; without one the answer is no.
pub fn confirmed(question: &str, output: &Output) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    output.remark(&format!("{question} Type `yes`:"));
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed).is_ok() && typed.trim() == "yes"
}

#[cfg(test)]
mod tests {
    use super::{bytes, seconds};

    #[test]
    fn times() {
        assert_eq!(seconds("8h"), Ok(28_800));
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("2d"), Ok(172_800));
        for wrong in ["", "h", "8", "8w", "-1h", "1é", "99999999999999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("256M"), Ok(268_435_456));
        assert_eq!(bytes("0"), Ok(0));
        assert_eq!(bytes("1G"), Ok(1 << 30));
        for wrong in ["", "M", "-1", "1T", "1 M", "1é", "99999999999999999999", "18446744073709551615K"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
