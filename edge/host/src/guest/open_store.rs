//! What the bindings of `spin:key-value` call a store.

/// An open store, as a guest holds it.
#[derive(Debug)]
pub struct OpenStore {
    /// The label it was opened by.
    pub(super) label: String,
}
