//! A real PostgreSQL of a test's own: in its own folder, on its own port, stopped by its handle.
//!
//! ```no_run
//! use strongroom_testkit::postgres::Postgres;
//!
//! let postgres = match Postgres::start() {
//!     Ok(postgres) => postgres,
//!     Err(why) => return println!("not run: name_of_the_test: {why}"),
//! };
//! postgres.psql("postgres", "create table t (a int)").unwrap();
//! let url = postgres.dsn("postgres", "postgres");
//! ```

mod account;
mod cluster;

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use account::Account;
use cluster::Cluster;

/// A running server with the superuser `postgres`. Every statement is in its log; nothing is synced to the disk, so that it is
/// fast, unless the test asks for that.
pub struct Postgres {
    server: Child,
    port: u16,
    cluster: Cluster,
    // Dropped after the server has ended.
    folder: TempDir,
}

impl Postgres {
    /// Starts one.
    ///
    /// # Errors
    /// Why it cannot be run here, as words for `not run: NAME: why`.
    pub fn start() -> Result<Self, String> {
        Self::start_with(&[])
    }

    /// Starts one with these settings beside the usual ones, e.g. `("fsync", "on")`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(settings: &[(&str, &str)]) -> Result<Self, String> {
        let programs = programs()?;
        let account = Account::for_server()?;
        let folder = tempfile::tempdir().map_err(|error| format!("making a folder: {error}"))?;
        account.own(folder.path())?;
        let cluster = Cluster::create(programs, account, folder.path())?;
        let mut why = String::new();
        // Between looking for a free port and taking it somebody else may have it.
        for _ in 0..TRIES {
            let port = free_port()?;
            match run(&cluster, folder.path(), port, settings) {
                Ok(server) => return Ok(Self { server, port, cluster, folder }),
                Err(ended) => why = ended,
            }
            if !why.contains("Address already in use") {
                break;
            }
        }
        Err(why)
    }

    /// A standby of this one, which replays what is written here.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn standby(&self) -> Result<Self, String> {
        let account = Account::for_server()?;
        let folder = tempfile::tempdir().map_err(|error| format!("making a folder: {error}"))?;
        account.own(folder.path())?;
        let (programs, data) = (self.cluster.programs.clone(), folder.path().join("data"));
        let mut backup = account.command(&programs.join("pg_basebackup"));
        let port = self.port.to_string();
        backup.args(["--no-sync", "--checkpoint=fast", "--write-recovery-conf", "-h", "127.0.0.1", "-p", &port]);
        backup.args(["-U", cluster::SUPERUSER, "-D"]).arg(&data).env("PGPASSWORD", self.password());
        let output = backup.current_dir(folder.path()).stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("pg_basebackup: {error}"))?;
        if !output.status.success() {
            return Err(format!("pg_basebackup failed: {}", String::from_utf8_lossy(&output.stderr).trim_end()));
        }
        let cluster = Cluster { programs, account, data, password: self.password().to_owned() };
        let port = free_port()?;
        let server = run(&cluster, folder.path(), port, &[])?;
        Ok(Self { server, port, cluster, folder })
    }

    /// `postgres://USER:PASSWORD@127.0.0.1:PORT/DATABASE`, with the password of the superuser; tests give it to their roles too.
    pub fn dsn(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}:{}@127.0.0.1:{}/{database}", self.password(), self.port)
    }

    /// The port at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of the superuser: letters and digits, another one in every build directory.
    pub fn password(&self) -> &str {
        &self.cluster.password
    }

    /// Where the Unix socket `.s.PGSQL.PORT` lies.
    pub fn socket_dir(&self) -> &Path {
        self.folder.path()
    }

    /// Where the server keeps everything, the write-ahead log too (`pg_wal`).
    pub fn data_dir(&self) -> PathBuf {
        self.cluster.data.clone()
    }

    /// What the server has logged so far: every statement before it is executed.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join(LOG)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The process of the server.
    pub fn pid(&self) -> u32 {
        self.server.id()
    }

    /// A program that came with this PostgreSQL (`pg_dump`, `pgbench`), with an environment that leads it here as the superuser.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.cluster.programs.join(program));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("LC_ALL", "C.UTF-8")
            .env("PGHOST", self.folder.path())
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", cluster::SUPERUSER)
            .env("PGPASSWORD", self.password())
            .current_dir(self.folder.path());
        command
    }

    /// Any program, run as the account of the server, which is never root.
    pub fn command_as_server(&self, program: &Path) -> Command {
        self.cluster.account.command(program)
    }

    /// Runs a script as the superuser; what it prints: a row in each line, `|` between columns.
    ///
    /// # Errors
    /// What psql says, when a statement fails; those after it are not run.
    pub fn psql(&self, database: &str, script: &str) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new_in(self.folder.path()).map_err(|error| error.to_string())?;
        std::fs::write(file.path(), script).map_err(|error| error.to_string())?;
        let output = self
            .command("psql")
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-f"])
            .arg(file.path())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("psql: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        end(&mut self.server);
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Postgres").field("port", &self.port).finish_non_exhaustive()
    }
}

