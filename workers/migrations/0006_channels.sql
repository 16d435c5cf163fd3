-- Video channels. A row is a slot, minted before the video service is asked for anything, so that
-- whatever is made there can be found again by the slot in its tags. Stream keys are never here.
create table channels (
    slot uuid primary key,
    private boolean not null,
    state text not null check (state in (
        'creating', 'ready', 'assigned', 'retiring', 'keyless', 'stopped', 'offline', 'deleted'
    )),
    auction_id text unique references auctions (id),

    -- What was made: known from `ready` on.
    arn text unique,
    ingest_endpoint text,
    playback_url text,

    created_at timestamptz not null default now(),
    -- When the next step may be taken. Whoever takes one moves it ahead, so that nobody else does.
    due_at timestamptz not null default now(),
    -- Failures of the step in hand, one after the other.
    failures integer not null default 0 check (failures >= 0),

    -- Who puts the price into the stream, and until when nobody else does.
    teller uuid,
    teller_until timestamptz not null default '-infinity',

    constraint made_when_ready check (
        state = 'creating' or num_nonnulls(arn, ingest_endpoint, playback_url) = 3
    ),
    constraint assigned_to_an_auction check (state <> 'assigned' or auction_id is not null),
    constraint spare_ones_have_none check (state not in ('creating', 'ready') or auction_id is null)
);

create index channels_working on channels (due_at) where state not in ('ready', 'assigned');
create index channels_spare on channels (private, created_at) where state in ('creating', 'ready');
create index channels_assigned on channels (auction_id) where state = 'assigned';
create index auctions_not_closed on auctions (created_at, id) where status <> 'closed';
