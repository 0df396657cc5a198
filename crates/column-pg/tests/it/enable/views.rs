//! Views over columns that are encrypted: made again with all they have, or the run says at once why not.

use strongroom_column_pg::enable::EnableError;

use super::scene::Scene;

const TABLES: &str = r#"
create role reader; create role writer; create role keeper;
create schema app; grant usage, create on schema app to keeper;
create table app.people (id int primary key, ssn text not null, note text, country text);
insert into app.people select i, 'ssn-' || i, 'note ' || i, 'c' || i % 5 from generate_series(1, 500) i;
grant select, update on app.people to keeper;
create view app."All People" with (security_barrier = true, check_option = local) as select ssn, id, note from app.people where id > 0;
create view app.twice as select a.ssn as first, b.ssn as second, a.country from app.people a join app."All People" b on a.ssn = b.ssn;
create view app.numbers as select count(*), max(id) from app.people;
create view app.of_writer as select id, ssn from app.twice t join app.people p on p.ssn = t.second;
alter view app.of_writer owner to keeper;
comment on view app.twice is 'it''s here \ twice';
comment on column app."All People".ssn is 'the number';
grant select on app."All People" to reader with grant option;
grant update (note) on app."All People" to writer;
grant all on app.of_writer to public;
revoke all on app.twice from postgres;
alter default privileges in schema app grant delete on tables to writer;
"#;

