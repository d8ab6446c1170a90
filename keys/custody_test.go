package keys

import (
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// vault is a custody in memory that can be away, and that forgets for good.
type vault struct {
	mu        sync.Mutex
	name      string
	down      bool
	held      map[string]crypto.Signer
	destroyed int
}

var _ Custody = (*vault)(nil)

func newVault(name string) *vault { return &vault{name: name, held: map[string]crypto.Signer{}} }

func (v *vault) set(down bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.down = down
}

func (v *vault) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.held)
}

func (v *vault) away() error {
	if v.down {
		return ErrCustody
	}
	return nil
}

func (v *vault) Name() string { return v.name }

func (v *vault) Generate(_ context.Context, alg Algorithm, bits int) ([]byte, crypto.Signer, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.away(); err != nil {
		return nil, nil, err
	}
	private, err := generate(alg, bits)
	if err != nil {
		return nil, nil, err
	}
	label := strconv.Itoa(len(v.held) + v.destroyed)
	v.held[label] = inVault{private, v}
	return []byte(label), v.held[label], nil
}

func (v *vault) Open(_ context.Context, _ Algorithm, found []byte) (crypto.Signer, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.away(); err != nil {
		return nil, err
	}
	private := v.held[string(found)]
	if private == nil {
		return nil, errors.New("no such key")
	}
	return private, nil
}

func (v *vault) Destroy(_ context.Context, _ Algorithm, found []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.away(); err != nil {
		return err
	}
	if v.held[string(found)] != nil {
		delete(v.held, string(found))
		v.destroyed++
	}
	return nil
}

// inVault is a key that signs in its vault, of which no private part can be had.
type inVault struct {
	private crypto.Signer
	vault   *vault
}

func (k inVault) Public() crypto.PublicKey { return k.private.Public() }

func (k inVault) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.vault.mu.Lock()
	err := k.vault.away()
	k.vault.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if pss, ok := opts.(*rsa.PSSOptions); ok && pss.SaltLength == rsa.PSSSaltLengthAuto {
		return nil, errors.New("salt length is to be said") // as an HSM does
	}
	return k.private.Sign(rand, digest, opts)
}

// inCustody is one line of tokens whose keys a vault keeps.
func inCustody(t testing.TB, alg Algorithm) (Config, *memStore, *Sealer, *clock, *vault) {
	t.Helper()
	cfg := es256()
	cfg.Plans = []Plan{{Purpose: Tokens, Algorithm: alg, RotateEvery: 24 * time.Hour, Custody: "vault"}}
	return cfg, &memStore{}, newSealer(t), newClock(), newVault("vault")
}

func custodyRing(t testing.TB, cfg Config, store Store, box *Sealer, c *clock, custodies ...Custody) (*Ring, *logBuffer) {
	t.Helper()
	logs := &logBuffer{}
	r, err := New(cfg, Deps{Store: store, Sealer: box, Now: c.now, Log: logs.logger(), Custodies: custodies})
	if err != nil {
		t.Fatal(err)
	}
	return r, logs
}

func TestKeysOfACustodySign(t *testing.T) {
	for _, alg := range []Algorithm{ES256, RS256, PS256} {
		t.Run(string(alg), func(t *testing.T) {
			cfg, store, box, c, v := inCustody(t, alg)
			r, _ := custodyRing(t, cfg, store, box, c, v)
			load(t, r)
			token := sign(t, r.Snapshot(), alg)
			if _, err := r.Snapshot().Verify(Tokens, token, "JWT"); err != nil {
				t.Errorf("Verify() = %v, want nil", err)
			}
			if !verifies(token, parseJWKS(t, r.Snapshot().JWKS())) {
				t.Error("a verifier with the JWKS refuses the token")
			}
			other, _ := custodyRing(t, cfg, store, box, c, v)
			load(t, other)
			if _, err := other.Snapshot().Verify(Tokens, sign(t, other.Snapshot(), alg), "JWT"); err != nil {
				t.Errorf("Verify() by a process that opened the keys = %v, want nil", err)
			}
		})
	}
}

