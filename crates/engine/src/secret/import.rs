//! `secret.import`: many secrets from another system; one that is there already with the same value is left as it is.

use strongroom_envelope::value::{self, Purpose};
use strongroom_envelope::{Id, RecordKind, body};
use strongroom_secret::SecretBytes;

use super::body::{Provider, SecretBody, SecretVersionBody, VersionEntry};
use super::find::{Found, find};
use super::get::{open, version_record};
use super::put::{head_change, place};
use super::{KEY_NAME, VALUE_BYTES};
use crate::name::{Name, Selector};
use crate::policy::{Action, Object};
use crate::rule::{Change, Done, Facts, KeyChoice, NameChange, Operation, Refusal, Reply, Stop};

/// The most rows of one request: each is two changes of one commit.
pub const IMPORT_ROWS: usize = 29;
/// The most pairs of metadata of a secret.
pub const METADATA_PAIRS: usize = 16;
/// The most bytes of a name and of a text in them.
pub const METADATA_BYTES: usize = 256;
/// The most bytes of all values, unless there is one only.
const TOTAL_BYTES: usize = 768 << 10;

/// Takes rows over.
#[derive(Debug)]
pub struct Import {
    /// The rows; one that cannot be taken over does not fail the others.
    pub rows: Vec<ImportRow>,
    /// Without the layer of an application key: a key or a device that fails cannot stop a long import half-way. What was taken
    /// over so is counted, and shown everywhere, until it was converted.
    pub clear: bool,
    /// What a new secret keeps: the server's setting.
    pub default_keep: u32,
}

/// One secret of another system.
#[derive(Debug)]
pub struct ImportRow {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: SecretBytes,
    /// Whether the value was encrypted by the other system already; it is kept as it is and marked so.
    pub already_encrypted: bool,
    /// What else the other system knew of it.
    pub metadata: Vec<(String, String)>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// It is a secret now.
    Created(Id),
    /// There was a secret of this name with this value.
    Unchanged(Id),
}

/// What became of the rows, in the order of the request.
#[derive(Debug)]
pub struct ImportReply {
    /// Each row, or why it was not taken over.
    pub rows: Vec<Result<Imported, Refusal>>,
}

impl Operation for Import {
    type Reply = ImportReply;
    const ACTION: Action = Action::SecretImport;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ImportReply>, Stop> {
        facts.permit(Self::ACTION, Object::System)?;
        facts.count(u32::try_from(self.rows.len()).unwrap_or(u32::MAX));
        self.check()?;
        self.prefetch(facts)?;
        let (mut rows, mut changes) = (Vec::with_capacity(self.rows.len()), Vec::new());
        let mut names: Vec<Name> = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let outcome = match self.row(facts, row, &names) {
                Ok((name, imported, made)) => {
                    names.push(name);
                    changes.extend(made);
                    Ok(imported)
                }
                Err(Stop::Refused(refusal)) => Err(refusal),
                Err(other) => return Err(other),
            };
            rows.push(outcome);
        }
        // Its line says where values were taken without that layer.
        let object = if self.clear { Object::Name(Provider::Cleartext.word()) } else { Object::System };
        facts.permit(Self::ACTION, object)?;
        Ok(facts.commit(ImportReply { rows }, changes))
    }
}

impl Import {
    fn check(&self) -> Result<(), Refusal> {
        if !(1..=IMPORT_ROWS).contains(&self.rows.len()) {
            return Err(Refusal::Invalid { field: "rows", reason: format!("choose 1 to {IMPORT_ROWS} rows") });
        }
        let actual = self.rows.iter().map(|row| row.value.len()).sum();
        if self.rows.len() > 1 && actual > TOTAL_BYTES {
            return Err(Refusal::TooLarge { what: "what the rows hold together", actual, limit: TOTAL_BYTES });
        }
        Ok(())
    }

    /// Everything that the rows need, in three stops instead of several for each row.
    fn prefetch(&self, facts: &mut Facts<'_>) -> Result<(), Stop> {
        let names: Vec<Name> = self.rows.iter().filter_map(|row| Name::parse(&row.name).ok()).collect();
        facts.prefetch_names(RecordKind::Secret, &names)?;
        let mut heads = Vec::new();
        for name in &names {
            heads.extend(facts.name(RecordKind::Secret, name)?.map(SecretBody::record_key));
        }
        facts.prefetch(heads.iter().copied())?;
        let mut versions = Vec::new();
        for head in heads {
            // One that cannot be read is refused with its row.
            if let Ok(Some(head)) = facts.record::<SecretBody>(head) {
                versions.extend(head.entry(None).map(VersionEntry::record_key));
            }
        }
        facts.prefetch(versions)
    }

