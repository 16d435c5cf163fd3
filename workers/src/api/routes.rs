//! What serves each route, with its part of the contract: what it answers. What it takes is in the
//! table of routes, for the edge too.

use gavel_core::wire::routes::{Name, ROUTES, Route};
use gavel_core::wire::{
    AuctionView, BidItem, BidReceipt, ChatDeleted, ChatMessage, ChatMute, Code, DeletedMe,
    FollowView, IngestView, MeView, OwnBidItem, Page, PlaybackView, RevocationView, StateView,
};

use super::contract::{Operation, Routes};
use super::{auctions, bids, chat, drive, edit, me, notices, video};

/// All of them.
pub(super) fn routes() -> Routes {
    ROUTES.iter().fold(Routes::new(), add)
}

fn add(to: Routes, route: &'static Route) -> Routes {
    match route.name {
        // Every worker serves them, whatever its roles.
        Name::Health | Name::Ready => to,
        Name::GetContract => to.contract(route),
        Name::ListAuctions => to.serve(route, auctions::list, list_auctions()),
        Name::CreateAuction => to.serve(route, auctions::create, create_auction()),
        Name::GetAuction => to.serve(route, auctions::show, show_auction()),
        Name::EditAuction => to.serve(route, edit::edit, edit_auction()),
        Name::GetAuctionState => to.serve(route, auctions::state, show_state()),
        Name::ListBids => to.serve(route, bids::list, list_bids()),
        Name::PlaceBid => to.serve(route, bids::place, place_bid()),
        Name::GetBid => to.serve(route, bids::show, show_bid()),
        Name::ListOwnBids => to.serve(route, bids::own, list_own_bids()),
        Name::OpenAuction => to.serve(route, drive::open, open()),
        Name::CloseAuction => to.serve(route, drive::close, close()),
        Name::CancelAuction => to.serve(route, drive::cancel, cancel()),
        Name::PauseAuction => to.serve(route, drive::pause, pause()),
        Name::ResumeAuction => to.serve(route, drive::resume, resume()),
        Name::GetIngest => to.serve(route, video::ingest, show_ingest()),
        Name::ResetStreamKey => to.serve(route, video::reset, reset_key()),
        Name::GetPlayback => to.serve(route, video::playback, show_playback()),
        Name::RevokeViewer => to.serve(route, video::revoke, revoke_viewer()),
        Name::ListChat => to.serve(route, chat::list, list_chat()),
        Name::PostChat => to.serve(route, chat::post, post_chat()),
        Name::DeleteChat => to.serve(route, chat::delete, delete_chat()),
        Name::MuteChat => to.serve(route, chat::mute, mute_chat()),
        Name::UnmuteChat => to.serve(route, chat::unmute, unmute_chat()),
        Name::FollowAuction => to.serve(route, notices::follow, follow()),
        Name::UnfollowAuction => to.serve(route, notices::unfollow, unfollow()),
        Name::ShowUnsubscribe => to.serve(route, notices::ask, ask_to_unsubscribe()),
        Name::Unsubscribe => to.serve(route, notices::unsubscribe, unsubscribe()),
        Name::GetMe => to.serve(route, me::show, show_me()),
        Name::EditMe => to.serve(route, me::edit, edit_me()),
        Name::DeleteMe => to.serve(route, me::delete, delete_me()),
    }
}

fn list_auctions() -> Operation {
    Operation::new("List auctions, newest first")
        .answers::<Page<AuctionView>>(200, "A page of auctions.")
}

fn create_auction() -> Operation {
    Operation::new("Create an auction")
        .about("A deployment may demand the Cognito group `seller`.")
        .answers::<AuctionView>(201, "The new auction.")
        .answers::<AuctionView>(200, "The auction that an earlier request of this key made.")
        .located()
        .refuses(&[Code::Forbidden, Code::IdempotencyConflict])
}

fn show_auction() -> Operation {
    Operation::new("Show an auction")
        .about("The reserve is shown to its seller only.")
        .answers::<AuctionView>(200, "The auction.")
}

fn edit_auction() -> Operation {
    Operation::new("Change an auction that is not open yet")
        .about("Fields that are not named stay as they are.")
        .answers::<AuctionView>(200, "The auction as it is now.")
        .refuses(&[Code::Forbidden, Code::AuctionNotScheduled])
}

fn show_state() -> Operation {
    Operation::new("Show the live state of an auction").answers::<StateView>(200, "The state.")
}

fn open() -> Operation {
    driving("Open an auction", "It takes bids from now on.")
}

fn close() -> Operation {
    let about = "The hammer, before the time is up. In the grace after it bids may still count: refused then.";
    driven("Close an auction", about)
}

fn cancel() -> Operation {
    driven("Cancel an auction", "It ends without a winner.")
}

fn pause() -> Operation {
    driven("Pause an auction", "It takes no bids and its clock stops.")
}

fn resume() -> Operation {
    driven("Resume an auction", "It has as much time left as before.")
}

/// What is open can be driven while the catalogue is out of reach.
fn driven(summary: &'static str, about: &'static str) -> Operation {
    let done = "Done, but the auction's texts cannot be shown now: its live state.";
    driving(summary, about).answers::<StateView>(202, done)
}

fn driving(summary: &'static str, about: &'static str) -> Operation {
    Operation::new(summary)
        .about(about)
        .answers::<AuctionView>(200, "The auction as it is now. Asking twice is harmless.")
        .refuses(&[Code::Forbidden, Code::AuctionNotLive, Code::AuctionClosed])
}

fn show_ingest() -> Operation {
    Operation::new("Show where to send the video")
        .about("To its seller only. Whoever has the stream key can send.")
        .answers::<IngestView>(200, "The server and the stream key.")
        .refuses(&[Code::Forbidden, Code::AuctionClosed, Code::NoVideo])
}

