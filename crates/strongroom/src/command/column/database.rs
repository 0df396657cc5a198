//! What commands on a database have in common: where it is, its password, files that list columns, failures.

use std::env;
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use strongroom_api::Code;
use strongroom_api::key::{CreateRequest, Purpose, ShowRequest};
use strongroom_client::{Client, ColumnKeys};
use strongroom_column_pg::connect::{Dsn, DsnError};
use strongroom_column_pg::enable::{Application, EnableError, Observer, Preflight, Progress, Target};

use super::server_keys::ServerKeys;
use crate::cli::{Database, Names};
use crate::failure::{Failure, exit};
use crate::output::Output;

/// The database, with a password from the file, the environment or the file of passwords.
pub fn dsn(database: &Database) -> Result<Dsn, Failure> {
    let wrong = |error: DsnError| Failure::usage(error.to_string(), "see `strongroom column --help`");
    let dsn = Dsn::parse(&database.dsn).map_err(wrong)?;
    if let Some(file) = &database.password_file {
        return dsn.with_password_file(file).map_err(wrong);
    }
    if let Ok(password) = env::var("PGPASSWORD") {
        return Ok(dsn.or_password(&password));
    }
    let file = env::var_os("PGPASSFILE").or_else(|| {
        let home = env::var_os("HOME")?;
        Some(Path::new(&home).join(".pgpass").into_os_string())
    });
    let text = file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    let wanted = dsn.place();
    match text.lines().find_map(|line| password(line, &wanted)) {
        Some(password) => Ok(dsn.or_password(&password)),
        None => Ok(dsn),
    }
}

/// The password of a line `host:port:database:user:password`, if it is for these; `*` is for all, `\` takes the next sign as it is.
fn password(line: &str, wanted: &[String; 4]) -> Option<String> {
    let mut fields = vec![String::new()];
    let mut signs = line.chars();
    while let Some(sign) = signs.next() {
        match sign {
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => fields.last_mut()?.extend(signs.next()),
            sign => fields.last_mut()?.push(sign),
        }
    }
    let [places @ .., password] = fields.as_slice() else { return None };
    let fits = places.len() == wanted.len()
        && places.iter().zip(wanted).all(|(place, wanted)| *place == "*" || place == wanted);
    (fits && !line.starts_with('#')).then(|| password.clone())
}

/// Keys of the server.
pub fn keys(client: Client, names: &Names) -> ServerKeys {
    ServerKeys { keys: ColumnKeys::new(client), manifest_key: names.manifest_key.clone() }
}

/// Makes the key that signs manifests, if there is none of this name yet.
pub async fn signing_key(client: &Client, name: &str, output: &Output) -> Result<(), Failure> {
    match client.call(&ShowRequest { name: name.to_owned() }).await {
        Ok(_) => return Ok(()),
        Err(error) if error.code() == Some(Code::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    let request = CreateRequest {
        name: name.to_owned(),
        purpose: Purpose::Sign,
        algorithm: None,
        rotation_period_seconds: None,
        usage_limit: None,
    };
    client.call(&request).await?;
    output.remark(&format!(
        "made the key {name}, which signs manifests; `strongroom key show {name} --public-key` prints its public half, for proxies"
    ));
    Ok(())
}

/// The file that lists an application's columns.
pub fn application(file: Option<&Path>) -> Result<Application, Failure> {
    let Some(file) = file else { return Ok(Application::default()) };
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::local(format!("reading {shown}"), error, "check its name and that you may read it")
    })?;
    Application::parse(&text)
        .map_err(|error| Failure::usage(format!("{shown}: {error}"), "see docs/guide/columns.md for what it holds"))
}

/// The columns of the command line and of the file.
pub fn targets(mut columns: Vec<Target>, application: Option<&Path>) -> Result<Vec<Target>, Failure> {
    for column in self::application(application)?.columns {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    if columns.is_empty() {
        return Err(Failure::usage(
            "no column was named",
            "name some with --column, or a file of them with --application",
        ));
    }
    let mut places: Vec<String> = columns.iter().map(Target::place).collect();
    places.sort();
    match places.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(twice) => Err(Failure::usage(format!("{} is named twice", twice.concat()), "name each column once")),
        None => Ok(columns),
    }
}

/// Shows what will be done, and asks.
pub fn confirmed(output: &Output, preflight: &Preflight, question: &str, yes: bool) -> Result<bool, Failure> {
    for remark in &preflight.remarks {
        output.remark(remark);
    }
    for target in &preflight.gone {
        output.remark(&format!("{} is not there any more: it is taken off the manifest", target.place()));
    }
    for (target, _) in &preflight.found {
        output.remark(&format!("{} is encrypted already: it is put on the manifest", target.place()));
    }
    let nothing = preflight.tables.is_empty() && preflight.gone.is_empty() && preflight.found.is_empty();
    if yes || nothing {
        return Ok(true);
    }
    // A script has said what it wants; only a person is asked again.
    if !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    let mut stderr = std::io::stderr().lock();
    let asked = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    asked.map_err(|error| Failure::local("asking", error, "say --yes"))?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::local("asking", error, "say --yes"))?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// What stands against columns, one in each line.
pub fn refused(output: &Output, preflight: &Preflight) -> Failure {
    for refusal in &preflight.refusals {
        output.remark(&format!("{}: {}", refusal.column, refusal.reason));
    }
    Failure::Findings("nothing was touched: mend what is listed, or leave these columns out".to_owned())
}

/// A failure of the work on a database.
pub fn failed(output: &Output, attempted: &'static str) -> impl Fn(EnableError) -> Failure {
    move |error| match error {
        EnableError::Refused(preflight) => refused(output, &preflight),
        error @ EnableError::Cell { .. } => Failure::NotAuthentic(format!("{attempted}: {error}")),
        error => {
            let fix = error.fix().to_owned();
            Failure::local(attempted, error, fix).with_code(exit::FAILED)
        }
    }
}

/// So many findings.
pub fn findings(count: usize) -> Result<(), Failure> {
    match count {
        0 => Ok(()),
        1 => Err(Failure::Findings("1 finding".to_owned())),
        more => Err(Failure::Findings(format!("{more} findings"))),
    }
}

/// Shows how far it is, to a person.
pub struct Watcher<'a>(pub &'a Output);

impl Watcher<'_> {
    fn is_watched(&self) -> bool {
        !self.0.is_json() && std::io::stderr().is_terminal()
    }

    /// Leaves the line in which it was shown.
    pub fn end(&self) {
        if self.is_watched() {
            self.0.progress("", true);
        }
    }
}

impl Observer for Watcher<'_> {
    fn remark(&self, text: &str) {
        self.0.remark(text);
    }

    fn progress(&self, progress: &Progress) {
        if !self.is_watched() {
            return;
        }
        let Progress { table, phase, done, expected, per_second } = progress;
        self.0.progress(&format!("{table}: {phase}, {done} of {expected} rows, {per_second}/s      "), false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_stand_behind_their_place() {
        let wanted = &["db", "5432", "app", "anna"].map(str::to_owned);
        assert_eq!(password("db:5432:app:anna:a:b", wanted).as_deref(), Some("a:b"));
        assert_eq!(password(r"*:*:*:anna:a\:\\b", wanted).as_deref(), Some(r"a:\b"));
        for line in ["db:5432:app:bert:x", "db:5432:app:anna", "", "#db:5432:app:anna:x"] {
            assert_eq!(password(line, wanted), None, "{line}");
        }
    }
}