    fn row(
        &self,
        facts: &mut Facts<'_>,
        row: &ImportRow,
        names: &[Name],
    ) -> Result<(Name, Imported, Vec<Change>), Stop> {
        let name = Name::parse(&row.name)?;
        if names.contains(&name) {
            return Err(Refusal::NameTaken { name: name.to_string() }.into());
        }
        let actual = row.value.len();
        if actual > VALUE_BYTES {
            return Err(Refusal::TooLarge { what: "the value", actual, limit: VALUE_BYTES }.into());
        }
        let metadata = metadata(&row.metadata)?;
        let selector = Selector::Name(name.clone());
        if let Some(found) = find(facts, Self::ACTION, &selector)? {
            let id = same(facts, &found, &selector, row)?;
            return Ok((name, Imported::Unchanged(id), Vec::new()));
        }
        let (id, now) = (facts.new_id(), facts.now());
        let entry = VersionEntry { number: 1, record: facts.new_id(), created_at: now };
        let mut version = self.version(facts, id, &entry, row)?;
        version.already_encrypted = row.already_encrypted.then_some(true);
        let mut head = SecretBody::new(name.clone(), now, self.default_keep);
        (head.current, head.metadata) = (1, metadata);
        head.versions.push(entry);
        let body = SecretBytes::from_vec(body::encode(&version));
        let version = Change::Put { key: entry.record_key(), body, name: NameChange::None };
        let head = head_change(id, &head, NameChange::Take(name.clone()));
        Ok((name, Imported::Created(id), vec![version, head]))
    }

    fn version(
        &self,
        facts: &mut Facts<'_>,
        id: Id,
        entry: &VersionEntry,
        row: &ImportRow,
    ) -> Result<SecretVersionBody, Stop> {
        if self.clear {
            return Ok(SecretVersionBody::clear(id, entry.number, entry.created_at, row.value.expose().to_vec()));
        }
        let key = facts.key(&KeyChoice::Primary(KEY_NAME))?;
        let (mut sealed, place) = (Vec::new(), place(entry));
        let sealing = key.sealing(Purpose::Secrets)?;
        value::seal(sealing, Purpose::Secrets, key.key_id, key.version, &place, row.value.expose(), &mut sealed);
        Ok(SecretVersionBody::new(id, entry.number, entry.created_at, (key.key_id, key.version), sealed))
    }
}

/// The id of a secret that is there with the value of the row; another value is a conflict.
fn same<'a>(facts: &mut Facts<'a>, found: &Found<'a>, selector: &Selector, row: &ImportRow) -> Result<Id, Stop> {
    found.refuse_deleted(selector)?;
    let (entry, stored) = version_record(facts, found, selector, None)?;
    let value = open(facts, found, entry, stored)?;
    let is_same = strongroom_secret::constant_time_eq(value.expose(), row.value.expose());
    if is_same { Ok(found.id) } else { Err(Refusal::NameTaken { name: found.body.name.to_string() }.into()) }
}

fn metadata(pairs: &[(String, String)]) -> Result<Option<Vec<(String, String)>>, Refusal> {
    let invalid = |reason: String| Err(Refusal::Invalid { field: "metadata", reason });
    if pairs.len() > METADATA_PAIRS {
        return invalid(format!("at most {METADATA_PAIRS} pairs are kept"));
    }
    let fits = |text: &String| text.len() <= METADATA_BYTES && !text.chars().any(char::is_control);
    if !pairs.iter().all(|(name, text)| !name.is_empty() && fits(name) && fits(text)) {
        return invalid(format!("names and texts have at most {METADATA_BYTES} bytes and no control characters"));
    }
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable();
    if pairs.windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one == other)) {
        return invalid("a name stands twice".to_owned());
    }
    Ok((!pairs.is_empty()).then_some(pairs))
}

/// Not kept: repeating an import changes nothing.
impl Reply for ImportReply {}
