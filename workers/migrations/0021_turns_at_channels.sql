-- Whether an auction is among its seller's oldest `most` that are not over, the ones that have video.
create function has_channel_turn(auction text, most bigint) returns boolean
language sql stable as $$
    select count(*) < most
    from (
        select
        from auctions
        join auctions as older on older.seller_id = auctions.seller_id
        where auctions.id = auction and older.status <> 'closed'
          and (older.created_at, older.id) < (auctions.created_at, auctions.id)
        limit most
    ) as few
$$;
