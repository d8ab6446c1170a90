package config

import (
	"maps"
	"slices"
	"strconv"

	"eidgate/eid"
)

// VNeID is the national platform in one of its own dialects. What is left out is
// filled by the dialect.
type VNeID struct {
	// What the platform was seen to speak: wso2 (National Public Service Portal), sso
	// (VNeID), or encrypted (VNeID with encrypted answers).
	Dialect   string   `koanf:"dialect"`
	Authorize string   `koanf:"authorize"` // where browsers sign in
	Token     string   `koanf:"token"`     // where a code becomes a token
	UserInfo  string   `koanf:"userinfo"`  // where a token says who it is of
	Logout    string   `koanf:"logout"`    // where browsers end their session there; leave out where userinfo says it, or nobody knows
	Origins   []string `koanf:"origins"`   // further origins that pages of a sign-in lie at, beside that of authorize
	ClientID  string   `koanf:"client_id"` // what the platform calls this gateway
	// The secret that the platform gave, or env:NAME for the value of a variable.
	ClientSecret eid.Secret `koanf:"client_secret"`
	// A file that holds the secret, instead of client_secret, or credential:NAME.
	ClientSecretFile string   `koanf:"client_secret_file"`
	ClientAuth       string   `koanf:"client_auth"` // how the secret is shown: post, in the form (default), or basic, in the header
	Scopes           []string `koanf:"scopes"`      // the scopes asked; without it, openid
	// Parameters that are sent with every sign-in, beside the gateway's own.
	AuthorizeParameters map[string]string `koanf:"authorize_parameters"`
	// Whether to send a code challenge (RFC 7636). Switch it on where the platform
	// takes it: without it nothing but state ties a code to a sign-in.
	PKCE bool `koanf:"pkce"`
	// What the level claim says and the level of each, to the letter. Anything else
	// is refused.
	Levels map[string]eid.Level `koanf:"levels"`
	// What to ask for when a level is wanted; wso2 asks for LoA1 and LoA2.
	RequestLevels map[eid.Level]string `koanf:"request_levels"`
	// The account types that are a person's; without it, 1. Accounts of enterprises
	// and organisations are refused.
	Citizens []string `koanf:"citizens"`
	// Whether people sign in there each time. Without it a portal that wants a fresh
	// sign-in, and a step-up, cannot be served: nothing says how old a sign-in is.
	AsksEachTime bool            `koanf:"asks_each_time"`
	Claims       VNeIDClaims     `koanf:"claims"`     // names of claims that differ from the dialect's
	Parameters   VNeIDParameters `koanf:"parameters"` // names of parameters that differ from the dialect's
	// RSA private keys in PEM that answers are encrypted to, the newest first, or
	// env:NAME; for encrypted.
	DecryptionKeys []eid.Secret `koanf:"decryption_keys"`
	// Files that hold the keys, instead of decryption_keys, or credential:NAME.
	DecryptionKeyFiles []string `koanf:"decryption_key_files"`
	// Instead of files: the gateway keeps and changes keys itself, and the platform is
	// given each by hand. Beside files, those open until they are removed; for encrypted.
	ManagedKeys *ManagedKeys `koanf:"managed_keys"`
	Cipher      string       `koanf:"cipher"`   // the mode of AES, ecb (default) or cbc with a leading IV; for encrypted
	AESBits     int          `koanf:"aes_bits"` // the size of AES keys, 128, 192 or 256 (default); for encrypted
}

// VNeIDClaims are names of claims.
type VNeIDClaims struct {
	Subject     string `koanf:"subject" json:"subject,omitempty"`           // an id that stays with the person; never the personal number
	Level       string `koanf:"level" json:"level,omitempty"`               // the level of identity; it alone decides
	AccountType string `koanf:"account_type" json:"account_type,omitempty"` // citizen, enterprise or organisation
	Number      string `koanf:"number" json:"number,omitempty"`             // the personal number
	Name        string `koanf:"name" json:"name,omitempty"`                 // the full name
	BirthDate   string `koanf:"birth_date" json:"birth_date,omitempty"`     // the birth date
	Methods     string `koanf:"methods" json:"methods,omitempty"`           // a list of amr values (RFC 8176), where the platform says any
	Logout      string `koanf:"logout" json:"logout,omitempty"`             // the address that ends this person's session there
}

