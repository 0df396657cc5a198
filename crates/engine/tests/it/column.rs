//! Column encryption keys: made, opened and wrapped again under master keys of both kinds, by state; and nothing else is done
//! with a master key.

use strongroom_crypto::column_cell::key_check;
use strongroom_crypto::column_envelope::{MasterKey, Parts, PublicMasterKey};
use strongroom_engine::column::{Make, MakeReply, MasterPath, Rewrap, RewrapReply, Sign, Unwrap, Wrapping};
use strongroom_engine::key::{
    self, Algorithm, ChangeState, Create, DataKey, Destroy, Import, KeyView, MakeMac, State, Step, Verify, VerifyItem,
};
use strongroom_engine::policy::Role;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::value::{self, Context, Place, Purpose};
use strongroom_secret::{ColumnKey, SecretBytes};

use crate::key_use::{by_name, create, decrypt, encrypt, rotate};
use crate::shell::{Shell, caller, name};

fn symmetric(shell: &mut Shell, key: &str) -> KeyView {
    let (algorithm, rotation_period, usage_limit) = (Some(Algorithm::Aes256), None, None);
    let purpose = Purpose::Columns;
    shell.admin(&Create { name: name(key), purpose, algorithm, rotation_period, usage_limit }).unwrap()
}

fn make(shell: &mut Shell, master: &str) -> MakeReply {
    shell.admin(&Make { master: by_name(master), wrapping: None }).unwrap()
}

fn unwrap(shell: &mut Shell, path: &str, wrapping: Wrapping, envelope: &[u8]) -> Result<ColumnKey, Refusal> {
    let path = MasterPath::parse(path).unwrap();
    shell.admin(&Unwrap { path, wrapping, envelope: envelope.to_vec() }).map(|reply| reply.key)
}

fn rewrap(shell: &mut Shell, made: &MakeReply, to: &str, compromised: bool) -> Result<RewrapReply, Refusal> {
    let (path, wrapping, envelope) = (made.path.clone(), made.wrapping, made.envelope.clone());
    shell.admin(&Rewrap { path, wrapping, envelope, to_master: by_name(to), compromised })
}

fn step(shell: &mut Shell, key: &str, version: u32, step: Step) {
    shell.admin(&ChangeState { selector: by_name(key), version, step }).unwrap();
}

fn opens(shell: &mut Shell, made: &MakeReply) -> Result<(), Refusal> {
    let opened = unwrap(shell, &made.path.to_string(), made.wrapping, &made.envelope)?;
    assert!(opened.same_as(&made.key));
    Ok(())
}

