package audit_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	_ "modernc.org/sqlite"

	"eidgate/eid"
	"eidgate/eid/audit"
	"eidgate/store/sqlstore"
	"eidgate/store/storetest"
)

// key signs checkpoints; it stands in for the ring.
type key struct {
	private *ecdsa.PrivateKey
	away    error
}

func newKey(t testing.TB) *key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return &key{private: private}
}

func (k *key) Sign(payload []byte) (string, error) {
	if k.away != nil {
		return "", k.away
	}
	return k.sign(payload, audit.Typ)
}

func (k *key) sign(payload []byte, typ string) (string, error) {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k.private, KeyID: k.id()}}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", err
	}
	jws, err := s.Sign(payload)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

func (k *key) public() audit.PublicKey {
	raw, _ := (&jose.JSONWebKey{Key: k.private.Public(), Algorithm: "ES256", Use: "sig"}).MarshalJSON() // a P-256 key can be written
	return audit.PublicKey{JWK: raw}
}

func (k *key) id() string {
	var id string
	set, _ := audit.NewKeySet([]audit.PublicKey{k.public()})
	for id = range set.IDs() {
	}
	return id
}

// desk is a database with a sealer.
type desk struct {
	t      testing.TB
	path   string
	db     *sqlstore.DB
	clock  *storetest.Clock
	key    *key
	sealer *audit.Sealer
	master box
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{t: t, path: filepath.Join(t.TempDir(), "eidgate.db"), clock: storetest.NewClock(), key: newKey(t)}
	must(t, sqlstore.Migrate(t.Context(), sqlstore.Config{Path: d.path}))
	master := box(rand.Text())
	var err error
	d.db, err = sqlstore.Open(t.Context(), sqlstore.Config{Path: d.path}, master, d.clock.Now)
	must(t, err)
	t.Cleanup(func() { must(t, d.db.Close()) })
	d.master, d.sealer = master, d.newSealer()
	return d
}

func (d *desk) newSealer() *audit.Sealer { return d.sealerOver(d.db) }

func (d *desk) sealerOver(s audit.Store) *audit.Sealer {
	return audit.NewSealer(s, d.key, slog.New(slog.DiscardHandler), d.clock.Now)
}

// write writes rows, a grant each, and advances the clock by a second for each.
func (d *desk) write(n int) {
	d.t.Helper()
	for range n {
		d.clock.Advance(time.Second)
		ref := rand.Text()[:8]
		must(d.t, d.db.Record(d.t.Context(), eid.AuditEntry{
			At: d.clock.Now(), Actor: "holder", Action: eid.ActionGrantIssued, Account: "acc-1", Client: "portal-1", Ref: ref,
			Detail: json.RawMessage(`{"account":"acc-1","client":"portal-1","terms":{"account":2,"method":1}}`),
		}))
	}
}

// seal makes one checkpoint of what was written.
func (d *desk) seal() {
	d.t.Helper()
	_, err := d.sealer.Seal(d.t.Context())
	must(d.t, err)
}

// filled writes five checkpoints of ten rows each.
func (d *desk) filled() *desk {
	for range 5 {
		d.write(10)
		d.seal()
	}
	return d
}

func (d *desk) plan() (audit.Plan, *[]audit.Finding) {
	set, err := audit.NewKeySet([]audit.PublicKey{d.key.public()})
	must(d.t, err)
	var found []audit.Finding
	return audit.Plan{Keys: set, Now: d.clock.Now(), Grace: 10 * time.Second, Report: func(f audit.Finding) { found = append(found, f) }}, &found
}

// verify lists the findings, each "kind row-through/checkpoint".
func (d *desk) verify() ([]string, audit.Result) {
	d.t.Helper()
	return d.verifyWith(nil)
}

func (d *desk) verifyWith(shipped iter.Seq2[audit.Sealed, error]) ([]string, audit.Result) {
	d.t.Helper()
	p, found := d.plan()
	p.Shipped = shipped
	result, err := audit.Verify(d.t.Context(), d.db.Evidence(), p)
	must(d.t, err)
	if int(result.Findings) != len(*found) {
		d.t.Errorf("findings = %d, want the %d that were reported", result.Findings, len(*found))
	}
	return brief(*found), result
}

func brief(found []audit.Finding) []string {
	var list []string
	for _, f := range found {
		text := string(f.Kind)
		if f.Row != 0 {
			text += fmt.Sprintf(" %d", f.Row)
		}
		if f.Through != 0 {
			text += fmt.Sprintf("-%d", f.Through)
		}
		if f.Checkpoint != 0 {
			text += fmt.Sprintf("/%d", f.Checkpoint)
		}
		list = append(list, text)
	}
	return list
}

