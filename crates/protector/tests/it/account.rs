//! The account protector follows its file, and notices who opens it.

use std::fs;
use std::os::unix::fs::chown;
use std::sync::Arc;

use rustix::process::geteuid;
use strongroom_protector::{Account, Protector, ReadError, UnwrapError};

use crate::fixture::{Place, copy_tree, give, load, new_root, opens, refusal, save, set_mode, surroundings_in, wrap};
use crate::other_process::{NOBODY, can_change_user, prepared, run_as_nobody};

#[test]
fn it_shows_user_uid_and_directory() {
    let place = Place::new();
    let bound_to = place.account().bound_to();
    let find = |name: &str| bound_to.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    assert_eq!(find("uid"), Some(geteuid().as_raw().to_string()));
    assert_eq!(find("directory"), Some(place.surroundings().account_directory.display().to_string()));
    if geteuid().is_root() {
        assert_eq!(find("user").as_deref(), Some("root"));
    }
}

/// The host may be another one; nothing of it is in the key.
#[test]
fn it_opens_when_the_machine_id_is_another_one_or_gone() {
    let place = Place::new();
    let root = new_root();
    let record = wrap(&place.account(), &root).unwrap();
    fs::write(place.path().join("machine-id"), "another").unwrap();
    assert!(opens(&place.account(), &record, &root));
    fs::remove_file(place.path().join("machine-id")).unwrap();
    assert!(opens(&place.account(), &record, &root));
}

#[test]
fn it_opens_from_a_systemd_credential_when_its_own_file_is_gone() {
    let place = Place::new();
    let root = new_root();
    let record = wrap(&place.account(), &root).unwrap();
    let credentials = place.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    let credential = credentials.join(place.account_file(&record).file_name().unwrap());
    fs::rename(place.account_file(&record), &credential).unwrap();
    assert!(matches!(refusal(&place.account(), &record), UnwrapError::SecretFile(ReadError::Missing { .. })));

    let mut surroundings = (*place.surroundings()).clone();
    surroundings.credentials_directory = Some(credentials);
    let account = Account::new(Arc::new(surroundings));
    // systemd's access control list shows as a right of the group.
    set_mode(&credential, 0o440);
    assert!(opens(&account, &record, &root));
    set_mode(&credential, 0o444);
    assert!(matches!(refusal(&account, &record), UnwrapError::SecretFile(ReadError::TooOpen { .. })));
}

/// A copied directory, given to the account that runs the service now (R6): opens, and is an alarm.
#[test]
fn a_copied_directory_opens_under_another_uid_after_chown() {
    const NAME: &str = "account::a_copied_directory_opens_under_another_uid_after_chown";
    if let Some(directory) = prepared() {
        let (record, root) = load(&directory.join("record"));
        let account = Account::new(surroundings_in(&directory.join("copy")));
        assert!(opens(&account, &record, &root));
        let change = account.binding_changed(&record).unwrap();
        assert!(change.contains("uid was 0 and is 65534"), "{change}");
        let healed = wrap(&account, &root).unwrap();
        assert_eq!(account.binding_changed(&healed), None);
        account.forget(&record).unwrap();
        assert!(opens(&account, &healed, &root));
        return;
    }
    if !can_change_user(NAME) {
        return;
    }
    let place = Place::new();
    let root = new_root();
    fs::create_dir(place.path().join("home")).unwrap();
    let original = Account::new(surroundings_in(&place.path().join("home")));
    let record = wrap(&original, &root).unwrap();
    copy_tree(&place.path().join("home"), &place.path().join("copy"));
    give(&place.path().join("copy"), NOBODY);
    save(&record, &root, &place.path().join("record"));
    run_as_nobody(NAME, place.path());
    assert!(opens(&original, &record, &root), "the original is untouched");
}

/// The service's account was changed behind our back: the old file is there and closed to us.
#[test]
fn another_account_is_told_that_it_may_not_read() {
    const NAME: &str = "account::another_account_is_told_that_it_may_not_read";
    if let Some(directory) = prepared() {
        let (record, _) = load(&directory.join("record"));
        let account = Account::new(surroundings_in(&directory));
        let found = refusal(&account, &record);
        let is_closed =
            matches!(&found, UnwrapError::SecretFile(ReadError::Unreadable { .. } | ReadError::Directory { .. }));
        assert!(is_closed, "{found}");
        assert!(found.how_to_mend().contains("65534"), "{}", found.how_to_mend());
        assert!(
            account
                .wrap(&new_root(), record.protector_id, &mut strongroom_crypto::random::fill, record.created_at)
                .is_err()
        );
        return;
    }
    if !can_change_user(NAME) {
        return;
    }
    let place = Place::new();
    let record_root = new_root();
    let record = wrap(&place.account(), &record_root).unwrap();
    save(&record, &record_root, &place.path().join("record"));
    run_as_nobody(NAME, place.path());
    // The same with the directory opened by somebody who meant well.
    set_mode(&place.surroundings().account_directory, 0o755);
    set_mode(place.surroundings().account_directory.parent().unwrap(), 0o755);
    run_as_nobody(NAME, place.path());
    assert!(opens(&place.account(), &record, &record_root));
}

/// What root owns may be read by the machine protector, never by the account's.
#[test]
fn a_file_of_root_is_not_the_accounts_own() {
    const NAME: &str = "account::a_file_of_root_is_not_the_accounts_own";
    if let Some(directory) = prepared() {
        let (record, _) = load(&directory.join("record"));
        let found = refusal(&Account::new(surroundings_in(&directory)), &record);
        let is_foreign = matches!(&found, UnwrapError::SecretFile(ReadError::NotOwned { owner: 0, .. }));
        assert!(is_foreign, "{found}");
        return;
    }
    if !can_change_user(NAME) {
        return;
    }
    let place = Place::new();
    let root = new_root();
    let record = wrap(&place.account(), &root).unwrap();
    save(&record, &root, &place.path().join("record"));
    let file = place.account_file(&record);
    give(place.path(), NOBODY);
    chown(&file, Some(0), Some(NOBODY)).unwrap();
    set_mode(&file, 0o640);
    run_as_nobody(NAME, place.path());
}