#[test]
fn an_rsa_master_key_makes_microsofts_envelope() {
    let mut shell = Shell::new();
    let master = create(&mut shell, "team/Cmk1", Purpose::Columns);
    assert_eq!(master.algorithm, Some(Algorithm::Rsa3072Oaep));
    let public = PublicMasterKey::from_spki(master.versions[0].public.as_deref().unwrap()).unwrap();
    assert_eq!(public.bits(), 3072);
    let made = make(&mut shell, "team/Cmk1");
    assert_eq!((made.path.to_string().as_str(), made.wrapping), ("team/Cmk1#1", Wrapping::RsaOaep));
    assert_eq!(made.check, key_check(&made.key));
    assert_eq!((shell.last.trace.target.as_str(), shell.last.trace.key), ("team/Cmk1", Some((master.id, 1))));
    assert_eq!(shell.last.changes, 0, "nothing of it is stored");
    let parts = Parts::parse(&made.envelope).unwrap();
    assert_eq!(parts.path, "team/Cmk1#1".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    assert_eq!((parts.ciphertext.len(), parts.signature.len()), (384, 384));
    assert!(public.signed(&parts), "anybody who has the public key can tell whose it is");
    let another = make(&mut shell, "team/Cmk1");
    assert!(!another.key.same_as(&made.key) && another.check != made.check);

    assert_eq!(opens(&mut shell, &made), Ok(()));
    assert_eq!((shell.last.trace.target.as_str(), shell.last.trace.key), ("team/Cmk1", Some((master.id, 1))));
    for byte in 0..made.envelope.len() {
        let mut changed = made.envelope.clone();
        changed[byte] ^= 1;
        let refused = unwrap(&mut shell, "team/Cmk1#1", Wrapping::RsaOaep, &changed).map(drop);
        assert_eq!(refused, Err(Refusal::DoesNotOpen), "byte {byte}");
    }
    for length in [0, 1, 4, 5, 27, 411, 794] {
        let refused = unwrap(&mut shell, "team/Cmk1#1", Wrapping::RsaOaep, &made.envelope[..length]).map(drop);
        assert_eq!(refused, Err(Refusal::DoesNotOpen), "{length} bytes");
    }
}

#[test]
fn a_symmetric_master_key_makes_a_sealed_value() {
    let mut shell = Shell::new();
    let master = symmetric(&mut shell, "cmk");
    assert_eq!((master.algorithm, &master.versions[0].public), (Some(Algorithm::Aes256), &None));
    let made = make(&mut shell, "cmk");
    assert_eq!((made.path.to_string().as_str(), made.wrapping), ("cmk#1", Wrapping::Sealed));
    let header = value::parse(&made.envelope).unwrap();
    assert_eq!((header.purpose, header.key_id, header.key_version), (Purpose::Columns, master.id, 1));
    assert_eq!(made.envelope.len(), value::LEAST_LENGTH + 32);
    // As the specification has it: the context names what the value holds.
    let handle = shell.handle((master.id, 1));
    let context = Context::new([("holds", "column encryption key")]).unwrap();
    let (sealing, mut opened) = (handle.sealing(Purpose::Columns).unwrap(), SecretBytes::new());
    value::open(sealing, Purpose::Columns, &Place::Context(&context), &made.envelope, &mut opened).unwrap();
    assert_eq!(opened.expose(), made.key.expose());

    assert_eq!(opens(&mut shell, &made), Ok(()));
    for byte in 0..made.envelope.len() {
        let mut changed = made.envelope.clone();
        changed[byte] ^= 1;
        for envelope in [changed.as_slice(), &made.envelope[..byte]] {
            let refused = unwrap(&mut shell, "cmk#1", Wrapping::Sealed, envelope).map(drop);
            assert_eq!(refused, Err(Refusal::DoesNotOpen), "byte {byte}");
        }
    }
    // 31 bytes are no column encryption key, though sealed as one.
    let mut short = Vec::new();
    value::seal(sealing, Purpose::Columns, master.id, 1, &Place::Context(&context), &[7; 31], &mut short);
    assert_eq!(unwrap(&mut shell, "cmk#1", Wrapping::Sealed, &short).map(drop), Err(Refusal::DoesNotOpen));
}

#[test]
fn master_keys_and_their_versions_do_not_stand_in_for_each_other() {
    let mut shell = Shell::new();
    for master in ["a", "b"] {
        create(&mut shell, master, Purpose::Columns);
    }
    for master in ["c", "d"] {
        symmetric(&mut shell, master);
    }
    let made: Vec<MakeReply> = ["a", "c"].map(|master| make(&mut shell, master)).into();
    for master in ["a", "c"] {
        rotate(&mut shell, master);
    }
    for made in &made {
        for path in ["a#1", "a#2", "b#1", "c#1", "c#2", "d#1"] {
            let same_kind = (made.wrapping == Wrapping::RsaOaep) == (path < "c");
            let refused = unwrap(&mut shell, path, made.wrapping, &made.envelope).map(drop);
            match (path == made.path.to_string(), same_kind) {
                (true, _) => assert_eq!(refused, Ok(())),
                (false, true) => assert_eq!(refused, Err(Refusal::DoesNotOpen), "{path}"),
                (false, false) => {
                    assert!(matches!(refused, Err(Refusal::Invalid { field: "algorithm", .. })), "{path}")
                }
            }
        }
        let (missing, version) = (Refusal::NotFound { what: "key", target: "x".to_owned() }, Refusal::DoesNotOpen);
        assert_eq!(unwrap(&mut shell, "x#1", made.wrapping, &made.envelope).map(drop), Err(missing));
        let path = format!("{}#9", made.path.name);
        assert_eq!(unwrap(&mut shell, &path, made.wrapping, &made.envelope).map(drop), Err(version));
    }
    let asked = Make { master: by_name("a"), wrapping: Some(Wrapping::Sealed) };
    let Err(Refusal::Invalid { field: "algorithm", reason }) = shell.admin(&asked).map(drop) else { panic!("made") };
    assert_eq!(reason, "the master key `a` wraps by RSA_OAEP");
    assert!(shell.admin(&Make { master: by_name("a"), wrapping: Some(Wrapping::RsaOaep) }).is_ok());
}

#[test]
fn the_path_in_an_envelope_is_compared() {
    let mut shell = Shell::new();
    let brought = MasterKey::generate();
    let import = Import {
        name: name("Cmk/A"),
        purpose: Some(Purpose::Columns),
        algorithm: None,
        bytes: brought.to_pkcs8(),
        reencrypt: false,
    };
    let view = shell.admin(&import).unwrap().key;
    assert!(view.versions[0].imported);
    assert_eq!(view.versions[0].public.as_deref(), Some(brought.public().spki()));
    let key = ColumnKey::from_slice(&[7; 32]).unwrap();
    let cases = [
        ("Cmk/A#1", true),
        ("cmk/a#1", true),
        ("CMK/A#1", false),
        ("cmk/A#1", false),
        ("Cmk/A#2", false),
        ("Cmk/A", false),
        ("Cmk/A#1 ", false),
        ("", false),
        ("CurrentUser/My/b3c66ffbe1db57419792e24aa970455bfac30757", false),
    ];
    for (written, is_taken) in cases {
        let envelope = brought.seal(written, &key).unwrap();
        let opened = unwrap(&mut shell, "Cmk/A#1", Wrapping::RsaOaep, &envelope);
        match opened {
            Ok(opened) => assert!(is_taken && opened.same_as(&key), "{written}"),
            Err(refusal) => assert_eq!((refusal, is_taken), (Refusal::DoesNotOpen, false), "{written}"),
        }
    }
}

#[test]
fn what_is_brought_is_an_rsa_key_or_32_bytes() {
    let mut shell = Shell::new();
    let signs = strongroom_crypto::asymmetric::PrivateKey::generate(strongroom_crypto::asymmetric::Algorithm::Ed25519);
    let mut import = |bytes: SecretBytes, algorithm| {
        let (name, purpose) = (name("cmk"), Some(Purpose::Columns));
        shell.admin(&Import { name, purpose, algorithm, bytes, reencrypt: false }).map(|reply| reply.key.active)
    };
    for bytes in [signs.to_pkcs8(), SecretBytes::from_slice(&[0x30; 100]), SecretBytes::new()] {
        let Err(Refusal::Invalid { field: "key", reason }) = import(bytes, None) else { panic!("taken") };
        assert!(reason.contains("RSA") && reason.contains("PKCS#8"), "{reason}");
    }
    let weak = SecretBytes::from_slice(&[7; 32]);
    assert!(matches!(import(weak, Some(Algorithm::Aes256)), Err(Refusal::Invalid { field: "key", .. })));
    let mut random = SecretBytes::new();
    strongroom_crypto::random::fill(random.extend_zeroed(32));
    assert_eq!(import(random, Some(Algorithm::Aes256)), Ok(Some(1)));
    let other = import(MasterKey::generate().to_pkcs8(), Some(Algorithm::Rsa3072Oaep));
    let (algorithm, purpose) = (Algorithm::Rsa3072Oaep, Purpose::Columns);
    assert_eq!(other, Err(Refusal::WrongAlgorithm { algorithm, purpose }), "a key has one algorithm");
}

#[test]
fn states_decide() {
    let mut shell = Shell::new();
    symmetric(&mut shell, "cmk");
    let old = make(&mut shell, "cmk");
    rotate(&mut shell, "cmk");
    assert_eq!(opens(&mut shell, &old), Ok(()), "an older version opens");
    let new = make(&mut shell, "cmk");
    assert_eq!(new.path.to_string(), "cmk#2");
    let usable = |version, state| Err(Refusal::KeyNotUsable { key: "cmk".to_owned(), version, state });
    step(&mut shell, "cmk", 1, Step::Suspend);
    assert_eq!(opens(&mut shell, &old), usable(1, State::Suspended));
    step(&mut shell, "cmk", 1, Step::Resume);
    assert_eq!(opens(&mut shell, &old), Ok(()));

    // Wrapped again, the same key is under the new version; that is how it is saved when the old one is compromised, too.
    let wrapped = rewrap(&mut shell, &old, "cmk", false).unwrap();
    assert_eq!(wrapped.path.to_string(), "cmk#2");
    assert_eq!((shell.last.trace.target.as_str(), shell.last.trace.key.map(|(_, version)| version)), ("cmk", Some(2)));
    step(&mut shell, "cmk", 1, Step::Compromise);
    assert_eq!(opens(&mut shell, &old), usable(1, State::Compromised));
    assert_eq!(rewrap(&mut shell, &old, "cmk", false).map(drop), usable(1, State::Compromised));
    let saved = rewrap(&mut shell, &old, "cmk", true).unwrap();
    for envelope in [&wrapped.envelope, &saved.envelope] {
        assert!(unwrap(&mut shell, "cmk#2", Wrapping::Sealed, envelope).unwrap().same_as(&old.key));
    }
    shell.admin(&Destroy { selector: by_name("cmk"), version: 1, wait: Some(0) }).unwrap();
    assert_eq!(opens(&mut shell, &old), usable(1, State::Destroyed));
    step(&mut shell, "cmk", 2, Step::Deactivate);
    let nothing = shell.admin(&Make { master: by_name("cmk"), wrapping: None }).map(drop);
    assert_eq!(nothing, Err(Refusal::NoActiveVersion { key: "cmk".to_owned() }));
    assert_eq!(rewrap(&mut shell, &new, "cmk", false).map(drop), nothing);
    assert_eq!(opens(&mut shell, &new), Ok(()));
}

#[test]
fn a_key_is_wrapped_again_under_another_master_key_of_either_kind() {
    let mut shell = Shell::new();
    create(&mut shell, "rsa", Purpose::Columns);
    symmetric(&mut shell, "aes");
    let made = make(&mut shell, "rsa");
    let there = rewrap(&mut shell, &made, "aes", false).unwrap();
    assert_eq!((there.path.to_string().as_str(), there.wrapping), ("aes#1", Wrapping::Sealed));
    assert_eq!(shell.last.trace.target, "rsa", "the line names what it was under, and the key what it is under");
    assert_eq!(shell.last.changes, 0);
    let (path, wrapping, envelope) = (there.path, there.wrapping, there.envelope);
    let back = Rewrap { path, wrapping, envelope, to_master: by_name("rsa"), compromised: false };
    let back = shell.admin(&back).unwrap();
    assert_eq!((back.path.to_string().as_str(), back.wrapping), ("rsa#1", Wrapping::RsaOaep));
    assert!(unwrap(&mut shell, "rsa#1", back.wrapping, &back.envelope).unwrap().same_as(&made.key));
    let mut damaged = made;
    damaged.envelope[20] ^= 1;
    assert_eq!(rewrap(&mut shell, &damaged, "aes", false), Err(Refusal::DoesNotOpen));
}

#[test]
fn metadata_is_signed_by_an_active_rsa_key() {
    let mut shell = Shell::new();
    let master = create(&mut shell, "Cmk", Purpose::Columns);
    symmetric(&mut shell, "aes");
    let public = PublicMasterKey::from_spki(master.versions[0].public.as_deref().unwrap()).unwrap();
    let sign = |path: &str, enclave| Sign { path: MasterPath::parse(path).unwrap(), enclave };
    for enclave in [false, true] {
        let signature = shell.admin(&sign("Cmk#1", enclave)).unwrap().signature;
        assert!(public.signed_metadata("STRONGROOM", "Cmk#1", enclave, &signature));
        assert!(!public.signed_metadata("STRONGROOM", "Cmk#1", !enclave, &signature));
        assert!(!public.signed_metadata("STRONGROOM", "Cmk#2", enclave, &signature));
    }
    assert!(matches!(shell.admin(&sign("aes#1", false)), Err(Refusal::Invalid { field: "path", .. })));
    rotate(&mut shell, "Cmk");
    let (key, version, state) = ("Cmk".to_owned(), 1, State::Deactivated);
    assert_eq!(shell.admin(&sign("Cmk#1", false)), Err(Refusal::KeyNotUsable { key, version, state }));
    assert!(shell.admin(&sign("Cmk#2", false)).is_ok());
}

/// Whoever could have a master key decrypt or sign what they choose could open every envelope of it.
#[test]
fn a_master_key_does_nothing_else_and_no_other_key_is_one() {
    let mut shell = Shell::new();
    let master = create(&mut shell, "rsa", Purpose::Columns);
    symmetric(&mut shell, "aes");
    create(&mut shell, "values", Purpose::Values);
    create(&mut shell, "mac", Purpose::Mac);
    create(&mut shell, "sign", Purpose::Sign);
    let empty = Context::empty();
    for key in ["rsa", "aes"] {
        let wrong = || Refusal::WrongPurpose { key: key.to_owned(), purpose: Purpose::Columns };
        assert_eq!(encrypt(&mut shell, key, &empty, b"v"), Err(wrong()));
        let (selector, messages) = (by_name(key), || vec![SecretBytes::from_slice(b"m")]);
        let datakey = DataKey { selector: selector.clone(), context: empty.clone(), plaintext: true };
        assert_eq!(shell.admin(&datakey).map(drop), Err(wrong()));
        let mac = MakeMac { selector: selector.clone(), messages: messages() };
        assert_eq!(shell.admin(&mac).map(drop), Err(wrong()));
        let sign = key::Sign { selector: selector.clone(), messages: messages() };
        assert_eq!(shell.admin(&sign).map(drop), Err(wrong()));
        let made = SecretBytes::from_slice(b"s");
        let item = VerifyItem { message: SecretBytes::from_slice(b"m"), version: 1, made };
        let verified = shell.admin(&Verify { selector, items: vec![item] }).unwrap();
        assert_eq!(verified.items, [Err(wrong())]);
    }
    // A wrapped key is a sealed value, but not one that `key.decrypt` opens.
    let made = make(&mut shell, "aes");
    assert_eq!(decrypt(&mut shell, "aes", &empty, &made.envelope), Err(Refusal::DoesNotOpen));
    for (key, purpose) in
        [("values", Purpose::Values), ("mac", Purpose::Mac), ("sign", Purpose::Sign), ("secrets", Purpose::Secrets)]
    {
        let wrong = || Refusal::WrongPurpose { key: key.to_owned(), purpose };
        assert_eq!(shell.admin(&Make { master: by_name(key), wrapping: None }).map(drop), Err(wrong()));
        let path = format!("{key}#1");
        assert_eq!(unwrap(&mut shell, &path, Wrapping::Sealed, &made.envelope).map(drop), Err(wrong()));
        assert_eq!(rewrap(&mut shell, &made, key, false).map(drop), Err(wrong()));
        let sign = Sign { path: MasterPath::parse(&path).unwrap(), enclave: false };
        assert_eq!(shell.admin(&sign).map(drop), Err(wrong()));
    }
    // And what another key of 32 bytes sealed with the same words is not taken.
    let handle = shell.key_handle("values");
    let context = Context::new([("holds", "column encryption key")]).unwrap();
    let mut foreign = Vec::new();
    let sealing = handle.sealing(Purpose::Values).unwrap();
    value::seal(sealing, Purpose::Columns, master.id, 1, &Place::Context(&context), &[7; 32], &mut foreign);
    assert_eq!(unwrap(&mut shell, "aes#1", Wrapping::Sealed, &foreign).map(drop), Err(Refusal::DoesNotOpen));
}

#[test]
fn a_limit_counts_what_is_made_and_not_what_is_opened() {
    let mut shell = Shell::new();
    let (purpose, algorithm, usage_limit) = (Purpose::Columns, Some(Algorithm::Aes256), Some(100));
    let create = Create { name: name("k"), purpose, algorithm, rotation_period: None, usage_limit };
    shell.admin(&create).unwrap();
    shell.uses_left.set(2);
    let made = make(&mut shell, "k");
    for _ in 0..3 {
        assert_eq!(opens(&mut shell, &made), Ok(()));
    }
    let damaged = Rewrap {
        path: made.path.clone(),
        wrapping: made.wrapping,
        envelope: made.envelope[1..].to_vec(),
        to_master: by_name("k"),
        compromised: false,
    };
    assert_eq!(shell.admin(&damaged).map(drop), Err(Refusal::DoesNotOpen), "what does not open is no use");
    rewrap(&mut shell, &made, "k", false).unwrap();
    let reached = Refusal::UsageLimitReached { key: "k".to_owned(), version: 1, limit: 100 };
    assert_eq!(rewrap(&mut shell, &made, "k", false), Err(reached.clone()));
    assert_eq!(shell.admin(&Make { master: by_name("k"), wrapping: None }).map(drop), Err(reached));
}

/// The proxy's role opens; who administers keys makes them. Nobody learns of a key that they may not touch.
#[test]
fn who_may() {
    let mut shell = Shell::new();
    symmetric(&mut shell, "cmk");
    let made = make(&mut shell, "cmk");
    let (path, wrapping, envelope) = (made.path.clone(), made.wrapping, made.envelope.clone());
    let opening = Unwrap { path, wrapping, envelope };
    assert!(shell.execute(&caller(Role::Data), &opening).is_ok());
    assert!(shell.execute(&caller(Role::Columns), &opening).is_ok());
    assert!(matches!(shell.execute(&caller(Role::Read), &opening), Err(Refusal::Denied { .. })));
    for role in [Role::Data, Role::Read, Role::Columns] {
        let make = Make { master: by_name("nothing"), wrapping: None };
        assert!(matches!(shell.execute(&caller(role), &make), Err(Refusal::Denied { .. })));
    }
}
