//! Every way in which a secret file or its directory is not what it should be is refused, and named.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode};
use strongroom_envelope::protector::ProtectorRecord;
use strongroom_protector::{CreateError, DirectoryError, Protector, ReadError, UnwrapError, WrapError};
use strongroom_secret::RootKey;

use crate::fixture::{Place, give, new_root, opens, refusal, set_mode, wrap};
use crate::other_process::{NOBODY, can_change_user};

/// An opened account or machine protector whose file is about to be spoilt.
struct Case {
    place: Place,
    protector: Box<dyn Protector>,
    record: ProtectorRecord,
    root: RootKey,
    file: PathBuf,
}

impl Case {
    fn account() -> Self {
        let place = Place::new();
        let protector = Box::new(place.account());
        Self::of(place, protector, Place::account_file)
    }

    fn machine() -> Self {
        let place = Place::new();
        let protector = Box::new(place.machine());
        Self::of(place, protector, Place::machine_file)
    }

    fn of(place: Place, protector: Box<dyn Protector>, file: fn(&Place, &ProtectorRecord) -> PathBuf) -> Self {
        let root = new_root();
        let record = wrap(protector.as_ref(), &root).unwrap();
        let file = file(&place, &record);
        Self { place, protector, record, root, file }
    }

    fn both() -> [Self; 2] {
        [Self::account(), Self::machine()]
    }

    fn directory(&self) -> &Path {
        self.file.parent().unwrap()
    }

    fn is_refused(&self, wanted: impl Fn(&ReadError) -> bool) {
        let found = refusal(self.protector.as_ref(), &self.record);
        let UnwrapError::SecretFile(reason) = &found else { panic!("{found:?}") };
        assert!(wanted(reason), "{found:?}");
        let named = self.place.path().display().to_string();
        assert!(found.to_string().contains(&named), "no path in: {found}");
    }

    fn opens(&self) -> bool {
        opens(self.protector.as_ref(), &self.record, &self.root)
    }
}

#[test]
fn a_deleted_file_is_missing_by_name() {
    for case in Case::both() {
        fs::remove_file(&case.file).unwrap();
        case.is_refused(|reason| matches!(reason, ReadError::Missing { path } if *path == case.file));
        assert_eq!(
            refusal(case.protector.as_ref(), &case.record).to_string(),
            format!("secret file missing: {}", case.file.display())
        );
        fs::remove_dir_all(case.directory()).unwrap();
        case.is_refused(|reason| matches!(reason, ReadError::Missing { path } if *path == case.file));
    }
}

#[test]
fn a_file_cut_short_or_added_to_has_the_wrong_length() {
    for (case, expected) in Case::both().into_iter().zip([32, 256]) {
        let whole = fs::read(&case.file).unwrap();
        assert_eq!(whole.len(), expected);
        for length in [0, 1, expected - 1, expected + 1, 2 * expected] {
            let content: Vec<u8> = whole.iter().copied().cycle().take(length).collect();
            fs::write(&case.file, content).unwrap();
            case.is_refused(|reason| {
                matches!(reason, ReadError::WrongLength { found, expected: wanted, .. }
                    if *found == length as u64 && *wanted == expected as u64)
            });
        }
        fs::write(&case.file, whole).unwrap();
        assert!(case.opens());
    }
}

#[test]
fn another_file_of_the_right_length_does_not_authenticate() {
    for case in Case::both() {
        let mut content = fs::read(&case.file).unwrap();
        *content.last_mut().unwrap() ^= 1;
        fs::write(&case.file, content).unwrap();
        let found = refusal(case.protector.as_ref(), &case.record);
        assert!(matches!(found, UnwrapError::NotAuthentic { .. }), "{found}");
    }
}

#[test]
fn modes_that_let_others_in_are_refused() {
    let account = [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false), (0o610, false)];
    let machine = [(0o600, true), (0o640, true), (0o440, true), (0o660, false), (0o644, false), (0o602, false)];
    for (case, modes) in [(Case::account(), account), (Case::machine(), machine)] {
        for (mode, accepted) in modes {
            set_mode(&case.file, mode);
            if accepted {
                assert!(case.opens(), "{mode:04o}");
            } else {
                case.is_refused(|reason| matches!(reason, ReadError::TooOpen { mode: found, .. } if *found == mode));
            }
        }
    }
}

#[test]
fn links_are_not_followed() {
    for case in Case::both() {
        let moved = case.file.with_extension("moved");
        fs::rename(&case.file, &moved).unwrap();
        symlink(&moved, &case.file).unwrap();
        case.is_refused(|reason| matches!(reason, ReadError::Symlink { .. }));
        fs::rename(&moved, &case.file).unwrap();

        let elsewhere = case.directory().with_extension("elsewhere");
        fs::rename(case.directory(), &elsewhere).unwrap();
        symlink(&elsewhere, case.directory()).unwrap();
        case.is_refused(|reason| matches!(reason, ReadError::Directory { source: DirectoryError::Symlink { .. }, .. }));
        let new = wrap(case.protector.as_ref(), &case.root);
        assert!(matches!(
            new,
            Err(WrapError::SecretFile(CreateError::Directory { source: DirectoryError::Symlink { .. } }))
        ));
    }
}

