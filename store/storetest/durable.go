package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/store/sqlstore"
)

// Durable tests the durable store on one SQL engine. open gives one that is
// migrated and empty, keeps time by now, and is closed when the test ends.
func Durable(t *testing.T, open func(t *testing.T, now func() time.Time) *sqlstore.DB) {
	s := durableSuite{open: open}
	t.Run("accounts", s.accounts)
	t.Run("one account per identifier", s.oneAccount)
	t.Run("credentials", s.credentials)
	t.Run("activation", s.activation)
	t.Run("changes of credentials", s.credentialChanges)
	t.Run("renewed papers", s.papers)
	t.Run("passkeys", s.passkeys)
	t.Run("passkeys at once", s.passkeyRaces)
	t.Run("locks", s.locks)
	t.Run("requests for locks", s.lockRequests)
	t.Run("pages of requests for locks", s.lockRequestPages)
	t.Run("links", s.links)
	t.Run("secrets", s.secrets)
	t.Run("grants", s.grants)
	t.Run("old subjects", s.oldSubjects)
	t.Run("subjects of portal accounts", s.portalSubjects)
	t.Run("pages of renamed subjects", s.renamedPages)
	t.Run("registrations", s.registrations)
	t.Run("refused registrations", s.refusedRegistrations)
	t.Run("keys", s.keys)
	t.Run("one signing key", s.oneSigningKey)
	t.Run("keys of purposes", s.purposeKeys)
	t.Run("audit", s.audit)
	t.Run("checkpoints", s.checkpoints)
	t.Run("shipped checkpoints", s.shipped)
	t.Run("holds and pruning", s.holdsAndPruning)
	t.Run("search and history", s.search)
	t.Run("consents", s.consents)
	t.Run("refused consents", s.refusedConsents)
	t.Run("logouts", s.logouts)
	t.Run("logouts that fail", s.failedLogouts)
	t.Run("logouts take turns", s.logoutTurns)
	t.Run("logouts of one client are bounded", s.logoutBound)
	t.Run("refused logouts", s.refusedLogouts)
	t.Run("events", s.events)
	t.Run("dispatched events", s.dispatchedEvents)
	t.Run("parties of an account", s.subjectsOf)
	t.Run("switches of sources", s.switches)
	t.Run("events of switches", s.switchEvents)
	t.Run("switches wait for room", s.switchRoom)
	t.Run("epoch of passing state", s.stateEpoch)
	t.Run("reviews", s.reviews)
	t.Run("conflicts", s.conflicts)
	t.Run("rejected conflicts", s.conflictRejected)
	t.Run("conflicts with a link", s.conflictLinked)
	t.Run("conflicts with a link made since", s.conflictLinkedAnew)
	t.Run("conflicts that changed", s.conflictChanged)
	t.Run("conflicts decided at once", s.conflictsAtOnce)
	t.Run("pages of conflicts", s.conflictPages)
	t.Run("arrivals", s.arrivals)
	t.Run("refused arrivals", s.refusedArrivals)
	t.Run("half arrivals", s.halfArrivals)
	t.Run("levels that follow a source", s.levels)
	t.Run("cases of registrations", s.cases)
	t.Run("cases decided at once", s.casesAtOnce)
	t.Run("enrolments", s.enrolments)
	t.Run("enrolments over an impostor", s.enrolledOverImpostor)
	t.Run("enrolments over the holder's own lock", s.enrolledOverOwnLock)
	t.Run("enrolments anew", s.enrolledAnew)
	t.Run("refused enrolments", s.enrolmentsRefused)
	t.Run("synthetic people", s.synthetics)
	t.Run("leases", s.leases)
	t.Run("fetches of keys", s.keyFetches)
	t.Run("events of revocations", s.revocations)
	t.Run("races", s.races)
}

type durableSuite struct {
	open func(t *testing.T, now func() time.Time) *sqlstore.DB
}

// desk is a store, the writer of its accounts and the clock of both.
type desk struct {
	*sqlstore.DB
	accounts *accounts.Accounts
	locking  *accounts.Locks
	clock    *Clock
}

func (s durableSuite) desk(t *testing.T) desk {
	clock := NewClock()
	db := s.open(t, clock.Now)
	return desk{DB: db, accounts: accounts.New(db, clock.Now), locking: Locks(t, db, clock.Now), clock: clock}
}

// Citizen is a synthetic person of Level 2 with both factors.
func Citizen(t testing.TB, number string) accounts.NewAccount {
	t.Helper()
	n, err := eid.ParsePersonalNumber(number)
	if err != nil {
		t.Fatalf("ParsePersonalNumber(): %v", err)
	}
	return accounts.NewAccount{
		Person: eid.Person{
			Type: eid.Citizen, Identifier: eid.IdentifierOf(n), Name: "Nguyễn Thử Nghiệm", BirthDate: "1990-02-28",
			Gender: "female", Nationality: "VNM", Address: "Điện Biên Phủ",
		},
		Level: eid.Level2, Status: eid.Active, OwnFloor: eid.Level1,
		Phone: eid.Contact{Value: "0900000001", Verified: true}, Email: eid.Contact{Value: "thu@example.vn"},
		Declared: eid.Declared{
			Nickname: "Thử", PreferredUsername: "thu", Profile: "https://example.vn/thu", Picture: "https://example.vn/thu.png",
			Website: "https://thu.example.vn/",
		},
		PasswordHash: "$argon2id$synthetic", TOTPSecret: eid.NewSecret("JBSWY3DPEHPK3PXP"),
	}
}

// person makes the account of a citizen of that number.
func (d desk) person(t *testing.T, number string) eid.AccountID {
	t.Helper()
	id, err := d.accounts.Create(t.Context(), Citizen(t, number), "system")
	if err != nil {
		t.Fatalf("Create(): %v", err)
	}
	return id
}

// actions lists the actions on record after a row, which it moves on.
func (d desk) actions(t *testing.T, after *int64) []string {
	t.Helper()
	rows, err := d.Audit(t.Context(), sqlstore.AuditFilter{After: *after})
	if err != nil {
		t.Fatalf("Audit(): %v", err)
	}
	var list []string
	for _, row := range rows {
		list, *after = append(list, row.Action), row.ID
	}
	return list
}

func equal(t *testing.T, doing string, got, want any) {
	t.Helper()
	same := cmp.Comparer(func(a, b eid.Identifier) bool { return a == b })
	if diff := cmp.Diff(want, got, same, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", doing, diff)
	}
}

func wantErr(t *testing.T, doing string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", doing, err, want)
	}
}

// must stops the test on an error of what prepares it.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
