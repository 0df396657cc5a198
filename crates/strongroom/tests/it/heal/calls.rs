//! The write-like system calls of a start, as strace shows them, and how to kill the server at one of them.
//!
//! strace counts calls for each thread by itself. A call of a thread that is not the first to come so
//! far is singled out by the file it is about, and counted among the calls on that file.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::deployment::Deployment;

/// Calls by which a file, its name, its length or its mode changes, or becomes durable; not every processor has those with a `?`.
const CALLS: &str = "write,writev,pwrite64,pwritev,ftruncate,fallocate,fsync,fdatasync,openat,?mkdir,mkdirat,\
    ?rename,?renameat,renameat2,?link,linkat,?unlink,unlinkat,?chmod,fchmod,fchmodat,symlinkat,utimensat";

/// One call of a start: the `nth` of its name, on this file when one is named.
#[derive(Debug, Clone)]
pub struct Point {
    call: String,
    place: Option<String>,
    nth: usize,
    /// As strace showed it.
    pub shown: String,
}

impl Point {
    /// A command line that starts a program and kills it when it is about to make this call.
    pub fn kill(&self, trace: &Path) -> Vec<String> {
        let mut words = traced(trace, &self.call);
        words.extend([format!("-einject={}:signal=SIGKILL:when={}", self.call, self.nth)]);
        words.extend(self.place.iter().flat_map(|place| ["-P".to_owned(), place.clone()]));
        words
    }
}

/// A command line that starts a program and writes down its calls.
pub fn watch(trace: &Path) -> Vec<String> {
    traced(trace, CALLS)
}

/// The program started stays our own child: the tracer steps aside (`-D`).
fn traced(trace: &Path, calls: &str) -> Vec<String> {
    ["strace", "-D", "-f", "-y", "-qq", "-s", "0", "-o"]
        .map(str::to_owned)
        .into_iter()
        .chain([trace.display().to_string(), format!("-etrace={calls}")])
        .collect()
}

/// Whether a server can be killed at a chosen call here; says so if not.
///
/// The server closes its memory and its descriptors to the other processes of its account, so it takes more than the account's
/// rights to see what it writes to.
pub fn can_kill_at_calls(test: &str) -> bool {
    let traced = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let traces = traced.is_ok_and(|output| output.status.success());
    if !traces {
        println!("not run: {test}: strace is not installed or may not trace here");
    } else if !sees_other_processes() {
        println!("not run: {test}: needs CAP_SYS_PTRACE, which root has, to see what the server writes to");
    }
    traces && sees_other_processes()
}

/// Whether CAP_SYS_PTRACE, number 19 in capabilities(7), is effective.
fn sees_other_processes() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(effective.trim(), 16).unwrap() >> 19 & 1 == 1
}

/// The write-like calls on files of the deployment, in their order, that can be singled out, and how many others there were.
pub fn points(deployment: &Deployment, trace: &Path) -> (Vec<Point>, usize) {
    let own = deployment.folder.path().canonicalize().unwrap();
    let log = own.join("server.log").display().to_string();
    let mut reached = Reached::default();
    let mut hidden = 0;
    let mut points = Vec::new();
    for event in fs::read_to_string(trace).unwrap().lines().filter_map(Event::parse) {
        let point = reached.next(&event);
        let is_own = event.places.iter().any(|place| Path::new(place).starts_with(&own) && *place != log);
        match point {
            _ if !(is_own && event.writes()) => {}
            Some(point) => points.push(point),
            None => hidden += 1,
        }
    }
    (points, hidden)
}

/// How many calls the threads have made: by name, and by name and file; the most of any thread.
#[derive(Default)]
struct Reached {
    counts: HashMap<(String, String, Option<String>), usize>,
    most: HashMap<(String, Option<String>), usize>,
}

impl Reached {
    /// Counts the call, and says how it can be singled out.
    fn next(&mut self, event: &Event) -> Option<Point> {
        let mut found = None;
        for place in [None].into_iter().chain(event.places.iter().cloned().map(Some)) {
            let count = self.counts.entry((event.thread.clone(), event.call.clone(), place.clone())).or_default();
            *count += 1;
            let most = self.most.entry((event.call.clone(), place.clone())).or_default();
            if *count > *most {
                *most = *count;
                let shown = event.shown.clone();
                found = found.or(Some(Point { call: event.call.clone(), place, nth: *count, shown }));
            }
        }
        found
    }
}

/// A line of a trace: `PID call(3</path>, "name", …) = 0`.
struct Event {
    thread: String,
    call: String,
    /// Files it is about: of the descriptor it begins with, and of the absolute names it gives.
    places: Vec<String>,
    shown: String,
}

impl Event {
    fn parse(line: &str) -> Option<Self> {
        let (thread, rest) = line.split_once(' ')?;
        let (call, arguments) = rest.trim_start().split_once('(')?;
        if !call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        let mut places = Vec::new();
        let first = arguments.split([',', ')']).next()?;
        let descriptor = first.split_once('<').and_then(|(_, path)| path.strip_suffix('>'));
        places.extend(descriptor.filter(|_| !first.starts_with("AT_FDCWD")).map(str::to_owned));
        if !matches!(call, "write" | "writev" | "pwrite64" | "pwritev") {
            let names = arguments.split('"').skip(1).step_by(2);
            places.extend(names.filter(|name| name.starts_with('/')).map(str::to_owned));
        }
        places.dedup();
        Some(Self { thread: thread.to_owned(), call: call.to_owned(), places, shown: line.to_owned() })
    }

    fn writes(&self) -> bool {
        self.call != "openat" || self.shown.contains("O_CREAT") || self.shown.contains("O_TRUNC")
    }
}

/// Where the trace of a deployment is written.
pub fn trace_file(deployment: &Deployment) -> PathBuf {
    deployment.path("trace")
}

#[test]
fn a_call_is_singled_out_by_its_number_or_by_its_file() {
    let trace = [
        r#"11 pwrite64(7</f/shm>, "\0", 1, 4095) = 1"#,
        r#"11 pwrite64(7</f/shm>, "\0", 1, 8191) = 1"#,
        r#"12 pwrite64(21</f/trail>, "{", 1, 0 <unfinished ...>"#,
        r#"12 <... pwrite64 resumed>)              = 1"#,
        r#"11 openat(AT_FDCWD</f>, "/f/wal", O_RDWR|O_CREAT, 0600) = 6</f/wal>"#,
        r#"11 openat(22</f/account>, "a.key", O_WRONLY|O_CREAT, 0600) = 23</f/account/a.key>"#,
        r#"12 pwrite64(21</f/trail>, "{", 1, 1) = 1"#,
        r#"13 pwrite64(21</f/trail>, "{", 1, 2) = 1"#,
        r#"12 pwrite64(21</f/trail>, "{", 1, 3) = 1"#,
        r#"11 +++ killed by SIGKILL +++"#,
    ];
    let mut reached = Reached::default();
    let found: Vec<Option<String>> = trace
        .iter()
        .filter_map(|line| Event::parse(line))
        .map(|event| {
            let point = reached.next(&event)?;
            Some(format!("{} {} {}", point.call, point.nth, point.place.unwrap_or_default()))
        })
        .collect();
    let expected = [
        Some("pwrite64 1 "),
        Some("pwrite64 2 "),
        Some("pwrite64 1 /f/trail"),
        Some("openat 1 "),
        Some("openat 2 "),
        Some("pwrite64 2 /f/trail"),
        None,
        Some("pwrite64 3 "),
    ];
    assert_eq!(found, expected.map(|point| point.map(str::to_owned)));
}
