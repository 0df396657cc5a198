//! Who may do what: every role, action and channel against a table, and a model that was written apart.

use proptest::prelude::*;
use strongroom_engine::policy::{Action, Certificate, Channel, Decision, Identity, Object, Principal, Role, decide};
use strongroom_envelope::{Id, Pin, Timestamp};

/// Action, then who may: admin local, admin network, data local, data network, read local, read
/// network, columns local, columns network.
const TABLE: [(&str, &str); 84] = [
    ("secret.put", "yyyy----"),
    ("secret.get", "yyyyyy--"),
    ("secret.show", "yyyyyy--"),
    ("secret.list", "yyyyyy--"),
    ("secret.rename", "yyyy----"),
    ("secret.delete", "yyyy----"),
    ("secret.undelete", "yyyy----"),
    ("secret.destroy", "yy------"),
    ("secret.import", "yy------"),
    ("key.create", "yy------"),
    ("key.show", "yyyy----"),
    ("key.list", "yyyy----"),
    ("key.rotate", "yy------"),
    ("key.reencrypt", "yy------"),
    ("key.encrypt", "yyyy----"),
    ("key.decrypt", "yyyy----"),
    ("key.decrypt.compromised", "yy------"),
    ("key.datakey", "yyyy----"),
    ("key.rewrap", "yyyy----"),
    ("key.random", "yyyyyyyy"),
    ("key.mac", "yyyy----"),
    ("key.sign", "yyyy----"),
    ("key.verify", "yyyy----"),
    ("key.state", "yy------"),
    ("key.limit", "yy------"),
    ("key.destroy", "yy------"),
    ("key.undestroy", "yy------"),
    ("key.wrapping", "yy------"),
    ("key.import", "yy------"),
    ("key.protect", "y-------"),
    ("key.unlock", "y-------"),
    ("key.change_password", "y-------"),
    ("column.key", "yy------"),
    ("column.unwrap", "yyyy--yy"),
    ("column.rewrap", "yy------"),
    ("column.sign", "yy------"),
    ("tx.begin", "yyyy----"),
    ("tx.step", "yyyy----"),
    ("tx.state", "yyyy----"),
    ("tx.commit", "yyyy----"),
    ("tx.rollback", "yyyy----"),
    ("tx.undone", "yyyy----"),
    ("tx.show", "yyyy----"),
    ("tx.get", "yyyy----"),
    ("tx.list", "yyyy----"),
    ("tx.archive", "yy------"),
    ("setting.set", "yyyy----"),
    ("setting.get", "yyyyyy--"),
    ("setting.list", "yyyyyy--"),
    ("setting.delete", "yyyy----"),
    ("setting.export", "yy------"),
    ("setting.import", "yy------"),
    // For one account, whatever its role; see below.
    ("credential.set", "yy------"),
    ("credential.get", "--------"),
    ("credential.enroll", "--------"),
    ("credential.show", "yy------"),
    ("credential.list", "yy------"),
    ("credential.rebind", "yy------"),
    ("credential.delete", "yy------"),
    ("job.list", "yy------"),
    ("job.show", "yy------"),
    ("job.pause", "yy------"),
    ("job.resume", "yy------"),
    ("token.issue", "yy------"),
    ("token.list", "yy------"),
    ("token.revoke", "yy------"),
    ("protector.list", "yy------"),
    ("protector.add", "y-------"),
    ("protector.drop", "y-------"),
    ("protector.prove", "y-------"),
    ("protector.replace", "y-------"),
    ("unlock", "y-------"),
    ("lock", "y-------"),
    ("status", "yyyyyyyy"),
    ("doctor", "yy------"),
    ("coverage", "yy------"),
    ("quarantine.list", "yy------"),
    ("quarantine.release", "y-------"),
    ("store.verify", "yy------"),
    ("store.scrub", "yy------"),
    ("audit.search", "yy------"),
    ("upgrade.accept", "y-------"),
    // Words that are no action.
    ("", "--------"),
    ("secret.put ", "--------"),
];

const CHANNELS: [Channel; 2] = [Channel::Local, Channel::Network];

fn principal(role: Option<Role>, channel: Channel) -> Principal {
    Principal { identity: Identity::Peer { uid: 1000 }, role, channel }
}

fn allows(role: Option<Role>, channel: Channel, action: Action) -> bool {
    decide(&principal(role, channel), action, Object::Name("a/b")) == Decision::Allow
}

