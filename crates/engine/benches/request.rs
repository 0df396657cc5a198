//! What reading and judging a request document costs, beside what two parsers of XML take for the same document.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quick_xml::events::Event;
use strongroom_engine::request;

const BYTES: usize = 64 << 10;
/// What a document of that length may take.
const BAR: Duration = Duration::from_micros(200);
const ROUNDS: usize = 2_000;

/// A request as an engine sends it: users with attributes and text, and procedures in one another.
fn document(mark: &str) -> String {
    let mut text =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<request id=\"7f3c\" xmlns:d=\"urn:example\">\n");
    for number in 0.. {
        let item = format!(
            "  <data>\n    <d:user id=\"{number}\" kind='mailbox'>\n      <name>Maria Keller &amp; Söhne</name>\n      \
             <path>LDAP://cn=user{number},ou=hosting,dc=example,dc=org</path>\n    </d:user>\n  </data>\n  \
             <procedure namespace=\"Hosting\" name=\"CreateUser\">\n    <execute namespace=\"Directory\" \
             procedure=\"CreateAccount\"{mark}>\n      <before source=\"data\" destination=\"executeData\"/>\n      \
             <execute namespace=\"Directory\" procedure=\"AddToGroup\"/>\n    </execute>\n  </procedure>\n"
        );
        if text.len() + item.len() + "</request>\n".len() > BYTES {
            break;
        }
        text.push_str(&item);
    }
    let room = BYTES - text.len() - "</request>\n".len();
    text + &" ".repeat(room) + "</request>\n"
}

fn read(document: &str) -> bool {
    request::read(black_box(document.as_bytes())).unwrap().sensitive
}

/// Events and attributes, and nothing else.
fn quick_xml(document: &str) -> usize {
    let mut reader = quick_xml::Reader::from_str(black_box(document));
    let mut attributes = 0;
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return attributes,
            Event::Start(tag) | Event::Empty(tag) => attributes += tag.attributes().map(Result::unwrap).count(),
            _ => {}
        }
    }
}

fn roxmltree(document: &str) -> usize {
    roxmltree::Document::parse(black_box(document)).unwrap().descendants().count()
}

fn requests(criterion: &mut Criterion) {
    let (unmarked, marked) = (document(" sensitive=\"no\""), document(" sensitive=\"yes\""));
    assert!(!read(&unmarked) && read(&marked) && unmarked.len() == BYTES);
    let mut group = criterion.benchmark_group("request_64_kib");
    group.throughput(Throughput::Bytes(BYTES as u64));
    group.bench_function("read", |bencher| bencher.iter(|| read(&unmarked)));
    group.bench_function("read_marked", |bencher| bencher.iter(|| read(&marked)));
    group.bench_function("quick_xml", |bencher| bencher.iter(|| quick_xml(&unmarked)));
    group.bench_function("roxmltree", |bencher| bencher.iter(|| roxmltree(&unmarked)));
    group.finish();
    figure(&unmarked);
}

/// The middle of many rounds, in which each takes its turn.
fn figure(document: &str) {
    let mut rounds: [Vec<Duration>; 3] = Default::default();
    for _ in 0..ROUNDS {
        rounds[0].push(timed(|| usize::from(read(document))));
        rounds[1].push(timed(|| quick_xml(document)));
        rounds[2].push(timed(|| roxmltree(document)));
    }
    let [ours, events, tree] = rounds.map(|mut times| {
        times.sort_unstable();
        times[ROUNDS / 2]
    });
    let ratio = |other: Duration| ours.as_secs_f64() / other.as_secs_f64();
    println!(
        "figure: parse and classify a request of 64 KiB | {ours:.0?} ({:.2} x, {:.2} x) | quick-xml {events:.0?}, roxmltree \
         {tree:.0?} | at most {BAR:?} | {}",
        ratio(events),
        ratio(tree),
        if ours <= BAR { "yes" } else { "no" }
    );
}

fn timed(work: impl FnOnce() -> usize) -> Duration {
    let began = Instant::now();
    black_box(work());
    began.elapsed()
}

criterion_group!(benches, requests);
criterion_main!(benches);
