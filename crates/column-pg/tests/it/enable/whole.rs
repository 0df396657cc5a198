//! The whole way there and back: every supported type, indexes, constraints, rights, comments.

use strongroom_column::cell::CellNotOpened;
use strongroom_column_pg::catalogue::Loader;
use strongroom_column_pg::enable::Direction;

use super::scene::{Scene, options};

const PATIENTS: &str = "
create role clerk;
create table public.patients (
  id int primary key, ssn varchar(11) not null unique, note text, born date, weight numeric(6,2), data jsonb, name text not null);
create index by_born on public.patients (born, name desc);
create index by_note on public.patients (note);
comment on column public.patients.ssn is 'it''s secret';
grant select (ssn) on public.patients to clerk;
insert into public.patients
select i, lpad(i::text, 11, '0'), case when i % 7 = 0 then null else 'note ' || i || repeat('x', i % 300) end,
       date '1920-01-01' + i % 30000, i % 1000 + 0.25, jsonb_build_object('i', i), 'name ' || i
  from generate_series(1, 5000) i;
";

const ALL: &str = "select id, ssn, note, born, weight, data, name from public.patients order by id";

const COLUMNS: &[&str] = &[
    "public.patients.ssn:deterministic",
    "public.patients.note:randomized",
    "public.patients.born:deterministic",
    "public.patients.weight:randomized",
    "public.patients.data:randomized",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_encrypted_and_decrypted_again() {
    let Some(scene) = Scene::new("a_table_is_encrypted_and_decrypted_again", PATIENTS).await else { return };
    let before = scene.sql(ALL);
    let outcome = scene.enable(COLUMNS).await.unwrap();
    assert_eq!(outcome.tables.len(), 1);
    assert_eq!(outcome.tables[0].rows, 5000);
    // Every value but the nulls among the notes.
    assert_eq!(outcome.tables[0].verified, 5 * 5000 - 714);
    assert!(outcome.left.iter().any(|line| line.contains("write-ahead log")));

    let client = scene.client().await;
    let catalogue = Loader::new(scene.keys.public()).load(&client).await.unwrap();
    assert_eq!(catalogue.refused(), None);
    assert!(catalogue.sensitive("patients") && !catalogue.sensitive("visits"));
    let columns = catalogue.columns_of(Some("public"), "patients").unwrap();
    let class = |name: &str| columns.iter().find(|(column, _)| column == name).unwrap().1.clone().unwrap();
    assert_eq!(class("weight").class.plain.word(), "numeric(6,2)");

    // The cells open to the values, with the keys of their columns and no others.
    let key = |name: &str| scene.keys.cell_key(&catalogue.key(&class(name).key).unwrap().check);
    let row = client.query_one("select ssn::bytea, note::bytea from patients where id = 3", &[]).await.unwrap();
    let (ssn, note): (Vec<u8>, Vec<u8>) = (row.get(0), row.get(1));
    let mut plain = Vec::new();
    key("ssn").open(&ssn, &mut plain).unwrap();
    assert_eq!(plain, b"00000000003");
    plain.clear();
    key("note").open(&note, &mut plain).unwrap();
    assert_eq!(plain, b"note 3xxx");
    assert!(matches!(key("note").open(&ssn, &mut plain), Err(CellNotOpened { .. })));

    // What the columns had, they have.
    let facts = "select attname, attnotnull, format_type(atttypid, -1) like 'strongroom.%' from pg_attribute
                 where attrelid = 'public.patients'::regclass and attnum > 0 and not attisdropped order by 1";
    assert_eq!(scene.sql(facts), "born|f|t\ndata|f|t\nid|t|f\nname|t|f\nnote|f|t\nssn|t|t\nweight|f|t");
    let indexes = "select indexname from pg_indexes where tablename = 'patients' order by 1";
    assert_eq!(scene.sql(indexes), "by_born\npatients_pkey\npatients_ssn_key");
    assert_eq!(scene.sql("select conname, contype from pg_constraint where conrelid = 'patients'::regclass and contype <> 'n' order by 1"), "patients_pkey|p\npatients_ssn_key|u");
    assert_eq!(scene.sql("select col_description('patients'::regclass, attnum) from pg_attribute where attrelid = 'patients'::regclass and attname = 'ssn'"), "it's secret");
    assert_eq!(scene.sql("select has_column_privilege('clerk', 'patients', 'ssn', 'select')"), "t");
    let plan = scene.sql("set enable_seqscan = off; prepare q as select id from patients where ssn = $1; set plan_cache_mode = force_generic_plan; explain execute q (null)");
    assert!(plan.contains("Index Scan using patients_ssn_key"), "{plan}");
    assert_eq!(scene.sql("select count(*), count(finished), min(phase) from strongroom.migration_job"), "5|5|done");

    // Again there is nothing to do; and back.
    let again = scene.enable(COLUMNS).await.unwrap();
    assert_eq!((again.tables.len(), again.already.len()), (0, 5));
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.split(':').next().unwrap()).collect();
    let outcome = scene.disable(&names).await.unwrap();
    assert_eq!(outcome.tables[0].rows, 5000);
    assert_eq!(scene.sql(ALL), before);
    assert_eq!(scene.sql(indexes), "by_born\npatients_pkey\npatients_ssn_key");
    let types = "select string_agg(format_type(atttypid, atttypmod) || case when attnotnull then '!' else '' end, ' ' order by attname)
                 from pg_attribute where attrelid = 'public.patients'::regclass and attnum > 0 and not attisdropped";
    assert_eq!(scene.sql(types), "date jsonb integer! text! text character varying(11)! numeric(6,2)");
    let catalogue = Loader::new(scene.keys.public()).load(&client).await.unwrap();
    assert_eq!(catalogue.refused(), None);
    // Set up, begun, swapped; and swapped back.
    assert_eq!(catalogue.sequence(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clear_column_that_is_kept_takes_nothing_new() {
    let script = "create table public.t (id int, secret text not null, other text);
                  create unique index on public.t (secret);
                  insert into public.t select i, 's' || i from generate_series(1, 200) i";
    let Some(scene) = Scene::new("a_clear_column_that_is_kept_takes_nothing_new", script).await else { return };
    let mut options = options(Direction::Enable);
    options.keep_plain = true;
    scene.run(&["public.t.secret:deterministic"], &options).await.unwrap();
    assert_eq!(scene.sql("select count(secret__plain), count(secret) from t"), "200|200");
    // By position, as applications write that do not name their columns.
    let refused = scene.postgres.psql("app", "insert into t values (1, 'clear')").unwrap_err();
    assert!(refused.contains("takes nothing new"), "{refused}");
    let refused = scene.postgres.psql("app", "update t set secret__plain = 'clear' where id = 1").unwrap_err();
    assert!(refused.contains("takes nothing new"), "{refused}");
    assert!(scene.postgres.psql("app", "insert into t (id, secret) values (1, 'clear')").is_err());
    scene.sql("update t set other = 'x' where id = 1; delete from t where id = 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_renamed_or_dropped_on_purpose_are_listed_anew() {
    let script = "create table public.a (id int primary key, secret text); create table public.b (id int, other text, more text);
                  insert into public.a select i, 's' || i from generate_series(1, 200) i";
    let test = "tables_that_are_renamed_or_dropped_on_purpose_are_listed_anew";
    let Some(scene) = Scene::new(test, script).await else { return };
    scene.enable(&["public.a.secret:deterministic", "public.b.other:randomized"]).await.unwrap();
    let loader = Loader::new(scene.keys.public());
    let client = scene.client().await;
    scene.sql("alter table a rename to c; alter table c rename secret to hidden; drop table b cascade; create table b (more text)");
    assert!(loader.load(&client).await.unwrap().refused().is_some());
    // Nothing else is signed meanwhile.
    let error = scene.enable(&["public.b.more:randomized"]).await.unwrap_err();
    assert!(
        error.to_string().contains("not as the signed manifest says") && error.fix().contains("column disable"),
        "{error}"
    );
    let gone = scene.disable(&["public.a.secret", "public.b.other"]).await.unwrap();
    assert_eq!(gone.relisted.len(), 2);
    let found = scene.enable(&["public.c.hidden:deterministic"]).await.unwrap();
    assert_eq!(found.relisted, ["public.c.hidden was encrypted already, and is on the manifest now"]);
    let newest = scene.sql("select document from strongroom.manifest order by sequence desc limit 1");
    assert!(newest.contains(r#""reordered":[{"schema":"public","table":"c"}]"#), "{newest}");
    let catalogue = loader.load(&client).await.unwrap();
    assert_eq!(catalogue.refused(), None);
    assert!(catalogue.columns_of(Some("public"), "c").unwrap()[1].1.is_some());
    scene.enable(&["public.b.more:randomized"]).await.unwrap();
    scene.disable(&["public.c.hidden"]).await.unwrap();
    assert_eq!(scene.sql("select count(distinct hidden), max(hidden) from c"), "200|s99");
    // What is neither there nor listed is an error.
    assert!(scene.disable(&["public.a.none"]).await.is_err());
}
