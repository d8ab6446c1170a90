package provider_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/keys"
	"eidgate/store/sqlstore"
	"eidgate/web"
)

// seed is what every world begins with: a migrated database with signing keys and
// two people. It is made once, for keys and hashes take their time, and copied.
var seed struct {
	dir    string
	people map[string]eid.AccountID
	pages  *web.Pages
}

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	// The model makes a world for each check. RAPID_CHECKS asks for more of them.
	if os.Getenv("RAPID_CHECKS") == "" {
		checks := "30"
		if raced {
			checks = "4"
		}
		if err := flag.Set("rapid.checks", checks); err != nil {
			panic(err)
		}
	}
	// The library logs refusals to the default logger, as main keeps it from doing.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	dir, err := os.MkdirTemp("", "eidgate-provider")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	seed.dir, seed.people = dir, map[string]eid.AccountID{}
	if err := sow(context.Background()); err != nil {
		panic(err)
	}
	return m.Run()
}

func sow(ctx context.Context) (err error) {
	log, at := slog.New(slog.DiscardHandler), time.Now().Truncate(time.Second)
	now := func() time.Time { return at }
	if seed.pages, err = web.New(); err != nil {
		return err
	}
	sealer, err := keys.LoadSealer(filepath.Join(seed.dir, "master.key"), true, log)
	if err != nil {
		return err
	}
	where := sqlstore.Config{Path: filepath.Join(seed.dir, "eidgate.db")}
	if err := sqlstore.Migrate(ctx, where); err != nil {
		return err
	}
	db, err := sqlstore.Open(ctx, where, sealer, now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ring, err := keys.New(keys.DefaultConfig(), keys.Deps{Store: db, Sealer: sealer, Now: now, Log: log})
	if err != nil {
		return err
	}
	if err := ring.Load(ctx); err != nil {
		return err
	}
	passwords, err := credential.NewPasswords(0)
	if err != nil {
		return err
	}
	hash, err := passwords.Hash(ctx, eid.NewSecret(password))
	if err != nil {
		return err
	}
	writer := accounts.New(db, now)
	for _, p := range []struct {
		number, name, birth, gender string
		level                       eid.Level
		totp                        string
	}{
		{numberLevel2, "Nguyễn Thị Thử", "1988-03-08", "female", eid.Level2, totpSecret},
		{numberLevel1, "Trần Văn Mẫu", "1990-01-15", "male", eid.Level1, ""},
	} {
		n, err := eid.ParsePersonalNumber(p.number)
		if err != nil {
			return err
		}
		seed.people[p.number], err = writer.Create(ctx, accounts.NewAccount{
			Person: eid.Person{
				Type: eid.Citizen, Identifier: eid.IdentifierOf(n), Name: p.name, BirthDate: p.birth, Gender: p.gender, Nationality: "VNM",
				Address: "Số 1 phố Thử Nghiệm",
			},
			Level: p.level, Status: eid.Active, Phone: eid.Contact{Value: "0900000001", Verified: true},
			Email: eid.Contact{Value: "nguoi-thu@example.test"}, PasswordHash: hash, TOTPSecret: eid.NewSecret(p.totp),
		}, "operator:test")
		if err != nil {
			return err
		}
	}
	return nil
}
