//! The machine protector opens on its host only, for root and for the service's group.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use strongroom_protector::{Machine, MachineIdError, Protector, ReadError, UnwrapError, WrapError};

use crate::fixture::{MACHINE_ID, Place, load, mode, new_root, opens, refusal, save, surroundings_in, wrap};
use crate::other_process::{NOBODY, can_change_user, prepared, run_as_nobody};

#[test]
fn it_shows_the_host_and_a_digest_of_its_id_but_never_the_id() {
    let place = Place::new();
    let record = wrap(&place.machine(), &new_root()).unwrap();
    let find = |name: &str| record.bound_to.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    assert_eq!(find("host"), Some(host.as_str()));
    assert_eq!(find("machine_id_sha256"), Some(MACHINE_ID_SHA256));
    assert!(!format!("{record:?}").contains(&MACHINE_ID[..8]));
}

#[test]
fn another_machine_id_does_not_open() {
    let place = Place::new();
    let root = new_root();
    let record = wrap(&place.machine(), &root).unwrap();
    let file = place.path().join("machine-id");
    fs::write(&file, "4f0c2b1d9e8a47c6b5d3f2a19078e6d6\n").unwrap();
    let found = refusal(&place.machine(), &record);
    assert!(matches!(found, UnwrapError::NotAuthentic { .. }), "{found}");
    assert!(found.to_string().contains("another host"), "{found}");
    // White space around it is not part of it.
    fs::write(&file, format!("\n {MACHINE_ID}\r\n\n")).unwrap();
    assert!(opens(&place.machine(), &record, &root));
}

#[test]
fn a_host_without_an_id_is_refused_by_name() {
    let place = Place::new();
    let record = wrap(&place.machine(), &new_root()).unwrap();
    let file = place.path().join("machine-id");
    let check = |wanted: fn(&MachineIdError) -> bool| {
        let found = refusal(&place.machine(), &record);
        let UnwrapError::MachineId(reason) = &found else { panic!("{found:?}") };
        assert!(wanted(reason) && found.to_string().contains("machine-id"), "{found:?}");
        let wrapped = wrap(&place.machine(), &new_root());
        assert!(matches!(&wrapped, Err(WrapError::MachineId(reason)) if wanted(reason)));
        let files = fs::read_dir(&place.surroundings().machine_directory).unwrap().count();
        assert_eq!(files, 1, "a refused wrap leaves no file");
    };
    fs::write(&file, " \n").unwrap();
    check(|reason| matches!(reason, MachineIdError::Empty { .. }));
    fs::write(&file, "uninitialized\n").unwrap();
    check(|reason| matches!(reason, MachineIdError::Uninitialized { .. }));
    fs::write(&file, [b'a'; 2000]).unwrap();
    check(|reason| matches!(reason, MachineIdError::TooLong { .. }));
    fs::remove_file(&file).unwrap();
    check(|reason| matches!(reason, MachineIdError::Unreadable { .. }));
    fs::create_dir(&file).unwrap();
    check(|reason| matches!(reason, MachineIdError::NotAFile { .. }));
}

#[test]
fn a_renamed_host_is_an_alarm_and_opens() {
    let place = Place::new();
    let root = new_root();
    let mut record = wrap(&place.machine(), &root).unwrap();
    for pair in record.bound_to.iter_mut().filter(|(name, _)| name == "host") {
        pair.1 = "before".to_owned();
    }
    assert!(opens(&place.machine(), &record, &root));
    let change = place.machine().binding_changed(&record).unwrap();
    assert!(change.starts_with("host was before and is "), "{change}");
}

#[test]
fn files_made_under_the_other_default_directory_are_found() {
    let place = Place::new();
    let root = new_root();
    let record = wrap(&place.machine(), &root).unwrap();
    let mut surroundings = (*place.surroundings()).clone();
    surroundings.former_machine_directory = Some(surroundings.machine_directory.clone());
    surroundings.machine_directory = place.path().join("elsewhere");
    let machine = Machine::new(Arc::new(surroundings));
    assert!(opens(&machine, &record, &root));
    machine.forget(&record).unwrap();
    let found = refusal(&machine, &record);
    assert!(
        matches!(&found, UnwrapError::SecretFile(ReadError::Missing { path })
        if path.starts_with(place.path().join("elsewhere"))),
        "{found}"
    );
}

/// Root makes it at installation, the service reads it through its group.
#[test]
fn the_services_group_reads_what_root_made() {
    const NAME: &str = "machine::the_services_group_reads_what_root_made";
    if let Some(directory) = prepared() {
        let (record, root) = load(&directory.join("record"));
        let machine = Machine::new(surroundings_in(&directory));
        assert!(opens(&machine, &record, &root));
        return;
    }
    if !can_change_user(NAME) {
        return;
    }
    let place = Place::new();
    let root = new_root();
    let mut surroundings = (*place.surroundings()).clone();
    surroundings.service_group = Some(NOBODY);
    let record = wrap(&Machine::new(Arc::new(surroundings)), &root).unwrap();
    let file = place.machine_file(&record);
    let found = fs::metadata(&file).unwrap();
    assert_eq!((found.uid(), found.gid(), mode(&file)), (0, NOBODY, 0o640));
    save(&record, &root, &place.path().join("record"));
    run_as_nobody(NAME, place.path());
}

/// printf 4f0c2b1d9e8a47c6b5d3f2a19078e6d5 | sha256sum | cut -c 1-16
const MACHINE_ID_SHA256: &str = "300bf9c7a0406939";
