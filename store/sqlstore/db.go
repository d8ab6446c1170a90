// Package sqlstore keeps durable data in SQL: accounts, links, consents,
// registrations, sealed keys and secrets, issued subjects, events, the outbox of
// logout notices and the audit. It speaks SQLite; its queries keep to what
// PostgreSQL understands as well.
package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"eidgate/eid"
	"eidgate/eid/notify"
	"eidgate/store"
	"eidgate/store/sqlitefile"
	"eidgate/store/sqlstore/sqlcgen"
)

// ErrNotMigrated reports a database without the tables this program needs.
var ErrNotMigrated = errors.New("database is not up to date: run `eidgate migrate`")

// Config says where the data is.
type Config struct {
	Path string // of the SQLite file
	// Meter is told of each transaction; nil tells nobody.
	Meter Meter
	// Notices puts what holders are to be told into the outbox, where somebody sends it on
	// these channels.
	Notices notify.Channels
	// SMSHourly bounds what is put there; the zero value is notify.StandardHourly.
	SMSHourly notify.Hourly
}

// Meter accounts for transactions.
type Meter interface {
	// Transaction begins the account of a transaction of a kind (read, write,
	// audit). What it returns is told how the transaction ended.
	Transaction(ctx context.Context, kind string) (context.Context, func(error))
}

// silent is a Meter that keeps nothing.
type silent struct{}

func (silent) Transaction(ctx context.Context, _ string) (context.Context, func(error)) {
	return ctx, func(error) {}
}

// Kinds of transactions.
const (
	kindRead  = "read"
	kindWrite = "write"
	kindAudit = "audit" // without it nobody signs in
)

// DB is the durable store. It is safe for concurrent use, and several processes
// may share the file.
type DB struct {
	file   *sqlitefile.File
	reader *sqlcgen.Queries
	writer *sqlcgen.Queries
	sealer Sealer
	index  blindIndex
	now    func() time.Time
	meter  Meter
	// notices: somebody sends what is put into the outbox of notices to holders.
	notices   notify.Channels
	smsHourly notify.Hourly

	grants   *batch[*grantRow]
	holders  recent[eid.Account]
	consents recent[eid.ConsentGiven]
	known    atomic.Pointer[registrations]
	reading  sync.Mutex // of registrations
	sectors  sync.Map   // sector → secret: they never change

	dataVersion atomic.Int64 // of the file, as imports saw it last
}

// Open opens a database that Migrate made, else it returns ErrNotMigrated. A
// database that a newer version migrated is served too: migrations are safe with
// the version before. Open fails when sealer cannot open what the database holds.
func Open(ctx context.Context, cfg Config, sealer Sealer, now func() time.Time) (*DB, error) {
	file, err := sqlitefile.Open(ctx, cfg.Path, "FULL")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w (no file at %s)", ErrNotMigrated, cfg.Path)
	}
	if err != nil {
		return nil, err
	}
	db := &DB{file: file, sealer: sealer, now: now, meter: cfg.Meter, notices: cfg.Notices, smsHourly: cmp.Or(cfg.SMSHourly, notify.StandardHourly())}
	if db.meter == nil {
		db.meter = silent{}
	}
	db.grants = newBatch[*grantRow](db)
	if err := db.prepare(ctx); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return db, nil
}

func (db *DB) prepare(ctx context.Context) error {
	if err := checkSchema(ctx, db.file.Writer); err != nil {
		return err
	}
	var err error
	if db.writer, err = sqlcgen.Prepare(ctx, db.file.Writer); err != nil {
		return fmt.Errorf("preparing statements: %w", err)
	}
	if db.reader, err = sqlcgen.Prepare(ctx, db.file.Reader); err != nil {
		return fmt.Errorf("preparing statements: %w", err)
	}
	key, err := db.Secret(ctx, "blind-index")
	if err != nil {
		return err
	}
	db.index = blindIndex(key)
	return nil
}

// Ping reports whether the database can be reached.
func (db *DB) Ping(ctx context.Context) error { return db.file.Ping(ctx) }

// Close closes the database.
func (db *DB) Close() error {
	return errors.Join(db.reader.Close(), db.writer.Close(), db.file.Close())
}

// write runs change in one transaction that holds the write lock from its begin.
func (db *DB) write(ctx context.Context, change func(q *sqlcgen.Queries) error) error {
	defer db.forgetHolders() // after the commit; also after one whose answer was lost
	return db.writeAs(ctx, kindWrite, change)
}

// forgetHolders makes the next callers read holders and their consents anew.
func (db *DB) forgetHolders() {
	db.holders.forget()
	db.consents.forget()
}

func (db *DB) writeAs(ctx context.Context, kind string, change func(q *sqlcgen.Queries) error) error {
	return db.writeIn(ctx, kind, func(tx *sql.Tx) error { return change(db.writer.WithTx(tx)) })
}

func (db *DB) writeIn(ctx context.Context, kind string, change func(tx *sql.Tx) error) (err error) {
	ctx, done := db.meter.Transaction(ctx, kind)
	defer func() { done(err) }()
	tx, err := db.file.Writer.BeginTx(ctx, nil)
	if err != nil {
		return away(fmt.Errorf("beginning transaction: %w", err))
	}
	if err := change(tx); err != nil {
		return away(errors.Join(err, rollback(tx)))
	}
	if err := tx.Commit(); err != nil {
		return away(fmt.Errorf("committing: %w", err))
	}
	return nil
}

// away marks an error that says that the database cannot be used now.
func away(err error) error {
	if sqlitefile.Unavailable(err) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// read runs several queries on one snapshot.
func (db *DB) read(ctx context.Context, look func(q *sqlcgen.Queries) error) (err error) {
	ctx, done := db.meter.Transaction(ctx, kindRead)
	defer func() { done(err) }()
	tx, err := db.file.Reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return away(fmt.Errorf("beginning snapshot: %w", err))
	}
	return away(errors.Join(look(db.reader.WithTx(tx)), rollback(tx)))
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("rolling back: %w", err)
	}
	return nil
}

// found turns an absent row into eid.ErrNotFound.
func found(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		return eid.ErrNotFound
	}
	return away(err)
}

// stamp is the time now as columns keep it.
func (db *DB) stamp() time.Time { return stamp(db.now()) }

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// nullable stores the zero time as NULL.
func nullable(t time.Time) sql.NullTime {
	return sql.NullTime{Time: stamp(t), Valid: !t.IsZero()}
}