// VNeIDParameters are names of parameters, and of members of encrypted answers.
type VNeIDParameters struct {
	Level       string `koanf:"level" json:"level,omitempty"`               // of the level asked for
	Code        string `koanf:"code" json:"code,omitempty"`                 // of the code that comes back
	CodeKey     string `koanf:"code_key" json:"code_key,omitempty"`         // of the key of an encrypted code
	AccessToken string `koanf:"access_token" json:"access_token,omitempty"` // of the token in the answer
	Data        string `koanf:"data" json:"data,omitempty"`                 // of what is encrypted in an answer
	DataKey     string `koanf:"data_key" json:"data_key,omitempty"`         // of its key
	Return      string `koanf:"return" json:"return,omitempty"`             // of the address to come back to after a logout
}

// vneidSettings is what package federation/vneid reads.
type vneidSettings struct {
	Dialect             string               `json:"dialect"`
	Authorize           string               `json:"authorize"`
	Token               string               `json:"token"`
	UserInfo            string               `json:"userinfo"`
	Logout              string               `json:"logout,omitempty"`
	Origins             []string             `json:"origins,omitempty"`
	ClientID            string               `json:"client_id"`
	ClientSecret        string               `json:"client_secret"`
	ClientAuth          string               `json:"client_auth,omitempty"`
	Scopes              []string             `json:"scopes,omitempty"`
	AuthorizeParameters map[string]string    `json:"authorize_parameters,omitempty"`
	PKCE                bool                 `json:"pkce,omitempty"`
	Levels              map[string]eid.Level `json:"levels"`
	RequestLevels       map[eid.Level]string `json:"request_levels,omitempty"`
	Citizens            []string             `json:"citizens,omitempty"`
	AsksEachTime        bool                 `json:"asks_each_time,omitempty"`
	Claims              VNeIDClaims          `json:"claims,omitzero"`
	Parameters          VNeIDParameters      `json:"parameters,omitzero"`
	DecryptionKeys      []string             `json:"decryption_keys,omitempty"`
	ManagedKeys         *managedSettings     `json:"managed_keys,omitempty"`
	Cipher              string               `json:"cipher,omitempty"`
	AESBits             int                  `json:"aes_bits,omitempty"`
}

func (v *VNeID) settings() any {
	keys := make([]string, len(v.DecryptionKeys))
	for i, key := range v.DecryptionKeys {
		keys[i] = key.Reveal()
	}
	return vneidSettings{
		Dialect: v.Dialect, Authorize: v.Authorize, Token: v.Token, UserInfo: v.UserInfo, Logout: v.Logout, Origins: v.Origins,
		ClientID: v.ClientID, ClientSecret: v.ClientSecret.Reveal(), ClientAuth: v.ClientAuth, Scopes: v.Scopes,
		AuthorizeParameters: v.AuthorizeParameters, PKCE: v.PKCE, Levels: v.Levels, RequestLevels: v.RequestLevels,
		Citizens: v.Citizens, AsksEachTime: v.AsksEachTime, Claims: v.Claims, Parameters: v.Parameters,
		DecryptionKeys: keys, ManagedKeys: v.ManagedKeys.settings("vneid"), Cipher: v.Cipher, AESBits: v.AESBits,
	}
}

func (v *VNeID) files(at string, each func(at string, path *string)) {
	each(member(at, "client_secret_file"), &v.ClientSecretFile)
	for i := range v.DecryptionKeyFiles {
		each(item(member(at, "decryption_key_files"), i), &v.DecryptionKeyFiles[i])
	}
}

func (v *VNeID) readSecrets(at string, where surroundings) {
	where.secret(at, "client_secret", &v.ClientSecret, v.ClientSecretFile)
	keys, files := member(at, "decryption_keys"), member(at, "decryption_key_files")
	if len(v.DecryptionKeys) > 0 && len(v.DecryptionKeyFiles) > 0 {
		where.faults.unreadable(keys, "given beside decryption_key_files", "keep one of the two")
		return
	}
	for i := range v.DecryptionKeys {
		where.fromVariable(item(keys, i), &v.DecryptionKeys[i])
	}
	for i, file := range v.DecryptionKeyFiles {
		v.DecryptionKeys = append(v.DecryptionKeys, readSecret(where.faults, item(files, i), file))
	}
}

