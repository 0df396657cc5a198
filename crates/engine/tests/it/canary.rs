//! No value shows in what is printed of requests, replies, refusals and traces.

use std::fmt::Debug;

use strongroom_engine::name::Selector;
use strongroom_engine::policy::Role;
use strongroom_engine::rule::{Operation, Refusal, Reply};
use strongroom_engine::secret::{Delete, Destroy, Get, List, Purge, Put, Rename, Show, Undelete};
use strongroom_engine::token::{self, Issue, Revoke};
use strongroom_envelope::Id;
use strongroom_secret::SecretBytes;

use crate::shell::{Shell, name};

const CANARY: &str = "CANARY-7f3a";

/// The canary in the forms in which bytes get printed: text, hexadecimal, base64, list of numbers.
fn forms(canary: &str) -> Vec<String> {
    use base64::Engine as _;
    let bytes = canary.as_bytes();
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let hex = crate::bodies::hex(bytes);
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes);
    vec![canary.to_owned(), hex.to_uppercase(), hex, base64, numbers.join(", ")]
}

/// Runs a request and gathers everything of it that can be printed.
fn print<O: Operation + Debug>(shell: &mut Shell, printed: &mut Vec<String>, operation: &O)
where
    O::Reply: Debug,
{
    let outcome = shell.admin(operation);
    printed.push(format!("{operation:?} {operation:#?} {outcome:?} {outcome:#?} {:?}", shell.last.trace));
    match outcome {
        Ok(reply) => printed.push(format!("{:?}", String::from_utf8_lossy(&reply.remember()))),
        Err(refusal) => printed.push(refusal.to_string()),
    }
}

fn check(printed: &[String], canary: &str) {
    let all = printed.concat();
    for form in forms(canary) {
        assert!(!all.contains(&form), "{form} shows in {all}");
    }
}

#[test]
fn values_do_not_show() {
    let (mut shell, mut printed) = (Shell::new(), Vec::new());
    let shell = &mut shell;
    let printed_by = &mut printed;
    let selector = || Selector::Name(name("a"));
    let put = || Put::new(selector(), SecretBytes::from_slice(CANARY.as_bytes()));
    print(shell, printed_by, &put());
    print(shell, printed_by, &put());
    print(shell, printed_by, &Put { expected_version: Some(9), ..put() });
    print(shell, printed_by, &Put { keep: Some(0), ..put() });
    print(shell, printed_by, &Put { value: SecretBytes::from_vec(CANARY.repeat(100_000).into_bytes()), ..put() });
    print(shell, printed_by, &Get { selector: selector(), version: None });
    print(shell, printed_by, &Get { selector: selector(), version: Some(77) });
    print(shell, printed_by, &Show { selector: selector() });
    print(shell, printed_by, &List { prefix: String::new(), after: None, limit: 9, deleted: true });
    print(shell, printed_by, &Rename { selector: selector(), to: name("b") });
    print(shell, printed_by, &Rename { selector: Selector::Name(name("b")), to: name("a") });
    print(shell, printed_by, &Delete { selector: selector(), expected_version: None });
    print(shell, printed_by, &put());
    print(shell, printed_by, &Undelete { selector: selector() });
    print(shell, printed_by, &Purge { id: shell.id("a"), retention_milliseconds: 0 });
    shell.locked_keys = true;
    print(shell, printed_by, &put());
    shell.locked_keys = false;
    print(shell, printed_by, &Destroy { selector: selector(), version: Some(1) });
    print(shell, printed_by, &Destroy { selector: selector(), version: None });
    assert_eq!(printed.len(), 36);
    check(&printed, CANARY);
}

#[test]
fn token_texts_do_not_show() {
    let (mut shell, mut printed) = (Shell::new(), Vec::new());
    let issue = Issue { role: Role::Read, expires_in_milliseconds: 60_000, description: None };
    let reply = shell.admin(&issue).unwrap();
    printed.push(format!("{issue:?} {reply:?} {reply:#?} {:?}", shell.last.trace));
    print(&mut shell, &mut printed, &token::List { after: None, limit: 10 });
    print(&mut shell, &mut printed, &Revoke { id: reply.id });
    print(&mut shell, &mut printed, &Revoke { id: Id([1; 16]) });
    let text = reply.token.expose();
    check(&printed, text);
    check(&printed, &text[4..]);
}

#[test]
fn the_check_itself_sees_a_canary() {
    for form in forms(CANARY) {
        let caught = std::panic::catch_unwind(|| check(&[format!("before {form} after")], CANARY));
        assert!(caught.is_err(), "{form}");
    }
    let shown: Refusal = Refusal::Deleted { target: CANARY.to_owned() };
    assert!(std::panic::catch_unwind(|| check(&[shown.to_string()], CANARY)).is_err());
}
