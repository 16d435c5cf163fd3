//! `gavel-local smoke`: two auctions through everything, and every trace they must have left.
//!
//! Speaks to the running stack as a client does, through the edge, and then looks into PostgreSQL,
//! DynamoDB and the e-mail emulator with its own eyes. Invariant: exit code 0 only if the rules went as told here, every
//! accepted bid was found, once, under both keys, and the right people won at the right price.

mod api;
mod lot;
mod room;
mod traces;
mod video;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gavel_local::aws::Clients;
use gavel_local::progress::Progress;
use gavel_local::{Settings, paths, provision, secret};
use serde_json::json;

use api::{Api, Caller};
use lot::{Accepted, Lot, Offer};

/// How long the first auction lasts unless extended, in seconds: long enough to bid, short enough to
/// watch.
const DURATION_S: u64 = 10;
/// A bid with less than this left moves the end, in seconds.
const WINDOW_S: u64 = 4;
/// The end moves to this long after the bid, in seconds.
const EXTENSION_S: u64 = 6;

/// How late the close may be, in milliseconds. An idle machine stays below 250; a busy one is given
/// more.
const LATE_MS_MAX: i64 = 1_000;

/// The domain of the sample accounts' addresses.
const MAIL: &str = "gavel.example";
/// What the subject says to who won, and to who did not.
const WON: &str = "You have won";
/// See [`WON`].
const LOST: &str = "It went to somebody else";

pub(crate) async fn run() -> Result<()> {
    let since = Instant::now();
    let settings = Settings::read(&paths::local_dir().join("stack.env"))?;
    let clients = Clients::new(&settings.aws_endpoint_url);
    let api = Api::new(&settings.edge_url)?;
    let say = Progress::Print;
    println!("Two auctions through {}", settings.edge_url);
    let sign_in = sign_in_all(&clients, &settings);
    let people = say.step("seller and two bidders sign in", sign_in).await?;

    let mut accepted = hammer(&api, &settings, &people).await?;
    accepted.extend(buy_now(&api, &settings, &people).await?);
    let [seller, first, second] = &people;
    let looked = video::look(&api, seller, first);
    for line in say.step("video of a public and of a private auction", looked).await? {
        println!("    {line}");
    }
    for (name, bidder) in [("first", first), ("second", second)] {
        let own: Vec<_> = accepted.iter().filter(|b| b.bidder == bidder.subject).cloned().collect();
        let (client, table) = (&clients.dynamodb, &settings.bids_table);
        let found = traces::by_bidder(client, table, &bidder.subject, &own);
        let what = format!("DynamoDB has the {name} bidder's {} bids of both", own.len());
        say.step(&what, found).await?;
    }
    let bids = accepted.len();
    println!("All is well: {bids} bids, two sales, in {:.1} s.", since.elapsed().as_secs_f64());
    Ok(())
}

/// A proxy duel, a reserve that is met, a late bid that moves the end, and the hammer on time.
async fn hammer(
    api: &Api,
    settings: &Settings,
    [seller, first, second]: &[Caller; 3],
) -> Result<Vec<Accepted>> {
    let (say, clients) = (Progress::Print, Clients::new(&settings.aws_endpoint_url));
    let soft_close = json!({"window_s": WINDOW_S, "extension_s": EXTENSION_S, "max_extensions": 1});
    let terms =
        json!({"reserve_price": 15_000, "duration_s": DURATION_S, "soft_close": soft_close});
    // The e-mail emulator may have messages of earlier runs.
    let title = format!("Smoke test{}: to the hammer", secret::suffix());
    let lot = Lot::create(api, seller, &title, &terms);
    let lot = say.step("the seller opens an auction with a hidden reserve", lot).await?;
    let opened = Instant::now();
    println!("    {}", lot.id);
    let mut accepted = Vec::new();

    let question = "How old is it?";
    let asked = room::chat(api, first, &lot.id, question);
    say.step("the first bidder asks something in the chat", asked).await?;
    let bid = lot.leads(first, Offer::plain(10_000), 10_000);
    accepted.push(say.step("the first bidder bids 100.00", bid).await?);
    let bid = lot.leads(second, Offer::up_to(10_500, 14_000), 10_500);
    accepted.push(say.step("the second bids 105.00, with a maximum of 140.00", bid).await?);
    let bid = lot.is_outbid(first, Offer::up_to(11_000, 13_000), 13_500);
    accepted.push(say.step("the first goes up to 130.00: outbid by proxy, 135.00", bid).await?);
    let met = lot.state("reserve_met", &json!(false));
    say.step("the reserve is not met, and nobody is told what it is", met).await?;
    let bid = lot.leads(first, Offer::up_to(14_500, 18_000), 15_000);
    accepted.push(say.step("the first goes up to 180.00: the reserve is the price", bid).await?);
    say.step("the reserve is met at 150.00", lot.state("reserve_met", &json!(true))).await?;
    let refused = lot.refuses(second, Offer::plain(15_000), 15_500);
    say.step("a bid that is too low is refused and changes nothing", refused).await?;

    let window = opened + Duration::from_secs(DURATION_S - WINDOW_S) + Duration::from_millis(500);
    tokio::time::sleep_until(window.into()).await;
    let bid = lot.is_outbid(second, Offer::plain(15_500), 16_000);
    let last = say.step("a late bid raises the price to 160.00", bid).await?;
    ensure!(last.extended, "a bid with less than {WINDOW_S} s left did not move the end");
    println!("    and moves the end to {} (soft close)", last.ends_at);
    accepted.push(last.clone());
    let repeat = lot.repeats(second, Offer::plain(15_500), &last);
    say.step("a repeated request gets the first answer again", repeat).await?;

    let within = Duration::from_secs(EXTENSION_S);
    say.step("the auction closes by itself", lot.closes(within)).await?;
    let winner = traces::winner(&settings.database_url, &lot.id, &first.subject, 16_000, &last);
    let late_ms = say.step("PostgreSQL names the winner and the price", winner).await?;
    println!("    closed {late_ms} ms after its end");
    ensure!(
        (0..=LATE_MS_MAX).contains(&late_ms),
        "that is not between 0 and {LATE_MS_MAX} ms (250 ms on an idle machine)"
    );
    let history = traces::by_auction(&clients.dynamodb, &settings.bids_table, &lot.id, &accepted);
    say.step("DynamoDB has every bid under the auction", history).await?;
    let kept = room::chat_is_kept(&clients.dynamodb, &settings.chat_table, &lot.id, question);
    say.step("DynamoDB has the chat message", kept).await?;
    told(settings, &title).await?;
    Ok(accepted)
}

