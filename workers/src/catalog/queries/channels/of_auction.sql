-- Not one of the wrong kind: its seller changed their mind, and it is being replaced.
select
    channels.slot::text as slot, channels.private, channels.state, channels.arn, channels.ingest_endpoint,
    channels.playback_url, channels.failures
from channels
join auctions on auctions.id = channels.auction_id
where channels.auction_id = $1 and channels.state = 'assigned'
  and channels.private = auctions.private and auctions.status <> 'closed'