// tamper is somebody with the file in hand: no trigger holds them.
func (d *desk) tamper(statements ...string) {
	d.t.Helper()
	raw, err := sql.Open("sqlite", d.path)
	must(d.t, err)
	defer raw.Close()
	for _, trigger := range []string{"audit_keeps_rows", "audit_keeps_values", "audit_appends", "checkpoints_keep_rows", "checkpoints_keep_values", "checkpoints_append"} {
		statements = slices.Insert(statements, 0, "DROP TRIGGER IF EXISTS "+trigger)
	}
	_, err = raw.ExecContext(d.t.Context(), strings.Join(statements, ";\n"))
	must(d.t, err)
}

// exec runs a statement beside the gateway.
func (d *desk) exec(statement string) {
	d.t.Helper()
	raw, err := sql.Open("sqlite", d.path)
	must(d.t, err)
	defer raw.Close()
	_, err = raw.ExecContext(d.t.Context(), statement)
	must(d.t, err)
}

// statement signs what follows a head as anybody with the key could, at any time.
func (d *desk) statement(head audit.Head, rows []audit.Row, at time.Time) (audit.Checkpoint, audit.Head) {
	d.t.Helper()
	hashes := audit.Entries(rows)
	sum := sha256.Sum256(hashes)
	payload, err := json.Marshal(audit.Statement{
		Version: 1, Log: head.Log, N: head.N + 1, First: rows[0].ID, Last: rows[len(rows)-1].ID, Rows: len(rows),
		Hash: base64.RawURLEncoding.EncodeToString(sum[:]), Prev: head.Hash, At: at, Rule: "eidgate-audit-row-1",
	})
	must(d.t, err)
	jws, err := d.key.Sign(payload)
	must(d.t, err)
	return audit.Checkpoint{N: head.N + 1, Hashes: hashes, JWS: jws},
		audit.Head{Log: head.Log, N: head.N + 1, Last: rows[len(rows)-1].ID, Hash: audit.Digest(jws), At: at}
}

// stored reads all checkpoints with their rows, as they would have been shipped.
func (d *desk) stored() []audit.Sealed {
	d.t.Helper()
	e := d.db.Evidence()
	page, err := e.Checkpoints(d.t.Context(), 0, 1000)
	must(d.t, err)
	var list []audit.Sealed
	after := int64(0)
	for _, c := range page {
		s := audit.Sealed{Checkpoint: c}
		payload, _, err := mustSet(d.t, d.key).Verify(c.JWS)
		must(d.t, err)
		var st audit.Statement
		must(d.t, json.Unmarshal(payload, &st))
		must(d.t, e.EachRow(d.t.Context(), after, st.Last, func(r audit.Row) error {
			s.Rows = append(s.Rows, r)
			return nil
		}))
		after = st.Last
		list = append(list, s)
	}
	return list
}

func mustSet(t testing.TB, k *key) *audit.KeySet {
	t.Helper()
	set, err := audit.NewKeySet([]audit.PublicKey{k.public()})
	must(t, err)
	return set
}

// each is a shipped file.
func each(list []audit.Sealed) iter.Seq2[audit.Sealed, error] {
	return func(yield func(audit.Sealed, error) bool) {
		for _, s := range list {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var errAway = errors.New("away")

func (k *key) signAs(payload []byte, kid string) (string, error) {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k.private, KeyID: kid}}, (&jose.SignerOptions{}).WithType(audit.Typ))
	if err != nil {
		return "", err
	}
	jws, err := s.Sign(payload)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func sqlstoreBackup(t testing.TB, path, to string) error {
	t.Helper()
	return sqlstore.Backup(t.Context(), sqlstore.Config{Path: path}, to)
}

// evidenceOf reads a database that is only looked at.
func evidenceOf(t testing.TB, path string, d *desk) *sqlstore.Evidence {
	t.Helper()
	x, err := sqlstore.Examine(t.Context(), sqlstore.Config{Path: path})
	must(t, err)
	t.Cleanup(func() { must(t, x.Close()) })
	e, err := x.Evidence(t.Context(), d.master)
	must(t, err)
	return e
}

// box stands in for the master key: it authenticates, and hides nothing.
type box string

func (b box) sum(text []byte, context string) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s", b, context, text))
	return sum[:]
}

func (b box) Seal(text []byte, context string) ([]byte, error) {
	return append(b.sum(text, context), text...), nil
}

func (b box) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) < sha256.Size || !bytes.Equal(sealed[:sha256.Size], b.sum(sealed[sha256.Size:], context)) {
		return nil, errors.New("it does not open")
	}
	return sealed[sha256.Size:], nil
}

// inTransaction runs statements with the triggers in place, and takes them back.
func (d *desk) inTransaction(statements string) error {
	d.t.Helper()
	raw, err := sql.Open("sqlite", d.path)
	must(d.t, err)
	defer raw.Close()
	tx, err := raw.BeginTx(d.t.Context(), nil)
	must(d.t, err)
	defer func() { must(d.t, tx.Rollback()) }()
	_, err = tx.ExecContext(d.t.Context(), statements)
	return err
}
