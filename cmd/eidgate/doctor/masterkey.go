package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// MasterKey looks whether the master key is there, opens what the database holds, and
// how much of that an older one of its keys sealed.
func MasterKey(ctx context.Context, master keys.MasterKey, database string) []Finding {
	place := master.File
	if master.Text != "" {
		place = "the environment's master key"
	}
	_, missing := os.Stat(database)
	sealer, err := master.Load(ctx)
	if err != nil {
		return []Finding{noMasterKey(err, master, place, errors.Is(missing, fs.ErrNotExist))}
	}
	if errors.Is(missing, fs.ErrNotExist) {
		return []Finding{ok("%s can be read; the database is not there yet", place)}
	}
	e, err := sqlstore.Examine(ctx, sqlstore.Config{Path: database})
	var rows []sqlstore.SealedRows
	if err == nil {
		defer func() { _ = e.Close() }()
		err = e.Opened(ctx, sealer)
	}
	if err == nil {
		rows, err = e.Sealed(ctx)
	}
	switch {
	case errors.Is(err, keys.ErrSealed):
		return []Finding{fault(copied, "%s is another key than the one that sealed the database", place)}
	case err != nil:
		return []Finding{fault("see what the check of the database says", "it cannot be tried on the database: %v", err)}
	}
	return judgeSealed(sealer, rows, place)
}

const copied = "put the copy back that was kept apart from the database, with mode 600"

// noMasterKey says why it cannot be read, and what to do.
func noMasterKey(err error, master keys.MasterKey, place string, fresh bool) Finding {
	switch {
	case errors.Is(err, keys.ErrCustody):
		return fault("see what the check of custody.transit says; a gateway that runs goes on, and one that stops does not start", "%v", err)
	case errors.Is(err, fs.ErrNotExist) && fresh && master.Wrapping != nil:
		return warning("eidgate keys master new --kms", "%s is not there: no gateway has run here", place)
	case errors.Is(err, fs.ErrNotExist) && fresh:
		return warning("eidgate serve makes it; keep a copy apart from the database", "%s is not there: no gateway has run here", place)
	case errors.Is(err, fs.ErrNotExist):
		return fault(copied, "%s is not there, and nothing in the database opens without it", place)
	case errors.Is(err, fs.ErrPermission):
		return fault("run doctor as the gateway's user, or chown the file to it", "this user may not read %s", place)
	case master.Text != "":
		return fault("give it the keyset that was kept apart from the database", "%v", err)
	}
	return fault("chmod 600 "+master.File+"; if the file is damaged, "+copied, "%v", err)
}

// judgeSealed looks at what is sealed under which key.
func judgeSealed(sealer *keys.Sealer, rows []sqlstore.SealedRows, place string) []Finding {
	var list []Finding
	older, lost := 0, map[string]int{}
	for _, r := range rows {
		switch {
		case r.Key == sealer.Primary():
		case r.Key == 0 || sealer.Has(r.Key):
			older += r.Rows
		default:
			lost[r.Table] += r.Rows
		}
	}
	for table, n := range lost {
		list = append(list, fault("put the copy of the keyset back that has the key", "%d rows of %s are sealed under a key that the keyset has not", n, table))
	}
	slices.SortFunc(list, func(a, b Finding) int { return strings.Compare(a.Found, b.Found) })
	if older > 0 {
		list = append(list, warning("eidgate keys master reseal", "%d rows are sealed under older keys of the keyset than %d", older, sealer.Primary()))
	}
	if len(list) > 0 {
		return list
	}
	others := ""
	if n := len(sealer.KeyIDs()) - 1; n > 0 {
		others = fmt.Sprintf(", beside others that seal nothing: %d", n)
	}
	return []Finding{ok("%s opens what the database holds, all of it sealed under key %d%s; keep a copy apart from it", place, sealer.Primary(), others)}
}
