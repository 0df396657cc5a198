//! A credential: what binds it to its account, and the form in which it travels to one that is enrolled (docs/spec/credential.md).

use strongroom_crypto::hash::sha256;
use strongroom_crypto::kem::{self, ENCAPSULATED, LowOrder, PUBLIC_KEY};
use strongroom_crypto::{OVERHEAD, SealingKey, derive, labels, mac};
use strongroom_secret::{AgreementKey, DataKey, KEY_BYTES, MacKey, SecretBytes, SharedSecret};

use crate::value::{Context, ContextRefusal, Purpose};
use crate::{Id, Pin};

/// Bytes of a host id.
pub const HOST_ID: usize = 16;

/// Whom a value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The account of the server's host, if it belongs to one.
    pub local: Option<Local<'a>>,
    /// The pins of client certificates, rising; empty if it belongs to none.
    pub certificates: &'a [Pin],
}

/// An account of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local<'a> {
    /// Its name.
    pub account: &'a str,
    /// Its number.
    pub uid: u32,
    /// The host.
    pub host: &'a [u8; HOST_ID],
}

impl Binding<'_> {
    /// The place of a value, and of the data key it is sealed under. Nothing stands for what it is not bound to.
    ///
    /// # Errors
    /// When the account's name is too long for a context.
    pub fn context(&self, id: Id, revision: u32) -> Result<Context, ContextRefusal> {
        let mut pairs = vec![("record", id.to_string()), ("revision", revision.to_string())];
        if let Some(local) = &self.local {
            pairs.push(("account", local.account.to_owned()));
            pairs.push(("host", crate::hexadecimal::text(local.host)));
            pairs.push(("uid", local.uid.to_string()));
        }
        if !self.certificates.is_empty() {
            let pins: Vec<&[u8]> = self.certificates.iter().map(|pin| pin.0.as_slice()).collect();
            pairs.push(("certificates", crate::hexadecimal::text(&sha256(&pins))));
        }
        Context::new(pairs)
    }
}

/// Stands for a uid where there is no local account; it is no account's, because system calls use it for "none".
pub const NO_UID: u32 = u32::MAX;

/// What a credential on its way is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bond {
    /// The credential.
    pub id: Id,
    /// Its revision.
    pub revision: u32,
    /// The account's number; [`NO_UID`] when it is known by its certificate only.
    pub uid: u32,
}

impl Bond {
    fn bytes(self) -> [u8; BOND] {
        let mut bytes = [0; BOND];
        bytes[..16].copy_from_slice(&self.id.0);
        bytes[16..20].copy_from_slice(&self.revision.to_be_bytes());
        bytes[20..].copy_from_slice(&self.uid.to_be_bytes());
        bytes
    }
}

/// A credential as its account opened it.
#[derive(Debug)]
pub struct Opened {
    /// The value.
    pub value: SecretBytes,
    /// What proves that the account has its private key.
    pub proof_key: MacKey,
}

/// A sealed credential could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// It does not have the form of one.
    #[error("this is not a sealed credential as this release knows them")]
    Malformed,
    /// It does not open with this private key for this bond.
    #[error("the sealed credential does not open with this key")]
    Unauthentic,
}

/// Seals a value, and the proof key with it, to an enrolled account.
///
/// # Errors
/// [`LowOrder`] for such a public key.
pub fn seal(
    recipient: &[u8; PUBLIC_KEY],
    bond: Bond,
    proof_key: &MacKey,
    value: &SecretBytes,
) -> Result<Vec<u8>, LowOrder> {
    let (shared, encapsulated) = kem::encapsulate(recipient)?;
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&START);
    head[4..].copy_from_slice(&encapsulated);
    let mut plaintext = SecretBytes::with_capacity(KEY_BYTES + value.len());
    plaintext.extend_from_slice(proof_key.expose());
    plaintext.extend_from_slice(value.expose());
    let mut sealed = Vec::with_capacity(HEAD + OVERHEAD + plaintext.len());
    sealed.extend_from_slice(&head);
    let aad: [&[u8]; 3] = [labels::CREDENTIAL.as_bytes(), &head, &bond.bytes()];
    sealing_key(&shared, &head, bond).seal_append(&aad, plaintext.expose(), &mut sealed);
    Ok(sealed)
}

