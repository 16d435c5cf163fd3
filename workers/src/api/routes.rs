//! Every route under `/v1`, with its part of the contract.

use gavel_core::wire::{
    AuctionView, BidItem, BidReceipt, BidRequest, ChatDeleted, ChatMessage, ChatMute, ChatRequest,
    Code, CreateAuction, DeletedMe, EditAuction, EditMe, FollowView, IngestView, MeView,
    OwnBidItem, Page, PlaybackView, RevocationView, RevokeViewer, StateView, Status, schema,
};
use schemars::SchemaGenerator;

use super::contract::{Access, Operation, Routes};
use super::{auctions, bids, chat, drive, edit, me, notices, video};

/// The routes. The contract's own is added by [`Routes::finish`].
pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/v1/auctions", auctions::list, list_auctions())
        .post("/v1/auctions", auctions::create, create_auction())
        .get("/v1/auctions/{id}", auctions::show, show_auction())
        .patch("/v1/auctions/{id}", edit::edit, edit_auction())
        .get("/v1/auctions/{id}/state", auctions::state, show_state())
        .post(
            "/v1/auctions/{id}/open",
            drive::open,
            driving("openAuction", "Open an auction", "It takes bids from now on."),
        )
        .post(
            "/v1/auctions/{id}/close",
            drive::close,
            driving("closeAuction", "Close an auction", "The hammer, before the time is up."),
        )
        .post(
            "/v1/auctions/{id}/cancel",
            drive::cancel,
            driving("cancelAuction", "Cancel an auction", "It ends without a winner."),
        )
        .post(
            "/v1/auctions/{id}/pause",
            drive::pause,
            driving("pauseAuction", "Pause an auction", "It takes no bids and its clock stops."),
        )
        .post(
            "/v1/auctions/{id}/resume",
            drive::resume,
            driving("resumeAuction", "Resume an auction", "It has as much time left as before."),
        )
        .get("/v1/auctions/{id}/ingest", video::ingest, show_ingest())
        .post("/v1/auctions/{id}/ingest/reset", video::reset, reset_key())
        .get("/v1/auctions/{id}/playback", video::playback, show_playback())
        .post("/v1/auctions/{id}/playback/revoke", video::revoke, revoke_viewer())
        .get("/v1/auctions/{id}/bids", bids::list, list_bids())
        .post("/v1/auctions/{id}/bids", bids::place, place_bid())
        .get("/v1/auctions/{id}/chat", chat::list, list_chat())
        .post("/v1/auctions/{id}/chat", chat::post, post_chat())
        .delete("/v1/auctions/{id}/chat/{message_id}", chat::delete, delete_chat())
        .put("/v1/auctions/{id}/chat/{message_id}/mute", chat::mute, mute_chat())
        .delete("/v1/auctions/{id}/chat/{message_id}/mute", chat::unmute, unmute_chat())
        .put("/v1/auctions/{id}/follow", notices::follow, follow())
        .delete("/v1/auctions/{id}/follow", notices::unfollow, unfollow())
        .get("/v1/unsubscribe", notices::ask, ask_to_unsubscribe())
        .post("/v1/unsubscribe", notices::unsubscribe, unsubscribe())
        .get("/v1/bids/{bid_id}", bids::show, show_bid())
        .get("/v1/me/bids", bids::own, list_own_bids())
        .get("/v1/me", me::show, show_me())
        .patch("/v1/me", me::edit, edit_me())
        .delete("/v1/me", me::delete, delete_me())
}

fn list_auctions() -> Operation {
    Operation::new("listAuctions", "List auctions, newest first", Access::Anyone)
        .query(
            "status",
            "Only those where they are in their life.",
            SchemaGenerator::subschema_for::<Status>,
        )
        .query("category", "Only those of this category.", |_| schema::category())
        .paged()
        .answers::<Page<AuctionView>>(200, "A page of auctions.")
}

