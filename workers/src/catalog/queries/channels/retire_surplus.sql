-- Spare channels of a kind ($1: private) beyond the reserve ($2) and those that wait for one, of each
-- seller among their oldest $3 only; the newest first. Under the same lock as minting.
update channels
set state = 'retiring', due_at = now(), failures = 0
where state = 'ready' and slot in (
    select slot
    from channels
    where private = $1 and state = 'ready'
    order by created_at
    offset $2 + (
        select count(*)
        from (select distinct seller_id from auctions where status <> 'closed') as sellers
        cross join lateral (
            select id, private
            from auctions
            where seller_id = sellers.seller_id and status <> 'closed'
            order by created_at, id
            limit $3
        ) as shown
        where shown.private = $1
          and not exists (select from channels where channels.auction_id = shown.id)
    )
    for update skip locked
)
