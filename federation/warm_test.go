package federation_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
	"eidgate/federation/openid"
)

// The page of choices names where a source's pages are before anybody was there:
// a browser follows the form to no other place.
func TestWarm(t *testing.T) {
	upstream := fedtest.StartOpenID(t, fedtest.Config{Title: "Synthetic provider", Clients: []fedtest.Client{{ID: "eidgate", RedirectURIs: []string{"http://127.0.0.1/callback"}}}, People: []fedtest.Person{{Subject: "u", Login: "one", Password: "pw", ACR: "a"}}})
	pages, err := url.Parse(upstream.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := "http://localhost:" + pages.Port()
	upstream.TamperDiscovery(fedtest.Set("authorization_endpoint", elsewhere+"/authorize"))
	client, err := federation.HTTPClient([]string{pages.Host})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	settings := fmt.Appendf(nil, `{"issuer":%q,"client_id":"eidgate","client_secret":"x","acr":{"a":1}}`, upstream.Issuer())
	dead := json.RawMessage(strings.Replace(string(settings), pages.Port(), "1", 1))
	registry := federation.NewRegistry(registered{
		{ID: "dead", Kind: federation.KindOpenID, Settings: dead}, {ID: "alive", Kind: federation.KindOpenID, Settings: settings},
	}, func(src eid.Source) (federation.Source, error) {
		s, err := openid.ParseSettings(src.Settings)
		if err != nil {
			return nil, err
		}
		return openid.New(s, openid.Deps{HTTP: client, Now: time.Now})
	}, 0)
	if got := registry.Origins(t.Context(), []string{"alive"}); slices.Contains(got, elsewhere) {
		t.Fatalf("Origins() = %v before anything was fetched", got)
	}
	// What came too early keeps nobody from trying.
	upstream.Break(fedtest.PathDiscovery, fedtest.Failing)
	registry.Warm(t.Context())
	upstream.Behave()
	upstream.TamperDiscovery(fedtest.Set("authorization_endpoint", elsewhere+"/authorize"))
	registry.Warm(t.Context())
	if got := registry.Origins(t.Context(), []string{"dead", "alive"}); !slices.Contains(got, elsewhere) {
		t.Errorf("Origins() = %v, want %s among them", got, elsewhere)
	}
}
