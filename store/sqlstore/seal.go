package sqlstore

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"eidgate/eid"
	"eidgate/store/sqlstore/sqlcgen"
)

// Sealer encrypts and authenticates what only the gateway may read. context names
// table and row: a blob that was moved to another place does not open.
type Sealer interface {
	Seal(plaintext []byte, context string) ([]byte, error)
	Open(sealed []byte, context string) ([]byte, error)
}

// Contexts of sealed columns. The last part is the row, and no part before it
// comes from outside, so that no two places share a context.
func identifierContext(id string) string  { return "identifiers/" + id }
func sourceContext(id string) string      { return "sources/" + id }
func sectorContext(sector string) string  { return "sectors/" + sector }
func secretContext(name string) string    { return "secrets/" + name }
func reviewContext(id string) string      { return "reviews/" + id }
func conflictContext(id string) string    { return "conflicts/" + id }
func importedContext(id string) string    { return "imported_accounts/" + id }
func applicationContext(id string) string { return "applications/" + id }
func documentContext(id string) string    { return "documents/" + id }
func appCaseContext(id string) string     { return "registrations/" + id }
func noticeContext(id string) string      { return "notices/" + id }
func credentialContext(f eid.Factor, id string) string {
	return "credentials/" + string(f) + "/" + id
}

// secretLen is the length of secrets made here, in bytes.
const secretLen = 32

// blindIndex is the key that turns what must be found but not read into an index.
type blindIndex []byte

func (k blindIndex) identifier(i eid.Identifier) []byte { return k.sum("identifier", i.Canonical()) }

func (k blindIndex) unknown(i eid.Identifier) []byte { return k.sum("unknown", i.Canonical()) }

func (k blindIndex) subject(source, subject string) []byte { return k.sum("link", source, subject) }

func (k blindIndex) conflict(canonical string) []byte { return k.sum("conflict", canonical) }

func (k blindIndex) contradiction(source, login, number string) []byte {
	return k.sum("contradiction", source, login, number)
}

func (k blindIndex) oldPassword(hash string) []byte { return k.sum("old-password", hash) }

func (k blindIndex) address(address string) []byte {
	return k.sum("address", strings.ToLower(address))
}

func (k blindIndex) review(canonical string) []byte { return k.sum("review", canonical) }

// sum is HMAC-SHA256 over the parts, each with its length before it, so that no
// two lists of parts give one text.
func (k blindIndex) sum(parts ...string) []byte {
	mac := hmac.New(sha256.New, k)
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		mac.Write(n[:])
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}

// Secret returns the installation's 32 random bytes of that name. The first
// caller of all processes makes them; they never change.
func (db *DB) Secret(ctx context.Context, name string) ([]byte, error) {
	if name == "" {
		return nil, errors.New("finding secret: no name")
	}
	secret, err := db.onceMade(ctx, secretContext(name),
		func(q *sqlcgen.Queries) ([]byte, error) { return q.Secret(ctx, name) },
		func(q *sqlcgen.Queries, sealed []byte) error {
			return q.InsertSecret(ctx, sqlcgen.InsertSecretParams{Name: name, Sealed: sealed, CreatedAt: db.stamp()})
		})
	if err != nil {
		return nil, fmt.Errorf("finding secret %s: %w", name, err)
	}
	return secret, nil
}

// onceMade reads a secret and makes it if there is none. insert leaves a row
// that is there alone, and what get reads afterwards is the truth.
func (db *DB) onceMade(ctx context.Context, place string,
	get func(*sqlcgen.Queries) ([]byte, error), insert func(*sqlcgen.Queries, []byte) error,
) ([]byte, error) {
	sealed, err := get(db.reader)
	if errors.Is(err, sql.ErrNoRows) {
		err = db.write(ctx, func(q *sqlcgen.Queries) error {
			secret := make([]byte, secretLen)
			_, _ = rand.Read(secret) // never fails (crypto/rand)
			made, err := db.sealer.Seal(secret, place)
			if err != nil {
				return fmt.Errorf("sealing: %w", err)
			}
			if err := insert(q, made); err != nil {
				return err
			}
			sealed, err = get(q)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	secret, err := db.sealer.Open(sealed, place)
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	if len(secret) != secretLen {
		return nil, errors.New("opening: wrong length")
	}
	return secret, nil
}
