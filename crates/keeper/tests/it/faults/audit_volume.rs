//! An audit volume that is full, and one that refuses writes (B6, B46): nothing is answered without its line but the state of the
//! server, and service comes back by itself, with no line lost and none twice.
//!
//! Both need a small volume and limits of their own, so the test starts this program again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use strongroom_envelope::Id;
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::Failure;

use crate::site::{Site, admin, put};
use crate::trail;

const PREPARED: &str = "STRONGROOM_TEST_PREPARED";

#[tokio::test]
async fn a_full_or_failing_audit_volume() {
    let Some(folder) = std::env::var_os(PREPARED).map(PathBuf::from) else { return in_a_small_volume() };
    on_a_small_volume(&folder).await;
}

fn in_a_small_volume() {
    let folder = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=24m,mode=0700 tmpfs '{}'", folder.path().display());
    let possible = Command::new("unshare").args(["-m", "sh", "-c", &mount]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        println!("not run: a_full_or_failing_audit_volume: mounting a small volume needs root");
        return;
    }
    // Without the trap the kernel ends the process at the limit instead of refusing the write.
    let script = format!("trap '' XFSZ; {mount} && exec \"$0\" \"$@\"");
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "faults::audit_volume::a_full_or_failing_audit_volume", "--nocapture"])
        .env(PREPARED, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("all was seen"), "{said}");
}

/// Requests and how each was answered.
#[derive(Default)]
struct Asked(BTreeMap<Id, bool>);

impl Asked {
    async fn get(&mut self, keeper: &Keeper, text: &str) -> Result<(), Failure> {
        let caller = admin();
        let request = caller.request_id;
        let selector = crate::site::name(text);
        let answer = keeper.execute(caller, strongroom_engine::secret::Get { selector, version: None }).await;
        self.0.insert(request, answer.is_ok());
        answer.map(drop)
    }

    /// What was answered has one line; what was refused has at most one.
    fn assert_told_once(&self, site: &Site) {
        let mut lines: BTreeMap<Id, usize> = BTreeMap::new();
        for line in trail::lines(site) {
            *lines.entry(line.request.unwrap_or(Id::NIL)).or_default() += 1;
        }
        for (request, answered) in &self.0 {
            let told = lines.get(request).copied().unwrap_or(0);
            assert!(told == 1 || (!answered && told == 0), "{request}: {told} lines");
        }
    }
}

/// Everything but the state of the server is refused.
async fn assert_refused(keeper: &Keeper) {
    let unavailable = Err(Failure::AuditUnavailable);
    assert_eq!(put(keeper, "b", b"x").await, unavailable);
    assert_eq!(keeper.protector_list(admin()).await.map(drop), Err(Failure::AuditUnavailable));
    assert_eq!(keeper.verify(admin()).await.map(drop), Err(Failure::AuditUnavailable));
    assert!(!keeper.status().auditing);
    assert!(!keeper.status_read(admin()).await.unwrap().auditing);
}

/// Asks until it is answered, which must be within five seconds.
async fn assert_resumed(keeper: &Keeper, asked: &mut Asked, text: &str) {
    let begun = Instant::now();
    while let Err(failure) = asked.get(keeper, text).await {
        assert_eq!(failure, Failure::AuditUnavailable);
        assert!(begun.elapsed() < Duration::from_secs(5), "it does not come back");
        tokio::task::yield_now().await;
    }
    assert!(keeper.status().auditing);
    put(keeper, "c", b"after").await.unwrap();
}

async fn on_a_small_volume(folder: &Path) {
    let site = Site::new();
    let long = vec!["x".repeat(120); 15].join("/");
    let mut settings = site.settings();
    settings.audit_directory = Some(folder.join("audit"));
    std::os::unix::fs::symlink(folder.join("audit"), site.path("audit")).unwrap();
    let (keeper, report) = Keeper::open(settings).unwrap();
    put(&keeper, &long, b"kept").await.unwrap();
    let mut asked = Asked::default();

    let free = rustix::fs::statvfs(folder).unwrap();
    let filler = folder.join("filler");
    fs::write(&filler, vec![1; usize::try_from(free.f_bavail * free.f_frsize).unwrap()]).unwrap();
    let mut answered = 0;
    while asked.get(&keeper, &long).await.is_ok() {
        answered += 1;
        assert!(answered < 20_000, "the gate never closes");
    }
    assert_refused(&keeper).await;
    fs::remove_file(&filler).unwrap();
    assert_resumed(&keeper, &mut asked, &long).await;

    // Now the volume refuses to let the segment grow; the store's files are smaller than the limit.
    let length = fs::metadata(folder.join("audit/trail-00000001.jsonl")).unwrap().len();
    let before = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(length + 5_000), maximum: before.maximum }).unwrap();
    let mut answered = 0;
    while asked.get(&keeper, &long).await.is_ok() {
        answered += 1;
        assert!(answered < 10, "there is room for two lines only");
    }
    assert_refused(&keeper).await;
    setrlimit(Resource::Fsize, before).unwrap();
    assert_resumed(&keeper, &mut asked, &long).await;
    assert!(site.events.count("audit_unavailable") >= 2 && site.events.count("audit_resumed") >= 2);
    keeper.stop();
    drop(keeper);
    asked.assert_told_once(&site);
    trail::assert_no_line_twice(&site);
    trail::verified(&site, report.audit_key_zero.unwrap());
    println!("all was seen");
}
