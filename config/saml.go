package config

import (
	"maps"
	"slices"

	"eidgate/eid"
)

// SAML is a SAML 2.0 identity provider.
type SAML struct {
	Issuer string `koanf:"issuer"` // the provider's entityID
	// What the provider calls this gateway. Without it, the address of the gateway's
	// metadata for this source.
	EntityID string `koanf:"entity_id"`
	// Where the provider's metadata are; they are fetched again every ten minutes, or
	// sooner where they say so.
	MetadataURL  string `koanf:"metadata_url"`
	Metadata     string `koanf:"metadata"`      // the provider's metadata themselves (XML), instead of metadata_url
	MetadataFile string `koanf:"metadata_file"` // a file that holds them, instead of metadata_url
	// The certificate (PEM) by whose key the metadata have to be signed. Without it,
	// TLS or whoever wrote the file answers for them.
	MetadataCert     string `koanf:"metadata_cert"`
	MetadataCertFile string `koanf:"metadata_cert_file"` // a file that holds it, instead of metadata_cert
	// The gateway's keys for this provider, or env:NAME for the value of a variable:
	// each a PRIVATE KEY and its CERTIFICATE in PEM, four at most. The first signs, all
	// decrypt and all are published.
	Keys []eid.Secret `koanf:"keys"`
	// The files of the keys, instead of keys, or credential:NAME; eidgate sources
	// keypair makes one.
	KeyFiles []string `koanf:"key_files"`
	// Instead of keys: the gateway keeps and changes keys itself. Beside keys, those
	// sign until the first of the kept ones does, and decrypt until they are removed.
	ManagedKeys *ManagedKeys `koanf:"managed_keys"`
	Binding     string       `koanf:"binding"` // how requests go to the provider; without it, redirect
	// What the provider signs. Without it, the assertion; what it does not cover is
	// not believed.
	Signed string `koanf:"signed"`
	// The provider's AuthnContextClassRef values and the level of each. Others name
	// no level.
	ACR map[string]eid.Level `koanf:"acr"`
	// The attribute that holds the level, instead of acr or beside it; the lower of
	// both counts.
	LevelAttribute string               `koanf:"level_attribute"`
	Levels         map[string]eid.Level `koanf:"levels"` // the values of level_attribute and the level of each
	// The AuthnContextClassRef to ask for when a level is wanted.
	RequestACR map[eid.Level]string `koanf:"request_acr"`
	// How the provider compares request_acr with what it can do; without it, exact,
	// and the values of higher levels are asked for as well.
	Comparison string `koanf:"comparison"`
	// The amr values of an AuthnContextClassRef (RFC 8176).
	AMR map[string][]string `koanf:"amr"`
	// The format of NameID to ask for. Without it, persistent, or none where
	// subject_attribute is given.
	NameIDFormat string `koanf:"name_id_format"`
	// The attribute that is the provider's lasting name for a person. Without it,
	// that is the NameID.
	SubjectAttribute string     `koanf:"subject_attribute"`
	Person           SAMLPerson `koanf:"person"` // the attributes that say who the person is
}

// SAMLPerson names the attributes that say who a person is.
type SAMLPerson struct {
	Number    string `koanf:"number"`     // the attribute of the personal number
	Name      string `koanf:"name"`       // the attribute of the full name
	BirthDate string `koanf:"birth_date"` // the attribute of the birth date
}

const (
	maxMetadata = 64 << 10 // bytes of one provider's
	maxKeyPair  = 16 << 10 // bytes of a key and a certificate
	maxKeyPairs = 4
)

// samlSettings is what package federation/saml reads.
type samlSettings struct {
	Issuer           string               `json:"issuer"`
	EntityID         string               `json:"entity_id,omitempty"`
	MetadataURL      string               `json:"metadata_url,omitempty"`
	Metadata         string               `json:"metadata,omitempty"`
	MetadataCert     string               `json:"metadata_cert,omitempty"`
	Keys             []string             `json:"keys"`
	ManagedKeys      *managedSettings     `json:"managed_keys,omitempty"`
	Binding          string               `json:"binding,omitempty"`
	Signed           string               `json:"signed,omitempty"`
	ACR              map[string]eid.Level `json:"acr,omitempty"`
	LevelAttribute   string               `json:"level_attribute,omitempty"`
	Levels           map[string]eid.Level `json:"levels,omitempty"`
	RequestACR       map[eid.Level]string `json:"request_acr,omitempty"`
	Comparison       string               `json:"comparison,omitempty"`
	AMR              map[string][]string  `json:"amr,omitempty"`
	NameIDFormat     string               `json:"name_id_format,omitempty"`
	SubjectAttribute string               `json:"subject_attribute,omitempty"`
	Person           samlPersonSettings   `json:"person"`
}

type samlPersonSettings struct {
	Number    string `json:"number"`
	Name      string `json:"name"`
	BirthDate string `json:"birth_date"`
}

func (s *SAML) settings() any {
	keys := make([]string, len(s.Keys))
	for i, key := range s.Keys {
		keys[i] = key.Reveal()
	}
	return samlSettings{
		Issuer: s.Issuer, EntityID: s.EntityID, MetadataURL: s.MetadataURL, Metadata: s.Metadata, MetadataCert: s.MetadataCert,
		Keys: keys, ManagedKeys: s.ManagedKeys.settings("saml"), Binding: s.Binding, Signed: s.Signed, ACR: s.ACR, LevelAttribute: s.LevelAttribute, Levels: s.Levels,
		RequestACR: s.RequestACR, Comparison: s.Comparison, AMR: s.AMR, NameIDFormat: s.NameIDFormat,
		SubjectAttribute: s.SubjectAttribute, Person: samlPersonSettings(s.Person),
	}
}

