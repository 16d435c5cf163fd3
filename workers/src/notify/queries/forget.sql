-- Whatever names this person, the rows of what they were told among it.
with following as (delete from followers where user_id = $1),
     bidding as (delete from notify_bidders where user_id = $1)
delete from notifications where user_id = $1
