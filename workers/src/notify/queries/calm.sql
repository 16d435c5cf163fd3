-- They lead again, there is something newer to say, or it is over: older news of being outbid is void.
update notifications set status = 'superseded'
where auction_id = $1 and kind = 'outbid' and status = 'pending' and position < $2
  and ($3::text is null or user_id = $3)
