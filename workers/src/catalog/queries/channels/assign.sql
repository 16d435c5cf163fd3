-- Gives an auction ($1) a spare channel of its kind, if it has none and there is one, and if it is among
-- the oldest $2 of its seller.
update channels
set state = 'assigned', auction_id = $1, due_at = now(), failures = 0
where slot = (
        select spare.slot
        from channels spare
        join auctions on auctions.id = $1 and auctions.status <> 'closed'
        where spare.state = 'ready' and spare.private = auctions.private
        order by spare.created_at
        limit 1
        for update of spare skip locked
    )
  and state = 'ready'
  and has_channel_turn($1, $2)
  and not exists (select from channels taken where taken.auction_id = $1)
returning slot::text as slot, private, state, arn, ingest_endpoint, playback_url, failures
