//! The shares protector: a secret that so many of several people bring back together.

use std::sync::{Mutex, PoisonError};

use strongroom_crypto::shamir::{self, CombineError, Point};
use strongroom_envelope::Id;
use strongroom_envelope::protector::{MOST_SHARES, ProtectorKind as Kind, SET_BYTES, Share, ShareError, ShareSet};
use strongroom_secret::{ProtectorSecret, SecretBytes, WrappingKey};
use thiserror::Error;

use crate::binding;
use crate::protector::{Protector, WrappingTerms};
use crate::random_secret::{self, Place};
use crate::secret_file::ForgetError;
use crate::unwrap::UnwrapError;
use crate::wrap::WrapError;

/// Opens when enough of the shares are there.
pub struct Shares {
    store_id: Id,
    held: Held,
}

enum Held {
    /// To be made: so many, of which so many open.
    New { threshold: u8, count: u8, made: Mutex<Vec<Share>> },
    /// What people typed.
    Typed(Vec<Share>),
}

/// Shares that cannot be made, or do not open.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SharesError {
    /// Impossible numbers.
    #[error("{threshold} of {count} shares cannot be: 2 <= threshold <= shares <= {MOST_SHARES}")]
    Numbers {
        /// How many shall open.
        threshold: u8,
        /// How many shall be made.
        count: u8,
    },
    /// Shares that were typed make no new wrap, and a new wrap needs their numbers.
    #[error("new shares need to know how many there shall be and how many of them open")]
    NotNew,
    /// What was typed is no share.
    #[error("share {position}: {source}")]
    Text {
        /// Which of those typed, counted from 1.
        position: usize,
        /// What is wrong with it.
        source: ShareError,
    },
    /// Not all shares are of the set that opens this protector.
    #[error("share number {number} belongs to set {found}; this protector opens with set {expected}")]
    OtherSet {
        /// The share's number.
        number: u8,
        /// The set it belongs to.
        found: String,
        /// The set of the protector.
        expected: String,
    },
    /// There are fewer than it takes.
    #[error("{found} different shares are not enough: it takes {threshold} of set {set}")]
    TooFew {
        /// How many there are.
        found: usize,
        /// How many it takes.
        threshold: usize,
        /// The set of the protector.
        set: String,
    },
    /// Two are given for one number, or one does not fit the others.
    #[error("the shares do not fit each other, although each is written down right: one of them is forged")]
    Inconsistent,
}

impl SharesError {
    /// What the operator can do about it, as one sentence without a final stop.
    #[must_use]
    pub fn how_to_mend(&self) -> String {
        match self {
            Self::Numbers { .. } | Self::NotNew => "say for example --shares 5 --threshold 3".to_owned(),
            Self::Text { .. } => "type it again, one share in each line".to_owned(),
            Self::OtherSet { expected, .. } => {
                format!("bring shares of set {expected}; `strongroom protector list` shows the set of each protector")
            }
            Self::TooFew { threshold, .. } => format!("bring {threshold} shares, one in each line"),
            Self::Inconsistent => "try each choice of as many shares as it takes, to find the forged one".to_owned(),
        }
    }
}

impl Shares {
    /// Makes `count` new shares, of which `threshold` open.
    ///
    /// # Errors
    /// [`SharesError::Numbers`].
    pub fn to_be_made(store_id: Id, threshold: u8, count: u8) -> Result<Self, SharesError> {
        if !(ShareSet { threshold, count, id: [0; SET_BYTES] }).is_possible() {
            return Err(SharesError::Numbers { threshold, count });
        }
        Ok(Self { store_id, held: Held::New { threshold, count, made: Mutex::default() } })
    }

    /// Opens with what people typed: one share in each line, or with commas between them; empty lines do not count.
    ///
    /// # Errors
    /// [`SharesError::Text`] for the first line that is no share.
    pub fn typed(store_id: Id, text: &[u8]) -> Result<Self, SharesError> {
        let lines = text.split(|byte| matches!(byte, b'\n' | b',')).filter(|line| !line.trim_ascii().is_empty());
        let shares = lines
            .enumerate()
            .map(|(index, line)| {
                Share::from_text(line).map_err(|source| SharesError::Text { position: index + 1, source })
            })
            .collect::<Result<Vec<Share>, SharesError>>()?;
        Ok(Self { store_id, held: Held::Typed(shares) })
    }

    /// The set that a blob names.
    pub(crate) fn set_of_blob(bytes: &[u8]) -> Result<ShareSet, UnwrapError> {
        Blob::read(bytes)
    }

    fn place(&self, protector_id: Id) -> Place {
        Place { store_id: self.store_id, protector_id, kind: Kind::Shares }
    }

