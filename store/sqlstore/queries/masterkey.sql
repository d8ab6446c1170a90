-- name: PutMasterKeyProcess :exec
INSERT INTO master_key_processes (process, seals, holds, at) VALUES (@process, @seals, @holds, @at)
ON CONFLICT (process) DO UPDATE SET seals = excluded.seals, holds = excluded.holds, at = excluded.at;

-- name: ForgetMasterKeyProcesses :exec
DELETE FROM master_key_processes WHERE at < @before;

-- name: EndMasterKeyProcess :exec
DELETE FROM master_key_processes WHERE process = @process;

-- name: MasterKeyProcesses :many
SELECT process, seals, holds, at FROM master_key_processes WHERE at >= @since ORDER BY process;
