//! `tx.archive`: what is in the file is what was in the store, nothing leaves the store before, and what goes wrong says so.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use strongroom_api::key::{DecryptRequest, ProtectRequest, UnlockRequest};
use strongroom_api::status::StatusRequest;
use strongroom_api::token::Role;
use strongroom_api::transaction::{ArchiveReply, ArchiveRequest, GetReply, GetRequest, ListRequest, ShowRequest};
use strongroom_api::{Code, WireSecret, json};
use strongroom_client::{Client, Transaction, stream};
use strongroom_engine::policy::Principal;
use strongroom_engine::transaction::Archived;
use strongroom_envelope::Id;
use strongroom_keeper::facade::Caller;
use strongroom_secret::{DataKey, SecretBytes};
use strongroom_server::{Encrypt, Limits, Server, Settings};

use crate::site::{Folders, Site};

const CANARY: &str = "CanaryRequest0815";
const KEY: &str = "transactions-archive";

fn document(marked: bool) -> SecretBytes {
    let mark = if marked { " sensitive=\"yes\"" } else { "" };
    let text = format!("<request><data{mark}>{CANARY}</data><procedure name=\"Create\"/></request>");
    SecretBytes::from_slice(text.as_bytes())
}

fn bytes(length: usize) -> Option<SecretBytes> {
    Some(SecretBytes::from_slice(CANARY.repeat(length / CANARY.len() + 1).as_bytes()))
}

async fn start(folders: Folders, change: impl FnOnce(&mut Settings)) -> Site {
    let keeper = folders.keeper();
    let mut settings = Settings::new(folders.data());
    change(&mut settings);
    let server = Server::start(keeper.clone(), settings).await.unwrap();
    Site { folders, keeper, server }
}

async fn begin(client: &Arc<Client>) -> Transaction {
    Transaction::begin(client, document(true)).await.unwrap().0
}

/// A transaction of some steps, committed.
async fn committed(client: &Arc<Client>, steps: usize, length: usize) -> String {
    let transaction = begin(client).await;
    for number in 0..steps {
        transaction.step(&format!("Create{number}"), bytes(length), bytes(length)).await.unwrap();
    }
    let id = transaction.id().to_owned();
    transaction.commit().await.unwrap();
    id
}

async fn rolled_back(client: &Arc<Client>) -> String {
    let transaction = begin(client).await;
    transaction.step("Create", bytes(1), bytes(1)).await.unwrap();
    for undo in transaction.rollback().await.unwrap() {
        transaction.undone(undo.step).await.unwrap();
    }
    transaction.id().to_owned()
}

async fn archive(client: &Client) -> ArchiveReply {
    client.call(&ArchiveRequest { older_than_seconds: 0 }).await.unwrap()
}

/// The code and the text that archiving is refused with.
async fn refused(client: &Client) -> (Code, String) {
    let error = client.call(&ArchiveRequest { older_than_seconds: 0 }).await.unwrap_err();
    let refused = error.refused().unwrap_or_else(|| panic!("{error}"));
    (Code::from_word(&refused.word).unwrap(), error.to_string())
}

/// What `tx get --json` prints: a line for each page.
async fn printed(client: &Client, id: &str) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut after = 0;
    loop {
        let page: GetReply = client.call(&GetRequest { id: id.to_owned(), after }).await.unwrap();
        lines.extend_from_slice(json::write(&page).unwrap().expose());
        lines.push(b'\n');
        match page.steps.last().filter(|_| page.left > 0) {
            Some(last) => after = last.step,
            None => return lines,
        }
    }
}

/// Opens an archive as anybody may who may use the key.
async fn opened(client: &Client, file: &Path) -> Vec<u8> {
    let mut from = fs::File::open(file).unwrap();
    let header = stream::read_header(&mut from).unwrap();
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header.data_key().as_bytes());
    let decrypt = DecryptRequest {
        name: KEY.to_owned(),
        ciphertext: Some(format!("sr1.{text}")),
        context: BTreeMap::new(),
        items: None,
        compromised: false,
    };
    let data_key = client.call(&decrypt).await.unwrap().value_base64.unwrap().into_secret();
    let data_key = DataKey::from_slice(data_key.expose()).unwrap();
    let mut plaintext = Vec::new();
    stream::open(&data_key, &header, &mut from, &mut plaintext, |_| {}).unwrap();
    plaintext
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

async fn listed(client: &Client) -> Vec<String> {
    let list = ListRequest { unfinished: false, state: None, after: None, limit: Some(1000) };
    client.call(&list).await.unwrap().transactions.into_iter().map(|found| found.id).collect()
}

async fn records(client: &Client) -> u64 {
    client.call(&StatusRequest {}).await.unwrap().records
}

