//! From the text `strace` writes to events.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use super::Event;

/// Program and arguments to run a command under; its trace goes to `output`.
///
/// Every string is in hexadecimal and whole, and descriptors carry their paths.
pub fn wrapper(output: &str) -> Vec<&str> {
    vec!["strace", "-f", "-xx", "-y", "-s", "16777216", "-e", CALLS, "-o", output]
}

/// All calls that change or sync files. Not seen are memory maps (a store maps only the memory its
/// processes share, which no disk needs to keep) and a file position that `read` moved.
const CALLS: &str = "trace=lseek,open,openat,openat2,creat,write,pwrite64,writev,pwritev,pwritev2,fsync,\
    fdatasync,sync_file_range,ftruncate,truncate,fallocate,rename,renameat,renameat2,link,linkat,\
    symlink,symlinkat,unlink,unlinkat,copy_file_range,sendfile,ioctl";

/// A line of the trace that the model does not understand: it must be extended, not guess.
#[derive(Debug, thiserror::Error)]
#[error("a traced call is not understood: {line}")]
pub struct NotUnderstood {
    /// The beginning of the line.
    pub line: String,
}

/// The events in `directory` (canonical, without files in folders below), and what was written to
/// standard output.
pub fn events(trace: &str, directory: &Path) -> Result<Vec<Event>, NotUnderstood> {
    let mut reader = Reader { directory: directory.to_string_lossy(), positions: HashMap::new() };
    let mut unfinished: HashMap<&str, String> = HashMap::new();
    let mut events = Vec::new();
    for line in trace.lines() {
        let (process, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            unfinished.insert(process, begun.trim_end().to_owned());
            continue;
        }
        let whole = match rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            Some((_, end)) => unfinished.remove(process).unwrap_or_default() + end,
            None => rest.to_owned(),
        };
        let Some(call) = Call::parse(&whole) else { continue };
        let event = reader.event(&call);
        let line = || whole.chars().take(200).collect();
        events.extend(event.map_err(|()| NotUnderstood { line: line() })?);
    }
    Ok(events)
}

/// A call that succeeded.
struct Call<'a> {
    name: &'a str,
    arguments: Vec<&'a str>,
    result: u64,
    /// The descriptor and its path, when the call made one.
    made: &'a str,
}

impl<'a> Call<'a> {
    /// `name(argument, argument) = result`; `None` for failed calls, signals and exits. Strings are
    /// in hexadecimal, so no comma or bracket stands in one.
    fn parse(line: &'a str) -> Option<Call<'a>> {
        let (name, rest) = line.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let arguments = arguments.trim_end().strip_suffix(')')?;
        let digits = result.split(|byte: char| !byte.is_ascii_digit()).next()?;
        Some(Call { name, arguments: arguments.split(", ").collect(), result: digits.parse().ok()?, made: result })
    }

    fn argument(&self, index: usize) -> Result<&'a str, ()> {
        self.arguments.get(index).copied().ok_or(())
    }

    fn number(&self, index: usize) -> Result<u64, ()> {
        self.argument(index)?.parse().map_err(|_| ())
    }

    /// The bytes of an argument, as many as the call took.
    fn written(&self) -> Result<Vec<u8>, ()> {
        let mut bytes = bytes(self.argument(1)?)?;
        bytes.truncate(usize::try_from(self.result).map_err(|_| ())?);
        Ok(bytes)
    }
}

/// What has to be remembered from call to call.
struct Reader<'a> {
    directory: Cow<'a, str>,
    /// Where the next `write` of a descriptor goes; `None` for one that appends.
    positions: HashMap<u64, Option<u64>>,
}

