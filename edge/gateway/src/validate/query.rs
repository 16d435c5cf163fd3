//! The query, by the rules that the workers have too. Its length is the edge's own business.

use std::borrow::Cow;

use gavel_core::wire::query::{self, LinkQuery, ListQuery, PageQuery};

use crate::limits::QUERY_BYTES_MAX;
use crate::refusal::Refusal;
use crate::route::Route;

/// Checks the query of a route. What is given back is forwarded: the same, but for what tools added to a
/// link.
pub fn check<'a>(route: &Route, query: Option<&'a str>) -> Result<Cow<'a, str>, Refusal> {
    let query = query.unwrap_or_default();
    if query.len() > QUERY_BYTES_MAX {
        let reason = format!("may have at most {QUERY_BYTES_MAX} bytes");
        return Err(Refusal::field("query", &reason));
    }
    let query = match route.is_linked() {
        true => query::without_added(query),
        false => Cow::Borrowed(query),
    };
    let checked = match route {
        Route::ListAuctions => ListQuery::parse(&query).map(drop),
        Route::Bids(_) | Route::OwnBids | Route::Chat(_) => PageQuery::parse(&query).map(drop),
        Route::Unsubscribe => LinkQuery::parse(&query).map(drop),
        _ => query::none(&query),
    };
    checked.map(|()| query).map_err(Refusal::Fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUCTION: &str = "/v1/auctions/use1_01928e2c-7f3e-7abc-8def-0123456789ab";

    fn faults(route: &Route, query: &str) -> Vec<String> {
        match check(route, Some(query)) {
            Ok(_) => Vec::new(),
            Err(Refusal::Fields(errors)) => errors.into_iter().map(|error| error.field).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_route_has_its_parameters() {
        let all = "status=live&category=art&cursor=a&limit=1";
        assert!(faults(&Route::ListAuctions, all).is_empty());
        assert!(faults(&Route::OwnBids, "cursor=a-b_c&limit=5").is_empty());
        assert!(faults(&Route::Unsubscribe, "token=dXNlcg.bWFj-_").is_empty());
        assert!(check(&Route::Health, None).is_ok());
        assert_eq!(faults(&Route::ListAuctions, "token=a"), ["token"]);
        assert_eq!(faults(&Route::OwnBids, "status=live"), ["status"]);
        assert_eq!(faults(&Route::Unsubscribe, ""), ["token"]);
        assert_eq!(faults(&Route::Unsubscribe, "token=a&x=1"), ["x"]);
        assert_eq!(faults(&Route::CreateAuction, "dry_run=1"), ["dry_run"]);
    }

    #[test]
    fn only_where_links_lead_what_tools_add_is_passed_over() {
        const ADDED: &str = "utm_source=mail&fbclid=x&_=1";
        for (method, path) in Route::all() {
            let id = "use1_01928e2c-7f3e-7abc-8def-0123456789ab";
            let long = format!("{id}_{}", "0".repeat(32));
            let real = path.replace("{id}", id).replace("{bid_id}", &long);
            let route = Route::find(method, &real.replace("{message_id}", &long)).unwrap();
            let query = if path == "/v1/unsubscribe" {
                format!("{ADDED}&token=a.b")
            } else {
                ADDED.to_owned()
            };
            let leads_here = path == "/v1/unsubscribe"
                || (path == "/v1/auctions/{id}" && method == http::Method::GET);
            assert_eq!(faults(&route, &query).is_empty(), leads_here, "{method} {path}");
        }
        let auction = Route::find(&http::Method::GET, AUCTION).unwrap();
        assert_eq!(check(&auction, Some(ADDED)), Ok("".into()), "none of it is forwarded");
        assert_eq!(faults(&auction, &format!("{ADDED}&x=1")), ["x"]);
    }

    #[test]
    fn a_query_that_is_too_long_is_refused_before_it_is_read() {
        let longest = "&".repeat(QUERY_BYTES_MAX);
        assert!(faults(&Route::ListAuctions, &longest).is_empty());
        assert_eq!(faults(&Route::ListAuctions, &format!("{longest}&")), ["query"]);
        assert_eq!(faults(&Route::CreateAuction, &format!("{longest}&")), ["query"]);
    }
}
