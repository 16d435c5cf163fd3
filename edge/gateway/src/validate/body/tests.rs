//! Bodies over a fake clock.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use gavel_core::limits::BID_BODY_BYTES_MAX;
use gavel_core::wire::InvalidBody;
use gavel_core::wire::routes::Name;
use http::HeaderValue;
use http_body::{Body, Frame};
use http_body_util::Full;

use super::*;
use crate::testing::{Fake, Sent};

const BID: &str = r#"{"amount":15000}"#;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

async fn bid(pairs: &[(&'static str, &str)], body: &str) -> Result<Bytes, Refusal> {
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    read(&Fake::new(), Name::PlaceBid.route(), &headers(pairs), Sent(body)).await
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// Never ends; counts what was taken from it.
struct Endless<'a>(&'a std::cell::Cell<usize>);

impl Body for Endless<'_> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.set(self.0.get() + 1_000);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 1_000])))))
    }
}

/// Never says anything.
struct Silent;

impl Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_valid_body_passes_unchanged() {
    for media_type in ["application/json", "Application/JSON; charset=utf-8"] {
        let spaced = format!(" {BID}\n");
        let result = bid(&[("content-type", media_type)], &spaced).await;
        assert_eq!(result, Ok(Bytes::from(spaced)));
    }
    let encoded = bid(&[JSON, ("content-encoding", "identity")], BID).await;
    assert!(encoded.is_ok());
}

#[tokio::test(start_paused = true)]
async fn other_media_types_are_refused() {
    for pairs in [
        &[][..],
        &[("content-type", "text/plain")],
        &[("content-type", "application/jsonp")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[JSON, ("content-encoding", "gzip")],
    ] {
        let result = bid(pairs, BID).await;
        assert!(matches!(result, Err(Refusal::MediaType(_))), "{pairs:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn too_long_a_body_is_refused_before_it_is_read() {
    let taken = std::cell::Cell::new(0);
    let too_large = Err(Refusal::TooLarge { bytes_max: BID_BODY_BYTES_MAX });
    let route = Name::PlaceBid.route();
    for length in ["4097", "99999999999999999999999999"] {
        let headers = headers(&[JSON, ("content-length", length)]);
        let result = read(&Fake::new(), route, &headers, Sent(Endless(&taken))).await;
        assert_eq!(result, too_large);
        assert_eq!(taken.get(), 0);
    }
    let result = read(&Fake::new(), route, &headers(&[JSON]), Sent(Endless(&taken))).await;
    assert_eq!(result, too_large);
    assert!(taken.get() < 2 * BID_BODY_BYTES_MAX, "{} bytes were read", taken.get());
    for length in ["-1", "1e3", "", " 5"] {
        let result = bid(&[JSON, ("content-length", length)], BID).await;
        assert!(matches!(result, Err(Refusal::Malformed(_))), "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_in_time_is_not_said_to_be_malformed() {
    let route = Name::PlaceBid.route();
    let result = read(&Fake::new(), route, &headers(&[JSON]), Sent(Silent)).await;
    assert!(matches!(result, Err(Refusal::Unavailable(_))), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_amount_is_named_and_broken_json_is_told_apart() {
    for body in [
        r#"{"amount":1.5}"#,
        r#"{"amount":-1}"#,
        r#"{"amount":0}"#,
        r#"{"amount":"100"}"#,
        r#"{"amount":9007199254740993}"#,
        r"{}",
    ] {
        let Err(Refusal::Body(InvalidBody::Fields(errors))) = bid(&[JSON], body).await else {
            panic!("{body} passed");
        };
        assert_eq!(errors[0].field, "amount", "{body}");
    }
    let result = bid(&[JSON], r#"{"amount":100,"bidder":"x"}"#).await;
    let Err(Refusal::Body(InvalidBody::Fields(errors))) = result else { panic!("it passed") };
    assert_eq!(errors[0].field, "bidder");
    for body in ["", "{", r#"{"amount":100} x"#] {
        let result = bid(&[JSON], body).await;
        let malformed = matches!(result, Err(Refusal::Body(InvalidBody::Malformed { .. })));
        assert!(malformed, "{body:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn driving_an_auction_needs_no_body_and_reading_takes_none() {
    let fake = Fake::new();
    let drive = Name::OpenAuction.route();
    for body in ["", "{}"] {
        let result =
            read(&fake, drive, &HeaderMap::new(), Sent(Full::new(Bytes::from(body)))).await;
        assert_eq!(result, Ok(Bytes::new()));
    }
    let full = Sent(Full::new(Bytes::from(r#"{"force":true}"#)));
    assert!(read(&fake, drive, &HeaderMap::new(), full).await.is_err());
    let taken = std::cell::Cell::new(0);
    let result =
        read(&fake, Name::ListOwnBids.route(), &HeaderMap::new(), Sent(Endless(&taken))).await;
    assert_eq!((result, taken.get()), (Ok(Bytes::new()), 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_an_auction_is_checked_field_by_field() {
    let fake = Fake::new();
    let edit = Name::EditAuction.route();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    for (body, good) in [
        (r#"{"title": "A clock", "reserve_price": null}"#, true),
        ("{}", true),
        (r#"{"status": "live"}"#, false),
        (r#"{"starting_price": 0}"#, false),
        ("[]", false),
        ("", false),
    ] {
        let result = read(&fake, edit, &headers, Sent(Full::new(Bytes::from(body)))).await;
        assert_eq!(result.is_ok(), good, "{body}: {result:?}");
    }
}
