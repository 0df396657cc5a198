//! Five hundred rows of another system, and who looks for their values in files.

use strongroom_engine::rule::Refusal;
use strongroom_engine::secret::{IMPORT_ROWS, Import, ImportRow, Imported};
use strongroom_keeper::Keeper;
use strongroom_secret::SecretBytes;

use crate::site::{Image, admin, value};

/// How many rows there are.
pub const ROWS: usize = 500;
/// What every value begins with.
const MARK: &str = "canary-of-the-old-system-";

/// The value of a row; each tenth is long, so that it does not fit on one page of the store's file.
pub fn canary(number: usize) -> Vec<u8> {
    let mut value = format!("{MARK}{number:04}").into_bytes();
    if number.is_multiple_of(10) {
        value.resize(9000, b'.');
    }
    value
}

/// Every third was encrypted by the other system, every fifth has metadata.
pub fn row(number: usize) -> ImportRow {
    let metadata = if number.is_multiple_of(5) { metadata(number) } else { Vec::new() };
    ImportRow {
        name: format!("import/{number}"),
        value: SecretBytes::from_slice(&canary(number)),
        already_encrypted: number.is_multiple_of(3),
        metadata,
    }
}

pub fn metadata(number: usize) -> Vec<(String, String)> {
    vec![("account".into(), format!("ftp-{number}")), ("system".into(), "the old one".into())]
}

/// One request.
pub async fn import(keeper: &Keeper, rows: Vec<ImportRow>, clear: bool) -> Vec<Result<Imported, Refusal>> {
    keeper.execute(admin(), Import { rows, clear, default_keep: 10 }).await.unwrap().rows
}

/// All rows, in requests as large as they may be.
pub async fn import_all(keeper: &Keeper, clear: bool) -> Vec<Result<Imported, Refusal>> {
    let mut outcomes = Vec::new();
    for begin in (0..ROWS).step_by(IMPORT_ROWS) {
        let rows = (begin..ROWS.min(begin + IMPORT_ROWS)).map(row).collect();
        outcomes.extend(import(keeper, rows, clear).await);
    }
    outcomes
}

/// Every row is served with its value.
pub async fn assert_all(keeper: &Keeper) {
    for number in 0..ROWS {
        assert_eq!(value(keeper, &row(number).name).await, canary(number), "row {number}");
    }
}

/// How many values the server says have no layer of an application key.
pub fn unprotected(keeper: &Keeper) -> u64 {
    keeper.status().unprotected
}

/// What every value begins with, in the forms in which it could have been written down.
pub struct Canaries(Vec<Vec<u8>>);

impl Canaries {
    pub fn new() -> Self {
        use base64::Engine as _;
        let bytes = MARK.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut forms = vec![bytes.to_vec(), hex.into_bytes()];
        // Base64 of a text inside a longer one depends on where it begins.
        for skipped in 0..3 {
            let whole = &bytes[skipped..skipped + (bytes.len() - skipped) / 3 * 3];
            forms.push(base64::engine::general_purpose::STANDARD_NO_PAD.encode(whole).into_bytes());
        }
        Self(forms)
    }

    /// The files that hold one.
    pub fn holders(&self, image: &Image) -> Vec<String> {
        holders(image, &self.0)
    }
}

/// The files that hold one of these bytes, every form of which is at least 16 bytes long and is looked for as it is.
pub fn holders(image: &Image, wanted: &[Vec<u8>]) -> Vec<String> {
    const BEGIN: usize = 16;
    let begins: std::collections::HashMap<&[u8], Vec<&[u8]>> =
        wanted.iter().fold(std::collections::HashMap::new(), |mut begins, form| {
            begins.entry(&form[..BEGIN]).or_insert_with(Vec::new).push(form);
            begins
        });
    let holds = |file: &[u8]| {
        file.windows(BEGIN).enumerate().any(|(at, window)| {
            begins.get(window).is_some_and(|forms| forms.iter().any(|form| file[at..].starts_with(form)))
        })
    };
    image.0.iter().filter(|(_, (_, file))| holds(file)).map(|(path, _)| path.display().to_string()).collect()
}
