select exists (select from revoked_viewers where auction_id = $1 and viewer_id = $2)
