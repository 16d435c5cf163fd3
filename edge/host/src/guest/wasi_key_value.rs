//! `wasi:keyvalue@0.2.0-draft2` for guests: the same stores and rights as [`super::key_value`], in many
//! keys at once, and numbers that grow atomically.
//!
//! Its functions are not asynchronous, so the whole instance waits for each, with all requests that it
//! is answering; as in Spin. A number is kept as Spin's SQLite store does, in eight bytes, the lowest
//! first. Compare-and-swap is not offered.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::bindings::key_value::Error as SpinError;
use super::bindings::wasi_key_value::store::{Error, KeyResponse};
use super::bindings::wasi_key_value::{atomics, batch, store};
use super::key_value::{KeyValueGrant, KeyValueView, OpenStore, to_guest};
use super::store::{StoreError, Stores};

impl From<SpinError> for Error {
    fn from(error: SpinError) -> Self {
        match error {
            SpinError::StoreTableFull => Self::Other("store table full".to_owned()),
            SpinError::NoSuchStore => Self::NoSuchStore,
            SpinError::AccessDenied => Self::AccessDenied,
            SpinError::Other(reason) => Self::Other(reason),
        }
    }
}

impl KeyValueView<'_> {
    /// Runs one operation on an open store.
    async fn operate<R>(
        &mut self,
        store: &Resource<OpenStore>,
        operation: impl FnOnce(&Stores, &str) -> Result<R, StoreError>,
    ) -> wasmtime::Result<Result<R, Error>> {
        let label = self.table.get(store)?.label.clone();
        let KeyValueGrant { stores, latency, .. } = &self.state.grant;
        let (stores, latency) = (Arc::clone(stores), *latency);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        Ok(operation(&stores, &label).map_err(|error| to_guest(&error).into()))
    }
}

impl store::Host for KeyValueView<'_> {
    async fn open(
        &mut self,
        label: String,
    ) -> wasmtime::Result<Result<Resource<OpenStore>, Error>> {
        Ok(KeyValueView::open(self, label)?.map_err(Error::from))
    }
}

impl store::HostBucket for KeyValueView<'_> {
    async fn get(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        self.operate(&bucket, |stores, label| stores.get(label, &key)).await
    }

    async fn set(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.operate(&bucket, |stores, label| stores.set(label, &key, &value)).await
    }

    async fn delete(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.operate(&bucket, |stores, label| stores.delete(label, &key)).await
    }

    async fn exists(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        self.operate(&bucket, |stores, label| stores.exists(label, &key)).await
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<OpenStore>,
        cursor: Option<String>,
    ) -> wasmtime::Result<Result<KeyResponse, Error>> {
        if cursor.is_some() {
            return Ok(Err(Error::Other("list_keys: cursor not supported".to_owned())));
        }
        let keys = self.operate(&bucket, Stores::keys).await?;
        Ok(keys.map(|keys| KeyResponse { keys, cursor: None }))
    }

    async fn drop(&mut self, bucket: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.close(bucket)
    }
}

impl atomics::Host for KeyValueView<'_> {
    async fn increment(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
        delta: i64,
    ) -> wasmtime::Result<Result<i64, Error>> {
        self.operate(&bucket, |stores, label| stores.increment(label, &key, delta)).await
    }
}

impl batch::Host for KeyValueView<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<OpenStore>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<(String, Option<Vec<u8>>)>, Error>> {
        let get = |stores: &Stores, label: &str| {
            let mut found = Vec::new();
            for key in keys {
                // As in Spin, what has no value is left out.
                if let Some(value) = stores.get(label, &key)? {
                    found.push((key, Some(value)));
                }
            }
            Ok(found)
        };
        self.operate(&bucket, get).await
    }

    async fn set_many(
        &mut self,
        bucket: Resource<OpenStore>,
        key_values: Vec<(String, Vec<u8>)>,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.operate(&bucket, |stores, label| stores.set_many(label, &key_values)).await
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<OpenStore>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.operate(&bucket, |stores, label| stores.delete_many(label, &keys)).await
    }
}
