//! What lies on the disk: modes, no value, no name in the store, nothing in the environment of the process.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use strongroom_api::WireSecret;
use strongroom_api::secret::{GetRequest, PutRequest};
use strongroom_secret::SecretBytes;

use crate::deployment::Deployment;

const CANARY: &[u8] = b"canary-value-4711-canary";
const CANARY_NAME: &str = "canary-name/of-a-secret-4711";

#[test]
fn canaries_are_nowhere() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut deployment = Deployment::new();
    deployment.start();
    runtime.block_on(async {
        let client = deployment.client().await;
        for _ in 0..3 {
            let value_base64 = WireSecret::new(SecretBytes::from_slice(CANARY));
            let put = PutRequest { name: CANARY_NAME.into(), value_base64, expected_version: None, keep: Some(1) };
            client.call(&put).await.unwrap();
            client.call(&GetRequest { name: CANARY_NAME.into(), version: None }).await.unwrap();
        }
    });
    // A client that hangs would hold up the stop.
    drop(runtime);
    for file in ["environ", "cmdline"] {
        match std::fs::read(format!("/proc/{}/{file}", deployment.process())) {
            Ok(content) => assert!(!holds(&content, CANARY), "/proc/PID/{file}"),
            // Only root may look into a process that is not dumpable.
            Err(error) => assert_eq!((file, error.kind()), ("environ", std::io::ErrorKind::PermissionDenied)),
        }
    }
    search(&deployment);
    assert_eq!(deployment.stop(), Some(0));
    search(&deployment);
}

/// No file holds the value, in any of its spellings; no file of the store holds the name.
fn search(deployment: &Deployment) {
    let text = String::from_utf8_lossy(CANARY).into_owned();
    let hex: String = CANARY.iter().map(|byte| format!("{byte:02x}")).collect();
    let spellings = [text, "Y2FuYXJ5LXZhbHVlLTQ3MTE".into(), hex.clone(), hex.to_uppercase()];
    assert_eq!(holding(deployment.folder.path(), &spellings), "");
    for file in ["store.db", "store.db-wal"] {
        let path = deployment.path("data").join(file);
        if path.exists() {
            assert_eq!(holding(&path, &[CANARY_NAME.into()]), "");
        }
    }
    // The trail is meant to show names: so the search does find what is there.
    assert_ne!(holding(&deployment.path("data/audit"), &[CANARY_NAME.into()]), "");
}

/// The files below `place` that hold one of these texts.
fn holding(place: &Path, texts: &[String]) -> String {
    let mut grep = std::process::Command::new("grep");
    grep.args(["--recursive", "--devices=skip", "--text", "--fixed-strings", "--files-with-matches"]);
    for text in texts {
        grep.args(["-e", text]);
    }
    let output = grep.arg(place).output().unwrap();
    assert!(output.status.code() <= Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn files_are_for_the_account_alone_whatever_the_umask() {
    let deployment = Deployment::new();
    // The shell sets the umask and becomes the server.
    let folder = deployment.path("data");
    let mut shell = deployment.command("/bin/sh");
    shell.args(["-c", "umask 000; exec strongroom serve --json --data \"$DATA\""]);
    let mut server = shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stdout.take().unwrap()), &mut line).unwrap();
    assert!(line.contains("\"ready\":true"), "{line}");
    for place in [folder, deployment.path("anchor"), deployment.path("account"), deployment.path("machine")] {
        walk(&place, &mut |path| {
            let mode = std::fs::symlink_metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        });
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

fn holds(content: &[u8], wanted: &[u8]) -> bool {
    content.windows(wanted.len()).any(|window| window == wanted)
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            visit(&entry.path());
            walk(&entry.path(), visit);
        } else {
            visit(&entry.path());
        }
    }
}
