//! What every protector promises, checked on every implementation with the same calls.

use strongroom_crypto::random;
use strongroom_envelope::protector::{self, ProtectorRecord};
use strongroom_envelope::{Generation, Id};
use strongroom_protector::{
    ConfiguredError, CreateError, ForgetError, Given, Kind, Password, PluginError, PluginWord, Protector, ReadError,
    UnwrapError, WrapError, WrappingTerms, configured,
};
use strongroom_secret::{Passphrase, RootKey};

use crate::fixture::{CHEAP, NOW, Place, STORE, new_root, opens, refusal, wrap};
use crate::plugin::Bench;
use crate::rsa::Office;
use crate::softhsm::SoftHsm;

/// One implementation: how to make it, and whether it keeps something outside the record.
struct Subject<'a> {
    kind: Kind,
    attended: bool,
    has_secret_file: bool,
    /// Bytes of the wrapped key to change one at a time: in nonce, ciphertext, tag and commitment.
    changed_bytes: &'a [usize],
    make: &'a dyn Fn(Id) -> Box<dyn Protector>,
}

#[test]
fn account() {
    let place = Place::new();
    conforms(&Subject {
        kind: Kind::Account,
        attended: false,
        has_secret_file: true,
        changed_bytes: &[0, 23, 24, 55, 56, 71, 72, 103],
        make: &|store_id| Box::new(strongroom_protector::Account::new(of_store(&place, store_id))),
    });
}

#[test]
fn machine() {
    let place = Place::new();
    conforms(&Subject {
        kind: Kind::Machine,
        attended: false,
        has_secret_file: true,
        changed_bytes: &[0, 23, 24, 55, 56, 71, 72, 103],
        make: &|store_id| Box::new(strongroom_protector::Machine::new(of_store(&place, store_id))),
    });
}

#[test]
fn password() {
    conforms(&Subject {
        kind: Kind::Password,
        attended: true,
        has_secret_file: false,
        // Each costs a derivation.
        changed_bytes: &[0, 103],
        make: &|store_id| {
            let passphrase = Passphrase::from_slice(b"four plain words here");
            Box::new(Password::with_parameters(store_id, passphrase, CHEAP))
        },
    });
}

#[test]
fn rsa() {
    let Some(office) = Office::new("conformance::rsa") else { return };
    let mut surroundings = office.surroundings("office.pem", "office.key");
    conforms(&Subject {
        kind: Kind::Rsa,
        attended: false,
        has_secret_file: false,
        changed_bytes: &[0, 24, 71, 103],
        make: &|store_id| {
            let mut surroundings = surroundings.clone();
            surroundings.store_id = store_id;
            crate::rsa::of(surroundings)
        },
    });
    surroundings.configuration.rsa.clear();
    let gone = configured(&surroundings.into(), Kind::Rsa, "office", Given::Nothing);
    assert!(matches!(gone, Err(ConfiguredError::Missing { .. })));
}

#[test]
fn pkcs11() {
    let Some(token) = SoftHsm::new("conformance::pkcs11") else { return };
    conforms(&Subject {
        kind: Kind::Pkcs11,
        attended: false,
        has_secret_file: false,
        changed_bytes: &[0, 103],
        make: &|store_id| {
            let mut surroundings = token.surroundings();
            surroundings.store_id = store_id;
            token.protector_in(surroundings)
        },
    });
}

#[test]
fn plugin() {
    let Some(bench) = Bench::with_example("conformance::plugin") else { return };
    conforms(&Subject {
        kind: Kind::Plugin,
        attended: false,
        has_secret_file: false,
        changed_bytes: &[0, 103],
        make: &|store_id| {
            let mut surroundings = bench.surroundings();
            surroundings.store_id = store_id;
            configured(&surroundings.into(), Kind::Plugin, "vault", Given::Nothing).unwrap()
        },
    });
}

fn of_store(place: &Place, store_id: Id) -> std::sync::Arc<strongroom_protector::Surroundings> {
    let mut surroundings = (*place.surroundings()).clone();
    surroundings.store_id = store_id;
    surroundings.into()
}

/// Two wraps of one root key; each may cost a derivation, so all checks share them.
struct Wraps {
    root: RootKey,
    one: ProtectorRecord,
    other: ProtectorRecord,
}

fn conforms(subject: &Subject<'_>) {
    let protector = (subject.make)(STORE);
    let protector = protector.as_ref();
    let root = new_root();
    let one = wrap(protector, &root).unwrap();
    let other = wrap(protector, &root).unwrap();
    let wraps = Wraps { root, one, other };
    names_itself(subject, protector);
    opens_what_it_wrapped(subject, protector, &wraps);
    makes_a_record_that_the_format_accepts(protector, &wraps);
    never_repeats_itself(protector, &wraps);
    refuses_what_was_changed(subject, protector, &wraps.one);
    refuses_what_is_in_another_place(subject, protector, &wraps);
    never_overwrites(subject, protector, &wraps);
    forgets(subject, protector, &wraps);
}