impl Reader<'_> {
    fn event(&mut self, call: &Call<'_>) -> Result<Option<Event>, ()> {
        match call.name {
            "open" | "creat" | "openat" | "openat2" => self.opened(call),
            "write" if call.argument(0)?.starts_with("1<") => {
                let text = String::from_utf8_lossy(&call.written()?).into_owned();
                Ok(Some(Event::Said(text)))
            }
            "rename" => self.renamed(call.argument(0)?, call.argument(1)?),
            "renameat" | "renameat2" => self.renamed(call.argument(1)?, call.argument(3)?),
            "unlink" => self.removed(call.argument(0)?),
            "unlinkat" => self.removed(call.argument(1)?),
            "write" | "pwrite64" | "ftruncate" | "fsync" | "fdatasync" | "lseek" => {
                let (descriptor, path) = descriptor(call.argument(0)?)?;
                match self.place(&path) {
                    Place::Inside(name) => self.changed(call, descriptor, name),
                    Place::Directory if call.name == "fsync" => Ok(Some(Event::SyncDirectory)),
                    Place::Directory | Place::Outside => Ok(None),
                }
            }
            // Nothing else may touch the directory, or the model would miss it.
            _ => self.untouched(call),
        }
    }

    fn changed(&mut self, call: &Call<'_>, file: u64, name: String) -> Result<Option<Event>, ()> {
        Ok(Some(match call.name {
            "write" => {
                let bytes = call.written()?;
                match self.positions.get_mut(&file).ok_or(())? {
                    None => Event::Append { name, bytes },
                    Some(position) => {
                        let offset = *position;
                        *position += bytes.len() as u64;
                        Event::Write { name, offset, bytes }
                    }
                }
            }
            "pwrite64" => Event::Write { name, offset: call.number(3)?, bytes: call.written()? },
            "ftruncate" => Event::SetLength { name, length: call.number(1)? },
            "lseek" => {
                if let Some(Some(position)) = self.positions.get_mut(&file) {
                    *position = call.result;
                }
                return Ok(None);
            }
            _ => Event::SyncFile { name },
        }))
    }

    fn opened(&mut self, call: &Call<'_>) -> Result<Option<Event>, ()> {
        let flags = call.arguments.iter().find(|argument| argument.starts_with("O_")).ok_or(())?;
        // Not the path that was asked for, which may be relative, but the one it led to.
        let (file, path) = descriptor(call.made)?;
        let Place::Inside(name) = self.place(&path) else { return Ok(None) };
        self.positions.insert(file, (!flags.contains("O_APPEND")).then_some(0));
        Ok(if flags.contains("O_TRUNC") {
            Some(Event::SetLength { name, length: 0 })
        } else if flags.contains("O_CREAT") {
            Some(Event::Create { name })
        } else {
            None
        })
    }

    fn renamed(&self, from: &str, to: &str) -> Result<Option<Event>, ()> {
        match (self.place(&text(from)?), self.place(&text(to)?)) {
            (Place::Inside(from), Place::Inside(to)) => Ok(Some(Event::Rename { from, to })),
            (Place::Outside, Place::Outside) => Ok(None),
            _ => Err(()),
        }
    }

    fn removed(&self, path: &str) -> Result<Option<Event>, ()> {
        Ok(match self.place(&text(path)?) {
            Place::Inside(name) => Some(Event::Remove { name }),
            Place::Directory | Place::Outside => None,
        })
    }

    fn untouched(&self, call: &Call<'_>) -> Result<Option<Event>, ()> {
        let touched = call.arguments.iter().any(|argument| {
            let path = descriptor(argument).map(|(_, path)| path).or_else(|()| text(argument));
            path.is_ok_and(|path| matches!(self.place(&path), Place::Inside(_)))
        });
        // Asking what a descriptor is, as Rust does with ioctl, changes nothing.
        if touched && call.name != "ioctl" { Err(()) } else { Ok(None) }
    }

    fn place(&self, path: &str) -> Place {
        match path.strip_prefix(&*self.directory) {
            Some("") => Place::Directory,
            Some(rest) => match rest.strip_prefix('/') {
                Some(name) => Place::Inside(name.trim_end_matches(" (deleted)").to_owned()),
                None => Place::Outside,
            },
            None => Place::Outside,
        }
    }
}

enum Place {
    Inside(String),
    Directory,
    Outside,
}

/// Number and path in `5<\x2f\x74>`.
fn descriptor(argument: &str) -> Result<(u64, String), ()> {
    let (number, rest) = argument.split_once('<').ok_or(())?;
    let path = rest.split('>').next().ok_or(())?;
    let path = String::from_utf8_lossy(&hexadecimal(path)?).into_owned();
    Ok((number.parse().map_err(|_| ())?, path))
}

fn text(argument: &str) -> Result<String, ()> {
    Ok(String::from_utf8_lossy(&bytes(argument)?).into_owned())
}

