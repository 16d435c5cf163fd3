//! What a query may say.

use super::*;

fn faults<T>(read: Result<T, Faults>) -> Vec<String> {
    read.err().unwrap_or_default().into_iter().map(|error| error.field).collect()
}

#[test]
fn a_list_has_a_filter_and_a_page() {
    let read =
        ListQuery::parse("status=live&category=fine%20art&limit=5&cursor=eyJhIjoxfQ").unwrap();
    assert_eq!(read.status, Some(Status::Live));
    assert_eq!(read.category.as_deref(), Some("fine art"));
    assert_eq!(read.page, PageQuery { cursor: Some("eyJhIjoxfQ".to_owned()), limit: 5 });
    assert_eq!(ListQuery::parse("").unwrap().page.limit, PAGE_ITEMS_DEFAULT);
    assert_eq!(
        ListQuery::parse("category=B%C3%BCcher").unwrap().category.as_deref(),
        Some("Bücher")
    );
    assert_eq!(PageQuery::parse("limit=1").unwrap(), PageQuery { cursor: None, limit: 1 });
    for limit in ["limit=50.0", "limit=5e1"] {
        assert_eq!(PageQuery::parse(limit).unwrap().limit, 50, "{limit}");
    }
    assert_eq!(none(""), Ok(()));
}

#[test]
fn wrong_parameters_are_named_in_their_order() {
    for (query, expected) in [
        ("status=open", &["status"][..]),
        ("status=", &["status"]),
        ("limit=0", &["limit"]),
        ("limit=101", &["limit"]),
        ("limit=%2B5", &["limit"]),
        ("limit=1.5", &["limit"]),
        ("limit=1e9", &["limit"]),
        ("limit=1e999999999", &["limit"]),
        ("limit=", &["limit"]),
        ("limit=99999999999999999999", &["limit"]),
        ("cursor=", &["cursor"]),
        ("cursor=a%20b", &["cursor"]),
        ("category=%00", &["category"]),
        ("category=%ff", &["category"]),
        ("category=+", &["category"]),
        ("stauts=live", &["stauts"]),
        ("Status=live", &["Status"]),
        ("status=live&status=live", &["status"]),
        ("limit=x&status=x", &["limit", "status"]),
        ("=", &[""]),
    ] {
        assert_eq!(faults(ListQuery::parse(query)), expected, "{query}");
    }
    assert_eq!(faults(PageQuery::parse("status=live")), ["status"]);
    assert_eq!(faults(none("dry_run=1")), ["dry_run"]);
    let long = format!("cursor={}", "a".repeat(CURSOR_LEN_MAX + 1));
    assert_eq!(faults(PageQuery::parse(&long)), ["cursor"]);
}

#[test]
fn a_link_has_one_token() {
    assert_eq!(LinkQuery::parse("token=dXNlcg.bWFj-_").unwrap().token, "dXNlcg.bWFj-_");
    for query in ["", "token=", "token=a%20b", "token=%3Cb%3E", "token=a&token=a", "utm_source=x"] {
        assert_eq!(faults(LinkQuery::parse(query)), ["token"], "{query}");
    }
    assert_eq!(faults(LinkQuery::parse("token=a&x=1")), ["x"]);
}

#[test]
fn what_tools_add_to_a_link_is_passed_over_and_nothing_else() {
    for added in [
        "utm_source=newsletter",
        "UTM_Campaign=spring%20sale",
        "utm%5Fmedium=mail",
        "fbclid=IwAR0",
        "gclid=Cj0",
        "_=1795411020000",
        "_",
        "mc_eid=",
    ] {
        let query = format!("{added}&token=a.b&{added}&utm_term=x");
        assert_eq!(LinkQuery::parse(&query).unwrap().token, "a.b", "{query}");
        assert_eq!(without_added(&query), "token=a.b");
        assert_eq!(faults(none(&without_added(added))), [""; 0]);
        // Where nobody comes by a link, it is a parameter like any other.
        assert_eq!(faults(ListQuery::parse(added)).len(), 1, "{added}");
    }
    for query in ["", "&", "token=a%2Eb&x=1", "utm=1", "utmsource=1", "fbclid2=1", "__=1"] {
        assert_eq!(without_added(query), query);
    }
}

#[test]
fn a_flood_of_wrong_parameters_gives_a_short_answer() {
    assert!(faults(ListQuery::parse(&"x=1&".repeat(1_000))).len() <= 5);
    assert_eq!(faults(none(&"x=1&".repeat(1_000))).len(), 1);
}

#[test]
fn a_bid_is_looked_up_with_the_moment_at_which_it_is_settled() {
    let read = |query| BidQuery::parse(query).map(|read| read.settled_at);
    assert_eq!(read(""), Ok(None));
    let at = Timestamp::parse("2026-11-29T13:00:00.123Z");
    assert!(at.is_some());
    assert_eq!(read("settled_at=2026-11-29T13:00:00.123Z"), Ok(at));
    assert_eq!(read("settled_at=2026-11-29T13%3A00%3A00.123Z"), Ok(at));
    for wrong in ["settled_at=", "settled_at=soon", "settled_at=1", "at=2026-11-29T13:00:00.123Z"] {
        let field = wrong.split('=').next().unwrap();
        assert_eq!(faults(BidQuery::parse(wrong)), [field], "{wrong}");
    }
}
