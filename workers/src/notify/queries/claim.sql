-- What is due and nobody's, oldest first. Two workers never get the same row, and news of being outbid
-- waits while other news of it is on its way or too fresh.
with due as (
    select id from notifications as n
    where status = 'pending' and due_at <= now()
      and (leased_until is null or leased_until < now())
      and not (kind = 'outbid' and exists (
          select 1 from notifications as other
          where other.auction_id = n.auction_id and other.user_id = n.user_id
            and other.kind = 'outbid' and other.id <> n.id
            and (other.sent_at > now() - make_interval(secs => $3) or other.leased_until > now())
      ))
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
    n.created_at < now() - make_interval(secs => $4) as stale,
    auctions.title, auctions.currency::text as currency,
    coalesce(users.notify_channel, 'email') as channel,
    users.push_endpoint_arn,
    users.email_bounced_at is not null as bounced,
    users.deleted_at is not null as deleted
