//! From method and path to what is asked. Paths are matched whole and ids by their type, so what
//! passes here can be forwarded as it came. Wherever there is GET there is HEAD, which is the same route.
//!
//! Queries are not looked at; `validate::query` does.

use gavel_core::ids::{AuctionId, BidId, MessageId};
use http::Method;

use crate::refusal::Refusal;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `GET /healthz`
    Health,
    /// `GET /readyz`
    Ready,
    /// `GET /v1/openapi.json`
    Contract,
    /// `POST /v1/auctions`
    CreateAuction,
    /// `GET /v1/auctions`
    ListAuctions,
    /// `GET /v1/auctions/{id}`
    Auction(AuctionId),
    /// `PATCH /v1/auctions/{id}`
    EditAuction(AuctionId),
    /// `GET /v1/auctions/{id}/state`
    State(AuctionId),
    /// `POST /v1/auctions/{id}/{open,close,cancel,pause,resume}`
    Drive(AuctionId),
    /// `GET /v1/auctions/{id}/ingest`
    Ingest(AuctionId),
    /// `POST /v1/auctions/{id}/ingest/reset`
    ResetKey(AuctionId),
    /// `GET /v1/auctions/{id}/playback`
    Playback(AuctionId),
    /// `POST /v1/auctions/{id}/playback/revoke`
    RevokeViewer(AuctionId),
    /// `POST /v1/auctions/{id}/bids`
    PlaceBid(AuctionId),
    /// `GET /v1/auctions/{id}/bids`
    Bids(AuctionId),
    /// `PUT` and `DELETE /v1/auctions/{id}/follow`
    Follow(AuctionId),
    /// `GET` and `POST /v1/unsubscribe`
    Unsubscribe,
    /// `GET /v1/bids/{bid_id}`
    Bid(BidId),
    /// `GET /v1/me/bids`
    OwnBids,
    /// `GET /v1/me`
    Me,
    /// `PATCH /v1/me`
    EditMe,
    /// `DELETE /v1/me`
    DeleteMe,
    /// `GET /v1/auctions/{id}/chat`
    Chat(AuctionId),
    /// `POST /v1/auctions/{id}/chat`
    PostChat(AuctionId),
    /// `DELETE /v1/auctions/{id}/chat/{message_id}`, `PUT` and `DELETE` of `/mute` below it
    ModerateChat(MessageId),
}

/// How a route is made of the id in its path.
#[derive(Clone, Copy)]
enum Make {
    Plain(fn() -> Route),
    Auction(fn(AuctionId) -> Route),
    Bid(fn(BidId) -> Route),
    Message(fn(MessageId) -> Route),
}

/// Every route: its method, its path with `{id}`, `{bid_id}` or `{message_id}` in place of the id, what
/// it becomes.
static TABLE: &[(Method, &str, Make)] = &[
    (Method::GET, "/healthz", Make::Plain(|| Route::Health)),
    (Method::GET, "/readyz", Make::Plain(|| Route::Ready)),
    (Method::GET, "/v1/openapi.json", Make::Plain(|| Route::Contract)),
    (Method::GET, "/v1/auctions", Make::Plain(|| Route::ListAuctions)),
    (Method::POST, "/v1/auctions", Make::Plain(|| Route::CreateAuction)),
    (Method::GET, "/v1/auctions/{id}", Make::Auction(Route::Auction)),
    (Method::PATCH, "/v1/auctions/{id}", Make::Auction(Route::EditAuction)),
    (Method::GET, "/v1/auctions/{id}/state", Make::Auction(Route::State)),
    (Method::POST, "/v1/auctions/{id}/open", Make::Auction(Route::Drive)),
    (Method::POST, "/v1/auctions/{id}/close", Make::Auction(Route::Drive)),
    (Method::POST, "/v1/auctions/{id}/cancel", Make::Auction(Route::Drive)),
    (Method::POST, "/v1/auctions/{id}/pause", Make::Auction(Route::Drive)),
    (Method::POST, "/v1/auctions/{id}/resume", Make::Auction(Route::Drive)),
    (Method::GET, "/v1/auctions/{id}/ingest", Make::Auction(Route::Ingest)),
    (Method::POST, "/v1/auctions/{id}/ingest/reset", Make::Auction(Route::ResetKey)),
    (Method::GET, "/v1/auctions/{id}/playback", Make::Auction(Route::Playback)),
    (Method::POST, "/v1/auctions/{id}/playback/revoke", Make::Auction(Route::RevokeViewer)),
    (Method::GET, "/v1/auctions/{id}/bids", Make::Auction(Route::Bids)),
    (Method::POST, "/v1/auctions/{id}/bids", Make::Auction(Route::PlaceBid)),
    (Method::PUT, "/v1/auctions/{id}/follow", Make::Auction(Route::Follow)),
    (Method::DELETE, "/v1/auctions/{id}/follow", Make::Auction(Route::Follow)),
    (Method::GET, "/v1/unsubscribe", Make::Plain(|| Route::Unsubscribe)),
    (Method::POST, "/v1/unsubscribe", Make::Plain(|| Route::Unsubscribe)),
    (Method::GET, "/v1/bids/{bid_id}", Make::Bid(Route::Bid)),
    (Method::GET, "/v1/me/bids", Make::Plain(|| Route::OwnBids)),
    (Method::GET, "/v1/me", Make::Plain(|| Route::Me)),
    (Method::PATCH, "/v1/me", Make::Plain(|| Route::EditMe)),
    (Method::DELETE, "/v1/me", Make::Plain(|| Route::DeleteMe)),
    (Method::GET, "/v1/auctions/{id}/chat", Make::Auction(Route::Chat)),
    (Method::POST, "/v1/auctions/{id}/chat", Make::Auction(Route::PostChat)),
    (Method::DELETE, "/v1/auctions/{id}/chat/{message_id}", Make::Message(Route::ModerateChat)),
    (Method::PUT, "/v1/auctions/{id}/chat/{message_id}/mute", Make::Message(Route::ModerateChat)),
    (
        Method::DELETE,
        "/v1/auctions/{id}/chat/{message_id}/mute",
        Make::Message(Route::ModerateChat),
    ),
];

