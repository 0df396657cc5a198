//! Files of any length: encrypted and decrypted frame by frame, in constant memory.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use strongroom_client::stream::{self, StreamError, StreamRefusal};
use strongroom_client::{Context, DataKeys};

use crate::cli::Contexts;
use crate::command::Here;
use crate::failure::Failure;
use crate::output::Output;
use crate::whole_file::WholeFile;

/// What is read and what is written; `-` stands for standard input or output.
pub struct Paths {
    /// What is read.
    pub input: PathBuf,
    /// What is written.
    pub output: PathBuf,
}

/// What may be decrypted.
#[derive(Clone, Copy)]
pub struct Opens {
    /// Also what a compromised version sealed.
    pub compromised: bool,
}

/// Encrypts `--in` to `--out`, under a data key of its own.
pub fn encrypt(here: &Here<'_>, name: &str, contexts: Contexts, files: &Paths) -> Result<(), Failure> {
    let context = context(contexts)?;
    let mut input = Input::open(&files.input)?;
    let mut sink = Sink::open(&files.output)?;
    if sink.is_terminal() {
        return Err(Failure::usage("what is encrypted is no text for a terminal", "name a file with --out"));
    }
    let mut fresh = None;
    let slot = &mut fresh;
    here.call(|client, _| async move {
        *slot = Some(client.generate(name, &context).await?);
        Ok(())
    })?;
    let Some(key) = fresh else { return Ok(()) };
    let mut progress = Progress::new(here.output, input.length);
    let done = stream::seal(&key, &mut input.file, &mut sink, |done| progress.tell(done));
    progress.end();
    let done = done.map_err(|error| failed(error, files))?;
    sink.finish(files)?;
    told(here.output, files, "encrypted", done);
    Ok(())
}

/// Decrypts `--in` to `--out`. A file gets its name when all of it was authentic; standard output gets each frame as soon as
/// that is authentic.
pub fn decrypt(here: &Here<'_>, name: &str, contexts: Contexts, opens: Opens, files: &Paths) -> Result<(), Failure> {
    let context = context(contexts)?;
    let mut input = Input::open(&files.input)?;
    let mut sink = Sink::open(&files.output)?;
    let header = stream::read_header(&mut input.file).map_err(|error| failed(error, files))?;
    let (mut opened, sealed) = (None, header.data_key());
    let slot = &mut opened;
    here.call(|client, _| async move {
        *slot = Some(client.open_data_key(name, sealed, &context, opens.compromised).await?);
        Ok(())
    })?;
    let Some(key) = opened else { return Ok(()) };
    let mut progress = Progress::new(here.output, input.length);
    let done = stream::open(&key, &header, &mut input.file, &mut sink, |done| progress.tell(done));
    progress.end();
    let done = done.map_err(|error| failed(error, files))?;
    sink.finish(files)?;
    told(here.output, files, "decrypted", done);
    Ok(())
}

fn context(contexts: Contexts) -> Result<Context, Failure> {
    Context::new(contexts.pairs).map_err(|refusal| Failure::usage(refusal.to_string(), "give another --context"))
}

fn told(output: &Output, files: &Paths, what: &str, bytes: u64) {
    // Standard output holds the content and nothing else.
    if !is_standard(&files.output) {
        let file = files.output.display().to_string();
        output.answer(&json!({ "file": file, "bytes": bytes }), || format!("{file}: {bytes} bytes {what}"));
    }
}

