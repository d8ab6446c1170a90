package vneid

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"eidgate/eid"
	"eidgate/federation"
)

// ClientAuth is how the gateway shows the token endpoint who it is (RFC 6749
// §2.3.1).
type ClientAuth string

// The ways of client authentication.
const (
	Post  ClientAuth = "post"  // in the form
	Basic ClientAuth = "basic" // in the header
)

// Cipher is the mode of AES of the encrypted dialect.
type Cipher string

// The modes, both with PKCS #7 padding.
const (
	ECB Cipher = "ecb"
	CBC Cipher = "cbc" // the first block is the IV
)

// Settings are what an operator registers about the platform. What is left empty
// is filled by the dialect, save the endpoints, the client and the levels.
type Settings struct {
	Dialect Dialect
	// Authorize, Token and UserInfo are the endpoints; browsers go to the first.
	Authorize, Token, UserInfo string
	// Logout is where browsers end their session there; empty where that is not
	// known, or where userinfo says it of each person.
	Logout string
	// Origins are where pages of a sign-in lie beside that of Authorize.
	Origins      []string
	ClientID     string
	ClientSecret eid.Secret
	ClientAuth   ClientAuth
	Scopes       []string
	// AuthorizeParameters are sent with every authorization request.
	AuthorizeParameters map[string]string
	// PKCE sends a code challenge (RFC 7636, S256). Only with it, and a platform
	// that minds it, is a code of another sign-in refused.
	PKCE bool
	// Levels maps what the level claim says to levels, to the byte. A value that is
	// not here is not believed.
	Levels map[string]eid.Level
	// RequestLevels is what Parameters.Level says for a wanted level.
	RequestLevels map[eid.Level]string
	// Citizens are the account types whose holder is the person; others are refused.
	Citizens []string
	// AsksEachTime: the platform authenticates the person at every sign-in and
	// remembers none. It says no time of authentication, so that without this a
	// sign-in that has to be a fresh one is not possible here.
	AsksEachTime bool
	Claims       Claims
	Parameters   Parameters
	// DecryptionKeys are RSA private keys in PEM, the newest first, and Cipher and
	// AESBits what they wrap: for the encrypted dialect.
	DecryptionKeys []eid.Secret
	Cipher         Cipher
	AESBits        int
	// Managed says how the gateway keeps keys itself, which take over from
	// DecryptionKeys; nil for none.
	Managed *federation.ManagedKeys
}

// settingsJSON is how Settings are stored.
type settingsJSON struct {
	Dialect             Dialect                 `json:"dialect"`
	Authorize           string                  `json:"authorize"`
	Token               string                  `json:"token"`
	UserInfo            string                  `json:"userinfo"`
	Logout              string                  `json:"logout"`
	Origins             []string                `json:"origins"`
	ClientID            string                  `json:"client_id"`
	ClientSecret        string                  `json:"client_secret"`
	ClientAuth          ClientAuth              `json:"client_auth"`
	Scopes              []string                `json:"scopes"`
	AuthorizeParameters map[string]string       `json:"authorize_parameters"`
	PKCE                bool                    `json:"pkce"`
	Levels              map[string]eid.Level    `json:"levels"`
	RequestLevels       map[eid.Level]string    `json:"request_levels"`
	Citizens            []string                `json:"citizens"`
	AsksEachTime        bool                    `json:"asks_each_time"`
	Claims              Claims                  `json:"claims"`
	Parameters          Parameters              `json:"parameters"`
	DecryptionKeys      []string                `json:"decryption_keys"`
	Cipher              Cipher                  `json:"cipher"`
	AESBits             int                     `json:"aes_bits"`
	Managed             *federation.ManagedKeys `json:"managed_keys"`
}

// ParseSettings reads eid.Source.Settings, fills in what the dialect knows, and
// reports every fault at once:
//
//	{"dialect": "sso", "authorize": "https://…", "token": "https://…", "userinfo": "https://…",
//	 "client_id": "…", "client_secret": "…", "levels": {"1": 1, "2": 2}}
func ParseSettings(raw json.RawMessage) (Settings, error) {
	var in settingsJSON
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		// The decoder's text may quote a value; secrets are among them.
		return Settings{}, errors.New("settings of a VNeID source: malformed JSON or an unknown member")
	}
	s := Settings{
		Dialect: in.Dialect, Authorize: in.Authorize, Token: in.Token, UserInfo: in.UserInfo, Logout: in.Logout, Origins: in.Origins,
		ClientID: in.ClientID, ClientSecret: eid.NewSecret(in.ClientSecret), ClientAuth: in.ClientAuth, Scopes: in.Scopes,
		AuthorizeParameters: in.AuthorizeParameters, PKCE: in.PKCE, Levels: in.Levels, RequestLevels: in.RequestLevels,
		Citizens: in.Citizens, AsksEachTime: in.AsksEachTime, Claims: in.Claims, Parameters: in.Parameters,
		Cipher: in.Cipher, AESBits: in.AESBits, Managed: in.Managed,
	}
	for _, key := range in.DecryptionKeys {
		s.DecryptionKeys = append(s.DecryptionKeys, eid.NewSecret(key))
	}
	s = s.filled()
	if err := s.check(); err != nil {
		return Settings{}, fmt.Errorf("settings of a VNeID source: %w", err)
	}
	return s, nil
}
