//! What belongs to one instance of a component: its resources, rights and limits.
//!
//! A guest gets clocks, random numbers, its log, outbound HTTP to allowed hosts, its key-value
//! stores and its variables. It gets no files, no environment, no arguments and no sockets: the
//! interfaces exist, because Rust's standard library imports them, but grant nothing.

use std::sync::Arc;

use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Engine, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::app::variables::Values;
use crate::guest::bindings;
use crate::guest::key_value::{KeyValue, KeyValueGrant, KeyValueState, KeyValueView};
use crate::guest::log::GuestLog;
use crate::guest::variables::{Variables, VariablesView};
use crate::limits::INSTANCE_MEMORY_BYTES_MAX;
use crate::outbound::OutboundHooks;

/// What a component may use; each of its instances gets a copy.
#[derive(Debug, Clone)]
pub struct Grants {
    /// The component's id.
    pub component: Arc<str>,
    /// Outbound HTTP.
    pub outbound: OutboundHooks,
    /// Key-value stores.
    pub key_value: KeyValueGrant,
    /// The component's variables.
    pub variables: Arc<Values>,
}

/// The data of an instance's Wasmtime store.
pub struct Guest {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: OutboundHooks,
    key_value: KeyValueState,
    variables: Arc<Values>,
    pub(crate) limits: StoreLimits,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("component", &self.outbound.component).finish_non_exhaustive()
    }
}

impl Guest {
    /// The state of a new instance.
    pub fn new(grants: &Grants) -> Self {
        let wasi = WasiCtxBuilder::new()
            .stdout(GuestLog::new(Arc::clone(&grants.component), "stdout"))
            .stderr(GuestLog::new(Arc::clone(&grants.component), "stderr"))
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        Self {
            table: ResourceTable::new(),
            wasi,
            http: WasiHttpCtx::new(),
            outbound: grants.outbound.clone(),
            key_value: KeyValueState::new(grants.key_value.clone()),
            variables: Arc::clone(&grants.variables),
            limits: StoreLimitsBuilder::new().memory_size(INSTANCE_MEMORY_BYTES_MAX).build(),
        }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Everything a component can import.
///
/// # Errors
/// Only if two interfaces claimed the same name.
pub fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker: Linker<Guest> = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    bindings::key_value::add_to_linker::<_, KeyValue>(&mut linker, |guest| KeyValueView {
        state: &mut guest.key_value,
        table: &mut guest.table,
    })?;
    bindings::variables::add_to_linker::<_, Variables>(&mut linker, |guest| {
        VariablesView(&guest.variables)
    })?;
    Ok(linker)
}
