-- News of being outbid is looked for while it waits, while it is on its way and once it was sent; what
-- is void, most of it after a bid war, is in none of these.
drop index notifications_of_a_person;
create index notifications_waiting on notifications (auction_id, user_id)
    where kind = 'outbid' and status = 'pending';
create index notifications_on_their_way on notifications (auction_id, user_id)
    where leased_until is not null;
create index notifications_sent on notifications (auction_id, user_id, sent_at)
    where kind = 'outbid' and status = 'sent';
-- A person who is deleted is taken out of all of these.
create index followers_by_user on followers (user_id);
create index notify_bidders_by_user on notify_bidders (user_id);
create index notifications_by_user on notifications (user_id);
