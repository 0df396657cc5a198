//! A request document: what is read as unmarked speaks of the word only where it may, and one word more marks it.

use strongroom_engine::request::{self, Request};

/// Reads `data` as a document.
pub fn target(data: &[u8]) {
    let Ok(read) = request::read(data) else {
        return;
    };
    // What is added below may be too much for a longer one.
    if data.len() > request::NODES {
        return;
    }
    let text = core::str::from_utf8(data).expect("what is read is UTF-8");
    assert!(read.sensitive || words(text) == unmarking(text));
    assert!(read.sensitive || read.procedures.iter().all(|procedure| !procedure.sensitive));
    for comment in ["<!-- SENSITIVE -->", "<!-- &#83; -->"] {
        let marked = request::read(format!("{text}{comment}").as_bytes());
        assert_eq!(marked, Ok(Request { sensitive: true, ..read.clone() }));
    }
    let with_white_space = request::read(format!("{text}\r\n \t").as_bytes());
    assert_eq!(with_white_space, Ok(read));
}

fn words(text: &str) -> usize {
    text.to_ascii_lowercase().matches("sensitive").count()
}

/// How often the attribute stands in the document as it does when it marks nothing; at least.
fn unmarking(text: &str) -> usize {
    let space = [' ', '\t', '\n', '\r'];
    let after = text.split("sensitive").skip(1).filter_map(|after| {
        let quoted = after.trim_start_matches(space).strip_prefix('=')?.trim_start_matches(space);
        let quote = quoted.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let value = quoted.get(1..)?.split(quote).next()?.trim_matches(space).to_ascii_lowercase();
        ["0", "false", "no"].contains(&&*value).then_some(())
    });
    after.count()
}
