update revoked_viewers set told = true where auction_id = $1 and viewer_id = $2
