//! Tokens: issued once, kept as a hash, over at the very millisecond, revoked by id.

use strongroom_crypto::hash;
use strongroom_engine::policy::{Channel, Identity, Principal, Role};
use strongroom_engine::rule::{Answers, Facts, Operation, Randomness, Refusal, Reply};
use strongroom_engine::token::{Issue, List, Purge, PurgeReply, Revoke, RevokeReply, TokenBody, digest};
use strongroom_envelope::{Id, RecordKind, Timestamp, body};
use strongroom_secret::AccessToken;

use crate::shell::{BEGIN, Shell, caller};

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;

fn issue(role: Role) -> Issue {
    Issue { role, expires_in_milliseconds: 8 * HOUR, description: Some("for the build".to_owned()) }
}

#[test]
fn a_token_is_shown_once_and_stored_as_a_hash() {
    let mut shell = Shell::new();
    let reply = shell.admin(&issue(Role::Data)).unwrap();
    assert!(shell.last.witnessed);
    assert_eq!(shell.last.trace.target, reply.id.to_string());
    let text = reply.token.expose();
    assert_eq!((text.len(), &text[..4]), (47, "srt_"));
    assert!(text[4..].chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    assert!(reply.remember().is_empty(), "a retry is never answered with the token");

    let stored: TokenBody = shell.body(RecordKind::Token, reply.id);
    assert_eq!(stored.text_sha256, hash::sha256(&[text.as_bytes()]));
    assert_eq!(digest(&reply.token), Some(stored.text_sha256));
    assert_eq!((stored.role.as_str(), stored.issued_by.as_str()), ("data", "uid:1000"));
    assert_eq!((stored.created_at, stored.expires_at), (BEGIN, Timestamp(BEGIN.0 + 8 * HOUR)));
    let bytes = &shell.records.values().map(|(_, body)| body.clone()).collect::<Vec<_>>().concat();
    assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()));
    assert!(!bytes.windows(43).any(|window| window == &text.as_bytes()[4..]));
}

#[test]
fn the_text_is_base64url_of_the_randomness() {
    // RFC 4648 §5 of the bytes 0xfb 0xff 0xbf …: characters 62 and 63 are `-` and `_`.
    struct Fixed;
    impl Randomness for Fixed {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.iter_mut().zip([0xfb, 0xff, 0xbf].into_iter().cycle()).for_each(|(byte, fixed)| *byte = fixed);
        }
    }
    let (answers, principal, mut fixed) = (Answers::default(), caller(Role::Admin), Fixed);
    let mut facts = Facts::new(BEGIN, &principal, &answers, &mut fixed);
    let done = issue(Role::Read).apply(&mut facts).unwrap();
    assert_eq!(done.reply.token.expose(), format!("srt_{}-_8", "-_-_".repeat(10)));
}

#[test]
fn no_two_tokens_are_alike() {
    let mut shell = Shell::new();
    let mut texts: Vec<String> =
        (0..100).map(|_| shell.admin(&issue(Role::Read)).unwrap().token.expose().to_owned()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 100);
}

#[test]
fn a_token_is_over_at_the_millisecond() {
    let mut shell = Shell::new();
    let id = shell.admin(&issue(Role::Data)).unwrap().id;
    let stored: TokenBody = shell.body(RecordKind::Token, id);
    let last = Timestamp(BEGIN.0 + 8 * HOUR - 1);
    let holder = Principal { identity: Identity::Token { id }, role: Some(Role::Data), channel: Channel::Network };
    assert_eq!(stored.principal(id, last), Some(holder));
    assert_eq!(stored.principal(id, Timestamp(last.0 + 1)), None);
    assert_eq!(stored.principal(id, Timestamp(i64::MAX)), None);
}

#[test]
fn a_role_from_elsewhere_gives_no_rights() {
    let mut shell = Shell::new();
    let id = shell.admin(&issue(Role::Admin)).unwrap().id;
    let mut stored: TokenBody = shell.body(RecordKind::Token, id);
    for role in ["", "root", "Admin", "admin "] {
        stored.role = role.to_owned();
        let holder = stored.principal(id, BEGIN).unwrap();
        assert_eq!(holder.role, None, "{role:?}");
        assert!(matches!(shell.execute(&holder, &issue(Role::Read)), Err(Refusal::Denied { .. })));
    }
}

#[test]
fn lifetimes_and_descriptions_have_bounds() {
    let mut shell = Shell::new();
    for (milliseconds, allowed) in [
        (i64::MIN, false),
        (-1, false),
        (0, false),
        (59_999, false),
        (60_000, true),
        (366 * DAY, true),
        (366 * DAY + 1, false),
        (i64::MAX, false),
    ] {
        let issued = shell.admin(&Issue { expires_in_milliseconds: milliseconds, ..issue(Role::Read) });
        assert_eq!(issued.is_ok(), allowed, "{milliseconds} ms");
    }
    let described = |text: &str| Issue { description: Some(text.to_owned()), ..issue(Role::Read) };
    assert!(shell.admin(&described(&"d".repeat(256))).is_ok());
    let refused = shell.admin(&described(&"d".repeat(257))).map(drop);
    assert_eq!(refused, Err(Refusal::TooLarge { what: "the description", actual: 257, limit: 256 }));
    for text in ["a\nb", "\u{1b}[2J", "\0", "\u{85}"] {
        let refused = shell.admin(&described(text)).map(drop);
        assert!(matches!(refused, Err(Refusal::Invalid { field: "description", .. })), "{text:?}");
    }
    assert!(shell.admin(&Issue { description: None, ..issue(Role::Read) }).is_ok());
}

