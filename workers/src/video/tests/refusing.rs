//! What the video service says no to: failures that pass, keys, and who may watch.

use gavel_local::ivs::Failure;
use serde_json::Value;

use super::*;

#[tokio::test]
async fn every_documented_refusal_of_taking_down_ends_with_the_channel_gone() {
    let bench = Bench::start().await;
    // Of a channel that nobody sends to, StopStream says 404: that is success.
    let auction = bench.auction(false).await;
    bench.channel_of(&auction).await;
    bench.cancel(&auction).await;
    bench.work_until("gone", |rows, arns| rows.is_empty() && arns.is_empty()).await;
    assert_eq!(bench.calls("StopStream"), ["ChannelNotBroadcasting"], "once");

    // 503 is retried; so are 409 of a channel that goes on, and errors the SDK does not model.
    let auction = bench.auction(false).await;
    let channel = bench.channel_of(&auction).await;
    bench.fake.go_live(&arn(&channel), true);
    bench.fake.fail(Failure::refused("StopStream", 2, 503, "StreamUnavailable"));
    bench.fake.fail(Failure::refused("DeleteChannel", 2, 409, "ConflictException"));
    bench.fake.fail(Failure::refused("GetStream", 1, 429, "ThrottlingException"));
    bench.fake.fail(Failure::refused("ListStreamKeys", 1, 400, "TooManyRequestsException"));
    bench.cancel(&auction).await;
    bench.work_until("gone", |rows, arns| rows.is_empty() && arns.is_empty()).await;
    let stops = bench.calls("StopStream");
    assert_eq!(stops[1..], ["StreamUnavailable", "StreamUnavailable", "ok"]);
    let deletes = bench.calls("DeleteChannel");
    assert_eq!(deletes[1..], ["ConflictException", "ConflictException", "ok"]);
    assert_eq!(bench.calls("DeleteStreamKey").last().map(String::as_str), Some("ok"));
}

#[tokio::test]
async fn making_is_tried_again_after_throttling_quota_and_lost_answers_and_makes_one() {
    let bench = Bench::start().await;
    bench.fake.fail(Failure::refused("CreateChannel", 1, 429, "ThrottlingException"));
    bench.fake.fail(Failure::refused("CreateChannel", 1, 402, "ServiceQuotaExceededException"));
    bench.fake.fail(Failure::lost("CreateChannel"));
    let auction = bench.auction(false).await;
    let channel = bench.channel_of(&auction).await;
    assert_eq!(bench.arns(), [arn(&channel)]);
    let carried_out = bench.calls("CreateChannel").iter().filter(|code| *code == "ok").count();
    assert_eq!(carried_out, 1, "the one whose answer was lost was found");
}

#[tokio::test]
async fn a_rush_of_auctions_keeps_to_the_rates_and_each_gets_one_channel() {
    let bench = Bench::start().await;
    for _ in 0..12 {
        bench.auction(false).await;
    }
    bench
        .work_until("each has one", |rows, _| {
            rows.len() == 12 && rows.iter().all(|row| row.stage == Stage::Assigned)
        })
        .await;
    assert_eq!(bench.arns().len(), 12);
    let calls = bench.fake.calls();
    let throttled: Vec<_> =
        calls.iter().filter(|call| call.code == "ThrottlingException").collect();
    assert!(throttled.len() <= 2, "other engines pace by themselves: {throttled:?}");
}

#[tokio::test]
async fn a_stream_key_is_one_whatever_is_cut_off_and_stored_nowhere() {
    let bench = Bench::start().await;
    let auction = bench.auction(false).await;
    let early = bench.video().ingest(&auction).await;
    assert!(matches!(early, Err(VideoError::BeingMade)), "{early:?}");
    let arn = arn(&bench.channel_of(&auction).await);
    let video = bench.video();
    let first = video.ingest(&auction).await.unwrap();
    let host = first.endpoint.strip_prefix("rtmps://").unwrap().strip_suffix(":443/app/").unwrap();
    assert!(host.ends_with(".global-contribute.live-video.net"), "{host}");
    assert_eq!(video.ingest(&auction).await.unwrap(), first);

    bench.fake.go_live(&arn, true);
    let second = video.reset(&auction).await.unwrap();
    assert_ne!(second.stream_key, first.stream_key);
    assert_eq!(bench.calls("StopStream").last().map(String::as_str), Some("ok"), "cut off");

    // Cut off after the old key went: the next question makes the new one.
    bench.fake.fail(Failure::lost("DeleteStreamKey"));
    assert!(video.reset(&auction).await.is_err());
    let third = video.ingest(&auction).await.unwrap();
    assert_ne!(third.stream_key, second.stream_key);

    // And after the new key was made.
    bench.fake.fail(Failure::lost("CreateStreamKey"));
    assert!(video.reset(&auction).await.is_err());
    let fourth = video.ingest(&auction).await.unwrap();
    assert_eq!(video.ingest(&auction).await.unwrap(), fourth);

    let text: String =
        sqlx::query_scalar("select coalesce(string_agg(c::text, ''), '') from channels c")
            .fetch_one(&bench.pool)
            .await
            .unwrap();
    assert!(text.contains(&arn) && !text.contains("sk_"), "{text}");
}

#[tokio::test]
async fn a_private_auction_is_watched_with_a_token_until_its_seller_says_otherwise() {
    let bench = Bench::start().await;
    let auction = bench.auction(true).await;
    let arn = arn(&bench.channel_of(&auction).await);
    let (video, now) = (bench.video(), Timestamp::from_ms(1_795_411_020_000));
    let [one, other] = ["one", "other"].map(|name| UserId::parse(name).unwrap());
    let nobody = video.playback(&auction, None, now).await;
    assert!(matches!(nobody, Err(VideoError::SignInFirst)), "{nobody:?}");
    let shown = video.playback(&auction, Some(&one), now).await.unwrap();
    assert_eq!(shown.expires_at, Some(now.plus_ms(570_000)));
    let token = shown.token.unwrap();
    assert!(shown.url.ends_with(&format!(".m3u8?token={token}")), "{}", shown.url);

    // The service is out of reach at first: no token any more all the same.
    let viewer = auction.id.public_name(&one);
    bench.fake.fail(Failure::refused(
        "StartViewerSessionRevocation",
        1,
        500,
        "InternalServerException",
    ));
    assert!(!video.revoke(&auction, &viewer).await.unwrap().session_ended);
    let refused = video.playback(&auction, Some(&one), now).await;
    assert!(matches!(refused, Err(VideoError::Revoked)), "{refused:?}");
    bench.stock(0, 0).tell_revoked().await.unwrap();
    let revoked = |arn: &str| -> Value {
        bench.fake.channels().into_iter().find(|(one, _)| one == arn).unwrap().1["revoked"].clone()
    };
    assert_eq!(revoked(&arn), serde_json::json!([viewer]));
    bench.stock(0, 0).tell_revoked().await.unwrap();
    assert_eq!(revoked(&arn), serde_json::json!([viewer]), "told once");
    let again = video.revoke(&auction, &viewer).await.unwrap();
    assert!(again.session_ended && again.viewer_id == viewer, "{again:?}");
    assert!(video.playback(&auction, Some(&other), now).await.unwrap().token.is_some());

    bench.cancel(&auction).await;
    let over = bench.catalog.get(&auction.id).await.unwrap();
    let refused = video.playback(&over, Some(&other), now).await;
    assert!(matches!(refused, Err(VideoError::Over)), "{refused:?}");
}