/// Opens what [`seal`] made for the holder of this private key.
///
/// # Errors
/// See [`CredentialError`].
pub fn open(private: &AgreementKey, bond: Bond, sealed: &[u8]) -> Result<Opened, CredentialError> {
    if sealed.len() < LEAST_LENGTH {
        return Err(CredentialError::Malformed);
    }
    let (head, rest) = sealed.split_first_chunk::<HEAD>().ok_or(CredentialError::Malformed)?;
    let encapsulated = head.strip_prefix(&START).ok_or(CredentialError::Malformed)?;
    let encapsulated: &[u8; ENCAPSULATED] = encapsulated.try_into().map_err(|_| CredentialError::Malformed)?;
    let shared = kem::decapsulate(private, encapsulated).map_err(|_| CredentialError::Unauthentic)?;
    let mut plaintext = SecretBytes::with_capacity(rest.len());
    let aad: [&[u8]; 3] = [labels::CREDENTIAL.as_bytes(), head, &bond.bytes()];
    sealing_key(&shared, head, bond)
        .open_append(&aad, rest, &mut plaintext)
        .map_err(|_| CredentialError::Unauthentic)?;
    let (proof_key, value) = plaintext.expose().split_at_checked(KEY_BYTES).ok_or(CredentialError::Malformed)?;
    let proof_key = MacKey::from_slice(proof_key).map_err(|_| CredentialError::Malformed)?;
    Ok(Opened { value: SecretBytes::from_slice(value), proof_key })
}

/// The proof key of an enrolled account; it belongs to the data key that its value is sealed under now.
#[must_use]
pub fn proof_key(data_key: &DataKey, bond: Bond, enrolled: &[u8; PUBLIC_KEY]) -> MacKey {
    let mut context = [0; BOND + PUBLIC_KEY];
    context[..BOND].copy_from_slice(&bond.bytes());
    context[BOND..].copy_from_slice(enrolled);
    MacKey::fill_with(|slot| {
        derive::into(b"", &[data_key.expose()], labels::CREDENTIAL_PROOF_KEY, &context, slot);
    })
}

/// What an enrolled account shows so that another public key takes the place of its own.
#[must_use]
pub fn proof(proof_key: &MacKey, bond: Bond, new: &[u8; PUBLIC_KEY]) -> [u8; mac::MAC] {
    mac::hmac_sha256(proof_key.expose(), &[labels::CREDENTIAL_PROOF.as_bytes(), &bond.bytes(), new])
}

/// Whether that is what was shown, in constant time.
#[must_use]
pub fn proves(proof_key: &MacKey, bond: Bond, new: &[u8; PUBLIC_KEY], shown: &[u8]) -> bool {
    mac::verify(proof_key.expose(), &[labels::CREDENTIAL_PROOF.as_bytes(), &bond.bytes(), new], shown)
}

fn sealing_key(shared: &SharedSecret, head: &[u8; HEAD], bond: Bond) -> SealingKey {
    let mut context = [0; HEAD + BOND];
    context[..HEAD].copy_from_slice(head);
    context[HEAD..].copy_from_slice(&bond.bytes());
    let key = DataKey::fill_with(|slot| {
        derive::into(b"", &[shared.expose()], labels::CREDENTIAL_KEY, &context, slot);
    });
    SealingKey::new(key.expose())
}

/// The length of a sealed credential with an empty value.
pub const LEAST_LENGTH: usize = HEAD + OVERHEAD + KEY_BYTES;
const START: [u8; 4] = [3, Purpose::Credentials.byte(), 0, 1];
const HEAD: usize = START.len() + ENCAPSULATED;
const BOND: usize = 24;