impl Route {
    /// Every method and path, with `{id}` or `{bid_id}` in place of an id.
    pub fn all() -> impl Iterator<Item = (&'static Method, &'static str)> {
        TABLE.iter().map(|(method, path, _)| (method, *path))
    }

    /// Finds the route, or says that there is none, or none with this method.
    pub fn find(method: &Method, path: &str) -> Result<Self, Refusal> {
        let mut allow = Vec::new();
        for (allowed, template, make) in TABLE {
            if let Some(route) = make.matched(template, path) {
                if method == allowed || (method == Method::HEAD && allowed == Method::GET) {
                    return Ok(route);
                }
                allow.push(if allowed == Method::GET { "GET, HEAD" } else { allowed.as_str() });
            }
        }
        if allow.is_empty() {
            return Err(Refusal::NotFound);
        }
        Err(Refusal::MethodNotAllowed { allow: allow.join(", ") })
    }

    /// Whether it takes a signed-in user.
    #[must_use]
    pub const fn needs_user(&self) -> bool {
        match self {
            Self::Health
            | Self::Ready
            | Self::Contract
            | Self::ListAuctions
            | Self::Auction(_)
            | Self::State(_)
            | Self::Playback(_)
            | Self::Bids(_)
            | Self::Chat(_)
            | Self::Unsubscribe => false,
            Self::CreateAuction
            | Self::EditAuction(_)
            | Self::Drive(_)
            | Self::Ingest(_)
            | Self::ResetKey(_)
            | Self::RevokeViewer(_)
            | Self::PlaceBid(_)
            | Self::Follow(_)
            | Self::Bid(_)
            | Self::OwnBids
            | Self::Me
            | Self::EditMe
            | Self::DeleteMe
            | Self::PostChat(_)
            | Self::ModerateChat(_) => true,
        }
    }

    /// Whether it counts against the user's rate: whatever can change something.
    #[must_use]
    pub const fn changes(&self) -> bool {
        matches!(
            self,
            Self::CreateAuction
                | Self::EditAuction(_)
                | Self::Drive(_)
                | Self::ResetKey(_)
                | Self::RevokeViewer(_)
                | Self::PlaceBid(_)
                | Self::EditMe
                | Self::DeleteMe
                | Self::PostChat(_)
                | Self::ModerateChat(_)
                | Self::Follow(_)
        )
    }

    /// Whether people come here by links, in messages or shared, to which others' tools add parameters.
    #[must_use]
    pub const fn is_linked(&self) -> bool {
        matches!(self, Self::Auction(_) | Self::Unsubscribe)
    }

    /// Whether repeats are recognised by an idempotency key.
    #[must_use]
    pub const fn takes_idempotency_key(&self) -> bool {
        matches!(self, Self::CreateAuction | Self::PlaceBid(_) | Self::PostChat(_))
    }