#[test]
fn the_table_holds_for_every_role_action_and_channel() {
    let mut judged = 0;
    for (word, row) in TABLE {
        let columns = Role::ALL.into_iter().flat_map(|role| CHANNELS.map(|channel| (role, channel)));
        for ((role, channel), expected) in columns.zip(row.chars()) {
            let allowed = Action::from_word(word).is_some_and(|action| allows(Some(role), channel, action));
            assert_eq!(allowed, expected == 'y', "{word:?} {role:?} {channel:?}");
            judged += 1;
        }
    }
    assert_eq!(judged, TABLE.len() * 8);
}

#[test]
fn the_table_names_every_action() {
    let mut words: Vec<&str> = Action::ALL.iter().map(|action| action.word()).collect();
    let named: Vec<&str> =
        TABLE.iter().map(|(word, _)| *word).filter(|word| Action::from_word(word).is_some()).collect();
    assert_eq!(words, named);
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Action::ALL.len(), "no word stands for two actions");
}

#[test]
fn no_role_may_do_nothing() {
    for action in Action::ALL {
        for channel in CHANNELS {
            for identity in [Identity::System, Identity::Peer { uid: 0 }, Identity::Token { id: Id([1; 16]) }] {
                let nobody = Principal { identity, role: None, channel };
                assert!(matches!(decide(&nobody, *action, Object::System), Decision::Deny(_)), "{action:?}");
            }
        }
    }
}

#[test]
fn an_unknown_word_is_no_role() {
    for word in ["", "root", "Admin", " admin", "admin ", "admin\u{301}", "аdmin", "ADMIN", "data,admin", "*"] {
        assert_eq!(Role::from_word(word), None, "{word:?}");
    }
    for role in Role::ALL {
        assert_eq!(Role::from_word(role.word()), Some(role));
    }
}

#[test]
fn the_server_itself_may_do_everything_it_does() {
    let of_an_account = |action: &Action| [Action::CredentialGet, Action::CredentialEnroll].contains(action);
    for action in Action::ALL {
        let allowed = decide(&Principal::system(), *action, Object::System) == Decision::Allow;
        assert_eq!(allowed, !of_an_account(action), "{action:?}");
    }
}

#[test]
fn what_belongs_to_an_account_is_for_that_account_alone() {
    let mine = |uid| Object::Owned { name: "hidden/name", uid, certificates: &[] };
    let roles = [None, Some(Role::Admin), Some(Role::Data), Some(Role::Read), Some(Role::Columns)];
    for action in [Action::CredentialGet, Action::CredentialEnroll] {
        for role in roles {
            let allows = |uid, channel, object| {
                let asking = Principal { identity: Identity::Peer { uid }, role, channel };
                match decide(&asking, action, object) {
                    Decision::Allow => true,
                    Decision::Deny(reason) => {
                        assert!(reason.contains(action.word()) && !reason.contains("hidden"), "{reason}");
                        false
                    }
                }
            };
            assert!(allows(991, Channel::Local, mine(Some(991))));
            assert!(allows(0, Channel::Local, mine(Some(0))));
            for (uid, channel, object) in [
                (991, Channel::Network, mine(Some(991))),
                (992, Channel::Local, mine(Some(991))),
                (0, Channel::Local, mine(Some(991))),
                (991, Channel::Local, mine(None)),
                (991, Channel::Local, Object::Name("hidden/name")),
                (991, Channel::Local, Object::Id(Id([1; 16]))),
                (991, Channel::Local, Object::System),
            ] {
                assert!(!allows(uid, channel, object), "{action:?} {role:?} {object:?}");
            }
            for identity in [Identity::Token { id: Id([1; 16]) }, Identity::Anonymous, Identity::System] {
                let asking = Principal { identity, role, channel: Channel::Local };
                assert!(matches!(decide(&asking, action, mine(Some(0))), Decision::Deny(_)));
            }
        }
    }
}

fn certificate(pin: Pin) -> Certificate {
    Certificate { pin, not_before: Timestamp(0), not_after: Timestamp(i64::MAX) }
}

