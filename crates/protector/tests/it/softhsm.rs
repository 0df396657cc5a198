//! A real token: SoftHSM with its configuration and its objects in a directory of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use strongroom_protector::{ChildProgram, Given, Kind, Pkcs11Settings, Protector, Surroundings, TokenKey, configured};

use crate::fixture::{Place, set_mode};

pub const PIN: &str = "271828";

/// The token `T`, and the PIN in a file.
pub struct SoftHsm {
    place: Place,
    module: PathBuf,
}

impl SoftHsm {
    /// `None` where SoftHSM is not installed.
    pub fn new(test: &str) -> Option<Self> {
        Self::without(test, "ALL")
    }

    /// A token that offers only some mechanisms: `-,A,B` leaves out A and B (the first word after `-` is not looked at).
    pub fn without(test: &str, mechanisms: &str) -> Option<Self> {
        let Some(module) = first_of(&MODULES) else {
            eprintln!("not run: {test}: SoftHSM is missing (softhsm2)");
            return None;
        };
        let place = Place::new();
        fs::create_dir(place.path().join("tokens")).unwrap();
        let tokens = place.path().join("tokens");
        let configuration = format!(
            "directories.tokendir = {}\nslots.mechanisms = {mechanisms}\nlog.level = ERROR\n",
            tokens.display()
        );
        fs::write(place.path().join("softhsm2.conf"), configuration).unwrap();
        let token = Self { place, module };
        token.add_token("T");
        token.write_pin(PIN);
        Some(token)
    }

    pub fn path(&self) -> &Path {
        self.place.path()
    }

    pub fn add_token(&self, label: &str) {
        let words = ["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "31415926"];
        let output = self.run("softhsm2-util", &words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn write_pin(&self, pin: &str) {
        let file = self.path().join("pin");
        fs::write(&file, format!("{pin}\n")).unwrap();
        set_mode(&file, 0o600);
    }

    /// A tool that works on the same tokens.
    pub fn run(&self, program: &str, words: &[&str]) -> Output {
        Command::new(program).args(words).env("SOFTHSM2_CONF", self.path().join("softhsm2.conf")).output().unwrap()
    }

    pub fn module(&self) -> &Path {
        &self.module
    }

    pub fn settings(&self) -> Pkcs11Settings {
        let configuration = self.path().join("softhsm2.conf").display().to_string();
        Pkcs11Settings {
            module: self.module.clone(),
            pin_file: self.path().join("pin"),
            environment: BTreeMap::from([("SOFTHSM2_CONF".to_owned(), configuration)]),
        }
    }

    pub fn surroundings(&self) -> Surroundings {
        self.surroundings_with(self.settings())
    }

    pub fn surroundings_with(&self, settings: Pkcs11Settings) -> Surroundings {
        let mut surroundings = (*self.place.surroundings()).clone();
        surroundings.configuration.pkcs11.insert("hsm1".into(), settings);
        surroundings.configuration.child = this_program("pkcs11::serves_as_child");
        surroundings
    }

    pub fn protector(&self) -> Box<dyn Protector> {
        self.protector_in(self.surroundings())
    }

    pub fn protector_in(&self, surroundings: Surroundings) -> Box<dyn Protector> {
        protector_for(surroundings, "T", "strongroom")
    }
}

/// The protector for a new wrap under this key of this token.
pub fn protector_for(surroundings: Surroundings, token: &str, label: &str) -> Box<dyn Protector> {
    let key = TokenKey { token: token.into(), label: label.into() };
    configured(&Arc::new(surroundings), Kind::Pkcs11, "hsm1", Given::Key(key)).unwrap()
}

/// This test program, to run one of its tests as the child process.
pub fn this_program(test: &str) -> ChildProgram {
    let arguments = ["--exact", test, "--nocapture"].map(Into::into).to_vec();
    ChildProgram { program: std::env::current_exe().unwrap(), arguments }
}

/// OpenSC's spy, which writes down every call of a module.
pub fn spy() -> Option<PathBuf> {
    first_of(&SPIES)
}

fn first_of(paths: &[&str]) -> Option<PathBuf> {
    paths.iter().map(PathBuf::from).find(|path| path.exists())
}

const MODULES: [&str; 2] = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"];
const SPIES: [&str; 3] =
    ["/usr/lib/x86_64-linux-gnu/pkcs11-spy.so", "/usr/lib/aarch64-linux-gnu/pkcs11-spy.so", "/usr/lib64/pkcs11-spy.so"];
