//! Keys of 32 bytes, one type per role, each in its own slot of the arena.

use core::fmt;

use thiserror::Error;

use crate::arena::Slot;
use crate::compare::constant_time_eq;

/// Bytes of every key.
pub const KEY_BYTES: usize = 32;

/// A key was made from bytes that are not 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a key has {KEY_BYTES} bytes, not {found}")]
pub struct WrongLength {
    /// How many bytes were given.
    pub found: usize,
}

macro_rules! key_role {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 32 bytes in locked memory, wiped on drop; neither cloned, printed nor serialised.
        pub struct $name(Slot);

        impl $name {
            /// Makes a key by filling its slot in place; the slot holds zeros before.
            #[must_use]
            pub fn fill_with(fill: impl FnOnce(&mut [u8; KEY_BYTES])) -> Self {
                let mut slot = Slot::zeroed();
                fill(slot.expose_mut());
                Self(slot)
            }

            /// Makes a key by filling its slot in place; on an error the slot is wiped.
            ///
            /// # Errors
            /// Whatever `fill` answers.
            pub fn try_fill_with<E>(
                fill: impl FnOnce(&mut [u8; KEY_BYTES]) -> Result<(), E>,
            ) -> Result<Self, E> {
                let mut slot = Slot::zeroed();
                fill(slot.expose_mut())?;
                Ok(Self(slot))
            }

            /// Copies a key in; wiping the source is up to the caller.
            ///
            /// # Errors
            /// [`WrongLength`] unless there are exactly 32 bytes.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, WrongLength> {
                Self::try_fill_with(|slot| {
                    if bytes.len() != KEY_BYTES {
                        return Err(WrongLength { found: bytes.len() });
                    }
                    slot.copy_from_slice(bytes);
                    Ok(())
                })
            }

            /// The key itself.
            #[must_use]
            pub fn expose(&self) -> &[u8; KEY_BYTES] {
                self.0.expose()
            }

            /// Whether both hold the same key, in constant time.
            #[must_use]
            pub fn same_as(&self, other: &Self) -> bool {
                constant_time_eq(self.0.expose(), other.0.expose())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

key_role! {
    /// The key at the top of the hierarchy; it opens the keyring and nothing else.
    RootKey
}
key_role! {
    /// Seals the keyring; derived from the root key.
    KeyringKey
}
key_role! {
    /// Seals every record of the store.
    StoreKey
}
key_role! {
    /// Wraps application keys whose protector is the root.
    WrapKey
}
key_role! {
    /// Wraps a root key for one protector.
    WrappingKey
}
key_role! {
    /// One version of a named key under which values are sealed.
    ApplicationKey
}
key_role! {
    /// The key of one payload, itself sealed under an application key.
    DataKey
}
key_role! {
    /// Authenticates the anchor.
    AnchorKey
}
key_role! {
    /// A key for message authentication codes.
    MacKey
}
key_role! {
    /// What a protector's own file holds.
    ProtectorSecret
}
key_role! {
    /// What a client proves it has when it logs in at a database (SCRAM's ClientKey).
    LoginKey
}
key_role! {
    /// A column encryption key: cells of a database are sealed under keys derived from it.
    ColumnKey
}
key_role! {
    /// The seed of an Ed25519 signing key.
    SigningSeed
}
key_role! {
    /// An X25519 private key, with which a key is agreed on.
    AgreementKey
}
key_role! {
    /// What two sides of a key agreement have in common; keys are derived from it.
    SharedSecret
}
