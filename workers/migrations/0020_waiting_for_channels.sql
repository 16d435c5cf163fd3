-- Auctions without a channel that are to have one: of each seller among their oldest `most` only.
create function waiting_for_channels(most bigint)
returns table (id text, private boolean, created_at timestamptz)
language sql stable as $$
    select shown.id, shown.private, shown.created_at
    from (select distinct seller_id from auctions where status <> 'closed') as sellers
    cross join lateral (
        select auctions.id, auctions.private, auctions.created_at
        from auctions
        where auctions.seller_id = sellers.seller_id and auctions.status <> 'closed'
        order by auctions.created_at, auctions.id
        limit most
    ) as shown
    where not exists (select from channels where channels.auction_id = shown.id)
$$;
