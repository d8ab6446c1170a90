//go:build pkcs11

package pkcs11_test

import (
	"testing"

	p11 "github.com/miekg/pkcs11"
)

// closeSessions ends every session of this process with the token, behind the back of
// whoever has one.
func closeSessions(t *testing.T, h *hsm) {
	t.Helper()
	module := p11.New(h.cfg.Module)
	if module == nil {
		t.Fatal("the module cannot be loaded")
	}
	slots, err := module.GetSlotList(true)
	check(t, err)
	for _, slot := range slots {
		check(t, module.CloseAllSessions(slot))
	}
}
