//! `proxy`: clients of PostgreSQL see columns decrypted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use strongroom_client::{Client, ColumnKeys, Patience};
use strongroom_column::manifest::VerifyingKey;
use strongroom_column_pg::catalogue::{Loader, Memory, MemoryError};
use strongroom_column_pg::connect::Dsn;
use strongroom_column_pg::proxy::door::ClientTls;
use strongroom_column_pg::proxy::upstream::{Place, Upstream};
use strongroom_column_pg::proxy::{Proxy, Settings, StartError};
use strongroom_column_pg::session::Encryption;
use strongroom_secret::harden::{self, HardeningReport};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{self, ColumnEncryption};
use crate::command::Here;
use crate::failure::Failure;
use crate::target;

/// The role that the proxy logs in as when none is named.
const ROLE: &str = "strongroom_proxy";
/// How long the key server may take to be reached and to answer.
const PATIENCE: Patience = Patience { connect: Duration::from_secs(3), reply: Duration::from_secs(8) };

/// Runs the proxy until it is told to stop.
pub fn run(here: &Here<'_>, given: &cli::Proxy) -> Result<(), Failure> {
    if !given.listen.ip().is_loopback() && given.tls_certificate.is_none() && !given.dangerous_clear_text {
        return Err(Failure::usage(
            "clear values would cross the network: this address can be reached from other hosts, and there is no TLS",
            "give --tls-certificate and --tls-key, or listen at 127.0.0.1",
        ));
    }
    // Before there is anything in memory that a core file or another process should not show.
    let hardening = harden::process();
    let client = Client::at(target::target(here.global)?, PATIENCE)?;
    let settings = settings(given)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local("starting", error, "give this process more resources"))?;
    runtime.block_on(serve(here, given, settings, ColumnKeys::new(client), &hardening))
}

async fn serve(
    here: &Here<'_>,
    given: &cli::Proxy,
    settings: Settings,
    keys: ColumnKeys,
    hardening: &HardeningReport,
) -> Result<(), Failure> {
    let failed = |error| Failure::local("waiting for signals", error, "");
    let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut reload = signal(SignalKind::hangup()).map_err(failed)?;
    let proxy = Proxy::start(settings, Arc::new(keys))
        .await
        .map_err(|error| {
            let fix = match error {
                StartError::Listen { .. } => "free the address or choose another one",
                StartError::ListenLocally { .. } => {
                    "have --socket-dir name a folder that is there, that this account may write to and whose name is short, \
                     and end what listens there already"
                }
            };
            Failure::local("starting the proxy", error, fix)
        })?;
    tell(here, &proxy, hardening);
    loop {
        tokio::select! {
            _ = terminated.recv() => break,
            _ = interrupted.recv() => break,
            _ = reload.recv() => match client_tls(given) {
                Ok(tls) => {
                    proxy.reload(tls);
                    here.output.remark("reloaded: certificate, keys and catalogues");
                }
                // What was in use stays in use.
                Err(failure) => here.output.remark(&format!("not reloaded: {failure}")),
            },
        }
    }
    proxy.stop().await;
    Ok(())
}

fn tell(here: &Here<'_>, proxy: &Proxy, hardening: &HardeningReport) {
    let (address, metrics) = (proxy.address(), proxy.metrics_address());
    let json = json!({
        "ready": true,
        "address": address.to_string(),
        "socket": proxy.socket(),
        "metrics": metrics.map(|address| address.to_string()),
        "hardening": hardening.measures.iter().map(|measure| json!({
            "name": measure.name, "applied": measure.applied, "detail": measure.detail,
        })).collect::<Vec<_>>(),
    });
    here.output.answer(&json, || {
        let metrics = metrics.map_or_else(String::new, |address| format!("\n  metrics     http://{address}/metrics"));
        let socket = proxy.socket().map_or_else(String::new, |path| format!("\n  socket      {}", path.display()));
        let missing: String = hardening
            .missing()
            .map(|measure| format!("\n  NOT hardened {}: {}", measure.name, measure.detail))
            .collect();
        format!("strongroom proxy {}\n  listening   {address}{socket}{metrics}{missing}", env!("CARGO_PKG_VERSION"))
    });
}

