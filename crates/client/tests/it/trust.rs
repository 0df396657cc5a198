//! Nothing is sent to a server that is not recognised.

use std::net::{Ipv4Addr, TcpListener};

use strongroom_client::{Client, ClientError, Patience, Target, Trust};
use strongroom_secret::AccessToken;

use crate::fake::{Identity, Seen, connect, serve};

async fn check_distrusted(shown: &Identity, signing: &Identity, trust: Trust) {
    let (address, seen) = serve(&shown.certificate, &signing.key).await;
    let refused = connect(address, Some(trust), Patience::default()).await.unwrap_err();
    assert!(matches!(refused, ClientError::Distrusted { .. }), "{refused:?}");
    assert_eq!(refused.exit_code(), 7);
    assert!(refused.to_string().contains("nothing was sent"), "{refused}");
    assert_eq!(seen.await.unwrap(), Seen::NoHandshake);
}

#[tokio::test]
async fn without_anything_to_recognise_it_by_no_connection_is_made() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let refused = connect(listener.local_addr().unwrap(), None, Patience::default()).await.unwrap_err();
    assert!(matches!(refused, ClientError::NoTrust { .. }), "{refused:?}");
    assert_eq!(refused.exit_code(), 2);
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn another_key_than_the_pinned_one() {
    let (server, pinned) = (Identity::new("127.0.0.1"), Identity::new("127.0.0.1"));
    check_distrusted(&server, &server, Trust::Pin(pinned.pin())).await;
}

/// Who copied the certificate, which is public, has not the key.
#[tokio::test]
async fn the_pinned_certificate_without_its_key() {
    let (pinned, thief) = (Identity::new("127.0.0.1"), Identity::new("127.0.0.1"));
    check_distrusted(&pinned, &thief, Trust::Pin(pinned.pin())).await;
    check_distrusted(&pinned, &thief, Trust::Ca(pinned.pem.clone().into_bytes())).await;
}

#[tokio::test]
async fn another_certificate_or_another_name_than_the_trusted_one() {
    let (server, trusted) = (Identity::new("127.0.0.1"), Identity::new("127.0.0.1"));
    check_distrusted(&server, &server, Trust::Ca(trusted.pem.into_bytes())).await;
    let elsewhere = Identity::new("vault.example.net");
    check_distrusted(&elsewhere, &elsewhere, Trust::Ca(elsewhere.pem.clone().into_bytes())).await;
}

#[tokio::test]
async fn the_right_server_is_spoken_to() {
    let server = Identity::new("127.0.0.1");
    for trust in [Trust::Pin(server.pin()), Trust::Ca(server.pem.clone().into_bytes())] {
        let (address, seen) = serve(&server.certificate, &server.key).await;
        drop(connect(address, Some(trust), Patience::default()).await.unwrap());
        // The preface of HTTP/2 (RFC 9113, section 3.4) has 24 bytes.
        assert!(matches!(seen.await.unwrap(), Seen::Bytes(24..)));
    }
}

#[tokio::test]
async fn what_is_no_certificate_cannot_be_trusted() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let trust = Some(Trust::Ca(pem.as_bytes().to_vec()));
        let refused = connect(listener.local_addr().unwrap(), trust, Patience::default()).await.unwrap_err();
        assert!(matches!(refused, ClientError::Trust { .. }), "{pem}: {refused:?}");
        assert_eq!(refused.exit_code(), 2);
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err());
}

#[tokio::test]
async fn no_error_shows_the_token() {
    let target = Target::Tcp {
        address: "http://127.0.0.1:1".to_owned(),
        token: AccessToken::from_text("srt_CANARY".to_owned()),
        trust: None,
    };
    assert!(!format!("{target:?}").contains("CANARY"));
    let refused = Client::connect(target).await.unwrap_err();
    assert!(matches!(refused, ClientError::Address { .. }), "{refused:?}");
    assert!(!format!("{refused:?}").contains("CANARY"));
}
