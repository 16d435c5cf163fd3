//! The key-value store behind `spin:key-value`: one SQLite file, one connection.
//!
//! The same table as Spin's own default store, so the file can be read by either. All instances
//! share one connection behind a lock, and SQLite orders other processes, so operations on a key are
//! linearizable. It is not a ledger: after a power cut the last writes may be missing.
//!
//! Calls block for some ten microseconds, as Spin's do, which is why they run on the caller's thread.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use crate::limits::{KEY_BYTES_MAX, KEYS_LISTED_MAX, STORE_BUSY_TIMEOUT, VALUE_BYTES_MAX};

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be used.
    #[error("key-value store failed")]
    Sqlite(#[from] rusqlite::Error),
    /// A key beyond [`KEY_BYTES_MAX`].
    #[error("key has {0} bytes; the limit is {KEY_BYTES_MAX}")]
    KeyTooLong(usize),
    /// A value beyond [`VALUE_BYTES_MAX`].
    #[error("value has {0} bytes; the limit is {VALUE_BYTES_MAX}")]
    ValueTooLarge(usize),
    /// More keys than [`KEYS_LISTED_MAX`].
    #[error("store has more than {KEYS_LISTED_MAX} keys")]
    TooManyKeys,
}

/// All stores of an application, by label.
#[derive(Debug)]
pub struct Stores {
    connection: Mutex<Connection>,
}

impl Stores {
    /// Opens the file at `path`, creating it if need be.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if the file cannot be created or is not a database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::prepare(Connection::open(path)?)
    }

    fn prepare(connection: Connection) -> Result<Self, StoreError> {
        connection.busy_timeout(STORE_BUSY_TIMEOUT)?;
        // The write-ahead log spares a disk flush on every set.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = NORMAL;
             CREATE TABLE IF NOT EXISTS spin_key_value (
               store TEXT NOT NULL,
               key   TEXT NOT NULL,
               value BLOB NOT NULL,
               PRIMARY KEY (store, key)
             );",
        )?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// The value of `key`, if it has one.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let connection = self.lock();
        let mut query = connection
            .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
        Ok(query.query_row(params![store, key], |row| row.get(0)).optional()?)
    }

    /// Sets `key` to `value`, replacing what was there.
    ///
    /// # Errors
    /// Too long a key or value, or [`StoreError::Sqlite`].
    pub fn set(&self, store: &str, key: &str, value: &[u8]) -> Result<(), StoreError> {
        if key.len() > KEY_BYTES_MAX {
            return Err(StoreError::KeyTooLong(key.len()));
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(StoreError::ValueTooLarge(value.len()));
        }
        let connection = self.lock();
        let mut upsert = connection.prepare_cached(
            "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (store, key) DO UPDATE SET value = excluded.value",
        )?;
        upsert.execute(params![store, key, value])?;
        Ok(())
    }

    /// Removes `key`; no error if it has no value.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn delete(&self, store: &str, key: &str) -> Result<(), StoreError> {
        let connection = self.lock();
        let mut delete = connection
            .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
        delete.execute(params![store, key])?;
        Ok(())
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn exists(&self, store: &str, key: &str) -> Result<bool, StoreError> {
        let connection = self.lock();
        let mut query = connection
            .prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
        Ok(query.exists(params![store, key])?)
    }

    /// Every key of a store, in order.
    ///
    /// # Errors
    /// [`StoreError::TooManyKeys`] rather than a part of them, or [`StoreError::Sqlite`].
    pub fn keys(&self, store: &str) -> Result<Vec<String>, StoreError> {
        let connection = self.lock();
        let mut query = connection
            .prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1 ORDER BY key")?;
        let mut keys = Vec::new();
        for key in query.query_map(params![store], |row| row.get(0))? {
            if keys.len() == KEYS_LISTED_MAX {
                return Err(StoreError::TooManyKeys);
            }
            keys.push(key?);
        }
        Ok(keys)
    }

    /// A panic in another call cannot have left the database half-written, so its poison is ignored.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stores() -> Stores {
        Stores::prepare(Connection::open_in_memory().unwrap()).unwrap()
    }

    #[test]
    fn a_value_is_what_was_set_last() {
        let stores = stores();
        assert_eq!(stores.get("default", "k").unwrap(), None);
        assert!(!stores.exists("default", "k").unwrap());
        stores.set("default", "k", b"one").unwrap();
        stores.set("default", "k", b"\0two").unwrap();
        assert_eq!(stores.get("default", "k").unwrap().unwrap(), b"\0two");
        assert!(stores.exists("default", "k").unwrap());
        stores.delete("default", "k").unwrap();
        stores.delete("default", "k").unwrap();
        assert_eq!(stores.get("default", "k").unwrap(), None);
    }

    #[test]
    fn labels_do_not_share_keys() {
        let stores = stores();
        stores.set("a", "k", b"a").unwrap();
        stores.set("b", "k", b"").unwrap();
        stores.set("b", "j", b"x").unwrap();
        assert_eq!(stores.get("a", "k").unwrap().unwrap(), b"a");
        assert_eq!(stores.keys("b").unwrap(), ["j", "k"]);
        assert!(stores.keys("c").unwrap().is_empty());
    }

    #[test]
    fn oversized_keys_and_values_are_refused() {
        let stores = stores();
        let key = "k".repeat(KEY_BYTES_MAX + 1);
        assert!(matches!(stores.set("d", &key, b""), Err(StoreError::KeyTooLong(_))));
        let value = vec![0; VALUE_BYTES_MAX + 1];
        assert!(matches!(stores.set("d", "k", &value), Err(StoreError::ValueTooLarge(_))));
        stores.set("d", "k", &value[1..]).unwrap();
    }

    #[test]
    fn values_survive_reopening_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kv.db");
        Stores::open(&path).unwrap().set("default", "k", b"v").unwrap();
        assert_eq!(Stores::open(&path).unwrap().get("default", "k").unwrap().unwrap(), b"v");
    }
}
