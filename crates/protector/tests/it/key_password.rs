//! The password of a key from a file: which file it is, who may have had a hand in it, and whether it is still the same one.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use strongroom_protector::{KeyPassword, ReadError, Surroundings, key_password};

use crate::fixture::STORE;

fn surroundings(folder: &Path) -> Surroundings {
    let at = |name: &str| folder.join(name);
    let mut surroundings = Surroundings::new(STORE, at("account"), at("machine"), at("machine-id"));
    surroundings.configuration.key_password_files.insert("team/orders".into(), at("password"));
    surroundings.credentials_directory = Some(at("credentials"));
    surroundings
}

fn write(path: &Path, content: &[u8], mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn read(surroundings: &Surroundings) -> KeyPassword {
    key_password(surroundings, "team/orders").unwrap().unwrap()
}

#[test]
fn a_final_line_feed_is_no_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (surroundings, path) = (surroundings(folder.path()), folder.path().join("password"));
    let cases: [(&[u8], &[u8]); 5] =
        [(b"abc", b"abc"), (b"abc\n", b"abc"), (b"abc\r\n", b"abc"), (b"abc\n\n", b"abc\n"), (b"a\nb", b"a\nb")];
    for (content, expected) in cases {
        write(&path, content, 0o600);
        let found = read(&surroundings);
        assert_eq!((found.passphrase.expose(), found.path.as_path()), (expected, path.as_path()));
        assert!(!format!("{found:?}").contains("abc"));
    }
    for empty in [b"".as_slice(), b"\n", b"\r\n", &[b'x'; 4097]] {
        write(&path, empty, 0o600);
        assert!(matches!(key_password(&surroundings, "team/orders"), Err(ReadError::Unfit { .. })));
    }
}

/// What did not open a key is not tried again as long as this is the same.
#[test]
fn a_file_that_was_changed_or_replaced_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let (surroundings, path) = (surroundings(folder.path()), folder.path().join("password"));
    write(&path, b"first", 0o600);
    let first = read(&surroundings).stamp;
    assert_eq!(read(&surroundings).stamp, first);
    // The same length, and the time of the change put back.
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    write(&path, b"other", 0o600);
    fs::File::open(&path).unwrap().set_modified(before).unwrap();
    let changed = read(&surroundings).stamp;
    assert_ne!(changed, first);
    let fresh = folder.path().join("fresh");
    write(&fresh, b"other", 0o600);
    fs::rename(&fresh, &path).unwrap();
    assert_ne!(read(&surroundings).stamp, changed);
}

#[test]
fn only_its_owner_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let (surroundings, path) = (surroundings(folder.path()), folder.path().join("password"));
    for mode in [0o400, 0o600, 0o700] {
        write(&path, b"abc", mode);
        assert_eq!(read(&surroundings).passphrase.expose(), b"abc", "{mode:o}");
    }
    for mode in [0o440, 0o604, 0o620, 0o644, 0o601] {
        write(&path, b"abc", mode);
        let refused = key_password(&surroundings, "team/orders");
        assert!(matches!(refused, Err(ReadError::TooOpen { allowed: 0o600, .. })), "{mode:o}");
    }
    fs::rename(&path, folder.path().join("elsewhere")).unwrap();
    assert!(matches!(key_password(&surroundings, "team/orders"), Err(ReadError::Missing { .. })), "it was promised");
    symlink(folder.path().join("elsewhere"), &path).unwrap();
    assert!(matches!(key_password(&surroundings, "team/orders"), Err(ReadError::Symlink { .. })));
}

#[test]
fn a_credential_is_found_by_the_name_of_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let (mut surroundings, credentials) = (surroundings(folder.path()), folder.path().join("credentials"));
    let none =
        |surroundings: &Surroundings, key: &str| assert!(key_password(surroundings, key).unwrap().is_none(), "{key}");
    none(&surroundings, "orders");
    fs::create_dir(&credentials).unwrap();
    none(&surroundings, "orders");
    write(&credentials.join("strongroom.key.orders"), b"abc\n", 0o440);
    write(&folder.path().join("outside"), b"abc", 0o440);
    let found = key_password(&surroundings, "orders").unwrap().unwrap();
    assert_eq!(found.passphrase.expose(), b"abc");
    for other in ["order", "orders2", "x/../../outside", "../outside", "x/orders"] {
        none(&surroundings, other);
    }
    // It may be read by the group, which is how an access control list shows, and by nobody else.
    write(&credentials.join("strongroom.key.orders"), b"abc", 0o444);
    assert!(matches!(key_password(&surroundings, "orders"), Err(ReadError::TooOpen { .. })));
    // What the configuration names comes first, even when it is not there.
    write(&credentials.join("strongroom.key.orders"), b"abc", 0o400);
    surroundings.configuration.key_password_files.insert("orders".into(), folder.path().join("none"));
    assert!(matches!(key_password(&surroundings, "orders"), Err(ReadError::Missing { .. })));
}
