//! Host-side bindings for the Spin interfaces, generated from `wit/`.
//!
//! Generated code only: the behaviour is in [`super::key_value`] and [`super::variables`].

wasmtime::component::bindgen!({
    path: "wit",
    world: "guest",
    imports: { default: trappable },
    with: { "spin:key-value/key-value.store": crate::guest::open_store::OpenStore },
});

pub(crate) use spin::key_value::key_value;
pub(crate) use spin::variables::variables;
