//! B34: account and machine protector, each right, broken, tampered with or absent, in every combination.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use strongroom_envelope::{RecordKey, RecordKind};
use strongroom_keeper::OpenError;
use strongroom_keeper::facade::{ProtectorState, ProtectorView};

use crate::rows::{Row, Rows, flipped};
use crate::site::{FOLDERS, Image, Site, admin, put, value};
use crate::trail;

/// What was done to one protector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    None,
    /// Broken: the secret file is gone, is another one, or others could read it.
    FileGone,
    FileOther,
    FileExposed,
    /// Tampered: the wrapped key damaged, the MAC damaged, the wrapped key of the other protector, the row of an earlier wrap.
    Wrapped,
    Mac,
    WrappedOther,
    Earlier,
    /// Absent: the row removed by somebody, the protector dropped by an operator.
    RowGone,
    Dropped,
}

use Harm::{Dropped, Earlier, FileExposed, FileGone, FileOther, Mac, None as Unharmed, RowGone, Wrapped, WrappedOther};

const CLASSES: [&[Harm]; 4] =
    [&[Unharmed], &[FileGone, FileOther, FileExposed], &[Wrapped, Mac, WrappedOther, Earlier], &[RowGone, Dropped]];

impl Harm {
    const ALL: [Self; 10] =
        [Unharmed, FileGone, FileOther, FileExposed, Wrapped, Mac, WrappedOther, Earlier, RowGone, Dropped];

    fn is_broken(self) -> bool {
        CLASSES[1].contains(&self)
    }

    fn is_tampered(self) -> bool {
        CLASSES[2].contains(&self) || self == RowGone
    }

    /// A record whose MAC alone is damaged still yields the root key; the anchor says that it is the right one.
    fn opens(self) -> bool {
        matches!(self, Unharmed | Mac)
    }
}

/// An instance whose protectors were both made anew once, so that each has an earlier row.
struct Base {
    site: Site,
    both: Image,
    account_dropped: Image,
    machine_dropped: Image,
    earlier: [Row; 2],
}

const KINDS: [&str; 2] = ["account", "machine"];

impl Base {
    async fn new() -> Self {
        let site = Site::new();
        let keeper = site.start();
        put(&keeper, "a", b"kept").await.unwrap();
        let views = keeper.protector_list(admin()).await.unwrap();
        let rows = Rows::open(&site);
        let earlier = KINDS.map(|kind| row_of(&rows, one(&views, kind).id));
        for kind in KINDS {
            keeper.protector_replace(admin(), kind.into(), None).await.unwrap();
        }
        keeper.stop();
        drop(keeper);
        let both = site.image();
        let mut dropped = Vec::new();
        for kind in KINDS {
            let keeper = site.start();
            keeper.protector_drop(admin(), kind.into(), false).await.unwrap();
            keeper.stop();
            drop(keeper);
            dropped.push(site.image());
            site.restore(&both, &FOLDERS);
        }
        let (machine_dropped, account_dropped) = (dropped.remove(1), dropped.remove(0));
        Self { site, both, account_dropped, machine_dropped, earlier }
    }

    /// The instance with this done to it.
    fn harm(&self, harms: [Harm; 2]) {
        let image = match harms {
            [Dropped, _] => &self.account_dropped,
            [_, Dropped] => &self.machine_dropped,
            _ => &self.both,
        };
        self.site.restore(image, &FOLDERS);
        let rows = Rows::open(&self.site);
        let right: Vec<Row> = rows.of(RecordKind::Protector);
        for (place, harm) in harms.into_iter().enumerate() {
            self.harm_one(&rows, &right, place, harm);
        }
    }

    fn harm_one(&self, rows: &Rows, right: &[Row], place: usize, harm: Harm) {
        let kind = KINDS[place];
        let files = || self.site.secret_files(kind);
        let own = || right.iter().find(|row| record(row).kind.name() == kind).unwrap();
        match harm {
            Unharmed | Dropped => {}
            FileGone => files().iter().for_each(|file| fs::remove_file(file).unwrap()),
            FileOther => files().iter().for_each(|file| {
                let length = fs::read(file).unwrap().len();
                fs::write(file, vec![0x5a; length]).unwrap();
            }),
            FileExposed => {
                files().iter().for_each(|file| fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap())
            }
            Wrapped => rows.put_all(&[flipped(own(), place_of_wrapped(own()) + 30, 1)]),
            Mac => rows.put_all(&[flipped(own(), own().1.len() - 1, 1)]),
            WrappedOther => {
                let other =
                    right.iter().find(|row| record(row).kind.name() != kind).unwrap_or(&self.earlier[1 - place]);
                let mut row = own().clone();
                let (at, from) = (place_of_wrapped(own()), place_of_wrapped(other));
                row.1[at..at + 104].copy_from_slice(&other.1[from..from + 104]);
                rows.put_all(&[row]);
            }
            Earlier => {
                rows.delete(&own().0);
                rows.put_all(&[self.earlier[place].clone()]);
            }
            RowGone => rows.delete(&own().0),
        }
    }
}

fn one<'a>(views: &'a [ProtectorView], kind: &str) -> &'a ProtectorView {
    views.iter().find(|view| view.kind == kind).unwrap()
}

fn row_of(rows: &Rows, id: strongroom_envelope::Id) -> Row {
    let key = RecordKey::new(RecordKind::Protector, id).to_bytes();
    (key.to_vec(), rows.get(&key).unwrap())
}

fn record(row: &Row) -> strongroom_envelope::protector::ProtectorRecord {
    let key = RecordKey::from_bytes(&row.0).unwrap();
    strongroom_envelope::protector::parse(key, &row.1).unwrap().record
}

