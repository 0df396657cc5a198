//! Plug-ins: the example works, and a plug-in that is not the configured one, or misbehaves, comes to nothing (B62).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_crypto::{hash, random};
use strongroom_protector::{
    ChildError, ConfiguredError, DirectoryError, Given, Kind, Plugin, PluginError, PluginSettings, PluginWord,
    Protector, Surroundings, UnwrapError, WrapError, configured,
};

use crate::fixture::{Place, new_id, new_root, opens, refusal, set_mode, wrap};
use crate::other_process::{NOBODY, can_change_user};

/// A directory of plug-ins with the plug-in `vault` in it.
pub struct Bench {
    place: Place,
    sha256: [u8; 32],
}

impl Bench {
    pub fn with(program: &str) -> Self {
        let place = Place::new();
        let directory = place.path().join("plugins");
        fs::create_dir(&directory).unwrap();
        set_mode(&directory, 0o755);
        fs::write(directory.join("vault"), program).unwrap();
        set_mode(&directory.join("vault"), 0o755);
        Self { place, sha256: hash::sha256(&[program.as_bytes()]) }
    }

    /// The example, with its key in the bench's own directory. `None` where there is nothing to run it.
    pub fn with_example(test: &str) -> Option<Self> {
        let probe = ["-I", "-c", "import cryptography.hazmat.primitives.ciphers.aead"];
        let is_there = Command::new("/usr/bin/python3").args(probe).output().is_ok_and(|run| run.status.success());
        if !is_there {
            eprintln!("not run: {test}: /usr/bin/python3 with the package cryptography is missing");
            return None;
        }
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/plugins/example");
        let example = fs::read_to_string(example).unwrap();
        let bench = Self::with("");
        let key = bench.place.path().join("example.key");
        fs::write(&key, [0x6b; 32]).unwrap();
        let line = format!("KEY_FILE = {:?}", key.display().to_string());
        let program = example.replace("KEY_FILE = \"/etc/strongroom/plugin-example.key\"", &line);
        assert_ne!(program, example);
        fs::write(bench.file(), &program).unwrap();
        Some(Self { sha256: hash::sha256(&[program.as_bytes()]), ..bench })
    }

    fn directory(&self) -> PathBuf {
        self.place.path().join("plugins")
    }

    fn file(&self) -> PathBuf {
        self.directory().join("vault")
    }

    pub fn surroundings(&self) -> Surroundings {
        let mut surroundings = (*self.place.surroundings()).clone();
        surroundings.configuration.plugin_directory = Some(self.directory());
        surroundings.configuration.plugin.insert("vault".into(), PluginSettings { sha256: self.sha256 });
        surroundings
    }

    fn protector(&self) -> Box<dyn Protector> {
        configured(&Arc::new(self.surroundings()), Kind::Plugin, "vault", Given::Nothing).unwrap()
    }

