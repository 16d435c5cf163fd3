//! The way of a request through the gateway, one step after another.
//!
//! Cheap checks come first, and nothing is read or verified for somebody who is over their limit.

use std::rc::Rc;

use gavel_core::ids::{BidId, IdempotencyKey};
use gavel_core::time::Timestamp;
use gavel_core::wire::routes::{Name, Route};
use gavel_core::wire::settled_at;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Request};

use crate::affinity::Workers;
use crate::auth::{AuthState, Identity, authenticate};
use crate::config::Config;
use crate::forward::{Checked, forward};
use crate::health;
use crate::limit::{Limiter, Limits, Share};
use crate::ports::{IncomingBody, Ports};
use crate::refusal::Refusal;
use crate::reply::{self, Marks, NamedBid, Reply};
use crate::route::Target;
use crate::trace::Trace;
use crate::validate::headers::{client_address, idempotency_key, limited_party, refuse_duplicates};
use crate::validate::{body, query};

/// What an instance keeps between requests.
#[derive(Debug)]
pub struct Gateway {
    /// The configuration.
    pub config: Config,
    /// Keys and verified tokens.
    pub auth: AuthState,
    /// Who has sent how much.
    pub limits: Rc<Limits>,
    /// Which workers could not be reached.
    pub workers: Workers,
}

impl Gateway {
    /// A fresh one.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let auth = AuthState::new(&config);
        let limits = Rc::new(Limits::new(&config));
        Self { config, auth, limits, workers: Workers::default() }
    }
}

/// Answers one request. `gateway` is `None` when the configuration is unusable, which the caller has
/// logged.
pub async fn handle<P: Ports>(
    ports: &P,
    gateway: Option<&Gateway>,
    request: Request<impl IncomingBody>,
) -> Reply<P::Body> {
    // Names the request, and its trace where it belongs to none yet.
    let drawn = ports.bytes();
    let mut marks = Marks {
        request_id: uuid(drawn),
        head_only: request.method() == Method::HEAD,
        ..Marks::default()
    };
    let reply = serve(ports, gateway, request, drawn, &mut marks)
        .await
        .unwrap_or_else(|refusal| reply::refuse(&refusal, marks.bid.as_ref()));
    reply::finish(reply, &marks)
}

async fn serve<P: Ports>(
    ports: &P,
    gateway: Option<&Gateway>,
    request: Request<impl IncomingBody>,
    drawn: [u8; 16],
    marks: &mut Marks,
) -> Result<Reply<P::Body>, Refusal> {
    let (head, body) = request.into_parts();
    let target = Target::find(&head.method, head.uri.path());
    if target.as_ref().is_ok_and(|target| target.route.name == Name::Health) {
        return Ok(reply::ok());
    }
    refuse_duplicates(&head.headers)?;
    let gateway = gateway.ok_or(Refusal::Unavailable("the edge is not configured"))?;
    let Gateway { config, auth, limits, workers } = gateway;
    let address = client_address(&head.headers)?;
    let party = limited_party(&address);
    // Who shows a token is asked for by name further on.
    let share = match head.headers.contains_key(AUTHORIZATION) {
        true => Share::Later,
        false => Share::First,
    };
    limits.take(ports, Limiter::Address, &party, share).await?;

    let target = target?;
    let route = target.route;
    if route.name == Name::Ready {
        return health::ready(ports, config, auth).await.map(|()| reply::ok());
    }
    let region = config.region(target.region()).ok_or(Refusal::NotFound)?;
    let identity = authenticate(ports, config, auth, limits, &head.headers, &party).await?;
    marks.shared = identity.is_none() && head.method.is_safe();
    // Who is known and turned away from here on is told which bid that was.
    let key = repeatable_by(route, &head.headers, &marks.request_id);
    marks.idempotency_key = key.as_ref().ok().cloned().flatten();
    marks.bid = bid(&target, identity.as_deref(), marks.idempotency_key.as_ref(), ports.now_ms());
    match &identity {
        Some(identity) if route.counts_against_user() => {
            limits.take(ports, Limiter::User, identity.user.as_str(), Share::First).await?;
        }
        None if route.needs_user() => return Err(Refusal::TokenMissing),
        _ => {}
    }
    let query = query::check(route, head.uri.query())?;
    key?;
    let body = body::read(ports, route, &head.headers, body).await?;
    // Only now: who holds the body back, to see the price first, arrives late.
    let arrived_at_ms = ports.now_ms();
    if let Some(bid) = &mut marks.bid {
        bid.settled_at = settled_at(timestamp(arrived_at_ms));
    }
    let checked = Checked {
        affinity: target.auction.as_ref().map_or(&marks.request_id, |auction| auction.as_str()),
        path: &path_and_query(head.uri.path(), &query),
        // The head of what GET gets is all there is to HEAD, so a region need not know it.
        method: if marks.head_only { Method::GET } else { head.method.clone() },
        body,
        identity: identity.as_deref(),
        address: address.to_string(),
        arrived_at_ms,
        idempotency_key: marks.idempotency_key.as_ref(),
        request_id: &marks.request_id,
        trace: Trace::of(&head.headers, drawn),
    };
    let answer = forward(ports, config, workers, region, checked).await?;
    reply::relay(answer, marks)
}

/// What names the request for repeats, on a route where they are recognised.
fn repeatable_by(
    route: &Route,
    headers: &HeaderMap,
    request_id: &str,
) -> Result<Option<IdempotencyKey>, Refusal> {
    if !route.takes_idempotency_key() {
        return Ok(None);
    }
    let given = idempotency_key(headers)?;
    // What names the request names it for repeats as well.
    let key = given.map_or_else(|| IdempotencyKey::parse(request_id), Ok);
    key.map(Some).map_err(|_| Refusal::Unavailable("no idempotency key could be made"))
}

/// The bid that a request is to place, if it is and everything that makes its id is known.
fn bid(
    target: &Target,
    identity: Option<&Identity>,
    key: Option<&IdempotencyKey>,
    now_ms: u64,
) -> Option<NamedBid> {
    let auction = target.auction.as_ref().filter(|_| target.route.name == Name::PlaceBid)?;
    let id = BidId::derive(auction, &identity?.user, key?);
    // Nothing was sent yet; but what was sent before, with the same key, is settled by then, too.
    Some(NamedBid { id, settled_at: settled_at(timestamp(now_ms)) })
}

fn timestamp(ms: u64) -> Timestamp {
    Timestamp::from_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn path_and_query(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A version 4 UUID as text.
fn uuid(random: [u8; 16]) -> String {
    uuid::Builder::from_random_bytes(random).into_uuid().hyphenated().to_string()
}

#[cfg(test)]
mod tests;
