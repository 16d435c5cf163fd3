//! Who is told what, as far as people say so themselves: following an auction, and unsubscribing by a
//! link in a message.
//!
//! The link's token is all that unsubscribing takes (RFC 8058). Mail scanners follow links, so GET
//! shows a button and changes nothing. The pages are plain, load nothing and run nothing.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use gavel_core::wire::FollowView;

use super::identity::{Caller, SignedIn};
use super::path::AuctionPath;
use super::problem::ApiError;
use super::query::LinkQuery;
use crate::catalog::Catalog;
use crate::ledger::Ledger;
use crate::notify::{Links, Notifications};
use crate::users::Users;

/// Nothing may be loaded, run, framed, or sent elsewhere.
const POLICY: &str = "default-src 'none'; form-action 'self'; frame-ancestors 'none'";

/// The page with the button, which asks for the same address again, with POST.
const ASK: &str = "<!doctype html>\n<html lang=\"en\">\n<title>Unsubscribe</title>\n\
    <p>No more messages about auctions?</p>\n\
    <form method=\"post\"><button name=\"List-Unsubscribe\" value=\"One-Click\">Unsubscribe</button>\
    </form>\n</html>\n";

/// What it says afterwards.
const DONE: &str = "<!doctype html>\n<html lang=\"en\">\n<title>Unsubscribed</title>\n\
    <p>You will get no more messages about auctions. Your profile's settings can bring them back.</p>\n\
    </html>\n";

/// `PUT /v1/auctions/{id}/follow`.
pub(super) async fn follow(
    parts: (State<Catalog>, State<Ledger>, State<Notifications>),
    caller: SignedIn,
    path: AuctionPath,
) -> Result<Json<FollowView>, ApiError> {
    set(parts, caller, path, true).await
}

/// `DELETE /v1/auctions/{id}/follow`.
pub(super) async fn unfollow(
    parts: (State<Catalog>, State<Ledger>, State<Notifications>),
    caller: SignedIn,
    path: AuctionPath,
) -> Result<Json<FollowView>, ApiError> {
    set(parts, caller, path, false).await
}

async fn set(
    (catalog, ledger, notifications): (State<Catalog>, State<Ledger>, State<Notifications>),
    caller: SignedIn,
    AuctionPath(id): AuctionPath,
    following: bool,
) -> Result<Json<FollowView>, ApiError> {
    catalog.get(&id).await?;
    // Replayed, it would undo what was asked for since.
    if ledger.first_use(&id, caller.request_id()).await? {
        if following {
            notifications.follow(&id, &caller.user).await?;
        } else {
            notifications.unfollow(&id, &caller.user).await?;
        }
    }
    Ok(Json(FollowView { auction_id: id, following }))
}

/// `GET /v1/unsubscribe?token=`: asks.
pub(super) async fn ask(
    State(links): State<Links>,
    _caller: Caller,
    LinkQuery(query): LinkQuery,
) -> Result<Response, ApiError> {
    links.user(&query.token).ok_or_else(unknown)?;
    Ok(page(ASK))
}

/// `POST /v1/unsubscribe?token=`: does it. Again, it changes nothing.
pub(super) async fn unsubscribe(
    State(links): State<Links>,
    State(users): State<Users>,
    _caller: Caller,
    LinkQuery(query): LinkQuery,
) -> Result<Response, ApiError> {
    let user = links.user(&query.token).ok_or_else(unknown)?;
    users.unsubscribe(&user).await?;
    metrics::counter!("gavel_notify_unsubscribed_total").increment(1);
    Ok(page(DONE))
}

fn unknown() -> ApiError {
    ApiError::field("token", "is not from a link of ours")
}

fn page(html: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, html).into_response()
}
