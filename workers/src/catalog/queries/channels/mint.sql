-- As many new slots of a kind ($1: private) as are missing to those that wait for one, of each seller
-- among their oldest $4 only, and a reserve of $2, but at most $3 at once. Counted under a lock, or
-- several workers would each mint them.
insert into channels (slot, private, state)
select gen_random_uuid(), $1, 'creating'
from generate_series(1, least($3, $2
    + (select count(*)
       from (select distinct seller_id from auctions where status <> 'closed') as sellers
       cross join lateral (
           select id, private
           from auctions
           where seller_id = sellers.seller_id and status <> 'closed'
           order by created_at, id
           limit $4
       ) as shown
       where shown.private = $1
         and not exists (select from channels where channels.auction_id = shown.id))
    - (select count(*) from channels where private = $1 and state in ('creating', 'ready'))))