func TestCustodyAwayAtStart(t *testing.T) {
	cfg, store, box, c, v := inCustody(t, ES256)
	v.set(true)
	r, _ := custodyRing(t, cfg, store, box, c, v)
	if err := r.Load(t.Context()); !errors.Is(err, ErrCustody) || len(store.records) != 0 {
		t.Fatalf("first Load() = %v with %d keys, want ErrCustody and none", err, len(store.records))
	}
	v.set(false)
	load(t, r)
	token := sign(t, r.Snapshot(), ES256)

	v.set(true)
	again, logs := custodyRing(t, cfg, store, box, c, v)
	load(t, again)
	if got, want := again.Snapshot().ETag(), r.Snapshot().ETag(); got != want {
		t.Errorf("JWKS %s with the custody away, want %s", got, want)
	}
	if _, err := again.Snapshot().Verify(Tokens, token, "JWT"); err != nil {
		t.Errorf("Verify() with the custody away = %v, want nil", err)
	}
	for range 5 {
		pass(t, again)
	}
	if _, err := again.Snapshot().Sign(Tokens, ES256, "JWT", []byte("{}")); !errors.Is(err, ErrCustody) {
		t.Errorf("Sign() = %v, want ErrCustody", err)
	}
	if got := again.Snapshot().Keys(Tokens); len(got) != 2 {
		t.Errorf("Keys() = %v, want 2", got)
	} else if _, err := got[0].Signer.Sign(nil, make([]byte, 32), crypto.SHA256); !errors.Is(err, ErrCustody) {
		t.Errorf("Sign() of a key = %v, want ErrCustody", err)
	}
	if got := again.Condition().Away; !slices.Equal(got, []string{"vault"}) {
		t.Errorf("Condition().Away = %q, want vault", got)
	}
	if got := logs.count("custody of keys failed"); got != 1 {
		t.Errorf("%d alerts, want 1", got)
	}
	if infos := again.Known(); len(infos) != 2 || !infos[0].Away {
		t.Errorf("Known() = %+v, want two keys that are away", infos)
	}
	v.set(false)
	pass(t, again)
	sign(t, again.Snapshot(), ES256)
	if len(store.records) != 2 || logs.count("custody of keys works again") != 1 {
		t.Errorf("%d keys, want 2: none is made in place of one that does not open; logs say %d times that it works", len(store.records), logs.count("works again"))
	}
}

func TestCustodyAwayAtRotation(t *testing.T) {
	cfg, store, box, c, v := inCustody(t, ES256)
	cfg.Plans = append(cfg.Plans, Plan{Purpose: LogoutTokens, Algorithm: ES256, RotateEvery: 24 * time.Hour})
	r, logs := custodyRing(t, cfg, store, box, c, v)
	load(t, r)
	kid := r.Snapshot().signingID(Line{Tokens, ES256})
	other := r.Snapshot().signingID(Line{LogoutTokens, ES256})
	refuses := &halfway{Custody: v}
	r.custodies["vault"] = refuses
	refuses.generate = ErrCustody
	c.advance(24 * time.Hour)
	for range 3 {
		pass(t, r)
	}
	if got := kidOf(t, sign(t, r.Snapshot(), ES256)); got != kid || len(store.in(ES256, Published)) != 1 {
		t.Errorf("%s signs with no way to a new standby, want %s still", got, kid)
	}
	if got := r.Snapshot().signingID(Line{LogoutTokens, ES256}); got == other {
		t.Error("a line in the store was not rotated since another's custody is away")
	}
	if got := logs.count("custody of keys failed"); got != 1 {
		t.Errorf("%d alerts, want 1", got)
	}
	if _, err := r.Rotate(t.Context(), Tokens, ES256, "operator:synthetic", "test"); !errors.Is(err, ErrCustody) {
		t.Errorf("Rotate() = %v, want ErrCustody", err)
	}
	refuses.generate = nil
	pass(t, r)
	if got := kidOf(t, sign(t, r.Snapshot(), ES256)); got == kid {
		t.Error("the rotation was not done when the custody came back")
	}
}

// halfway is a custody that fails at one step.
type halfway struct {
	Custody
	generate, destroy error
}

func (h *halfway) Generate(ctx context.Context, alg Algorithm, bits int) ([]byte, crypto.Signer, error) {
	if h.generate != nil {
		return nil, nil, h.generate
	}
	return h.Custody.Generate(ctx, alg, bits)
}

func (h *halfway) Destroy(ctx context.Context, alg Algorithm, found []byte) error {
	if h.destroy != nil {
		return h.destroy
	}
	return h.Custody.Destroy(ctx, alg, found)
}

func TestRetiredKeysOfACustodyAreDestroyed(t *testing.T) {
	cfg, store, box, c, v := inCustody(t, ES256)
	stubborn := &halfway{Custody: v, destroy: ErrCustody}
	r, _ := custodyRing(t, cfg, store, box, c, stubborn)
	load(t, r)
	token := sign(t, r.Snapshot(), ES256)
	c.advance(24 * time.Hour)
	pass(t, r)
	c.advance(cfg.verifyAge())
	pass(t, r)
	if v.count() != 3 || len(store.in(ES256, Retired)) != 1 {
		t.Fatalf("%d keys in the vault and %d retired, want 3 and 1", v.count(), len(store.in(ES256, Retired)))
	}
	stubborn.destroy = nil
	next, _ := custodyRing(t, cfg, store, box, c, stubborn) // after a crash
	pass(t, next)
	if v.count() != 2 || store.events[len(store.events)-1].Action != ActionDestroyed {
		t.Errorf("%d keys in the vault and event %+v, want 2 and key.destroyed", v.count(), store.events[len(store.events)-1])
	}
	updates := store.updates
	pass(t, next)
	if store.updates != updates {
		t.Error("what was destroyed is written again and again")
	}
	archive, err := next.Archive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if verdict, err := archive.Verify(token); err != nil || !verdict.Key.Authentic {
		t.Errorf("Verify() by the archive = %+v, %v, want an authentic key", verdict, err)
	}
}

