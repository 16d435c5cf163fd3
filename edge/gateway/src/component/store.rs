//! The key-value store, opened once for an instance and again after a failure.

use std::cell::RefCell;
use std::rc::Rc;

use spin_sdk::key_value::{Error, Store};

use super::ports::Runtime;
use crate::ports::{KeyValue, StoreError};

thread_local! {
    static STORE: RefCell<Option<Rc<Store>>> = const { RefCell::new(None) };
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

impl KeyValue for Runtime {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        open().await?.get(key).await.map_err(|error| failed(&error))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        open().await?.set(key, value).await.map_err(|error| failed(&error))
    }
}