#[tokio::test]
async fn the_file_holds_what_was_in_the_store() {
    let site = Site::new().await;
    let client = Arc::new(site.local().await);
    let folder = site.folders.data().join("archive");
    assert_eq!(archive(&client).await, ArchiveReply { transactions: 0, file: None, more: false, unreadable: 0 });
    assert!(!folder.exists(), "nothing to archive makes nothing");
    let mut expected = Vec::new();
    for id in [committed(&client, 2, 100).await, rolled_back(&client).await, committed(&client, 1, 200_000).await] {
        expected.extend(printed(&client, &id).await);
    }
    let unfinished = begin(&client).await;
    unfinished.step("Create", None, bytes(10)).await.unwrap();
    // Nothing is as old as a day.
    let young = client.call(&ArchiveRequest { older_than_seconds: 86_400 }).await.unwrap();
    assert_eq!((young.transactions, young.file), (0, None));

    let reply = archive(&client).await;
    assert_eq!((reply.transactions, reply.more, reply.unreadable), (3, false, 0));
    let name = reply.file.unwrap();
    let shape = name.strip_prefix("transactions-").and_then(|name| name.strip_suffix(".srs")).unwrap();
    let (time, random) = shape.split_once('-').unwrap();
    assert!(time.len() == 16 && time.ends_with('Z') && time.as_bytes()[8] == b'T', "{name}");
    assert!(random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    assert_eq!(files(&folder), [folder.join(&name)]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&folder), mode(&folder.join(&name))), (0o700, 0o600));
    assert_eq!(opened(&client, &folder.join(&name)).await, expected);
    assert_eq!(listed(&client).await, [unfinished.id()]);
    assert_eq!(archive(&client).await.file, None);
    let search = strongroom_api::audit::SearchRequest { operation: Some("tx.archive".into()), ..Default::default() };
    let lines = client.call(&search).await.unwrap().lines;
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let begun: Vec<&Value> = lines.iter().filter(|line| line["outcome"] == "begun").collect();
    assert_eq!(begun.len(), 1, "{lines:#?}");
    assert_eq!(begun[0]["target"], name.as_str());
    let removed = lines.iter().skip_while(|line| line["outcome"] != "begun").filter(|line| line["epoch"].is_number());
    assert_eq!(removed.count(), 3, "what is removed is a change each, after the intent: {lines:#?}");
    let folders = site.stop().await;
    assert!(absent_below(&folders.data()) > 3);
}

#[tokio::test]
async fn one_of_many_parts_is_removed_wholly() {
    let site = Site::new().await;
    let client = Arc::new(site.local().await);
    // The key and its first use are there before.
    committed(&client, 0, 0).await;
    archive(&client).await;
    let before = records(&client).await;
    // 240 parts, each too large for the transaction's own record, on two pages.
    let id = committed(&client, 120, 5_000).await;
    assert!(records(&client).await >= before + 240, "the parts have records of their own");
    let expected = printed(&client, &id).await;
    assert_eq!(expected.iter().filter(|byte| **byte == b'\n').count(), 2);
    let file = site.folders.data().join("archive").join(archive(&client).await.file.unwrap());
    assert_eq!(opened(&client, &file).await, expected);
    assert_eq!((records(&client).await, listed(&client).await), (before, Vec::new()));
    let error = client.call(&ShowRequest { id }).await.unwrap_err();
    assert_eq!(error.refused().unwrap().word, "not_found");
    let report = site.keeper.status();
    assert_eq!((report.quarantined, report.alarms.iter().any(|alarm| alarm.code == "archive_failed")), (0, false));
}

#[tokio::test]
async fn more_than_a_page_goes_into_one_file() {
    let site = Site::new().await;
    let client = Arc::new(site.local().await);
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(committed(&client, 1, 10).await);
    }
    let reply = archive(&client).await;
    assert_eq!((reply.transactions, reply.more), (40, false));
    let plaintext = opened(&client, &site.folders.data().join("archive").join(reply.file.unwrap())).await;
    let found: Vec<String> = plaintext
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<Value>(line).unwrap()["transaction"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, ids);
}

#[tokio::test]
async fn what_is_too_much_for_one_file_goes_into_the_next() {
    let limits = Limits { archive_transactions: 20, ..Limits::default() };
    let site = start(Folders::new(), |settings| settings.limits = limits).await;
    let client = Arc::new(site.local().await);
    for _ in 0..40 {
        committed(&client, 0, 0).await;
    }
    let mut found = Vec::new();
    loop {
        let reply = archive(&client).await;
        found.push(reply.transactions);
        if !reply.more {
            break;
        }
    }
    assert_eq!((found, files(&site.folders.data().join("archive")).len()), (vec![16, 16, 8], 3));
    let folders = site.stop().await;
    let limits = Limits { archive_bytes: 1, ..Limits::default() };
    let site = start(folders, |settings| settings.limits = limits).await;
    let client = Arc::new(site.local().await);
    // Whole, however large: of the first, many pages.
    let large = committed(&client, 120, 5_000).await;
    let expected = printed(&client, &large).await;
    committed(&client, 0, 0).await;
    let reply = archive(&client).await;
    let file = site.folders.data().join("archive").join(reply.file.unwrap());
    assert_eq!((reply.transactions, reply.more, opened(&client, &file).await), (1, true, expected));
    assert_eq!((archive(&client).await.transactions, listed(&client).await), (1, Vec::new()));
}

