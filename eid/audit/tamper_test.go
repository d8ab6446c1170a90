package audit_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"eidgate/eid/audit"
)

// TestTampering: whoever has the file edits, deletes, reorders and inserts rows and
// checkpoints; the verifier names each.
func TestTampering(t *testing.T) {
	for name, tt := range map[string]struct {
		sql  string
		want []string
		what string // part of the first finding
	}{
		"nothing":                       {"", nil, ""},
		"at edited":                     {"UPDATE audit SET at = at + 1 WHERE id = 17", []string{"row_edited 17/2"}, "cannot be told"},
		"actor edited":                  {"UPDATE audit SET actor = 'system' WHERE id = 17", []string{"row_edited 17/2"}, `actor was "holder" and is "system"`},
		"action edited":                 {"UPDATE audit SET action = 'signin.failed' WHERE id = 17", []string{"row_edited 17/2"}, `action was "grant.issued"`},
		"account edited":                {"UPDATE audit SET account = 'acc-2' WHERE id = 17", []string{"row_edited 17/2"}, `account was "acc-1" and is "acc-2"`},
		"client edited":                 {"UPDATE audit SET client = 'portal-2' WHERE id = 17", []string{"row_edited 17/2"}, `client was "portal-1" and is "portal-2"`},
		"ref edited":                    {"UPDATE audit SET ref = 'XXXX' WHERE id = 17", []string{"row_edited 17/2"}, "cannot be told"},
		"level edited":                  {`UPDATE audit SET detail = replace(detail, '"method":1', '"method":2') WHERE id = 17`, []string{"row_edited 17/2"}, `\"method\":1`},
		"type edited":                   {"UPDATE audit SET account = CAST(account AS BLOB) WHERE id = 17", []string{"row_edited 17/2"}, "account is blob"},
		"time made a text":              {"UPDATE audit SET at = 'yesterday' WHERE id = 17", []string{"row_edited 17/2"}, "at is text"},
		"columns shifted":               {"UPDATE audit SET actor = 'holde', action = 'rgrant.issued' WHERE id = 17", []string{"row_edited 17/2"}, ""},
		"first edited":                  {"UPDATE audit SET ref = '' WHERE id = 1", []string{"row_edited 1/1"}, ""},
		"last edited":                   {"UPDATE audit SET ref = '' WHERE id = 50", []string{"row_edited 50/5"}, ""},
		"one deleted":                   {"DELETE FROM audit WHERE id = 17", []string{"row_deleted 17/2"}, ""},
		"several deleted":               {"DELETE FROM audit WHERE id BETWEEN 18 AND 23", []string{"row_deleted 18-20/2", "row_deleted 21-23/3"}, ""},
		"first deleted":                 {"DELETE FROM audit WHERE id = 1", []string{"row_deleted 1/1"}, ""},
		"two swapped":                   {"UPDATE audit SET id = -1 WHERE id = 13; UPDATE audit SET id = 13 WHERE id = 17; UPDATE audit SET id = 17 WHERE id = -1", []string{"row_moved 13/2", "row_moved 17/2"}, "sealed as row 17"},
		"one moved":                     {"UPDATE audit SET id = -7 WHERE id = 3", []string{"row_moved -7/1"}, "sealed as row 3"},
		"inserted before all":           {"INSERT INTO audit SELECT -5, at, actor, action, account, client, 'X', detail FROM audit WHERE id = 3", []string{"row_inserted -5/1"}, ""},
		"rewritten":                     {"DELETE FROM audit WHERE id = 17; INSERT INTO audit SELECT 17, at, actor, action, account, client, 'X', detail FROM audit WHERE id = 18", []string{"row_edited 17/2"}, ""},
		"all rows deleted":              {"DELETE FROM audit", []string{"row_deleted 1-10/1", "row_deleted 11-20/2", "row_deleted 21-30/3", "row_deleted 31-40/4", "row_deleted 41-50/5"}, ""},
		"last rows and number deleted":  {"DELETE FROM audit WHERE id > 45; UPDATE sqlite_sequence SET seq = 45 WHERE name = 'audit'", []string{"row_deleted 46-50/5"}, ""},
		"checkpoint deleted":            {"DELETE FROM checkpoints WHERE n = 3", []string{"checkpoint_removed/3", "row_unproven 21-30"}, ""},
		"first checkpoints deleted":     {"DELETE FROM checkpoints WHERE n < 3", []string{"checkpoint_removed/1", "row_unproven 1-20"}, "all before 3"},
		"last checkpoint deleted":       {"DELETE FROM checkpoints WHERE n = 5", []string{"row_unsealed 41-50", "tail_cut/5"}, ""},
		"both tails cut":                {"DELETE FROM checkpoints WHERE n > 3; DELETE FROM audit WHERE id > 30", []string{"tail_cut/5", "tail_cut 31-50"}, ""},
		"both tails and number cut":     {"DELETE FROM checkpoints WHERE n > 3; DELETE FROM audit WHERE id > 30; UPDATE sqlite_sequence SET seq = 30 WHERE name = 'audit'", []string{"tail_cut/5"}, ""},
		"everything cut":                {"DELETE FROM checkpoints; DELETE FROM audit; DELETE FROM sqlite_sequence", []string{"tail_cut/5"}, ""},
		"everything and the head cut":   {"DELETE FROM checkpoints; DELETE FROM audit; DELETE FROM audit_head", []string{"tail_cut 1-50"}, ""},
		"tails and the head cut":        {"DELETE FROM checkpoints WHERE n > 3; DELETE FROM audit WHERE id > 30; DELETE FROM audit_head; UPDATE sqlite_sequence SET seq = 30", []string{"tail_cut"}, "gone"},
		"head exchanged":                {"UPDATE audit_head SET sealed = x'00'", []string{"tail_cut"}, "does not open"},
		"checkpoints swapped":           {"UPDATE checkpoints SET n = -n; UPDATE checkpoints SET n = CASE n WHEN -2 THEN 3 WHEN -3 THEN 2 ELSE -n END", []string{"checkpoint_altered/2", "checkpoint_altered/3", "row_unproven 11-30"}, "signed as checkpoint 3"},
		"signature broken":              {"UPDATE checkpoints SET jws = substr(jws, 1, length(jws) - 8) || 'AAAAAAAA' WHERE n = 3", []string{"checkpoint_forged/3", "row_unproven 21-30"}, ""},
		"hashes of a row replaced":      {"UPDATE checkpoints SET hashes = CAST(substr(hashes, 1, 60) || x'0000' || substr(hashes, 63) AS BLOB) WHERE n = 3", []string{"checkpoint_altered/3"}, "rows are as they were signed"},
		"hashes destroyed":              {"UPDATE checkpoints SET hashes = x'' WHERE n = 3", []string{"checkpoint_altered/3"}, "rows are as they were signed"},
		"hashes destroyed, row edited":  {"UPDATE checkpoints SET hashes = x'' WHERE n = 3; UPDATE audit SET ref = '' WHERE id = 25", []string{"checkpoint_altered 21-30/3"}, "which of them cannot be told"},
		"hashes of another checkpoint":  {"UPDATE checkpoints SET hashes = (SELECT hashes FROM checkpoints WHERE n = 2) WHERE n = 3", []string{"checkpoint_altered/3"}, ""},
		"a copy of the last checkpoint": {"INSERT INTO checkpoints SELECT 6, last_id, at, hashes, jws FROM checkpoints WHERE n = 5", []string{"checkpoint_altered/6"}, "signed as checkpoint 5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t).filled()
			d.tamper(tt.sql)
			d.clock.Advance(time.Minute)
			p, found := d.plan()
			if _, err := audit.Verify(t.Context(), d.db.Evidence(), p); err != nil {
				t.Fatal(err)
			}
			if got := brief(*found); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("findings = %q, want %q", *found, tt.want)
			} else if len(*found) > 0 && !strings.Contains((*found)[0].What, tt.what) {
				t.Errorf("finding = %q, want %q in it", (*found)[0].What, tt.what)
			}
		})
	}
}

