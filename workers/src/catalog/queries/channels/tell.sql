-- Channels whose auctions' state this worker ($1) puts into the stream for the next $2 seconds, at
-- most $3: those it has and those nobody has. To the end, which the last word is about.
update channels
set teller = $1::uuid, teller_until = now() + make_interval(secs => $2)
where slot in (
    select slot
    from channels
    join auctions on auctions.id = channels.auction_id
    where channels.state = 'assigned' and auctions.status <> 'scheduled'
      and (channels.teller = $1::uuid or channels.teller_until <= now())
    order by channels.teller is distinct from $1::uuid, channels.created_at
    limit $3
    for update of channels skip locked
)
returning auction_id, arn