fn create_auction() -> Operation {
    Operation::new("createAuction", "Create an auction", Access::SignedIn)
        .about("A deployment may demand the Cognito group `seller`.")
        .idempotent()
        .body::<CreateAuction>()
        .answers::<AuctionView>(201, "The new auction.")
        .answers::<AuctionView>(200, "The auction that an earlier request of this key made.")
        .located()
        .refuses(&[Code::Forbidden, Code::IdempotencyConflict])
}

fn show_auction() -> Operation {
    Operation::new("getAuction", "Show an auction", Access::Anyone)
        .about("The reserve is shown to its seller only.")
        .answers::<AuctionView>(200, "The auction.")
}

fn edit_auction() -> Operation {
    Operation::new("editAuction", "Change an auction that is not open yet", Access::SignedIn)
        .about("Fields that are not named stay as they are.")
        .body::<EditAuction>()
        .answers::<AuctionView>(200, "The auction as it is now.")
        .refuses(&[Code::Forbidden, Code::AuctionNotScheduled])
}

fn show_state() -> Operation {
    Operation::new("getAuctionState", "Show the live state of an auction", Access::Anyone)
        .answers::<StateView>(200, "The state.")
}

fn driving(id: &'static str, summary: &'static str, about: &'static str) -> Operation {
    Operation::new(id, summary, Access::SignedIn)
        .about(about)
        .answers::<AuctionView>(200, "The auction as it is now. Asking twice is harmless.")
        .refuses(&[Code::Forbidden, Code::AuctionNotLive, Code::AuctionClosed])
}

fn show_ingest() -> Operation {
    Operation::new("getIngest", "Show where to send the video", Access::SignedIn)
        .about("To its seller only. Whoever has the stream key can send.")
        .answers::<IngestView>(200, "The server and the stream key.")
        .refuses(&[Code::Forbidden, Code::AuctionClosed, Code::NoVideo])
}

fn reset_key() -> Operation {
    Operation::new("resetStreamKey", "Replace the stream key", Access::SignedIn)
        .about("Whoever sends with the old one is cut off.")
        .answers::<IngestView>(200, "The server and the new stream key.")
        .refuses(&[Code::Forbidden, Code::AuctionClosed, Code::NoVideo])
}

fn show_playback() -> Operation {
    Operation::new("getPlayback", "Show where to watch the video", Access::Anyone)
        .about("A private auction's takes a signed-in user, and a new token every ten minutes.")
        .answers::<PlaybackView>(200, "What a player needs.")
        .refuses(&[Code::Forbidden, Code::AuctionClosed, Code::NoVideo])
}

fn revoke_viewer() -> Operation {
    Operation::new("revokeViewer", "Shut a viewer out of a private auction", Access::SignedIn)
        .about("They get no token any more, and what they watch ends.")
        .body::<RevokeViewer>()
        .answers::<RevocationView>(200, "They are shut out. Asking twice is harmless.")
        .refuses(&[Code::Forbidden, Code::AuctionClosed])
}

fn list_bids() -> Operation {
    Operation::new("listBids", "List the bids of an auction, newest first", Access::Anyone)
        .about("The history follows the live state within moments.")
        .paged()
        .answers::<Page<BidItem>>(200, "A page of accepted bids.")
}

fn place_bid() -> Operation {
    Operation::new("placeBid", "Place a bid", Access::SignedIn)
        .idempotent()
        .body::<BidRequest>()
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
        ])
}

fn follow() -> Operation {
    Operation::new("followAuction", "Hear when an auction opens", Access::SignedIn)
        .answers::<FollowView>(200, "It is followed. Asking twice is harmless.")
}

fn unfollow() -> Operation {
    Operation::new("unfollowAuction", "Not hear when an auction opens", Access::SignedIn)
        .answers::<FollowView>(200, "It is not followed. Asking twice is harmless.")
}

