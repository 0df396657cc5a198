//! What a tool that knows nothing of us does to the account and the host: the real server opens by the other protector, heals, and says so.

use std::fs;
use std::os::unix::fs::lchown;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::deployment::Deployment;
use crate::heal::scene::{assert_served, listed, put};

const NOBODY: u32 = 65534;

/// A server whose account keeps its files in a home, as by default.
struct Service {
    deployment: Deployment,
    home: &'static str,
    /// The program in front of the server, with its arguments.
    by: Vec<String>,
}

impl Service {
    /// One with a secret, stopped.
    fn lived() -> Self {
        let mut service = Self { deployment: Deployment::small(), home: "home", by: Vec::new() };
        fs::create_dir(service.deployment.path("home")).unwrap();
        service.start();
        put(&service.deployment);
        service.stop();
        service
    }

    fn command(&self) -> Command {
        let mut command = self.deployment.serve(&self.by);
        command.env_remove("STRONGROOM_ACCOUNT_DIR").env("HOME", self.deployment.path(self.home));
        command
    }

    fn try_start(&mut self) -> Result<Value, String> {
        fs::write(self.deployment.path("server.log"), "").unwrap();
        let serve = self.command();
        self.deployment.try_start_by(serve)
    }

    fn start(&mut self) -> Value {
        self.try_start().unwrap_or_else(|error| panic!("it did not start: {error}"))
    }

    fn stop(&mut self) {
        assert_eq!(self.deployment.stop(), Some(0));
    }

    /// Starts it: the secret is there, these protectors are made anew, and the start and the system log say why. The next start
    /// has nothing to heal.
    fn assert_heals(&mut self, kinds: &[&str], why: &str, alarms: &[&str]) {
        let started = self.start();
        assert_eq!(started["state"], "unlocked", "{started}");
        let healed: Vec<&str> =
            started["healed"].as_array().unwrap().iter().map(|told| told.as_str().unwrap()).collect();
        assert_eq!(healed.len(), kinds.len(), "{started}");
        for (kind, told) in kinds.iter().zip(healed) {
            assert!(told.starts_with(&format!("{kind} protector made anew as ")) && told.contains(why), "{told}");
        }
        let log = fs::read_to_string(self.deployment.path("server.log")).unwrap();
        for alarm in ["fallback_used", "protector_healed", "protector_moved"] {
            let expected = alarms.contains(&alarm);
            assert_eq!(started["alarms"].as_array().unwrap().contains(&alarm.into()), expected, "{alarm}: {started}");
            assert_eq!(log.contains(&format!("<4>{alarm}: ")), expected, "{alarm}: {log}");
        }
        assert_served(&self.deployment, why);
        assert!(listed(&self.deployment).iter().all(|view| view["state"] == "proven"));
        self.stop();
        let again = self.start();
        assert_eq!(again["healed"], Value::Array(Vec::new()), "{again}");
        assert_served(&self.deployment, why);
        assert!(listed(&self.deployment).iter().all(|view| view["state"] == "proven"));
        self.stop();
    }

    /// The folder of the account's secret files below a home.
    fn account(&self, home: &str) -> std::path::PathBuf {
        let stores = self.deployment.path(home).join(".local/state/strongroom");
        let found: Vec<_> = fs::read_dir(stores).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().unwrap()
    }

    fn forget_the_account(&self) {
        fs::remove_dir_all(self.account("home")).unwrap();
    }

    fn change_the_host(&self) {
        fs::write(self.deployment.path("machine-id"), "ffffffffffffffffffffffffffffffff\n").unwrap();
    }
}

#[test]
fn the_key_file_of_the_account_is_deleted() {
    let mut service = Service::lived();
    service.forget_the_account();
    service.assert_heals(&["account"], "secret file missing", &["fallback_used", "protector_healed"]);
}

