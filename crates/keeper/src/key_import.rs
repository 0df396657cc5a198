//! `key wrapping` and `key import`: a key that a user brings arrives wrapped under a key pair that lives in memory only.

use std::time::{Duration, Instant};

use strongroom_crypto::{key_wrap, oaep};
use strongroom_engine::key::{Algorithm, Import, RotateReply};
use strongroom_engine::name::Name;
use strongroom_engine::policy::Action;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::Id;
use strongroom_envelope::value::Purpose;
use strongroom_secret::SecretBytes;

use crate::facade::{Caller, Failure};
use crate::keeper::{Inner, Keeper};
use crate::words::failure_word;

/// How long a key pair is used.
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Bytes of what RSA wraps: those of its modulus.
const RSA_BYTES: usize = 384;

/// The key pair under which keys are wrapped that shall be imported.
pub struct WrappingPair {
    id: Id,
    private: oaep::PrivateKey,
    made: Instant,
}

/// Its public part.
#[derive(Debug, Clone)]
pub struct WrappingView {
    /// Names it, for the import.
    pub id: Id,
    /// X.509 SubjectPublicKeyInfo of an RSA key of 3072 bits.
    pub public: Vec<u8>,
    /// For how long it is used, seconds.
    pub seconds: u64,
}

/// A key that a user brings.
pub struct KeyImport {
    /// The name of the key.
    pub name: Name,
    /// What a new key is for.
    pub purpose: Option<Purpose>,
    /// What MACs or signatures are made with.
    pub algorithm: Option<Algorithm>,
    /// The id of the key pair.
    pub pair: Id,
    /// The key: under RSA-OAEP with SHA-256 and an empty label; or an AES-256 key so wrapped, and behind it the key under AES-KWP
    /// (RFC 5649), which is `CKM_RSA_AES_KEY_WRAP` of PKCS#11.
    pub wrapped: Vec<u8>,
    /// Whether what is stored under older versions is sealed again, by a job.
    pub reencrypt: bool,
}

impl WrappingPair {
    /// The one that is given out now; a new one, when there is none or its time is over.
    fn current(slot: &mut Option<Self>, now: Instant) -> &Self {
        slot.take_if(|pair| pair.is_over(now));
        slot.get_or_insert_with(|| {
            let private = oaep::PrivateKey::generate(oaep::Bits::B3072);
            Self { id: crate::random::id(), private, made: now }
        })
    }

    /// The one that is meant. Whoever asked for it too long ago asks for a new one and wraps the key again.
    fn named(slot: &Option<Self>, id: Id, now: Instant) -> Result<&Self, Refusal> {
        let over = || Refusal::NotFound { what: "wrapping key", target: id.to_string() };
        slot.as_ref().filter(|pair| pair.id == id && !pair.is_over(now)).ok_or_else(over)
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.made) >= LIFETIME
    }

    fn view(&self, now: Instant) -> WrappingView {
        let seconds = LIFETIME.saturating_sub(now.saturating_duration_since(self.made)).as_secs();
        WrappingView { id: self.id, public: self.private.public().to_spki(), seconds }
    }
}

impl Keeper {
    /// The public key under which a key is wrapped that shall be imported.
    pub async fn key_wrapping(&self, caller: Caller) -> Result<WrappingView, Failure> {
        self.chore(move |inner| {
            let action = Action::KeyWrapping;
            inner.permit(&caller, action, "")?;
            let view = inner.unsealed().map(|_| inner.wrapping_view());
            inner.line(&caller, action.word(), "", view.as_ref().map_or_else(failure_word, |_| "ok"))?;
            view
        })
        .await
    }

    /// Takes a key over that a user brings.
    pub async fn key_import(&self, caller: Caller, import: KeyImport) -> Result<RotateReply, Failure> {
        let KeyImport { name, purpose, algorithm, pair, wrapped, reencrypt } = import;
        let opened = {
            let (caller, name) = (caller.clone(), name.clone());
            self.chore(move |inner| inner.unwrap_import(&caller, &name, pair, &wrapped)).await?
        };
        self.execute(caller, Import { name, purpose, algorithm, bytes: opened, reencrypt }).await
    }
}

impl Inner {
    fn wrapping_view(&self) -> WrappingView {
        WrappingPair::current(&mut self.wrapping.lock(), Instant::now()).view(Instant::now())
    }

    /// Permission is asked for before anything is opened, so that nobody learns whether something opens who may not import.
    fn unwrap_import(&self, caller: &Caller, name: &Name, id: Id, wrapped: &[u8]) -> Result<SecretBytes, Failure> {
        let action = Action::KeyImport;
        self.permit(caller, action, name.as_str())?;
        let opened = self.unsealed().and_then(|_| {
            let pair = self.wrapping.lock();
            Ok(open(&WrappingPair::named(&pair, id, Instant::now())?.private, wrapped)?)
        });
        if let Err(failure) = &opened {
            self.line(caller, action.word(), name.as_str(), failure_word(failure))?;
        }
        opened
    }
}

/// One refusal for everything that does not open.
fn open(private: &oaep::PrivateKey, wrapped: &[u8]) -> Result<SecretBytes, Refusal> {
    let (first, rest) = wrapped.split_at_checked(RSA_BYTES).ok_or(Refusal::DoesNotOpen)?;
    let opened = private.decrypt(b"", first).map_err(|_| Refusal::DoesNotOpen)?;
    if rest.is_empty() {
        return Ok(opened);
    }
    let kek: &[u8; 32] = opened.expose().try_into().map_err(|_| Refusal::DoesNotOpen)?;
    key_wrap::unwrap(kek, rest).map_err(|_| Refusal::DoesNotOpen)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The moments are handed in: a pair is given out and opens for an hour from when it was made, to the second.
    #[test]
    fn a_pair_is_used_for_an_hour() {
        let (begin, hour) = (Instant::now(), Duration::from_secs(3600));
        let mut slot = None;
        let first = WrappingPair::current(&mut slot, begin).view(begin);
        assert_eq!(first.seconds, 3600);
        let last = begin + hour - SECOND;
        let again = WrappingPair::current(&mut slot, last).view(last);
        assert_eq!((again.id, again.public, again.seconds), (first.id, first.public.clone(), 1));
        let is_there = |slot: &Option<WrappingPair>, id, now| WrappingPair::named(slot, id, now).is_ok();
        assert!(is_there(&slot, first.id, last) && !is_there(&slot, Id::NIL, last));
        let over = begin + hour;
        let refused = WrappingPair::named(&slot, first.id, over).map(drop);
        assert_eq!(refused, Err(Refusal::NotFound { what: "wrapping key", target: first.id.to_string() }));
        let second = WrappingPair::current(&mut slot, over).view(over);
        assert!(second.id != first.id && second.public != first.public && second.seconds == 3600);
        assert!(is_there(&slot, second.id, over) && !is_there(&slot, first.id, over), "the first is gone");
    }
}
