//! The accounts of a host, as whoever runs a rule has looked them up, and what has changed since a credential was bound.

use std::fmt;

use strongroom_envelope::credential::{HOST_ID, Local as LocalBinding, NO_UID};

use super::body::CredentialBody;
use super::owner::refuse_outside_its_time;
use crate::policy::Identity;
use crate::rule::{Facts, Refusal};

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
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let reason = if self.uid == NO_UID {
            format!("the uid {NO_UID} is no account's")
        } else if (1..=ACCOUNT_BYTES).contains(&self.name.len()) && !self.name.contains(char::is_control) {
            return Ok(());
        } else {
            format!("its name has 1 to {ACCOUNT_BYTES} bytes and no control characters")
        };
        Err(Refusal::Invalid { field: "account", reason })
    }
}

/// An account, and the host it is one of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// The account.
    pub account: Account,
    /// Its host.
    pub host: HostId,
}

impl Local {
    /// What binds a value to it.
    pub(super) fn binding(&self) -> LocalBinding<'_> {
        LocalBinding { account: &self.account.name, uid: self.account.uid, host: &self.host }
    }
}

/// What was seen of the local account that asks, and of this host.
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
    /// Other certificates were named than those it is bound to.
    OtherCertificates,
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
            Self::OtherCertificates => "it is bound to other client certificates",
            Self::OtherHost => "it is bound to another host",
        })
    }
}

impl CredentialBody {
    /// Refuses an owner who is not today what the credential was bound to: a local account when it or the host is another one, a
    /// client certificate outside its time.
    pub(super) fn refuse_changed(&self, facts: &Facts<'_>, seen: Option<&Seen>) -> Result<(), Refusal> {
        if let Identity::Certificate(certificate) = &facts.principal().identity {
            return refuse_outside_its_time(certificate, facts.now());
        }
        let change = match (seen, &self.account) {
            (Some(seen), _) if Some(seen.host) != self.host => Change::OtherHost,
            (Some(Seen { account: Some(account), .. }), Some(bound)) if account == bound => return Ok(()),
            (Some(Seen { account: Some(_), .. }), _) => Change::AccountChanged,
            (Some(Seen { account: None, .. }) | None, _) => Change::AccountGone,
        };
        Err(self.changed(change))
    }

    pub(super) fn changed(&self, change: Change) -> Refusal {
        Refusal::AccountChanged { name: self.name.to_string(), change }
    }
}
