//! Sealed credentials: this implementation and the second one read each other; what is changed, or bound to something else, does
//! not open.

use serde_json::{Value, json};
use strongroom_crypto::{kem, random};
use strongroom_envelope::credential::{self, Binding, Bond, CredentialError, LEAST_LENGTH, Local};
use strongroom_envelope::value::Context;
use strongroom_envelope::{Id, Pin};
use strongroom_secret::{AgreementKey, DataKey, MacKey, SecretBytes};

use crate::peer::ask_script;
use crate::vector::{hex, unhex};

const EXCHANGED: usize = 200;

fn drawn<const N: usize>() -> [u8; N] {
    let mut drawn = [0; N];
    random::fill(&mut drawn);
    drawn
}

fn bond() -> Bond {
    Bond { id: Id(drawn()), revision: u32::from_be_bytes(drawn()), uid: u32::from_be_bytes(drawn()) }
}

fn request(command: &str, bond: Bond, mut more: Value) -> Value {
    let bound = json!({ "command": command, "id": hex(&bond.id.0), "revision": bond.revision, "uid": bond.uid });
    more.as_object_mut().unwrap().extend(bound.as_object().unwrap().clone());
    more
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}"))
}

#[test]
fn what_the_peer_seals_opens_here() {
    let samples: Vec<_> =
        (0..EXCHANGED).map(|n| (kem::generate(), bond(), drawn::<32>(), vec![n as u8; n * 7 % 400])).collect();
    let requests = samples.iter().map(|(key, bond, proof_key, value)| {
        let (public, ephemeral, nonce) = (hex(&kem::public(key)), hex(&drawn::<32>()), hex(&drawn::<24>()));
        let (proof_key, value) = (hex(proof_key), hex(value));
        let more =
            json!({ "public": public, "ephemeral": ephemeral, "nonce": nonce, "proof_key": proof_key, "value": value });
        request("seal", *bond, more)
    });
    let answers = ask_script("credential.py", requests.collect());
    assert_eq!(answers.len(), EXCHANGED);
    for ((key, bond, proof_key, value), answer) in samples.iter().zip(answers) {
        let opened = credential::open(key, *bond, &unhex(text(&answer, "sealed"))).unwrap();
        assert_eq!((opened.value.expose(), opened.proof_key.expose()), (value.as_slice(), proof_key));
    }
}

#[test]
fn what_is_sealed_here_opens_at_the_peer() {
    let samples: Vec<_> = (0..EXCHANGED).map(|n| (drawn::<32>(), bond(), drawn::<32>(), vec![n as u8; n])).collect();
    let requests = samples.iter().map(|(private, bond, proof_key, value)| {
        let public = kem::public(&AgreementKey::from_slice(private).unwrap());
        let proof_key = MacKey::from_slice(proof_key).unwrap();
        let sealed = credential::seal(&public, *bond, &proof_key, &SecretBytes::from_slice(value)).unwrap();
        assert_eq!(sealed.len(), LEAST_LENGTH + value.len());
        request("open", *bond, json!({ "private": hex(private), "sealed": hex(&sealed) }))
    });
    let answers = ask_script("credential.py", requests.collect());
    for ((_, _, proof_key, value), answer) in samples.iter().zip(answers) {
        assert_eq!((text(&answer, "value"), text(&answer, "proof_key")), (&*hex(value), &*hex(proof_key)));
    }
}

#[test]
fn proofs_are_those_of_the_peer() {
    let samples: Vec<_> = (0..20).map(|_| (drawn::<32>(), bond(), drawn::<32>(), drawn::<32>())).collect();
    let requests = samples.iter().map(|(data_key, bond, enrolled, new)| {
        request("proof", *bond, json!({ "data_key": hex(data_key), "enrolled": hex(enrolled), "new": hex(new) }))
    });
    let answers = ask_script("credential.py", requests.collect());
    for ((data_key, bond, enrolled, new), answer) in samples.iter().zip(answers) {
        let key = credential::proof_key(&DataKey::from_slice(data_key).unwrap(), *bond, enrolled);
        assert_eq!(hex(key.expose()), text(&answer, "proof_key"));
        let proof = credential::proof(&key, *bond, new);
        assert_eq!(hex(&proof), text(&answer, "proof"));
        assert!(credential::proves(&key, *bond, new, &proof));
        assert!(
            !credential::proves(&key, *bond, enrolled, &proof) && !credential::proves(&key, *bond, new, &proof[..31])
        );
    }
}

#[test]
fn nothing_else_opens() {
    let (key, bond) = (kem::generate(), bond());
    let sealed =
        credential::seal(&kem::public(&key), bond, &MacKey::from_slice(&[7; 32]).unwrap(), &SecretBytes::new());
    let sealed = sealed.unwrap();
    credential::open(&key, bond, &sealed).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        let expected = if at < 4 { CredentialError::Malformed } else { CredentialError::Unauthentic };
        assert_eq!(credential::open(&key, bond, &changed).unwrap_err(), expected, "byte {at}");
    }
    for length in 0..sealed.len() {
        assert_eq!(credential::open(&key, bond, &sealed[..length]).unwrap_err(), CredentialError::Malformed);
    }
    let more = [&sealed[..], &[0]].concat();
    assert_eq!(credential::open(&key, bond, &more).unwrap_err(), CredentialError::Unauthentic);
    assert_eq!(credential::open(&kem::generate(), bond, &sealed).unwrap_err(), CredentialError::Unauthentic);
    for other in [
        Bond { id: Id([1; 16]), ..bond },
        Bond { revision: bond.revision ^ 1, ..bond },
        Bond { uid: bond.uid ^ 1, ..bond },
    ] {
        assert_eq!(credential::open(&key, other, &sealed).unwrap_err(), CredentialError::Unauthentic);
    }
}

#[test]
fn the_binding_is_the_context_of_the_specification() {
    let local = Local { account: "svc", uid: 4_294_967_294, host: &[0x0f; 16] };
    let binding = Binding { local: Some(local), certificates: &[] };
    let id = Id([0x11; 16]);
    let record = ("record", "11111111-1111-1111-1111-111111111111");
    let of_the_account = [("account", "svc"), ("host", "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"), ("uid", "4294967294")];
    let expected = Context::new([record, ("revision", "7")].into_iter().chain(of_the_account));
    assert_eq!(binding.context(id, 7), expected);

    // As `(head -c 32 /dev/zero; head -c 32 /dev/zero | tr '\0' '\1') | sha256sum` prints it.
    let pins = ("certificates", "5c85955f709283ecce2b74f1b1552918819f390911816e7bb466805a38ab87f3");
    let both = Binding { certificates: &[Pin([0; 32]), Pin([1; 32])], ..binding };
    let expected = Context::new([record, ("revision", "7"), pins].into_iter().chain(of_the_account));
    assert_eq!(both.context(id, 7), expected);
    let certificates = Binding { local: None, ..both };
    assert_eq!(certificates.context(id, 7), Context::new([record, ("revision", "7"), pins]));

    let long = "x".repeat(257);
    let too_long = Local { account: &long, ..local };
    assert!(Binding { local: Some(too_long), certificates: &[] }.context(id, 7).is_err());
}
