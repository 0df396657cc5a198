//! Master keys of columns: there after a start, locked while their protector is away, and never in the way of anything else.

use strongroom_engine::column::{Make, MakeReply, Unwrap};
use strongroom_engine::key::{Algorithm, Create, KeyView, Rotate};
use strongroom_engine::name::Name;
use strongroom_engine::rule::Refusal;
use strongroom_envelope::value::Purpose;
use strongroom_keeper::Keeper;
use strongroom_keeper::facade::Failure;
use strongroom_secret::Passphrase;

use crate::site::{Site, admin, name, password_only, put, value};

const PASSWORD: &[u8] = b"four plain words here";

async fn create(keeper: &Keeper, key: &str, algorithm: Algorithm) -> KeyView {
    let (name, purpose, algorithm) = (Name::parse(key).unwrap(), Purpose::Columns, Some(algorithm));
    let create = Create { name, purpose, algorithm, rotation_period: None, usage_limit: None };
    keeper.execute(admin(), create).await.unwrap()
}

async fn make(keeper: &Keeper, master: &str) -> MakeReply {
    keeper.execute(admin(), Make { master: name(master), wrapping: None }).await.unwrap()
}

async fn opens(keeper: &Keeper, made: &MakeReply) -> Result<bool, Failure> {
    let (path, wrapping, envelope) = (made.path.clone(), made.wrapping, made.envelope.clone());
    let opened = keeper.execute(admin(), Unwrap { path, wrapping, envelope }).await?;
    Ok(opened.key.same_as(&made.key))
}

fn again(site: &Site, keeper: Keeper) -> Keeper {
    keeper.stop();
    drop(keeper);
    site.start()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_wrapped_opens_after_a_start_and_a_rotation() {
    let site = Site::new();
    let keeper = site.start();
    let mut made = Vec::new();
    for (key, algorithm) in [("rsa", Algorithm::Rsa3072Oaep), ("aes", Algorithm::Aes256)] {
        create(&keeper, key, algorithm).await;
        made.push(make(&keeper, key).await);
        let rotate = Rotate { selector: name(key), reencrypt: true, expected_version: None, rate: None };
        assert_eq!(keeper.execute(admin(), rotate).await.unwrap().job, None);
        made.push(make(&keeper, key).await);
    }
    let keeper = again(&site, keeper);
    for made in &made {
        assert_eq!(opens(&keeper, made).await, Ok(true), "{}", made.path);
    }
    let paths: Vec<_> = made.iter().map(|made| made.path.to_string()).collect();
    assert_eq!(paths, ["rsa#1", "rsa#2", "aes#1", "aes#2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_key_is_locked_while_its_protector_is_away() {
    let site = Site::new();
    let keeper = site.start();
    create(&keeper, "cmk", Algorithm::Rsa3072Oaep).await;
    let made = make(&keeper, "cmk").await;
    keeper.key_protect(admin(), name("cmk"), password_only(PASSWORD)).await.unwrap();
    assert_eq!(opens(&keeper, &made).await, Ok(true), "what is wrapped under it does not change");
    let keeper = again(&site, keeper);
    let locked = Failure::Refused(Refusal::KeyLocked { key: "cmk".into() });
    assert_eq!(opens(&keeper, &made).await, Err(locked));
    put(&keeper, "a", b"1").await.unwrap();
    assert_eq!(value(&keeper, "a").await, b"1".to_vec(), "the rest goes on");
    keeper.key_unlock(admin(), name("cmk"), Some(Passphrase::from_slice(PASSWORD))).await.unwrap();
    assert_eq!(opens(&keeper, &made).await, Ok(true));
}
