//! Why a request goes no further: one type for the whole pipeline. `reply` maps it to HTTP.

use gavel_core::wire::{FieldError, InvalidBody};

use crate::auth::token::TokenFault;
use crate::limit::Denied;

/// Why a request goes no further. Nothing in here tells the caller about our insides.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such path, or no such region.
    #[error("no such thing")]
    NotFound,
    /// The path exists with other methods.
    #[error("use {allow}")]
    MethodNotAllowed {
        /// The methods, as in `Allow`.
        allow: String,
    },
    /// Not HTTP as we speak it; the text says what.
    #[error("{0}")]
    Malformed(&'static str),
    /// The body is not a request.
    #[error(transparent)]
    Body(#[from] InvalidBody),
    /// Query or headers are wrong.
    #[error("the request has {} invalid field(s)", .0.len())]
    Fields(Vec<FieldError>),
    /// Not `application/json`, or encoded.
    #[error("{0}")]
    MediaType(&'static str),
    /// The body is longer than this many bytes.
    #[error("the body may have at most {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The access token is longer than this many bytes. It is not looked at, so nobody knows whose it is.
    #[error("the access token in `Authorization` may have at most {bytes_max} bytes")]
    TokenTooLong {
        /// The limit.
        bytes_max: usize,
    },
    /// No token where one is needed.
    #[error("send an access token in `Authorization: Bearer`")]
    TokenMissing,
    /// A token that does not hold. Which check failed is logged, not told.
    #[error("the access token is not valid")]
    TokenInvalid(TokenFault),
    /// Too many requests.
    #[error(transparent)]
    RateLimited(#[from] Denied),
    /// The region, the key set or the configuration is missing; trying again may help.
    #[error("{0}")]
    Unavailable(&'static str),
}

impl Refusal {
    /// One field is wrong.
    #[must_use]
    pub fn field(field: &str, reason: &str) -> Self {
        Self::Fields(vec![FieldError::new(field, reason)])
    }
}
