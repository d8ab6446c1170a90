package statestore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"eidgate/store"
)

// statements are the prepared ones, of a pool or bound to a transaction. What
// has expired at the time given is absent to all of them.
type statements struct {
	get         *sql.Stmt // slot, key, now → value, expires
	getTwo      *sql.Stmt // slot, key, key, now → key, value
	put         *sql.Stmt // slot, key, value, expires
	putIfAbsent *sql.Stmt // slot, key, value, expires, now → rows
	remove      *sql.Stmt // slot, key, now → rows
	sweep       *sql.Stmt // now, batch → rows
}

func prepare(ctx context.Context, db *sql.DB) (statements, error) {
	var s statements
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.get, `SELECT value, expires FROM entries WHERE slot = ? AND key = ? AND expires > ?`},
		{&s.getTwo, `SELECT key, value FROM entries WHERE slot = ? AND key IN (?, ?) AND expires > ?`},
		{&s.put, `INSERT INTO entries (slot, key, value, expires) VALUES (?, ?, ?, ?)
			ON CONFLICT (slot, key) DO UPDATE SET value = excluded.value, expires = excluded.expires`},
		{&s.putIfAbsent, `INSERT INTO entries (slot, key, value, expires) VALUES (?, ?, ?, ?)
			ON CONFLICT (slot, key) DO UPDATE SET value = excluded.value, expires = excluded.expires
			WHERE entries.expires <= ?`},
		{&s.remove, `DELETE FROM entries WHERE slot = ? AND key = ? AND expires > ?`},
		{&s.sweep, `DELETE FROM entries WHERE (slot, key) IN
			(SELECT slot, key FROM entries WHERE expires <= ? LIMIT ?)`},
	} {
		stmt, err := db.PrepareContext(ctx, p.text) //nolint:sqlclosecheck // close does it
		if err != nil {
			return statements{}, fmt.Errorf("preparing statement: %w", err)
		}
		*p.stmt = stmt
	}
	return s, nil
}

// within binds the statements that operations use to a transaction.
func (s statements) within(ctx context.Context, tx *sql.Tx) statements {
	return statements{
		get:         tx.StmtContext(ctx, s.get),
		put:         tx.StmtContext(ctx, s.put),
		putIfAbsent: tx.StmtContext(ctx, s.putIfAbsent),
		remove:      tx.StmtContext(ctx, s.remove),
	}
}

func (s statements) close() error {
	return errors.Join(s.get.Close(), s.getTwo.Close(), s.put.Close(), s.putIfAbsent.Close(), s.remove.Close(), s.sweep.Close())
}

