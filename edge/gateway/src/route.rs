//! From method and path to what is asked. Paths are matched whole and ids by their type, so what
//! passes here can be forwarded as it came.
//!
//! Queries are not looked at; `validate::query` does.

use gavel_core::ids::{AuctionId, BidId};
use http::Method;

use crate::refusal::Refusal;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `GET /healthz`
    Health,
    /// `GET /readyz`
    Ready,
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
    /// `POST /v1/auctions/{id}/bids`
    PlaceBid(AuctionId),
    /// `GET /v1/auctions/{id}/bids`
    Bids(AuctionId),
    /// `GET /v1/bids/{bid_id}`
    Bid(BidId),
    /// `GET /v1/me/bids`
    OwnBids,
}

impl Route {
    /// Finds the route, or says that there is none, or none with this method.
    pub fn find(method: &Method, path: &str) -> Result<Self, Refusal> {
        let segments: Vec<&str> = path.split('/').collect();
        let auction = |id: &str| AuctionId::parse(id).map_err(|_| Refusal::NotFound);
        match segments.as_slice() {
            ["", "healthz"] => get(method, Self::Health),
            ["", "readyz"] => get(method, Self::Ready),
            ["", "v1", "auctions"] => {
                get_or_post(method, || Self::ListAuctions, || Self::CreateAuction)
            }
            ["", "v1", "auctions", id] => {
                let id = auction(id)?;
                match *method {
                    Method::GET => Ok(Self::Auction(id)),
                    Method::PATCH => Ok(Self::EditAuction(id)),
                    _ => Err(Refusal::MethodNotAllowed { allow: "GET, PATCH" }),
                }
            }
            ["", "v1", "auctions", id, "state"] => get(method, Self::State(auction(id)?)),
            ["", "v1", "auctions", id, "bids"] => {
                let id = auction(id)?;
                get_or_post(method, || Self::Bids(id.clone()), || Self::PlaceBid(id.clone()))
            }
            ["", "v1", "auctions", id, "open" | "close" | "cancel" | "pause" | "resume"] => {
                only(method, &Method::POST, "POST", Self::Drive(auction(id)?))
            }
            ["", "v1", "bids", id] => {
                get(method, Self::Bid(BidId::parse(id).map_err(|_| Refusal::NotFound)?))
            }
            ["", "v1", "me", "bids"] => get(method, Self::OwnBids),
            _ => Err(Refusal::NotFound),
        }
    }

    /// Whether it takes a signed-in user.
    #[must_use]
    pub const fn needs_user(&self) -> bool {
        match self {
            Self::Health
            | Self::Ready
            | Self::ListAuctions
            | Self::Auction(_)
            | Self::State(_)
            | Self::Bids(_) => false,
            Self::CreateAuction
            | Self::EditAuction(_)
            | Self::Drive(_)
            | Self::PlaceBid(_)
            | Self::Bid(_)
            | Self::OwnBids => true,
        }
    }

    /// Whether it counts against the user's rate: whatever can change something.
    #[must_use]
    pub const fn changes(&self) -> bool {
        matches!(
            self,
            Self::CreateAuction | Self::EditAuction(_) | Self::Drive(_) | Self::PlaceBid(_)
        )
    }

    /// Whether repeats are recognised by an idempotency key.
    #[must_use]
    pub const fn takes_idempotency_key(&self) -> bool {
        matches!(self, Self::CreateAuction | Self::PlaceBid(_))
    }

    /// The code of the region it belongs to; `None` is the home region.
    #[must_use]
    pub fn region(&self) -> Option<String> {
        match self {
            Self::Auction(id)
            | Self::EditAuction(id)
            | Self::State(id)
            | Self::Drive(id)
            | Self::PlaceBid(id)
            | Self::Bids(id) => Some(id.region().to_owned()),
            Self::Bid(id) => Some(id.auction().region().to_owned()),
            _ => None,
        }
    }
}

fn only(
    method: &Method,
    wanted: &Method,
    allow: &'static str,
    route: Route,
) -> Result<Route, Refusal> {
    if method == wanted { Ok(route) } else { Err(Refusal::MethodNotAllowed { allow }) }
}

fn get(method: &Method, route: Route) -> Result<Route, Refusal> {
    only(method, &Method::GET, "GET", route)
}

fn get_or_post(
    method: &Method,
    on_get: impl FnOnce() -> Route,
    on_post: impl FnOnce() -> Route,
) -> Result<Route, Refusal> {
    match *method {
        Method::GET => Ok(on_get()),
        Method::POST => Ok(on_post()),
        _ => Err(Refusal::MethodNotAllowed { allow: "GET, POST" }),
    }
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
        let table = [
            ("GET", "/healthz".to_owned(), Route::Health),
            ("GET", "/readyz".to_owned(), Route::Ready),
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
            ("GET", format!("/v1/bids/{bid}"), Route::Bid(BidId::parse(&bid).unwrap())),
            ("GET", "/v1/me/bids".to_owned(), Route::OwnBids),
        ];
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
            "/v1/auctions/{id}/chat",
            "/v1/auctions/{id}/bids/",
            "/v1/auctions/{id}/explode",
            "/v1/auctions/{id}/../../me/bids",
            "/v1/auctions/%75se1_01928e2c-7f3e-7abc-8def-0123456789ab",
            "/v1/bids/{id}",
            "/v1/me",
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
            ("POST", "/healthz", "GET"),
            ("DELETE", "/v1/auctions", "GET, POST"),
            ("PUT", "/v1/auctions/{id}", "GET, PATCH"),
            ("GET", "/v1/auctions/{id}/open", "POST"),
            ("PUT", "/v1/auctions/{id}/bids", "GET, POST"),
            ("POST", "/v1/me/bids", "GET"),
            ("HEAD", "/v1/auctions/{id}/state", "GET"),
        ] {
            let expected = Err(Refusal::MethodNotAllowed { allow });
            assert_eq!(find(method, path), expected, "{method} {path}");
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
