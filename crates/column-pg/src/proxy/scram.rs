//! SCRAM-SHA-256 (RFC 5802, RFC 7677) on both legs: the client proves its password against the role's own verifier, and what
//! that proof yields logs the same role in at the server. No password is stored or seen.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use strongroom_crypto::{hash, mac, random};
use strongroom_secret::{LoginKey, constant_time_eq};
use thiserror::Error;

/// The mechanism without channel binding.
pub const PLAIN: &str = "SCRAM-SHA-256";
/// The mechanism bound to the certificate of the TLS connection (RFC 5929, `tls-server-end-point`).
pub const PLUS: &str = "SCRAM-SHA-256-PLUS";

const NONCE_BYTES: usize = 18;
/// Longer messages are nobody's log-in.
const MESSAGE_BYTES: usize = 4096;
const BINDING: &str = "tls-server-end-point";
/// What PostgreSQL uses when nothing else was said.
const ITERATIONS: u32 = 4096;

/// What went wrong in an exchange. To the client every refusal after the first message is the same failed log-in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScramError {
    /// Not a message of SCRAM.
    #[error("malformed SCRAM message: {0}")]
    Malformed(&'static str),
    /// Channel binding that is asked for and not there, or there and not asked for.
    #[error("channel binding: {0}")]
    ChannelBinding(&'static str),
    /// The proof is not that of the role's password.
    #[error("the password is not that of the role")]
    Proof,
    /// The server did not prove that it knows the role's verifier.
    #[error(
        "the server's signature is not that of the role's verifier: is it the server that the verifier was read from?"
    )]
    Server,
    /// The server refused the log-in in SCRAM's own words.
    #[error("the server refused the log-in: {0}")]
    Refused(String),
}

/// What a role's password is checked with, as `pg_authid.rolpassword` has it. It is not enough to log in with.
pub struct Verifier {
    iterations: u32,
    salt: String,
    stored: [u8; 32],
    server: [u8; 32],
}

impl Verifier {
    /// Reads `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`; nothing for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (parameters, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = parameters.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        let bytes = |text: &str| BASE64.decode(text).ok()?.try_into().ok();
        BASE64.decode(salt).ok().filter(|salt| !salt.is_empty())?;
        Some(Self {
            iterations: iterations.parse().ok().filter(|count| *count > 0)?,
            salt: salt.to_owned(),
            stored: bytes(stored)?,
            server: bytes(server)?,
        })
    }

    /// What stands in for the verifier of a role that has none: the same for the same name, so that nobody learns by asking
    /// which roles there are, and met by no password.
    #[must_use]
    pub fn pretended(role: &str, secret: &[u8; 32]) -> Self {
        let of = |label: &str| mac::hmac_sha256(secret, &[label.as_bytes(), role.as_bytes()]);
        Self {
            iterations: ITERATIONS,
            salt: BASE64.encode(of("salt").get(..16).unwrap_or_default()),
            stored: of("stored"),
            server: of("server"),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Verifier(…)")
    }
}

/// What the proof of a client yielded: enough to log in as the same role, where the verifier is the same.
#[derive(Debug)]
pub struct Proven {
    client: LoginKey,
    stored: [u8; 32],
    server: [u8; 32],
}

/// The server's side of an exchange, towards the client.
pub struct Acceptor {
    verifier: Verifier,
    header: String,
    binding: Option<Vec<u8>>,
    first_bare: String,
    first_answer: String,
    nonce: String,
}

impl Acceptor {
    /// Takes the client's first message; `certificate` is the hash of ours when the leg is TLS. Answers with what to send.
    pub fn begin(
        verifier: Verifier,
        mechanism: &str,
        certificate: Option<&[u8]>,
        message: &[u8],
    ) -> Result<(Self, String), ScramError> {
        let message = text(message)?;
        let (header, first_bare) = split_header(message)?;
        let binding = binding_of(header, mechanism, certificate)?;
        let client_nonce = attribute(first_bare, 1, "r=")?;
        attribute(first_bare, 0, "n=")?;
        if client_nonce.is_empty() || !client_nonce.bytes().all(|byte| matches!(byte, 0x21..=0x7e)) {
            return Err(ScramError::Malformed("the nonce is empty or not printable"));
        }
        let nonce = format!("{client_nonce}{}", fresh_nonce());
        let first_answer = format!("r={nonce},s={},i={}", verifier.salt, verifier.iterations);
        let acceptor = Self {
            verifier,
            header: header.to_owned(),
            binding,
            first_bare: first_bare.to_owned(),
            first_answer: first_answer.clone(),
            nonce,
        };
        Ok((acceptor, first_answer))
    }

