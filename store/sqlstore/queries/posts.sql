-- name: ContactsOf :one
SELECT phone, phone_verified, email, email_verified FROM accounts WHERE id = @id AND subject_type <> 'portal_account';

-- name: CountMessagesSince :one
SELECT count(CASE WHEN created_at > @hour THEN 1 END) AS hourly, count(*) AS daily,
    count(CASE WHEN stranger AND created_at > @hour THEN 1 END) AS strangers_hourly, count(CASE WHEN stranger THEN 1 END) AS strangers_daily
FROM notices WHERE address_index = @address_index AND urgent = @urgent AND created_at > @day;

-- name: CountSMSSince :one
SELECT count(*) AS sent, count(CASE WHEN stranger THEN 1 END) AS strangers, count(CASE WHEN abroad THEN 1 END) AS abroad
FROM notices WHERE channel = 'sms' AND created_at > @since;

-- name: CountWaitingInLane :one
SELECT count(*) FROM notices WHERE channel = @channel AND urgent = @urgent AND sent_at IS NULL AND given_up_at IS NULL;

-- name: OldestUrgent :one
SELECT created_at FROM notices WHERE urgent AND sent_at IS NULL AND given_up_at IS NULL ORDER BY created_at LIMIT 1;
