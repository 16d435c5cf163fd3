//! The table against what is known of the API without it.

use std::collections::BTreeSet;

use super::*;
use crate::limits::{
    AUCTION_BODY_BYTES_MAX, BID_BODY_BYTES_MAX, CHAT_BODY_BYTES_MAX, EMPTY_BODY_BYTES_MAX,
    ME_BODY_BYTES_MAX, VIEWER_BODY_BYTES_MAX,
};

fn named(which: impl Fn(&Route) -> bool) -> Vec<&'static str> {
    ROUTES.iter().filter(|route| which(route)).map(|route| route.name.as_str()).collect()
}

#[test]
fn every_route_is_found_by_its_name_and_by_its_method_and_path() {
    for route in ROUTES {
        assert_eq!(route.name.route(), route);
        assert_eq!(Route::of(route.method.as_str(), route.path), Some(route));
    }
    assert_eq!(Name::PlaceBid.as_str(), "PlaceBid");
    assert_eq!(Route::of("HEAD", "/v1/me"), Some(Name::GetMe.route()));
    for (method, path) in [("POST", "/v1/me"), ("get", "/v1/me"), ("GET", "/v1/you")] {
        assert_eq!(Route::of(method, path), None, "{method} {path}");
    }
}

#[test]
fn no_path_has_a_part_that_nobody_can_read() {
    let known = ["{id}", "{bid_id}", "{message_id}"];
    for part in ROUTES.iter().flat_map(|route| route.path.split('/')) {
        assert!(known.contains(&part) || !part.contains(['{', '}']), "{part}");
    }
}

#[test]
fn only_what_is_public_is_shown_to_anyone() {
    let public = [
        "Health",
        "Ready",
        "GetContract",
        "ListAuctions",
        "GetAuction",
        "GetAuctionState",
        "ListBids",
        "GetPlayback",
        "ListChat",
        "ShowUnsubscribe",
        "Unsubscribe",
    ];
    assert_eq!(named(|route| !route.needs_user()), public);
}

#[test]
fn what_a_user_changes_counts_against_their_rate_and_what_they_read_does_not() {
    let reads = ["GetBid", "ListOwnBids", "GetIngest", "GetMe"];
    assert_eq!(named(|route| route.needs_user() && !route.counts_against_user()), reads);
    assert!(!Name::Unsubscribe.route().counts_against_user(), "it is in nobody's name");
}

#[test]
fn what_makes_a_new_thing_takes_an_idempotency_key() {
    let makers = ["CreateAuction", "PlaceBid", "PostChat"];
    assert_eq!(named(Route::takes_idempotency_key), makers);
}

#[test]
fn a_body_is_of_its_routes_shape_and_size() {
    let shaped: Vec<_> = ROUTES.iter().filter(|route| route.body.is_read()).collect();
    let table = [
        (Name::CreateAuction, AUCTION_BODY_BYTES_MAX, ""),
        (Name::EditAuction, AUCTION_BODY_BYTES_MAX, "{}"),
        (Name::PlaceBid, BID_BODY_BYTES_MAX, r#"{"amount":100}"#),
        (Name::RevokeViewer, VIEWER_BODY_BYTES_MAX, r#"{"viewer_id":"bidder-5f3a9c01"}"#),
        (Name::PostChat, CHAT_BODY_BYTES_MAX, r#"{"text":"A word"}"#),
        (Name::EditMe, ME_BODY_BYTES_MAX, r#"{"display_name":"Ann"}"#),
    ];
    let auction = r#"{"title":"A watch","starting_price":100,"duration_s":60}"#;
    assert_eq!(shaped.len(), table.len());
    for (route, (name, bytes_max, body)) in shaped.into_iter().zip(table) {
        let body = if body.is_empty() { auction } else { body };
        assert_eq!((route.name, route.body.bytes_max()), (name, bytes_max));
        assert_eq!(route.body.check(body.as_bytes()), Ok(()), "{name:?}");
        for wrong in ["", "[]", r#"{"bidder":"x"}"#] {
            assert!(route.body.check(wrong.as_bytes()).is_err(), "{name:?} {wrong}");
        }
    }
}

#[test]
fn a_route_without_a_body_of_its_own_takes_an_empty_object_or_does_not_look() {
    let empty = Name::OpenAuction.route().body;
    assert!(empty.check(b"").is_ok() && empty.check(b" {} ").is_ok());
    assert!(empty.check(b"{").is_err() && empty.check(br#"{"force":true}"#).is_err());
    assert_eq!(Name::Unsubscribe.route().body.check(b"List-Unsubscribe=One-Click"), Ok(()));
    for route in ROUTES.iter().filter(|route| !route.body.is_read()) {
        assert_eq!(route.body.bytes_max(), EMPTY_BODY_BYTES_MAX, "{:?}", route.name);
    }
    let unread: BTreeSet<_> = named(|route| route.body == Body::Unread).into_iter().collect();
    let mut got: BTreeSet<_> = named(|route| route.method == Method::Get).into_iter().collect();
    got.insert("Unsubscribe");
    assert_eq!(unread, got);
}

#[test]
fn each_route_has_its_parameters() {
    let faults = |name: Name, query: &str| match name.route().query.check(query) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| fault.field).collect(),
    };
    let all = "status=live&category=art&cursor=a&limit=1";
    assert!(faults(Name::ListAuctions, all).is_empty());
    assert!(faults(Name::Unsubscribe, "token=dXNlcg.bWFj-_").is_empty());
    for name in [Name::ListBids, Name::ListOwnBids, Name::ListChat] {
        assert!(faults(name, "cursor=a-b_c&limit=5").is_empty(), "{name:?}");
        assert_eq!(faults(name, "status=live"), ["status"], "{name:?}");
    }
    assert_eq!(faults(Name::ListAuctions, "token=a"), ["token"]);
    assert_eq!(faults(Name::Unsubscribe, ""), ["token"]);
    assert_eq!(faults(Name::Unsubscribe, "token=a&x=1"), ["x"]);
    assert_eq!(faults(Name::CreateAuction, "dry_run=1"), ["dry_run"]);
}

#[test]
fn only_where_links_lead_what_tools_add_is_passed_over() {
    const ADDED: &str = "utm_source=mail&fbclid=x&_=1";
    let passes = |route: &Route| {
        let token = if route.query == Query::Token { "&token=a.b" } else { "" };
        route.query.check(&format!("{ADDED}{token}")).is_ok()
    };
    assert_eq!(named(passes), ["GetAuction", "ShowUnsubscribe", "Unsubscribe"]);
    let check = |query| Name::GetAuction.route().query.check(query);
    assert_eq!(check(ADDED), Ok("".into()), "none of it is passed on");
    assert!(check("utm_id=1&x=1").is_err_and(|faults| faults[0].field == "x"));
}
