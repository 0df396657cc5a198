//! TLS: nothing is sent to a server that is not recognised.

use std::path::Path;

use strongroom_api::status::StatusRequest;
use strongroom_api::token::Role;
use strongroom_client::{ClientError, Pin, Trust};
use strongroom_server::{CertificateFiles, Server, Settings, StartError, TlsError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::site::{Folders, Site};

fn certificate(data: &Path) -> Vec<u8> {
    std::fs::read(data.join("tls/certificate.pem")).unwrap()
}

#[tokio::test]
async fn recognised_by_pin_or_by_certificate() {
    let site = Site::new().await;
    let token = site.token(Role::Read).await;
    for trust in [Trust::Pin(site.pin()), Trust::Ca(certificate(&site.folders.data()))] {
        let client = site.remote_trusting(&token, Some(trust)).await.unwrap();
        client.call(&StatusRequest {}).await.unwrap();
    }
    site.stop().await;
}

#[tokio::test]
async fn not_recognised() {
    let site = Site::new().await;
    let other = Site::new().await;
    let token = site.token(Role::Read).await;
    let mut pin = site.pin();
    pin.0[31] ^= 1;
    for trust in [Trust::Pin(pin), Trust::Pin(other.pin()), Trust::Ca(certificate(&other.folders.data()))] {
        let refused = site.remote_trusting(&token, Some(trust)).await.unwrap_err();
        assert!(matches!(refused, ClientError::Distrusted { .. }), "{refused:?}");
        assert_eq!(refused.exit_code(), 7);
    }
    let refused = site.remote_trusting(&token, None).await.unwrap_err();
    assert!(matches!(refused, ClientError::NoTrust { .. }), "{refused:?}");
    assert!(refused.fix().contains("STRONGROOM_PIN"));
    // None of them got as far as a request.
    let metrics = crate::raw::request("GET", "/metrics", &[], b"");
    let metrics = crate::raw::exchange(&mut crate::raw::tls(&site).await, &metrics).await;
    assert!(!String::from_utf8(metrics.body).unwrap().contains("operation=\"status\""));
    other.stop().await;
    site.stop().await;
}

#[tokio::test]
async fn the_pin_survives_a_restart() {
    let site = Site::new().await;
    let pin = site.pin();
    let site = site.stop().await.start().await;
    assert_eq!(site.pin(), pin);
    site.stop().await;
}

#[tokio::test]
async fn plain_http_is_not_answered() {
    let site = Site::new().await;
    let mut stream = TcpStream::connect(site.address()).await.unwrap();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answered = Vec::new();
    let _ = stream.read_to_end(&mut answered).await;
    assert!(!answered.starts_with(b"HTTP/"), "{}", answered.escape_ascii());
    let token = site.token(Role::Read).await;
    site.remote(&token).await.unwrap().call(&StatusRequest {}).await.unwrap();
    site.stop().await;
}

#[tokio::test]
async fn a_certificate_that_was_given_is_shown() {
    let site = Site::new().await;
    let (given, folders) = (site.folders.data().join("tls"), Folders::new());
    let pin = site.pin();
    let listen = Some(site.address()).map(|mut address| {
        address.set_port(0);
        address
    });
    let files =
        CertificateFiles { certificate: given.join("certificate.pem"), private_key: given.join("private-key.pem") };
    let settings = Settings { listen, certificate: Some(files.clone()), ..Settings::new(folders.data()) };
    let server = Server::start(folders.keeper(), settings.clone()).await.unwrap();
    assert_eq!(Pin::parse(server.addresses().spki_pin.as_deref().unwrap()), Ok(pin));
    assert!(!folders.data().join("tls").exists());
    server.stop().await;

    let swapped = CertificateFiles { certificate: files.private_key.clone(), private_key: files.certificate };
    let settings = Settings { certificate: Some(swapped), ..settings };
    let keeper = folders.keeper();
    let refused = Server::start(keeper.clone(), settings).await.unwrap_err();
    assert!(matches!(refused, StartError::Tls(TlsError::Pem { .. })), "{refused}");
    keeper.stop();
    site.stop().await;
}

#[tokio::test]
async fn a_wrong_token_text_is_refused_before_anything_is_sent() {
    let site = Site::new().await;
    let refused = site.remote("srt_with\nline").await.unwrap_err();
    assert!(matches!(refused, ClientError::Token), "{refused:?}");
    site.stop().await;
}
