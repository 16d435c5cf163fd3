//! Messages to people, from the bid to what SES has, and the way out of them.

use anyhow::{Context, Result};
use gavel_tests::client::{Reply, send};
use gavel_tests::wait::{WITHIN, eventually};
use gavel_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

/// What SES sent to `account`, oldest first.
async fn mails_to(world: &World, account: &str) -> Result<Vec<Value>> {
    let url = format!("{}/_ministack/ses/messages", world.stack.settings.aws_endpoint_url);
    let all: Value = reqwest::get(url).await?.json().await?;
    let to = json!([format!("{account}@gavel.example")]);
    let accounts = all["messages"].as_object().context("no mails at all")?.values();
    let mails = accounts.filter_map(Value::as_array).flatten();
    Ok(mails.filter(|mail| mail["To"] == to).cloned().collect())
}

/// Whether a mail's subject says this of the watch sold in `auction`.
fn is(mail: &Value, what: &str, auction: &str) -> bool {
    mail["Subject"] == format!("{what}: A watch (lot {})", &auction[auction.len() - 8..])
}

/// Where a mail lets its reader unsubscribe: path and query.
fn way_out<'a>(world: &World, mail: &'a Value) -> Result<&'a str> {
    let text = mail["BodyText"].as_str().context("a text")?;
    let (_, link) = text.split_once("unsubscribe: ").context("a way out")?;
    link.trim().strip_prefix(&world.stack.settings.edge_url).context("our address")
}

/// The token in the link of a mail to `bidders[0]`, who is outbid for it.
pub(super) async fn link_token(world: &World) -> Result<String> {
    let auction = world.live_auction(json!({})).await?;
    world.bid(&auction, &world.bidders[0], 100).await?;
    world.bid(&auction, &world.bidders[1], 500).await?;
    let told = || mails_to(world, "bidder-1");
    let mails = eventually("a mail", WITHIN, told, |mails| !mails.is_empty()).await?;
    let (_, token) = way_out(world, &mails[0])?.split_once("token=").context("a token")?;
    Ok(token.to_owned())
}

async fn follow(world: &World, method: Method, auction: &str, token: &str) -> Result<Reply> {
    let path = format!("/v1/auctions/{auction}/follow");
    send(world.edge.request(method, &path).bearer_auth(token)).await
}

#[tokio::test]
async fn followers_bidders_and_the_seller_are_told_until_they_unsubscribe() -> Result<()> {
    let world = World::start().await?;
    let [first, second] = &world.bidders[..] else { panic!("two bidders") };
    let auction = world.auction(json!({})).await?;
    let followed = follow(&world, Method::PUT, &auction, &second.token).await?;
    assert_eq!((followed.status, &followed.body["following"]), (200, &json!(true)));
    world.edge.act(&format!("/v1/auctions/{auction}/open"), &world.seller.token).await?;
    world.bid(&auction, first, 100).await?;
    world.bid(&auction, second, 500).await?;
    let outbid =
        |mails: &Vec<Value>| mails.iter().any(|mail| is(mail, "You have been outbid", &auction));
    let told = || mails_to(&world, "bidder-1");
    let mails = eventually("bidder 1's mail", WITHIN, told, outbid).await?;
    let told = || mails_to(&world, "bidder-2");
    eventually("bidder 2's mail", WITHIN, told, |mails| mails.len() == 1).await?;

    let path = way_out(&world, &mails[0])?;
    let asked = send(world.edge.request(Method::GET, path)).await?;
    assert_eq!((asked.status, asked.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(asked.header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(asked.header("cache-control"), "no-store");
    let forged = format!("{path}x");
    let refused = send(world.edge.request(Method::POST, &forged)).await?;
    assert_eq!((refused.status, refused.fields()), (422, vec!["token"]));
    let click = world.edge.request(Method::POST, path);
    let click = click.header("content-type", "application/x-www-form-urlencoded");
    let done = send(click.body("List-Unsubscribe=One-Click")).await?;
    assert_eq!(done.status, 200);

    world.edge.act(&format!("/v1/auctions/{auction}/close"), &world.seller.token).await?;
    let told = || mails_to(&world, "bidder-2");
    let won = |mails: &Vec<Value>| mails.iter().any(|mail| is(mail, "You have won", &auction));
    eventually("the winner's mail", WITHIN, told, won).await?;
    let told = || mails_to(&world, "seller");
    eventually("the seller's mail", WITHIN, told, |mails| mails.len() == 1).await?;
    assert_eq!(mails_to(&world, "bidder-1").await?.len(), 1, "told after unsubscribing");
    Ok(())
}
