-- What is due and nobody's, oldest first. Two workers never get the same row, and news of being outbid
-- waits while other news of it is on its way or too fresh.
with due as (
    select id from notifications as n
    where status = 'pending' and due_at <= now()
      and (leased_until is null or leased_until < now())
      and not (kind = 'outbid' and (exists (
          select 1 from notifications as other
          where other.auction_id = n.auction_id and other.user_id = n.user_id
            and other.leased_until > now() and other.kind = 'outbid' and other.id <> n.id
      ) or exists (
          select 1 from notifications as other
          where other.auction_id = n.auction_id and other.user_id = n.user_id
            and other.kind = 'outbid' and other.status = 'sent'
            and other.sent_at > now() - make_interval(secs => $3)
      )))
    order by due_at
    limit $2
    for update skip locked
)
update notifications as n
set leased_until = now() + make_interval(secs => $1), attempts = n.attempts + 1
from due
    join notifications as mine on mine.id = due.id
    join auctions on auctions.id = mine.auction_id
    left join users on users.user_id = mine.user_id
where n.id = due.id
returning
    n.id, n.auction_id, n.user_id, n.kind, n.facts, n.attempts,
    -- How it ended is told for longer than what goes on; and nothing goes on once it has ended.
    n.created_at < now() - make_interval(
        secs => case when n.kind in ('outbid', 'opened') then $4 else $5 end
    ) as stale,
    n.kind in ('outbid', 'opened') and auctions.status = 'closed' as over,
    auctions.title, auctions.currency::text as currency,
    coalesce(users.notify_channel, 'email') as channel,
    users.push_endpoint_arn,
    users.email_bounced_at is not null as bounced,
    users.deleted_at is not null as deleted
