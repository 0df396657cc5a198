//! `tx.archive`: closed transactions are moved to an encrypted file: written, read back from the disk, and only then removed.

mod file;
mod folder;
mod schedule;
mod stream;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use strongroom_api::transaction as wire;
use strongroom_api::{Code, json};
use strongroom_engine::key::{Create, DataKey as MakeDataKey, Decrypt, DecryptItem};
use strongroom_engine::name::{Name, Selector};
use strongroom_engine::policy::Action;
use strongroom_engine::rule::{Operation, Refusal};
use strongroom_engine::transaction::{Archived, Cursor, EXPORTED, Export, ExportReply, GetReply};
use strongroom_envelope::value::{Context, Purpose};
use strongroom_envelope::{Id, SealedDataKey, Timestamp};
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::{Caller, Failure};
use strongroom_secret::{DataKey, SecretBytes};
use tokio::sync::Semaphore;
use tokio::task::{self, JoinSet};

use crate::refused::{Failed, Refused};
use crate::routes::transaction::got;
use crate::shell::Shell;
use file::{ArchiveError, NewFile, Written};
use stream::Sealing;

pub(crate) use schedule::tend;

/// The application key that archives are sealed under: like any other of purpose `values`, and made when it is missing.
const KEY_NAME: &str = "transactions-archive";
/// So many transactions are removed at once.
const REMOVED_AT_ONCE: usize = 32;

/// Where archives are written, and when the server does it by itself.
pub(crate) struct Archive {
    /// The folder; made when it is missing.
    pub folder: PathBuf,
    /// How long a transaction is closed before the server archives it; none when it does not.
    pub after: Option<Duration>,
    /// Its one permit is taken while one is written.
    running: Semaphore,
}

impl Archive {
    /// To a folder.
    pub fn new(folder: PathBuf, after: Option<Duration>) -> Self {
        Self { folder, after, running: Semaphore::new(1) }
    }
}

/// Moves transactions that have been closed for so long to a file. When it is not awaited to its end nothing is lost: no file
/// appears, or one whose transactions are still in the store, too.
pub(crate) async fn run(shell: &Shell, caller: Caller, seconds: u64) -> Result<wire::ArchiveReply, Failed> {
    let busy = || Refused::new(Code::Contention, "another archive is being written");
    let _alone = shell.archive.running.try_acquire().map_err(|_| Failed::Shell(busy()))?;
    let now = now();
    let age = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    let until = Timestamp(now.0.saturating_sub(age));
    let run = Run { shell, caller: Caller { retry: None, ..caller }, until };
    let mut found = Taken::default();
    let mut page = run.page(Cursor::default(), &mut found).await?;
    while page.transactions.is_empty()
        && let Some(next) = page.next
    {
        page = run.page(next, &mut found).await?;
    }
    let mut reply = wire::ArchiveReply { transactions: 0, file: None, more: false, unreadable: 0 };
    if !page.transactions.is_empty() {
        let name = file_name(now);
        reply.more = run.write(&name, page, &mut found).await?;
        reply.transactions = found.written.len() as u64;
        reply.file = Some(name);
    }
    reply.unreadable = found.unreadable;
    run.remove(found).await?;
    shell.keeper.note_archiving(None);
    Ok(reply)
}

/// What was met on the way.
#[derive(Default)]
struct Taken {
    written: Vec<Id>,
    /// Of an earlier archive, not wholly removed yet.
    removing: Vec<Id>,
    unreadable: u64,
}

struct Run<'a> {
    shell: &'a Shell,
    caller: Caller,
    until: Timestamp,
}

