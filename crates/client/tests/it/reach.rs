//! Servers that are not there, or that say nothing.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use strongroom_api::status::StatusRequest;
use strongroom_client::{Client, ClientError, Patience, Target, Trust};

use crate::fake::{Identity, connect, serve};

const HURRIED: Patience = Patience { connect: Duration::from_millis(200), reply: Duration::from_millis(200) };

fn check_unreachable(refused: &ClientError, fix: &str) {
    assert!(matches!(refused, ClientError::Unreachable { .. }), "{refused:?}");
    assert_eq!(refused.exit_code(), 6);
    assert!(refused.fix().contains(fix), "{}", refused.fix());
}

#[tokio::test]
async fn no_directory_no_socket_no_server() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_owned();
    let missing = Client::connect(Target::Socket(data.join("none"))).await.unwrap_err();
    check_unreachable(&missing, "strongroom serve");
    let empty = Client::connect(Target::Socket(data.clone())).await.unwrap_err();
    check_unreachable(&empty, "strongroom serve");
    drop(UnixListener::bind(data.join("server.sock")).unwrap());
    let dead = Client::connect(Target::Socket(data)).await.unwrap_err();
    check_unreachable(&dead, "strongroom serve");
    assert!(dead.to_string().contains("server.sock"), "{dead}");
}

#[tokio::test]
async fn nobody_listens() {
    let address = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap()
    };
    let trust = Some(Trust::Pin(Identity::new("127.0.0.1").pin()));
    check_unreachable(&connect(address, trust, Patience::default()).await.unwrap_err(), "check the address");
}

#[tokio::test]
async fn something_else_listens() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let other = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail.example.net ESMTP\r\n").await.unwrap();
        stream
    });
    let trust = Some(Trust::Pin(Identity::new("127.0.0.1").pin()));
    check_unreachable(&connect(address, trust, Patience::default()).await.unwrap_err(), "check the address");
    other.await.unwrap();
}

#[tokio::test]
async fn nobody_answers_the_handshake() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let trust = Some(Trust::Pin(Identity::new("127.0.0.1").pin()));
    let late = connect(listener.local_addr().unwrap(), trust, HURRIED).await.unwrap_err();
    assert!(matches!(late, ClientError::TimedOut { .. }), "{late:?}");
    assert_eq!(late.exit_code(), 6);
}

#[tokio::test]
async fn nobody_answers_the_request() {
    let server = Identity::new("127.0.0.1");
    let (address, _seen) = serve(&server.certificate, &server.key).await;
    let client = connect(address, Some(Trust::Pin(server.pin())), HURRIED).await.unwrap();
    let late = client.call(&StatusRequest {}).await.unwrap_err();
    assert!(matches!(late, ClientError::TimedOut { .. }), "{late:?}");
    assert!(late.fix().contains("may or may not be done"), "{}", late.fix());
}
