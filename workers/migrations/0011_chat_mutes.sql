-- Who may not write in which auction's chat, because its seller or an administrator says so.
create table chat_mutes (
    auction_id text not null references auctions (id),
    user_id text not null,
    muted_by text not null,
    muted_at timestamptz not null default date_trunc('milliseconds', now()),

    primary key (auction_id, user_id)
);
