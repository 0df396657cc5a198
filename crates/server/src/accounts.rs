//! The accounts of this host, as its user database tells them now, and which host it is.

use std::sync::Arc;

use nix::errno::Errno;
use nix::unistd::{Uid, User};
use strongroom_api::Code;
use strongroom_engine::credential::{ACCOUNT_BYTES, Account, HostId, Local, Seen};
use strongroom_engine::policy::{Identity, Principal};
use strongroom_engine::rule::Refusal;
use strongroom_keeper::{HostError, Keeper};
use tokio::sync::Semaphore;
use tokio::task;

use crate::refused::Refused;

/// Looks accounts up. A directory service may take its time, so no more than a few are looked up at once.
pub(crate) struct Accounts {
    turns: Arc<Semaphore>,
}

const TURNS: usize = 32;

impl Accounts {
    pub fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(TURNS)) }
    }

    /// The caller's account and this host; none of a caller whom the kernel did not name.
    pub async fn seen(&self, keeper: &Keeper, principal: &Principal) -> Result<Option<Seen>, Refused> {
        let uid = match principal.identity {
            Identity::Peer { uid } => uid,
            Identity::Token { .. } | Identity::Certificate(_) | Identity::Anonymous | Identity::System => {
                return Ok(None);
            }
        };
        let keeper = keeper.clone();
        self.look(move || {
            let account = name_of(uid)?;
            Ok(Some(Seen { account, host: host(&keeper)? }))
        })
        .await
    }

    /// The account of this name on this host.
    pub async fn named(&self, keeper: &Keeper, name: String) -> Result<Result<Local, Refusal>, Refused> {
        let keeper = keeper.clone();
        self.look(move || {
            let host = host(&keeper)?;
            Ok(account(&name)?.map(|account| Local { account, host }))
        })
        .await
    }

    /// What this uid and this name stand for now, and this host.
    pub async fn now(&self, keeper: &Keeper, account: Account) -> Result<(Seen, Option<u32>), Refused> {
        let keeper = keeper.clone();
        self.look(move || {
            let uid = user(&account.name)?.map(|user| user.uid.as_raw());
            Ok((Seen { account: name_of(account.uid)?, host: host(&keeper)? }, uid))
        })
        .await
    }

    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let busy = |_| Refused::new(Code::Busy, "too many accounts are being looked up");
        let turn = Arc::clone(&self.turns).try_acquire_owned().map_err(busy)?;
        let looking = task::spawn_blocking(move || {
            let _turn = turn;
            look()
        });
        looking.await.unwrap_or_else(|_| Err(Refused::new(Code::Internal, "looking an account up ended")))
    }
}

/// The name of a uid, if that name stands for this uid in turn.
fn name_of(uid: u32) -> Result<Option<String>, Refused> {
    let Some(found) = User::from_uid(Uid::from_raw(uid)).map_err(|error| unknown(&error))? else { return Ok(None) };
    let back = user(&found.name)?;
    Ok(back.filter(|back| back.uid.as_raw() == uid).map(|_| found.name))
}

fn account(name: &str) -> Result<Result<Account, Refusal>, Refused> {
    let invalid = |reason: String| Ok(Err(Refusal::Invalid { field: "account", reason }));
    if name.is_empty() || name.len() > ACCOUNT_BYTES || name.contains(char::is_control) {
        return invalid(format!("a name of an account has 1 to {ACCOUNT_BYTES} bytes and no control characters"));
    }
    let Some(found) = user(name)? else {
        return invalid("there is no account of this name on the server's host".to_owned());
    };
    let uid = found.uid.as_raw();
    match name_of(uid)? {
        Some(name) if name == found.name => Ok(Ok(Account { name, uid })),
        _ => invalid(format!("its uid {uid} stands for another name: give an account that has a uid of its own")),
    }
}

fn user(name: &str) -> Result<Option<User>, Refused> {
    User::from_name(name).map_err(|error| unknown(&error))
}

fn host(keeper: &Keeper) -> Result<HostId, Refused> {
    keeper.host_id().map_err(|error| match error {
        HostError::Locked(failure) => Refused::from(&failure),
        HostError::Unknown(unreadable) => Refused::new(Code::AccountsUnknown, unreadable.to_string()),
    })
}

fn unknown(error: &Errno) -> Refused {
    Refused::new(
        Code::AccountsUnknown,
        format!("the user database of the server's host did not answer: {}", error.desc()),
    )
}
