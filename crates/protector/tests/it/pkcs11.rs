//! PKCS#11 on SoftHSM: a key that stays on the token opens, a wrong PIN is tried once, a bad module harms nobody.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_envelope::protector::ProtectorRecord;
use strongroom_protector::{
    ChildError, Given, Kind, Pkcs11Settings, Protector, ReadError, TokenError, TokenProblem, UnwrapError, WrapError,
    configured, serve_pkcs11,
};

use crate::fixture::{new_id, new_root, opens, refusal, set_mode, wrap};
use crate::softhsm::{PIN, SoftHsm, protector_for, spy};

/// Not a test but the child process of the others: its standard input is a socket then.
#[test]
fn serves_as_child() {
    let input = rustix::fs::fstat(std::io::stdin()).unwrap();
    if rustix::fs::FileType::from_raw_mode(input.st_mode) == rustix::fs::FileType::Socket {
        assert!(serve_pkcs11());
    }
}

type Change<'a> = &'a dyn Fn(&mut ProtectorRecord);

/// What the token says against opening the record.
fn problem(protector: &dyn Protector, record: &ProtectorRecord) -> TokenProblem {
    match refusal(protector, record) {
        UnwrapError::Token(TokenError::Token { problem, .. }) => problem,
        other => panic!("{other}"),
    }
}

/// Why nothing is wrapped.
fn why(protector: &dyn Protector) -> TokenError {
    match wrap(protector, &new_root()).unwrap_err() {
        WrapError::Token(reason) => {
            assert!(!reason.to_string().is_empty() && !reason.how_to_mend().is_empty());
            reason
        }
        other => panic!("{other}"),
    }
}

