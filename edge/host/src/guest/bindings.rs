//! Host-side bindings for the Spin interfaces, generated from `wit/`.
//!
//! Generated code only: the behaviour is in [`super::key_value`], [`super::wasi_key_value`] and
//! [`super::variables`].

wasmtime::component::bindgen!({
    path: "wit",
    world: "guest",
    imports: {
        default: trappable,
        "wasi:keyvalue/store": async | trappable,
        "wasi:keyvalue/atomics": async | trappable,
        "wasi:keyvalue/batch": async | trappable,
    },
    with: {
        "spin:key-value/key-value.store": crate::guest::key_value::OpenStore,
        "wasi:keyvalue/store.bucket": crate::guest::key_value::OpenStore,
    },
});

pub(crate) use spin::key_value::key_value;
pub(crate) use spin::variables::variables;
pub(crate) use wasi::keyvalue as wasi_key_value;