fn settings(given: &cli::Proxy) -> Result<Settings, Failure> {
    let mut control = Dsn::parse(&given.upstream)
        .map_err(|error| Failure::usage(format!("--upstream: {error}"), "write postgres://ROLE@HOST:PORT"))?
        .or_user(ROLE);
    if let Some(file) = &given.password_file {
        control = control.with_password_file(file).map_err(|error| {
            Failure::local("reading the password of the proxy's role", error, "give a file with it")
        })?;
    } else if let Ok(password) = std::env::var("PGPASSWORD") {
        control = control.or_password(&password);
    }
    let name =
        given.name.clone().unwrap_or_else(|| format!("{}:{}", crate::settings::host_name(), given.listen.port()));
    let upstream = Upstream::of(&control);
    let memory = memory(given, &upstream.place)?;
    Ok(Settings {
        listen: given.listen,
        socket_folder: given.socket_dir.clone(),
        client_tls: client_tls(given)?,
        require_tls: given.require_tls,
        upstream,
        control,
        loader: Loader::new(manifest_key(&given.manifest_key)?).remembering(memory),
        encryption: match given.encryption {
            ColumnEncryption::Enabled => Encryption::Enabled,
            ColumnEncryption::ResultSetOnly => Encryption::ResultSetOnly,
            ColumnEncryption::Disabled => Encryption::Disabled,
        },
        key_time_to_live: Duration::from_secs(given.key_ttl),
        connections: given.max_connections,
        metrics: given.metrics,
        name,
    })
}

/// Which manifests were seen, without those that are to be forgotten.
fn memory(given: &cli::Proxy, place: &Place) -> Result<Memory, Failure> {
    let failed = |error: MemoryError| {
        let fix = "make it writable for this account; mend it, or remove it, which forgets what was seen; or name another one with --manifests-seen";
        Failure::local("remembering manifests", error, fix)
    };
    let memory = Memory::in_file(given.manifests_seen.clone().map_or_else(|| seen_file(place), Ok)?).map_err(failed)?;
    for name in &given.forget_manifest {
        if !memory.forget(name).map_err(failed)? {
            let fix =
                "give the database's name as clients do; leave --forget-manifest out when there is nothing to forget";
            return Err(Failure::usage(format!("no manifest of the database `{name}` was seen"), fix));
        }
    }
    Ok(memory)
}

/// In the state directory of the account; one for each server.
fn seen_file(place: &Place) -> Result<PathBuf, Failure> {
    let server = match place {
        Place::Tcp(host, port) => format!("{host}-{port}"),
        Place::Unix(path) => path.display().to_string(),
    };
    let kept = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-');
    let server: String = server.chars().map(|character| if kept(character) { character } else { '_' }).collect();
    let folder = crate::settings::state_directory().ok_or_else(|| {
        Failure::usage("there is no place to remember manifests in", "set --manifests-seen, XDG_STATE_HOME or HOME")
    })?;
    Ok(folder.join("strongroom").join(format!("manifests-seen-{server}.json")))
}

fn manifest_key(file: &Path) -> Result<VerifyingKey, Failure> {
    let fix = "write it with `strongroom key show columns-manifest --public-key`";
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::local(format!("reading {}", file.display()), error, fix))?;
    VerifyingKey::from_pem(&text).map_err(|error| Failure::local(format!("reading {}", file.display()), error, fix))
}

fn client_tls(given: &cli::Proxy) -> Result<Option<ClientTls>, Failure> {
    let (Some(certificate), Some(key)) = (&given.tls_certificate, &given.tls_key) else { return Ok(None) };
    let fix = "give a certificate and its private key in PEM that fit";
    ClientTls::read(certificate, key).map(Some).map_err(|error| Failure::local("reading the certificate", error, fix))
}