// TestRecomputed: a checkpoint whose hashes were computed again needs the gateway's key.
func TestRecomputed(t *testing.T) {
	d := newDesk(t).filled()
	stored := d.stored()
	var s audit.Statement
	payload, _, err := mustSet(t, d.key).Verify(stored[2].JWS)
	must(t, err)
	must(t, json.Unmarshal(payload, &s))
	d.tamper("UPDATE audit SET ref = 'X' WHERE id = 25")
	rows, err := d.db.RowsAfter(t.Context(), 20, 10)
	must(t, err)
	hashes := audit.Entries(rows)
	s.Hash = audit.Digest(string(hashes))
	text, err := json.Marshal(s)
	must(t, err)
	for name, forge := range map[string]func() (string, error){
		"with a key of their own":         func() (string, error) { return newKey(t).Sign(text) },
		"under the kid of the gateway":    func() (string, error) { k := newKey(t); return k.signAs(text, d.key.id()) },
		"as a token of the gateway's key": func() (string, error) { return d.key.sign(text, "JWT") },
		"unsigned": func() (string, error) {
			return "eyJhbGciOiJub25lIn0." + strings.Split(stored[2].JWS, ".")[1] + ".", nil
		},
	} {
		jws, err := forge()
		must(t, err)
		d.tamper("UPDATE checkpoints SET jws = '" + jws + "' WHERE n = 3")
		got, _ := d.verify()
		if want := []string{"checkpoint_forged/3", "row_unproven 21-30"}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: findings = %q, want %q", name, got, want)
		}
		// What was shipped names the row and what it was.
		p, found := d.plan()
		p.Shipped = each(stored)
		_, err = audit.Verify(t.Context(), d.db.Evidence(), p)
		must(t, err)
		if got, want := brief(*found), []string{"checkpoint_differs/3", "row_edited 25/3"}; !reflect.DeepEqual(got, want) || !strings.Contains((*found)[1].What, `and is "X"`) {
			t.Errorf("%s: findings = %q, want %q", name, *found, want)
		}
	}
	// Even with the key, the next checkpoint follows the one that was there.
	jws, err := d.key.Sign(text)
	must(t, err)
	d.tamper("UPDATE checkpoints SET jws = '"+jws+"' WHERE n = 3", "UPDATE checkpoints SET hashes = x'"+hexOf(hashes)+"' WHERE n = 3")
	if got, _ := d.verify(); !reflect.DeepEqual(got, []string{"checkpoint_altered/4"}) {
		t.Errorf("signed anew: findings = %q, want checkpoint 4", got)
	}
}