impl Run<'_> {
    fn keeper(&self) -> &Keeper {
        &self.shell.keeper
    }

    async fn ask<O: Operation>(&self, operation: O) -> Result<O::Reply, Failure> {
        self.keeper().execute(self.caller.clone(), operation).await
    }

    async fn page(&self, from: Cursor, found: &mut Taken) -> Result<ExportReply, Failure> {
        let page = self.ask(Export { until: self.until, from }).await?;
        found.unreadable += u64::from(page.unreadable);
        found.removing.extend(&page.removing);
        Ok(page)
    }

    /// Writes this page and those that follow, and reads the file back. Answers whether more may follow.
    async fn write(&self, name: &str, first: ExportReply, found: &mut Taken) -> Result<bool, Failed> {
        let (data_key, sealed) = self.data_key().await?;
        self.keeper().begin_effect(self.caller.clone(), Action::TxArchive, name.to_owned()).await?;
        let (folder, name) = (self.shell.archive.folder.clone(), name.to_owned());
        let mut file = blocking(move || NewFile::create(&folder, name, Sealing::new(&data_key, &sealed))).await?;
        let mut page = first;
        let more = loop {
            let next = page.next;
            file = append(file, page.transactions, &mut found.written).await?;
            match next {
                None => break false,
                Some(cursor) if cursor.step.is_none() && self.is_full(found, &file) => break true,
                Some(cursor) => page = self.page(cursor, found).await?,
            }
        };
        let written = blocking(move || file.finish()).await?;
        self.compare(written).await?;
        Ok(more)
    }

    /// Whether another page might be too much for this file.
    fn is_full(&self, found: &Taken, file: &NewFile) -> bool {
        let limits = &self.shell.limits;
        found.written.len() + EXPORTED > limits.archive_transactions || file.length() >= limits.archive_bytes
    }

    /// A new data key, for this file only.
    async fn data_key(&self) -> Result<(DataKey, SealedDataKey), Failed> {
        let make = || MakeDataKey { selector: Selector::Name(key_name()), context: Context::empty(), plaintext: true };
        let made = match self.ask(make()).await {
            Err(Failure::Refused(Refusal::NotFound { what: "key", .. })) => {
                self.make_key().await?;
                self.ask(make()).await?
            }
            other => other?,
        };
        let plaintext = made.plaintext.and_then(|bytes| DataKey::from_slice(bytes.expose()).ok());
        let sealed = SealedDataKey::from_bytes(Purpose::Values, &made.sealed).ok();
        plaintext.zip(sealed).ok_or_else(|| Refusal::DoesNotOpen.into())
    }

    async fn make_key(&self) -> Result<(), Failure> {
        let (purpose, algorithm, rotation_period, usage_limit) = (Purpose::Values, None, None, None);
        let create = Create { name: key_name(), purpose, algorithm, rotation_period, usage_limit };
        match self.ask(create).await {
            // Somebody was faster.
            Ok(_) | Err(Failure::Refused(Refusal::NameTaken { .. })) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Reads a file back as anybody would read it, with a data key that the application key opens. One that is not what was
    /// written does not stay.
    async fn compare(&self, written: Written) -> Result<(), Failed> {
        let (written, header) = blocking(move || written.header()).await?;
        let sealed = header.data_key().as_bytes().to_vec();
        let items = vec![DecryptItem { sealed, context: Ok(Context::empty()) }];
        let decrypt = Decrypt { selector: Selector::Name(key_name()), items, many: false, compromised: false };
        let opened = self.ask(decrypt).await?.items.pop().and_then(Result::ok);
        let data_key = opened.and_then(|(_, bytes)| DataKey::from_slice(bytes.expose()).ok());
        let data_key = data_key.ok_or(Refusal::DoesNotOpen)?;
        blocking(move || written.compare(&header, &data_key)).await
    }

    /// Removes what is in an archive. What cannot be removed does not keep the rest; the first such failure is answered.
    async fn remove(&self, found: Taken) -> Result<(), Failed> {
        let mut failed = None;
        let mut waiting = found.removing.into_iter().chain(found.written);
        let mut under_way = JoinSet::new();
        loop {
            while under_way.len() < REMOVED_AT_ONCE
                && let Some(id) = waiting.next()
            {
                under_way.spawn(remove(self.keeper().clone(), self.caller.clone(), id));
            }
            match under_way.join_next().await {
                None => return failed.map_or(Ok(()), |failure: Failure| Err(failure.into())),
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(failure))) => failed = failed.or(Some(failure)),
                Some(Err(_)) => failed = failed.or(Some(Failure::Stopping)),
            }
        }
    }
}

async fn remove(keeper: Keeper, caller: Caller, id: Id) -> Result<(), Failure> {
    while !keeper.execute(caller.clone(), Archived { id }).await?.removed {}
    Ok(())
}

/// Writes transactions, each on a line or several: exactly what `tx.get` answers.
async fn append(file: NewFile, transactions: Vec<GetReply>, written: &mut Vec<Id>) -> Result<NewFile, Failed> {
    for transaction in &transactions {
        let id = transaction.transaction.id;
        // One of many steps goes on in the next page.
        if written.last() != Some(&id) {
            written.push(id);
        }
    }
    blocking(move || {
        let mut file = file;
        for transaction in transactions {
            let mut line = line(transaction)?;
            line.push(b'\n');
            file.append(&line)?;
        }
        Ok(file)
    })
    .await
}

fn line(transaction: GetReply) -> Result<SecretBytes, ArchiveError> {
    json::write(&got(transaction)).map_err(|_| ArchiveError::NotJson)
}

fn key_name() -> Name {
    Name::parse(KEY_NAME).expect("the name of the key is one")
}

/// `transactions-20260715T083000Z-1c2b4e6f.srs`
fn file_name(now: Timestamp) -> String {
    let mut random = [0; 4];
    strongroom_crypto::random::fill(&mut random);
    // Whole seconds, without what not every file system takes.
    let time: String = now.rfc3339().chars().take(19).filter(|char| !matches!(char, '-' | ':')).collect();
    format!("transactions-{time}Z-{}.srs", crate::routes::hex(&random))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Work with files, away from the tasks of the runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, Failed> {
    let failed = |message: String| Failed::Shell(Refused::new(Code::ArchiveFailed, message));
    match task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| failed(error.to_string())),
        Err(_) => Err(failed("the archive was not written: the server is stopping".to_owned())),
    }
}
