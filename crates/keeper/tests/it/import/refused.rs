//! A row that cannot be taken over is refused alone, with its reason; the rows beside it are taken over.

use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::{Delete, IMPORT_ROWS, Import, ImportRow, Imported, VALUE_BYTES};
use strongroom_keeper::facade::Failure;
use strongroom_secret::SecretBytes;

use super::scene::{import, unprotected};
use crate::site::{Site, admin, get, name, put, value};

fn row(name: &str, value: &[u8]) -> ImportRow {
    ImportRow {
        name: name.to_owned(),
        value: SecretBytes::from_slice(value),
        already_encrypted: false,
        metadata: Vec::new(),
    }
}

fn with(metadata: &[(&str, &str)]) -> ImportRow {
    let metadata = metadata.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    ImportRow { metadata, ..row("metadata", b"v") }
}

fn field(outcome: &Result<Imported, Refusal>) -> &'static str {
    match outcome {
        Err(Refusal::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_row_is_judged_alone() {
    let site = Site::new();
    let keeper = site.start();
    put(&keeper, "taken", b"another value").await.unwrap();
    put(&keeper, "deleted", b"v").await.unwrap();
    keeper.execute(admin(), Delete { selector: name("deleted"), expected_version: None }).await.unwrap();
    let rows = vec![
        row("good/1", b"one"),
        row("taken", b"v"),
        row("deleted", b"v"),
        row("../etc/passwd", b"v"),
        row("good/1", b"one"),
        row("good/1", b"two"),
        row("good/2", b""),
        row("", b"v"),
        with(&[("a", "line\nfeed")]),
        with(&[("a", "1"), ("a", "2")]),
        with(&[("", "1")]),
        row("taken", b"another value"),
        row("good/3", b"\x00\xff\n"),
    ];
    let outcomes = import(&keeper, rows, true).await;
    assert_eq!(outcomes[1], Err(Refusal::NameTaken { name: "taken".into() }));
    assert_eq!(outcomes[2], Err(Refusal::Deleted { target: "deleted".into() }));
    assert!(matches!(outcomes[3], Err(Refusal::Invalid { field: "name", .. })), "{:?}", outcomes[3]);
    for twice in [4, 5] {
        assert_eq!(outcomes[twice], Err(Refusal::NameTaken { name: "good/1".into() }));
    }
    assert_eq!((field(&outcomes[7]), field(&outcomes[8])), ("name", "metadata"));
    assert_eq!((field(&outcomes[9]), field(&outcomes[10])), ("metadata", "metadata"));
    for good in [0, 6, 12] {
        assert!(matches!(outcomes[good], Ok(Imported::Created(_))), "{:?}", outcomes[good]);
    }
    assert!(matches!(outcomes[11], Ok(Imported::Unchanged(_))), "{:?}", outcomes[11]);
    assert_eq!(value(&keeper, "good/1").await, b"one");
    assert_eq!((value(&keeper, "good/2").await, value(&keeper, "good/3").await), (Vec::new(), b"\x00\xff\n".to_vec()));
    assert_eq!(value(&keeper, "taken").await, b"another value");
    assert!(get(&keeper, "metadata").await.is_err());
    assert_eq!(unprotected(&keeper), 3);
}

#[tokio::test]
async fn sizes() {
    let site = Site::new();
    let keeper = site.start();
    let large = |bytes: usize| row(&format!("large/{bytes}"), &vec![7; bytes]);
    let outcomes = import(&keeper, vec![large(VALUE_BYTES)], true).await;
    assert!(matches!(outcomes[0], Ok(Imported::Created(_))), "{outcomes:?}");
    assert_eq!(value(&keeper, &format!("large/{VALUE_BYTES}")).await, vec![7; 1 << 20]);
    let outcomes = import(&keeper, vec![large(VALUE_BYTES + 1)], true).await;
    let limit = VALUE_BYTES;
    assert_eq!(outcomes, [Err(Refusal::TooLarge { what: "the value", actual: limit + 1, limit })]);

    // A request with too many rows, none, or too much in all is refused as a whole; nothing of it is there.
    let many = (0..=IMPORT_ROWS).map(|number| row(&format!("many/{number}"), b"v")).collect();
    for rows in [many, Vec::new(), vec![large(600 << 10), large(300 << 10)]] {
        let refused = keeper.execute(admin(), Import { rows, clear: true, default_keep: 10 }).await;
        assert!(
            matches!(&refused, Err(Failure::Refused(Refusal::Invalid { .. } | Refusal::TooLarge { .. }))),
            "{refused:?}"
        );
    }
    assert!(get(&keeper, "many/0").await.is_err());
    assert_eq!(unprotected(&keeper), 1);
    // A conversion takes the largest value too.
    let job = crate::rotation::scene::rotate(&keeper).await.unwrap().job;
    assert!(job.is_some());
}