fn reset_key() -> Operation {
    Operation::new("Replace the stream key")
        .about("Whoever sends with the old one is cut off.")
        .answers::<IngestView>(200, "The server and the new stream key.")
        .refuses(&[Code::Forbidden, Code::AuctionClosed, Code::NoVideo])
}

fn show_playback() -> Operation {
    Operation::new("Show where to watch the video")
        .about("A private auction's takes a signed-in user, and a new token every ten minutes.")
        .answers::<PlaybackView>(200, "What a player needs.")
        .refuses(&[Code::Forbidden, Code::AuctionClosed, Code::NoVideo])
}

fn revoke_viewer() -> Operation {
    Operation::new("Shut a viewer out of a private auction")
        .about("They get no token any more, and what they watch ends.")
        .answers::<RevocationView>(200, "They are shut out. Asking twice is harmless.")
        .refuses(&[Code::Forbidden, Code::AuctionClosed])
}

fn list_bids() -> Operation {
    Operation::new("List the bids of an auction, newest first")
        .about("The history follows the live state within moments.")
        .answers::<Page<BidItem>>(200, "A page of accepted bids.")
}

fn place_bid() -> Operation {
    Operation::new("Place a bid")
        .about(
            "Every answer to a signed-in bidder names the bid: the header `Gavel-Bid-Id`, and the \
             member `bid_id` of a receipt or a problem. `bid-unconfirmed` is an accepted bid. After \
             any other 5xx, or none, the bid was or may yet be accepted, until `settled_at`: repeat \
             the request with its key, or look the bid up.",
        )
        .answers::<BidReceipt>(201, "The bid was accepted.")
        .answers::<BidReceipt>(200, "An earlier request of this key was accepted.")
        .refuses(&[
            Code::SellerCannotBid,
            Code::MaximumNotRaised,
            Code::AuctionNotLive,
            Code::AuctionClosed,
            Code::BidTooLow,
            Code::IdempotencyConflict,
            Code::BidAboveCeiling,
            Code::BiddingSuspended,
            Code::BidUnconfirmed,
        ])
}

fn follow() -> Operation {
    Operation::new("Hear when an auction opens")
        .answers::<FollowView>(200, "It is followed. Asking twice is harmless.")
}

fn unfollow() -> Operation {
    Operation::new("Not hear when an auction opens")
        .answers::<FollowView>(200, "It is not followed. Asking twice is harmless.")
}

fn ask_to_unsubscribe() -> Operation {
    Operation::new("Ask whether to send no more messages")
        .about("The page that a link in a message leads to. It changes nothing.")
        .answers_page(200, "A page with a button.")
}

fn unsubscribe() -> Operation {
    Operation::new("Get no more messages")
        .about("One click (RFC 8058): the link's token is all it takes, and a body is not read.")
        .answers_page(200, "No more messages are sent. Asking twice is harmless.")
}

fn show_bid() -> Operation {
    Operation::new("Show whether a bid of one's own counts")
        .about("Settles a time-out. Somebody else's bid is not found.")
        .answers::<BidReceipt>(200, "The bid was accepted.")
}

fn list_own_bids() -> Operation {
    Operation::new("List one's own bids, newest first")
        .answers::<Page<OwnBidItem>>(200, "A page of one's own accepted bids in all auctions.")
}

fn show_me() -> Operation {
    Operation::new("Show one's own profile")
        .about("It is made when somebody is first seen, with a display name of its own.")
        .answers::<MeView>(200, "The profile.")
        .refuses(&[Code::AccountDeleted])
}

fn edit_me() -> Operation {
    Operation::new("Change one's own profile")
        .about("Fields that are not named stay as they are.")
        .answers::<MeView>(200, "The profile as it is now.")
        .refuses(&[Code::AccountDeleted, Code::NameTaken])
}

fn delete_me() -> Operation {
    Operation::new("Delete one's own account")
        .about(
            "Name, preferences and the account itself go; auctions and bids stay, without the \
             person. Not while one sells or leads in an auction that is not over.",
        )
        .answers::<DeletedMe>(200, "The account is deleted. Asking twice is harmless.")
        .refuses(&[Code::AccountInUse])
}

fn list_chat() -> Operation {
    Operation::new("List the chat of an auction, newest first")
        .about("What was written lately is there at once; older messages are kept for 90 days.")
        .answers::<Page<ChatMessage>>(200, "A page of messages.")
}

fn post_chat() -> Operation {
    Operation::new("Write in the chat of an auction")
        .about(
            "Until a day after it closed. It is shown under one's display name, and says whether one \
             is the seller or an administrator.",
        )
        .answers::<ChatMessage>(201, "The message, as everybody sees it.")
        .answers::<ChatMessage>(200, "The message that an earlier request of this key wrote.")
        .refuses(&[Code::Muted, Code::ChatClosed, Code::IdempotencyConflict])
}

fn delete_chat() -> Operation {
    Operation::new("Delete a chat message")
        .about("By its author, the auction's seller, or an administrator.")
        .answers::<ChatDeleted>(200, "Nobody is shown it any more. Asking twice is harmless.")
        .refuses(&[Code::Forbidden])
}

fn mute_chat() -> Operation {
    Operation::new("Mute the author of a chat message")
        .about("In this auction. By its seller or an administrator.")
        .answers::<ChatMute>(200, "The author writes no more there. Asking twice is harmless.")
        .refuses(&[Code::Forbidden])
}

fn unmute_chat() -> Operation {
    Operation::new("Let the author of a chat message write again")
        .about("In this auction. By its seller or an administrator.")
        .answers::<ChatMute>(200, "The author may write there. Asking twice is harmless.")
        .refuses(&[Code::Forbidden])
}
