//! The key-value store, opened once for an instance and again after a failure: through Spin's interface
//! for values, through WASI's for numbers that all instances share.

use std::cell::RefCell;
use std::rc::Rc;

use spin_sdk::experimental::wasi::keyvalue::store::{self as bucket, Bucket};
use spin_sdk::experimental::wasi::keyvalue::{atomics, batch};
use spin_sdk::key_value::{Error, Store};

use super::ports::Runtime;
use crate::ports::{KeyValue, StoreError};

thread_local! {
    static STORE: RefCell<Option<Rc<Store>>> = const { RefCell::new(None) };
    static BUCKET: RefCell<Option<Bucket>> = const { RefCell::new(None) };
}

async fn open() -> Result<Rc<Store>, StoreError> {
    if let Some(store) = STORE.with_borrow(Clone::clone) {
        return Ok(store);
    }
    let store = Rc::new(Store::open_default().await.map_err(|error| failed(&error))?);
    STORE.set(Some(Rc::clone(&store)));
    Ok(store)
}

fn failed(error: &Error) -> StoreError {
    STORE.set(None);
    StoreError(error.to_string())
}

/// Runs one operation on the bucket, which never waits: the runtime blocks the instance meanwhile.
fn with_bucket<T>(
    operation: impl FnOnce(&Bucket) -> Result<T, bucket::Error>,
) -> Result<T, StoreError> {
    BUCKET.with_borrow_mut(|open| {
        let bucket = match open.take() {
            Some(bucket) => bucket,
            None => bucket::open("default").map_err(told)?,
        };
        let done = operation(&bucket).map_err(told)?;
        *open = Some(bucket);
        Ok(done)
    })
}

fn told(error: bucket::Error) -> StoreError {
    StoreError(match error {
        bucket::Error::Other(reason) => reason,
        known => known.to_string(),
    })
}

impl KeyValue for Runtime {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        open().await?.get(key).await.map_err(|error| failed(&error))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        open().await?.set(key, value).await.map_err(|error| failed(&error))
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        with_bucket(|bucket| atomics::increment(bucket, key, delta))
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        with_bucket(|bucket| batch::delete_many(bucket, keys))
    }
}