    /// Takes the client's last message. Answers with what to send, and with what the proof yielded.
    pub fn finish(self, message: &[u8]) -> Result<(String, Proven), ScramError> {
        let message = text(message)?;
        let (without_proof, proof) =
            message.rsplit_once(",p=").ok_or(ScramError::Malformed("the last message has no proof"))?;
        let expected_binding = [self.header.as_bytes(), self.binding.as_deref().unwrap_or_default()].concat();
        if BASE64.decode(attribute(without_proof, 0, "c=")?).ok().as_deref() != Some(expected_binding.as_slice()) {
            return Err(ScramError::ChannelBinding("the client is not bound to this connection"));
        }
        if !constant_time_eq(attribute(without_proof, 1, "r=")?.as_bytes(), self.nonce.as_bytes()) {
            return Err(ScramError::Malformed("the nonce of the last message is not that of the first"));
        }
        let proof: [u8; 32] = BASE64
            .decode(proof)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(ScramError::Malformed("the proof is not 32 bytes of base64"))?;
        let exchanged = exchanged(&self.first_bare, &self.first_answer, without_proof);
        let signature = mac::hmac_sha256(&self.verifier.stored, &[exchanged.as_bytes()]);
        let client = LoginKey::fill_with(|key| xor(key, &proof, &signature));
        if !constant_time_eq(&hash::sha256(&[client.expose()]), &self.verifier.stored) {
            return Err(ScramError::Proof);
        }
        let answer = mac::hmac_sha256(&self.verifier.server, &[exchanged.as_bytes()]);
        let proven = Proven { client, stored: self.verifier.stored, server: self.verifier.server };
        Ok((format!("v={}", BASE64.encode(answer)), proven))
    }
}

/// The client's side of an exchange, towards the server, with what another exchange yielded.
pub struct Initiator<'a> {
    proven: &'a Proven,
    nonce: String,
    first_bare: String,
}

impl<'a> Initiator<'a> {
    /// Begins one; answers with the first message. PostgreSQL takes the name from the start-up message.
    #[must_use]
    pub fn begin(proven: &'a Proven) -> (Self, String) {
        let nonce = fresh_nonce();
        let first_bare = format!("n=,r={nonce}");
        let message = format!("n,,{first_bare}");
        (Self { proven, nonce, first_bare }, message)
    }

    /// Takes the server's first answer; answers with the last message and what is to be heard after it.
    pub fn prove(self, answer: &[u8]) -> Result<(String, Expected), ScramError> {
        let answer = text(answer)?;
        let nonce = attribute(answer, 0, "r=")?;
        if !nonce.starts_with(&self.nonce) || nonce.len() <= self.nonce.len() {
            return Err(ScramError::Malformed("the server's nonce does not continue ours"));
        }
        let without_proof = format!("c=biws,r={nonce}");
        let exchanged = exchanged(&self.first_bare, answer, &without_proof);
        let signature = mac::hmac_sha256(&self.proven.stored, &[exchanged.as_bytes()]);
        let mut proof = [0; 32];
        xor(&mut proof, self.proven.client.expose(), &signature);
        let expected = mac::hmac_sha256(&self.proven.server, &[exchanged.as_bytes()]);
        Ok((format!("{without_proof},p={}", BASE64.encode(proof)), Expected(expected)))
    }
}

/// The signature by which the server proves that it knows the verifier.
pub struct Expected([u8; 32]);

impl Expected {
    /// Compares it with the server's last message.
    pub fn meet(&self, message: &[u8]) -> Result<(), ScramError> {
        let message = text(message)?;
        if let Some(reason) = message.strip_prefix("e=") {
            return Err(ScramError::Refused(reason.chars().take(80).collect()));
        }
        let signature = message.strip_prefix("v=").ok_or(ScramError::Malformed("the server's last message"))?;
        let signature = BASE64.decode(signature).map_err(|_| ScramError::Malformed("the server's signature"))?;
        if constant_time_eq(&signature, &self.0) { Ok(()) } else { Err(ScramError::Server) }
    }
}

/// The header of the client's first message and what follows it: `n,,` `y,,` or `p=…,,`, perhaps with a name in between.
fn split_header(message: &str) -> Result<(&str, &str), ScramError> {
    let second = message
        .match_indices(',')
        .nth(1)
        .map(|(place, _)| place + 1)
        .ok_or(ScramError::Malformed("the first message has no header"))?;
    let (header, bare) = message.split_at(second);
    if bare.starts_with("m=") {
        return Err(ScramError::Malformed("an extension that must be understood"));
    }
    Ok((header, bare))
}

fn binding_of(header: &str, mechanism: &str, certificate: Option<&[u8]>) -> Result<Option<Vec<u8>>, ScramError> {
    let (flag, _) = header.split_once(',').unwrap_or((header, ""));
    match (flag, mechanism, certificate) {
        ("n", PLAIN, _) => Ok(None),
        // The client could bind, and believes that we cannot: somebody took the offer out.
        ("y", PLAIN, Some(_)) => Err(ScramError::ChannelBinding("the client was not told that it is possible here")),
        ("y", PLAIN, None) => Ok(None),
        (flag, PLUS, Some(certificate)) => match flag.strip_prefix("p=") {
            Some(BINDING) => Ok(Some(certificate.to_vec())),
            _ => Err(ScramError::ChannelBinding("only tls-server-end-point is known")),
        },
        _ => Err(ScramError::ChannelBinding("the header does not fit the mechanism")),
    }
}