    /// The code of the region it belongs to; `None` is the home region.
    #[must_use]
    pub fn region(&self) -> Option<String> {
        match self {
            Self::Auction(id)
            | Self::EditAuction(id)
            | Self::State(id)
            | Self::Drive(id)
            | Self::Ingest(id)
            | Self::ResetKey(id)
            | Self::Playback(id)
            | Self::RevokeViewer(id)
            | Self::PlaceBid(id)
            | Self::Bids(id)
            | Self::Chat(id)
            | Self::PostChat(id)
            | Self::Follow(id) => Some(id.region().to_owned()),
            Self::ModerateChat(id) => Some(id.auction().region().to_owned()),
            Self::Bid(id) => Some(id.auction().region().to_owned()),
            _ => None,
        }
    }
}

impl Make {
    /// The route, if `path` is `template` with an id of the right kind.
    fn matched(self, template: &str, path: &str) -> Option<Route> {
        match self {
            Self::Plain(make) => (path == template).then(make),
            Self::Auction(make) => {
                within(template, "{id}", path).and_then(|id| AuctionId::parse(id).ok()).map(make)
            }
            Self::Bid(make) => {
                within(template, "{bid_id}", path).and_then(|id| BidId::parse(id).ok()).map(make)
            }
            Self::Message(make) => {
                let (auction, rest) = path.strip_prefix("/v1/auctions/")?.split_once('/')?;
                let template = template.strip_prefix("/v1/auctions/{id}/")?;
                let id = MessageId::parse(within(template, "{message_id}", rest)?).ok()?;
                // A message of another auction is not in this one.
                (id.auction().as_str() == auction).then(|| make(id))
            }
        }
    }
}

