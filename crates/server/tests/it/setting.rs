//! Settings over the wire: every operation and type, on the socket and over TLS, and what is refused.

use strongroom_api::setting::{
    Class, DeleteRequest, ExportRequest, GetRequest, ImportRequest, ImportRow, ListRequest, SetRequest, Value,
};
use strongroom_api::token::Role;
use strongroom_api::{Code, WireSecret};
use strongroom_client::{Client, SettingValue};
use strongroom_secret::SecretBytes;

use crate::raw::{exchange, post, socket};
use crate::site::Site;

fn bytes(text: &str) -> SecretBytes {
    SecretBytes::from_slice(text.as_bytes())
}

fn text(text: &str) -> Value {
    Value::StringBase64(WireSecret::new(bytes(text)))
}

fn set(name: &str, value: Value, class: Option<Class>) -> SetRequest {
    SetRequest { name: name.to_owned(), value, class, expected_revision: None }
}

#[tokio::test]
async fn on_the_socket() {
    let site = Site::new().await;
    life_of_a_setting(&site.local().await).await;
    site.stop().await;
}

#[tokio::test]
async fn over_tls() {
    let site = Site::new().await;
    let token = site.token(Role::Admin).await;
    life_of_a_setting(&site.remote(&token).await.unwrap()).await;
    site.stop().await;
}

async fn life_of_a_setting(client: &Client) {
    let name = "Provisioning/Engine/Database";
    let first = client.setting_set(name, SettingValue::String(bytes("Server=db;Password=x"))).await.unwrap();
    assert_eq!((first.created, first.revision, first.class, first.name.as_str()), (true, 1, Class::Encrypted, name));
    let taken = client.setting_set_if(name, SettingValue::Integer(1), Class::Encrypted, 0).await.unwrap_err();
    assert_eq!((taken.code(), taken.exit_code()), (Some(Code::VersionConflict), 5));
    let second = client.setting_set_if(name, SettingValue::Integer(-7), Class::Queue, 1).await.unwrap();
    assert_eq!((second.created, second.revision, second.class, &second.id), (false, 2, Class::Queue, &first.id));

    let got = client.setting_get(&first.id).await.unwrap();
    assert!(matches!(got.value, SettingValue::Integer(-7)) && got.name == name && got.revision == 2);
    let strings = SettingValue::MultiString(vec![bytes("a"), bytes("")]);
    client.setting_set(name, strings).await.unwrap();
    let SettingValue::MultiString(strings) = client.setting_get(name).await.unwrap().value else { panic!("a type") };
    assert_eq!(strings.iter().map(SecretBytes::expose).collect::<Vec<_>>(), [&b"a"[..], b""]);
    client.setting_set(name, SettingValue::Boolean(true)).await.unwrap();
    let wire = client.call(&GetRequest { name: name.to_owned() }).await.unwrap();
    assert!(matches!(wire.value, Value::Boolean(true)) && wire.class == Class::Queue && wire.updated_at.ends_with('Z'));

    let secret = client.call(&set(name, text("Server=db;Password=canary"), None)).await.unwrap_err();
    assert_eq!(secret.code(), Some(Code::Invalid));
    assert!(secret.to_string().contains("`assignment`") && !secret.to_string().contains("canary"), "{secret}");

    let delete = |expected_revision| DeleteRequest { name: name.to_owned(), expected_revision };
    assert_eq!(client.call(&delete(Some(3))).await.unwrap_err().code(), Some(Code::VersionConflict));
    assert_eq!(client.call(&delete(Some(4))).await.unwrap().id, first.id);
    let gone = client.setting_get(name).await.unwrap_err();
    assert_eq!((gone.code(), gone.exit_code()), (Some(Code::NotFound), 3));
    assert!(gone.fix().contains("`strongroom setting list`"), "{}", gone.fix());
}

