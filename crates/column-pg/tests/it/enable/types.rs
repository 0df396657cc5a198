//! Every type that can be encrypted comes back as PostgreSQL had it, text for text.

use strongroom_column_pg::enable::Direction;

use super::scene::{Scene, options};

const TYPES: &[(&str, &str, &[&str])] = &[
    ("bool", "boolean", &["true", "false"]),
    ("i2", "smallint", &["-32768", "0", "32767"]),
    ("i4", "integer", &["-2147483648", "7", "2147483647"]),
    ("i8", "bigint", &["-9223372036854775808", "9223372036854775807"]),
    ("f4", "real", &["0.1", "-3.4028235e38", "1e-45"]),
    ("f8", "double precision", &["0.1", "1.7976931348623157e308", "5e-324"]),
    ("n", "numeric(12,3)", &["-123456789.125", "0", "999999999.999"]),
    ("n38", "numeric(38,0)", &["99999999999999999999999999999999999999", "-1"]),
    ("t", "text", &["", "Grüße 🔑", "a\\b\"c", "o'neill"]),
    ("v", "varchar", &["x", "  blanks  "]),
    ("v5", "character varying(5)", &["12345", "äöüßé"]),
    ("c5", "character(5)", &["ab", "abcde"]),
    ("b", "bytea", &["", "\\x00ff10"]),
    ("u", "uuid", &["00112233-4455-6677-8899-aabbccddeeff"]),
    ("d", "date", &["0001-01-01", "2000-02-29", "9999-12-31"]),
    ("tm", "time", &["00:00:00", "23:59:59.999999"]),
    ("tm3", "time(3) without time zone", &["12:34:56.789"]),
    ("ts", "timestamp", &["1969-12-31 23:59:59.999999", "2024-02-29 12:00:00"]),
    ("tz", "timestamp(2) with time zone", &["2024-02-29 12:00:00.25+05:30"]),
    ("j", "json", &["{\"a\" :  1}", "null"]),
    ("jb", "jsonb", &["{\"a\": 1, \"b\": [true, null]}", "\"x\""]),
    ("x", "xml", &["<a>b</a>"]),
    ("ip", "inet", &["192.168.0.1/24", "::1"]),
    ("ci", "cidr", &["10.0.0.0/8"]),
    ("iv", "interval", &["1 year 2 mons -3 days 04:05:06.7", "00:00:00"]),
    ("e", "public.mood", &["happy", "sad"]),
];

fn script() -> String {
    let columns: Vec<String> = TYPES.iter().map(|(name, kind, _)| format!("{name} {kind}")).collect();
    let mut script = format!(
        "create type public.mood as enum ('happy', 'sad'); create table public.t (id serial primary key, {});\n",
        columns.join(", ")
    );
    for (name, _, values) in TYPES {
        for value in *values {
            script.push_str(&format!("insert into public.t ({name}) values ('{}');\n", value.replace('\'', "''")));
        }
    }
    script
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_goes_there_and_back() {
    let Some(scene) = Scene::new("every_type_goes_there_and_back", &script()).await else { return };
    let names: Vec<&str> = TYPES.iter().map(|(name, ..)| *name).collect();
    let all = format!("select id, {} from t order by id", names.join(", "));
    let kinds = "select attname, format_type(atttypid, atttypmod) from pg_attribute
                 where attrelid = 't'::regclass and attnum > 0 and not attisdropped order by 1";
    let (before, kinds_before) = (scene.sql(&all), scene.sql(kinds));
    for mode in ["deterministic", "randomized"] {
        let only_randomized = |name: &str| ["j", "jb", "x", "ip", "ci", "iv", "e"].contains(&name);
        let chosen = names.iter().filter(|name| mode == "randomized" || !only_randomized(name));
        let columns: Vec<String> = chosen.map(|name| format!("public.t.{name}:{mode}")).collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut how = options(Direction::Enable);
        how.accept_frequency_leakage = true;
        scene.run(&columns, &how).await.unwrap();
        let cells: Vec<String> = names.iter().map(|name| format!("count({name})")).collect();
        let filled = scene.sql(&format!("select {} from t", cells.join(", ")));
        let expected: Vec<String> = TYPES.iter().map(|(_, _, values)| values.len().to_string()).collect();
        assert_eq!(filled, expected.join("|"));
        scene.run(&columns, &options(Direction::Disable)).await.unwrap();
        assert_eq!(scene.sql(&all), before, "{mode}");
        assert_eq!(scene.sql(kinds), kinds_before, "{mode}");
    }
}
