//! Start and stop: doors, what is under way, and what a dead server left behind.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;

use strongroom_api::WireSecret;
use strongroom_api::protector::{AddRequest, Kind};
use strongroom_api::status::StatusRequest;
use strongroom_client::{Client, ClientError, Target};
use strongroom_secret::SecretBytes;
use strongroom_server::{Server, Settings};

use crate::raw::{exchange, request, socket};
use crate::site::{Folders, Site};

/// A request that takes its time: it derives a key from a password.
pub fn slow() -> AddRequest {
    let password = SecretBytes::from_slice(b"four plain words here");
    AddRequest { password_base64: Some(WireSecret::new(password)), ..AddRequest::of(Kind::Password) }
}

/// Waits until so many requests are worked on.
pub async fn until_working(site: &Site, count: u32) {
    let line = format!("\nstrongroom_requests_in_flight {count}\n");
    let mut stream = socket(&site.folders.data()).await;
    loop {
        let metrics = exchange(&mut stream, &request("GET", "/metrics", &[], b"")).await;
        if String::from_utf8(metrics.body).unwrap().contains(&line) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_finished() {
    let site = Site::new().await;
    let client = site.local().await;
    let request = tokio::spawn(async move { client.call(&slow()).await });
    until_working(&site, 1).await;
    let folders = site.stop().await;
    assert_eq!(request.await.unwrap().unwrap().protector.kind, "password");
    for name in ["server.sock", "address"] {
        assert!(!folders.data().join(name).exists(), "{name}");
    }
    let refused = Client::connect(Target::Socket(folders.data())).await.unwrap_err();
    assert!(matches!(refused, ClientError::Unreachable { .. }), "{refused:?}");
    assert_eq!(refused.exit_code(), 6);
    assert!(refused.fix().contains("strongroom serve"), "{}", refused.fix());
}

#[tokio::test]
async fn idle_connections_do_not_hold_a_stop_up() {
    let site = Site::new().await;
    let idle = site.local().await;
    idle.call(&StatusRequest {}).await.unwrap();
    let mut plain = socket(&site.folders.data()).await;
    assert_eq!(exchange(&mut plain, &request("GET", "/health/live", &[], b"")).await.status, 200);
    let began = std::time::Instant::now();
    site.stop().await;
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_socket_of_a_dead_server_is_replaced() {
    let folders = Folders::new();
    let keeper = folders.keeper();
    let path = folders.data().join("server.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let server = Server::start(keeper, Settings::new(folders.data())).await.unwrap();
    let client = Client::connect(Target::Socket(folders.data())).await.unwrap();
    client.call(&StatusRequest {}).await.unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert!(server.addresses().tcp.is_none() && server.addresses().spki_pin.is_none());
    server.stop().await;
}

/// The path of a socket may have 108 bytes; a data directory may have more.
#[tokio::test]
async fn a_long_path_is_no_hindrance() {
    let folders = Folders::with_data(&"long".repeat(40));
    let server = Server::start(folders.keeper(), Settings::new(folders.data())).await.unwrap();
    let client = Client::connect(Target::Socket(folders.data())).await.unwrap();
    client.call(&StatusRequest {}).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn the_service_manager_is_told() {
    let folders = Folders::new();
    let path = folders.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let settings = Settings { notify_socket: Some(path.into_os_string()), ..Settings::new(folders.data()) };
    let server = Server::start(folders.keeper(), settings).await.unwrap();
    let told = || {
        let mut buffer = [0; 64];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    assert_eq!(told(), "READY=1");
    server.stop().await;
    assert_eq!(told(), "STOPPING=1");
}