func (v *VNeID) forget() {
	if v.ClientSecretFile != "" {
		v.ClientSecret = eid.Secret{}
	}
	if len(v.DecryptionKeyFiles) > 0 {
		v.DecryptionKeys = nil
	}
}

// check reports what stands at one key. How names go together, and whether a key
// is one, package federation/vneid says, which knows what a dialect fills in.
func (v *VNeID) check(f *faults, at string, c *Config) {
	checkChoice(f, member(at, "dialect"), v.Dialect, true)
	v.checkEndpoints(f, at, c.Outbound.Allow)
	if v.ClientID == "" {
		f.add(member(at, "client_id"), "missing", "what the platform calls this gateway")
	}
	if v.ClientSecret.IsZero() && v.ClientSecretFile == "" {
		f.add(member(at, "client_secret"), "missing", "client_secret or client_secret_file")
	}
	checkChoice(f, member(at, "client_auth"), v.ClientAuth, false)
	for i, scope := range v.Scopes {
		if scope == "" || unfit(scope) {
			f.add(item(member(at, "scopes"), i), "not a scope", "visible ASCII without spaces")
		}
	}
	if len(v.Levels) == 0 {
		f.add(member(at, "levels"), "missing", "what the level claim says, and the level of each")
	}
	for _, value := range slices.Sorted(maps.Keys(v.Levels)) {
		if value == "" || !v.Levels[value].Valid() {
			f.add(member(member(at, "levels"), value), "no value, or not a level", "a value and 1 or 2")
		}
	}
	for _, level := range slices.Sorted(maps.Keys(v.RequestLevels)) {
		checkValue(f, member(member(at, "request_levels"), level.String()), v.RequestLevels[level])
	}
	for i, kind := range v.Citizens {
		if kind == "" {
			f.add(item(member(at, "citizens"), i), "empty", "an account type as the platform writes it")
		}
	}
	v.checkCipher(f, at)
	v.ManagedKeys.check(f, member(at, "managed_keys"), "vneid", c.Lifetimes.JWKSMaxAge)
}

func (v *VNeID) checkEndpoints(f *faults, at string, allow []string) {
	for _, endpoint := range []struct {
		key, address    string
		needed, reached bool
	}{
		{"authorize", v.Authorize, true, false},
		{"token", v.Token, true, true},
		{"userinfo", v.UserInfo, true, true},
		{"logout", v.Logout, false, false},
	} {
		path := member(at, endpoint.key)
		switch {
		case endpoint.address != "":
			checkAddress(f, path, endpoint.address, address{query: true})
		case endpoint.needed:
			f.add(path, "missing", "an address of the platform")
		}
		if endpoint.reached {
			checkReachable(f, path, endpoint.address, allow)
		}
	}
	for i, origin := range v.Origins {
		checkAddress(f, item(member(at, "origins"), i), origin, address{bare: true})
	}
}

func (v *VNeID) checkCipher(f *faults, at string) {
	keys := len(v.DecryptionKeys) + len(v.DecryptionKeyFiles)
	switch {
	case v.Dialect == "encrypted" && keys == 0 && v.ManagedKeys == nil:
		f.add(member(at, "decryption_keys"), "missing", "decryption_keys or decryption_key_files, or managed_keys: {}")
	case (v.Dialect == "wso2" || v.Dialect == "sso") && (keys > 0 || v.ManagedKeys != nil || v.Cipher != "" || v.AESBits != 0):
		f.add(member(at, "decryption_keys"), "keys, cipher or aes_bits given for a dialect in the clear", "dialect: encrypted, or remove them")
	}
	checkChoice(f, member(at, "cipher"), v.Cipher, false)
	if sizes := aesSizes(); v.AESBits != 0 && !slices.Contains(sizes, v.AESBits) {
		f.add(member(at, "aes_bits"), strconv.Itoa(v.AESBits)+" is no size of AES", "128, 192 or 256")
	}
}

// aesSizes are the sizes of AES keys, in bits.
func aesSizes() []int { return []int{128, 192, 256} }
