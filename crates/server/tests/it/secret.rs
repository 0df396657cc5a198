//! Secrets over the wire: every operation, by name and by id, on the socket and over TLS.

use strongroom_api::secret::{
    DeleteRequest, DestroyRequest, GetRequest, ListRequest, PutRequest, RenameRequest, ShowRequest, UndeleteRequest,
};
use strongroom_api::token::Role;
use strongroom_api::{Code, WireSecret};
use strongroom_client::Client;
use strongroom_secret::SecretBytes;

use crate::site::Site;

fn bytes(value: &[u8]) -> SecretBytes {
    SecretBytes::from_slice(value)
}

fn named(name: &str) -> String {
    name.to_owned()
}

#[tokio::test]
async fn on_the_socket() {
    let site = Site::new().await;
    life_of_a_secret(&site.local().await).await;
    site.stop().await;
}

#[tokio::test]
async fn over_tls() {
    let site = Site::new().await;
    let token = site.token(Role::Admin).await;
    life_of_a_secret(&site.remote(&token).await.unwrap()).await;
    site.stop().await;
}

async fn life_of_a_secret(client: &Client) {
    let first = client.secret_put("ftp/acme", bytes(b"s3cret")).await.unwrap();
    assert!(first.created && first.version == 1 && first.name == "ftp/acme" && first.copies == 1);
    let every_byte: Vec<u8> = (0..=255).collect();
    let second = client.secret_put("ftp/acme", bytes(&every_byte)).await.unwrap();
    assert_eq!((second.created, second.version, &second.id), (false, 2, &first.id));

    let current = client.secret_get("ftp/acme").await.unwrap();
    assert_eq!((current.value.expose(), current.version, &current.name), (every_byte.as_slice(), 2, &first.name));
    let by_id = client.secret_get_version(&first.id, Some(1)).await.unwrap();
    assert_eq!((by_id.value.expose(), by_id.version, &by_id.id), (b"s3cret".as_slice(), 1, &first.id));

    let shown = client.call(&ShowRequest { name: first.id.clone() }).await.unwrap();
    assert_eq!((shown.provider.as_str(), shown.key_version, shown.versions_kept), ("aes-256", 1, 10));
    assert_eq!(shown.versions.iter().map(|entry| entry.version).collect::<Vec<_>>(), [1, 2]);
    assert!(shown.created_at.ends_with('Z') && shown.updated_at >= shown.created_at && shown.deleted_at.is_none());

    let renamed = client.call(&RenameRequest { name: named("ftp/acme"), new_name: named("sftp/acme") }).await.unwrap();
    assert_eq!((&renamed.id, renamed.name.as_str()), (&first.id, "sftp/acme"));
    let gone = client.secret_get("ftp/acme").await.unwrap_err();
    assert_eq!((gone.code(), gone.exit_code()), (Some(Code::NotFound), 3));

    let delete = DeleteRequest { name: named("sftp/acme"), expected_version: None };
    assert_eq!(client.call(&delete).await.unwrap().id, first.id);
    let deleted = client.secret_get("sftp/acme").await.unwrap_err();
    assert_eq!((deleted.code(), deleted.exit_code()), (Some(Code::Deleted), 3));
    let restored = client.call(&UndeleteRequest { name: first.id.clone() }).await.unwrap();
    assert_eq!((restored.id.as_str(), restored.version), (first.id.as_str(), 2));

    let destroyed = client.call(&DestroyRequest { name: named("sftp/acme"), version: Some(1) }).await.unwrap();
    assert_eq!((destroyed.versions, destroyed.whole), (vec![1], false));
    let destroyed = client.call(&DestroyRequest { name: named("sftp/acme"), version: None }).await.unwrap();
    assert_eq!((destroyed.versions, destroyed.whole), (vec![2], true));
    assert_eq!(client.secret_get(&first.id).await.unwrap_err().code(), Some(Code::NotFound));
}

#[tokio::test]
async fn a_list_in_pages() {
    let site = Site::new().await;
    let client = site.local().await;
    for name in ["ftp/b", "ftp/a", "mail/x", "ftp/c"] {
        client.secret_put(name, bytes(b"x")).await.unwrap();
    }
    let mut request = ListRequest { prefix: named("ftp/"), limit: Some(2), ..ListRequest::default() };
    let first = client.call(&request).await.unwrap();
    assert_eq!(first.secrets.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["ftp/a", "ftp/b"]);
    request.after = first.next;
    let second = client.call(&request).await.unwrap();
    assert_eq!(second.secrets.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["ftp/c"]);
    assert!(second.next.is_none());

    client.call(&DeleteRequest { name: named("mail/x"), expected_version: Some(1) }).await.unwrap();
    let all = ListRequest::default();
    assert_eq!(client.call(&all).await.unwrap().secrets.len(), 3);
    let with_deleted = client.call(&ListRequest { deleted: true, ..all }).await.unwrap();
    assert_eq!(with_deleted.secrets.iter().filter(|entry| entry.deleted_at.is_some()).count(), 1);
    site.stop().await;
}

#[tokio::test]
async fn compare_and_set() {
    let site = Site::new().await;
    let client = site.local().await;
    client.secret_put_if("a", bytes(b"one"), 0).await.unwrap();
    let taken = client.secret_put_if("a", bytes(b"two"), 0).await.unwrap_err();
    assert_eq!((taken.code(), taken.exit_code()), (Some(Code::VersionConflict), 5));
    client.secret_put_if("a", bytes(b"two"), 1).await.unwrap();
    assert_eq!(client.secret_get("a").await.unwrap().value.expose(), b"two");
    site.stop().await;
}

#[tokio::test]
async fn the_largest_value_fits_and_one_byte_more_does_not() {
    let site = Site::new().await;
    let client = site.local().await;
    let largest: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    client.secret_put("large", bytes(&largest)).await.unwrap();
    assert_eq!(client.secret_get("large").await.unwrap().value.expose(), largest);
    let refused = client.secret_put("large", bytes(&[largest, vec![0]].concat())).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::TooLarge));
    site.stop().await;
}

#[tokio::test]
async fn versions_kept_can_be_chosen() {
    let site = Site::new().await;
    let client = site.local().await;
    let put = |keep| PutRequest {
        name: named("a"),
        value_base64: WireSecret::new(bytes(b"x")),
        expected_version: None,
        keep,
    };
    for _ in 0..3 {
        client.call(&put(Some(2))).await.unwrap();
    }
    assert_eq!(client.call(&put(None)).await.unwrap().version, 4);
    let shown = client.call(&ShowRequest { name: named("a") }).await.unwrap();
    assert_eq!(shown.versions_kept, 2);
    assert_eq!(shown.versions.iter().map(|entry| entry.version).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(client.call(&put(Some(51))).await.unwrap_err().code(), Some(Code::Invalid));
    let missing = client.call(&GetRequest { name: named("a"), version: Some(1) }).await.unwrap_err();
    assert_eq!(missing.code(), Some(Code::NotFound));
    site.stop().await;
}
