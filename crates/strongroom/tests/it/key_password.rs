//! Passwords of keys as a service manager gives them, and what many of them at once cost the server in memory.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::deployment::Deployment;

const FIRST: &str = "four plain words here";
const SECOND: &str = "four other plain words";
/// One derivation takes this much (docs/spec/protector.md), in KiB.
const DERIVATION: u64 = 256 * 1024;
/// Asked for at once.
const MANY: usize = 20;

fn write(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

fn begin(deployment: &Deployment, arguments: &[&str]) -> Child {
    let mut command = deployment.command(&deployment.program);
    command.arg("--data").arg(deployment.path("data")).args(arguments).current_dir(deployment.folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What a command says, and its exit code.
fn run(deployment: &Deployment, arguments: &[&str]) -> (String, i32) {
    let output = begin(deployment, arguments).wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8(said).unwrap(), output.status.code().unwrap())
}

fn done(deployment: &Deployment, arguments: &[&str]) -> String {
    let (said, code) = run(deployment, arguments);
    assert_eq!(code, 0, "{arguments:?}: {said}");
    said
}

fn alarms(deployment: &Deployment) -> Vec<(String, String)> {
    let status: Value = serde_json::from_str(&done(deployment, &["status", "--json"])).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let alarms = status["alarms"].as_array().unwrap().iter();
    alarms.map(|alarm| (text(&alarm["code"]), text(&alarm["message"]))).collect()
}

/// The most memory the process ever had, in KiB.
fn peak(deployment: &Deployment) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", deployment.process())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Two passwords in files, and keys that they protect and nothing else opens.
fn deployment(keys: &[&str]) -> Deployment {
    let mut deployment = Deployment::new();
    write(&deployment.path("first"), FIRST);
    write(&deployment.path("second"), SECOND);
    deployment.start();
    for key in keys {
        done(&deployment, &["key", "create", key]);
        done(&deployment, &["key", "protect", key, "--with", "password", "--password-only", "--file", "first"]);
    }
    assert_eq!(deployment.stop(), Some(0));
    deployment
}

#[test]
fn flags_and_the_configuration_name_files() {
    let mut deployment = deployment(&["one", "two"]);
    let (configuration, second) = (deployment.path("strongroom.toml"), deployment.path("second"));
    // The flag for `two` weighs more than the section, which names the wrong file.
    let section = |key: &str, file: &Path| format!("[key.{key}]\npassword_file = {:?}\n", file.display().to_string());
    let text = section("one", &deployment.path("first")) + &section("two", &second);
    fs::write(&configuration, text).unwrap();
    let mut serve = deployment.serve(&[]);
    serve.arg("--config").arg(&configuration).args(["--key-password-file", "two=first"]);
    deployment.try_start_by(serve).unwrap();
    let is_locked = |(code, _): &(String, String)| code == "key_locked";
    while alarms(&deployment).iter().any(is_locked) || run(&deployment, &["key", "rotate", "two"]).1 != 0 {}
    done(&deployment, &["key", "rotate", "one"]);
    assert_eq!(deployment.stop(), Some(0));

    // Without the flag the wrong file is told of, and the other key opens.
    let mut serve = deployment.serve(&[]);
    serve.arg("--config").arg(&configuration);
    deployment.try_start_by(serve).unwrap();
    let told = loop {
        let alarms = alarms(&deployment);
        if let Some((_, message)) = alarms.into_iter().find(|(code, _)| code == "key_password_file") {
            break message;
        }
    };
    assert!(told.contains(&format!("two (the password in {} does not open it)", second.display())), "{told}");
    done(&deployment, &["key", "rotate", "one"]);
    assert_eq!(run(&deployment, &["key", "rotate", "two"]).1, 6);
    let (said, code) = run(&deployment, &["serve", "--key-password-file", "first"]);
    assert!(code == 2 && said.contains("NAME=FILE"), "{said}");
}

/// Each derivation takes 256 MiB. Twenty requests with passwords at once, right and wrong ones, of every kind there is, take at most
/// two of them and what the server needs anyway; each is answered, and all others are served meanwhile.
#[test]
fn many_passwords_at_once_take_bounded_memory() {
    let mut deployment = deployment(&["one", "two"]);
    deployment.start();
    done(&deployment, &["secret", "list"]);
    let usual = peak(&deployment);
    assert!(usual < DERIVATION, "nothing was derived yet: {usual} KiB");
    let kinds: [&[&str]; 5] = [
        &["key", "unlock", "one", "--file", "first"],
        &["key", "unlock", "two", "--file", "second"],
        &["unlock", "--file", "first"],
        &["key", "change-password", "two", "--password-file", "second", "--new-password-file", "first"],
        &["protector", "add", "password", "--file", "first"],
    ];
    let begun: Vec<Child> = (0..MANY).map(|number| begin(&deployment, kinds[number % kinds.len()])).collect();
    done(&deployment, &["secret", "list"]);
    for (number, child) in begun.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // Done, refused because the password is wrong or the protector there already, or too many at once.
        assert!(matches!(output.status.code(), Some(0 | 4 | 5 | 6)), "{:?}: {said}", kinds[number % kinds.len()]);
    }
    let most = peak(&deployment);
    println!("usual {usual} KiB, with {MANY} at once {most} KiB");
    assert!(most > DERIVATION, "something was derived: {most} KiB");
    assert!(most <= usual + 2 * DERIVATION + 32 * 1024, "{most} KiB, {usual} KiB without");
    assert_eq!(deployment.stop(), Some(0));
}
