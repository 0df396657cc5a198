//! Request documents made to cost time or memory: refused soon, or read soon, in little memory, whatever they are.

use std::process::Command;
use std::time::{Duration, Instant};

use strongroom_engine::request::{self, DOCUMENT_BYTES, PROCEDURES, Problem, Request, RequestRefusal as Refusal};

type Outcome = fn(&Result<Request, Refusal>) -> bool;

/// Each fills the largest document that is looked at.
fn documents() -> Vec<(&'static str, String, Outcome)> {
    let laughs: String =
        (1..100).map(|n| format!("<!ENTITY e{n} \"{}\">", format!("&e{};", n - 1).repeat(10))).collect();
    let long_entity = format!("<!DOCTYPE request [<!ENTITY a '{}'>]>", "a".repeat(1 << 19));
    let refused_type: Outcome = |read| matches!(read, Err(Refusal::DocumentType { .. }));
    let attribute: Outcome =
        |read| matches!(read, Err(Refusal::NotWellFormed { problem: Problem::Attribute | Problem::Name, .. }));
    let reference: Outcome = |read| matches!(read, Err(Refusal::NotWellFormed { problem: Problem::Reference, .. }));
    let unclosed: Outcome = |read| matches!(read, Err(Refusal::NotWellFormed { problem: Problem::Unclosed, .. }));
    let nodes: Outcome = |read| matches!(read, Err(Refusal::TooManyNodes { .. }));
    let marked: Outcome = |read| read.as_ref().is_ok_and(|read| read.sensitive);
    let plain: Outcome = |read| read.as_ref().is_ok_and(|read| !read.sensitive);
    vec![
        ("billion laughs", filled(&format!("<!DOCTYPE request [{laughs}]><request>"), "&e99;", ""), refused_type),
        ("quadratic blow-up", filled(&format!("{long_entity}<request>"), "&a;", "</request>"), refused_type),
        ("a document type without end", filled("<!DOCTYPE request [", "<!ENTITY a '<[\">", ""), refused_type),
        ("deep", filled("<request>", "<a>", ""), |read| matches!(read, Err(Refusal::TooDeep { .. }))),
        ("deep after much", filled(&format!("<request>{}", " ".repeat(1 << 19)), "<a>", ""), |read| {
            matches!(read, Err(Refusal::TooDeep { .. }))
        }),
        ("attributes", numbered("<request", " a?=''", "/>"), |read| {
            matches!(read, Err(Refusal::TooManyAttributes { .. }))
        }),
        ("namespaces", numbered("<request", " xmlns:a?='u'", "/>"), |read| {
            matches!(read, Err(Refusal::TooManyAttributes { .. }))
        }),
        ("namespaces one in another", filled("<request>", "<a xmlns:b='u' xmlns:c='u'>", ""), |read| {
            matches!(read, Err(Refusal::TooManyNamespaces { .. }))
        }),
        ("elements", filled("<request>", "<a/>", "</request>"), nodes),
        ("comments", filled("<request>", "<!---->", "</request>"), nodes),
        ("sections", filled("<request>", "<![CDATA[]]>", "</request>"), plain),
        ("executes", filled("<request>", "<execute/>", "</request>"), |read| {
            matches!(read, Err(Refusal::TooManyProcedures { .. }))
        }),
        ("executes one in another, each marked late", nested_marks(), marked),
        ("many attributes again and again", filled("<request>", &wide("a"), "</request>"), nodes),
        ("long names again and again", filled("<request>", &wide(&"n".repeat(200)), "</request>"), plain),
        ("prefixes looked up in many", filled(&declared(63), &prefixed(), "</request>"), plain),
        ("a tag without end", filled("<request ", "a", ""), unclosed),
        ("a value without end", filled("<request a='", "b", ""), unclosed),
        ("quotes", filled("<request ", "'\"", "/>"), |read| read.is_err()),
        ("a comment without end", filled("<request><!--", "- ", ""), unclosed),
        ("a section without end", filled("<request><![CDATA[", "]]", ""), unclosed),
        ("signs", filled("<request>", "<", ""), |read| read.is_err()),
        ("ampersands", filled("<request>", "&", "</request>"), reference),
        ("ampersands in a value", filled("<request a='", "&", "'/>"), reference),
        ("numbers without end", filled("<request>", "&#1", "</request>"), reference),
        ("one number without end", filled("<request a='&#", "0", "65;'/>"), marked),
        ("names of entities", filled("<request a='&", "a", ";'/>"), |read| {
            matches!(read, Err(Refusal::EntityReference { .. }))
        }),
        ("references", filled("<request>", "&lt;", "</request>"), plain),
        ("references in a value", filled("<request><execute name='", "&lt;", "'/></request>"), plain),
        ("a letter that starts no word", filled("<request>", "vV", "</request>"), plain),
        ("beginnings of words", filled("<request>", "sensensitiv", "</request>"), plain),
        ("words", filled("<request>", "sensitive", "</request>"), marked),
        ("words in values", filled("<request>", "<a sensitive='1'/>", "</request>"), nodes),
        ("white space in a tag", filled("<request", " ", "/>"), plain),
        ("white space without a value", filled("<request a=", " ", "/>"), attribute),
        ("xinclude", filled("<request xmlns:xi='http://www.w3.org/2001/XInclude'>", INCLUDE, "</request>"), plain),
        ("letters outside ASCII", filled("<request ", "ä", "/>"), attribute),
        ("characters next to the forbidden ones", filled("<request>", "\u{fffd}", "</request>"), plain),
    ]
}