fn ask_to_unsubscribe() -> Operation {
    Operation::new("showUnsubscribe", "Ask whether to send no more messages", Access::Anyone)
        .about("The page that a link in a message leads to. It changes nothing.")
        .required_query("token", "That of the link.", |_| schema::link_token())
        .answers_page(200, "A page with a button.")
}

fn unsubscribe() -> Operation {
    Operation::new("unsubscribe", "Get no more messages", Access::Anyone)
        .about("One click (RFC 8058): the link's token is all it takes, and a body is not read.")
        .required_query("token", "That of the link.", |_| schema::link_token())
        .answers_page(200, "No more messages are sent. Asking twice is harmless.")
}

fn show_bid() -> Operation {
    Operation::new("getBid", "Show whether a bid of one's own counts", Access::SignedIn)
        .about("Settles a time-out. Somebody else's bid is not found.")
        .answers::<BidReceipt>(200, "The bid was accepted.")
}

fn list_own_bids() -> Operation {
    Operation::new("listOwnBids", "List one's own bids, newest first", Access::SignedIn)
        .paged()
        .answers::<Page<OwnBidItem>>(200, "A page of one's own accepted bids in all auctions.")
}

fn show_me() -> Operation {
    Operation::new("getMe", "Show one's own profile", Access::SignedIn)
        .about("It is made when somebody is first seen, with a display name of its own.")
        .answers::<MeView>(200, "The profile.")
        .refuses(&[Code::AccountDeleted])
}

fn edit_me() -> Operation {
    Operation::new("editMe", "Change one's own profile", Access::SignedIn)
        .about("Fields that are not named stay as they are.")
        .body::<EditMe>()
        .answers::<MeView>(200, "The profile as it is now.")
        .refuses(&[Code::AccountDeleted, Code::NameTaken])
}

fn delete_me() -> Operation {
    Operation::new("deleteMe", "Delete one's own account", Access::SignedIn)
        .about(
            "Name, preferences and the account itself go; auctions and bids stay, without the \
             person. Not while one sells or leads in an auction that is not over.",
        )
        .answers::<DeletedMe>(200, "The account is deleted. Asking twice is harmless.")
        .refuses(&[Code::AccountInUse])
}

fn list_chat() -> Operation {
    Operation::new("listChat", "List the chat of an auction, newest first", Access::Anyone)
        .about("What was written lately is there at once; older messages are kept for 90 days.")
        .paged()
        .answers::<Page<ChatMessage>>(200, "A page of messages.")
}

fn post_chat() -> Operation {
    Operation::new("postChat", "Write in the chat of an auction", Access::SignedIn)
        .about(
            "Until a day after it closed. It is shown under one's display name, and says whether one \
             is the seller or an administrator.",
        )
        .idempotent()
        .body::<ChatRequest>()
        .answers::<ChatMessage>(201, "The message, as everybody sees it.")
        .answers::<ChatMessage>(200, "The message that an earlier request of this key wrote.")
        .refuses(&[Code::Muted, Code::ChatClosed, Code::IdempotencyConflict])
}

fn delete_chat() -> Operation {
    Operation::new("deleteChat", "Delete a chat message", Access::SignedIn)
        .about("By its author, the auction's seller, or an administrator.")
        .answers::<ChatDeleted>(200, "Nobody is shown it any more. Asking twice is harmless.")
        .refuses(&[Code::Forbidden])
}

fn mute_chat() -> Operation {
    Operation::new("muteChat", "Mute the author of a chat message", Access::SignedIn)
        .about("In this auction. By its seller or an administrator.")
        .answers::<ChatMute>(200, "The author writes no more there. Asking twice is harmless.")
        .refuses(&[Code::Forbidden])
}

fn unmute_chat() -> Operation {
    Operation::new("unmuteChat", "Let the author of a chat message write again", Access::SignedIn)
        .about("In this auction. By its seller or an administrator.")
        .answers::<ChatMute>(200, "The author may write there. Asking twice is harmless.")
        .refuses(&[Code::Forbidden])
}
