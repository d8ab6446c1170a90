package config

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"eidgate/eid"
)

// Client is a relying party as the file declares it.
type Client struct {
	ID   string `koanf:"id"`   // its client_id, which never changes
	Name string `koanf:"name"` // its name as holders read it
	// Its name on pages in English; without it, name.
	NameEN string `koanf:"name_en"`
	URL    string `koanf:"url"` // the portal's own address, where holders go back to
	// Who runs it (Decision 34/2021, Art. 13).
	Tier string `koanf:"tier"`
	// Whose identities it takes: administrative, the default, the national one only;
	// other, those that its owner decides on.
	Category string `koanf:"category"`
	// How it authenticates: by this method and no other.
	AuthMethod string `koanf:"auth_method"`
	// The secrets in force, two while one replaces the other: 32 visible ASCII
	// characters at least, or env:NAME for the value of a variable.
	Secrets []eid.Secret `koanf:"client_secrets"`
	// Files that hold the secrets, instead of client_secrets, or credential:NAME.
	SecretFiles []string `koanf:"client_secret_files"`
	// The client's public keys (RFC 7517 §5), for private_key_jwt and signed
	// request objects: a block of keys, or JSON text.
	JWKS     KeySet `koanf:"jwks"`
	JWKSFile string `koanf:"jwks_file"` // a JSON file of the client's public keys, instead of jwks
	JWKSURI  string `koanf:"jwks_uri"`  // where the client publishes its keys, instead of jwks
	// Lets loopback redirects come back on any port (RFC 8252 §7.3).
	Native       bool     `koanf:"native"`
	RedirectURIs []string `koanf:"redirect_uris"` // the exact addresses that take codes
	Scopes       []string `koanf:"scopes"`        // what it may ask for; openid is always among them
	// Groups clients that see the same subjects. It never changes.
	Sector     string    `koanf:"sector"`
	IDTokenAlg string    `koanf:"id_token_alg"` // what its ID tokens are signed with, one of keys.algorithms; RS256 by default
	MinLevel   eid.Level `koanf:"min_level"`    // the least level the service accepts
	// The acr values that count when a request asks for none.
	DefaultACRValues []string `koanf:"default_acr_values"`
	// What asking for a level means; binding by default.
	ACRValues string `koanf:"acr_values"`
	// The portal's own names for the levels.
	ACRAliases map[string]eid.Level `koanf:"acr_aliases"`
	// The ids of the sources accepted, in the order shown.
	Sources []string `koanf:"sources"`
	// On what authority each is accepted, by the ids of sources.
	SourceDecisions map[string]Decision `koanf:"source_decisions"`
	// Lets an administrative client take legacy providers for a time.
	NotReady *NotReady `koanf:"not_ready"`
	PKCE     string    `koanf:"pkce"` // whether codes need PKCE; required by default, exempt for a confidential client only
	// Gives refresh tokens; each is used once.
	Refresh bool `koanf:"refresh"`
	// For how long the refresh token before the last is answered with the same
	// successor, 10s at most.
	RefreshGrace time.Duration `koanf:"refresh_grace"`
	// The audiences it may ask JWT access tokens for (RFC 8707).
	Resources   []string `koanf:"resources"`
	UserinfoAlg string   `koanf:"userinfo_alg"` // what userinfo answers are signed with; without it they are JSON
	// The origins of its browser clients, which may read answers (CORS).
	Origins []string `koanf:"origins"`
	// What its use of a holder's data rests on.
	Consent Consent `koanf:"consent"`
	// How it is told that a session ended.
	Logout Logout `koanf:"logout"`
	// Has a new key wait, before it signs for this client, until the client has fetched
	// it: at its own address of the key set, issuer + /keys/ + id, or from
	// key_fetch_from.
	AwaitKeyFetch bool `koanf:"await_key_fetch"`
	// The addresses and networks, 16 at most, from which fetches of the common key set
	// are this client's; the gateway sees them behind its proxies.
	KeyFetchFrom []string `koanf:"key_fetch_from"`
	// What is done with the subjects that it knew people by before, as `eidgate subjects
	// import` brought them: keep has tokens carry the old ones, map gives new ones and
	// tells it at /subjects which is which.
	OldSubjects string `koanf:"old_subjects"`
}

// RelyingParties gives the clients as the provider knows them, secrets hashed:
// SHA-256, base64url without padding.
func (c *Config) RelyingParties() []eid.RelyingParty {
	parties := make([]eid.RelyingParty, len(c.Clients))
	for i := range c.Clients {
		parties[i] = c.Clients[i].relyingParty()
	}
	return parties
}

