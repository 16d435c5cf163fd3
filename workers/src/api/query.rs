//! Queries, taken out of requests. What they may say is the wire's business, as at the edge.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use gavel_core::wire::Problem;
use gavel_core::wire::query::{self, Faults};

use super::problem::ApiError;

/// Which page of a list.
pub(super) struct PageQuery(pub(super) query::PageQuery);

/// Which auctions, and which page of them.
pub(super) struct ListQuery(pub(super) query::ListQuery);

/// When a bid is settled.
pub(super) struct BidQuery(pub(super) query::BidQuery);

/// The token of a link.
pub(super) struct LinkQuery(pub(super) query::LinkQuery);

fn taken<T>(parts: &Parts, parse: impl FnOnce(&str) -> Result<T, Faults>) -> Result<T, ApiError> {
    parse(parts.uri.query().unwrap_or_default()).map_err(|faults| Problem::invalid(faults).into())
}

impl<S: Sync> FromRequestParts<S> for PageQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        taken(parts, query::PageQuery::parse).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for ListQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        taken(parts, query::ListQuery::parse).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for BidQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        taken(parts, query::BidQuery::parse).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for LinkQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        taken(parts, query::LinkQuery::parse).map(Self)
    }
}