/// The folder of the programs of the newest PostgreSQL that is installed.
fn programs() -> Result<PathBuf, String> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").map_err(|_| "PostgreSQL is not installed".to_owned())?;
    installed
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
            let programs = path.join("bin");
            programs.join("initdb").exists().then_some((version, programs))
        })
        .max()
        .map(|(_, programs)| programs)
        .ok_or_else(|| "no PostgreSQL below /usr/lib/postgresql has an initdb".to_owned())
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("finding a free port: {error}"))?;
    Ok(listener.local_addr().map_err(|error| format!("finding a free port: {error}"))?.port())
}

/// Starts the server and waits until it takes connections.
fn run(cluster: &Cluster, folder: &Path, port: u16, settings: &[(&str, &str)]) -> Result<Child, String> {
    let failed = |error: std::io::Error| format!("starting PostgreSQL: {error}");
    let log = File::create(folder.join(LOG)).map_err(failed)?;
    let ready = folder.join(format!("ready-{port}"));
    let readiness = UnixDatagram::bind(&ready).map_err(failed)?;
    readiness.set_read_timeout(Some(LOOK)).map_err(failed)?;
    cluster.account.own(&ready)?;

    let mut command = cluster.account.command(&cluster.programs.join("postgres"));
    command.arg("-D").arg(&cluster.data).env("NOTIFY_SOCKET", &ready);
    let port_text = port.to_string();
    let folder_text = folder.display().to_string();
    let own = [("port", port_text.as_str()), ("unix_socket_directories", folder_text.as_str())];
    for (name, value) in USUAL.iter().chain(&own).chain(settings) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    let mut server =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).current_dir(folder).spawn().map_err(failed)?;
    match wait_until_ready(&mut server, &readiness, &cluster.data) {
        Ok(()) => Ok(server),
        Err(why) => {
            end(&mut server);
            let log = std::fs::read_to_string(folder.join(LOG)).unwrap_or_default();
            Err(format!("{why}: {}", log.trim_end()))
        }
    }
}

/// PostgreSQL that is built for systemd says that it is ready; of others the state stands in their pid file.
fn wait_until_ready(server: &mut Child, readiness: &UnixDatagram, data: &Path) -> Result<(), String> {
    let begun = Instant::now();
    let mut message = [0; 256];
    while begun.elapsed() < PATIENCE {
        let said = readiness.recv(&mut message).ok().and_then(|length| message.get(..length));
        if said.is_some_and(|said| said.split(|byte| *byte == b'\n').any(|line| line == b"READY=1")) {
            return Ok(());
        }
        let file = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        if file.lines().nth(7).is_some_and(|state| state.trim() == "ready") {
            return Ok(());
        }
        if let Ok(Some(status)) = server.try_wait() {
            return Err(format!("PostgreSQL ended at once ({status})"));
        }
    }
    Err(format!("PostgreSQL was not ready within {} seconds", PATIENCE.as_secs()))
}

/// Ends the server and its processes at once; what it holds in shared memory is released.
fn end(server: &mut Child) {
    let pid = i32::try_from(server.id()).ok().and_then(rustix::process::Pid::from_raw);
    // Until it is waited for its number belongs to nobody else.
    let asked = pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::QUIT).is_ok());
    if !asked {
        let _gone = server.kill();
    }
    let _status = server.wait();
}

const LOG: &str = "postgresql.log";
const TRIES: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether the server has ended instead.
const LOOK: Duration = Duration::from_millis(50);

const USUAL: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("fsync", "off"),
    ("log_statement", "all"),
    ("log_destination", "stderr"),
    ("logging_collector", "off"),
    ("lc_messages", "C"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("password_encryption", "scram-sha-256"),
    ("max_wal_size", "4GB"),
    // Proxies and poolers beside direct sessions.
    ("max_connections", "300"),
];

#[cfg(test)]
#[allow(clippy::print_stdout, reason = "a test says why it was not run")]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_logs_what_it_was_asked_and_ends_with_its_handle() {
        let postgres = match Postgres::start_with(&[("work_mem", "5MB")]) {
            Ok(postgres) => postgres,
            Err(why) => return println!("not run: a_server_answers_logs_what_it_was_asked: {why}"),
        };
        assert_eq!(postgres.psql("postgres", "select 40 + 2, 'a'; show work_mem").unwrap(), "42|a\n5MB");
        assert!(postgres.log().contains("select 40 + 2, 'a'"));
        assert!(postgres.psql("postgres", "select nothing").unwrap_err().contains("\"nothing\" does not exist"));
        let url = postgres.dsn("postgres", "postgres");
        let by_url = postgres.command("psql").args(["-XAtc", "select 7", &url]).output().unwrap();
        assert_eq!(String::from_utf8(by_url.stdout).unwrap(), "7\n");
        let (pid, folder) = (postgres.pid(), postgres.socket_dir().to_owned());
        drop(postgres);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        assert!(!folder.exists());
    }
}