/// The objects on the token as OpenSC's tool sees them.
fn objects(token: &SoftHsm) -> Option<String> {
    let module = token.module().display().to_string();
    if Command::new("pkcs11-tool").arg("--version").output().is_err() {
        eprintln!("not run: what lies on the token: pkcs11-tool is missing (opensc)");
        return None;
    }
    let words = ["--module", &module, "--token-label", "T", "--login", "--pin", PIN, "--list-objects"];
    let output = token.run("pkcs11-tool", &words);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_key_is_made_once_and_cannot_leave_the_token() {
    let Some(token) = SoftHsm::new("pkcs11::the_key_is_made_once_and_cannot_leave_the_token") else { return };
    let (protector, root) = (token.protector(), new_root());
    let record = wrap(protector.as_ref(), &root).unwrap();
    let other = wrap(protector.as_ref(), &root).unwrap();
    assert!(opens(protector.as_ref(), &record, &root) && opens(protector.as_ref(), &other, &root));
    assert_eq!(record.parameter, "hsm1");
    let bound_to: Vec<&str> = record.bound_to.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(bound_to, ["hsm1", "T", "strongroom"]);
    // Opening takes the labels from the record.
    let opener = configured(&Arc::new(token.surroundings()), Kind::Pkcs11, "hsm1", Given::Nothing).unwrap();
    assert!(opens(opener.as_ref(), &record, &root));
    // [T, strongroom, 1: AES_KEY_WRAP_PAD, 40 bytes]: what RFC 5649 makes of 32.
    assert_eq!(record.blob[..17], *b"\x84\x61T\x6astrongroom\x01\x58\x28");
    assert_eq!(record.blob.len(), 17 + 40);

    let Some(objects) = objects(&token) else { return };
    assert_eq!(objects.matches("Secret Key Object; AES").count(), 1, "{objects}");
    assert_eq!(objects.matches("label:").count(), 1, "nothing else is left on the token: {objects}");
    assert!(objects.contains("sensitive, always sensitive, never extractable, local"), "{objects}");
}

#[test]
fn a_token_without_padding_wraps_without() {
    const NAME: &str = "pkcs11::a_token_without_padding_wraps_without";
    let Some(token) = SoftHsm::without(NAME, "-,CKM_AES_KEY_WRAP_PAD") else { return };
    let (protector, root) = (token.protector(), new_root());
    let record = wrap(protector.as_ref(), &root).unwrap();
    assert!(opens(protector.as_ref(), &record, &root));
    assert_eq!(record.blob[14], 2);
}

#[test]
fn a_token_without_key_wrap_uses_rsa() {
    let mechanisms = "-,CKM_AES_KEY_WRAP,CKM_AES_KEY_WRAP_PAD";
    let Some(token) = SoftHsm::without("pkcs11::a_token_without_key_wrap_uses_rsa", mechanisms) else { return };
    let (protector, root) = (token.protector(), new_root());
    let record = wrap(protector.as_ref(), &root).unwrap();
    assert!(opens(protector.as_ref(), &record, &root));
    // SoftHSM has OAEP with SHA-1 only.
    assert_eq!(record.blob[14], 4);
    assert_eq!(record.blob.len(), 14 + 1 + 3 + 384);
    let Some(objects) = objects(&token) else { return };
    assert_eq!(objects.matches("label:").count(), 2, "{objects}");
}

#[test]
fn a_token_without_any_way_is_named() {
    let mechanisms = "-,CKM_AES_KEY_WRAP,CKM_AES_KEY_WRAP_PAD,CKM_RSA_PKCS_OAEP";
    let Some(token) = SoftHsm::without("pkcs11::a_token_without_any_way_is_named", mechanisms) else { return };
    let found = why(token.protector().as_ref());
    assert!(matches!(found, TokenError::Token { problem: TokenProblem::NoMechanism, .. }), "{found}");
}

#[test]
fn what_was_changed_does_not_open() {
    let Some(token) = SoftHsm::new("pkcs11::what_was_changed_does_not_open") else { return };
    let protector = token.protector();
    let record = wrap(protector.as_ref(), &new_root()).unwrap();
    let changed = |change: Change<'_>| {
        let mut record = record.clone();
        change(&mut record);
        refusal(protector.as_ref(), &record)
    };
    for at in [17, 30, 56] {
        let found = changed(&|record| record.blob[at] ^= 1);
        let refused = TokenProblem::NotAuthentic;
        assert!(
            matches!(&found, UnwrapError::Token(TokenError::Token { problem, .. }) if *problem == refused),
            "byte {at}: {found}"
        );
    }
    let cases: [(&str, Change<'_>); 4] = [
        ("unknown mechanism", &|record| record.blob[14] = 5),
        ("cut short", &|record| record.blob.truncate(30)),
        ("longer", &|record| record.blob.push(0)),
        ("control character", &|record| record.blob[4] = 7),
    ];
    for (name, change) in cases {
        let found = changed(change);
        assert!(matches!(found, UnwrapError::Blob { kind: Kind::Pkcs11 }), "{name}: {found}");
    }
    // Moved to another protector: the token does not mind, the derivation does.
    let moved = changed(&|record| record.protector_id = new_id());
    assert!(matches!(moved, UnwrapError::NotAuthentic { .. }), "{moved}");
}

#[test]
fn a_wrong_pin_is_tried_once_until_it_is_changed() {
    const NAME: &str = "pkcs11::a_wrong_pin_is_tried_once_until_it_is_changed";
    let Some(token) = SoftHsm::new(NAME) else { return };
    let Some(spy) = spy() else {
        eprintln!("not run: {NAME}: OpenSC's pkcs11-spy.so is missing (opensc-pkcs11)");
        return;
    };
    let log = token.path().join("spy.log");
    let mut settings = token.settings();
    settings.environment.insert("PKCS11SPY".into(), settings.module.display().to_string());
    settings.environment.insert("PKCS11SPY_OUTPUT".into(), log.display().to_string());
    let settings = Pkcs11Settings { module: spy, ..settings };
    let protector = token.protector_in(token.surroundings_with(settings));
    let tries = || fs::read_to_string(&log).unwrap().lines().filter(|line| line.ends_with(": C_Login")).count();

    let root = new_root();
    let record = wrap(protector.as_ref(), &root).unwrap();
    assert_eq!(tries(), 2, "one to wrap, one to open again");
    token.write_pin("000000");
    assert_eq!(problem(protector.as_ref(), &record), TokenProblem::PinWrong);
    assert_eq!(tries(), 3);
    for _ in 0..20 {
        assert_eq!(problem(protector.as_ref(), &record), TokenProblem::PinKnownWrong);
    }
    assert!(matches!(why(protector.as_ref()), TokenError::Token { problem: TokenProblem::PinKnownWrong, .. }));
    assert_eq!(tries(), 3, "the token was not asked again");
    token.write_pin("111111");
    assert_eq!(problem(protector.as_ref(), &record), TokenProblem::PinWrong);
    token.write_pin("000000");
    assert_eq!(problem(protector.as_ref(), &record), TokenProblem::PinKnownWrong);
    assert_eq!(tries(), 4);
    token.write_pin(PIN);
    assert!(opens(protector.as_ref(), &record, &root));
    assert_eq!(tries(), 5);
}

#[test]
fn what_is_missing_is_named() {
    let Some(token) = SoftHsm::new("pkcs11::what_is_missing_is_named") else { return };
    let (protector, root) = (token.protector(), new_root());
    let record = wrap(protector.as_ref(), &root).unwrap();

    let elsewhere = why(protector_for(token.surroundings(), "U", "strongroom").as_ref());
    assert!(matches!(elsewhere, TokenError::Token { problem: TokenProblem::NoToken, .. }), "{elsewhere}");
    for (label, key) in [("", "k"), ("T", ""), ("T", "a\nb"), (&*"t".repeat(33), "k")] {
        let refused = why(protector_for(token.surroundings(), label, key).as_ref());
        assert!(matches!(refused, TokenError::Labels), "{refused}");
    }
    let unnamed = configured(&Arc::new(token.surroundings()), Kind::Pkcs11, "hsm1", Given::Nothing).unwrap();
    assert!(matches!(why(unnamed.as_ref()), TokenError::NoKey { .. }));

    token.add_token("T");
    assert_eq!(problem(protector.as_ref(), &record), TokenProblem::SeveralTokens);
    // The token is gone, and back.
    let (tokens, away) = (token.path().join("tokens"), token.path().join("away"));
    fs::rename(&tokens, &away).unwrap();
    fs::create_dir(&tokens).unwrap();
    assert_eq!(problem(protector.as_ref(), &record), TokenProblem::NoToken);
    token.add_token("T");
    assert_eq!(problem(protector.as_ref(), &record), TokenProblem::NoKey);
}

#[test]
fn the_token_gone_and_back() {
    let Some(token) = SoftHsm::new("pkcs11::the_token_gone_and_back") else { return };
    let (protector, root) = (token.protector(), new_root());
    let record = wrap(protector.as_ref(), &root).unwrap();
    let (tokens, away) = (token.path().join("tokens"), token.path().join("away"));
    fs::rename(&tokens, &away).unwrap();
    let gone = problem(protector.as_ref(), &record);
    assert!(matches!(gone, TokenProblem::NoToken | TokenProblem::Module), "{gone}");
    fs::rename(&away, &tokens).unwrap();
    assert!(opens(protector.as_ref(), &record, &root));
}

#[test]
fn a_key_that_could_be_read_out_is_not_used() {
    const NAME: &str = "pkcs11::a_key_that_could_be_read_out_is_not_used";
    let Some(token) = SoftHsm::new(NAME) else { return };
    if objects(&token).is_none() {
        return;
    }
    let module = token.module().display().to_string();
    let login = ["--module", &module, "--token-label", "T", "--login", "--pin", PIN];
    let keygen = ["--keygen", "--key-type", "AES:32", "--label", "strongroom", "--extractable"];
    let output = token.run("pkcs11-tool", &[&login[..], &keygen].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = why(token.protector().as_ref());
    assert!(matches!(found, TokenError::Token { problem: TokenProblem::KeyNotSafe, .. }), "{found}");
}

#[test]
fn the_pin_file_is_read_only_when_nobody_else_can() {
    let Some(token) = SoftHsm::new("pkcs11::the_pin_file_is_read_only_when_nobody_else_can") else { return };
    let protector = token.protector();
    set_mode(&token.path().join("pin"), 0o640);
    assert!(matches!(why(protector.as_ref()), TokenError::PinFile(ReadError::TooOpen { mode: 0o640, .. })));
    fs::remove_file(token.path().join("pin")).unwrap();
    assert!(matches!(why(protector.as_ref()), TokenError::PinFile(ReadError::Missing { .. })));
}

#[test]
fn a_module_that_is_none_or_crashes_or_hangs_harms_nobody() {
    const NAME: &str = "pkcs11::a_module_that_is_none_or_crashes_or_hangs_harms_nobody";
    let Some(token) = SoftHsm::new(NAME) else { return };
    let with = |module: &std::path::Path| {
        let settings = Pkcs11Settings { module: module.to_path_buf(), ..token.settings() };
        why(token.protector_in(token.surroundings_with(settings)).as_ref())
    };
    let none = with(&token.path().join("softhsm2.conf"));
    assert!(matches!(none, TokenError::Token { problem: TokenProblem::Module, .. }), "{none}");

    if Command::new("cc").arg("--version").output().is_err() {
        eprintln!("not run: {NAME}: modules that crash or hang: there is no C compiler");
        return;
    }
    let build = |name: &str, body: &str| {
        let (source, module) = (token.path().join(format!("{name}.c")), token.path().join(format!("{name}.so")));
        let program = format!(
            "#include <unistd.h>\n#include <stdio.h>\n__attribute__((constructor)) static void start(void) {{ {body} }}\n"
        );
        fs::write(&source, program).unwrap();
        let output = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&module).arg(&source).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        module
    };
    let crash = with(&build("crash", "*(volatile int *)0 = 1;"));
    assert!(matches!(crash, TokenError::Child { source: ChildError::Failed, .. }), "{crash}");
    let exits = with(&build("exits", "_exit(0);"));
    assert!(matches!(exits, TokenError::Child { source: ChildError::Failed, .. }), "{exits}");
    // Standard output is not where answers come from.
    let talks = with(&build("talks", "puts(\"hello\"); fflush(stdout); _exit(0);"));
    assert!(matches!(talks, TokenError::Child { source: ChildError::Failed, .. }), "{talks}");
    let begun = Instant::now();
    let hang = with(&build("hang", "for (;;) pause();"));
    assert!(matches!(hang, TokenError::Child { source: ChildError::TimedOut { .. }, .. }), "{hang}");
    assert!(begun.elapsed() < Duration::from_secs(12));
}