#[tokio::test]
async fn a_removal_that_was_interrupted_is_ended() {
    let site = Site::new().await;
    let client = Arc::new(site.local().await);
    let before = records(&client).await;
    let id = committed(&client, 60, 5_000).await;
    let (principal, request_id) = (Principal::system(), Id::NIL);
    let caller = Caller { principal, remote: String::new(), request_id, retry: None };
    let removing = Archived { id: Id::parse(&id).unwrap() };
    assert!(!site.keeper.execute(caller, removing).await.unwrap().removed);
    // What is not whole any more is not shown. It is in an archive, and so in no other.
    assert_eq!(listed(&client).await, Vec::<String>::new());
    assert_eq!(archive(&client).await, ArchiveReply { transactions: 0, file: None, more: false, unreadable: 0 });
    assert_eq!((records(&client).await, listed(&client).await), (before, Vec::new()));
}

#[tokio::test]
async fn in_clear_or_not_the_file_is_sealed() {
    let site = start(Folders::new(), |settings| settings.transactions_encrypt = Encrypt::Marked).await;
    let client = Arc::new(site.local().await);
    let mut expected = Vec::new();
    for marked in [false, true] {
        let (transaction, begun) = Transaction::begin(&client, document(marked)).await.unwrap();
        assert_eq!(begun.encrypted, marked);
        transaction.step("Create", bytes(10), bytes(10_000)).await.unwrap();
        let id = transaction.id().to_owned();
        transaction.commit().await.unwrap();
        expected.extend(printed(&client, &id).await);
    }
    let reply = archive(&client).await;
    let file = site.folders.data().join("archive").join(reply.file.unwrap());
    assert_eq!((reply.transactions, opened(&client, &file).await), (2, expected));
    let folders = site.stop().await;
    assert!(absent_below(&folders.data()) > 3);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_loses_nothing() {
    let folders = Folders::new();
    let outside = folders.path("outside");
    fs::write(folders.path("file"), "").unwrap();
    fs::create_dir(folders.path("elsewhere")).unwrap();
    symlink(folders.path("elsewhere"), folders.path("link")).unwrap();
    fs::DirBuilder::new().mode(0o700).create(&outside).unwrap();
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o770)).unwrap();
    let mut site = start(folders, |_| {}).await;
    let client = Arc::new(site.local().await);
    let id = committed(&client, 1, 10).await;
    let cases = [
        ("file/archive", "Not a directory"),
        ("file", "is a symbolic link, or no folder"),
        ("link", "is a symbolic link, or no folder"),
        ("link/", "is a symbolic link, or no folder"),
        ("missing/archive", "No such file or directory"),
        ("outside", "has mode 0770"),
    ];
    for (place, why) in cases {
        let folders = site.stop().await;
        let folder = folders.path(place);
        site = start(folders, |settings| settings.archive_folder = Some(folder)).await;
        let client = site.local().await;
        let (code, text) = refused(&client).await;
        assert_eq!(code, Code::ArchiveFailed, "{place}: {text}");
        assert!(text.contains(why), "{place}: {text}");
        assert_eq!(listed(&client).await, [id.as_str()], "{place}");
        assert!(files(&outside).is_empty() && files(&site.folders.path("elsewhere")).is_empty(), "{place}");
        // The refusal has its line.
        let search =
            strongroom_api::audit::SearchRequest { operation: Some("tx.archive".into()), ..Default::default() };
        let lines = client.call(&search).await.unwrap().lines;
        assert!(lines.last().unwrap().contains("\"outcome\":\"archive_failed\""), "{lines:?}");
    }
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o700)).unwrap();
    let client = site.local().await;
    let file = outside.join(archive(&client).await.file.unwrap());
    assert_eq!((files(&outside), listed(&client).await), (vec![file], Vec::new()));
}