/// The messages that the end of an auction brought to the first bidder, who won, and to the second.
async fn told(settings: &Settings, title: &str) -> Result<()> {
    let addresses = [&settings.bidder_1, &settings.bidder_2].map(|name| format!("{name}@{MAIL}"));
    let addresses = [addresses[0].as_str(), addresses[1].as_str()];
    let all_told = |[winner, loser]: &[Vec<String>; 2]| {
        let count = |mails: &[String], what| mails.iter().filter(|m| m.contains(what)).count();
        [count(winner, WON), count(loser, LOST)] == [1, 1]
            && [count(winner, LOST), count(loser, WON)] == [0, 0]
    };
    let mails = room::mails(&settings.aws_endpoint_url, title, addresses, all_told);
    let what = "SES has one message to the winner and one to the loser";
    let mails = Progress::Print.step(what, mails).await?;
    for (address, subjects) in addresses.iter().zip(&mails) {
        for subject in subjects {
            println!("    to {address}: {subject}");
        }
    }
    Ok(())
}

/// A bid that buys at once.
async fn buy_now(
    api: &Api,
    settings: &Settings,
    [seller, first, second]: &[Caller; 3],
) -> Result<Vec<Accepted>> {
    let say = Progress::Print;
    let terms = json!({"buy_now_price": 50_000, "duration_s": 600});
    let lot = Lot::create(api, seller, "Smoke test: buy now", &terms);
    let lot = say.step("the seller opens an auction to buy now at 500.00", lot).await?;
    println!("    {}", lot.id);
    let bid = lot.leads(first, Offer::up_to(10_000, 45_000), 10_000);
    let first_bid = say.step("the first bidder bids 100.00, up to 450.00", bid).await?;
    let bid = lot.leads(second, Offer::plain(50_000), 50_000);
    let bought = say.step("the second buys now", bid).await?;
    say.step("and the auction is closed", lot.closes(Duration::ZERO)).await?;
    let winner = traces::winner(&settings.database_url, &lot.id, &second.subject, 50_000, &bought);
    say.step("PostgreSQL names the buyer and the price", winner).await?;
    let (clients, accepted) = (Clients::new(&settings.aws_endpoint_url), vec![first_bid, bought]);
    let history = traces::by_auction(&clients.dynamodb, &settings.bids_table, &lot.id, &accepted);
    say.step("DynamoDB has both bids under the auction", history).await?;
    Ok(accepted)
}

async fn sign_in_all(clients: &Clients, settings: &Settings) -> Result<[Caller; 3]> {
    let Settings { app_client_id, password, .. } = settings;
    let sign_in = async |account: &str| {
        let tokens = provision::sign_in(&clients.cognito, app_client_id, account, password).await?;
        Ok::<_, anyhow::Error>(Caller { subject: tokens.subject()?, token: tokens.access })
    };
    let (seller, first, second) = tokio::try_join!(
        sign_in(&settings.seller),
        sign_in(&settings.bidder_1),
        sign_in(&settings.bidder_2),
    )?;
    Ok([seller, first, second])
}
