package vneid_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
	"eidgate/federation/vneid"
)

const soundSettings = `{"dialect":"sso","authorize":"https://id.example.vn/auth","token":"https://id.example.vn/token",
	"userinfo":"https://id.example.vn/userinfo","client_id":"g","client_secret":"hush","levels":{"1":1,"2":2}}`

func TestParseSettings(t *testing.T) {
	s, err := vneid.ParseSettings([]byte(soundSettings))
	if err != nil || s.Levels["2"] != eid.Level2 || s.ClientSecret.Reveal() != "hush" {
		t.Errorf("ParseSettings() = %+v, %v, want the settings", s, err)
	}
	for name, change := range map[string][2]string{
		"http":                    {"https://id.example.vn/token", "http://id.example.vn/token"},
		"http, look-alike":        {"https://id.example.vn/auth", "http://localhost.example.vn/auth"},
		"fragment":                {"/auth", "/auth#"},
		"user":                    {"https://id.example.vn/userinfo", "https://hush@id.example.vn/userinfo"},
		"relative":                {"https://id.example.vn/userinfo", "/userinfo"},
		"no endpoint":             {"https://id.example.vn/userinfo", ""},
		"logout in clear":         {`"client_id"`, `"logout":"http://id.example.vn/","client_id"`},
		"origin with a path":      {`"client_id"`, `"origins":["https://id.example.vn/"],"client_id"`},
		"no dialect":              {`"sso"`, `""`},
		"unknown dialect":         {`"sso"`, `"oidc"`},
		"no client":               {`"client_id":"g"`, `"client_id":""`},
		"no secret":               {`"hush"`, `""`},
		"secret of a type":        {`"hush"`, `["hush"]`},
		"no levels":               {`{"1":1,"2":2}`, `{}`},
		"level 3":                 {`"2":2`, `"2":3`},
		"level 0":                 {`"2":2`, `"2":0`},
		"empty level":             {`"2":2`, `"":2`},
		"request of level 3":      {`"client_id"`, `"request_levels":{"3":"x"},"client_id"`},
		"request of nothing":      {`"client_id"`, `"request_levels":{"2":""},"client_id"`},
		"client_auth":             {`"client_id"`, `"client_auth":"none","client_id"`},
		"two scopes in one":       {`"client_id"`, `"scopes":["a b"],"client_id"`},
		"empty citizens":          {`"client_id"`, `"citizens":[""],"client_id"`},
		"subject is the number":   {`"client_id"`, `"claims":{"subject":"SoDinhDanh"},"client_id"`},
		"number is the subject":   {`"client_id"`, `"claims":{"number":"TechID"},"client_id"`},
		"level is the type":       {`"client_id"`, `"claims":{"level":"LoaiTaiKhoan"},"client_id"`},
		"code is the state":       {`"client_id"`, `"parameters":{"code":"state"},"client_id"`},
		"return is the state":     {`"client_id"`, `"parameters":{"return":"state"},"client_id"`},
		"level is the scope":      {`"client_id"`, `"parameters":{"level":"scope"},"client_id"`},
		"state of their own":      {`"client_id"`, `"authorize_parameters":{"state":"x"},"client_id"`},
		"another redirect":        {`"client_id"`, `"authorize_parameters":{"redirect_uri":"https://evil.example"},"client_id"`},
		"challenge of their own":  {`"client_id"`, `"authorize_parameters":{"code_challenge":"x"},"client_id"`},
		"cipher in the clear":     {`"client_id"`, `"cipher":"ecb","client_id"`},
		"encrypted without a key": {`"sso"`, `"encrypted"`},
		"unknown member":          {`"client_id"`, `"insecure_skip_verify":true,"client_id"`},
		"cut":                     {`"levels"`, `"levels`},
	} {
		t.Run(name, func(t *testing.T) {
			raw := strings.Replace(soundSettings, change[0], change[1], 1)
			if raw == soundSettings {
				t.Fatal("nothing was changed")
			}
			got, err := vneid.ParseSettings([]byte(raw))
			if err == nil {
				t.Fatalf("ParseSettings() = %+v, want an error", got)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("error tells the secret: %v", err)
			}
		})
	}
}