fn failed(error: StreamError, files: &Paths) -> Failure {
    let input = shown(&files.input, "standard input");
    let output = shown(&files.output, "standard output");
    match error {
        StreamError::Read { source } => Failure::local(format!("reading {input}"), source, "check the input"),
        StreamError::Write { source } => {
            Failure::local(format!("writing {output}"), source, "check where it goes, and its space")
        }
        StreamError::Full(full) => Failure::usage(full.to_string(), "divide the file"),
        StreamError::Frame { written, source } if is_standard(&files.output) => Failure::NotAuthentic(format!(
            "{input}: {source}; the {written} bytes that were written are authentic, but they are not the whole; {FETCH}"
        )),
        StreamError::Frame { source, .. } => {
            Failure::NotAuthentic(format!("{input}: {source}; {output} was not written; {FETCH}"))
        }
        StreamError::Header(StreamRefusal::Length { .. }) => {
            Failure::NotAuthentic(format!("{input}: {error}; {FETCH}"))
        }
        StreamError::Header(refusal) => Failure::usage(
            format!("{input}: {refusal}"),
            "give what `key encrypt --in FILE` wrote, to a program that is not older; `sr1.…` goes without --in",
        ),
    }
}

/// A file's name, or what `-` stands for.
fn shown(path: &Path, standard: &str) -> String {
    if is_standard(path) { standard.to_owned() } else { path.display().to_string() }
}

/// `-` stands for standard input or output.
fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What is read, and how long it is, where that is known.
struct Input {
    file: File,
    length: Option<u64>,
}

impl Input {
    fn open(path: &Path) -> Result<Self, Failure> {
        let opened = if is_standard(path) { descriptor(io::stdin()) } else { File::open(path) };
        let failed = |error| {
            Failure::local(format!("opening {}", path.display()), error, "check its name and that you may read it")
        };
        let file = opened.map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(Failure::usage(format!("{} is a directory", path.display()), "name a file; pack it with tar"));
        }
        Ok(Self { file, length: metadata.is_file().then_some(metadata.len()) })
    }
}

/// What is written.
enum Sink {
    Whole(WholeFile),
    Standard(File),
}

impl Sink {
    fn open(path: &Path) -> Result<Self, Failure> {
        let opened = if is_standard(path) {
            descriptor(io::stdout()).map(Self::Standard)
        } else {
            WholeFile::create(path).map(Self::Whole)
        };
        let fix = "check its name and that you may write beside it; `-` is standard output";
        opened.map_err(|error| Failure::local(format!("creating {}", path.display()), error, fix))
    }

    fn is_terminal(&self) -> bool {
        matches!(self, Self::Standard(file) if file.is_terminal())
    }

    fn finish(self, files: &Paths) -> Result<(), Failure> {
        match self {
            Self::Whole(file) => file.finish().map_err(|source| failed(StreamError::Write { source }, files)),
            Self::Standard(_) => Ok(()),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Whole(file) => file.file().write(bytes),
            Self::Standard(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A standard stream without the buffer that looks for line ends.
fn descriptor(stream: impl AsFd) -> io::Result<File> {
    Ok(stream.as_fd().try_clone_to_owned()?.into())
}

/// How far it is, on standard error when that is a terminal.
struct Progress<'a> {
    output: &'a Output,
    length: Option<u64>,
    shown: Option<Instant>,
    latest: u64,
}

impl<'a> Progress<'a> {
    fn new(output: &'a Output, length: Option<u64>) -> Self {
        let shows = io::stderr().is_terminal() && !output.is_json();
        Self { output, length, shown: shows.then(Instant::now), latest: 0 }
    }

    fn tell(&mut self, done: u64) {
        self.latest = done;
        if self.shown.is_some_and(|shown| shown.elapsed() >= BETWEEN) {
            self.shown = Some(Instant::now());
            self.output.progress(&self.text(), false);
        }
    }

    fn end(&self) {
        if self.shown.is_some() {
            self.output.progress(&self.text(), true);
        }
    }

    fn text(&self) -> String {
        let done = self.latest / MIB;
        match self.length {
            Some(length) => format!("{done} of {} MiB", length / MIB),
            None => format!("{done} MiB"),
        }
    }
}

/// How to mend what is not authentic.
const FETCH: &str = "take the file once more from where it came, or from a backup";
/// How often progress is shown.
const BETWEEN: Duration = Duration::from_millis(100);
const MIB: u64 = 1024 * 1024;