fn place_of_wrapped(row: &Row) -> usize {
    let wrapped = record(row).wrapped;
    row.1.windows(wrapped.len()).position(|window| window == wrapped.as_slice()).unwrap()
}

async fn check(base: &Base, harms: [Harm; 2]) {
    base.harm(harms);
    if harms.iter().any(|harm| harm.opens()) {
        opens(base, harms).await;
    } else {
        stays_closed(base, harms);
    }
}

async fn opens(base: &Base, harms: [Harm; 2]) {
    let site = &base.site;
    let broken = harms.iter().filter(|harm| harm.is_broken()).count();
    let healed_before = trail::count(site, "protector.heal");
    site.events.take();
    let (keeper, report) = site.open().unwrap();
    assert_eq!(report.locked, None, "{harms:?}: {:?}", report.explanation);
    assert_eq!(value(&keeper, "a").await, b"kept");
    assert_eq!(report.healed.len(), broken, "{harms:?}: {:?}", report.healed);
    assert_eq!(site.events.count("protector_healed"), broken, "{harms:?}");
    let fell_back = harms[0].is_broken() || CLASSES[2].contains(&harms[0]);
    assert_eq!(site.events.count("fallback_used"), usize::from(fell_back), "{harms:?}");
    let tampered = harms.iter().any(|harm| harm.is_tampered());
    assert_eq!(report.alarms.iter().any(|alarm| alarm.code == "protector_tampered"), tampered, "{harms:?}");
    for (kind, harm) in KINDS.iter().zip(harms) {
        assert_judged(&report.protectors, kind, harm, harms);
    }
    keeper.stop();
    drop(keeper);
    assert_eq!(trail::count(site, "protector.heal") - healed_before, broken, "{harms:?}");

    // The new wraps open at the next start, and nothing more is healed; what was tampered with stays as it was found.
    let (keeper, again) = site.open().unwrap();
    assert!(again.healed.is_empty(), "{harms:?}: {:?}", again.healed);
    for (kind, harm) in KINDS.iter().zip(harms) {
        assert_judged(&again.protectors, kind, harm, harms);
    }
    let ids = |views: &[ProtectorView]| views.iter().map(|view| view.id).collect::<BTreeSet<_>>();
    assert_eq!(ids(&again.protectors), ids(&report.protectors), "{harms:?}");
    assert_eq!(value(&keeper, "a").await, b"kept");
    keeper.stop();
}

fn assert_judged(views: &[ProtectorView], kind: &str, harm: Harm, harms: [Harm; 2]) {
    let states: Vec<ProtectorState> = views.iter().filter(|view| view.kind == kind).map(|view| view.state).collect();
    let unknown = views.iter().filter(|view| view.kind == "unknown").count();
    let expected: &[ProtectorState] = match harm {
        Unharmed | FileGone | FileOther | FileExposed => &[ProtectorState::Proven],
        // The earlier row is one that nobody listed; the listed one is missing.
        Wrapped | Mac | WrappedOther | Earlier => &[ProtectorState::Tampered],
        RowGone | Dropped => &[],
    };
    assert_eq!(states, expected, "{kind} of {harms:?}");
    assert_eq!(unknown, harms.iter().filter(|harm| matches!(harm, RowGone | Earlier)).count(), "{harms:?}");
    for view in views.iter().filter(|view| view.kind == "unknown") {
        assert_eq!((view.state, view.reason.as_deref()), (ProtectorState::Tampered, Some("the record is missing")));
    }
}

/// R11: one error that names each protector, what it is bound to, why it does not open and what to do; nothing is written.
fn stays_closed(base: &Base, harms: [Harm; 2]) {
    let before = base.site.image().settled();
    let Err(error) = base.site.open() else { panic!("{harms:?} opened") };
    let OpenError::NoProtectorOpens { report } = &error else { panic!("{harms:?}: {error}") };
    let rows = Rows::open(&base.site).of(RecordKind::Protector);
    for row in &rows {
        let record = record(row);
        let id = record.protector_id.to_string();
        let part = report.split(&format!("{} protector {id}", record.kind.name())).nth(1);
        let part = part.unwrap_or_else(|| panic!("{harms:?}: {report}"));
        let bound: Vec<&str> = record.bound_to.iter().map(|(_, text)| text.as_str()).collect();
        assert!(part.contains(bound[0]) && part.contains("does not open: ") && part.contains("to mend it: "), "{part}");
    }
    if rows.is_empty() {
        assert!(report.contains("no protector record"), "{report}");
    }
    let after = base.site.image().settled();
    assert!(before == after, "{harms:?} wrote {:?}", before.differing(&after));
}

#[tokio::test]
async fn every_combination_of_right_broken_tampered_and_absent() {
    let base = Base::new().await;
    let torture = std::env::var_os("STRONGROOM_TORTURE").is_some();
    let mut turn = 0;
    let mut next = |class: usize| {
        turn += 1;
        CLASSES[class][turn % CLASSES[class].len()]
    };
    let mut pairs: Vec<[Harm; 2]> = (0..16).map(|number| [next(number / 4), next(number % 4)]).collect();
    pairs.extend(Harm::ALL.into_iter().flat_map(|harm| [[harm, Unharmed], [Unharmed, harm]]));
    if torture {
        pairs = Harm::ALL.into_iter().flat_map(|one| Harm::ALL.map(|other| [one, other])).collect();
    }
    // Both cannot be dropped: the last proven one stays.
    pairs.retain(|pair| *pair != [Dropped, Dropped]);
    for pair in pairs {
        check(&base, pair).await;
    }
}
