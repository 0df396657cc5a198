//! Nothing of a transaction is written in clear: neither of one that is marked, nor of one that needs no key of its own, whose
//! records are sealed like every other (B48).

use strongroom_engine::transaction::{Encrypt, Step};
use strongroom_keeper::facade::Failure;
use strongroom_secret::SecretBytes;

use super::{begin_operation, commit, rollback, undone};
use crate::import::scene::holders;
use crate::site::{Site, admin, retrying};

/// The forms in which a text could have been written down.
fn forms(text: &str) -> Vec<Vec<u8>> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let bytes = text.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for skipped in 0..3 {
        let whole = &bytes[skipped..skipped + (bytes.len() - skipped) / 3 * 3];
        forms.push(STANDARD_NO_PAD.encode(whole).into_bytes());
        forms.push(URL_SAFE_NO_PAD.encode(whole).into_bytes());
    }
    forms
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_no_file_and_no_line() {
    for (mark, encrypt) in [("", Encrypt::Marked), ("", Encrypt::Always), (" sensitive=\"yes\"", Encrypt::Marked)] {
        let site = Site::new();
        let keeper = site.start();
        let document = format!("<request><data{mark}>canary-document-alpha-4711-bravo</data></request>");
        let mut ids = Vec::new();
        for number in 0..3 {
            let id = keeper.execute(admin(), begin_operation(&document, encrypt)).await.unwrap().id;
            for length in [0, 5000] {
                let part = |text: &str| Some(SecretBytes::from_slice(&super::content(text, length)));
                let step = Step {
                    id,
                    procedure: "canary-procedure-delta-4713-echo".to_owned(),
                    state: part("canary-state-foxtrot-4714-golf-hotel"),
                    rollback: part("canary-rollback-india-4715-juliett"),
                };
                let caller = retrying(&format!("{number}/{length}"), 1);
                keeper.execute(caller, step).await.unwrap();
            }
            ids.push(id);
        }
        // Refused ones as well: what is wrong with them is said without them.
        let wrong = begin_operation("<request><data>canary-document-alpha-4711-bravo</request>", encrypt);
        let Err(Failure::Refused(refusal)) = keeper.execute(admin(), wrong).await else { panic!("it is taken") };
        assert!(!refusal.to_string().contains("canary"), "{refusal}");
        commit(&keeper, ids[0]).await.unwrap();
        rollback(&keeper, ids[1]).await.unwrap();
        undone(&keeper, ids[1], 2).await.unwrap();
        let texts = ["canary-document-alpha-4711-bravo", "canary-procedure-delta-4713-echo"];
        let texts =
            texts.into_iter().chain(["canary-state-foxtrot-4714-golf-hotel", "canary-rollback-india-4715-juliett"]);
        let wanted: Vec<Vec<u8>> = texts.flat_map(forms).collect();
        assert_eq!(holders(&site.image(), &wanted), Vec::<String>::new(), "running, {encrypt:?}{mark}");
        keeper.stop();
        drop(keeper);
        assert_eq!(holders(&site.image(), &wanted), Vec::<String>::new(), "stopped, {encrypt:?}{mark}");
        let keeper = site.start();
        rollback(&keeper, ids[2]).await.unwrap();
        drop(keeper);
        assert_eq!(holders(&site.image(), &wanted), Vec::<String>::new(), "ended, {encrypt:?}{mark}");
        assert!(!site.events.text().contains("canary"));
        // The search finds what is there.
        std::fs::write(site.path("data").join("found"), &wanted[0]).unwrap();
        assert_eq!(holders(&site.image(), &wanted), ["data/found"]);
    }
}
