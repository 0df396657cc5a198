//! An instance with thirty secrets in several versions and some tokens, and who can tell whether all of it is served.

use std::collections::BTreeMap;

use strongroom_engine::policy::Role;
use strongroom_engine::token::{Issue, digest};
use strongroom_envelope::{Id, RecordKey, RecordKind};
use strongroom_keeper::Keeper;

use crate::rows::{Row, Rows};
use crate::site::{Site, admin, get, put, value};

/// How many secrets there are.
pub const SECRETS: usize = 30;

pub struct Filled {
    pub site: Site,
    pub secrets: Vec<Id>,
    /// Id and hash of the text of each token.
    pub tokens: Vec<(Id, [u8; 32])>,
    /// Every sealed form the head of secret 0 ever had, oldest first; the last is the present one.
    pub heads: Vec<Row>,
    /// The rows of each secret's versions, in their order.
    pub versions: Vec<Vec<Row>>,
    pub key_zero: [u8; 32],
}

impl Filled {
    /// Filled and stopped.
    pub async fn new() -> Self {
        let site = Site::new();
        let (keeper, report) = site.open().unwrap();
        let rows = Rows::open(&site);
        let mut filled = Self {
            secrets: Vec::new(),
            tokens: Vec::new(),
            heads: Vec::new(),
            versions: Vec::new(),
            key_zero: report.audit_key_zero.unwrap(),
            site,
        };
        for number in 0..SECRETS {
            filled.fill(&keeper, &rows, number).await;
        }
        for _ in 0..3 {
            let issue = Issue { role: Role::Read, expires_in_milliseconds: 3_600_000, description: None };
            let issued = keeper.execute(admin(), issue).await.unwrap();
            filled.tokens.push((issued.id, digest(&issued.token).unwrap()));
        }
        keeper.stop();
        filled
    }

    async fn fill(&mut self, keeper: &Keeper, rows: &Rows, number: usize) {
        let versions = versions(number);
        let mut seen: BTreeMap<Vec<u8>, Vec<u8>> = rows.of(RecordKind::SecretVersion).into_iter().collect();
        let mut mine = Vec::new();
        for version in 1..=versions {
            let put = put(keeper, &secret(number), &content(number, version)).await.unwrap();
            if version == 1 {
                self.secrets.push(put.id);
            }
            if number == 0 {
                self.heads.push((self.head_key(0), rows.get(&self.head_key(0)).unwrap()));
            }
            let new = rows.of(RecordKind::SecretVersion).into_iter().find(|(key, _)| !seen.contains_key(key)).unwrap();
            seen.insert(new.0.clone(), new.1.clone());
            mine.push(new);
        }
        self.versions.push(mine);
    }

    /// Where the head of a secret lies.
    pub fn head_key(&self, number: usize) -> Vec<u8> {
        RecordKey::new(RecordKind::Secret, self.secrets[number]).to_bytes().to_vec()
    }

    /// Where a token lies.
    pub fn token_key(&self, number: usize) -> Vec<u8> {
        RecordKey::new(RecordKind::Token, self.tokens[number].0).to_bytes().to_vec()
    }

    /// The row of the current version of a secret.
    pub fn current(&self, number: usize) -> Row {
        self.versions[number].last().unwrap().clone()
    }

    /// Every secret but these is served with its newest value, and every token is known.
    pub async fn assert_served(&self, keeper: &Keeper, but: &[usize]) {
        for number in (0..SECRETS).filter(|number| !but.contains(number)) {
            assert_eq!(value(keeper, &secret(number)).await, content(number, versions(number)), "{}", secret(number));
        }
    }

    /// The finding that a read of the secret by name, and by id, is refused with.
    pub async fn refused(&self, keeper: &Keeper, number: usize) -> (Option<&'static str>, Option<&'static str>) {
        let by_name = get(keeper, &secret(number)).await;
        let by_id = crate::site::get_by_id(keeper, self.secrets[number]).await;
        (crate::site::quarantined(by_name), crate::site::quarantined(by_id))
    }
}

/// The name of a secret.
pub fn secret(number: usize) -> String {
    format!("s/{number:02}")
}

/// How many versions a secret has.
pub fn versions(number: usize) -> usize {
    if number == 0 { 5 } else { 1 + number % 3 }
}

/// The value of a version.
pub fn content(number: usize, version: usize) -> Vec<u8> {
    format!("value {version} of secret {number}").into_bytes()
}
