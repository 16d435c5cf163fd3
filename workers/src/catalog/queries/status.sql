select status from auctions where id = $1
