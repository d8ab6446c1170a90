package ldap_test

import (
	"encoding/json"
	"maps"
	"testing"

	"eidgate/federation/ldap"
)

func TestSettings(t *testing.T) {
	sound := map[string]any{
		"url": "ldaps://ldap.example.vn", "bind_dn": "cn=gateway,dc=example,dc=vn", "bind_password": "secret",
		"base_dn": "dc=example,dc=vn", "filter": "(uid={login})", "subject": "entryUUID", "level": 1,
	}
	service := map[string]any{"bind_dn": nil, "bind_password": nil}
	for name, tt := range map[string]struct {
		change map[string]any
		ok     bool
	}{
		"sound":              {nil, true},
		"port":               {map[string]any{"url": "ldaps://ldap.example.vn:1636"}, true},
		"StartTLS":           {map[string]any{"url": "ldap://ldap.example.vn", "start_tls": true}, true},
		"plain on loopback":  {map[string]any{"url": "ldap://127.0.0.1:389"}, true},
		"plain":              {map[string]any{"url": "ldap://ldap.example.vn"}, false},
		"plain inside":       {map[string]any{"url": "ldap://10.0.0.1"}, false},
		"ldaps and StartTLS": {map[string]any{"start_tls": true}, false},
		"socket":             {map[string]any{"url": "ldapi:///"}, false},
		"https":              {map[string]any{"url": "https://ldap.example.vn"}, false},
		"search in the URL":  {map[string]any{"url": "ldaps://ldap.example.vn/dc=x?uid"}, false},
		"no service account": {service, false},
		"no password":        {map[string]any{"bind_password": nil}, false},
		"service, not a DN":  {map[string]any{"bind_dn": "gateway"}, false},
		"direct":             {map[string]any{"bind_dn": nil, "bind_password": nil, "bind_as": "uid={login},dc=example,dc=vn", "filter": nil}, true},
		"direct, UPN":        {map[string]any{"bind_dn": nil, "bind_password": nil, "bind_as": "{login}@example.vn"}, true},
		"UPN, no filter":     {map[string]any{"bind_dn": nil, "bind_password": nil, "bind_as": "{login}@example.vn", "filter": nil}, false},
		"direct elsewhere":   {map[string]any{"bind_dn": nil, "bind_password": nil, "bind_as": "uid={login},dc=other"}, false},
		"direct, no name":    {map[string]any{"bind_dn": nil, "bind_password": nil, "bind_as": "uid=x,dc=example,dc=vn"}, false},
		"direct, broken":     {map[string]any{"bind_dn": nil, "bind_password": nil, "bind_as": "uid={login},,"}, false},
		"the name alone":     {map[string]any{"bind_dn": nil, "bind_password": nil, "bind_as": "{login}"}, false},
		"hardly more":        {map[string]any{"bind_dn": nil, "bind_password": nil, "bind_as": " {login}"}, false},
		"both":               {map[string]any{"bind_as": "{login}@example.vn"}, false},
		"filter, no name":    {map[string]any{"filter": "(uid=x)"}, false},
		"filter broken":      {map[string]any{"filter": "(uid={login}"}, false},
		"base empty":         {map[string]any{"base_dn": ""}, false},
		"base broken":        {map[string]any{"base_dn": "example"}, false},
		"no subject":         {map[string]any{"subject": ""}, false},
		"no level":           {map[string]any{"level": nil}, false},
		"level 3":            {map[string]any{"level": 3}, false},
		"two ways":           {map[string]any{"groups": map[string]int{"cn=x": 1}}, false},
		"groups":             {map[string]any{"level": nil, "groups": map[string]int{"cn=x,dc=y": 2}}, true},
		"group, no DN":       {map[string]any{"level": nil, "groups": map[string]int{"x": 2}}, false},
		"group, no level":    {map[string]any{"level": nil, "groups": map[string]int{"cn=x": 0}}, false},
		"attribute alone":    {map[string]any{"level": nil, "level_attribute": "loa"}, false},
		"attribute":          {map[string]any{"level": nil, "level_attribute": "loa", "levels": map[string]int{"x": 1}}, true},
		"unknown member":     {map[string]any{"tls": false}, false},
	} {
		all := maps.Clone(sound)
		maps.Copy(all, tt.change)
		maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
		raw, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ldap.ParseSettings(raw)
		if (err == nil) != tt.ok {
			t.Errorf("%s: ParseSettings() = %v, want ok %v", name, err, tt.ok)
		}
		silent(t, err, "secret")
	}
	if _, err := ldap.New("x", ldap.Settings{}, ldap.Deps{}); err == nil {
		t.Error("New() without anything = nil, want an error")
	}
}
