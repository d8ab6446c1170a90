package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"eidgate/cmd/eidgate/demo"
	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
)

// demoCrowd is what a demo tells of the invented people that it was filled with.
type demoCrowd struct {
	People   int    `json:"people"`
	First    string `json:"first_number"`
	Last     string `json:"last_number"`
	Password string `json:"password"` // everybody's
}

// fillDemo makes invented people until there are n, beside those with a story. They stay
// in the data directory, and a run that was broken off goes on.
func fillDemo(ctx context.Context, g *gateway, n int, out io.Writer, now func() time.Time) (*demoCrowd, error) {
	if n == 0 {
		return nil, nil
	}
	writer := accounts.NewPopulator(g.db, now)
	have, err := writer.Filled(ctx, n)
	if err != nil {
		return nil, err
	}
	if have < n {
		passwords, err := credential.NewPasswords(0)
		if err != nil {
			return nil, fmt.Errorf("preparing passwords: %w", err)
		}
		hash, err := passwords.Hash(ctx, eid.NewSecret(demo.Password)) // one for all: everybody's password is printed
		if err != nil {
			return nil, fmt.Errorf("hashing: %w", err)
		}
		bar := newFillBar(out, have, n, time.Now())
		if err := writer.Fill(ctx, n, hash, demoOperator, bar.tell); err != nil {
			bar.leave()
			return nil, fmt.Errorf("%w; start again and it goes on", err)
		}
	}
	first, err := accounts.SyntheticNumber(0)
	if err != nil {
		return nil, err
	}
	last, err := accounts.SyntheticNumber(n - 1)
	if err != nil {
		return nil, err
	}
	return &demoCrowd{People: n, First: first.Reveal(), Last: last.Reveal(), Password: demo.Password}, nil
}

// fillBar tells how far making people is: on a terminal as a bar that grows, else as a
// line now and then.
type fillBar struct {
	out   io.Writer
	moves bool
	begun int // people that were there before
	of    int
	at    time.Time // when it began
	last  time.Time
}

func newFillBar(out io.Writer, begun, of int, now time.Time) *fillBar {
	file, ok := out.(*os.File)
	return &fillBar{out: out, moves: ok && isTerminal(file), begun: begun, of: of, at: now, last: now}
}

func (b *fillBar) tell(done int) {
	every, now := 5*time.Second, time.Now()
	if b.moves {
		every = 200 * time.Millisecond
	}
	if now.Sub(b.last) < every && done < b.of {
		return
	}
	b.last = now
	rate := float64(done-b.begun) / max(now.Sub(b.at).Seconds(), 0.001)
	left := time.Duration(float64(b.of-done) / max(rate, 1) * float64(time.Second)).Round(time.Second)
	text := fmt.Sprintf("synthetic people: %d of %d, %.0f a second, %s left", done, b.of, rate, left)
	if !b.moves {
		fmt.Fprintln(b.out, text)
		return
	}
	const wide = 24
	full := wide * done / b.of
	end := "\r"
	if done == b.of {
		end = "\n"
	}
	fmt.Fprintf(b.out, "[%s%s] %s   %s", strings.Repeat("#", full), strings.Repeat(".", wide-full), text, end)
}

// leave ends a bar that did not get to its end: what is said next has a line of its own.
func (b *fillBar) leave() {
	if b.moves {
		fmt.Fprintln(b.out)
	}
}
