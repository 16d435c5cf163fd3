//! From method and path to what is asked. Paths are matched whole and ids by their type, so what
//! passes here can be forwarded as it came.
//!
//! The routes are those of `gavel_core::wire::routes`. Queries are not looked at; `validate::query` does.

use gavel_core::ids::{AuctionId, BidId, MessageId};
use gavel_core::wire::routes::{self, ROUTES, Route};
use http::Method;

use crate::refusal::Refusal;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The route.
    pub route: &'static Route,
    /// The auction in its path, or that of the bid or the message there.
    pub auction: Option<AuctionId>,
}

impl Target {
    /// Finds the route, or says that there is none, or none with this method.
    pub fn find(method: &Method, path: &str) -> Result<Self, Refusal> {
        let asked = routes::Method::asked(method.as_str());
        ROUTES
            .iter()
            .filter(|route| Some(route.method) == asked)
            .find_map(|route| Self::of(route, path))
            .ok_or_else(|| missed(path))
    }

    /// The code of the region it belongs to; `None` is the home region.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.auction.as_ref().map(AuctionId::region)
    }

    /// The target, if `path` is `route`'s with ids of the right kinds. No id has a slash, so each is
    /// one segment. They are looked at from the end, where paths differ most.
    fn of(route: &'static Route, path: &str) -> Option<Self> {
        let (mut template, mut path, mut auction) = (route.path, path, None);
        while let Some((before, after)) = template.rsplit_once('{') {
            let (kind, after) = after.split_once('}')?;
            let (rest, id) = path.strip_suffix(after)?.rsplit_once('/')?;
            let of = match kind {
                "id" => AuctionId::parse(id).ok()?,
                "bid_id" => BidId::parse(id).ok()?.auction(),
                "message_id" => MessageId::parse(id).ok()?.auction(),
                _ => return None,
            };
            // A message of another auction is not in this one.
            if auction.replace(of).is_some_and(|other| Some(other) != auction) {
                return None;
            }
            (template, path) = (before.strip_suffix('/')?, rest);
        }
        (path == template).then_some(Self { route, auction })
    }
}

/// Why no route has this path and the method that was asked for.
fn missed(path: &str) -> Refusal {
    let there = ROUTES.iter().filter(|route| Target::of(route, path).is_some());
    let allow: Vec<&str> = there
        .map(|route| match route.method {
            routes::Method::Get => "GET, HEAD",
            other => other.as_str(),
        })
        .collect();
    if allow.is_empty() {
        return Refusal::NotFound;
    }
    Refusal::MethodNotAllowed { allow: allow.join(", ") }
}

#[cfg(test)]
mod tests {
    use gavel_core::wire::routes::Name;

    use super::*;

    const AUCTION: &str = "use1_01928e2c-7f3e-7abc-8def-0123456789ab";

    fn find(method: &str, path: &str) -> Result<Target, Refusal> {
        let part = format!("{AUCTION}_{}", "0".repeat(32));
        let path = path.replace("{id}", AUCTION);
        let path = path.replace("{bid_id}", &part).replace("{message_id}", &part);
        Target::find(&method.parse().unwrap(), &path)
    }

    #[test]
    fn every_route_of_the_api_is_found_and_its_auction_told() {
        for route in ROUTES {
            let found = find(route.method.as_str(), route.path).unwrap();
            let auction = found.auction.as_ref().map(AuctionId::as_str);
            assert_eq!(found.route, route);
            assert_eq!(auction, route.path.contains("id}").then_some(AUCTION), "{}", route.path);
        }
        let bid = find("POST", &format!("/v1/auctions/{AUCTION}/bids")).unwrap();
        assert_eq!(bid.route.name, Name::PlaceBid);
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
            "v1/auctions",
            "//v1/auctions",
            "/x/v1/auctions",
            "/v1/auctions/nonsense",
            "/v1/auctions/{id}/",
            "/v1/auctions/{id}/chat/",
            "/v1/auctions/{id}/chat/{id}",
            "/v1/auctions/use1_01928e2c-7f3e-7abc-8def-0123456789ac/chat/{message_id}",
            "/v1/auctions/nonsense/chat/{message_id}",
            "/v1/auctions/{id}/bids/",
            "/v1/auctions/{id}/explode",
            "/v1/auctions/{id}/../../me/bids",
            "/v1/auctions/%75se1_01928e2c-7f3e-7abc-8def-0123456789ab",
            "/v1/auctions/{bid_id}",
            "/v1/bids/{id}",
            "/v1/me/",
            "/healthz/",
            "/HEALTHZ",
        ] {
            for method in ["GET", "POST", "DELETE", "PROPFIND"] {
                assert_eq!(find(method, path), Err(Refusal::NotFound), "{method} {path}");
            }
        }
        for route in ROUTES.iter().filter(|route| route.path.contains('{')) {
            let unread = Target::find(&Method::GET, route.path);
            assert_eq!(unread, Err(Refusal::NotFound), "{} is no path", route.path);
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
            ("GET", "/v1/auctions/{id}/chat/{message_id}/mute", "PUT, DELETE"),
            ("get", "/v1/auctions", "GET, HEAD, POST"),
        ] {
            let expected = Err(Refusal::MethodNotAllowed { allow: allow.to_owned() });
            assert_eq!(find(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn whatever_can_be_got_can_be_asked_for_its_head() {
        for route in ROUTES {
            let (head, get) = (find("HEAD", route.path), find("GET", route.path));
            assert_eq!(head, get, "{}", route.path);
        }
    }

    #[test]
    fn auctions_and_bids_go_to_the_region_in_their_id() {
        let region = |method, path| find(method, path).unwrap().region().map(str::to_owned);
        assert_eq!(region("GET", "/v1/auctions/{id}").as_deref(), Some("use1"));
        let bid = format!("/v1/bids/eu2_{}_{}", &AUCTION[5..], "a".repeat(32));
        assert_eq!(region("GET", &bid).as_deref(), Some("eu2"));
        assert_eq!(region("GET", "/v1/me/bids"), None);
        assert_eq!(region("POST", "/v1/auctions"), None);
    }
}
