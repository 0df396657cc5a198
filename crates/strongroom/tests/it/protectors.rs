//! The protectors of the configuration file, as typed: a certificate, a token, a plug-in, shares on standard output.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::deployment::Deployment;

/// What was typed after `strongroom --data DIR`, with this on standard input.
fn typed(deployment: &Deployment, words: &[&str], input: &[u8]) -> Output {
    let mut command = deployment.command(&deployment.program);
    command.arg("--data").arg(deployment.path("data")).args(words);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn succeeds(deployment: &Deployment, words: &[&str], input: &[u8]) -> Vec<u8> {
    let output = typed(deployment, words, input);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Kind and state of each protector.
fn listed(deployment: &Deployment) -> Vec<(String, String)> {
    let listed: Value = serde_json::from_slice(&succeeds(deployment, &["protector", "list", "--json"], b"")).unwrap();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    listed["protectors"].as_array().unwrap().iter().map(|entry| (text(entry, "kind"), text(entry, "state"))).collect()
}

/// A configuration with what this machine has; the words that add each protector.
fn equip(deployment: &Deployment, test: &str) -> Option<Vec<Vec<&'static str>>> {
    let probe = ["-I", "-c", "import cryptography.hazmat.primitives.ciphers.aead"];
    if !Command::new("/usr/bin/python3").args(probe).output().is_ok_and(|output| output.status.success()) {
        println!("not run: {test}: /usr/bin/python3 with the package cryptography is missing");
        return None;
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let script = repository.join("crates/protector/tests/peer/certificates.py");
    let made = Command::new("/usr/bin/python3")
        .arg(script)
        .arg("make")
        .arg(deployment.folder.path())
        .arg("office")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let example = fs::read_to_string(repository.join("packaging/plugins/example")).unwrap();
    fs::write(deployment.path("example.key"), [0x6b; 32]).unwrap();
    let program =
        example.replace("/etc/strongroom/plugin-example.key", deployment.path("example.key").to_str().unwrap());
    fs::create_dir(deployment.path("plugins")).unwrap();
    set_mode(&deployment.path("plugins"), 0o755);
    fs::write(deployment.path("plugins/vault"), program).unwrap();
    set_mode(&deployment.path("plugins/vault"), 0o755);
    let digest = Command::new("sha256sum").arg(deployment.path("plugins/vault")).output().unwrap().stdout;
    let digest = String::from_utf8(digest).unwrap()[..64].to_owned();
    let folder = deployment.folder.path().display();
    let mut configuration = format!(
        "plugin_dir = \"{folder}/plugins\"\n[protector.rsa.office]\ncertificate = \"{folder}/office.pem\"\n\
         private_key = \"{folder}/office.key\"\n[protector.plugin.vault]\nsha256 = \"{digest}\"\n"
    );
    let mut added = vec![vec!["rsa:office"], vec!["plugin:vault"]];
    if let Some(section) = token(deployment, test) {
        configuration.push_str(&section);
        added.push(vec!["pkcs11:hsm1", "--token", "T", "--label", "strongroom"]);
    }
    fs::write(deployment.path("strongroom.toml"), configuration).unwrap();
    Some(added)
}

fn token(deployment: &Deployment, test: &str) -> Option<String> {
    let module = "/usr/lib/softhsm/libsofthsm2.so";
    if !Path::new(module).exists() {
        println!("not run: {test}: the part with a token: SoftHSM is missing (softhsm2)");
        return None;
    }
    let configuration = deployment.path("softhsm2.conf");
    fs::create_dir(deployment.path("tokens")).unwrap();
    fs::write(&configuration, format!("directories.tokendir = {}\n", deployment.path("tokens").display())).unwrap();
    let words = ["--init-token", "--free", "--label", "T", "--pin", "271828", "--so-pin", "31415926"];
    let made = deployment.command("softhsm2-util").args(words).env("SOFTHSM2_CONF", &configuration).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::write(deployment.path("pin"), "271828\n").unwrap();
    set_mode(&deployment.path("pin"), 0o600);
    Some(format!(
        "[protector.pkcs11.hsm1]\nmodule = \"{module}\"\npin_file = \"{}\"\nenvironment = {{ SOFTHSM2_CONF = \"{}\" }}\n",
        deployment.path("pin").display(),
        configuration.display()
    ))
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The server with the configuration of [`equip`].
fn start(deployment: &mut Deployment) {
    let mut serve = deployment.serve(&[]);
    serve.arg("--config").arg(deployment.path("strongroom.toml"));
    deployment.try_start_by(serve).unwrap();
}

#[test]
fn those_of_the_configuration_open_when_the_first_two_are_lost() {
    const NAME: &str = "protectors::those_of_the_configuration_open_when_the_first_two_are_lost";
    let mut deployment = Deployment::new();
    let Some(added) = equip(&deployment, NAME) else { return };
    start(&mut deployment);
    succeeds(&deployment, &["secret", "put", "a"], b"kept");
    for words in &added {
        let said = succeeds(&deployment, &[&["protector", "add"], &words[..]].concat(), b"");
        let kind = words[0].split(':').next().unwrap();
        assert!(String::from_utf8(said).unwrap().starts_with(&format!("{kind} protector ")));
        succeeds(&deployment, &["protector", "prove", words[0]], b"");
    }
    let unknown = typed(&deployment, &["protector", "add", "rsa:home"], b"");
    assert_eq!(unknown.status.code(), Some(3));
    let complaint = String::from_utf8(unknown.stderr).unwrap();
    assert!(complaint.contains("[protector.rsa.home] is not configured here"), "{complaint}");
    assert_eq!(typed(&deployment, &["protector", "add", "rsa"], b"").status.code(), Some(2));
    assert_eq!(deployment.stop(), Some(0));

    for folder in ["account", "machine"] {
        fs::remove_dir_all(deployment.path(folder)).unwrap();
    }
    start(&mut deployment);
    assert_eq!(succeeds(&deployment, &["secret", "get", "a"], b""), b"kept");
    let listed = listed(&deployment);
    assert_eq!(listed.len(), 2 + added.len());
    assert!(listed.iter().all(|(_, state)| state == "proven"), "{listed:?}");
    assert_eq!(deployment.stop(), Some(0));
}

#[test]
fn shares_come_out_once_and_unlock() {
    let mut deployment = Deployment::new();
    fs::write(deployment.path("strongroom.toml"), "").unwrap();
    start(&mut deployment);
    succeeds(&deployment, &["secret", "put", "a"], b"kept");
    let words = ["protector", "add", "shares", "--shares", "5", "--threshold", "3"];
    let made = typed(&deployment, &words, b"");
    assert!(made.status.success());
    let told = String::from_utf8(made.stderr).unwrap();
    assert!(told.contains("give each share to another person"), "{told}");
    let shares = String::from_utf8(made.stdout).unwrap();
    let shares: Vec<&str> = shares.lines().collect();
    assert!(shares.len() == 5 && shares.iter().all(|share| share.starts_with("srs1-")), "{shares:?}");
    let json = succeeds(&deployment, &["protector", "replace", "shares", "--json"], b"");
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["shares_base64"].as_array().unwrap().len(), 5);
    let again = succeeds(&deployment, &["protector", "replace", "shares"], b"");
    let again = String::from_utf8(again).unwrap();
    let again: Vec<&str> = again.lines().collect();

    succeeds(&deployment, &["lock"], b"");
    let old = typed(&deployment, &["unlock"], shares[..3].join("\n").as_bytes());
    assert_eq!(old.status.code(), Some(4));
    assert!(String::from_utf8(old.stderr).unwrap().contains("belongs to set"));
    let few = typed(&deployment, &["unlock"], again[..2].join("\n").as_bytes());
    assert_eq!(few.status.code(), Some(4));
    succeeds(&deployment, &["unlock"], format!("{}\n", [again[4], again[0], again[2]].join("\n")).as_bytes());
    assert_eq!(succeeds(&deployment, &["secret", "get", "a"], b""), b"kept");
    assert_eq!(deployment.stop(), Some(0));
}

/// Another server as the plug-in of this one: its key wraps, over TLS, with a token of its own.
#[test]
fn another_strongroom_protects_this_one() {
    let (mut remote, mut deployment) = (Deployment::new(), Deployment::new());
    remote.start();
    succeeds(&remote, &["key", "create", "wraps", "--purpose", "values"], b"");
    let issued = succeeds(&remote, &["token", "issue", "--role", "data", "--json"], b"");
    let issued: Value = serde_json::from_slice(&issued).unwrap();
    fs::write(deployment.path("token"), issued["token"].as_str().unwrap()).unwrap();
    set_mode(&deployment.path("token"), 0o600);
    let status = |remote: &Deployment| -> Value {
        serde_json::from_slice(&succeeds(remote, &["status", "--json"], b"")).unwrap()
    };
    let found = status(&remote);
    let (address, pin) = (found["address"].as_str().unwrap(), found["spki_pin"].as_str().unwrap());
    let (program, token) = (deployment.program.display().to_string(), deployment.path("token").display().to_string());
    let script = |address: &str| {
        format!(
            "#!/bin/sh\nexec {program} protector-plugin remote --address {address} --pin {pin} --token-file {token} --key wraps\n"
        )
    };
    fs::create_dir(deployment.path("plugins")).unwrap();
    set_mode(&deployment.path("plugins"), 0o755);
    install(&deployment, &script(address));
    start(&mut deployment);
    succeeds(&deployment, &["protector", "add", "plugin:vault"], b"");
    succeeds(&deployment, &["protector", "drop", "machine"], b"");
    succeeds(&deployment, &["protector", "drop", "account"], b"");
    succeeds(&deployment, &["secret", "put", "a"], b"kept");
    assert_eq!(deployment.stop(), Some(0));
    start(&mut deployment);
    assert_eq!(succeeds(&deployment, &["secret", "get", "a"], b""), b"kept");

    // Others may read the token, the key is locked away, the server is gone: each is a word.
    let refused = |deployment: &Deployment, reason: &str| {
        let output = typed(deployment, &["protector", "prove", "plugin:vault"], b"");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(4) && complaint.contains(reason), "{complaint}");
    };
    set_mode(&deployment.path("token"), 0o640);
    refused(&deployment, "it is not allowed to");
    set_mode(&deployment.path("token"), 0o600);
    succeeds(&remote, &["lock"], b"");
    refused(&deployment, "what it works with is not available");
    remote.kill();
    refused(&deployment, "what it works with is not available");
    remote.start();
    let found = status(&remote);
    assert_eq!(found["spki_pin"].as_str().unwrap(), pin);
    assert_eq!(deployment.stop(), Some(0));
    install(&deployment, &script(found["address"].as_str().unwrap()));
    start(&mut deployment);
    assert_eq!(succeeds(&deployment, &["secret", "get", "a"], b""), b"kept");
}

/// The plug-in `vault`, and a configuration with its digest.
fn install(deployment: &Deployment, program: &str) {
    let file = deployment.path("plugins/vault");
    fs::write(&file, program).unwrap();
    set_mode(&file, 0o755);
    let digest = Command::new("sha256sum").arg(&file).output().unwrap().stdout;
    let digest = String::from_utf8(digest).unwrap()[..64].to_owned();
    let folder = deployment.folder.path().display();
    let configuration = format!("plugin_dir = \"{folder}/plugins\"\n[protector.plugin.vault]\nsha256 = \"{digest}\"\n");
    fs::write(deployment.path("strongroom.toml"), configuration).unwrap();
}

/// The child process of a token is not for people.
#[test]
fn the_child_process_does_nothing_when_it_is_typed() {
    let deployment = Deployment::new();
    let output = deployment.command(&deployment.program).args(["protector-child", "pkcs11"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let help = deployment.command(&deployment.program).arg("--help").output().unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains("protector-child"));
}