const INCLUDE: &str = "<xi:include href='file:///etc/passwd'/><xi:include href='http://127.0.0.1:1/' parse='text'/>";

/// `begin`, as often `middle` as there is room, `end`.
fn filled(begin: &str, middle: &str, end: &str) -> String {
    let room = DOCUMENT_BYTES - begin.len() - end.len();
    format!("{begin}{}{end}", middle.repeat(room / middle.len()))
}

/// The same, with a number for each `?`; 100,000 of them if there were room.
fn numbered(begin: &str, middle: &str, end: &str) -> String {
    let numbered: String = (0..100_000).map(|n| middle.replace('?', &n.to_string())).collect();
    let room = DOCUMENT_BYTES - begin.len() - end.len();
    let cut = numbered.get(..room).and_then(|fits| fits.rfind(' ')).unwrap_or(numbered.len());
    format!("{begin}{}{end}", &numbered[..cut])
}

fn wide(name: &str) -> String {
    let attributes: String = (0..256).map(|n| format!(" {name}{n}=''")).collect();
    format!("<a{attributes}/>")
}

fn declared(count: usize) -> String {
    let declared: String = (0..count).map(|n| format!(" xmlns:p{n}='{}{n:02}'", "u".repeat(1_000))).collect();
    format!("<request{declared}>")
}

fn prefixed() -> String {
    let attributes: String = (0..255).map(|n| format!(" p0:a{n}=''")).collect();
    format!("<p0:a xmlns:z='{}zz'{attributes}/>", "u".repeat(1_000))
}

/// As many procedures as there may be.
fn nested_marks() -> String {
    let nested = format!("{}{}", "<execute>".repeat(62), "<!--sensitive--></execute>".repeat(62));
    filled(&format!("<request>{}", nested.repeat(PROCEDURES / 62)), " ", "<!--sensitive--></request>")
}

/// 100 ms is what a caller waits for in the product; code that is not optimised gets more.
const SOON: Duration = Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 100 });
const MEMORY_KIB: u64 = 32 << 10;
const MEASURING: &str = "STRONGROOM_TEST_MEASURES_MEMORY";
const NAME: &str = "request_hostile::soon_and_in_little_memory";

/// Memory can only be measured in a process that does nothing else: this one, started again.
#[test]
fn soon_and_in_little_memory() {
    if std::env::var_os(MEASURING).is_some() {
        return measure();
    }
    let program = std::env::current_exe().unwrap();
    let words = ["--exact", NAME, "--nocapture", "--test-threads=1"];
    let output = Command::new(program).args(words).env(MEASURING, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    print!("{said}");
}

fn measure() {
    for (name, document, expected) in documents() {
        assert!(
            document.len() <= DOCUMENT_BYTES && document.len() > DOCUMENT_BYTES - 70_000,
            "{name}: {}",
            document.len()
        );
        let before = peak_kib_from_now();
        let (took, read) = (0..3)
            .map(|_| {
                let began = Instant::now();
                let read = request::read(document.as_bytes());
                (began.elapsed(), read)
            })
            .min_by_key(|(took, _)| *took)
            .unwrap();
        let more = peak_kib().saturating_sub(before);
        println!("{name:45} {took:>10.1?} {more:>6} KiB");
        let refusal = read.as_ref().err();
        assert!(expected(&read), "{name}: {refusal:?}");
        assert!(took <= SOON, "{name} took {took:?}");
        assert!(more <= MEMORY_KIB, "{name} took {more} KiB");
    }
}

/// Forgets what the most was (proc(5), `clear_refs`), so that it is what the process has now.
fn peak_kib_from_now() -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak_kib()
}

/// The most memory this process had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