/// What stands in `path` where `template` has `place`. No id has a slash, so it is one segment.
fn within<'a>(template: &str, place: &str, path: &'a str) -> Option<&'a str> {
    let (before, after) = template.split_once(place)?;
    path.strip_prefix(before)?.strip_suffix(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUCTION: &str = "use1_01928e2c-7f3e-7abc-8def-0123456789ab";

    fn find(method: &str, path: &str) -> Result<Route, Refusal> {
        Route::find(&method.parse().unwrap(), &path.replace("{id}", AUCTION))
    }

    #[test]
    fn every_path_of_the_api_is_found() {
        let id = || AuctionId::parse(AUCTION).unwrap();
        let bid = format!("{AUCTION}_{}", "0".repeat(32));
        let moderate = || Route::ModerateChat(MessageId::parse(&bid).unwrap());
        let table = [
            ("GET", "/healthz".to_owned(), Route::Health),
            ("GET", "/readyz".to_owned(), Route::Ready),
            ("GET", "/v1/openapi.json".to_owned(), Route::Contract),
            ("GET", "/v1/auctions".to_owned(), Route::ListAuctions),
            ("POST", "/v1/auctions".to_owned(), Route::CreateAuction),
            ("GET", "/v1/auctions/{id}".to_owned(), Route::Auction(id())),
            ("PATCH", "/v1/auctions/{id}".to_owned(), Route::EditAuction(id())),
            ("GET", "/v1/auctions/{id}/state".to_owned(), Route::State(id())),
            ("GET", "/v1/auctions/{id}/bids".to_owned(), Route::Bids(id())),
            ("POST", "/v1/auctions/{id}/bids".to_owned(), Route::PlaceBid(id())),
            ("POST", "/v1/auctions/{id}/open".to_owned(), Route::Drive(id())),
            ("POST", "/v1/auctions/{id}/close".to_owned(), Route::Drive(id())),
            ("POST", "/v1/auctions/{id}/cancel".to_owned(), Route::Drive(id())),
            ("POST", "/v1/auctions/{id}/pause".to_owned(), Route::Drive(id())),
            ("POST", "/v1/auctions/{id}/resume".to_owned(), Route::Drive(id())),
            ("GET", "/v1/auctions/{id}/ingest".to_owned(), Route::Ingest(id())),
            ("POST", "/v1/auctions/{id}/ingest/reset".to_owned(), Route::ResetKey(id())),
            ("GET", "/v1/auctions/{id}/playback".to_owned(), Route::Playback(id())),
            ("POST", "/v1/auctions/{id}/playback/revoke".to_owned(), Route::RevokeViewer(id())),
            ("GET", format!("/v1/bids/{bid}"), Route::Bid(BidId::parse(&bid).unwrap())),
            ("GET", "/v1/me/bids".to_owned(), Route::OwnBids),
            ("GET", "/v1/me".to_owned(), Route::Me),
            ("PATCH", "/v1/me".to_owned(), Route::EditMe),
            ("DELETE", "/v1/me".to_owned(), Route::DeleteMe),
            ("GET", "/v1/auctions/{id}/chat".to_owned(), Route::Chat(id())),
            ("POST", "/v1/auctions/{id}/chat".to_owned(), Route::PostChat(id())),
            ("DELETE", format!("/v1/auctions/{{id}}/chat/{bid}"), moderate()),
            ("PUT", format!("/v1/auctions/{{id}}/chat/{bid}/mute"), moderate()),
            ("DELETE", format!("/v1/auctions/{{id}}/chat/{bid}/mute"), moderate()),
            ("PUT", "/v1/auctions/{id}/follow".to_owned(), Route::Follow(id())),
            ("DELETE", "/v1/auctions/{id}/follow".to_owned(), Route::Follow(id())),
            ("GET", "/v1/unsubscribe".to_owned(), Route::Unsubscribe),
            ("POST", "/v1/unsubscribe".to_owned(), Route::Unsubscribe),
        ];
        assert_eq!(table.len(), Route::all().count());
        for (method, path, route) in table {
            assert_eq!(find(method, &path), Ok(route), "{method} {path}");
        }
    }

    #[test]
    fn an_unknown_path_is_not_found_whatever_the_method() {
        for path in [
            "",
            "/",
            "/v1",
            "/v1/",
            "/v1/auctions/",
            "/v1//auctions",
            "/v2/auctions",
            "/v1/auctions/nonsense",
            "/v1/auctions/{id}/",
            "/v1/auctions/{id}/chat/",
            "/v1/auctions/{id}/chat/{id}",
            "/v1/auctions/{id}/chat/use1_01928e2c-7f3e-7abc-8def-0123456789ac_00000000000000000000000000000000",
            "/v1/auctions/{id}/bids/",
            "/v1/auctions/{id}/explode",
            "/v1/auctions/{id}/../../me/bids",
            "/v1/auctions/%75se1_01928e2c-7f3e-7abc-8def-0123456789ab",
            "/v1/bids/{id}",
            "/v1/me/",
            "/healthz/",
            "/HEALTHZ",
        ] {
            for method in ["GET", "POST", "DELETE"] {
                assert_eq!(find(method, path), Err(Refusal::NotFound), "{method} {path}");
            }
        }
    }

    #[test]
    fn a_wrong_method_is_told_which_are_right() {
        for (method, path, allow) in [
            ("POST", "/healthz", "GET, HEAD"),
            ("DELETE", "/v1/auctions", "GET, HEAD, POST"),
            ("PUT", "/v1/auctions/{id}", "GET, HEAD, PATCH"),
            ("GET", "/v1/auctions/{id}/open", "POST"),
            ("PUT", "/v1/auctions/{id}/bids", "GET, HEAD, POST"),
            ("POST", "/v1/me/bids", "GET, HEAD"),
            ("PUT", "/v1/me", "GET, HEAD, PATCH, DELETE"),
            ("HEAD", "/v1/auctions/{id}/open", "POST"),
            ("OPTIONS", "/v1/auctions/{id}/state", "GET, HEAD"),
        ] {
            let expected = Err(Refusal::MethodNotAllowed { allow: allow.to_owned() });
            assert_eq!(find(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn whatever_can_be_got_can_be_asked_for_its_head() {
        let id = |path: &str| {
            let long = format!("{AUCTION}_{}", "0".repeat(32));
            path.replace("{bid_id}", &long).replace("{message_id}", &long)
        };
        for (method, path) in Route::all() {
            let (head, get) = (find("HEAD", &id(path)), find("GET", &id(path)));
            assert_eq!(head.is_ok(), get.is_ok(), "{path}");
            if method == Method::GET {
                assert_eq!(head, get, "{path}");
            }
        }
    }

    #[test]
    fn auctions_and_bids_go_to_the_region_in_their_id() {
        assert_eq!(find("GET", "/v1/auctions/{id}").unwrap().region().as_deref(), Some("use1"));
        let bid = format!("/v1/bids/eu2_{}_{}", &AUCTION[5..], "a".repeat(32));
        assert_eq!(find("GET", &bid).unwrap().region().as_deref(), Some("eu2"));
        assert_eq!(find("GET", "/v1/me/bids").unwrap().region(), None);
        assert_eq!(find("POST", "/v1/auctions").unwrap().region(), None);
    }
}