func (s *SAML) files(at string, each func(at string, path *string)) {
	each(member(at, "metadata_file"), &s.MetadataFile)
	each(member(at, "metadata_cert_file"), &s.MetadataCertFile)
	for i := range s.KeyFiles {
		each(item(member(at, "key_files"), i), &s.KeyFiles[i])
	}
}

func (s *SAML) readSecrets(at string, where surroundings) {
	where.document(at, "metadata", &s.Metadata, s.MetadataFile, maxMetadata)
	where.document(at, "metadata_cert", &s.MetadataCert, s.MetadataCertFile, maxKeyPair)
	if len(s.Keys) > 0 && len(s.KeyFiles) > 0 {
		where.faults.unreadable(member(at, "keys"), "given beside key_files", "keep one of the two")
		return
	}
	for i := range s.Keys {
		where.fromVariable(item(member(at, "keys"), i), &s.Keys[i])
	}
	for i, file := range s.KeyFiles {
		raw, err := readFile(file, maxKeyPair)
		if err != nil {
			where.faults.unreadable(item(member(at, "key_files"), i), err.Error(), "name a readable file that eidgate sources keypair made")
		}
		s.Keys = append(s.Keys, eid.NewSecret(string(raw)))
	}
}

// document reads a text from its file, where it does not stand in the block itself.
func (s surroundings) document(at, key string, text *string, file string, most int64) {
	switch {
	case file == "":
	case *text != "":
		s.faults.unreadable(member(at, key), "given beside "+key+"_file", "keep one of the two")
	default:
		raw, err := readFile(file, most)
		if err != nil {
			s.faults.unreadable(member(at, key+"_file"), err.Error(), "name a readable file")
			return
		}
		*text = string(raw)
	}
}

func (s *SAML) forget() {
	if len(s.KeyFiles) > 0 {
		s.Keys = nil
	}
	if s.MetadataFile != "" {
		s.Metadata = ""
	}
	if s.MetadataCertFile != "" {
		s.MetadataCert = ""
	}
}

func (s *SAML) check(f *faults, at string, c *Config) {
	if s.Issuer == "" {
		f.add(member(at, "issuer"), "missing", "the provider's entityID, exactly as its metadata name it")
	}
	switch given := s.Metadata != "" || s.MetadataFile != ""; {
	case s.MetadataURL == "" && !given:
		f.add(member(at, "metadata_url"), "missing", "metadata_url, metadata_file or metadata")
	case s.MetadataURL != "" && given:
		f.add(member(at, "metadata_url"), "given beside the metadata themselves", "keep one of the two")
	case s.MetadataURL != "":
		checkAddress(f, member(at, "metadata_url"), s.MetadataURL, address{query: true})
		checkReachable(f, member(at, "metadata_url"), s.MetadataURL, c.Outbound.Allow)
	}
	switch keys := max(len(s.Keys), len(s.KeyFiles)); {
	case keys == 0 && s.ManagedKeys == nil:
		f.add(member(at, "key_files"), "missing", "a file made by eidgate sources keypair, or managed_keys: {}")
	case keys > maxKeyPairs:
		f.add(member(at, "key_files"), "more than four keys", "the one that signs, and those before and after it")
	}
	s.ManagedKeys.check(f, member(at, "managed_keys"), "saml", c.Lifetimes.JWKSMaxAge)
	for _, word := range []struct{ key, value string }{{"binding", s.Binding}, {"signed", s.Signed}, {"comparison", s.Comparison}} {
		checkChoice(f, member(at, word.key), word.value, false)
	}
	s.checkLevels(f, at)
	for _, name := range []struct{ key, value string }{
		{"entity_id", s.EntityID}, {"level_attribute", s.LevelAttribute}, {"name_id_format", s.NameIDFormat}, {"subject_attribute", s.SubjectAttribute},
		{"person.number", s.Person.Number}, {"person.name", s.Person.Name}, {"person.birth_date", s.Person.BirthDate},
	} {
		if unfit(name.value) {
			f.add(at+"."+name.key, "holds spaces or characters that no such name may hold", "visible ASCII, as the provider writes it")
		}
	}
}

func (s *SAML) checkLevels(f *faults, at string) {
	if len(s.ACR) == 0 && s.LevelAttribute == "" {
		f.add(member(at, "acr"), "missing", "the provider's AuthnContextClassRef values and the level of each, or level_attribute and levels")
	}
	if (s.LevelAttribute == "") != (len(s.Levels) == 0) {
		f.add(member(at, "levels"), "level_attribute and levels belong together", "give both or neither")
	}
	for _, values := range []struct {
		key    string
		levels map[string]eid.Level
	}{{"acr", s.ACR}, {"levels", s.Levels}} {
		for _, value := range slices.Sorted(maps.Keys(values.levels)) {
			if value == "" || !values.levels[value].Valid() {
				f.add(member(member(at, values.key), value), "no value, or not a level", "a value and 1 or 2")
			}
		}
	}
	for _, level := range slices.Sorted(maps.Keys(s.RequestACR)) {
		checkValue(f, member(member(at, "request_acr"), level.String()), s.RequestACR[level])
	}
}