func TestKeysThatAnActDidNotNeedAreDestroyed(t *testing.T) {
	cfg, store, box, c, v := inCustody(t, ES256)
	r, _ := custodyRing(t, cfg, store, box, c, v)
	load(t, r)
	before := v.count()
	if err := r.act(t.Context(), func(d *draft) error {
		d.has(cfg.Plans[0], 1) // and then it is not needed
		return nil
	}, false); err != nil {
		t.Fatal(err)
	}
	if v.count() != before || len(r.made()) != 0 {
		t.Errorf("%d keys in the vault and %d spare, want %d and 0", v.count(), len(r.made()), before)
	}
}

func TestMovingALineToACustody(t *testing.T) {
	cfg, store, box, c, v := inCustody(t, ES256)
	cfg.Plans[0].Custody = ""
	r, _ := custodyRing(t, cfg, store, box, c)
	load(t, r)
	token := sign(t, r.Snapshot(), ES256)
	cfg.Plans[0].Custody = "vault"
	moved, _ := custodyRing(t, cfg, store, box, c, v)
	load(t, moved)
	for range 2 { // the standby of before, then one of the vault
		c.advance(cfg.standbyAge())
		load(t, moved)
		rotate(t, moved, ES256)
	}
	sign(t, moved.Snapshot(), ES256)
	if got := store.in(ES256, Signing)[0].Custody; got != "vault" {
		t.Errorf("custody of the key that signs = %q, want vault", got)
	}
	if _, err := moved.Snapshot().Verify(Tokens, token, "JWT"); err != nil {
		t.Errorf("Verify() of a token of before = %v, want nil", err)
	}
}

// What a row says of its custody is sealed with it.
func TestTamperedCustody(t *testing.T) {
	for name, edit := range map[string]func(*Record){
		"custody":     func(rec *Record) { rec.Custody = "other" },
		"no custody":  func(rec *Record) { rec.Custody = "" },
		"purpose":     func(rec *Record) { rec.Purpose = LogoutTokens },
		"algorithm":   func(rec *Record) { rec.Algorithm = PS256 },
		"certificate": func(rec *Record) { rec.Certificate = []byte{1} },
	} {
		cfg, store, box, c, v := inCustody(t, RS256)
		r, _ := custodyRing(t, cfg, store, box, c, v)
		load(t, r)
		store.edit(func(records []Record) []Record {
			for i := range records {
				edit(&records[i])
			}
			return records
		})
		again, _ := custodyRing(t, cfg, store, box, c, v, newVault("other"))
		if err := again.Load(t.Context()); err == nil {
			t.Errorf("%s changed: Load() = nil, want an error", name)
		}
	}
}

// A custody that opens another key than the row is of does not sign with it.
func TestCustodyWithAnotherKey(t *testing.T) {
	cfg, store, box, c, v := inCustody(t, ES256)
	r, _ := custodyRing(t, cfg, store, box, c, v)
	load(t, r)
	v.mu.Lock()
	v.held["0"], v.held["1"] = v.held["1"], v.held["0"]
	v.mu.Unlock()
	again, logs := custodyRing(t, cfg, store, box, c, v)
	load(t, again)
	if _, err := again.Snapshot().Sign(Tokens, ES256, "JWT", []byte("{}")); !errors.Is(err, ErrCustody) {
		t.Errorf("Sign() = %v, want ErrCustody", err)
	}
	if logs.count("opened another key") == 0 {
		t.Error("nothing says that the custody opened another key")
	}
}

func TestNothingPrivateIsSealedForACustody(t *testing.T) {
	cfg, store, box, c, v := inCustody(t, ES256)
	r, _ := custodyRing(t, cfg, store, box, c, v)
	load(t, r)
	for _, rec := range store.records {
		plain, err := box.Open(rec.Sealed, rec.Context())
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			JWK map[string]string `json:"jwk"`
		}
		if err := json.Unmarshal(plain, &doc); err != nil || doc.JWK["d"] != "" || doc.JWK["kid"] != rec.ID || strings.Contains(string(plain), "PRIVATE") {
			t.Errorf("sealed is %s, %v, want the public key and what finds it", plain, err)
		}
	}
}
