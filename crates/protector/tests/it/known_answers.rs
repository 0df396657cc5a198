//! Wrapping keys and wrapped root keys that a second implementation made from the specification.
//!
//! The constants are what `tests/peer/wrapping_keys.py` prints (Python's package `cryptography`);
//! the last test runs it again where Python has that package.

use std::fs;
use std::process::Command;

use strongroom_crypto::password::{Algorithm, Parameters};
use strongroom_envelope::Id;
use strongroom_envelope::protector::ProtectorRecord;
use strongroom_protector::{Account, Kind, Machine, Password, Protector, WrappingTerms};
use strongroom_secret::{Passphrase, RootKey};

use crate::fixture::{NOW, Place, set_mode, surroundings_in};

const STORE: &str = "0190b5a0-0000-7000-8000-0000000000aa";
const PROTECTOR: &str = "0190b5a0-0000-7000-8000-0000000000bb";
const PASSWORD: &str = "vier schlichte wörter hier";

const ANSWERS: &str = "\
ACCOUNT_WRAPPING_KEY f0d22d8012f0449a89d0e78da54fc71a1bdd7879e517f9fc27e6b62208a46e1e
ACCOUNT_WRAPPED_ROOT 101112131415161718191a1b1c1d1e1f20212223242526277ca235f691cf8159b0e1e75119c2bce832cfa908071b752dae96b5b02a729b2f1070aa616810c1f8f350664b1afc331ff1d1f5b292a3eba222a5b4285e58d706e513a945801c6b3ffe458610340cb6d5
MACHINE_WRAPPING_KEY 0d945c1478cd988400ff12b6266761f4bec9a0e3ceb11bae738714c51048fda9
MACHINE_WRAPPED_ROOT 101112131415161718191a1b1c1d1e1f202122232425262723319c1a0d84470f5921ce798e9f4acc40c4d9e78bf0241a819f7a2c4a8eb02f5288e9d63e2c6c19c48bbb72971ae96007fbbf30c84d66cd53481a5e7bf614845237e76ab66aa014a361214b0b796f18
ARGON2ID_WRAPPING_KEY e82e6f80069671476edcab16a4f3c848dedd7b2c556f6941a65a76e0c71f3d48
ARGON2ID_WRAPPED_ROOT 101112131415161718191a1b1c1d1e1f202122232425262711b07d699ad1ebd4e7fc801e4a43fdc7769ef26e195f1c5346e64753d6d4019b4bd4a64d5fcf28fafeedb8d5762d0c4c7dc98b3ee4fdeff4d940f59e67ad03f0ca43ae66f45e0f55a8ef5dd144f66f9e
PBKDF2_WRAPPING_KEY 28e32a5b8ede470a81e04b5fddc5e09018a1a9ebdcaa5203817f4ad6574254da
PBKDF2_WRAPPED_ROOT 101112131415161718191a1b1c1d1e1f202122232425262732c79c34df892c86a960967bb5311ef5ab3395a555406a893bac87ffece0d4789584d65b322e7e8525b7b70e6d00fb9365b7011cf4e4edc7eaeb28e43730d8ecc3525f558b0bc08604e0980b54a16612
";

#[test]
fn account() {
    let place = Place::new();
    let mut surroundings = (*surroundings_in(place.path())).clone();
    surroundings.store_id = Id::parse(STORE).unwrap();
    fs::create_dir_all(&surroundings.account_directory).unwrap();
    let file = surroundings.account_directory.join(format!("{PROTECTOR}.key"));
    fs::write(&file, (0..32).collect::<Vec<u8>>()).unwrap();
    set_mode(&file, 0o600);
    check(&Account::new(surroundings.into()), "ACCOUNT", None);
}

#[test]
fn machine() {
    let place = Place::new();
    let mut surroundings = (*surroundings_in(place.path())).clone();
    surroundings.store_id = Id::parse(STORE).unwrap();
    fs::create_dir_all(&surroundings.machine_directory).unwrap();
    let file = surroundings.machine_directory.join(format!("{PROTECTOR}.key"));
    fs::write(&file, (0..=255).collect::<Vec<u8>>()).unwrap();
    set_mode(&file, 0o640);
    check(&Machine::new(surroundings.into()), "MACHINE", None);
}

#[test]
fn argon2id() {
    let algorithm = Algorithm::Argon2id { memory_kib: 64 * 1024, passes: 2, lanes: 4 };
    check_password("ARGON2ID", Parameters { algorithm });
}

#[test]
fn pbkdf2() {
    let algorithm = Algorithm::Pbkdf2HmacSha256 { iterations: 600_000 };
    check_password("PBKDF2", Parameters { algorithm });
}

#[test]
fn the_second_implementation_still_says_the_same() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/wrapping_keys.py");
    let probe = "from cryptography.hazmat.primitives.kdf.argon2 import Argon2id";
    let is_there = Command::new("python3").args(["-c", probe]).output().is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("not run: Python with the package cryptography (and Argon2id in it) is missing");
        return;
    }
    let output = Command::new("python3").arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), ANSWERS);
}

fn check_password(name: &str, parameters: Parameters) {
    let passphrase = Passphrase::from_slice(PASSWORD.as_bytes());
    let protector = Password::new(Id::parse(STORE).unwrap(), passphrase);
    check(&protector, name, Some(parameters));
}

fn check(protector: &dyn Protector, name: &str, parameters: Option<Parameters>) {
    let record = ProtectorRecord {
        store_id: Id::parse(STORE).unwrap(),
        protector_id: Id::parse(PROTECTOR).unwrap(),
        kind: protector.kind(),
        bound_to: Vec::new(),
        created_at: NOW,
        salt: (0x40..0x60).collect(),
        parameters,
        wrapped: answer(&format!("{name}_WRAPPED_ROOT")).try_into().unwrap(),
        parameter: String::new(),
        blob: Vec::new(),
    };
    let terms = WrappingTerms::of(&record);
    let wrapping_key = protector.wrapping_key(record.protector_id, &terms).unwrap();
    assert_eq!(wrapping_key.expose().to_vec(), answer(&format!("{name}_WRAPPING_KEY")));
    let root = RootKey::from_slice(&(0xa0..0xc0).collect::<Vec<u8>>()).unwrap();
    assert!(protector.unwrap(&record).unwrap().same_as(&root));
    assert_eq!(record.kind == Kind::Password, parameters.is_some());
}

fn answer(name: &str) -> Vec<u8> {
    let line = ANSWERS.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    (0..line.len()).step_by(2).map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap()).collect()
}