func (cl *Client) relyingParty() eid.RelyingParty {
	hashes := make([]string, len(cl.Secrets))
	for i, secret := range cl.Secrets {
		sum := sha256.Sum256([]byte(secret.Reveal()))
		hashes[i] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return eid.RelyingParty{
		ID:           cl.ID,
		Name:         cl.Name,
		NameEN:       cl.NameEN,
		URL:          cl.URL,
		Tier:         cl.Tier,
		Category:     cl.category(),
		AuthMethod:   eid.AuthMethod(cl.AuthMethod),
		SecretHashes: hashes,
		Native:       cl.Native,
		RedirectURIs: slices.Clone(cl.RedirectURIs),
		Scopes:       slices.Clone(cl.Scopes),
		Sector:       cl.Sector,
		IDTokenAlg:   cl.idTokenAlg(),
		Levels: eid.LevelPolicy{
			Minimum:   cl.MinLevel,
			Defaults:  slices.Clone(cl.DefaultACRValues),
			Voluntary: cl.ACRValues == "voluntary",
			Aliases:   maps.Clone(cl.ACRAliases),
		},
		Sources:         slices.Clone(cl.Sources),
		SourceDecisions: cl.sourceDecisions(),
		NotReady:        cl.NotReady.party(),
		PKCEExempt:      cl.PKCE == "exempt",

		JWKS:         cl.JWKS.canonical(),
		JWKSURI:      cl.JWKSURI,
		Refresh:      cl.Refresh,
		RefreshGrace: cl.RefreshGrace,
		Resources:    slices.Clone(cl.Resources),
		UserinfoAlg:  cl.UserinfoAlg,
		Origins:      slices.Clone(cl.Origins),
		Consent:      eid.Consent(cl.Consent),
		Logout:       cl.Logout.party(),

		AwaitKeyFetch: cl.AwaitKeyFetch,
		KeyFetchFrom:  cl.keyFetchFrom(),
		OldSubjects:   eid.OldSubjects(cl.OldSubjects),
	}
}

// idTokenAlg falls back to the standard's default (OpenID Connect Registration
// §2, id_token_signed_response_alg).
func (cl *Client) idTokenAlg() string {
	if cl.IDTokenAlg == "" {
		return defaultAlg
	}
	return cl.IDTokenAlg
}

// minSecret is the least length of a client secret, in characters.
const minSecret = 32

func (c *Config) checkClients(f *faults) {
	seen := make(map[string]bool)
	for i := range c.Clients {
		at, cl := item("clients", i), &c.Clients[i]
		if f.isBroken(at) {
			continue
		}
		checkID(f, member(at, "id"), cl.ID, clientID, seen)
		if slices.Contains(eid.BuiltinClients(), cl.ID) {
			f.add(member(at, "id"), "the gateway's own pages have this id", "another id")
		}
		checkLabel(f, member(at, "name"), cl.Name)
		checkLine(f, member(at, "name_en"), cl.NameEN, maxLabel)
		if cl.URL == "" {
			f.add(member(at, "url"), "missing", "the portal's own address")
		} else {
			checkAddress(f, member(at, "url"), cl.URL, address{query: true})
		}
		checkChoice(f, member(at, "tier"), cl.Tier, true)
		checkChoice(f, member(at, "id_token_alg"), cl.IDTokenAlg, false)
		c.checkSigned(f, member(at, "id_token_alg"), cl.IDTokenAlg)
		c.checkSigned(f, member(at, "userinfo_alg"), cl.UserinfoAlg)
		if !clientID.MatchString(cl.Sector) {
			f.add(member(at, "sector"), "missing, or not a sector's name", "such as dichvucong.example.vn; it can never be changed")
		}
		cl.checkAuth(f, at)
		cl.checkRedirects(f, at)
		cl.checkScopes(f, at)
		cl.checkLevels(f, at, c)
		cl.checkSources(f, at, c.Sources)
		cl.checkPolicy(f, at, c.Sources)
		cl.checkKeySet(f, at, c.Outbound.Allow)
		cl.checkTokens(f, at, c.Issuer)
		cl.checkOrigins(f, at)
		cl.checkConsent(f, at)
		cl.checkKeyFetch(f, at)
		cl.checkPortals(f, at, c)
		cl.Logout.check(f, member(at, "logout"), cl.RedirectURIs, c.Outbound.Allow)
	}
}

func (cl *Client) checkAuth(f *faults, at string) {
	checkChoice(f, member(at, "auth_method"), cl.AuthMethod, true)
	checkChoice(f, member(at, "pkce"), cl.PKCE, false)
	secrets := member(at, "client_secrets")
	if len(cl.SecretFiles) > 0 {
		secrets = member(at, "client_secret_files")
	}
	switch eid.AuthMethod(cl.AuthMethod) {
	case eid.AuthNone:
		if len(cl.Secrets) > 0 {
			f.add(secrets, "given to a client that authenticates by none", "remove it, or auth_method: client_secret_basic")
		}
		if cl.PKCE == "exempt" {
			f.add(member(at, "pkce"), "a public client cannot do without PKCE", "required")
		}
	case eid.AuthPrivateKeyJWT:
		if len(cl.Secrets) > 0 {
			f.add(secrets, "given to a client that authenticates by its key", "remove it")
		}
		if !cl.hasKeys() {
			f.add(member(at, "jwks"), "missing for private_key_jwt", "jwks, jwks_file or jwks_uri")
		}
	default:
		if len(cl.Secrets) < 1 || len(cl.Secrets) > 2 {
			f.add(secrets, "one secret is needed, two while they change", "client_secrets or client_secret_files")
		}
	}
	for j, secret := range cl.Secrets {
		if len(secret.Reveal()) < minSecret || unfit(secret.Reveal()) {
			f.add(item(secrets, j), "shorter than 32 characters, or not visible ASCII", "such as the output of: openssl rand -hex 32")
		} else if slices.ContainsFunc(cl.Secrets[:j], func(s eid.Secret) bool { return s.Reveal() == secret.Reveal() }) {
			f.add(item(secrets, j), "given twice", "a new secret")
		}
	}
}

func (cl *Client) checkRedirects(f *faults, at string) {
	at = member(at, "redirect_uris")
	if len(cl.RedirectURIs) == 0 {
		f.add(at, "missing", "the exact addresses that take codes")
	}
	for j, uri := range cl.RedirectURIs {
		checkAddress(f, item(at, j), uri, address{query: true})
		if slices.Contains(cl.RedirectURIs[:j], uri) {
			f.add(item(at, j), "given twice", "keep one")
		}
	}
}

func (cl *Client) checkScopes(f *faults, at string) {
	at = member(at, "scopes")
	known := words("clients[].scopes[]")
	for j, scope := range cl.Scopes {
		if !slices.Contains(known, scope) {
			f.add(item(at, j), "unknown scope", meant(scope, known))
		}
	}
	if !slices.Contains(cl.Scopes, "openid") {
		f.add(at, "openid is not among them", "add openid")
	}
}

func (cl *Client) checkLevels(f *faults, at string, c *Config) {
	v := c.Vocabulary()
	if !cl.MinLevel.Valid() {
		f.add(member(at, "min_level"), "missing", "1 or 2: the least level the service accepts")
	}
	checkChoice(f, member(at, "acr_values"), cl.ACRValues, false)
	aliases := slices.Sorted(maps.Keys(cl.ACRAliases))
	for _, alias := range aliases {
		path := member(member(at, "acr_aliases"), alias)
		checkValue(f, path, alias)
		if v.Level(alias) != eid.LevelNone {
			f.add(path, "a canonical value already", "another name")
		}
		if !cl.ACRAliases[alias].Valid() {
			f.add(path, "not a level", "1 or 2")
		}
	}
	for j, value := range cl.DefaultACRValues {
		if v.Level(value) == eid.LevelNone && !slices.Contains(aliases, value) {
			f.add(item(member(at, "default_acr_values"), j), "names no level",
				"one of "+strings.Join(append(v.Values(), aliases...), ", "))
		}
	}
}

func (cl *Client) checkSources(f *faults, at string, sources []Source) {
	at = member(at, "sources")
	if len(cl.Sources) == 0 {
		f.add(at, "missing", "the ids of the sources this client accepts")
		return
	}
	ids := sourceIDs(sources)
	if f.isBroken("sources") || slices.Contains(ids, "") {
		return // reported there
	}
	reach, complete := eid.LevelNone, true
	for j, id := range cl.Sources {
		k := slices.Index(ids, id)
		switch {
		case k < 0 && len(ids) == 0:
			complete = false
			f.add(item(at, j), "no source has this id", "declare it under sources")
		case k < 0:
			complete = false
			f.add(item(at, j), "no source has this id", meant(id, ids))
		case slices.Contains(cl.Sources[:j], id):
			f.add(item(at, j), "given twice", "keep one")
		default:
			reach = max(reach, sources[k].reach())
		}
	}
	if complete && reach.Valid() && reach < cl.MinLevel {
		f.add(at, "none of them can reach min_level", "add a source that grants level "+cl.MinLevel.String())
	}
}

// checkChoice accepts one of a few words, or nothing where that means the first.
func checkChoice(f *faults, path, word string, required bool) {
	known := words(pattern(path))
	switch {
	case slices.Contains(known, word), word == "" && !required:
	case word == "":
		f.add(path, "missing", "one of "+strings.Join(known, ", "))
	default:
		f.add(path, "not a known word", meant(word, known))
	}
}

// checkID accepts a well-formed id that was not seen before.
func checkID(f *faults, path, id string, form *regexp.Regexp, seen map[string]bool) {
	switch {
	case id == "":
		f.add(path, "missing", "an id that never changes")
	case !form.MatchString(id):
		f.add(path, "not an id", "of the form "+strings.Trim(form.String(), "^$"))
	case seen[id]:
		f.add(path, "used twice", "another id")
	}
	seen[id] = true
}

// clientID is the form of a client's id and of a sector's name: it stands in
// URLs, headers and logs as it is.
var clientID = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`)
