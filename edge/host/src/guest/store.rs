//! The key-value store behind `spin:key-value`: one SQLite file, one connection.
//!
//! The same table as Spin's own default store, so the file can be read by either. All instances
//! share one connection behind a lock, and SQLite orders other processes, so operations on a key are
//! linearizable. It is not a ledger: after a power cut the last writes may be missing.
//!
//! Calls block for some ten microseconds, as Spin's do, which is why they run on the caller's thread.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

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
    /// The value is none that [`Stores::increment`] has made, or the sum is beyond 64 bits.
    #[error("the value is no number that can grow so much")]
    NoNumber,
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
        value(&self.lock(), store, key)
    }

    /// Sets `key` to `value`, replacing what was there.
    ///
    /// # Errors
    /// Too long a key or value, or [`StoreError::Sqlite`].
    pub fn set(&self, store: &str, key: &str, value: &[u8]) -> Result<(), StoreError> {
        put(&self.lock(), store, key, value)
    }

    /// Sets all of them, or none.
    ///
    /// # Errors
    /// Too long a key or value, or [`StoreError::Sqlite`].
    pub fn set_many(&self, store: &str, values: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let all = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (key, value) in values {
            put(&all, store, key, value)?;
        }
        Ok(all.commit()?)
    }

    /// Adds `delta` to the number at `key`, or to 0 where there is none, and gives the sum. Nothing of
    /// this or another process comes in between.
    ///
    /// # Errors
    /// [`StoreError::NoNumber`], too long a key, or [`StoreError::Sqlite`].
    pub fn increment(&self, store: &str, key: &str, delta: i64) -> Result<i64, StoreError> {
        let mut connection = self.lock();
        let all = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = match value(&all, store, key)? {
            None => 0,
            Some(bytes) => i64::from_le_bytes(bytes.try_into().map_err(|_| StoreError::NoNumber)?),
        };
        let sum = before.checked_add(delta).ok_or(StoreError::NoNumber)?;
        put(&all, store, key, &sum.to_le_bytes())?;
        all.commit()?;
        Ok(sum)
    }

    /// Removes `key`; no error if it has no value.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn delete(&self, store: &str, key: &str) -> Result<(), StoreError> {
        remove(&self.lock(), store, key)
    }

    /// Removes all of them, or none; no error if they have no value.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn delete_many(&self, store: &str, keys: &[String]) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let all = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for key in keys {
            remove(&all, store, key)?;
        }
        Ok(all.commit()?)
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

fn value(connection: &Connection, store: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut query = connection
        .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
    Ok(query.query_row(params![store, key], |row| row.get(0)).optional()?)
}

fn put(connection: &Connection, store: &str, key: &str, value: &[u8]) -> Result<(), StoreError> {
    if key.len() > KEY_BYTES_MAX {
        return Err(StoreError::KeyTooLong(key.len()));
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(StoreError::ValueTooLarge(value.len()));
    }
    let mut upsert = connection.prepare_cached(
        "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (store, key) DO UPDATE SET value = excluded.value",
    )?;
    upsert.execute(params![store, key, value])?;
    Ok(())
}

fn remove(connection: &Connection, store: &str, key: &str) -> Result<(), StoreError> {
    let mut delete =
        connection.prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?;
    delete.execute(params![store, key])?;
    Ok(())
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
    #[test]
    fn a_number_grows_by_exactly_what_was_added_whoever_adds_at_the_same_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kv.db");
        let processes = [Stores::open(&path).unwrap(), Stores::open(&path).unwrap()];
        std::thread::scope(|scope| {
            for stores in processes.iter().cycle().take(8) {
                scope.spawn(|| {
                    for _ in 0..100 {
                        stores.increment("default", "n", 3).unwrap();
                        stores.increment("default", "n", -1).unwrap();
                    }
                });
            }
        });
        assert_eq!(processes[0].increment("default", "n", 0).unwrap(), 1_600);
    }

    #[test]
    fn what_is_no_number_is_not_counted_up_and_a_number_never_wraps() {
        let stores = stores();
        stores.set("default", "text", b"12").unwrap();
        assert!(matches!(stores.increment("default", "text", 1), Err(StoreError::NoNumber)));
        assert_eq!(stores.get("default", "text").unwrap().unwrap(), b"12");
        assert_eq!(stores.increment("default", "n", i64::MAX).unwrap(), i64::MAX);
        assert!(matches!(stores.increment("default", "n", 1), Err(StoreError::NoNumber)));
        assert_eq!(stores.get("default", "n").unwrap().unwrap(), i64::MAX.to_le_bytes());
    }

    #[test]
    fn many_keys_are_set_and_removed_together() {
        let stores = stores();
        let long = ("k".repeat(KEY_BYTES_MAX + 1), Vec::new());
        let set = |values: &[(String, Vec<u8>)]| stores.set_many("default", values);
        assert!(set(&[("a".to_owned(), vec![1]), long]).is_err());
        assert!(stores.keys("default").unwrap().is_empty());
        set(&[("a".to_owned(), vec![1]), ("b".to_owned(), vec![2])]).unwrap();
        stores.delete_many("default", &["b".to_owned(), "none".to_owned()]).unwrap();
        assert_eq!(stores.keys("default").unwrap(), ["a"]);
    }
}
