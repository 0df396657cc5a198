//! The rows of a store as who can write its file sees them.

use rusqlite::{Connection, params};
use strongroom_envelope::{RecordKey, RecordKind};

use crate::site::Site;

/// A connection beside the server's, or alone while it is down.
pub struct Rows(Connection);

/// Key and sealed bytes.
pub type Row = (Vec<u8>, Vec<u8>);

impl Rows {
    pub fn open(site: &Site) -> Self {
        let connection = Connection::open(site.path("data").join("store.db")).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        Self(connection)
    }

    /// Every row of a kind, in the order of the keys.
    pub fn of(&self, kind: RecordKind) -> Vec<Row> {
        self.with_prefix(&[kind.byte()])
    }

    /// Every row.
    pub fn all(&self) -> Vec<Row> {
        self.with_prefix(&[])
    }

    fn with_prefix(&self, prefix: &[u8]) -> Vec<Row> {
        let mut statement = self.0.prepare("SELECT key, sealed FROM record ORDER BY key").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).filter(|(key, _): &Row| key.starts_with(prefix)).collect()
    }

    pub fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.all().into_iter().find(|(found, _)| found == key).map(|(_, sealed)| sealed)
    }

    pub fn put(&self, key: &[u8], sealed: &[u8]) {
        self.0.execute("INSERT OR REPLACE INTO record(key, sealed) VALUES(?1, ?2)", params![key, sealed]).unwrap();
    }

    /// Many rows at once, so that the server sees all of them or none.
    pub fn put_all(&self, rows: &[Row]) {
        self.0.execute_batch("BEGIN IMMEDIATE").unwrap();
        for (key, sealed) in rows {
            self.put(key, sealed);
        }
        self.0.execute_batch("COMMIT").unwrap();
    }

    pub fn delete(&self, key: &[u8]) {
        self.0.execute("DELETE FROM record WHERE key = ?1", params![key]).unwrap();
    }

    /// Exchanges the bytes of two rows.
    pub fn swap(&self, one: &[u8], other: &[u8]) {
        let (first, second) = (self.get(one).unwrap(), self.get(other).unwrap());
        self.put_all(&[(one.to_vec(), second), (other.to_vec(), first)]);
    }
}

/// The row's bytes with one byte changed.
pub fn flipped(row: &Row, offset: usize, bits: u8) -> Row {
    let mut sealed = row.1.clone();
    sealed[offset] ^= bits;
    (row.0.clone(), sealed)
}

/// As quarantine lists show a record: `kind/uuid`.
pub fn shown(key: &[u8]) -> String {
    let key = RecordKey::from_bytes(key).unwrap();
    format!("{}/{}", key.kind.name(), key.id)
}
