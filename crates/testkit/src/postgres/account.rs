//! The account that PostgreSQL runs as: never root.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;

/// An account other than the test's own, when that is root.
pub(super) struct Account(Option<Numbers>);

struct Numbers {
    user: u32,
    group: u32,
}

impl Account {
    /// The test's own, or when it is root: `postgres` or `nobody`.
    pub fn for_server() -> Result<Self, String> {
        let own = std::fs::metadata("/proc/self").map_err(|error| format!("finding out who runs this: {error}"))?;
        if own.uid() != 0 {
            return Ok(Self(None));
        }
        let passwd = std::fs::read_to_string("/etc/passwd").map_err(|error| format!("reading /etc/passwd: {error}"))?;
        let numbers = ["postgres", "nobody"].iter().find_map(|name| Numbers::of(name, &passwd));
        let numbers = numbers.ok_or("PostgreSQL does not run as root, and neither `postgres` nor `nobody` is there")?;
        match Command::new("setpriv").arg("--version").output() {
            Ok(_) => Ok(Self(Some(numbers))),
            Err(error) => Err(format!("PostgreSQL does not run as root, and setpriv cannot be run: {error}")),
        }
    }

    /// Gives the account this file or folder.
    pub fn own(&self, path: &Path) -> Result<(), String> {
        match &self.0 {
            None => Ok(()),
            Some(Numbers { user, group }) => chown(path, Some(*user), Some(*group))
                .map_err(|error| format!("giving {} away: {error}", path.display())),
        }
    }

    /// A program that runs as the account, with an environment of its own.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = match &self.0 {
            None => Command::new(program),
            Some(Numbers { user, group }) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={user}")).arg(format!("--regid={group}"));
                command.args(["--clear-groups", "--"]).arg(program);
                command
            }
        };
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C").env("TZ", "UTC");
        command
    }

    /// Tells the files of one account from those of another.
    pub fn word(&self) -> String {
        self.0.as_ref().map_or_else(|| "own".to_owned(), |numbers| numbers.user.to_string())
    }
}

impl Numbers {
    fn of(name: &str, passwd: &str) -> Option<Self> {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(Self { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
    }
}
