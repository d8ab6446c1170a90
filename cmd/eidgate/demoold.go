package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"eidgate/cmd/eidgate/demo"
	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
	"eidgate/eid/portability"
	"eidgate/federation"
)

// demoOldSources register the accounts that the first portal made itself: those that
// have a month and a half to be verified, and those whose date has passed.
func demoOldSources(p config.Window, today time.Time) []config.Source {
	day := time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, vietnam)
	portal := func(id, name, nameEN string, by time.Time) config.Source {
		return config.Source{
			ID: id, Kind: federation.KindPortal, Name: name, NameEN: nameEN, Provider: name + " (dữ liệu giả định)", Window: p,
			MayAssert: []eid.Level{eid.Level1}, GrantsAtMost: config.Ceilings{{From: decision34, Level: eid.Level1}},
			Portal:  &config.Portal{Client: "portal-1", VerifyBy: by, Unverified: "level1"},
			Linking: &config.Linking{Cap: eid.Level1},
		}
	}
	return []config.Source{
		portal(demo.SourceOldAccounts, "Tài khoản riêng của cổng", "The portal's own account", day.AddDate(0, 0, 45)),
		portal(demo.SourceOverdueAccounts, "Tài khoản riêng của cổng, trước 2022", "The portal's own account, before 2022", transitionEnd),
	}
}

// seedOldAccounts imports what the first portal hands over, once, and brings each
// account to where it stands at the beginning.
func seedOldAccounts(ctx context.Context, g *gateway, cfg *config.Config, now func() time.Time) error {
	sources, err := cfg.FederationSources()
	if err != nil {
		return err
	}
	for _, src := range sources {
		if src.Portal == nil {
			continue
		}
		var file bytes.Buffer
		if err := demo.WriteOldAccounts(&file, src.ID); err != nil {
			return err
		}
		done, err := portability.Run(ctx, accounts.NewImporter(g.db, now), portability.File{
			Open:   func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file.Bytes())), nil },
			Faults: filepath.Join(cfg.Data, src.ID+".faults.csv"),
		}, portability.Options{
			Place: accounts.Place{Source: src.ID, Sector: src.Portal.Sector}, Actor: demoOperator, Full: true, Alone: true, Now: now,
			CheckHash: func(hash string) error { _, err := credential.CheckOldHash(hash); return err },
		})
		if err != nil {
			return fmt.Errorf("importing the accounts of %s: %w", src.ID, err)
		}
		if done.Import.Counts.New == 0 {
			continue // of an earlier start: what became of them since stays
		}
		if err := settleOldAccounts(ctx, g, src, now); err != nil {
			return err
		}
	}
	return nil
}

// The operators of a demo: two, since two officers decide.
const (
	demoOperator = "operator:demo"
	demoSecond   = "operator:demo-2"
)

func settleOldAccounts(ctx context.Context, g *gateway, src eid.Source, now func() time.Time) error {
	for _, old := range demo.OldAccountsOf(src.ID) {
		if !old.Verified {
			continue
		}
		if err := verifyOldAccount(ctx, g, src, old, now()); err != nil {
			return fmt.Errorf("verifying %s: %w", old.Login, err)
		}
	}
	return rejectOldAccounts(ctx, g, src.ID, now)
}

// verifyOldAccount links an old account as its holder would.
func verifyOldAccount(ctx context.Context, g *gateway, src eid.Source, old demo.OldAccount, at time.Time) error {
	number, err := eid.ParsePersonalNumber(old.Number)
	if err != nil {
		return err
	}
	account, err := g.db.AccountByIdentifier(ctx, eid.IdentifierOf(number))
	if err != nil {
		return err
	}
	proved := func(source, subject string) accounts.Proved {
		return accounts.Proved{Source: source, Subject: subject, Level: eid.Level1, Methods: []string{"pwd"}, At: at, Given: at}
	}
	got, err := accounts.NewLinker(g.db, func() time.Time { return at }).Link(ctx, accounts.Claim{
		Source: src, Legacy: proved(src.ID, old.Login), Account: account.ID, National: proved(demo.SourceNational, ""),
		Client: src.Portal.Client, Ref: "DEMO",
	})
	if err == nil && got.Outcome != accounts.Linked {
		err = errors.New("it could not be linked")
	}
	return err
}

// rejectOldAccounts has two officers decide between accounts with one number: one
// stands, and the other is nobody's.
func rejectOldAccounts(ctx context.Context, g *gateway, source string, now func() time.Time) error {
	rejected := map[string]bool{}
	numbers := map[string]bool{} // of which one was rejected
	for _, old := range demo.OldAccountsOf(source) {
		if old.Rejected {
			rejected[old.Login], numbers[old.Number] = true, true
		}
	}
	queue := accounts.NewConflicts(g.db, now)
	waiting, err := queue.List(ctx, accounts.ConflictFilter{Sources: []string{source}})
	if err != nil {
		return err
	}
	const why = "dữ liệu giả định: synthetic papers seen"
	for _, c := range waiting {
		standing, err := queue.Show(ctx, c.ID)
		if err != nil {
			return err
		}
		old := standing.Imported.Old
		switch {
		case rejected[old.Login]:
			_, err = queue.Reject(ctx, c.ID, why, demoOperator)
		case numbers[old.Number.Reveal()]:
			if _, err = queue.Accept(ctx, c.ID, why, demoOperator); err == nil {
				_, err = queue.Accept(ctx, c.ID, why, demoSecond)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