#[test]
fn what_belongs_to_a_certificate_is_for_whoever_has_it_and_nothing_else_is() {
    let (own, other) = (Pin([1; 32]), Pin([2; 32]));
    let pins = [own, Pin([3; 32])];
    let object = Object::Owned { name: "hidden/name", uid: Some(991), certificates: &pins };
    let nobodys = Object::Owned { name: "hidden/name", uid: None, certificates: &[] };
    for role in [None, Some(Role::Admin), Some(Role::Data), Some(Role::Read), Some(Role::Columns)] {
        let allows = |pin, channel, action, object| {
            let asking = Principal { identity: Identity::Certificate(certificate(pin)), role, channel };
            decide(&asking, action, object) == Decision::Allow
        };
        for action in [Action::CredentialGet, Action::CredentialEnroll] {
            assert!(action.is_for_owners());
            assert!(allows(own, Channel::Network, action, object));
            assert!(!allows(own, Channel::Local, action, object), "a certificate is shown over TLS");
            assert!(!allows(other, Channel::Network, action, object));
            assert!(!allows(own, Channel::Network, action, nobodys));
            let unnamed = Object::Name("hidden/name");
            assert!(!allows(own, Channel::Network, action, unnamed));
        }
    }
    for action in Action::ALL.iter().filter(|action| !action.is_for_owners()) {
        let identity = Identity::Certificate(certificate(own));
        let asking = Principal { identity, role: None, channel: Channel::Network };
        assert!(matches!(decide(&asking, *action, object), Decision::Deny(_)), "{action:?}");
    }
    // As the trail has it (docs/spec/audit.md).
    let shown = Identity::Certificate(certificate(own)).to_string();
    assert_eq!(shown, format!("certificate:sha256:{}", "01".repeat(32)));
}

#[test]
fn a_refusal_names_role_and_action_and_never_the_object() {
    for action in Action::ALL {
        for role in Role::ALL {
            for channel in CHANNELS {
                let judged = decide(&principal(Some(role), channel), *action, Object::Name("hidden/name"));
                if let Decision::Deny(reason) = judged {
                    assert!(reason.contains(action.word()), "{reason}");
                    assert!(!reason.contains("hidden"), "{reason}");
                }
            }
        }
    }
}

/// The same rules, written apart from words alone.
fn model(role: Option<&str>, local: bool, word: &str) -> bool {
    let Some(role) = role else { return false };
    let (noun, verb) = word.split_once('.').unwrap_or((word, ""));
    if noun == "credential" && ["get", "enroll"].contains(&verb) {
        return false;
    }
    match role {
        "admin" => {
            let only_local = match noun {
                "protector" => verb != "list",
                "quarantine" => verb == "release",
                "key" => ["protect", "unlock", "change_password"].contains(&verb),
                "unlock" | "lock" | "upgrade" => true,
                _ => false,
            };
            local || !only_local
        }
        "data" => match noun {
            "status" => true,
            "secret" => verb != "destroy" && verb != "import",
            "tx" => verb != "archive",
            "setting" => verb != "export" && verb != "import",
            "column" => verb == "unwrap",
            "key" => ["show", "list", "encrypt", "decrypt", "datakey", "rewrap", "random", "mac", "sign", "verify"]
                .contains(&verb),
            _ => false,
        },
        "read" => {
            let is_read = ["get", "show", "list"].contains(&verb);
            noun == "status" || word == "key.random" || ["secret", "setting"].contains(&noun) && is_read
        }
        "columns" => ["status", "key.random", "column.unwrap"].contains(&word),
        _ => false,
    }
}

fn any_identity() -> impl Strategy<Value = Identity> {
    prop_oneof![
        any::<u32>().prop_map(|uid| Identity::Peer { uid }),
        any::<[u8; 16]>().prop_map(|id| Identity::Token { id: Id(id) }),
        any::<[u8; 32]>().prop_map(|pin| Identity::Certificate(certificate(Pin(pin)))),
        Just(Identity::Anonymous),
        Just(Identity::System),
    ]
}

fn any_role() -> impl Strategy<Value = Option<Role>> {
    prop_oneof![Just(None), proptest::sample::select(Role::ALL.to_vec()).prop_map(Some)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_model_agrees(
        identity in any_identity(),
        role in any_role(),
        local in any::<bool>(),
        action in proptest::sample::select(Action::ALL.to_vec()),
        name in "[a-z]{1,8}(/[a-z]{1,8})?",
    ) {
        let channel = if local { Channel::Local } else { Channel::Network };
        let judged = decide(&Principal { identity, role, channel }, action, Object::Name(&name));
        prop_assert_eq!(judged == Decision::Allow, model(role.map(Role::word), local, action.word()));
    }
}
