//! Values and names that must not be found where they do not belong (B48, B64).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use strongroom_engine::policy::Role;
use strongroom_engine::secret::{Delete, Rename};
use strongroom_engine::token::Issue;

use crate::rows::{Rows, flipped};
use crate::site::{Image, Site, admin, get, name, put, retrying};

const VALUES: [&str; 3] = ["canary-value-alpha-4711", "canary-value-bravo-4712", "canary-value-charlie-4713"];
const NAMES: [&str; 3] = ["canary-name-delta/one", "canary-name-echo/two", "canary-name-foxtrot/three"];
const DESCRIPTION: &str = "canary-description-golf";

/// The forms in which a text could have been written down. Base64 of a text inside a longer one depends on where it begins, so
/// the part of each of the three that does not is looked for.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    forms.push(STANDARD.encode(bytes).into_bytes());
    for skipped in 0..3 {
        let whole = &bytes[skipped..skipped + (bytes.len() - skipped) / 3 * 3];
        forms.push(STANDARD_NO_PAD.encode(whole).into_bytes());
        forms.push(URL_SAFE_NO_PAD.encode(whole).into_bytes());
    }
    forms.push(bytes.iter().flat_map(|byte| [*byte, 0]).collect());
    forms
}

pub fn holders(image: &Image, text: &str) -> Vec<String> {
    let forms = forms(text);
    let holds = |file: &[u8]| forms.iter().any(|form| file.windows(form.len()).any(|window| window == form.as_slice()));
    image.0.iter().filter(|(_, (_, file))| holds(file)).map(|(path, _)| path.display().to_string()).collect()
}

fn assert_hidden(site: &Site, token: &str) {
    let image = site.image();
    let told = site.events.text();
    for value in VALUES.into_iter().chain([token]) {
        assert_eq!(holders(&image, value), Vec::<String>::new(), "{value}");
        assert!(!told.contains(value), "{told}");
    }
    for hidden in NAMES.into_iter().chain([DESCRIPTION]) {
        let shown: Vec<String> = holders(&image, hidden);
        assert!(shown.iter().all(|path| path.starts_with("audit/")), "{hidden} in {shown:?}");
        assert!(!told.contains(hidden), "{told}");
    }
}

#[tokio::test]
async fn no_value_is_written_in_clear_and_no_name_into_the_store() {
    let site = Site::new();
    let keeper = site.start();
    for (text, value) in NAMES.into_iter().zip(VALUES) {
        put(&keeper, text, value.as_bytes()).await.unwrap();
    }
    let mut operation = crate::site::put_operation(NAMES[0], VALUES[1].as_bytes());
    operation.expected_version = Some(7);
    assert!(keeper.execute(retrying(VALUES[2], 1), operation).await.is_err());
    keeper.execute(retrying("key", 1), crate::site::put_operation(NAMES[0], VALUES[1].as_bytes())).await.unwrap();
    let to = strongroom_engine::name::Name::parse("other").unwrap();
    keeper.execute(admin(), Rename { selector: name(NAMES[1]), to }).await.unwrap();
    keeper.execute(admin(), Delete { selector: name(NAMES[2]), expected_version: None }).await.unwrap();
    let issue = Issue { role: Role::Read, expires_in_milliseconds: 60_000, description: Some(DESCRIPTION.into()) };
    let token = keeper.execute(admin(), issue).await.unwrap().token.expose().to_owned();
    assert_hidden(&site, &token);
    // A damaged record is named by its id.
    let rows = Rows::open(&site);
    let id = get(&keeper, NAMES[0]).await.unwrap().id;
    let head = strongroom_envelope::RecordKey::new(strongroom_envelope::RecordKind::Secret, id).to_bytes();
    rows.put_all(&[flipped(&(head.to_vec(), rows.get(&head).unwrap()), 60, 1)]);
    assert!(get(&keeper, NAMES[0]).await.is_err());
    keeper.verify(admin()).await.unwrap();
    assert!(site.events.text().contains("secret/"));
    assert_hidden(&site, &token);
    keeper.stop();
    drop(keeper);
    let (keeper, report) = site.open().unwrap();
    let told: String = report.alarms.iter().map(|alarm| format!("{} {}", alarm.message, alarm.fix)).collect();
    assert!(NAMES.iter().chain(&VALUES).all(|hidden| !told.contains(hidden)));
    assert_hidden(&site, &token);
    keeper.stop();
}