#[test]
fn the_home_is_another_one() {
    let mut service = Service::lived();
    service.home = "new-home";
    fs::create_dir(service.deployment.path("new-home")).unwrap();
    let left = fs::read_dir(service.account("home")).unwrap().count();
    service.assert_heals(&["account"], "secret file missing", &["fallback_used", "protector_healed"]);
    assert_eq!(fs::read_dir(service.account("home")).unwrap().count(), left, "what was there is left alone");
}

#[test]
fn the_home_moves_with_its_files() {
    let mut service = Service::lived();
    fs::rename(service.deployment.path("home"), service.deployment.path("new-home")).unwrap();
    service.home = "new-home";
    service.assert_heals(&[], "", &[]);
}

#[test]
fn the_host_gets_another_machine_id() {
    let mut service = Service::lived();
    service.change_the_host();
    service.assert_heals(&["machine"], "another machine id", &["protector_healed"]);
}

/// The disk in another host under an account without its files: closed, with the way out in the message, and nothing written.
#[test]
fn neither_account_nor_host_are_what_they_were() {
    let mut service = Service::lived();
    let account = service.account("home");
    fs::rename(&account, service.deployment.path("kept-aside")).unwrap();
    service.change_the_host();
    let said = service.try_start().unwrap_err();
    assert!(said.starts_with("exit status: 6"), "{said}");
    for part in ["account protector", "machine protector", "another machine id", "bring ", "nothing was changed"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains(&account.display().to_string()), "{said}");
    assert!(!account.exists(), "nothing is made while nothing opens");
    fs::rename(service.deployment.path("kept-aside"), &account).unwrap();
    service.assert_heals(&["machine"], "another machine id", &["protector_healed"]);
}

/// The service runs under an account that has none of the other's files.
#[test]
fn the_service_gets_another_account() {
    let Some(mut service) = of_another_account("the_service_gets_another_account", &[]) else { return };
    service.home = "home-of-nobody";
    fs::create_dir(service.deployment.path("home-of-nobody")).unwrap();
    give_away(&service.deployment.path("home-of-nobody"));
    service.assert_heals(&["account"], "secret file missing", &["fallback_used", "protector_healed"]);
    assert_bound_to_nobody(&mut service);
}

/// The same files in the hands of another account, as after `chown -R`.
#[test]
fn the_account_is_given_another_number() {
    let Some(mut service) = of_another_account("the_account_is_given_another_number", &["home"]) else { return };
    service.assert_heals(&["account"], "uid was 0 and is 65534", &["protector_moved"]);
    assert_bound_to_nobody(&mut service);
}

/// An instance of root's that is now run by nobody, who was given its folders and these; says so where that cannot be.
fn of_another_account(test: &str, given: &[&str]) -> Option<Service> {
    if !rustix::process::geteuid().is_root() {
        println!("not run: {test}: needs root, to act as two users");
        return None;
    }
    if !Command::new("setpriv").arg("--version").output().is_ok_and(|output| output.status.success()) {
        println!("not run: {test}: setpriv is not installed");
        return None;
    }
    let mut service = Service::lived();
    for folder in ["data", "anchor", "machine", "machine-id"].iter().chain(given) {
        give_away(&service.deployment.path(folder));
    }
    lchown(service.deployment.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    // The other account may not reach the directory that the program was built in.
    let copy = service.deployment.path("strongroom");
    if service.deployment.program != copy {
        fs::copy(&service.deployment.program, &copy).unwrap();
        service.deployment.program = copy;
    }
    let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
    service.by = vec!["setpriv".into(), user, group, "--clear-groups".into()];
    Some(service)
}

fn assert_bound_to_nobody(service: &mut Service) {
    service.start();
    let views = listed(&service.deployment);
    let account = views.iter().find(|view| view["kind"] == "account").unwrap();
    assert_eq!(account["bound_to"]["uid"], NOBODY.to_string(), "{account}");
    service.stop();
}

fn give_away(path: &Path) {
    lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
}
