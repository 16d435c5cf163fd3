insert into revoked_viewers (auction_id, viewer_id)
values ($1, $2)
on conflict (auction_id, viewer_id) do update set told = false
returning revoked_at