    fn with_shares<T>(&self, use_shares: impl FnOnce(&[Share]) -> T) -> T {
        match &self.held {
            Held::New { made, .. } => use_shares(&made.lock().unwrap_or_else(PoisonError::into_inner)),
            Held::Typed(shares) => use_shares(shares),
        }
    }
}

impl Protector for Shares {
    fn kind(&self) -> Kind {
        Kind::Shares
    }

    fn attended(&self) -> bool {
        true
    }

    fn store_id(&self) -> Id {
        self.store_id
    }

    fn bound_to(&self) -> Vec<(String, String)> {
        self.with_shares(|shares| {
            shares.first().map_or_else(Vec::new, |Share { set, .. }| {
                let of = format!("{} of {}", set.threshold, set.count);
                vec![binding::pair("shares", &of), binding::pair("set", &set.name())]
            })
        })
    }

    fn new_wrapping_key(
        &self,
        protector_id: Id,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(WrappingKey, WrappingTerms), WrapError> {
        let Held::New { threshold, count, made } = &self.held else {
            return Err(SharesError::NotNew.into());
        };
        let mut set = ShareSet { threshold: *threshold, count: *count, id: [0; SET_BYTES] };
        fill(&mut set.id);
        let secret = random_secret::draw(fill);
        let points = shamir::split(&secret, *threshold, *count, fill);
        let shares = points.into_iter().map(|point| Share { set, number: point.at, values: point.values }).collect();
        *made.lock().unwrap_or_else(PoisonError::into_inner) = shares;
        let terms = random_secret::new_terms("", random_secret::encode_blob(&Blob::of(set)), fill);
        Ok((self.place(protector_id).wrapping_key(&secret, &terms.salt), terms))
    }

    fn wrapping_key(&self, protector_id: Id, terms: &WrappingTerms) -> Result<WrappingKey, UnwrapError> {
        let set = Blob::read(random_secret::blob_of(terms, Kind::Shares, "")?)?;
        let secret = self.with_shares(|shares| combine(shares, set))?;
        Ok(self.place(protector_id).wrapping_key(&secret, &terms.salt))
    }

    fn discard(&self, _protector_id: Id) -> Result<(), ForgetError> {
        Ok(())
    }

    fn hint(&self) -> &'static str {
        "a share may be forged although it is written down right, or the record was changed"
    }

    fn hand_out(&self) -> Vec<SecretBytes> {
        match &self.held {
            Held::New { .. } => self.with_shares(|shares| shares.iter().map(Share::to_text).collect()),
            Held::Typed(_) => Vec::new(),
        }
    }
}

/// The secret, when all shares are of this set and there are enough; a share that is given twice counts once.
fn combine(shares: &[Share], set: ShareSet) -> Result<ProtectorSecret, SharesError> {
    if let Some(other) = shares.iter().find(|share| share.set != set) {
        let (found, expected) = (other.set.name(), set.name());
        return Err(SharesError::OtherSet { number: other.number, found, expected });
    }
    let is_repeated =
        |share: &Share, before: &Share| share.number == before.number && share.values.same_as(&before.values);
    let points: Vec<Point> = shares
        .iter()
        .enumerate()
        .filter(|(index, share)| !shares[..*index].iter().any(|before| is_repeated(share, before)))
        .map(|(_, share)| {
            let values = ProtectorSecret::fill_with(|values| values.copy_from_slice(share.values.expose()));
            Point { at: share.number, values }
        })
        .collect();
    shamir::combine(&points, set.threshold.into()).map_err(|error| match error {
        CombineError::TooFew { found, threshold } => SharesError::TooFew { found, threshold, set: set.name() },
        CombineError::Numbers | CombineError::Inconsistent => SharesError::Inconsistent,
    })
}

/// See `docs/spec/protector.md`, "Blobs".
#[derive(minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
struct Blob {
    #[n(0)]
    threshold: u8,
    #[n(1)]
    count: u8,
    #[cbor(n(2), with = "minicbor::bytes")]
    id: [u8; SET_BYTES],
}

impl Blob {
    const fn of(set: ShareSet) -> Self {
        Self { threshold: set.threshold, count: set.count, id: set.id }
    }

    /// Reads hostile bytes.
    fn read(bytes: &[u8]) -> Result<ShareSet, UnwrapError> {
        let Self { threshold, count, id } = random_secret::decode_blob(bytes, Kind::Shares)?;
        let set = ShareSet { threshold, count, id };
        if set.is_possible() { Ok(set) } else { Err(UnwrapError::Blob { kind: Kind::Shares }) }
    }
}
