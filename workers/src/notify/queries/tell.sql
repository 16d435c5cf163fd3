insert into notifications (auction_id, position, user_id, kind, facts, due_at)
select
    $1, $2, who.user_id, $4, $5,
    -- Not before the last news of this kind is old enough.
    greatest(now(), case when $4 = 'outbid' then (
        select max(sent_at) from notifications
        where auction_id = $1 and user_id = who.user_id and kind = 'outbid' and status = 'sent'
    ) + make_interval(secs => $7) end)
from (
    select $3::text as user_id where $6 = 'one'
    union
    select user_id from notify_bidders
    where $6 = 'bidders' and auction_id = $1 and user_id is distinct from $3
    union
    select seller_id from auctions where $6 = 'seller' and id = $1
    union
    select user_id from followers where $6 = 'followers' and auction_id = $1
) as who
on conflict (auction_id, position, user_id) do nothing
