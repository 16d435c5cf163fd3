insert into notify_bidders (auction_id, user_id) values ($1, $2) on conflict do nothing