#[tokio::test]
async fn lists_and_exports_in_pages() {
    let site = Site::new().await;
    let client = site.local().await;
    for name in ["q/b", "q/a", "z", "q/c"] {
        let class = if name == "q/c" { Class::Audit } else { Class::Encrypted };
        client.call(&set(name, text(name), Some(class))).await.unwrap();
    }
    let (mut listed, mut exported) = (Vec::new(), Vec::new());
    let mut request = ListRequest { prefix: "q/".to_owned(), limit: Some(2), after: None };
    loop {
        let page = client.call(&request).await.unwrap();
        assert!(page.settings.len() <= 2 && page.withheld.is_empty());
        listed.extend(page.settings.into_iter().map(|entry| (entry.name, entry.value_type, entry.encrypted)));
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    let entry = |name: &str, encrypted| (name.to_owned(), "string".to_owned(), encrypted);
    assert_eq!(listed, [entry("q/a", true), entry("q/b", true), entry("q/c", false)]);
    let mut request = ExportRequest { prefix: "q/".to_owned(), limit: Some(2), after: None };
    loop {
        let page = client.call(&request).await.unwrap();
        exported.extend(page.settings.into_iter().map(|exported| {
            let Value::StringBase64(text) = exported.value else { panic!("a type") };
            assert_eq!(text.into_secret().expose(), exported.name.as_bytes());
            (exported.name, exported.class)
        }));
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    let exported: Vec<_> = exported.iter().map(|(name, class)| (name.as_str(), *class)).collect();
    assert_eq!(exported, [("q/a", Class::Encrypted), ("q/b", Class::Encrypted), ("q/c", Class::Audit)]);
    for limit in [0, 101, 201] {
        let list = ListRequest { limit: Some(limit), ..ListRequest::default() };
        assert_eq!(client.call(&list).await.is_err(), limit != 101, "{limit}");
        let export = ExportRequest { limit: Some(limit), ..ExportRequest::default() };
        assert!(client.call(&export).await.is_err(), "{limit}");
    }
    site.stop().await;
}

#[tokio::test]
async fn an_import_says_what_became_of_each_row() {
    let site = Site::new().await;
    let client = site.local().await;
    let row = |name: &str, value, class| ImportRow { name: name.to_owned(), value, class };
    let request = || ImportRequest {
        rows: vec![
            row("a", text("x"), None),
            row("b", text("pwd=canary"), Some(Class::Client)),
            row("c", Value::Integer(1), Some(Class::Client)),
        ],
    };
    for created in [true, false] {
        let rows = client.call(&request()).await.unwrap().rows;
        assert_eq!(rows.iter().map(|row| row.created).collect::<Vec<_>>(), [created, false, created]);
        assert!(rows[0].id.is_some() && rows[1].id.is_none());
        let error = rows[1].error.as_ref().unwrap();
        assert!(error.code == Code::Invalid && !error.message.contains("canary"), "{}", error.message);
    }
    let changed = ImportRequest { rows: vec![row("a", text("y"), None)] };
    let rows = client.call(&changed).await.unwrap().rows;
    assert_eq!(rows[0].error.as_ref().map(|error| error.code), Some(Code::NameTaken));
    site.stop().await;
}

/// What JSON can say and no setting can be; and a change that is repeated with its key is made once.
#[tokio::test]
async fn requests_that_are_none_and_retries() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    for (body, code) in [
        (r#"{"name":"a","value":{"string_base64":"/w=="}}"#, "invalid"),
        (r#"{"name":"a","value":{"integer":9223372036854775808}}"#, "malformed"),
        (r#"{"name":"a","value":{"integer":1,"boolean":true}}"#, "malformed"),
        (r#"{"name":"a","value":{"text":"canary"}}"#, "malformed"),
        (r#"{"name":"a","value":{}}"#, "malformed"),
        (r#"{"name":"a","value":"canary"}"#, "malformed"),
        (r#"{"name":"a","value":{"boolean":true},"class":"secret"}"#, "malformed"),
        (r#"{"name":"a","value":{"boolean":true},"class":null}"#, "malformed"),
        (r#"{"name":"a","value":{"boolean":true},"class":{"queue":null}}"#, "malformed"),
        (r#"{"name":"a","value":{"boolean":true},"expected_revision":null}"#, "malformed"),
        (r#"{"name":"a//b","value":{"boolean":true}}"#, "invalid"),
    ] {
        let reply = exchange(&mut stream, &post("/api/v1/setting/set", &[], body.as_bytes())).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, code), "{body}");
        assert!(!reply.json().to_string().contains("canary"), "{body}");
    }
    let body = br#"{"name":"a","value":{"integer":1}}"#;
    let request = post("/api/v1/setting/set", &[("idempotency-key", "k1")], body);
    let first = exchange(&mut stream, &request).await.json();
    assert_eq!((first["revision"].as_u64(), exchange(&mut stream, &request).await.json()), (Some(1), first.clone()));
    assert_eq!(exchange(&mut stream, &post("/api/v1/setting/set", &[], body)).await.json()["revision"], 2);
    site.stop().await;
}
