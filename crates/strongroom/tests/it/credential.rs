//! Credentials and real accounts: one reads its own and keeps a key for it; its password may change; once it is gone, or its uid
//! belongs to somebody else, nobody reads it until it is bound anew. The server has a user database of its own meanwhile.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::deployment::Deployment;

const CANARY: &str = "CanaryPassword6911";
/// Uids that no host gives by itself.
const UID: u32 = 61_991;
const OTHER_UID: u32 = 61_992;

/// A server whose `/etc/passwd` is a file of this test, with a socket for accounts where others may go.
struct Stage {
    deployment: Deployment,
    open: tempfile::TempDir,
    program: PathBuf,
}

fn can_run(test: &str) -> bool {
    if !rustix::process::geteuid().is_root() {
        println!("not run: {test}: needs root, for a user database of its own and to act as several accounts");
        return false;
    }
    let mounts = Command::new("unshare").args(["--mount", "true"]).stderr(Stdio::null()).status();
    let acts = Command::new("setpriv").arg("--version").stdout(Stdio::null()).status();
    if !mounts.is_ok_and(|status| status.success()) || acts.is_err() {
        println!("not run: {test}: unshare or setpriv is missing, or not allowed here");
        return false;
    }
    true
}

impl Stage {
    fn new() -> Self {
        let deployment = Deployment::new();
        let open = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
        let program = open.path().join("strongroom");
        fs::copy(&deployment.program, &program).unwrap();
        let mut stage = Self { deployment, open, program };
        stage.accounts(&[("svc-queue", "x", UID)]);
        for uid in [UID, OTHER_UID] {
            let home = stage.home(uid);
            fs::create_dir(&home).unwrap();
            chown(&home, Some(uid), Some(uid)).unwrap();
            fs::set_permissions(&home, Permissions::from_mode(0o700)).unwrap();
        }
        let passwd = stage.deployment.path("passwd");
        let script = "mount --bind \"$0\" /etc/passwd && exec \"$@\"";
        let by = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, passwd.to_str().unwrap()];
        let mut serve = stage.deployment.serve(&by.map(str::to_owned));
        serve.arg("--accounts-socket").arg(stage.socket());
        stage.deployment.try_start_by(serve).unwrap();
        stage
    }

    fn socket(&self) -> PathBuf {
        self.open.path().join("accounts.sock")
    }

    fn home(&self, uid: u32) -> PathBuf {
        self.open.path().join(format!("home-{uid}"))
    }

    /// Those of the host, and these: name, password field, uid. The file stays the one that is mounted.
    fn accounts(&self, own: &[(&str, &str, u32)]) {
        let mut table = fs::read_to_string("/etc/passwd").unwrap();
        for (name, password, uid) in own {
            table.push_str(&format!("{name}:{password}:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n"));
        }
        fs::write(self.deployment.path("passwd"), table).unwrap();
    }

    /// The administrator.
    fn admin(&self, words: &[&str]) -> Output {
        let mut command = self.deployment.command(&self.program);
        command.arg("--data").arg(self.deployment.path("data")).args(words).output().unwrap()
    }

    /// An account.
    fn account(&self, uid: u32, words: &[&str]) -> Output {
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".into()]);
        command.arg(&self.program).args(words).arg("--accounts-socket").arg(self.socket());
        command.env_clear().env("HOME", self.home(uid)).current_dir("/").output().unwrap()
    }

    fn binding(&self) -> String {
        let shown: Value =
            serde_json::from_slice(&self.admin(&["credential", "show", "queue", "--json"]).stdout).unwrap();
        shown["binding"].as_str().unwrap().to_owned()
    }

    /// The word of a refusal.
    fn refused(&self, uid: u32) -> String {
        let output = self.account(uid, &["credential", "get", "queue", "--json"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(4), 0));
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        error["error"]["code"].as_str().unwrap().to_owned()
    }
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn an_account_that_changes_goes_and_comes_back() {
    if !can_run("an_account_that_changes_goes_and_comes_back") {
        return;
    }
    let stage = Stage::new();
    let value = stage.deployment.path("value");
    fs::write(&value, CANARY).unwrap();
    let set = ["credential", "set", "queue", "--account", "svc-queue", "--file", value.to_str().unwrap()];
    said(&stage.admin(&set));
    fs::remove_file(&value).unwrap();
    let get = ["credential", "get", "queue"];
    assert_eq!(said(&stage.account(UID, &get)), CANARY);
    assert_eq!(stage.refused(OTHER_UID), "denied");
    said(&stage.account(UID, &["credential", "enroll", "queue"]));
    let key = stage.home(UID).join(".local/share/strongroom/credential.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(said(&stage.account(UID, &get)), CANARY);

    // Nothing depends on the account's password.
    stage.accounts(&[("svc-queue", "$6$salt$another", UID)]);
    assert_eq!((said(&stage.account(UID, &get)), stage.binding().as_str()), (CANARY.into(), "holds"));

    stage.accounts(&[]);
    assert_eq!((stage.refused(UID).as_str(), stage.binding().as_str()), ("account_changed", "account_gone"));
    stage.accounts(&[("mallory", "x", UID)]);
    assert_eq!((stage.refused(UID).as_str(), stage.binding().as_str()), ("account_changed", "account_changed"));
    stage.accounts(&[("svc-queue", "x", OTHER_UID), ("mallory", "x", UID)]);
    assert_eq!((stage.refused(UID).as_str(), stage.binding().as_str()), ("account_changed", "uid_changed"));
    assert_eq!(stage.refused(OTHER_UID), "denied", "the name alone is not enough");
    fs::write(&value, "another").unwrap();
    assert_eq!(stage.admin(&set).status.code(), Some(4), "a value is not given to another uid on the side");
    fs::remove_file(&value).unwrap();

    // Two names for one uid: which account that is cannot be told.
    stage.accounts(&[("twin", "x", UID), ("svc-queue", "x", UID)]);
    assert_eq!(stage.refused(UID), "account_changed");

    stage.accounts(&[("svc-queue", "x", OTHER_UID), ("mallory", "x", UID)]);
    assert!(said(&stage.admin(&["credential", "rebind", "queue"])).contains("uid 61992"));
    assert_eq!((said(&stage.account(OTHER_UID, &get)), stage.binding().as_str()), (CANARY.into(), "holds"));
    assert_eq!(stage.refused(UID), "denied", "with the key that was enrolled before, too");
    check_absent(&stage.deployment.path("data"));
    check_absent(&stage.open.path().join(format!("home-{UID}")));
}

fn check_absent(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_absent(&path);
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()), "{}", path.display());
        }
    }
}

#[test]
fn the_packaged_socket_is_where_the_command_looks() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/strongroom.service");
    let unit = fs::read_to_string(unit).unwrap();
    let lines = ["RuntimeDirectory=strongroom", "RuntimeDirectoryMode=0755"];
    assert!(lines.iter().all(|line| unit.lines().any(|found| found == *line)));
    assert!(unit.contains("--accounts-socket /run/strongroom/accounts.sock"));
    let deployment = Deployment::new();
    let output = deployment.command(&deployment.program).args(["credential", "get", "x"]).output().unwrap();
    if !Path::new("/run/strongroom/accounts.sock").exists() {
        assert_eq!(output.status.code(), Some(6));
    }
    assert!(String::from_utf8_lossy(&output.stderr).contains("/run/strongroom/accounts.sock"));
}