func TestParseSettingsOfKeys(t *testing.T) {
	key, err := json.Marshal(inPEM(privateKey()).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		keys, more string
		ok         bool
	}{
		"one": {"%[1]s", "", true}, "four": {"%[1]s,%[1]s,%[1]s,%[1]s", "", true}, "five": {"%[1]s,%[1]s,%[1]s,%[1]s,%[1]s", "", false},
		"none": {"", "", false}, "no key": {`"hush"`, "", false}, "CBC": {"%[1]s", `,"cipher":"cbc","aes_bits":128`, true},
		"GCM": {"%[1]s", `,"cipher":"gcm"`, false}, "odd size": {"%[1]s", `,"aes_bits":64`, false},
	} {
		keys := tt.keys
		if strings.Contains(keys, "%") {
			keys = fmt.Sprintf(keys, key)
		}
		raw := strings.Replace(soundSettings, `"sso"`, `"encrypted","decryption_keys":[`+keys+`]`+tt.more, 1)
		_, err := vneid.ParseSettings([]byte(raw))
		if (err == nil) != tt.ok || err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "PRIVATE")) {
			t.Errorf("%s: ParseSettings() = %v, want sound: %v, nothing told", name, err, tt.ok)
		}
	}
}

// What each dialect fills in. Whoever changes a name here changes what is asked of
// a platform that nobody here can see.
func TestDialects(t *testing.T) {
	parse := func(dialect, more string) vneid.Settings {
		s, err := vneid.ParseSettings([]byte(strings.Replace(soundSettings, `"sso"`, `"`+dialect+`"`+more, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	portal := vneid.Claims{Subject: "TechID", Level: "loAs", AccountType: "LoaiTaiKhoan", Number: "SoDinhDanh", Name: "HoVaTen", BirthDate: "NgayThangNamSinh"}
	sso := portal
	sso.Logout = "logoutUri"
	key, err := json.Marshal(inPEM(privateKey()).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := parse("wso2", ""), parse("sso", ""), parse("encrypted", `,"decryption_keys":[`+string(key)+`]`)
	for _, diff := range []string{
		cmp.Diff(a.Claims, portal), cmp.Diff(a.RequestLevels, map[eid.Level]string{1: "LoA1", 2: "LoA2"}),
		cmp.Diff(b.Claims, sso), cmp.Diff(len(b.RequestLevels), 0),
		cmp.Diff(c.Claims, vneid.Claims{Subject: "TechID", Level: "accountLevel", AccountType: "accountType", Number: "citizenPid", Name: "fullName", BirthDate: "birthDate"}),
		cmp.Diff([]any{c.Cipher, c.AESBits, c.Citizens, c.Scopes, c.ClientAuth, c.PKCE, c.AsksEachTime},
			[]any{vneid.ECB, 256, []string{"1"}, []string{"openid"}, vneid.Post, false, false}),
		cmp.Diff(c.Parameters, vneid.Parameters{Level: "acr_values", Code: "code", CodeKey: "encrypt_key", AccessToken: "access_token",
			Data: "data", DataKey: "key", Return: "post_logout_redirect_uri"}),
	} {
		if diff != "" {
			t.Errorf("defaults (-got +want):\n%s", diff)
		}
	}
}

func TestNew(t *testing.T) {
	s, err := vneid.ParseSettings([]byte(soundSettings))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vneid.New(s, vneid.Deps{}); err == nil {
		t.Error("New() without a client = nil, want an error")
	}
	if _, err := vneid.New(vneid.Settings{}, vneid.Deps{HTTP: &http.Client{}}); err == nil {
		t.Error("New() of nothing = nil, want an error")
	}
}
