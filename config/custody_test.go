package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const custodyFile = `issuer: https://dangnhap.example.vn
data: d
`

func TestCustody(t *testing.T) {
	path := write(t, map[string]string{"eidgate.yaml": custodyFile + `master_key_transit: eidgate-master
custody:
  pkcs11: {module: /lib/hsm.so, token: eid, pin_file: pin.txt}
  transit: {address: "https://bao.example.vn:8200", token_file: token.txt, ca_file: ca.pem}
`})
	c, err := Load(path, nil)
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	if p, tr := c.Custody.PKCS11, c.Custody.Transit; !p.Given() || !tr.Given() || !strings.HasPrefix(p.PINFile, "/") || tr.Mount != "transit" || tr.Prefix != "eidgate" || p.Timeout <= 0 {
		t.Errorf("custody = %+v, want absolute paths and the defaults", c.Custody)
	}
}

func TestCustodyFaults(t *testing.T) {
	for _, tt := range []struct{ custody, want string }{
		{"custody: {pkcs11: {module: /lib/hsm.so}}", "custody.pkcs11.pin_file: missing"},
		{"custody: {pkcs11: {module: /lib/hsm.so, pin_file: p}}", "custody.pkcs11.token: missing"},
		{"custody: {pkcs11: {token: eid}}", "custody.pkcs11.module: missing"},
		{"custody: {pkcs11: {module: /m, token: t, pin_file: p, prefix: a/b}}", "custody.pkcs11.prefix: not a name"},
		{"custody: {pkcs11: {timeout: 1m}}", "custody.pkcs11.timeout: out of bounds"},
		{"custody: {transit: {address: 'http://bao.example.vn:8200', token_file: t}}", "custody.transit.address: not https"},
		{"custody: {transit: {address: 'https://bao.example.vn:8200'}}", "custody.transit.token_file: missing"},
		{"custody: {transit: {address: 'https://bao.example.vn:8200', token_file: t, mount: ../sys}}", "custody.transit.mount: not a path"},
		{"custody: {transit: {token_file: t}}", "custody.transit.address: missing"},
		{"master_key_transit: eidgate-master", "custody.transit.address: missing"},
		{"master_key_transit: a/b\ncustody: {transit: {address: 'https://bao.example.vn:8200', token_file: t}}", "master_key_transit: not a name"},
		{"master_key: '{}'\nmaster_key_file: m", "master_key: given beside master_key_file"},
	} {
		_, err := Load(write(t, map[string]string{"eidgate.yaml": custodyFile + tt.custody + "\n"}), nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Load() with %s = %v, want %q", tt.custody, err, tt.want)
		}
	}
}

// TestMasterKeyOfTheEnvironment comes from a variable, and is shown nowhere.
func TestMasterKeyOfTheEnvironment(t *testing.T) {
	const secret = `{"primaryKeyId":1234567890}`
	path := write(t, map[string]string{"eidgate.yaml": custodyFile})
	environ := []string{"EIDGATE_MASTER_KEY=" + secret}
	c, err := Load(path, environ)
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	if c.MasterKey.Reveal() != secret || c.MasterKeyFile != "" {
		t.Errorf("master_key, master_key_file = %q, %q, want the variable's and none", c.MasterKey.Reveal(), c.MasterKeyFile)
	}
	shown, err := Show(path, environ)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(shown), string(raw), fmt.Sprintf("%+v %#v", *c, *c)} {
		if strings.Contains(text, "1234567890") {
			t.Errorf("%s shows the master key", text)
		}
	}
}