fn names_itself(subject: &Subject<'_>, protector: &dyn Protector) {
    assert_eq!(protector.kind(), subject.kind);
    assert_eq!(protector.attended(), subject.attended);
    assert_eq!(protector.store_id(), STORE);
    assert!(!protector.hint().is_empty());
}

fn opens_what_it_wrapped(subject: &Subject<'_>, protector: &dyn Protector, wraps: &Wraps) {
    let Wraps { root, one, other } = wraps;
    assert!(opens(protector, one, root));
    assert!(opens((subject.make)(STORE).as_ref(), other, root), "by another process");
    assert_eq!(protector.binding_changed(one), None);
    assert_eq!(protector.outdated(one), None);
}

fn makes_a_record_that_the_format_accepts(protector: &dyn Protector, wraps: &Wraps) {
    let Wraps { root, one, .. } = wraps;
    assert_eq!((one.store_id, one.kind, one.created_at), (STORE, protector.kind(), NOW));
    assert_eq!((one.salt.len(), &one.bound_to), (32, &protector.bound_to()));
    let (mac_key, place) = (protector::mac_key(root), one.record_key());
    let (stored, _) = protector::encode(one, &mac_key, place, Generation::new(1, 0)).unwrap();
    assert_eq!(protector::parse(place, &stored).unwrap().record, *one);
}

fn never_repeats_itself(protector: &dyn Protector, wraps: &Wraps) {
    let Wraps { root, one, other } = wraps;
    assert_ne!(one.salt, other.salt);
    assert_ne!(one.wrapped, other.wrapped);
    let keys =
        [one, other].map(|record| protector.wrapping_key(record.protector_id, &WrappingTerms::of(record)).unwrap());
    assert!(!keys[0].same_as(&keys[1]));
    assert_ne!(keys[0].expose(), root.expose());
}

fn refuses_what_was_changed(subject: &Subject<'_>, protector: &dyn Protector, record: &ProtectorRecord) {
    for &at in subject.changed_bytes {
        let mut changed = record.clone();
        changed.wrapped[at] ^= 1;
        assert!(is_not_authentic(&refusal(protector, &changed)), "byte {at}");
    }
    let mut salted = record.clone();
    salted.salt[31] ^= 1;
    assert!(is_not_authentic(&refusal(protector, &salted)));
    salted.salt.truncate(16);
    assert!(is_not_authentic(&refusal(protector, &salted)));
    let mut misplaced = record.clone();
    misplaced.parameters = if record.parameters.is_some() { None } else { Some(CHEAP) };
    let found = refusal(protector, &misplaced);
    assert!(matches!(found, UnwrapError::Derivation { kind } if kind == subject.kind), "{found}");
}

fn refuses_what_is_in_another_place(subject: &Subject<'_>, protector: &dyn Protector, wraps: &Wraps) {
    let Wraps { one, other, .. } = wraps;
    let swapped = ProtectorRecord { wrapped: one.wrapped, ..other.clone() };
    assert!(is_not_authentic(&refusal(protector, &swapped)));
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != subject.kind) {
        let foreign = ProtectorRecord { kind, ..one.clone() };
        assert!(matches!(refusal(protector, &foreign), UnwrapError::OtherKind { .. }));
    }
    let store_id = Id([0x77; 16]);
    let foreign = ProtectorRecord { store_id, ..one.clone() };
    assert!(matches!(refusal(protector, &foreign), UnwrapError::OtherStore { .. }));
    // A protector that takes the forged store for its own finds that the wrap is not of that store.
    let forged = refusal((subject.make)(store_id).as_ref(), &foreign);
    // A plug-in may find that itself, by the context.
    let by_plugin = matches!(&forged, UnwrapError::Plugin(PluginError::Refused { word: PluginWord::Invalid, .. }));
    assert!(is_not_authentic(&forged) || by_plugin, "{forged}");
}

fn never_overwrites(subject: &Subject<'_>, protector: &dyn Protector, wraps: &Wraps) {
    let Wraps { root, one, .. } = wraps;
    if subject.has_secret_file {
        let again = protector.wrap(&new_root(), one.protector_id, &mut random::fill, NOW);
        assert!(matches!(again, Err(WrapError::SecretFile(CreateError::Exists { .. }))));
        assert!(opens(protector, one, root), "the first wrap still opens");
    }
}

fn forgets(subject: &Subject<'_>, protector: &dyn Protector, wraps: &Wraps) {
    let Wraps { root, one, other } = wraps;
    let foreign = ProtectorRecord { store_id: Id([0x77; 16]), ..one.clone() };
    assert!(matches!(protector.forget(&foreign), Err(ForgetError::OtherRecord { .. })));
    protector.forget(other).unwrap();
    protector.forget(other).unwrap();
    assert!(opens(protector, one, root));
    if subject.has_secret_file {
        let found = refusal(protector, other);
        assert!(matches!(found, UnwrapError::SecretFile(ReadError::Missing { .. })), "{found}");
    }
}

fn is_not_authentic(refusal: &UnwrapError) -> bool {
    matches!(refusal, UnwrapError::NotAuthentic { .. })
}
