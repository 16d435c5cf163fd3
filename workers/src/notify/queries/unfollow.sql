delete from followers where auction_id = $1 and user_id = $2
