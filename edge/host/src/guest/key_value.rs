//! `spin:key-value@3.0.0` for guests: labels and rights here, storage in [`crate::guest::store`].
//!
//! A component opens only stores its manifest lists; anything else is `access-denied`, whether the
//! store exists or not, as in Spin.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Accessor, FutureReader, HasData, Resource, ResourceTable, StreamReader};

use crate::guest::bindings::key_value::{Error, Host, HostStore, HostStoreWithStore};
use crate::guest::open_store::OpenStore;
use crate::guest::store::{StoreError, Stores};
use crate::limits::OPEN_STORES_MAX;

/// The only store there is, as in Spin without a runtime configuration.
pub const DEFAULT_STORE: &str = "default";

/// What a guest may do with key-value stores.
#[derive(Debug, Clone)]
pub struct KeyValueGrant {
    /// Where the values are.
    pub stores: Arc<Stores>,
    /// The labels this component may open.
    pub allowed: Arc<BTreeSet<String>>,
    /// What each operation takes longer, to stand in for a store across a network.
    pub latency: Duration,
}

/// A guest instance's stores: its rights and how many it holds open.
#[derive(Debug)]
pub struct KeyValueState {
    grant: KeyValueGrant,
    open_count: usize,
}

impl KeyValueState {
    /// The state of a new instance.
    pub fn new(grant: KeyValueGrant) -> Self {
        Self { grant, open_count: 0 }
    }
}

/// Access to the key-value part of a guest's state.
#[derive(Debug)]
pub struct KeyValueView<'a> {
    /// Rights and counts.
    pub state: &'a mut KeyValueState,
    /// Where the guest's resources are.
    pub table: &'a mut ResourceTable,
}

/// Names [`KeyValueView`] as the data of the interface.
#[derive(Debug)]
pub struct KeyValue;

impl HasData for KeyValue {
    type Data<'a> = KeyValueView<'a>;
}

impl KeyValueView<'_> {
    fn open(&mut self, label: String) -> wasmtime::Result<Result<Resource<OpenStore>, Error>> {
        if !self.state.grant.allowed.contains(&label) {
            tracing::warn!(store = label, "component may not open this key-value store");
            return Ok(Err(Error::AccessDenied));
        }
        if self.state.open_count >= OPEN_STORES_MAX {
            return Ok(Err(Error::StoreTableFull));
        }
        let store = self.table.push(OpenStore { label })?;
        self.state.open_count += 1;
        Ok(Ok(store))
    }
}

impl Host for KeyValueView<'_> {}

impl HostStore for KeyValueView<'_> {
    fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        self.state.open_count = self.state.open_count.saturating_sub(1);
        Ok(())
    }
}

/// Runs one operation on an open store. The guest's table is released before the database is asked.
async fn with_store<T, R>(
    accessor: &Accessor<T, KeyValue>,
    store: &Resource<OpenStore>,
    operation: impl FnOnce(&Stores, &str) -> Result<R, StoreError>,
) -> wasmtime::Result<Result<R, Error>> {
    let (stores, label, latency) = accessor.with(|mut access| {
        let view = access.get();
        let label = view.table.get(store)?.label.clone();
        let grant = &view.state.grant;
        wasmtime::error::Ok((Arc::clone(&grant.stores), label, grant.latency))
    })?;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    Ok(operation(&stores, &label).map_err(|error| to_guest(&error)))
}

/// The guest learns that it failed and which limit it broke; the details of a fault go to the log.
fn to_guest(error: &StoreError) -> Error {
    if let StoreError::Sqlite(source) = error {
        tracing::error!(error = %source, "key-value store failed");
    }
    Error::Other(error.to_string())
}

impl<T: 'static> HostStoreWithStore<T> for KeyValue {
    async fn open(
        accessor: &Accessor<T, Self>,
        label: String,
    ) -> wasmtime::Result<Result<Resource<OpenStore>, Error>> {
        accessor.with(|mut access| access.get().open(label))
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        with_store(accessor, &store, |stores, label| stores.get(label, &key)).await
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        with_store(accessor, &store, |stores, label| stores.set(label, &key, &value)).await
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        with_store(accessor, &store, |stores, label| stores.delete(label, &key)).await
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        with_store(accessor, &store, |stores, label| stores.exists(label, &key)).await
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let listed = with_store(accessor, &store, Stores::keys).await?;
        let (keys, result) = match listed {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            let result =
                FutureReader::new(&mut access, async move { wasmtime::error::Ok(result) })?;
            Ok((keys, result))
        })
    }
}
