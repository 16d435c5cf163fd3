-- Spare channels of a kind ($1: private) beyond the reserve ($2) and those that wait for one ($3 of a
-- seller at most), the newest first. Under the same lock as minting.
update channels
set state = 'retiring', due_at = now(), failures = 0
where state = 'ready' and slot in (
    select slot
    from channels
    where private = $1 and state = 'ready'
    order by created_at
    offset $2 + (
        select count(*) from auctions
        where status <> 'closed' and private = $1
          and not exists (select from channels where channels.auction_id = auctions.id)
          and (select count(*) from auctions as older
               where older.seller_id = auctions.seller_id and older.status <> 'closed'
                 and (older.created_at, older.id) < (auctions.created_at, auctions.id)) < $3
    )
    for update skip locked
)
