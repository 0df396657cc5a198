//! PostgreSQL itself, asked what it makes of a text.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use strongroom_testkit::postgres::Postgres;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// A server of a test's own, and a superuser's connection to it.
pub struct Oracle {
    client: Client,
    runtime: Runtime,
    /// Where the server writes and reads files of `COPY`.
    folder: tempfile::TempDir,
    pub postgres: Postgres,
}

/// How PostgreSQL refused something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub sqlstate: String,
    pub message: String,
    /// In characters, from 1.
    pub position: Option<usize>,
}

/// What came back from a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The names of the columns of the last row.
    pub names: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
    /// How many statements were done.
    pub statements: usize,
}

impl Oracle {
    /// Starts one; without PostgreSQL it says so and there is none.
    pub fn start(test: &str) -> Option<Oracle> {
        let postgres = match Postgres::start() {
            Ok(postgres) => postgres,
            Err(why) => {
                println!("not run: {test}: {why}");
                return None;
            }
        };
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let dsn = postgres.dsn("postgres", "postgres");
        let (client, connection) = runtime.block_on(tokio_postgres::connect(&dsn, NoTls)).unwrap();
        runtime.spawn(connection);
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        Some(Oracle { client, runtime, folder, postgres })
    }

    /// Runs a text by the simple protocol.
    pub fn run(&self, sql: &str) -> Result<Answer, Refused> {
        let messages = self.runtime.block_on(self.client.simple_query(sql)).map_err(refused)?;
        let mut answer = Answer::default();
        for message in messages {
            match message {
                SimpleQueryMessage::Row(row) => {
                    answer.names = row.columns().iter().map(|column| column.name().to_owned()).collect();
                    answer.rows.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
                }
                SimpleQueryMessage::CommandComplete(_) => answer.statements += 1,
                _ => {}
            }
        }
        Ok(answer)
    }

    /// The only value that a text gives.
    pub fn value(&self, sql: &str) -> String {
        self.run(sql).unwrap().rows.remove(0).remove(0).unwrap()
    }

    /// The OIDs of the parameters of a statement that is described and not run.
    pub fn describe(&self, sql: &str) -> Result<Vec<u32>, Refused> {
        let statement = self.runtime.block_on(self.client.prepare(sql)).map_err(refused)?;
        Ok(statement.params().iter().map(tokio_postgres::types::Type::oid).collect())
    }

    /// Copies a stream into a table; `target` is what stands between `COPY` and `FROM`.
    pub fn copy_in(&self, target: &str, stream: &[u8], options: &str) -> Result<(), Refused> {
        let file = self.folder.path().join("in");
        fs::write(&file, stream).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        self.run(&format!("COPY {target} FROM '{}' {options}", file.display())).map(|_| ())
    }

    /// Copies a table or query out.
    pub fn copy_out(&self, source: &str, options: &str) -> Vec<u8> {
        let file = self.folder.path().join("out");
        self.run(&format!("COPY {source} TO '{}' {options}", file.display())).unwrap();
        fs::read(&file).unwrap()
    }
}

fn refused(error: tokio_postgres::Error) -> Refused {
    let error = error.as_db_error().unwrap_or_else(|| panic!("{error}"));
    let position = match error.position() {
        Some(ErrorPosition::Original(position)) => usize::try_from(*position).ok(),
        _ => None,
    };
    Refused { sqlstate: error.code().code().to_owned(), message: error.message().to_owned(), position }
}
