//! The states of a key version and the ways between them (NIST SP 800-57 part 1, section 7).

use minicbor::{Decode, Encode};

/// The life of a key version (NIST SP 800-57 part 1, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// Made, and not used yet.
    PreActive = 1,
    /// Seals and opens.
    Active = 2,
    /// Opens what it sealed.
    Deactivated = 3,
    /// Not used for now.
    Suspended = 4,
    /// Not trusted any more.
    Compromised = 5,
    /// Gone.
    Destroyed = 6,
}

/// What an administrator does to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Begin to use a version that was made beforehand; the active one is deactivated.
    Activate,
    /// Seal nothing more with it.
    Deactivate,
    /// Use it for nothing for now.
    Suspend,
    /// Use it again: as the active version when there is none, else to open what it sealed.
    Resume,
    /// It is not trusted any more: it seals nothing, and opens only for those who may open what is compromised.
    Compromise,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::PreActive, Self::Active, Self::Deactivated, Self::Suspended, Self::Compromised, Self::Destroyed];

    /// Whether a version in this state seals new values.
    #[must_use]
    pub const fn seals(self) -> bool {
        matches!(self, Self::Active)
    }

    /// Whether a version in this state opens values.
    #[must_use]
    pub const fn opens(self) -> bool {
        matches!(self, Self::Active | Self::Deactivated)
    }

    /// Whether a version in this state can be destroyed.
    #[must_use]
    pub const fn can_be_destroyed(self) -> bool {
        !matches!(self, Self::Active | Self::Destroyed)
    }

    /// Where a step leads from here, or `None` when there is no such way. `another_active` tells whether another version is the
    /// active one.
    #[must_use]
    pub const fn after(self, step: Step, another_active: bool) -> Option<Self> {
        match (step, self) {
            (Step::Activate, Self::PreActive) => Some(Self::Active),
            (Step::Deactivate, Self::Active | Self::Suspended) => Some(Self::Deactivated),
            (Step::Suspend, Self::Active | Self::Deactivated) => Some(Self::Suspended),
            (Step::Resume, Self::Suspended) if another_active => Some(Self::Deactivated),
            (Step::Resume, Self::Suspended) => Some(Self::Active),
            (Step::Compromise, Self::PreActive | Self::Active | Self::Deactivated | Self::Suspended) => {
                Some(Self::Compromised)
            }
            _ => None,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PreActive => "pre-active",
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Suspended => "suspended",
            Self::Compromised => "compromised",
            Self::Destroyed => "destroyed",
        }
    }
}

impl<C> Encode<C> for State {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.u8(*self as u8)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for State {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let byte = decoder.u8()?;
        let state = Self::ALL.into_iter().find(|state| *state as u8 == byte);
        state.ok_or_else(|| minicbor::decode::Error::message("a state that is not known"))
    }
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 5] = [Self::Activate, Self::Deactivate, Self::Suspend, Self::Resume, Self::Compromise];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Compromise => "compromise",
        }
    }

    /// What has been done to a version then.
    #[must_use]
    pub const fn done(self) -> &'static str {
        match self {
            Self::Activate => "activated",
            Self::Deactivate => "deactivated",
            Self::Suspend => "suspended",
            Self::Resume => "resumed",
            Self::Compromise => "declared compromised",
        }
    }
}
