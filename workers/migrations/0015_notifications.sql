-- Who follows an auction: they hear when it opens.
create table followers (
    auction_id text not null references auctions (id),
    user_id text not null,
    primary key (auction_id, user_id)
);

-- Who has bid in an auction, collected from its events as they pass, so that its end is told to all.
create table notify_bidders (
    auction_id text not null,
    user_id text not null,
    primary key (auction_id, user_id)
);

-- What people are told: a row a person and event, whatever is delivered twice. Addresses are not kept.
create table notifications (
    id bigint generated always as identity primary key,
    auction_id text not null,
    -- The event's place in the auction's log.
    position bigint not null check (position > 0),
    user_id text not null,
    kind text not null
        check (kind in ('outbid', 'won', 'lost', 'sold', 'ended', 'cancelled', 'opened')),
    facts jsonb not null,
    status text not null default 'pending'
        check (status in ('pending', 'sent', 'superseded', 'skipped', 'failed')),
    -- Why it was not sent.
    reason text,
    due_at timestamptz not null default now(),
    -- Whoever sends it has until then; afterwards it is anybody's again.
    leased_until timestamptz,
    attempts integer not null default 0,
    created_at timestamptz not null default now(),
    sent_at timestamptz,
    message_id text,

    constraint one_message_a_person_and_event unique (auction_id, position, user_id)
);
create index notifications_due on notifications (due_at) where status = 'pending';
create index notifications_of_a_person on notifications (auction_id, user_id) where kind = 'outbid';
