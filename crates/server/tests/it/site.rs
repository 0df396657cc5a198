//! One server over one keeper, in folders of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use strongroom_api::token::{IssueRequest, Role};
use strongroom_client::{Client, ClientError, Pin, Target, Trust};
use strongroom_keeper::journal::{Journal, Severity};
use strongroom_keeper::{Keeper, ProtectorSettings, Settings as KeeperSettings};
use strongroom_secret::AccessToken;
use strongroom_server::{Limits, Server, Settings};

/// Folders of one instance, gone with the value.
pub struct Folders {
    folder: tempfile::TempDir,
    data: String,
}

struct Silent;

impl Journal for Silent {
    fn event(&self, _severity: Severity, _code: &str, _message: &str) {}
}

impl Folders {
    pub fn new() -> Self {
        Self::with_data("data")
    }

    /// With another name for the data directory.
    pub fn with_data(data: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
        Self { folder, data: data.to_owned() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path(&self.data)
    }

    pub fn keeper(&self) -> Keeper {
        let settings = KeeperSettings {
            data: self.data(),
            anchor_directory: self.path("anchor"),
            audit_directory: None,
            protector: ProtectorSettings {
                account_dir: Some(self.path("account")),
                machine_dir: Some(self.path("machine")),
                machine_id_file: Some(self.path("machine-id")),
                ..ProtectorSettings::default()
            },
            machine_protector: true,
            node: "test".into(),
            root_id: None,
            deleted_retention_ms: 60_000,
            look_every: strongroom_keeper::LOOK_EVERY,
            workers: 2,
            journal: Arc::new(Silent),
        };
        Keeper::open(settings).unwrap().0
    }

    /// Starts a server on the socket and on a free port.
    pub async fn start(self) -> Site {
        self.start_with(Limits::default()).await
    }

    pub async fn start_with(self, limits: Limits) -> Site {
        let keeper = self.keeper();
        let listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let settings = Settings { listen, limits, ..Settings::new(self.data()) };
        let server = Server::start(keeper.clone(), settings).await.unwrap();
        Site { folders: self, keeper, server }
    }
}

/// A running server.
pub struct Site {
    pub folders: Folders,
    pub keeper: Keeper,
    pub server: Server,
}

impl Site {
    pub async fn new() -> Self {
        Folders::new().start().await
    }

    pub async fn with(limits: Limits) -> Self {
        Folders::new().start_with(limits).await
    }

    pub fn address(&self) -> SocketAddr {
        self.server.addresses().tcp.unwrap()
    }

    pub fn pin(&self) -> Pin {
        Pin::parse(self.server.addresses().spki_pin.as_deref().unwrap()).unwrap()
    }

    /// The administrator on the socket.
    pub async fn local(&self) -> Client {
        Client::connect(Target::Socket(self.folders.data())).await.unwrap()
    }

    /// Somebody on TCP.
    pub async fn remote(&self, token: &str) -> Result<Client, ClientError> {
        self.remote_trusting(token, Some(Trust::Pin(self.pin()))).await
    }

    pub async fn remote_trusting(&self, token: &str, trust: Option<Trust>) -> Result<Client, ClientError> {
        let token = AccessToken::from_text(token.to_owned());
        Client::connect(Target::Tcp { address: self.address().to_string(), token, trust }).await
    }

    /// A new token.
    pub async fn token(&self, role: Role) -> String {
        let issue = IssueRequest { role, expires_in_seconds: 3600, description: None };
        let issued = self.local().await.call(&issue).await.unwrap();
        issued.token.into_token().expose().to_owned()
    }

    /// The lines of the trail about one request.
    pub async fn trail(&self, request_id: &str) -> Vec<serde_json::Value> {
        let search =
            strongroom_api::audit::SearchRequest { request_id: Some(request_id.to_owned()), ..Default::default() };
        let found = self.local().await.call(&search).await.unwrap();
        found.lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Stops the server and hands the folders back for another start.
    pub async fn stop(self) -> Folders {
        self.server.stop().await;
        self.folders
    }
}
