package cas_test

import (
	"errors"
	"strings"
	"testing"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/cas"
	"eidgate/federation/fedtest"
)

func TestExamine(t *testing.T) {
	server := fedtest.StartCAS(t, fedtest.CASConfig{Title: "Synthetic server", Services: []string{"https://eidgate.invalid/"}, People: []fedtest.Person{{Subject: "u", Login: "one", Password: "pw", ACR: "a"}}})
	client, err := federation.HTTPClient([]string{strings.TrimSuffix(strings.TrimPrefix(server.Server(), "http://"), "/cas")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	settings := cas.Settings{Server: server.Server(), Level: eid.Level1}
	if err := cas.Examine(t.Context(), client, settings); err != nil {
		t.Errorf("Examine() of a sound server = %v, want nil", err)
	}
	server.Break(fedtest.PathCASValidate, fedtest.Garbage)
	if err := cas.Examine(t.Context(), client, settings); !errors.Is(err, federation.ErrDown) {
		t.Errorf("Examine() of garbage = %v, want %v", err, federation.ErrDown)
	}
}