// getTwo reads two keys of one moment: one statement needs no transaction.
func getTwo(ctx context.Context, s statements, slot string, now time.Time, first, second string) (results []store.Result, err error) {
	rows, err := s.getTwo.QueryContext(ctx, slot, first, second, now.UnixNano())
	if err != nil {
		return nil, fmt.Errorf("getting two: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	results = make([]store.Result, 2)
	for rows.Next() {
		var key string
		var value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return nil, fmt.Errorf("getting two: %w", err)
		}
		for i, wanted := range []string{first, second} {
			if key == wanted {
				results[i] = store.Result{OK: true, Value: value}
			}
		}
	}
	return results, rows.Err()
}

// slotRun runs operations at one time, each on its slot.
type slotRun struct {
	statements
	slot string
	now  time.Time
}

// run stops after the first operation whose condition fails.
func run(ctx context.Context, s statements, slot string, now time.Time, ops []store.Op) ([]store.Result, error) {
	r := slotRun{statements: s, now: now}
	results := make([]store.Result, 0, len(ops))
	for i, op := range ops {
		r.slot = cmp.Or(op.Slot, slot)
		result, err := r.do(ctx, op)
		if err != nil {
			return nil, fmt.Errorf("operation %d: %w", i, err)
		}
		results = append(results, result)
		if !result.OK && op.Conditional() {
			break
		}
	}
	return results, nil
}

func (r slotRun) do(ctx context.Context, op store.Op) (store.Result, error) {
	switch op.Kind {
	case store.OpGet:
		e, err := r.find(ctx, op.Key)
		return store.Result{OK: e.there, Value: e.value}, err
	case store.OpPutIfAbsent:
		return r.putNew(ctx, op)
	case store.OpCompareAndSet:
		return r.compareAndSet(ctx, op)
	case store.OpTake:
		e, err := r.find(ctx, op.Key)
		if err != nil || !e.there {
			return store.Result{}, err
		}
		_, err = r.delete(ctx, op.Key)
		return store.Result{OK: true, Value: e.value}, err
	case store.OpMove:
		return r.move(ctx, op)
	case store.OpDelete:
		there, err := r.delete(ctx, op.Key)
		return store.Result{OK: there}, err
	case store.OpCount:
		return r.count(ctx, op)
	case store.OpUncount:
		return r.uncount(ctx, op)
	}
	return store.Result{}, fmt.Errorf("unknown kind %d", op.Kind)
}

func (r slotRun) putNew(ctx context.Context, op store.Op) (store.Result, error) {
	done, err := r.putIfAbsent.ExecContext(ctx, r.slot, op.Key, blob(op.Value), r.after(op.TTL), r.now.UnixNano())
	if err != nil {
		return store.Result{}, fmt.Errorf("putting: %w", err)
	}
	n, err := done.RowsAffected()
	return store.Result{OK: n == 1}, err
}

func (r slotRun) compareAndSet(ctx context.Context, op store.Op) (store.Result, error) {
	e, err := r.find(ctx, op.Key)
	if err != nil || !e.there || !bytes.Equal(e.value, op.Old) {
		return store.Result{}, err
	}
	return store.Result{OK: true}, r.write(ctx, op.Key, op.Value, r.after(op.TTL))
}

func (r slotRun) move(ctx context.Context, op store.Op) (store.Result, error) {
	from, err := r.find(ctx, op.Key)
	if err != nil || !from.there {
		return store.Result{}, err
	}
	to, err := r.find(ctx, op.To)
	if err != nil || to.there {
		return store.Result{}, err
	}
	if _, err := r.delete(ctx, op.Key); err != nil {
		return store.Result{}, err
	}
	return store.Result{OK: true, Value: from.value}, r.write(ctx, op.To, from.value, r.after(op.TTL))
}

// count keeps the end of a window that has begun.
func (r slotRun) count(ctx context.Context, op store.Op) (store.Result, error) {
	e, n, err := r.counter(ctx, op.Key)
	if err != nil {
		return store.Result{}, err
	}
	ends := r.after(op.TTL)
	if e.there {
		ends = e.expires
	}
	result := store.Result{N: n, Left: time.Duration(ends - r.now.UnixNano())}
	if n >= op.Limit {
		return result, nil
	}
	result.OK, result.N = true, n+1
	return result, r.write(ctx, op.Key, strconv.AppendInt(nil, n+1, 10), ends)
}

func (r slotRun) uncount(ctx context.Context, op store.Op) (store.Result, error) {
	e, n, err := r.counter(ctx, op.Key)
	if err != nil || !e.there {
		return store.Result{}, err
	}
	n = max(n-op.Limit, 0)
	result := store.Result{OK: true, N: n, Left: time.Duration(e.expires - r.now.UnixNano())}
	return result, r.write(ctx, op.Key, strconv.AppendInt(nil, n, 10), e.expires)
}

// counter reads a counter, zero where there is none.
func (r slotRun) counter(ctx context.Context, key string) (e entry, n int64, err error) {
	if e, err = r.find(ctx, key); err != nil || !e.there {
		return e, 0, err
	}
	if n, err = strconv.ParseInt(string(e.value), 10, 64); err != nil {
		return entry{}, 0, errors.New("key holds no counter")
	}
	return e, n, nil
}

// entry is what stands under a key; there is false for the zero entry.
type entry struct {
	there   bool
	value   []byte
	expires int64
}

func (r slotRun) find(ctx context.Context, key string) (entry, error) {
	e := entry{there: true}
	err := r.get.QueryRowContext(ctx, r.slot, key, r.now.UnixNano()).Scan(&e.value, &e.expires)
	if errors.Is(err, sql.ErrNoRows) {
		return entry{}, nil
	}
	if err != nil {
		return entry{}, fmt.Errorf("getting: %w", err)
	}
	return e, nil
}

func (r slotRun) write(ctx context.Context, key string, value []byte, expires int64) error {
	if _, err := r.put.ExecContext(ctx, r.slot, key, blob(value), expires); err != nil {
		return fmt.Errorf("putting: %w", err)
	}
	return nil
}

func (r slotRun) delete(ctx context.Context, key string) (there bool, err error) {
	done, err := r.remove.ExecContext(ctx, r.slot, key, r.now.UnixNano())
	if err != nil {
		return false, fmt.Errorf("removing: %w", err)
	}
	n, err := done.RowsAffected()
	return n == 1, err
}

func (r slotRun) after(ttl time.Duration) int64 { return r.now.Add(ttl).UnixNano() }

// blob keeps an empty value from being stored as NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
