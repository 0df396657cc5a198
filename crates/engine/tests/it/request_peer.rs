//! Request documents as other parsers read them: Python's (`tests/peer/request_document.py`), and `roxmltree`.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use strongroom_engine::request::{self, Node, Problem, RequestRefusal};

use crate::request_document::documents;
use crate::request_replay::{Random, mutated, seeds};

const DOCUMENTS: usize = 600;
const MUTATIONS: usize = 4_000;

/// What the peer reads from each document, out of one process.
fn ask(documents: &[Vec<u8>]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peer/request_document.py");
    let system = "/usr/bin/python3";
    let python = if Path::new(system).exists() { system } else { "python3" };
    let mut peer = Command::new(python)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tests need python3");
    let mut stdin = BufWriter::new(peer.stdin.take().unwrap());
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let requests: Vec<Value> = documents.iter().map(|document| json!({"document": hex(document)})).collect();
    let writer = thread::spawn(move || {
        for request in requests {
            writeln!(stdin, "{request}").unwrap();
        }
    });
    let stdout = BufReader::new(peer.stdout.take().unwrap());
    let answers: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    writer.join().unwrap();
    assert!(peer.wait().unwrap().success());
    assert_eq!(answers.len(), documents.len());
    answers
}

/// What we read, as the peer says it.
fn ours(read: &request::Request) -> Value {
    let listed = read.procedures.iter().map(|each| {
        let kind = if each.kind == Node::Procedure { "procedure" } else { "execute" };
        json!([kind, each.namespace, each.name, each.sensitive, each.depth])
    });
    json!({"ok": true, "sensitive": read.sensitive, "procedures": listed.collect::<Vec<_>>()})
}

fn generated() -> Vec<Vec<u8>> {
    let mut runner = TestRunner::new_with_rng(
        Config { failure_persistence: None, ..Config::default() },
        TestRunner::deterministic().new_rng(),
    );
    (0..DOCUMENTS).map(|_| documents().new_tree(&mut runner).unwrap().current().document().into_bytes()).collect()
}

#[test]
fn the_peer_reads_the_same() {
    let documents = generated();
    let mut sensitive = 0;
    for (document, answer) in documents.iter().zip(ask(&documents)) {
        let text = String::from_utf8_lossy(document);
        let read = request::read(document).unwrap();
        assert_eq!(ours(&read), answer, "{text}");
        assert!(roxmltree::Document::parse(&text).is_ok(), "{text}");
        sensitive += usize::from(read.sensitive);
    }
    assert!((DOCUMENTS / 5..DOCUMENTS * 4 / 5).contains(&sensitive), "{sensitive} of {DOCUMENTS}");
}

/// What we read, both others call well-formed, and Python reads the same; what we call ill-formed, Python does too.
#[test]
fn damaged_documents_are_judged_alike() {
    let mut from = generated();
    from.truncate(DOCUMENTS / 3);
    from.retain(|document| document.len() > 150);
    from.extend(seeds());
    let mut random = Random(0x7e57);
    let documents: Vec<Vec<u8>> = (0..MUTATIONS).map(|n| mutated(&from[n % from.len()], &from, &mut random)).collect();
    let (mut read_by_us, mut ill_formed) = (0, 0);
    for (document, answer) in documents.iter().zip(ask(&documents)) {
        let text = String::from_utf8_lossy(document);
        if text.char_indices().any(|(at, character)| at > 0 && character == '\u{feff}') {
            // Since its fifth edition XML allows this character in names; Python knows the fourth.
            continue;
        }
        match request::read(document) {
            Ok(read) => {
                assert_eq!(ours(&read), answer, "{text}");
                assert!(roxmltree::Document::parse(&text).is_ok(), "{text}");
                read_by_us += 1;
            }
            // It takes versions of XML that are none.
            Err(RequestRefusal::NotWellFormed { problem: Problem::Declaration, .. }) => {}
            Err(refusal @ RequestRefusal::NotWellFormed { .. }) => {
                assert_eq!(answer["ok"], false, "{refusal}: {text}");
                ill_formed += 1;
            }
            Err(_) => {}
        }
    }
    println!("{MUTATIONS} damaged documents: {read_by_us} are read, {ill_formed} are ill-formed");
    assert!(read_by_us > MUTATIONS / 20 && ill_formed > MUTATIONS / 20, "{read_by_us}, {ill_formed}");
}
