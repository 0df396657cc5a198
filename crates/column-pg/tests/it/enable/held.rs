//! A transaction that holds the table: nobody waits long behind the run, and the run gets through when it ends.

use std::sync::Arc;

use super::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_held_is_tried_again_and_others_are_let_through() {
    let test = "a_table_that_is_held_is_tried_again_and_others_are_let_through";
    let script = "create table public.t (id int primary key, secret text not null);
                  insert into public.t select i, 's' || i from generate_series(1, 500) i";
    let Some(scene) = Scene::new(test, script).await else { return };
    let scene = Arc::new(scene);
    let (holder, other) = (scene.client().await, scene.client().await);
    holder.batch_execute("begin; select count(*) from t").await.unwrap();
    let run = tokio::spawn({
        let scene = Arc::clone(&scene);
        async move { scene.enable(&["public.t.secret:randomized"]).await }
    });
    // The run waits for the holder; who comes after it waits until it gives up for a moment, and then is through.
    let waits = "select count(*)::int from pg_locks where not granted and relation = 't'::regclass";
    while other.query_one(waits, &[]).await.unwrap().get::<_, i32>(0) == 0 {}
    let seen = other.query_one("select count(*)::int from t", &[]).await.unwrap();
    assert_eq!(seen.get::<_, i32>(0), 500);
    assert!(!run.is_finished());
    holder.batch_execute("commit").await.unwrap();
    run.await.unwrap().unwrap();
    assert_eq!(scene.sql("select count(*) from t where secret::bytea is not null"), "500");
}
