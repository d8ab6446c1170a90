package storetest

import (
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/rules"
)

// book holds the rules that come with the program.
func book(t testing.TB) *rules.Book {
	t.Helper()
	b, err := rules.Open("")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Locks writes locks by the rules that come with the program.
func Locks(t testing.TB, s accounts.LockStore, now func() time.Time) *accounts.Locks {
	t.Helper()
	return accounts.NewLocks(s, book(t), now)
}

// Requests is the queue of what service users ask for, by the same rules.
func Requests(t testing.TB, s accounts.LockRequestStore, now func() time.Time) *accounts.LockRequests {
	t.Helper()
	return accounts.NewLockRequests(s, book(t), now)
}

// Self is a holder who locks or unlocks the account of their own.
func Self() accounts.LockAct {
	return accounts.LockAct{By: eid.ByHolder, Proof: "pwd", Actor: "holder"}
}

// Authority is an authority of tests; the document is that of a decision.
func Authority(document string) accounts.LockAct {
	return accounts.LockAct{By: eid.ByAuthority, Requester: "cơ quan giả định", Document: document, Actor: "operator:test"}
}

// Operator is the operator of the system.
func Operator(document string) accounts.LockAct {
	return accounts.LockAct{By: eid.ByOperator, Requester: "đơn vị giả định", Document: document, Remedy: "đã khắc phục", Actor: "operator:test"}
}