/// The bytes in `"\x2f\x74"`; a string that strace cut short ends otherwise and is an error.
fn bytes(argument: &str) -> Result<Vec<u8>, ()> {
    let inner = argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(())?;
    hexadecimal(inner)
}

fn hexadecimal(escaped: &str) -> Result<Vec<u8>, ()> {
    if !escaped.len().is_multiple_of(4) {
        return Err(());
    }
    escaped
        .as_bytes()
        .chunks_exact(4)
        .map(|escape| {
            let digits = escape.strip_prefix(b"\\x").ok_or(())?;
            let digits = std::str::from_utf8(digits).map_err(|_| ())?;
            u8::from_str_radix(digits, 16).map_err(|_| ())
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_strace_6_become_events() {
        // As strace 6.1 writes them for the directory /d.
        let trace = r#"10  openat(AT_FDCWD<\x2f>, "\x2f\x64\x2f\x61", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3<\x2f\x64\x2f\x61>
10  openat(AT_FDCWD<\x2f>, "\x2f\x64\x2f\x7a", O_RDWR|O_CREAT, 0600) = -1 EACCES (Permission denied)
10  pwrite64(3<\x2f\x64\x2f\x61>, "\x68\x2c\x29", 3, 4096 <unfinished ...>
11  write(1<\x70\x69\x70\x65\x3a\x5b\x31\x5d>, "\x6f\x6b\x0a", 3) = 3
10  <... pwrite64 resumed>) = 2
10  ftruncate(3<\x2f\x64\x2f\x61>, 4)  = 0
10  fdatasync(3<\x2f\x64\x2f\x61>)     = 0
10  fsync(3<\x2f\x64\x2f\x61>)         = -1 EIO (Input/output error) (INJECTED)
10  rename("\x2f\x64\x2f\x61", "\x2f\x64\x2f\x62") = 0
10  fsync(4<\x2f\x64>)                 = 0
10  unlink("\x2f\x64\x2f\x62")         = 0
10  pwrite64(9<\x2f\x65>, "\x68", 1, 0) = 1
10  openat(5<\x2f\x64>, "\x6c", O_RDWR|O_CREAT, 0600) = 6<\x2f\x64\x2f\x6c>
10  write(6<\x2f\x64\x2f\x6c>, "\x68", 1) = 1
10  write(6<\x2f\x64\x2f\x6c>, "\x69", 1) = 1
10  lseek(6<\x2f\x64\x2f\x6c>, 0, SEEK_SET) = 0
10  write(6<\x2f\x64\x2f\x6c>, "\x6a", 1) = 1
10  openat(5<\x2f\x64>, "\x6c", O_WRONLY|O_APPEND) = 7<\x2f\x64\x2f\x6c>
10  write(7<\x2f\x64\x2f\x6c>, "\x6b", 1) = 1
10  +++ exited with 0 +++"#;
        let name = |name: &str| name.to_owned();
        let expected = [
            Event::Create { name: name("a") },
            Event::Said(name("ok\n")),
            Event::Write { name: name("a"), offset: 4096, bytes: b"h,".to_vec() },
            Event::SetLength { name: name("a"), length: 4 },
            Event::SyncFile { name: name("a") },
            Event::Rename { from: name("a"), to: name("b") },
            Event::SyncDirectory,
            Event::Remove { name: name("b") },
            Event::Create { name: name("l") },
            Event::Write { name: name("l"), offset: 0, bytes: b"h".to_vec() },
            Event::Write { name: name("l"), offset: 1, bytes: b"i".to_vec() },
            Event::Write { name: name("l"), offset: 0, bytes: b"j".to_vec() },
            Event::Append { name: name("l"), bytes: b"k".to_vec() },
        ];
        assert_eq!(events(trace, Path::new("/d")).unwrap(), expected);
    }

    #[test]
    fn a_call_outside_the_model_is_not_passed_over() {
        let trace = r#"10  fallocate(3<\x2f\x64\x2f\x61>, 0, 0, 4096) = 0"#;
        assert!(events(trace, Path::new("/d")).is_err());
        let cut = r#"10  pwrite64(3<\x2f\x64\x2f\x61>, "\x68"..., 3, 0) = 3"#;
        assert!(events(cut, Path::new("/d")).is_err());
    }
}
