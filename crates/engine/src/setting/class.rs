//! The classes of settings: whether they are encrypted, and where not, why.

use minicbor::{Decode, Encode};

/// What a setting belongs to. All but one are deliberately not encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Class {
    /// Sealed under a key of its own, which is sealed under the key for settings.
    #[default]
    Encrypted,
    /// How queues are worked off.
    Queue,
    /// How clients look and behave.
    Client,
    /// How the audit-and-recovery service writes its log.
    Audit,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Encrypted, Self::Queue, Self::Client, Self::Audit];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::Queue => "queue",
            Self::Client => "client",
            Self::Audit => "audit",
        }
    }

    /// The class with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }

    /// Why its values have no layer of an application key; none for the class whose values have one. This is the whole table of
    /// what is in clear, and whoever adds a class has to write the reason here.
    #[must_use]
    pub const fn in_clear_because(self) -> Option<&'static str> {
        match self {
            Self::Encrypted => None,
            Self::Queue => Some(
                "names and limits of queues: a queue is drained after a crash, also while the key for settings is locked",
            ),
            Self::Client => Some("what clients show and how they behave: every user of a client sees it there"),
            Self::Audit => Some("where and how the audit log is written: it is written also while every key is locked"),
        }
    }

    /// Whether its values are encrypted.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        self.in_clear_because().is_none()
    }
}

impl<C> Encode<C> for Class {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.str(self.word())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Class {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::from_word(decoder.str()?).ok_or_else(|| minicbor::decode::Error::message("a class that is not known"))
    }
}