fn attribute<'a>(message: &'a str, place: usize, name: &'static str) -> Result<&'a str, ScramError> {
    message
        .split(',')
        .nth(place)
        .and_then(|part| part.strip_prefix(name))
        .ok_or(ScramError::Malformed("an attribute is missing or out of order"))
}

fn text(message: &[u8]) -> Result<&str, ScramError> {
    if message.len() > MESSAGE_BYTES {
        return Err(ScramError::Malformed("longer than any log-in"));
    }
    std::str::from_utf8(message).map_err(|_| ScramError::Malformed("not UTF-8"))
}

fn exchanged(first_bare: &str, first_answer: &str, without_proof: &str) -> String {
    format!("{first_bare},{first_answer},{without_proof}")
}

fn fresh_nonce() -> String {
    let mut bytes = [0; NONCE_BYTES];
    random::fill(&mut bytes);
    BASE64.encode(bytes)
}

fn xor(out: &mut [u8; 32], left: &[u8; 32], right: &[u8; 32]) {
    for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
        *out = left ^ right;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, section 3: user `user`, password `pencil`; StoredKey and ServerKey were computed from its salt
    /// and count by Python's hashlib.
    fn verifier() -> Verifier {
        Verifier::parse(
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
        )
        .expect("it is a verifier")
    }

    #[test]
    fn the_exchange_of_the_rfc_is_accepted_and_answered_as_there() {
        let first_bare = "n=user,r=rOprNGfwEbeRWgbNEkqO";
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let acceptor = Acceptor {
            verifier: verifier(),
            header: "n,,".into(),
            binding: None,
            first_bare: first_bare.into(),
            first_answer: format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
            nonce: nonce.into(),
        };
        let last = format!("c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let (answer, _) = acceptor.finish(last.as_bytes()).expect("the RFC's proof is right");
        assert_eq!(answer, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    /// A client that has the password's ClientKey logs in at us, and what it proved logs in at a server with the same verifier.
    fn through(verifier_of_server: Verifier, client: &Proven) -> Result<(), ScramError> {
        let (initiator, first) = Initiator::begin(client);
        let (acceptor, answer) = Acceptor::begin(verifier_of_server, PLAIN, None, first.as_bytes())?;
        let (last, expected) = initiator.prove(answer.as_bytes())?;
        let (answer, proven) = acceptor.finish(last.as_bytes())?;
        expected.meet(answer.as_bytes())?;
        assert!(proven.client.same_as(&client.client));
        Ok(())
    }

    /// ClientKey of `pencil` under the RFC's salt, from Python's hashlib.
    fn pencil() -> Proven {
        let client = BASE64.decode("pg/JI9Z+hkSpLRa5btpe9GVrDHJcSEN0viVTVXaZbos=").expect("base64");
        let verifier = verifier();
        Proven {
            client: LoginKey::from_slice(&client).expect("32 bytes"),
            stored: verifier.stored,
            server: verifier.server,
        }
    }

    #[test]
    fn what_one_exchange_yields_makes_the_next() {
        through(verifier(), &pencil()).expect("the same verifier");
    }

    #[test]
    fn another_verifier_refuses() {
        assert_eq!(through(Verifier::pretended("user", &[7; 32]), &pencil()), Err(ScramError::Proof));
    }

    #[test]
    fn a_server_that_does_not_know_the_verifier_is_found_out() {
        let mut stranger = verifier();
        stranger.server = [1; 32];
        assert_eq!(through(stranger, &pencil()), Err(ScramError::Server));
    }

    #[test]
    fn a_client_that_was_told_there_is_no_binding_is_warned_off() {
        let hash = [3; 32];
        let begin = |mechanism: &str, certificate: Option<&[u8]>, message: &str| {
            Acceptor::begin(verifier(), mechanism, certificate, message.as_bytes()).map(|_| ())
        };
        let downgrade = begin(PLAIN, Some(&hash), "y,,n=,r=abc");
        assert!(matches!(downgrade, Err(ScramError::ChannelBinding(_))), "{downgrade:?}");
        begin(PLAIN, None, "y,,n=,r=abc").expect("there is none without TLS");
        begin(PLUS, Some(&hash), "p=tls-server-end-point,,n=,r=abc").expect("bound");
        assert!(begin(PLUS, Some(&hash), "n,,n=,r=abc").is_err());
        assert!(begin(PLUS, None, "p=tls-server-end-point,,n=,r=abc").is_err());
        assert!(begin(PLUS, Some(&hash), "p=tls-unique,,n=,r=abc").is_err());
        for broken in ["", "n", "n,", "n,,", "n,,n=", "n,,r=abc,n=", "n,,n=,r=", "n,,m=x,n=,r=abc"] {
            assert!(matches!(begin(PLAIN, None, broken), Err(ScramError::Malformed(_))), "{broken:?}");
        }
    }

    #[test]
    fn only_whole_verifiers_are_read() {
        for text in
            ["", "md5abc", "SCRAM-SHA-256$0:aaaa$b:c", "SCRAM-SHA-256$4096:$b:c", "SCRAM-SHA-256$4096:YWI=$YWI=:YWI="]
        {
            assert!(Verifier::parse(text).is_none(), "{text:?}");
        }
    }
}
