//! The verdicts. Of a store that stays locked nothing is touched; the trail gets one line.

use std::fs;

use strongroom_keeper::facade::{Failure, LockReason};
use strongroom_keeper::{Keeper, StartReport};

use crate::site::{FOLDERS, Image, Site, get, put, value};
use crate::trail;

/// An instance and copies of its files from several moments of its life.
pub struct Lived {
    pub site: Site,
    /// After a first secret, stopped.
    pub first: Image,
    /// After a second one, stopped.
    pub second: Image,
    pub key_zero: [u8; 32],
}

impl Lived {
    pub async fn new() -> Self {
        let site = Site::new();
        let (keeper, report) = site.open().unwrap();
        put(&keeper, "a", b"first").await.unwrap();
        keeper.stop();
        drop(keeper);
        let first = site.image();
        let second = next(&site, b"second").await;
        Self { site, first, second, key_zero: report.audit_key_zero.unwrap() }
    }
}

/// Starts, changes, stops; the files afterwards.
pub async fn next(site: &Site, value: &[u8]) -> Image {
    let keeper = site.start();
    put(&keeper, "a", value).await.unwrap();
    put(&keeper, std::str::from_utf8(value).unwrap(), value).await.unwrap();
    keeper.stop();
    site.image()
}

/// Starts a store that must stay locked for this reason, and compares the files before and after.
pub async fn assert_locked(site: &Site, reason: LockReason) {
    let before = site.image();
    site.events.take();
    let (keeper, report) = site.open().unwrap();
    assert_eq!(report.locked, Some(reason), "{:?}", report.explanation);
    assert!(!report.created && report.healed.is_empty());
    assert_eq!((keeper.status().locked, keeper.status().writable), (Some(reason), false));
    assert_eq!(site.events.count(reason.word()), 1);
    let refused = get(&keeper, "a").await.unwrap_err();
    assert_eq!(refused, Failure::Locked { reason });
    assert!(matches!(put(&keeper, "a", b"x").await, Err(Failure::Locked { .. })));
    keeper.stop();
    drop(keeper);
    assert_untouched(site, &before, reason);
}

/// Store, anchor and secret files are as they were; the trail got the alarm, the two refusals and its checkpoint, if it was there.
fn assert_untouched(site: &Site, before: &Image, reason: LockReason) {
    let after = site.image();
    for folder in ["data", "anchor", "account", "machine"] {
        let (before, after) = (before.of(folder).settled(), after.of(folder).settled());
        let differing = before.differing(&after);
        // An empty directory gets an empty store and a lock file, nothing else.
        let empty = before.0.is_empty() && folder == "data";
        assert!(differing.is_empty() || empty, "{reason}: {differing:?}");
    }
    let segment = std::path::Path::new("audit/trail-00000001.jsonl");
    let Some((_, lines)) = before.0.get(segment) else {
        assert!(after.of("audit").0.is_empty(), "no trail is made for a store that stays locked");
        return;
    };
    let now = &after.0[segment].1;
    assert!(now.starts_with(lines));
    let new: Vec<_> =
        trail::lines(site).into_iter().skip(lines.iter().filter(|byte| **byte == b'\n').count()).collect();
    let told: Vec<&str> = new.iter().map(|line| line.operation.as_str()).collect();
    let alarm = format!("alarm.{}", reason.word());
    assert_eq!(told, [&alarm, "secret.get", "secret.put", "audit.checkpoint"]);
    assert!(new.iter().all(|line| line.mac.is_none()), "lines of a locked store carry no MAC");
}

/// Starts a store that must be accepted, with exactly these alarms of the verdict.
pub fn accepted(site: &Site, alarms: &[&str]) -> (Keeper, StartReport) {
    let (keeper, report) = site.open().unwrap();
    assert_eq!(report.locked, None, "{:?}", report.explanation);
    let verdicts = ["anchor_missing", "anchor_stale", "trail_missing", "trail_truncated", "trail_altered"];
    let found: Vec<&str> =
        report.alarms.iter().map(|alarm| alarm.code).filter(|code| verdicts.contains(code)).collect();
    assert_eq!(found, alarms);
    for alarm in alarms {
        assert!(site.events.count(alarm) > 0);
    }
    (keeper, report)
}

