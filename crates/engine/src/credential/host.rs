//! The accounts of a host, as whoever runs a rule has looked them up, and what has changed since a credential was bound.

use std::fmt;

use strongroom_envelope::credential::{Binding, HOST_ID};

use super::body::CredentialBody;
use crate::rule::Refusal;

/// The most bytes of an account's name.
pub const ACCOUNT_BYTES: usize = 256;

/// A host, without the id that it keeps to itself.
pub type HostId = [u8; HOST_ID];

/// An account that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
}

impl Account {
    /// What binds a value to it.
    pub(super) fn binding<'a>(&'a self, host: &'a HostId) -> Binding<'a> {
        Binding { account: &self.name, uid: self.uid, host }
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        if (1..=ACCOUNT_BYTES).contains(&self.name.len()) && !self.name.contains(char::is_control) {
            return Ok(());
        }
        let reason = format!("its name has 1 to {ACCOUNT_BYTES} bytes and no control characters");
        Err(Refusal::Invalid { field: "account", reason })
    }
}

/// What was seen of the account that asks, and of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The name that the caller's uid stands for now, and that stands for this uid; none when there is no such name.
    pub account: Option<String>,
    /// This host.
    pub host: HostId,
}

/// What is not as it was when a credential was bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The uid stands for no account.
    AccountGone,
    /// The uid stands for another account.
    AccountChanged,
    /// The name stands for another uid.
    UidChanged,
    /// Another account was named than the one it is bound to.
    OtherAccount,
    /// It is another host.
    OtherHost,
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::AccountGone => "the account it is bound to is gone",
            Self::AccountChanged => "the uid it is bound to belongs to another account now",
            Self::UidChanged => "the account it is bound to has another uid now",
            Self::OtherAccount => "it is bound to another account",
            Self::OtherHost => "it is bound to another host",
        })
    }
}

impl CredentialBody {
    /// What binds its value.
    pub(super) fn binding(&self) -> Binding<'_> {
        Binding { account: &self.account, uid: self.uid, host: &self.host }
    }

    /// Refuses when the account or the host is another one than when it was bound.
    pub(super) fn refuse_changed(&self, seen: &Seen) -> Result<(), Refusal> {
        let change = match &seen.account {
            _ if seen.host != self.host => Change::OtherHost,
            None => Change::AccountGone,
            Some(account) if *account != self.account => Change::AccountChanged,
            Some(_) => return Ok(()),
        };
        Err(self.changed(change))
    }

    pub(super) fn changed(&self, change: Change) -> Refusal {
        Refusal::AccountChanged { name: self.name.to_string(), change }
    }
}
