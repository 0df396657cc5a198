//! What all kinds share: a wrap that fails leaves nothing, and a kind that derives nothing fits in.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;

use strongroom_crypto::random;
use strongroom_envelope::Id;
use strongroom_protector::{CreateError, ForgetError, Kind, Protector, UnwrapError, WrapError, WrappingTerms};
use strongroom_secret::WrappingKey;

use crate::fixture::{NOW, Place, STORE, new_id, new_root, opens, refusal, surroundings_in, wrap};
use crate::other_process::{prepared, run_on_a_full_disk};

/// Keeps a random wrapping key for each id, as a token or a plug-in will; what it keeps can be spoilt.
#[derive(Default)]
struct Token {
    keys: Mutex<BTreeMap<Id, WrappingKey>>,
    is_broken: bool,
}

impl Protector for Token {
    fn kind(&self) -> Kind {
        Kind::Machine
    }

    fn attended(&self) -> bool {
        false
    }

    fn store_id(&self) -> Id {
        STORE
    }

    fn bound_to(&self) -> Vec<(String, String)> {
        vec![("token".to_owned(), "1".to_owned())]
    }

    fn new_wrapping_key(
        &self,
        protector_id: Id,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(WrappingKey, WrappingTerms), WrapError> {
        let key = WrappingKey::fill_with(|key| fill(key));
        let kept = WrappingKey::fill_with(|kept| kept.copy_from_slice(key.expose()));
        self.keys.lock().unwrap().insert(protector_id, kept);
        let terms = WrappingTerms { salt: vec![0; 16], parameters: None, parameter: String::new(), blob: Vec::new() };
        Ok((key, terms))
    }

    fn wrapping_key(&self, protector_id: Id, _: &WrappingTerms) -> Result<WrappingKey, UnwrapError> {
        let keys = self.keys.lock().unwrap();
        let kept = keys.get(&protector_id).ok_or(UnwrapError::NotAuthentic { hint: self.hint() })?;
        Ok(WrappingKey::fill_with(|key| {
            key.copy_from_slice(kept.expose());
            key[0] ^= u8::from(self.is_broken);
        }))
    }

    fn discard(&self, protector_id: Id) -> Result<(), ForgetError> {
        self.keys.lock().unwrap().remove(&protector_id);
        Ok(())
    }

    fn hint(&self) -> &'static str {
        "the token may be another one"
    }
}

#[test]
fn a_kind_that_keeps_random_keys_needs_only_the_two_steps() {
    let token = Token::default();
    let root = new_root();
    let record = wrap(&token, &root).unwrap();
    assert!(opens(&token, &record, &root));
    token.forget(&record).unwrap();
    assert!(matches!(refusal(&token, &record), UnwrapError::NotAuthentic { .. }));
}

#[test]
fn a_wrap_that_does_not_open_again_is_discarded() {
    let token = Token { is_broken: true, ..Token::default() };
    let outcome = wrap(&token, &new_root());
    let Err(WrapError::DoesNotOpen { source: UnwrapError::NotAuthentic { .. } }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(token.keys.lock().unwrap().is_empty());
}

#[test]
fn a_full_disk_is_named_and_leaves_no_file() {
    const NAME: &str = "wrapping::a_full_disk_is_named_and_leaves_no_file";
    let Some(directory) = prepared() else {
        let place = Place::new();
        for protector in strongroom_protector::unattended(&place.surroundings()) {
            wrap(protector.as_ref(), &new_root()).unwrap();
        }
        run_on_a_full_disk(NAME, place.path());
        return;
    };
    let surroundings = surroundings_in(&directory);
    for protector in strongroom_protector::unattended(&surroundings) {
        let outcome = protector.wrap(&new_root(), new_id(), &mut random::fill, NOW);
        let Err(WrapError::SecretFile(CreateError::Failed { attempted: "written", .. })) = outcome else {
            panic!("{outcome:?}");
        };
    }
    for place in [&surroundings.account_directory, &surroundings.machine_directory] {
        assert_eq!(fs::read_dir(place).unwrap().count(), 1, "only the parent's file");
    }
}
