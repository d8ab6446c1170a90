package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"eidgate/store/sqlstore/sqlcgen"
)

// MasterKeyProcess is a running process, and the keys of the master key that it has.
type MasterKeyProcess struct {
	Process string // host, process, and a random part
	Seals   uint32 // the key that it seals with
	Holds   []uint32
	At      time.Time // when it last said so
}

// Has reports whether the process opens what a key seals.
func (p MasterKeyProcess) Has(key uint32) bool { return slices.Contains(p.Holds, key) }

// forgottenAfter is how long a process that says nothing more keeps its row.
const forgottenAfter = 24 * time.Hour

// HoldsMasterKey writes which keys a process has, and forgets processes of long ago.
func (db *DB) HoldsMasterKey(ctx context.Context, process string, seals uint32, holds []uint32) error {
	texts := make([]string, len(holds))
	for i, id := range holds {
		texts[i] = strconv.FormatUint(uint64(id), 10)
	}
	err := db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error {
		if err := q.ForgetMasterKeyProcesses(ctx, db.stamp().Add(-forgottenAfter)); err != nil {
			return err
		}
		return q.PutMasterKeyProcess(ctx, sqlcgen.PutMasterKeyProcessParams{
			Process: process, Seals: int64(seals), Holds: strings.Join(texts, " "), At: db.stamp(),
		})
	})
	if err != nil {
		return fmt.Errorf("saying which master key is held: %w", err)
	}
	return nil
}

// EndMasterKeyProcess takes the word of a process back, at its end.
func (db *DB) EndMasterKeyProcess(ctx context.Context, process string) error {
	if err := db.writeAs(ctx, kindWrite, func(q *sqlcgen.Queries) error { return q.EndMasterKeyProcess(ctx, process) }); err != nil {
		return fmt.Errorf("ending the word on the master key: %w", err)
	}
	return nil
}

// MasterKeyProcesses lists the processes that said within a time which keys they have.
func (db *DB) MasterKeyProcesses(ctx context.Context, within time.Duration) ([]MasterKeyProcess, error) {
	rows, err := db.reader.MasterKeyProcesses(ctx, db.stamp().Add(-within))
	if err != nil {
		return nil, away(fmt.Errorf("reading who holds the master key: %w", err))
	}
	var list []MasterKeyProcess
	for _, row := range rows {
		p := MasterKeyProcess{Process: row.Process, Seals: uint32(row.Seals), At: row.At}
		for text := range strings.FieldsSeq(row.Holds) {
			id, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("reading who holds the master key: %s says no ids", row.Process)
			}
			p.Holds = append(p.Holds, uint32(id))
		}
		list = append(list, p)
	}
	return list, nil
}

// Opens returns nil where another sealer opens what the database holds, though it lacks
// the keys in without.
func (db *DB) Opens(ctx context.Context, sealer Sealer, without []uint32) error {
	if err := opened(ctx, db.reader, sealer); err != nil || len(without) == 0 {
		return err
	}
	sealed, err := db.Sealed(ctx)
	if err != nil {
		return err
	}
	for _, s := range sealed {
		if slices.Contains(without, s.Key) {
			return fmt.Errorf("%d rows of %s are sealed by key %d, which it lacks", s.Rows, s.Table, s.Key)
		}
	}
	return nil
}
