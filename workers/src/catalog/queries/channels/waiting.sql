select id from waiting_for_channels($2) order by created_at, id limit $1