// TestReplay: an old database, or an end that was cut off with the notes inside, is
// seen against what was shipped.
func TestReplay(t *testing.T) {
	old := newDesk(t)
	for range 3 {
		old.write(10)
		old.seal()
	}
	backup := t.TempDir() + "/old.db"
	must(t, sqlstoreBackup(t, old.path, backup))
	for range 2 {
		old.write(10)
		old.seal()
	}
	shipped := old.stored()
	if got, result := old.verifyWith(each(shipped)); got != nil || result.Shipped != 5 {
		t.Errorf("findings = %q, %+v, want none", got, result)
	}
	e := evidenceOf(t, backup, old)
	p, found := old.plan()
	_, err := audit.Verify(t.Context(), e, p)
	must(t, err)
	if len(*found) != 0 {
		t.Errorf("a backup alone: findings = %q, want none", *found)
	}
	p, found = old.plan()
	p.Shipped = each(shipped)
	_, err = audit.Verify(t.Context(), e, p)
	must(t, err)
	want := []string{"tail_cut/4", "row_deleted 31-40/4", "tail_cut/5", "row_deleted 41-50/5"}
	if got := brief(*found); !reflect.DeepEqual(got, want) || !strings.Contains((*found)[1].What, "grant.issued by holder") {
		t.Errorf("an old database: findings = %q, want %q", *found, want)
	}
	// A shipped file that begins later, and repeats itself, is as good.
	p, found = old.plan()
	p.Shipped = each([]audit.Sealed{shipped[3], shipped[3], shipped[4], shipped[4]})
	if _, err = audit.Verify(t.Context(), old.db.Evidence(), p); err != nil || len(*found) != 0 {
		t.Errorf("shipped from 4: %q, %v, want none", *found, err)
	}
	// One in which somebody changed the order is not believed silently.
	p, found = old.plan()
	p.Shipped = each([]audit.Sealed{shipped[4], shipped[3]})
	if _, err = audit.Verify(t.Context(), old.db.Evidence(), p); err != nil || !reflect.DeepEqual(brief(*found), []string{"checkpoint_differs/4"}) {
		t.Errorf("shipped out of order: %q, %v, want checkpoint 4", *found, err)
	}
}

// TestSince believes what came before, and finds what came since.
func TestSince(t *testing.T) {
	d := newDesk(t).filled()
	d.tamper("UPDATE audit SET ref = '' WHERE id IN (5, 45)")
	p, found := d.plan()
	p.Since = d.clock.Now().Add(-15 * time.Second)
	result, err := audit.Verify(t.Context(), d.db.Evidence(), p)
	if got, want := brief(*found), []string{"row_edited 45/5"}; err != nil || !reflect.DeepEqual(got, want) || result.Rows != 20 {
		t.Errorf("since: %q, %+v, %v, want %q in 20 rows", got, result, err, want)
	}
	p, found = d.plan()
	p.Since = d.clock.Now().Add(time.Hour)
	result, err = audit.Verify(t.Context(), d.db.Evidence(), p)
	if err != nil || len(*found) != 0 || result.Rows != 0 {
		t.Errorf("since later: %q, %+v, %v, want nothing", *found, result, err)
	}
}

// TestRevokedKey: what a revoked key signed afterwards is no evidence, save for the
// moment in which a process had not heard of it.
func TestRevokedKey(t *testing.T) {
	d := newDesk(t).filled()
	public := d.key.public()
	public.Revoked = d.clock.Now().Add(-15 * time.Second)
	set, err := audit.NewKeySet([]audit.PublicKey{public})
	must(t, err)
	p, found := d.plan()
	p.Keys = set
	_, err = audit.Verify(t.Context(), d.db.Evidence(), p)
	if got, want := brief(*found), []string{"checkpoint_altered/5"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("findings = %q, %v, want %q", *found, err, want)
	}
}
