//! Whether a request is well-formed: headers, query, body, by the types the workers use too.
//!
//! It decides nothing that depends on an auction's state.

pub mod body;
pub mod headers;
pub mod query;
