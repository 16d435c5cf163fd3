-- Viewers of private auctions who get no playback token any more. Not told: the video service has
-- yet to end what they watch.
create table revoked_viewers (
    auction_id text not null references auctions (id),
    viewer_id text not null,
    revoked_at timestamptz not null default date_trunc('milliseconds', now()),
    told boolean not null default false,
    primary key (auction_id, viewer_id)
);

create index revoked_viewers_untold on revoked_viewers (revoked_at) where not told;
