package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// late is how long a step of the keys may be overdue: a gateway that runs takes it
// within seconds.
const late = time.Minute

// SigningKeys opens every signing key and looks at where each stands in its life.
func SigningKeys(ctx context.Context, database string, master keys.MasterKey, custodies []keys.Custody, cfg keys.Config, now func() time.Time) []Finding {
	const noKeys = "no keys yet: the first start makes them"
	if _, err := os.Stat(database); errors.Is(err, fs.ErrNotExist) {
		return []Finding{warning("eidgate serve makes them", noKeys)}
	}
	const others = "mend what the checks of the database and the master key say"
	sealer, err := master.Load(ctx)
	if err != nil {
		return []Finding{fault(others, "the keys cannot be opened without the master key")}
	}
	e, err := sqlstore.Examine(ctx, sqlstore.Config{Path: database})
	if err != nil {
		return []Finding{fault(others, "the keys cannot be read: %v", err)}
	}
	defer func() { _ = e.Close() }()
	ring, err := keys.New(cfg, keys.Deps{Store: e, Sealer: sealer, Now: now, Log: slog.New(slog.DiscardHandler), Custodies: custodies})
	if err != nil {
		return []Finding{fault("mend keys and lifetimes.jwks_max_age", "%v", err)}
	}
	infos, err := ring.Examine(ctx)
	switch {
	case errors.Is(err, keys.ErrSealed):
		return []Finding{fault("put the master key back that sealed them, or restore the table of keys from a backup", "%v", err)}
	case err != nil:
		return []Finding{fault(others, "%v", err)}
	case len(infos) == 0:
		return []Finding{warning("eidgate serve makes them", noKeys)}
	}
	var list []Finding
	for _, plan := range cfg.Plans {
		list = append(list, judgeKeys(plan, infos, cfg.Skew, now())...)
	}
	return list
}

func judgeKeys(plan keys.Plan, infos []keys.Info, skew time.Duration, now time.Time) []Finding {
	line := plan.Line()
	const started = "start the gateway; if it runs, its log says why it does not keep its keys"
	var list []Finding
	count := make(map[keys.State]int)
	var signs, follows keys.Info
	for _, k := range infos {
		if k.Purpose != line.Purpose || k.Algorithm != line.Algorithm {
			continue
		}
		count[k.State]++
		if k.State == keys.Signing {
			signs = k
		}
		if k.State == keys.Published && k.Next == keys.Signing {
			follows = k
		}
		if latest(k).After(now.Add(skew)) {
			list = append(list, fault("set this machine's clock", "%s key %s has steps ahead of this machine's clock", line, k.ID))
		}
		if k.Overdue && k.State == keys.Published {
			list = append(list, warning(mendWait(k), "%s key %s waits for %s since %s", line, k.ID, waitsFor(k), day(k.NextAt)))
		}
		if k.Next != "" && !k.Overdue && k.State != keys.Published && now.After(k.NextAt.Add(late)) {
			list = append(list, warning(started, "%s key %s should be %s since %s", line, k.ID, k.Next, day(k.NextAt)))
		}
	}
	of := line.Purpose.Source()
	if of != "" && len(count) == 0 {
		return []Finding{warning("start the gateway with this configuration", "no %s key yet", line)}
	}
	switch n := count[keys.Signing]; {
	case n == 0 && plan.Succeeds && count[keys.Published] > 0: // its files are in use
	case n == 0 && line.Purpose == keys.LogoutTokens && now.Before(follows.NextAt.Add(late)): // see keys: first ones wait for caches
		return append(list, ok("%s: the first key signs from %s on, once caches have it; the key of tokens does until then", line, day(follows.NextAt)))
	case n == 0:
		list = append(list, fault(started+"; else restore the table of keys from a backup", "no %s key signs", line))
	case n > 1:
		list = append(list, fault("restore the table of keys from a backup", "%d %s keys sign at once", n, line))
	}
	if count[keys.Published] == 0 {
		list = append(list, fault(started, "no %s key is published as standby: an emergency would have to wait for caches", line))
	}
	if len(list) > 0 {
		return list
	}
	planned := "rotated by hand only"
	if signs.ID == "" {
		return []Finding{ok("%s: the first takes over from a file", line)}
	}
	if signs.Next != "" {
		planned = "until " + day(signs.NextAt)
	}
	return []Finding{ok("%s: one signs, %s; a standby is published", line, planned)}
}

// mendWait says what ends a wait.
func mendWait(k keys.Info) string {
	if source := k.Purpose.Source(); source != "" {
		return fmt.Sprintf("hand the key over (eidgate sources key %s --kid %s), then eidgate keys activate %[2]s", source, k.ID)
	}
	return "eidgate keys activate, once they have it; eidgate keys fetches names them"
}

// waitsFor names who holds a rotation.
func waitsFor(k keys.Info) string {
	if k.Waits == keys.WaitsForOperator {
		return "an operator to activate it"
	}
	return fmt.Sprintf("%d parties to fetch it", len(k.Lacking))
}

// latest is the last step that a key has taken.
func latest(k keys.Info) time.Time {
	last := k.PublishedAt
	for _, at := range []time.Time{k.SigningAt, k.VerifyingAt, k.RetiredAt} {
		if at.After(last) {
			last = at
		}
	}
	return last
}

// day writes a time as the configuration has it: in Việt Nam.
func day(t time.Time) string {
	return t.In(time.FixedZone("+07", 7*60*60)).Format("2006-01-02 15:04 -07")
}
