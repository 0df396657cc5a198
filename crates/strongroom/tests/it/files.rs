//! Files under a key as the program encrypts them, and values as an application does with data keys of a real server.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, mknodat};
use serde_json::Value;
use strongroom_api::key::{CreateRequest, Purpose, RotateRequest, StateRequest, Step};
use strongroom_client::{Context, LocalCipher, LocalError, LocalLimits};

use crate::deployment::Deployment;

/// Runs a shell command in the deployment; what it wrote on standard output.
fn shell(deployment: &Deployment, command: &str) -> String {
    let run = deployment.command("/bin/sh").args(["-c", command]).stdin(Stdio::null()).output().unwrap();
    assert!(run.status.success(), "{command}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

async fn create_key(deployment: &Deployment) {
    let request = CreateRequest {
        name: "orders".to_owned(),
        purpose: Purpose::Values,
        algorithm: None,
        rotation_period_seconds: None,
        usage_limit: None,
    };
    deployment.client().await.call(&request).await.unwrap();
}

fn names(deployment: &Deployment) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(deployment.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_file_larger_than_the_memory_allowed_goes_both_ways() {
    let mut deployment = Deployment::new();
    deployment.start();
    create_key(&deployment).await;
    // 320 MiB in a process that may have no more than 64 MiB of data.
    let limited = "ulimit -d 65536; head -c 335544321 /dev/zero";
    let encrypt = "strongroom --data $DATA key encrypt orders --in - --out sealed";
    shell(&deployment, &format!("{limited} | {encrypt}"));
    let decrypt = "ulimit -d 65536; strongroom --data $DATA key decrypt orders --in sealed --out opened --json";
    let told: Value = serde_json::from_str(&shell(&deployment, decrypt)).unwrap();
    assert_eq!(told["bytes"], 335_544_321);
    assert_eq!(
        shell(&deployment, "cmp opened /dev/zero 2>&1 || true").trim(),
        "cmp: EOF on opened after byte 335544321, in line 1"
    );
}

#[tokio::test]
async fn a_killed_decryption_leaves_no_plaintext() {
    let mut deployment = Deployment::new();
    let nameless = OFlags::TMPFILE | OFlags::WRONLY;
    if let Err(error) = rustix::fs::open(deployment.folder.path(), nameless, Mode::RUSR) {
        return println!("not run: a_killed_decryption_leaves_no_plaintext: no files without a name here: {error}");
    }
    deployment.start();
    create_key(&deployment).await;
    shell(&deployment, "head -c 8000000 /dev/zero > plain");
    shell(&deployment, "strongroom --data $DATA key encrypt orders --in plain --out sealed; rm plain");
    let sealed = std::fs::read(deployment.path("sealed")).unwrap();
    let before = names(&deployment);

    let fifo = deployment.path("fifo");
    mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut command = deployment.command(&deployment.program);
    command
        .args(["key", "decrypt", "orders", "--in", "fifo", "--out", "opened", "--data"])
        .arg(deployment.path("data"));
    let mut decrypting = command.stdin(Stdio::null()).spawn().unwrap();
    // When all but the end has been taken, most of the plaintext has been written.
    let mut writer = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    writer.write_all(&sealed[..sealed.len() - 1]).unwrap();
    decrypting.kill().unwrap();
    decrypting.wait().unwrap();
    drop(writer);
    std::fs::remove_file(&fifo).unwrap();
    assert_eq!(names(&deployment), before);
}

#[tokio::test]
async fn an_application_encrypts_with_data_keys_of_the_server() {
    let mut deployment = Deployment::new();
    deployment.start();
    create_key(&deployment).await;
    let context = Context::new([("tenant", "7")]).unwrap();
    let new = async || LocalCipher::new(deployment.client().await, "orders", LocalLimits::default());
    let (one, other) = (new().await, Arc::new(new().await));
    let mut values = Vec::new();
    for n in 0..100_u8 {
        values.push(one.encrypt_text(&context, &[n; 40]).await.unwrap());
    }
    let tasks: Vec<_> = (0_u8..)
        .zip(values.clone())
        .map(|(n, value)| {
            let (cipher, context) = (Arc::clone(&other), context.clone());
            tokio::spawn(async move { (n, cipher.decrypt_text(&context, &value).await) })
        })
        .collect();
    for task in tasks {
        let (n, opened) = task.await.unwrap();
        assert_eq!(opened.unwrap().expose(), [n; 40]);
    }
    let stranger = Context::new([("tenant", "8")]).unwrap();
    let refused = other.decrypt_text(&stranger, &values[0]).await.unwrap_err();
    let LocalError::DataKey { source } = refused else { panic!("{refused}") };
    assert_eq!(source.exit_code(), 7, "{source}");
    // One call to encrypt, one to decrypt, one in vain: so says the audit trail.
    let trail = shell(&deployment, "strongroom --data $DATA audit tail --json");
    let lines = |operation: &str| trail.matches(operation).count();
    assert_eq!((lines("key.datakey"), lines("key.decrypt")), (1, 2), "{trail}");

    // What is cached goes on to work when the version is suspended, until it is forgotten.
    let client = deployment.client().await;
    let rotate = RotateRequest { name: "orders".to_owned(), no_reencrypt: false, expected_version: None, rate: None };
    client.call(&rotate).await.unwrap();
    let suspend = StateRequest { name: "orders".to_owned(), version: 1, step: Step::Suspend };
    client.call(&suspend).await.unwrap();
    other.decrypt_text(&context, &values[0]).await.unwrap();
    other.forget();
    let refused = other.decrypt_text(&context, &values[0]).await.unwrap_err();
    assert!(matches!(refused, LocalError::DataKey { .. }), "{refused}");
    let value = other.encrypt_text(&context, b"under version 2").await.unwrap();
    assert_eq!(one.decrypt_text(&context, &value).await.unwrap().expose(), b"under version 2");
}
