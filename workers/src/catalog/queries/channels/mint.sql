-- As many new slots of a kind ($1: private) as are missing to those that wait for one and a reserve
-- of $2, but at most $3 at once, and for the oldest $4 auctions of a seller only. Counted under a lock, or several workers would each mint them.
insert into channels (slot, private, state)
select gen_random_uuid(), $1, 'creating'
from generate_series(1, least($3, $2
    + (select count(*) from auctions
       where status <> 'closed' and private = $1
         and not exists (select from channels where channels.auction_id = auctions.id)
         and (select count(*) from auctions as older
              where older.seller_id = auctions.seller_id and older.status <> 'closed'
                and (older.created_at, older.id) < (auctions.created_at, auctions.id)) < $4)
    - (select count(*) from channels where private = $1 and state in ('creating', 'ready'))))