#[tokio::test]
async fn a_store_that_went_back_is_rolled_back() {
    let lived = Lived::new().await;
    lived.site.restore(&lived.first, &["data"]);
    assert_locked(&lived.site, LockReason::RolledBack).await;
    // One of the two that remember is enough.
    lived.site.restore(&lived.second, &FOLDERS);
    lived.site.restore(&lived.first, &["data", "audit"]);
    assert_locked(&lived.site, LockReason::RolledBack).await;
    lived.site.restore(&lived.second, &FOLDERS);
    lived.site.restore(&lived.first, &["data", "anchor"]);
    assert_locked(&lived.site, LockReason::RolledBack).await;
    lived.site.restore(&lived.second, &FOLDERS);
    fs::remove_dir_all(lived.site.path("anchor")).unwrap();
    lived.site.restore(&lived.first, &["data"]);
    assert_locked(&lived.site, LockReason::RolledBack).await;
    // The right store comes back: it is served.
    lived.site.restore(&lived.second, &FOLDERS);
    let (keeper, _) = accepted(&lived.site, &[]);
    assert_eq!(value(&keeper, "a").await, b"second");
}

#[tokio::test]
async fn a_store_with_another_history_is_forked() {
    let lived = Lived::new().await;
    lived.site.restore(&lived.first, &FOLDERS);
    let other = next(&lived.site, b"other").await;
    // As many batches as the history that anchor and trail remember.
    lived.site.restore(&lived.second, &FOLDERS);
    lived.site.restore(&other, &["data"]);
    assert_locked(&lived.site, LockReason::Forked).await;
    // More batches, and a snapshot behind the epoch that is remembered.
    lived.site.restore(&other, &FOLDERS);
    let longer = next(&lived.site, b"longer").await;
    lived.site.restore(&lived.second, &FOLDERS);
    lived.site.restore(&longer, &["data"]);
    assert_locked(&lived.site, LockReason::Forked).await;
    // Anchor and trail of different histories, whichever the store follows.
    lived.site.restore(&other, &["data", "audit", "anchor"]);
    lived.site.restore(&lived.second, &["anchor"]);
    assert_locked(&lived.site, LockReason::Forked).await;
}

#[tokio::test]
async fn a_store_that_is_where_it_should_be_is_accepted() {
    let lived = Lived::new().await;
    let (keeper, report) = accepted(&lived.site, &[]);
    assert!(report.healed.is_empty());
    assert_eq!(value(&keeper, "a").await, b"second");
    keeper.stop();
    trail::verified(&lived.site, lived.key_zero);
}

#[tokio::test]
async fn a_store_ahead_of_anchor_and_trail_gets_its_missing_lines() {
    let site = Site::new();
    let (keeper, report) = site.open().unwrap();
    put(&keeper, "a", b"first").await.unwrap();
    let before = site.image_of(&["audit", "anchor"]);
    put(&keeper, "a", b"second").await.unwrap();
    put(&keeper, "b", b"third").await.unwrap();
    let after = site.image_of(&["data"]);
    keeper.stop();
    drop(keeper);
    site.restore(&before, &["audit", "anchor"]);
    site.restore(&after, &["data"]);
    let (keeper, _) = accepted(&site, &[]);
    assert_eq!((value(&keeper, "a").await, value(&keeper, "b").await), (b"second".to_vec(), b"third".to_vec()));
    keeper.stop();
    drop(keeper);
    assert_eq!((trail::count_of(&site, "secret.put", "a"), trail::count_of(&site, "secret.put", "b")), (2, 1));
    trail::assert_no_line_twice(&site);
    trail::verified(&site, report.audit_key_zero.unwrap());
    let (keeper, _) = accepted(&site, &[]);
    keeper.stop();
    assert_eq!(trail::count(&site, "secret.put"), 3);
}