    /// Why the plug-in wraps nothing.
    fn why(&self) -> PluginError {
        match wrap(self.protector().as_ref(), &new_root()).unwrap_err() {
            WrapError::Plugin(reason) | WrapError::DoesNotOpen { source: UnwrapError::Plugin(reason) } => {
                assert!(!reason.to_string().is_empty() && !reason.how_to_mend().is_empty());
                reason
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn the_example_wraps_and_opens() {
    let Some(bench) = Bench::with_example("plugin::the_example_wraps_and_opens") else { return };
    let (protector, root) = (bench.protector(), new_root());
    let record = wrap(protector.as_ref(), &root).unwrap();
    assert!(opens(protector.as_ref(), &record, &root));
    assert_eq!(record.parameter, "vault");
    assert_eq!(record.bound_to[0], ("plugin".to_owned(), "vault".to_owned()));
    for at in 0..record.blob.len() {
        let mut changed = record.clone();
        changed.blob[at] ^= 1;
        let found = refusal(protector.as_ref(), &changed);
        let refused = matches!(
            found,
            UnwrapError::Blob { kind: Kind::Plugin }
                | UnwrapError::Plugin(PluginError::Refused { word: PluginWord::Invalid, .. })
        );
        assert!(refused, "byte {at}: {found}");
    }
    // The example authenticates the context: what was wrapped for one place does not open at another.
    let mut elsewhere = record.clone();
    elsewhere.protector_id = new_id();
    let found = refusal(protector.as_ref(), &elsewhere);
    assert!(matches!(found, UnwrapError::Plugin(PluginError::Refused { word: PluginWord::Invalid, .. })), "{found}");

    let key = bench.place.path().join("example.key");
    fs::write(&key, [0x6c; 32]).unwrap();
    let found = refusal(protector.as_ref(), &record);
    assert!(matches!(found, UnwrapError::Plugin(PluginError::Refused { word: PluginWord::Invalid, .. })), "{found}");
    fs::remove_file(&key).unwrap();
    let found = refusal(protector.as_ref(), &record);
    assert!(matches!(found, UnwrapError::Plugin(PluginError::Refused { word: PluginWord::NotFound, .. })), "{found}");
}

/// What a plug-in answers for every question, and no more.
fn answering(reply: &str) -> String {
    format!("#!/bin/sh\nread -r line\nprintf '%s\\n' '{reply}'\n")
}

/// A plug-in that pays no attention to the context is still bound to its place by the derivation.
#[test]
fn a_careless_plug_in_does_not_open_at_another_place() {
    // Base64 of 32 zero bytes.
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let program = format!(
        "#!/bin/sh\nread -r line\ncase $line in\n*'\"operation\":\"wrap\"'*) echo '{{\"wrapped_base64\":\"AA==\"}}';;\n\
         *) echo '{{\"key_base64\":\"{key}\"}}';;\nesac\n"
    );
    let bench = Bench::with(&program);
    let zeros = |bytes: &mut [u8]| bytes.fill(0);
    let protector = bench.protector();
    let root = new_root();
    let record = protector.wrap(&root, new_id(), &mut { zeros }, crate::fixture::NOW).unwrap();
    assert!(opens(protector.as_ref(), &record, &root));
    let mut elsewhere = record;
    elsewhere.protector_id = new_id();
    let found = refusal(protector.as_ref(), &elsewhere);
    assert!(matches!(found, UnwrapError::NotAuthentic { .. }), "{found}");
    // With a random secret it gives back another one than it was given.
    let wrong = wrap(protector.as_ref(), &root);
    assert!(matches!(wrong, Err(WrapError::DoesNotOpen { source: UnwrapError::NotAuthentic { .. } })), "{wrong:?}");
}

#[test]
fn names_are_never_paths() {
    let bench = Bench::with("");
    for name in ["../vault", "/bin/sh", "vault/", "Vault", "va ult", "", &"v".repeat(33), "vault\0", "v.sh"] {
        let mut surroundings = bench.surroundings();
        surroundings.configuration.plugin.insert(name.into(), PluginSettings { sha256: [0; 32] });
        assert_eq!(surroundings.configuration.check().unwrap_err().name, name);
        match configured(&Arc::new(surroundings), Kind::Plugin, name, Given::Nothing) {
            Ok(protector) => {
                let refused = wrap(protector.as_ref(), &new_root()).unwrap_err();
                assert!(matches!(refused, WrapError::Plugin(PluginError::Name)), "{name:?}: {refused}");
            }
            Err(refused) => assert!(name.is_empty() && matches!(refused, ConfiguredError::Needs { .. })),
        }
    }
    assert_eq!(bench.surroundings().configuration.check(), Ok(()));
}

#[test]
fn what_is_not_configured_is_named_with_what_to_add() {
    let bench = Bench::with("");
    let missing = |kind, name| configured(&Arc::new(bench.surroundings()), kind, name, Given::Nothing).err().unwrap();
    let found = missing(Kind::Plugin, "safe");
    assert_eq!(found.to_string(), "[protector.plugin.safe] is not configured here");
    assert!(found.how_to_mend().contains("[protector.plugin.safe]") && found.how_to_mend().contains("vault"));
    assert!(missing(Kind::Rsa, "office").how_to_mend().starts_with("add [protector.rsa.office]"));
    assert!(missing(Kind::Pkcs11, "hsm1").how_to_mend().starts_with("add [protector.pkcs11.hsm1]"));
}

#[test]
fn another_program_is_not_run() {
    let bench = Bench::with("#!/bin/sh\n");
    let trace = bench.place.path().join("was-run");
    fs::write(bench.file(), format!("#!/bin/sh\ntouch {}\n", trace.display())).unwrap();
    let found = bench.why();
    assert!(matches!(&found, PluginError::OtherHash { .. }), "{found}");
    assert!(!trace.exists());
    fs::remove_file(bench.file()).unwrap();
    assert!(matches!(bench.why(), PluginError::Missing { .. }));
    symlink("/bin/true", bench.file()).unwrap();
    assert!(matches!(bench.why(), PluginError::NotAFile { .. }));
    fs::remove_file(bench.file()).unwrap();
    fs::create_dir(bench.file()).unwrap();
    assert!(matches!(bench.why(), PluginError::NotAFile { .. }));
}

#[test]
fn files_and_directories_that_others_may_write_are_not_used() {
    let bench = Bench::with("#!/bin/sh\n");
    for mode in [0o775, 0o757, 0o777] {
        set_mode(&bench.file(), mode);
        assert!(matches!(bench.why(), PluginError::TooOpen { mode: found, .. } if found == mode));
    }
    set_mode(&bench.file(), 0o755);
    for mode in [0o775, 0o1777] {
        set_mode(&bench.directory(), mode);
        assert!(matches!(bench.why(), PluginError::TooOpen { mode: found, .. } if found == mode));
    }
    set_mode(&bench.directory(), 0o757);
    let everybody =
        PluginError::Directory { source: DirectoryError::WorldWritable { path: bench.directory(), mode: 0o757 } };
    assert_eq!(bench.why().to_string(), everybody.to_string());
    set_mode(&bench.directory(), 0o755);
    if can_change_user("plugin::files_and_directories_that_others_may_write_are_not_used") {
        crate::fixture::give(&bench.file(), NOBODY);
        assert!(matches!(bench.why(), PluginError::Foreign { owner: NOBODY, .. }));
    }
}

#[test]
fn a_plug_in_that_hangs_is_ended_with_all_that_it_started() {
    let place = Place::new();
    let pids = place.path().join("pids");
    let program = format!("#!/bin/sh\nsleep 600 &\necho $! $$ > {}\nwait\n", pids.display());
    let bench = Bench::with(&program);
    let begun = Instant::now();
    let found = bench.why();
    assert!(matches!(&found, PluginError::Child { source: ChildError::TimedOut { .. }, .. }), "{found}");
    assert!(begun.elapsed() < Duration::from_secs(7));
    let pids = fs::read_to_string(pids).unwrap();
    assert_eq!(pids.split_whitespace().count(), 2);
    for pid in pids.split_whitespace() {
        // What is left until its new parent has waited for it is dead, too.
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }
}

#[test]
fn a_plug_in_that_says_too_much_is_ended() {
    let bench = Bench::with("#!/bin/sh\nexec head -c 1073741824 /dev/zero\n");
    let begun = Instant::now();
    let found = bench.why();
    assert!(matches!(&found, PluginError::Child { source: ChildError::TooMuch { limit: 65536 }, .. }), "{found}");
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_plug_in_that_crashes_or_cannot_be_started_is_named() {
    for program in ["#!/bin/sh\nkill -SEGV $$\n", "#!/bin/sh\nexit 3\n", "#!/bin/sh\necho '{}'; exit 1\n"] {
        let found = Bench::with(program).why();
        assert!(matches!(&found, PluginError::Child { source: ChildError::Failed, .. }), "{program}: {found}");
    }
    for program in ["#!/no/such/interpreter\n", "neither program nor script\n"] {
        let found = Bench::with(program).why();
        assert!(matches!(&found, PluginError::Child { source: ChildError::Start { .. }, .. }), "{program}: {found}");
    }
    let bench = Bench::with("#!/bin/sh\n");
    set_mode(&bench.file(), 0o644);
    let found = bench.why();
    assert!(matches!(&found, PluginError::Child { source: ChildError::Start { .. }, .. }), "{found}");
}

#[test]
fn replies_beside_the_protocol_are_refused() {
    let replies = [
        "",
        "null",
        "[]",
        "{}",
        r#"{"wrapped_base64":""}"#,
        r#"{"wrapped_base64":"AA=="} {}"#,
        r#"{"wrapped_base64":"AA==","wrapped_base64":"AA=="}"#,
        r#"{"wrapped_base64":"AA==","more":1}"#,
        r#"{"wrapped_base64":"AA==","error":"denied"}"#,
        r#"{"wrapped_base64":"A"}"#,
        r#"{"wrapped_base64":"\u0041A=="}"#,
        r#"{"wrapped_base64":7}"#,
        r#"{"key_base64":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#,
        r#"{"error":7}"#,
    ];
    let long = format!(r#"{{"wrapped_base64":"{}"}}"#, "A".repeat(4 * 681));
    for reply in replies.into_iter().chain([long.as_str()]) {
        let found = Bench::with(&answering(reply)).why();
        assert!(matches!(&found, PluginError::Reply { .. }), "{reply}: {found}");
    }
    // A key of another length.
    let short = Bench::with(&answering(r#"{"key_base64":"AAAA"}"#));
    let record = strongroom_protector::WrappingTerms {
        salt: vec![0; 32],
        parameters: None,
        parameter: "vault".into(),
        blob: vec![0x81, 0x41, 0],
    };
    let found = short.protector().wrapping_key(new_id(), &record).unwrap_err();
    assert!(matches!(&found, UnwrapError::Plugin(PluginError::Reply { .. })), "{found}");
}

/// B48: what a plug-in says reaches nobody, unless it is one of a few words.
#[test]
fn words_of_a_plug_in_are_not_repeated() {
    const CANARY: &str = "canary-5e1f";
    let bench =
        Bench::with(&format!("#!/bin/sh\nread -r line\necho {CANARY} >&2\nprintf '{{\"error\":\"{CANARY}\"}}\\n'\n"));
    let found = bench.why();
    assert!(matches!(&found, PluginError::Refused { word: PluginWord::Unknown, .. }), "{found}");
    for text in [format!("{found:?}"), found.to_string(), found.how_to_mend()] {
        assert!(!text.contains(CANARY), "{text}");
    }
    let words = ["denied", "unavailable", "not_found", "invalid", "unsupported"];
    let known = [
        PluginWord::Denied,
        PluginWord::Unavailable,
        PluginWord::NotFound,
        PluginWord::Invalid,
        PluginWord::Unsupported,
    ];
    for (word, expected) in words.into_iter().zip(known) {
        let found = Bench::with(&answering(&format!("{{\"error\":\"{word}\"}}"))).why();
        assert!(matches!(&found, PluginError::Refused { word, .. } if *word == expected), "{found}");
    }
}

/// The plug-in answers what it sees of us, instead of a wrapped key.
#[test]
fn a_plug_in_gets_nothing_but_the_question() {
    const NAME: &str = "plugin::a_plug_in_gets_nothing_but_the_question";
    let program = "#!/usr/bin/python3 -I\n\
        import base64, json, os, sys\n\
        question = json.loads(sys.stdin.readline())\n\
        links = {n: os.readlink('/proc/self/fd/' + n) for n in os.listdir('/proc/self/fd') if os.path.lexists('/proc/self/fd/' + n)}\n\
        seen = [sorted(os.environ), os.getcwd(), os.getpgrp() == os.getpid(), sys.stdin.read(), sorted(question),\n\
                sorted(link.split(':')[0] for n, link in links.items() if not link.startswith('/proc/'))]\n\
        print(json.dumps({'wrapped_base64': base64.b64encode(json.dumps(seen).encode()).decode()}))\n";
    if !std::path::Path::new("/usr/bin/python3").exists() {
        eprintln!("not run: {NAME}: /usr/bin/python3 is missing");
        return;
    }
    let bench = Bench::with(program);
    let ours = fs::File::open("/dev/zero").unwrap();
    let (_, terms) = bench.protector().new_wrapping_key(new_id(), &mut random::fill).unwrap();
    drop(ours);
    let seen = String::from_utf8_lossy(&terms.blob).into_owned();
    let mut descriptors =
        ["/dev/null".to_owned(), bench.file().display().to_string(), "pipe".into(), "pipe".into()].to_vec();
    descriptors.extend(given_to_every_child());
    descriptors.sort();
    let expected = format!(
        r#"[["LC_CTYPE"], "/", true, "", ["context_base64", "key_base64", "operation", "version"], {descriptors:?}]"#
    );
    // Python itself sets LC_CTYPE where there is no locale.
    assert!(seen.contains(&expected) || seen.contains(&expected.replace("\"LC_CTYPE\"", "")), "{seen}\n{expected}");
}

/// What the test's own parent left open for all that it starts; nothing that is opened here is.
fn given_to_every_child() -> Vec<String> {
    let is_given = |number: &str| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or("02000000").trim();
        number.parse::<u32>().unwrap() > 2 && u32::from_str_radix(flags, 8).unwrap() & 0o2_000_000 == 0
    };
    let numbers = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let given = numbers.filter(|number| is_given(number));
    let links = given.filter_map(|number| fs::read_link(format!("/proc/self/fd/{number}")).ok());
    links.map(|link| link.display().to_string().split(':').next().unwrap().to_owned()).collect()
}

#[test]
fn a_plug_in_can_be_probed() {
    let probed = |reply: &str| {
        let bench = Bench::with(&answering(reply));
        Plugin::named(Arc::new(bench.surroundings()), "vault").unwrap().probe()
    };
    assert!(probed("{}").is_ok());
    assert!(matches!(probed(r#"{"wrapped_base64":"AA=="}"#), Err(PluginError::Reply { .. })));
    let refused = probed(r#"{"error":"unavailable"}"#);
    assert!(matches!(refused, Err(PluginError::Refused { word: PluginWord::Unavailable, .. })));
}
