//! `coverage` tells what the running server keeps, not what it was meant to keep; `doctor` warns when something lies in clear.

use strongroom_api::WireSecret;
use strongroom_api::coverage::{Area, CoverageRequest};
use strongroom_api::doctor::DoctorRequest;
use strongroom_api::secret::{ImportRequest, ImportRow};
use strongroom_api::transaction::BeginRequest;
use strongroom_client::Client;
use strongroom_secret::SecretBytes;
use strongroom_server::{Encrypt, Server, Settings};

use crate::site::{Folders, Site};

async fn areas(client: &Client) -> Vec<Area> {
    client.call(&CoverageRequest {}).await.unwrap().areas
}

fn area<'a>(areas: &'a [Area], what: &str) -> &'a Area {
    areas.iter().find(|area| area.what.starts_with(what)).unwrap_or_else(|| panic!("no area {what} in {areas:?}"))
}

fn secret(text: &str) -> WireSecret {
    WireSecret::new(SecretBytes::from_slice(text.as_bytes()))
}

#[tokio::test]
async fn what_is_in_clear_is_said_with_its_reason() {
    let site = Site::new().await;
    let client = site.local().await;
    let before = areas(&client).await;
    assert_eq!(area(&before, "values of secrets").kept, "encrypted");
    assert_eq!(area(&before, "values of secrets").items, Some(0));
    for what in
        ["audit trail", "settings of the class queue", "settings of the class client", "settings of the class audit"]
    {
        let found = area(&before, what);
        assert!(found.kept == "clear" && found.why.len() > 20 && found.as_it_should_be, "{found:?}");
    }
    assert!(area(&before, "root key").key.contains("account"));
    let metadata = std::collections::BTreeMap::new();
    let row = ImportRow { name: "ftp/acme".into(), value_base64: secret("x"), encrypted: false, metadata };
    client.call(&ImportRequest { rows: vec![row], clear: true }).await.unwrap();
    client.secret_put("ftp/other", SecretBytes::from_slice(b"x")).await.unwrap();
    let after = areas(&client).await;
    let secrets = area(&after, "values of secrets");
    assert_eq!((secrets.kept.as_str(), secrets.items, secrets.clear), ("partly", Some(2), 1));
    assert!(!secrets.as_it_should_be && secrets.why.contains("strongroom convert"), "{secrets:?}");
    site.stop().await;
}

#[tokio::test]
async fn transactions_in_clear_are_counted_and_a_finding_once_all_shall_be_encrypted() {
    let folders = Folders::new();
    let settings = |encrypt| Settings { transactions_encrypt: encrypt, ..Settings::new(folders.data()) };
    let keeper = folders.keeper();
    let server = Server::start(keeper.clone(), settings(Encrypt::Marked)).await.unwrap();
    let client = Client::connect(strongroom_client::Target::Socket(folders.data())).await.unwrap();
    for document in ["<request/>", "<request><procedure name=\"x\" sensitive=\"1\"/></request>"] {
        client.call(&BeginRequest { document_base64: secret(document) }).await.unwrap();
    }
    let found = areas(&client).await;
    let transactions = area(&found, "transactions");
    assert_eq!((transactions.kept.as_str(), transactions.items, transactions.clear), ("partly", Some(2), 1));
    assert!(transactions.as_it_should_be && transactions.why.contains("not marked as sensitive"), "{transactions:?}");
    let findings = client.call(&DoctorRequest {}).await.unwrap().findings;
    assert!(!findings.iter().any(|finding| finding.code == "transactions_clear"), "{findings:?}");
    drop(client);
    server.stop().await;
    drop(keeper);

    let server = Server::start(folders.keeper(), settings(Encrypt::Always)).await.unwrap();
    let client = Client::connect(strongroom_client::Target::Socket(folders.data())).await.unwrap();
    let findings = client.call(&DoctorRequest {}).await.unwrap().findings;
    assert!(findings.iter().any(|finding| finding.code == "transactions_clear"), "{findings:?}");
    let found = areas(&client).await;
    assert_eq!(area(&found, "transactions").clear, 1);
    drop(client);
    server.stop().await;
}
