insert into chat_mutes (auction_id, user_id, muted_by) values ($1, $2, $3) on conflict do nothing