/// All that a dump knows of the views.
fn dump(scene: &Scene) -> Vec<String> {
    let words = ["--schema-only", "--schema=app", "app"];
    let output = scene.postgres.command("pg_dump").args(words).output().unwrap().stdout;
    let text = String::from_utf8(output).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.retain(|line| !line.is_empty() && !line.starts_with("--") && !line.contains("restrict"));
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_as_they_were() {
    let Some(scene) = Scene::new("views_are_as_they_were", TABLES).await else { return };
    let before = dump(&scene);
    let numbers = scene.sql("select 'app.numbers'::regclass::oid");
    scene.enable(&["app.people.ssn:deterministic", "app.people.note:randomized"]).await.unwrap();
    // Everything but the types of the table's columns, their order, and by which operator cells are compared.
    let is_of_table = |line: &&String| {
        let line = line.trim();
        ["ssn ", "note ", "country ", "id integer", "JOIN "].iter().any(|word| line.starts_with(word))
    };
    let of_views = |lines: &[String]| lines.iter().filter(|line| !is_of_table(line)).cloned().collect::<Vec<_>>();
    assert_eq!(of_views(&dump(&scene)), of_views(&before));
    // One that shows nothing of it was left alone.
    assert_eq!(scene.sql("select 'app.numbers'::regclass::oid"), numbers);
    let encrypted = "select string_agg(attrelid::regclass || '.' || attname, ' ' order by 1)
        from (select attrelid, attname from pg_attribute where atttypid in (select oid from pg_type where typnamespace = 'strongroom'::regnamespace)
              and attrelid in (select oid from pg_class where relkind = 'v') order by attrelid::regclass::text, attnum) a";
    assert_eq!(
        scene.sql(encrypted),
        "app.\"All People\".ssn app.\"All People\".note app.of_writer.ssn app.twice.first app.twice.second"
    );
    assert_eq!(scene.sql("select count(*) from app.twice"), "500");
    // On the way back what compares cells is in the way, and said to be before anything is done.
    let columns = ["app.people.ssn", "app.people.note"];
    let error = scene.disable(&columns).await.unwrap_err();
    assert!(error.to_string().contains("view \"app\".\"of_writer\", \"app\".\"twice\" cannot"), "{error}");
    let twice = "create view app.twice as select a.ssn as first, b.ssn as second from app.people a join app.\"All People\" b on a.ssn = b.ssn";
    scene.sql("drop view app.of_writer, app.twice");
    scene.disable(&columns).await.unwrap();
    scene.sql(twice);
    let kept: Vec<String> = of_views(&before).into_iter().filter(|line| line.contains("All People")).collect();
    assert!(kept.len() > 4 && kept.iter().all(|line| dump(&scene).contains(line)), "{kept:?}");
    assert_eq!(scene.sql("select first, second from app.twice where first = 'ssn-7'"), "ssn-7|ssn-7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_cannot_be_over_cells_is_said_before_the_table_is_filled() {
    let test = "a_view_that_cannot_be_over_cells_is_said_before_the_table_is_filled";
    let script = "create table public.t (id int primary key, a text); insert into public.t select i, 'v' || i from generate_series(1, 300) i;
                  create view public.inner as select id, a as b, 7::text as seven from public.t";
    let Some(scene) = Scene::new(test, script).await else { return };
    // What PostgreSQL does not know of cells, and what it knows too well: it would show the text of a cell.
    let impossible = [
        ("select id, upper(b) from public.inner", "upper"),
        ("select id, b || '!' from public.inner", "text would be made"),
        ("select id, b::varchar(3) from public.inner", "text would be made"),
        ("select id, coalesce(b, b)::varchar(9) from public.inner", "text would be made"),
        ("select id, concat(seven, b) from public.inner", "text would be made"),
        ("select id, json_build_object('b', b)::text from public.inner", "text would be made"),
        ("select id, b = 'v7' from public.inner", "operator does not exist"),
        ("with s as (select id, b as x from public.inner) select id, x::varchar(8) from s", "text would be made"),
        (
            "with s as (select id, a as x from public.t) select id, x || seven from s join public.inner using (id)",
            "text would be made",
        ),
        ("select x as id, concat(y, 'a') from public.inner i(x, y)", "text would be made"),
        ("select id, array_to_string(array_agg(b), ',') from public.inner group by id", "text would be made"),
        ("select id, to_json(array_agg(b))::text from public.inner group by id", "text would be made"),
        ("select 7 as id, json_agg(x)::text from (select b from public.inner where id < 3) x", "text would be made"),
        ("select id, row(b, id)::text from public.inner", "text would be made"),
        ("select id, row_to_json(t)::text from public.t", "text would be made"),
        ("select id, t::text from public.t", "text would be made"),
        ("select id, xmlforest(a)::text from public.t", "text would be made"),
        (
            "select id, (select i.b from public.inner i where i.id = t.id)::varchar(9) from public.t",
            "text would be made",
        ),
        (
            "select 7 as id, b, count(distinct id) from public.inner group by b having min(id) = 7",
            "could not implement",
        ),
    ];
    for (body, why) in impossible {
        scene.sql(&format!("create view shown as {body}"));
        let before = scene.sql("select * from shown where id = 7");
        let done = scene.enable(&["public.t.a:deterministic"]).await;
        let Err(EnableError::State { what, fix }) = &done else { panic!("{body}: {done:?}") };
        assert!(what.contains("\"public\".\"shown\"") && what.contains(why), "{body}: {what}");
        assert!(fix.contains("change or drop the view"), "{fix}");
        // Nothing was begun, and the view still answers.
        let begun = "select (select count(*) from pg_attribute where attname = 'a__strongroom'), (select count(*) from strongroom.migration_job)";
        assert_eq!(scene.sql(begun), "0|0");
        assert_eq!(scene.sql("select * from shown where id = 7"), before);
        scene.sql("drop view shown");
    }
    let quiet = "create view quiet as select b, seven || '!' as seven, count(b), (case when b is null then 0 else 1 end)::text as there,
        max(id)::text as most, array_agg(b) as all, (select i.b from public.inner i where i.id = 7) as one
        from public.inner where b is not null group by 1, 2 having count(*) < 10";
    scene.sql(quiet);
    scene.enable(&["public.t.a:deterministic"]).await.unwrap();
    assert_eq!(scene.sql("select count(*), min(octet_length(b::bytea)), min(seven) from quiet"), "300|65|7!");
}
