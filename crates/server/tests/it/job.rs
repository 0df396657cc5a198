//! Jobs over the wire: what the server works on can be listed, watched, paused and resumed, by those who may, and over a start.

use serde_json::json;
use strongroom_api::Code;
use strongroom_api::job::{Job, ListRequest, PauseRequest, ResumeRequest, ShowRequest};
use strongroom_api::key::RotateRequest;
use strongroom_api::token::Role;
use strongroom_client::Client;
use strongroom_secret::SecretBytes;

use crate::key::ask;
use crate::raw::socket;
use crate::site::Site;

async fn filled(client: &Client, secrets: usize) {
    for number in 0..secrets {
        client.secret_put(&format!("s/{number}"), SecretBytes::from_slice(b"x")).await.unwrap();
    }
}

async fn rotated(client: &Client, rate: Option<u32>) -> String {
    let request = RotateRequest { name: "secrets".into(), no_reencrypt: false, expected_version: None, rate };
    client.call(&request).await.unwrap().job.unwrap()
}

async fn shown(client: &Client, id: &str) -> Job {
    client.call(&ShowRequest { id: id.to_owned() }).await.unwrap()
}

/// The job when it does not run any more.
async fn over(client: &Client, id: &str) -> Job {
    loop {
        let job = shown(client, id).await;
        if job.state != "running" {
            return job;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_job_from_beginning_to_end() {
    let site = Site::new().await;
    let client = site.local().await;
    assert_eq!(client.call(&ListRequest {}).await.unwrap().jobs, Vec::new());
    filled(&client, 250).await;
    let id = rotated(&client, Some(100)).await;
    let paused = client.call(&PauseRequest { id: id.clone() }).await.unwrap();
    assert_eq!((paused.kind.as_str(), paused.key.as_str(), paused.key_version), ("reencrypt", "secrets", 2));
    assert_eq!((paused.state.as_str(), paused.total, paused.rate), ("paused", 250, Some(100)));
    assert!(paused.done < 250, "{paused:?}");
    // What was on its way when it was paused is still done: the list lies between two looks that say the same.
    let mut later = shown(&client, &id).await;
    loop {
        let listed = client.call(&ListRequest {}).await.unwrap().jobs;
        let before = std::mem::replace(&mut later, shown(&client, &id).await);
        if before == later {
            assert_eq!(listed, [later]);
            break;
        }
    }

    let folders = site.stop().await;
    let site = folders.start().await;
    let client = site.local().await;
    let still = shown(&client, &id).await;
    assert!(still.state == "paused" && still.done < 250, "{still:?}");
    assert_eq!(client.call(&ResumeRequest { id: id.clone() }).await.unwrap().state, "running");
    let done = over(&client, &id).await;
    assert_eq!((done.state.as_str(), done.done, done.total), ("done", 250, 250));
    for number in 0..250 {
        assert_eq!(client.secret_get(&format!("s/{number}")).await.unwrap().value.expose(), b"x");
    }
    for again in [client.call(&ResumeRequest { id: id.clone() }).await, client.call(&PauseRequest { id }).await] {
        assert_eq!(again.unwrap_err().code(), Some(Code::Invalid));
    }
    site.stop().await;
}

#[tokio::test]
async fn jobs_that_are_none() {
    let site = Site::new().await;
    let mut stream = socket(&site.folders.data()).await;
    for word in ["job.show", "job.pause", "job.resume"] {
        let missing = ask(&mut stream, word, &json!({"id": "01980c3e-2b6a-7c1d-9f00-5a3d1c2b4e6f"})).await;
        assert_eq!((missing.status, missing.code().as_str()), (404, "not_found"), "{word}");
        for wrong in [json!({"id": "secrets"}), json!({"id": ""}), json!({"id": "../x"})] {
            let reply = ask(&mut stream, word, &wrong).await;
            assert_eq!((reply.status, reply.code().as_str()), (400, "invalid"), "{word} {wrong}");
        }
    }
    site.stop().await;
}

/// Who reads and changes secrets neither sees nor steers jobs.
#[tokio::test]
async fn only_administrators_steer() {
    let site = Site::new().await;
    let admin = site.local().await;
    filled(&admin, 5).await;
    let id = rotated(&admin, None).await;
    for role in [Role::Read, Role::Data] {
        let client = site.remote(&site.token(role).await).await.unwrap();
        assert_eq!(client.call(&ListRequest {}).await.unwrap_err().code(), Some(Code::Denied));
        assert_eq!(client.call(&ShowRequest { id: id.clone() }).await.unwrap_err().code(), Some(Code::Denied));
        assert_eq!(client.call(&PauseRequest { id: id.clone() }).await.unwrap_err().code(), Some(Code::Denied));
        assert_eq!(client.call(&ResumeRequest { id: id.clone() }).await.unwrap_err().code(), Some(Code::Denied));
    }
    assert_eq!(over(&admin, &id).await.state, "done");
    site.stop().await;
}
