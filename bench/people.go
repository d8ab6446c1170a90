package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// person is a synthetic holder: nobody has this number.
type person struct {
	number, totp string
	upstream     string // what the upstream provider calls the person; empty: no link
}

// password is everybody's, so that one hash does for all.
const password = "synthetic-person-of-the-bench-1"

// newPeople makes up holders of Level 2. The first linked of them are known to
// the upstream provider as well.
func newPeople(n, linked int) []person {
	people := make([]person, n)
	for i := range people {
		secret := make([]byte, 20)
		_, _ = rand.Read(secret) // never fails: crypto/rand ends the program instead
		people[i] = person{number: fmt.Sprintf("001188%06d", i+1), totp: base32.StdEncoding.EncodeToString(secret)}
		if i < linked {
			people[i].upstream = fmt.Sprintf("synthetic-%04d", i+1)
		}
	}
	return people
}

// seed makes a data directory with these people, as `eidgate accounts add` would
// one by one.
func seed(ctx context.Context, data string, people []person) (err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	where := sqlstore.Config{Path: filepath.Join(data, "eidgate.db")}
	if err := sqlstore.Migrate(ctx, where); err != nil {
		return err
	}
	sealer, err := keys.LoadSealer(filepath.Join(data, "master.key"), true, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	db, err := sqlstore.Open(ctx, where, sealer, time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	passwords, err := credential.NewPasswords(1)
	if err != nil {
		return err
	}
	hash, err := passwords.Hash(ctx, eid.NewSecret(password))
	if err != nil {
		return err
	}
	const actor = "operator:bench"
	writer := accounts.New(db, time.Now)
	for i, p := range people {
		number, err := eid.ParsePersonalNumber(p.number)
		if err != nil {
			return err
		}
		id, err := writer.Create(ctx, accounts.NewAccount{
			Person: eid.Person{
				Type: eid.Citizen, Identifier: eid.IdentifierOf(number), Name: "Nguyễn Thị Đo Thử", BirthDate: "1988-03-08",
				Gender: "female", Nationality: "VNM", Address: "Địa chỉ giả định",
			},
			Level: eid.Level2, Status: eid.Active,
			Phone:        eid.Contact{Value: fmt.Sprintf("+8490%07d", i), Verified: true},
			Email:        eid.Contact{Value: fmt.Sprintf("bench-%d@example.test", i), Verified: true},
			PasswordHash: hash, TOTPSecret: eid.NewSecret(p.totp),
		}, actor)
		if err != nil {
			return err
		}
		if p.upstream == "" {
			continue
		}
		link := eid.Link{Account: id, Source: sourceUpstream, Cap: eid.Level1}
		if _, err := writer.Link(ctx, link, p.upstream, "synthetic person of the bench", actor); err != nil {
			return err
		}
	}
	return nil
}

// grantsIn counts the grants that the audit of a stopped gateway holds.
func grantsIn(ctx context.Context, data string) (n int, err error) {
	sealer, err := keys.LoadSealer(filepath.Join(data, "master.key"), false, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, err
	}
	db, err := sqlstore.Open(ctx, sqlstore.Config{Path: filepath.Join(data, "eidgate.db")}, sealer, time.Now)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	filter := sqlstore.AuditFilter{Action: eid.ActionGrantIssued}
	for {
		rows, err := db.Audit(ctx, filter)
		if err != nil || len(rows) == 0 {
			return n, err
		}
		n += len(rows)
		filter.After = rows[len(rows)-1].ID
	}
}
