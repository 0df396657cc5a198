//! The server archives by itself: once an hour what has been closed for so long as the configuration says.

use std::sync::Arc;
use std::time::Duration;

use strongroom_engine::policy::Principal;
use strongroom_envelope::Id;
use strongroom_keeper::facade::{Caller, Failure};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::{now, run};
use crate::refused::{Failed, Refused};
use crate::shell::Shell;

const EVERY: Duration = Duration::from_secs(60 * 60);

/// Archives at the start and once an hour, until the server stops.
pub(crate) async fn tend(shell: Arc<Shell>, mut stopped: watch::Receiver<bool>) {
    let Some(after) = shell.archive.after else { return };
    let mut hour = interval(EVERY);
    hour.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let archive = async {
        loop {
            hour.tick().await;
            by_itself(&shell, after).await;
        }
    };
    tokio::select! {
        // The sender is part of the server: when it is gone the server is.
        _ = stopped.wait_for(|stop| *stop) => {}
        () = archive => {}
    }
}

async fn by_itself(shell: &Shell, after: Duration) {
    if shell.keeper.status().locked.is_some() {
        return;
    }
    loop {
        let failed = match run(shell, system(), after.as_secs()).await {
            Ok(reply) if reply.more => continue,
            Ok(_) => return,
            // The server is locked or stops: no fault of the archive's.
            Err(Failed::Keeper(Failure::Locked { .. } | Failure::Stopping)) => return,
            Err(Failed::Keeper(failure)) => failure.to_string(),
            Err(Failed::Request(refusal)) => refusal.to_string(),
            Err(Failed::Shell(Refused { message, .. })) => message.into_owned(),
        };
        return shell.keeper.note_archiving(Some(&failed));
    }
}

fn system() -> Caller {
    let mut random = [0; 10];
    strongroom_crypto::random::fill(&mut random);
    let request_id = Id::v7(now().0, random);
    Caller { principal: Principal::system(), remote: String::new(), request_id, retry: None }
}
