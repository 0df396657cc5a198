//! Modes of what is made, whatever the umask says (B10), and that unprivileged users can do it all.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::process::geteuid;
use strongroom_protector::{Account, Machine, Protector, unattended};

use crate::fixture::{Place, give, mode, new_root, opens, surroundings_in, wrap};
use crate::other_process::{
    NOBODY, can_change_user, prepared, run_as_nobody, run_with_strict_umask, run_without_umask,
};

#[test]
fn nothing_masked() {
    const NAME: &str = "modes::nothing_masked";
    match prepared() {
        Some(directory) => check_modes(&directory),
        None => run_without_umask(NAME, Place::new().path()),
    }
}

#[test]
fn everything_masked() {
    const NAME: &str = "modes::everything_masked";
    match prepared() {
        Some(directory) => check_modes(&directory),
        None => run_with_strict_umask(NAME, Place::new().path()),
    }
}

#[test]
fn an_unprivileged_user_needs_nothing_but_a_home() {
    const NAME: &str = "modes::an_unprivileged_user_needs_nothing_but_a_home";
    if let Some(directory) = prepared() {
        assert_eq!(geteuid().as_raw(), NOBODY);
        let home = directory.join("home");
        check_modes(&home);
        let surroundings = surroundings_in(&home);
        fs::copy(directory.join("machine-id"), &surroundings.machine_id_file).unwrap();
        let root = new_root();
        for protector in unattended(&surroundings) {
            let record = wrap(protector.as_ref(), &root).unwrap();
            assert!(opens(protector.as_ref(), &record, &root));
            protector.forget(&record).unwrap();
        }
        return;
    }
    if !can_change_user(NAME) {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path().join("home")).unwrap();
    give(&place.path().join("home"), NOBODY);
    run_as_nobody(NAME, place.path());
}

fn check_modes(directory: &Path) {
    let surroundings = surroundings_in(directory);
    if !surroundings.machine_id_file.exists() {
        fs::write(&surroundings.machine_id_file, "4f0c").unwrap();
    }
    let account = Account::new(Arc::clone(&surroundings));
    check_new_file(&account, &surroundings.account_directory, 0o700, 0o600);
    let machine = Machine::new(Arc::clone(&surroundings));
    check_new_file(&machine, &surroundings.machine_directory, 0o750, 0o600);
    if geteuid().is_root() {
        let mut grouped = (*surroundings).clone();
        grouped.service_group = Some(NOBODY);
        grouped.machine_directory = directory.join("for-the-group/machine");
        let machine_directory = grouped.machine_directory.clone();
        check_new_file(&Machine::new(Arc::new(grouped)), &machine_directory, 0o750, 0o640);
    }
}

fn check_new_file(protector: &dyn Protector, directory: &Path, directory_mode: u32, file_mode: u32) {
    let root = new_root();
    let record = wrap(protector, &root).unwrap();
    let file: PathBuf = directory.join(format!("{}.key", record.protector_id));
    assert_eq!(mode(&file), file_mode, "{}", file.display());
    for made in [directory, directory.parent().unwrap()] {
        assert_eq!(mode(made), directory_mode, "{}", made.display());
    }
    assert!(opens(protector, &record, &root));
    fs::remove_file(&file).unwrap();
}