#[test]
fn only_an_administrator_issues_lists_and_revokes() {
    let mut shell = Shell::new();
    let id = shell.admin(&issue(Role::Read)).unwrap().id;
    for role in [Role::Data, Role::Read] {
        let caller = caller(role);
        assert!(matches!(shell.execute(&caller, &issue(Role::Read)), Err(Refusal::Denied { .. })));
        assert!(matches!(shell.execute(&caller, &list()), Err(Refusal::Denied { .. })));
        assert!(matches!(shell.execute(&caller, &Revoke { id }), Err(Refusal::Denied { .. })));
    }
    assert_eq!(shell.count(RecordKind::Token), 1, "no refusal leaves or takes a token");
}

fn list() -> List {
    List { after: None, limit: 100 }
}

#[test]
fn tokens_are_listed_in_pages_in_the_order_they_were_issued() {
    let mut shell = Shell::new();
    let mut issued = Vec::new();
    for _ in 0..5 {
        shell.now = Timestamp(shell.now.0 + 1000);
        issued.push(shell.admin(&issue(Role::Read)).unwrap().id);
    }
    shell.now = Timestamp(BEGIN.0 + 8 * HOUR + 2000);
    let reply = shell.admin(&list()).unwrap();
    let ids: Vec<Id> = reply.entries.iter().map(|entry| entry.id).collect();
    assert_eq!((ids, reply.next), (issued.clone(), None));
    let expired: Vec<bool> = reply.entries.iter().map(|entry| entry.expired).collect();
    assert_eq!(expired, [true, true, false, false, false]);
    assert_eq!(reply.entries[0].description.as_deref(), Some("for the build"));

    let first = shell.admin(&List { limit: 2, ..list() }).unwrap();
    assert_eq!((first.entries.len(), first.next), (2, Some(issued[1])));
    let second = shell.admin(&List { limit: 3, after: first.next }).unwrap();
    assert_eq!((second.entries.len(), second.next), (3, None));
    assert_eq!(second.entries[0].id, issued[2]);
}

#[test]
fn a_revoked_token_is_gone() {
    let mut shell = Shell::new();
    let id = shell.admin(&issue(Role::Read)).unwrap().id;
    let reply = shell.admin(&Revoke { id }).unwrap();
    assert!(shell.last.witnessed);
    assert_eq!(reply, RevokeReply { id });
    assert_eq!(RevokeReply::recall(&reply.remember()), Some(reply));
    assert_eq!(RevokeReply::recall(b"short"), None);
    assert_eq!(shell.count(RecordKind::Token), 0);
    let target = id.to_string();
    assert_eq!(shell.admin(&Revoke { id }), Err(Refusal::NotFound { what: "token", target }));
}

#[test]
fn texts_that_cannot_be_tokens_have_no_digest() {
    let token = |text: &str| AccessToken::from_text(text.to_owned());
    let random = "A".repeat(43);
    assert!(digest(&token(&format!("srt_{random}"))).is_some());
    let wrong = [
        String::new(),
        "srt_".to_owned(),
        random.clone(),
        format!("srt_{random}A"),
        format!("srt_{}", &random[1..]),
        format!("SRT_{random}"),
        format!(" srt_{random}"),
        format!("srt_{random}\n"),
        format!("srt_{}+", &random[1..]),
        format!("srt_{}é", &random[2..]),
    ];
    for text in wrong {
        assert_eq!(digest(&token(&text)), None, "{text:?}");
    }
}

#[test]
fn a_token_body_of_another_form_is_refused() {
    let mut shell = Shell::new();
    let id = shell.admin(&issue(Role::Read)).unwrap().id;
    let stored: TokenBody = shell.body(RecordKind::Token, id);
    let bytes = body::encode(&stored);
    for length in 0..bytes.len() {
        assert!(body::decode_strict::<TokenBody>(&bytes[..length]).is_err());
    }
}

#[test]
fn an_expired_token_is_removed_when_it_was_listed_long_enough() {
    let mut shell = Shell::new();
    let id = shell.admin(&issue(Role::Read)).unwrap().id;
    let purge = Purge { id, retention_milliseconds: DAY };
    assert_eq!(shell.admin(&purge), Ok(PurgeReply::NotDue), "it is live");
    shell.now = Timestamp(BEGIN.0 + 8 * HOUR + DAY - 1);
    assert_eq!(shell.admin(&purge), Ok(PurgeReply::NotDue), "it is still listed");
    assert_eq!(shell.admin(&list()).unwrap().entries.len(), 1);
    shell.now = Timestamp(BEGIN.0 + 8 * HOUR + DAY);
    assert_eq!(shell.admin(&purge), Ok(PurgeReply::Removed));
    assert!(shell.admin(&list()).unwrap().entries.is_empty());
    assert_eq!(shell.admin(&purge), Ok(PurgeReply::NotDue), "it is gone");
}