#[test]
fn a_directory_further_up_may_be_a_link() {
    for case in Case::both() {
        let above = case.directory().parent().unwrap();
        let elsewhere = above.with_extension("elsewhere");
        fs::rename(above, &elsewhere).unwrap();
        symlink(&elsewhere, above).unwrap();
        assert!(case.opens());
        assert!(wrap(case.protector.as_ref(), &case.root).is_ok());
    }
}

#[test]
fn what_is_no_file_is_refused_without_waiting_for_it() {
    for case in Case::both() {
        let is_no_file = |reason: &ReadError| matches!(reason, ReadError::NotAFile { .. });
        fs::remove_file(&case.file).unwrap();
        rustix::fs::mkfifoat(CWD, &case.file, Mode::RUSR | Mode::WUSR).unwrap();
        case.is_refused(is_no_file);
        fs::remove_file(&case.file).unwrap();
        fs::create_dir(&case.file).unwrap();
        case.is_refused(is_no_file);
        fs::remove_dir(&case.file).unwrap();
        // A socket's path is short; it is made elsewhere and moved.
        let socket = case.place.path().join("s");
        let _listener = UnixListener::bind(&socket).unwrap();
        fs::rename(&socket, &case.file).unwrap();
        case.is_refused(is_no_file);
    }
}

#[test]
fn directories_that_everybody_may_change_are_refused() {
    for case in Case::both() {
        let above = case.directory().parent().unwrap().to_path_buf();
        for directory in [case.directory(), &above] {
            set_mode(directory, 0o777);
            case.is_refused(|reason| {
                matches!(reason, ReadError::Directory { source: DirectoryError::WorldWritable { path, mode: 0o777 }, .. }
                    if path.ends_with(directory.file_name().unwrap()))
            });
            let new = wrap(case.protector.as_ref(), &case.root);
            assert!(matches!(new, Err(WrapError::SecretFile(CreateError::Directory { .. }))));
            // As in /tmp, others may add names there, but not take ours away.
            set_mode(directory, 0o1777);
            assert!(case.opens());
            set_mode(directory, 0o700);
        }
    }
}

#[test]
fn files_and_directories_of_other_users_are_refused() {
    if !can_change_user("files_and_directories_of_other_users_are_refused") {
        return;
    }
    for case in Case::both() {
        let above = case.directory().parent().unwrap().to_path_buf();
        give(&case.file, NOBODY);
        case.is_refused(|reason| matches!(reason, ReadError::NotOwned { owner: NOBODY, .. }));
        give(&above, NOBODY);
        give(&case.file, 0);
        case.is_refused(|reason| {
            matches!(
                reason,
                ReadError::Directory { source: DirectoryError::Foreign { owner: NOBODY, ours: 0, .. }, .. }
            )
        });
        let new = wrap(case.protector.as_ref(), &case.root);
        assert!(matches!(
            new,
            Err(WrapError::SecretFile(CreateError::Directory { source: DirectoryError::Foreign { .. } }))
        ));
    }
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    for case in Case::both() {
        fs::remove_dir_all(case.directory()).unwrap();
        fs::write(case.directory(), "in the way").unwrap();
        let refused = wrap(case.protector.as_ref(), &case.root).unwrap_err();
        assert!(matches!(
            refused,
            WrapError::SecretFile(CreateError::Directory { source: DirectoryError::NotADirectory { .. } })
        ));
        assert!(!refused.how_to_mend().is_empty());
        assert_eq!(fs::read(case.directory()).unwrap(), b"in the way");
    }
}

/// What a crash leaves between making the file and storing the record is in nobody's way.
#[test]
fn files_of_no_record_do_no_harm() {
    for case in Case::both() {
        let partial = case.directory().join("0190b5a0-0000-7000-8000-0000000000bb.key");
        fs::write(&partial, [1; 7]).unwrap();
        assert!(case.opens());
        let again = wrap(case.protector.as_ref(), &case.root).unwrap();
        assert!(opens(case.protector.as_ref(), &again, &case.root));
        assert_eq!(fs::read(&partial).unwrap(), [1; 7]);
    }
}

#[test]
fn forgetting_removes_the_file_and_wipes_nothing_else() {
    for case in Case::both() {
        let other_name = case.file.with_extension("hard-link");
        fs::hard_link(&case.file, &other_name).unwrap();
        let content = fs::read(&case.file).unwrap();
        case.protector.forget(&case.record).unwrap();
        assert!(!case.file.exists());
        assert_eq!(fs::read(&other_name).unwrap(), content);
    }
}