#[tokio::test]
async fn what_a_killed_server_left_is_removed_and_what_is_not_ours_is_not() {
    let site = Site::new().await;
    let client = Arc::new(site.local().await);
    let folder = site.folders.data().join("archive");
    fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
    let left = ".transactions-20260715T083000Z-1c2b4e6f.srs.new";
    let kept = ["notes.txt", "transactions-20260715T083000Z-1c2b4e6f.srs", ".hidden.srs.new"];
    for name in kept.into_iter().chain([left]) {
        fs::write(folder.join(name), name).unwrap();
    }
    committed(&client, 1, 10).await;
    let name = archive(&client).await.file.unwrap();
    let mut expected: Vec<PathBuf> = kept.into_iter().chain([name.as_str()]).map(|name| folder.join(name)).collect();
    expected.sort();
    assert_eq!(files(&folder), expected);
}

#[tokio::test]
async fn a_locked_master_key_is_said_and_nothing_is_left_out() {
    let site = Site::new().await;
    let client = Arc::new(site.local().await);
    let password = || Some(WireSecret::new(SecretBytes::from_slice(b"correct horse battery staple")));
    let protect = ProtectRequest {
        name: "transactions".to_owned(),
        with: "password".to_owned(),
        token: None,
        label: None,
        password_base64: password(),
        password_only: true,
        shares: None,
        threshold: None,
    };
    client.call(&protect).await.unwrap();
    let id = committed(&client, 1, 10).await;
    drop(client);
    let site = start(site.stop().await, |_| {}).await;
    let client = site.local().await;
    let (code, text) = refused(&client).await;
    assert_eq!(code, Code::KeyLocked, "{text}");
    assert!(text.contains("transactions"), "{text}");
    assert!(files(&site.folders.data().join("archive")).is_empty());
    client.call(&UnlockRequest { name: "transactions".to_owned(), password_base64: password() }).await.unwrap();
    assert_eq!(archive(&client).await.transactions, 1);
    assert!(!listed(&client).await.contains(&id));
}

#[tokio::test]
async fn only_an_administrator_may() {
    let site = Site::new().await;
    let local = Arc::new(site.local().await);
    committed(&local, 1, 10).await;
    for role in [Role::Data, Role::Read] {
        let client = site.remote(&site.token(role).await).await.unwrap();
        assert_eq!(refused(&client).await.0, Code::Denied);
    }
    assert!(files(&site.folders.data().join("archive")).is_empty());
    let client = site.remote(&site.token(Role::Admin).await).await.unwrap();
    assert_eq!(archive(&client).await.transactions, 1);
}

#[tokio::test]
async fn the_server_does_it_by_itself_and_tells_when_it_cannot() {
    let site = Site::new().await;
    let client = Arc::new(site.local().await);
    committed(&client, 1, 10).await;
    drop(client);
    let folders = site.stop().await;
    fs::write(folders.data().join("archive"), "in the way").unwrap();
    let by_itself = |settings: &mut Settings| settings.archive_after = Some(Duration::ZERO);
    let site = start(folders, by_itself).await;
    let alarm = |alarms: &[strongroom_keeper::facade::Alarm]| {
        alarms.iter().find(|alarm| alarm.code == "archive_failed").map(|alarm| alarm.message.clone())
    };
    let message = loop {
        tokio::task::yield_now().await;
        if let Some(message) = alarm(&site.keeper.status().alarms) {
            break message;
        }
    };
    assert!(message.contains("no folder"), "{message}");
    fs::remove_file(site.folders.data().join("archive")).unwrap();
    let client = Arc::new(site.local().await);
    assert_eq!(archive(&client).await.transactions, 1);
    assert_eq!(alarm(&site.keeper.status().alarms), None, "it works again");
    committed(&client, 1, 10).await;
    drop(client);
    let site = start(site.stop().await, by_itself).await;
    let client = site.local().await;
    while !listed(&client).await.is_empty() {}
    assert_eq!(files(&site.folders.data().join("archive")).len(), 2);
    assert_eq!(alarm(&site.keeper.status().alarms), None);
    let search = strongroom_api::audit::SearchRequest { operation: Some("tx.archive".into()), ..Default::default() };
    let lines = client.call(&search).await.unwrap().lines;
    assert!(lines.last().unwrap().contains("\"principal\":\"system\""), "{lines:?}");
}

/// No file below holds the canary, as it is or in base64; how many files were looked at.
fn absent_below(folder: &Path) -> usize {
    let encoded = |before: usize| {
        let encoded = STANDARD.encode([&[0; 2][..before], CANARY.as_bytes()].concat());
        encoded.as_bytes()[4..encoded.len() - 4].to_vec()
    };
    let spellings = [CANARY.as_bytes().to_vec(), encoded(0), encoded(1), encoded(2)];
    let mut looked = 0;
    for path in files(folder) {
        if path.is_dir() {
            looked += absent_below(&path);
        } else if path.is_file() {
            let content = fs::read(&path).unwrap();
            for spelling in &spellings {
                assert!(!content.windows(spelling.len()).any(|window| window == spelling), "{}", path.display());
            }
            looked += 1;
        }
    }
    looked
}
