//! A driver over the session, as applications use one: tokio-postgres on one side of a pipe, the session on the other.

use std::sync::Arc;

use strongroom_column_pg::session::{Encryption, Scope, Session, Want};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::scene::{Scene, key};

/// Everything between the driver and the server, until either leaves; what went to the server.
async fn between(mut client: DuplexStream, mut server: TcpStream, mut session: Session, scene: Arc<Scene>) -> Vec<u8> {
    let mut tap = Vec::new();
    let (mut from_client, mut from_server) = (vec![0; 8192], vec![0; 8192]);
    // The start-up packet, and AuthenticationOk.
    let read = client.read(&mut from_client).await.unwrap();
    server.write_all(&from_client[..read]).await.unwrap();
    let mut first = [0; 9];
    server.read_exact(&mut first).await.unwrap();
    client.write_all(&first).await.unwrap();
    loop {
        while let Some(want) = session.wants() {
            match want {
                Want::Key(class) => session.key(&class, Ok(Arc::new(key()))),
                Want::Catalogue => session.fresh_catalogue(Arc::clone(&scene.catalogue)),
            }
        }
        let to_server = session.to_server().split();
        tap.extend_from_slice(&to_server);
        let sent = server.write_all(&to_server).await.is_ok();
        let heard = client.write_all(&session.to_client().split()).await.is_ok();
        if !(sent && heard) || session.finished().is_some() {
            return tap;
        }
        tokio::select! {
            read = client.read(&mut from_client) => match read {
                Ok(1..) => session.client_bytes(&from_client[..read.unwrap_or_default()]),
                _ => return tap,
            },
            read = server.read(&mut from_server) => match read {
                Ok(1..) => session.server_bytes(&from_server[..read.unwrap_or_default()]),
                _ => return tap,
            },
        }
    }
}

async fn connect(scene: &Arc<Scene>) -> (Client, tokio::task::JoinHandle<Vec<u8>>) {
    let (ours, theirs) = tokio::io::duplex(4096);
    let server = TcpStream::connect(("127.0.0.1", scene.postgres.port())).await.unwrap();
    let scope = Scope::new("postgres", "postgres", &[("driver", "tokio-postgres")]);
    let session = Session::new(Encryption::Enabled, scope, Arc::clone(&scene.catalogue), Arc::clone(&scene.cache));
    let tap = tokio::spawn(between(theirs, server, session, Arc::clone(scene)));
    let mut config = tokio_postgres::Config::new();
    config.user("postgres").dbname("postgres");
    let (client, connection) = config.connect_raw(ours, NoTls).await.unwrap();
    tokio::spawn(connection);
    (client, tap)
}

#[tokio::test]
async fn binary_values_transactions_and_copies() {
    let Some(scene) = Scene::start("session::driver::binary_values_transactions_and_copies") else { return };
    let scene = Arc::new(scene);
    let (mut client, tap) = connect(&scene).await;
    let insert = client.prepare("INSERT INTO patients (id, ssn, note, age) VALUES ($1, $2, $3, $4)").await.unwrap();
    assert_eq!(insert.params(), [Type::INT4, Type::TEXT, Type::TEXT, Type::INT4]);
    let none: Option<&str> = None;
    // Sent together, as futures that wait for each other.
    let values: Vec<String> = (0..20).map(|number| format!("canary-{number}")).collect();
    let ids: Vec<i32> = (0..20).collect();
    for (id, value) in ids.iter().zip(&values) {
        assert_eq!(client.execute(&insert, &[id, value, &none, &41_i32]).await.unwrap(), 1);
    }
    let row = client.query_one("SELECT ssn, note, age FROM patients WHERE ssn = $1", &[&"canary-7"]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "canary-7");
    assert_eq!(row.get::<_, Option<String>>(1), None);
    assert_eq!(row.get::<_, i32>(2), 41);
    assert_eq!(row.columns()[2].type_(), &Type::INT4);
    let wanted = vec!["canary-3", "canary-5"];
    let some = client.query("SELECT id FROM patients WHERE ssn = ANY($1) ORDER BY id", &[&wanted]).await.unwrap();
    assert_eq!(some.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>(), [3, 5]);
    let types = [Type::INT2, Type::VARCHAR];
    let typed = client.prepare_typed("UPDATE patients SET age = $1 WHERE ssn = $2", &types).await.unwrap();
    assert_eq!(client.execute(&typed, &[&7_i16, &"canary-3"]).await.unwrap(), 1);

    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("SELECT ssn FROM patients ORDER BY id", &[]).await.unwrap();
    let first = transaction.query_portal(&portal, 2).await.unwrap();
    assert_eq!(first.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>(), ["canary-0", "canary-1"]);
    let failed = transaction.execute("UPDATE patients SET code = $1", &[&"canary-too-long"]).await.unwrap_err();
    assert_eq!(failed.code().unwrap().code(), "22001");
    transaction.rollback().await.unwrap();

    let text = client.simple_query("SELECT age FROM patients WHERE ssn = 'canary-3'").await.unwrap();
    let ages: Vec<_> = text
        .iter()
        .filter_map(|message| if let SimpleQueryMessage::Row(row) = message { row.get(0) } else { None })
        .collect();
    assert_eq!(ages, ["7"]);
    // Many at once, pipelined by the driver.
    let client = Arc::new(client);
    let mut waiting = Vec::new();
    for number in 0..20 {
        let client = Arc::clone(&client);
        waiting.push(tokio::spawn(async move {
            let value = format!("canary-{number}");
            let row = client.query_one("SELECT id, ssn FROM patients WHERE ssn = $1", &[&value]).await.unwrap();
            assert_eq!((row.get::<_, i32>(0), row.get::<_, String>(1)), (number, value));
        }));
    }
    for task in waiting {
        task.await.unwrap();
    }
    drop(client);
    let tap = tap.await.unwrap();
    assert!(!super::scene::contains(&tap, "canary-"));
    assert!(!scene.postgres.log().contains("canary-"));
}