#[tokio::test]
async fn a_trail_that_was_cut_is_an_alarm() {
    let lived = Lived::new().await;
    lived.site.restore(&lived.first, &["audit"]);
    let (keeper, _) = accepted(&lived.site, &["trail_truncated"]);
    keeper.stop();
    drop(keeper);
    // The lines of changes are there again, once each; those of reads are lost.
    assert_eq!(trail::count(&lived.site, "secret.put"), 3);
    assert_eq!(trail::count(&lived.site, "alarm.trail_truncated"), 1);
    trail::assert_no_line_twice(&lived.site);
    trail::verified(&lived.site, lived.key_zero);
    accepted(&lived.site, &[]).0.stop();
}

#[tokio::test]
async fn a_line_altered_behind_the_last_checkpoint_is_an_alarm() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "aaa", b"first").await.unwrap();
    let killed = site.image();
    keeper.stop();
    drop(keeper);
    site.restore(&killed, &FOLDERS);
    let segment = site.path("audit").join("trail-00000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    // The last line: nothing behind it shows that it changed but its MAC.
    let at = text.rfind(r#""target":"aaa""#).unwrap();
    assert!(!text[at..].trim_end().contains('\n'));
    fs::write(&segment, format!("{}{}", &text[..at], text[at..].replacen("aaa", "bbb", 1))).unwrap();
    let (keeper, _) = accepted(&site, &["trail_altered"]);
    assert_eq!(value(&keeper, "aaa").await, b"first");
}

/// Without its key the trail cannot go on, and with a later key lines are missing: no start, nothing written, and the way out is
/// to put the trail aside, which is an alarm.
#[tokio::test]
async fn a_trail_that_cannot_go_on_is_no_trail_to_go_on_with() {
    let lived = Lived::new().await;
    let key = lived.site.path("audit").join("checkpoint.key");
    let segment = lived.site.path("audit").join("trail-00000001.jsonl");
    let lines = fs::read_to_string(&segment).unwrap();
    let harms: [&dyn Fn(); 3] = [
        &|| fs::remove_file(&key).unwrap(),
        &|| fs::write(&segment, lines.split_inclusive('\n').take(3).collect::<String>()).unwrap(),
        &|| fs::write(&segment, lines.replacen("secret.put", "secret.get", 1)).unwrap(),
    ];
    for harm in harms {
        harm();
        let before = lived.site.image().settled();
        let error = lived.site.open().err().map(|error| with_causes(&error)).unwrap();
        assert!(error.contains("audit"), "{error}");
        assert!(before == lived.site.image().settled(), "{error}");
        fs::remove_dir_all(lived.site.path("audit")).unwrap();
        accepted(&lived.site, &["trail_missing"]).0.stop();
        lived.site.restore(&lived.second, &FOLDERS);
    }
}

/// The error and its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[tokio::test]
async fn a_missing_anchor_is_an_alarm_and_it_is_written_anew() {
    let lived = Lived::new().await;
    fs::remove_dir_all(lived.site.path("anchor")).unwrap();
    accepted(&lived.site, &["anchor_missing"]).0.stop();
    assert_eq!(trail::count(&lived.site, "alarm.anchor_missing"), 1);
    accepted(&lived.site, &[]).0.stop();
    // It remembers: the store of before is refused also when the trail goes back with it.
    lived.site.restore(&lived.second, &["data", "audit"]);
    assert_locked(&lived.site, LockReason::RolledBack).await;
}

#[tokio::test]
async fn a_missing_trail_is_an_alarm_and_a_new_one_is_begun() {
    let lived = Lived::new().await;
    fs::remove_dir_all(lived.site.path("audit")).unwrap();
    let (keeper, report) = accepted(&lived.site, &["trail_missing"]);
    keeper.stop();
    drop(keeper);
    // What the log still knows is told again, in order, once.
    assert_eq!(trail::count(&lived.site, "secret.put"), 3);
    trail::assert_no_line_twice(&lived.site);
    let begun = trail::lines(&lived.site).remove(0).checkpoint.unwrap().next_key;
    assert_ne!(begun, lived.key_zero);
    assert_eq!(report.audit_key_zero, Some(begun));
    trail::verified(&lived.site, begun);
    accepted(&lived.site, &[]).0.stop();
}

#[tokio::test]
async fn without_anchor_and_trail_nothing_vouches_for_a_store() {
    let lived = Lived::new().await;
    for folder in ["audit", "anchor"] {
        fs::remove_dir_all(lived.site.path(folder)).unwrap();
    }
    assert_locked(&lived.site, LockReason::NoAnchor).await;
    assert!(!lived.site.path("anchor").exists() && !lived.site.path("audit").exists());
}

/// A trail that somebody began anew tells of no batch: it says as little as none.
#[tokio::test]
async fn a_trail_that_tells_of_nothing_does_not_vouch() {
    let lived = Lived::new().await;
    for folder in ["audit", "anchor"] {
        fs::remove_dir_all(lived.site.path(folder)).unwrap();
    }
    let settings = strongroom_audit::TrailSettings::new(lived.site.path("audit"), "test");
    drop(strongroom_audit::Trail::create(settings, strongroom_envelope::Timestamp(1)).unwrap());
    assert_locked(&lived.site, LockReason::NoAnchor).await;
}

#[tokio::test]
async fn an_emptied_directory_is_no_new_instance() {
    let lived = Lived::new().await;
    fs::remove_dir_all(lived.site.path("data")).unwrap();
    assert_locked(&lived.site, LockReason::InstanceMissing).await;
    // The trail alone remembers it too.
    fs::remove_dir_all(lived.site.path("anchor")).unwrap();
    let before = lived.site.image_of(&["account", "machine"]);
    assert_locked(&lived.site, LockReason::InstanceMissing).await;
    assert!(before == lived.site.image_of(&["account", "machine"]), "no new root key was made");
    lived.site.restore(&lived.second, &FOLDERS);
    assert_eq!(value(&accepted(&lived.site, &[]).0, "a").await, b"second");
}

#[tokio::test]
async fn the_anchor_of_another_instance_is_foreign() {
    let lived = Lived::new().await;
    let other = Lived::new().await;
    fs::copy(other.site.anchor_file(), lived.site.anchor_file()).unwrap();
    assert_locked(&lived.site, LockReason::ForeignAnchor).await;
}

/// A store supplied by an attacker with his own root key, alone and with everything that opens it.
#[tokio::test]
async fn the_store_of_another_instance_is_refused() {
    let lived = Lived::new().await;
    let attacker = Lived::new().await;
    lived.site.restore(&attacker.second, &["data"]);
    assert_locked(&lived.site, LockReason::ForeignAnchor).await;
    lived.site.restore(&attacker.second, &["data", "account", "machine"]);
    assert_locked(&lived.site, LockReason::ForeignAnchor).await;
    lived.site.restore(&attacker.second, &["data", "account", "machine", "audit"]);
    assert_locked(&lived.site, LockReason::ForeignAnchor).await;
    // With everything of his it is his instance; a root id in the configuration refuses that as well.
    let root_id = pinned_root_id(&lived.site, &lived.second);
    lived.site.restore(&attacker.second, &FOLDERS);
    let moved = lived.site.path("anchor").join("moved");
    fs::rename(fs::read_dir(lived.site.path("anchor")).unwrap().next().unwrap().unwrap().path(), &moved).unwrap();
    fs::rename(moved, lived.site.anchor_file()).unwrap();
    let mut settings = lived.site.settings();
    settings.root_id = Some(root_id);
    let (keeper, report) = Keeper::open(settings).unwrap();
    assert_eq!(report.locked, Some(LockReason::ForeignRoot));
    keeper.stop();
    drop(keeper);
    accepted(&lived.site, &[]).0.stop();
}

/// The root id that the anchor of this site remembers.
fn pinned_root_id(site: &Site, image: &Image) -> [u8; 16] {
    let (_, bytes) = image.of("anchor").0.into_values().next().unwrap();
    let slot = strongroom_envelope::anchor::SLOT_OFFSETS.into_iter().find_map(|offset| {
        strongroom_envelope::anchor::parse(&bytes[offset..][..strongroom_envelope::anchor::SLOT_LENGTH]).ok()
    });
    assert!(site.anchor_file().exists());
    slot.unwrap().root_id
}

#[tokio::test]
async fn torn_slots_count_as_if_never_written() {
    let lived = Lived::new().await;
    let whole = fs::read(lived.site.anchor_file()).unwrap();
    let torn = |slots: &[usize]| {
        let mut bytes = whole.clone();
        for slot in slots {
            bytes[strongroom_envelope::anchor::SLOT_OFFSETS[*slot] + 75] ^= 1;
        }
        fs::write(lived.site.anchor_file(), bytes).unwrap();
    };
    for slot in [0, 1] {
        torn(&[slot]);
        accepted(&lived.site, &[]).0.stop();
        lived.site.restore(&lived.second, &FOLDERS);
        torn(&[slot]);
        lived.site.restore(&lived.first, &["data"]);
        assert_locked(&lived.site, LockReason::RolledBack).await;
        lived.site.restore(&lived.second, &FOLDERS);
    }
    torn(&[0, 1]);
    accepted(&lived.site, &["anchor_missing"]).0.stop();
    lived.site.restore(&lived.second, &FOLDERS);
    torn(&[0, 1]);
    fs::remove_dir_all(lived.site.path("audit")).unwrap();
    assert_locked(&lived.site, LockReason::NoAnchor).await;
    // Cut short: the second slot is gone with it.
    lived.site.restore(&lived.second, &FOLDERS);
    fs::write(lived.site.anchor_file(), &whole[..4096]).unwrap();
    accepted(&lived.site, &[]).0.stop();
}

#[tokio::test]
async fn the_anchor_is_locked_private_and_outside_the_data() {
    use std::os::unix::fs::PermissionsExt;
    let lived = Lived::new().await;
    let open = |settings| Keeper::open(settings).err().map(|error| error.to_string());
    let anchor = lived.site.anchor_file();
    fs::set_permissions(&anchor, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(open(lived.site.settings()).unwrap().contains("0600"));
    fs::set_permissions(&anchor, fs::Permissions::from_mode(0o600)).unwrap();
    let mut inside = lived.site.settings();
    inside.anchor_directory = lived.site.path("data").join("not/there/yet");
    assert!(open(inside).unwrap().contains("inside the data directory"));
    assert!(!lived.site.path("data").join("not").exists());
    let keeper = lived.site.start();
    let held = fs::File::open(&anchor).unwrap();
    let lock = rustix::fs::flock(&held, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    assert_eq!(lock, Err(rustix::io::Errno::WOULDBLOCK));
    keeper.stop();
}

/// Whoever copies the data directory must not have the key to it as well, whichever way the path is written.
#[tokio::test]
async fn the_protectors_secret_files_lie_outside_the_data() {
    let lived = Lived::new().await;
    let open = |settings| Keeper::open(settings).err().map(|error| (error.to_string(), error.fix()));
    let inside = lived.site.path("data").join("keys");
    let link = lived.site.path("link");
    std::os::unix::fs::symlink(lived.site.path("data"), &link).unwrap();
    let before = lived.site.image().settled();
    for directory in [inside, link.join("deeper/keys")] {
        for set in [
            |settings: &mut strongroom_keeper::Settings, directory| settings.protector.account_dir = Some(directory),
            |settings: &mut strongroom_keeper::Settings, directory| settings.protector.machine_dir = Some(directory),
        ] {
            let mut settings = lived.site.settings();
            set(&mut settings, directory.clone());
            let (error, fix) = open(settings).unwrap();
            assert!(error.contains("inside the data directory") && fix.contains("STRONGROOM_ACCOUNT_DIR"), "{error}");
        }
    }
    assert!(before == lived.site.image().settled());
    accepted(&lived.site, &[]).0.stop();
}
