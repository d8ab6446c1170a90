package config

import (
	"maps"
	"reflect"
	"slices"
)

// Change is one key that differs between two configurations. Its values are not
// kept: they may be secrets.
type Change struct {
	// Path names the key; clients and sources by their ids: clients[portal].sources.
	Path string
	// Restart says that a running gateway cannot take the change.
	Restart bool
}

// takesEffect says when a change of a key takes effect in a running gateway.
type takesEffect int

const (
	atRestart takesEffect = iota // zero: a key that nobody thought about
	atReload
)

// effects lists every key, save those inside clients and sources, which stand
// here as a whole. What decides how long a signing key is published, or is open
// for as long as the process lives, waits for a restart.
func effects() map[string]takesEffect {
	return map[string]takesEffect{
		"issuer":                               atRestart,
		"listen":                               atRestart,
		"tls.cert_file":                        atRestart, // the files themselves may change at any time
		"tls.key_file":                         atRestart,
		"proxies":                              atReload,
		"data":                                 atRestart,
		"state":                                atRestart,
		"registries.population.url":            atRestart,
		"registries.population.token":          atRestart,
		"registries.population.token_file":     atRestart,
		"registries.population.ca_file":        atRestart,
		"registries.population.cert_file":      atRestart,
		"registries.population.key_file":       atRestart,
		"registries.population.people_file":    atRestart,
		"registries.citizen_card.url":          atRestart,
		"registries.citizen_card.token":        atRestart,
		"registries.citizen_card.token_file":   atRestart,
		"registries.citizen_card.ca_file":      atRestart,
		"registries.citizen_card.cert_file":    atRestart,
		"registries.citizen_card.key_file":     atRestart,
		"registries.citizen_card.people_file":  atRestart,
		"registries.immigration.url":           atRestart,
		"registries.immigration.token":         atRestart,
		"registries.immigration.token_file":    atRestart,
		"registries.immigration.ca_file":       atRestart,
		"registries.immigration.cert_file":     atRestart,
		"registries.immigration.key_file":      atRestart,
		"registries.immigration.people_file":   atRestart,
		"registries.matcher.url":               atRestart,
		"registries.matcher.token":             atRestart,
		"registries.matcher.token_file":        atRestart,
		"registries.matcher.ca_file":           atRestart,
		"registries.matcher.cert_file":         atRestart,
		"registries.matcher.key_file":          atRestart,
		"registries.matcher.people_file":       atRestart,
		"registries.development_matcher":       atRestart,
		"redis.password":                       atRestart,
		"redis.password_file":                  atRestart,
		"redis.ca_file":                        atRestart,
		"redis.cert_file":                      atRestart,
		"redis.key_file":                       atRestart,
		"redis.timeout":                        atRestart,
		"redis.pool_size":                      atRestart,
		"redis.wait_replicas":                  atRestart,
		"redis.wait_timeout":                   atRestart,
		"master_key_file":                      atRestart, // the file itself may change at any time
		"master_key":                           atRestart,
		"master_key_transit":                   atRestart,
		"custody.pkcs11.module":                atRestart,
		"custody.pkcs11.token":                 atRestart,
		"custody.pkcs11.pin_file":              atRestart, // the file itself may change at any time
		"custody.pkcs11.prefix":                atRestart,
		"custody.pkcs11.timeout":               atRestart,
		"custody.transit.address":              atRestart,
		"custody.transit.mount":                atRestart,
		"custody.transit.namespace":            atRestart,
		"custody.transit.token_file":           atRestart, // the file itself may change at any time
		"custody.transit.ca_file":              atRestart,
		"custody.transit.prefix":               atRestart,
		"custody.transit.timeout":              atRestart,
		"acr.level1":                           atReload,
		"acr.level2":                           atReload,
		"lifetimes.login":                      atReload,
		"lifetimes.code":                       atReload,
		"lifetimes.id_token":                   atReload,
		"lifetimes.access_token":               atReload,
		"lifetimes.jwt_access_token":           atReload,
		"lifetimes.refresh_idle":               atReload,
		"lifetimes.refresh_absolute":           atReload,
		"lifetimes.refresh_level2":             atReload,
		"lifetimes.session_idle":               atReload,
		"lifetimes.session_absolute":           atReload,
		"lifetimes.level2_proof":               atReload,
		"lifetimes.jwks_max_age":               atRestart,
		"lifetimes.consent":                    atReload,
		"keys.rotate_every":                    atRestart,
		"keys.rsa_bits":                        atRestart,
		"keys.algorithms":                      atRestart,
		"keys.plans":                           atRestart,
		"limits.guesses":                       atReload,
		"limits.guess_window":                  atReload,
		"limits.password_failures":             atReload,
		"limits.address_failures":              atReload,
		"limits.network_failures":              atReload,
		"limits.password_evaluations":          atRestart,
		"limits.source_calls":                  atReload,
		"limits.requests":                      atReload,
		"limits.new_logins":                    atReload,
		"limits.connections":                   atRestart,
		"outbound.allow":                       atReload,
		"audit.retention_years":                atRestart,
		"rules.directory":                      atReload,
		"audit.ship.file":                      atRestart,
		"audit.ship.url":                       atRestart,
		"audit.ship.token_file":                atRestart, // the file itself may change at any time
		"audit.ship.ca_file":                   atRestart,
		"notify.smtp.address":                  atRestart,
		"notify.smtp.tls":                      atRestart,
		"notify.smtp.username":                 atRestart,
		"notify.smtp.password":                 atRestart,
		"notify.smtp.password_file":            atRestart,
		"notify.smtp.from":                     atRestart,
		"notify.smtp.reply_to":                 atRestart,
		"notify.smtp.ca_file":                  atRestart,
		"notify.per_minute":                    atRestart,
		"notify.sms.per_hour":                  atRestart,
		"notify.sms.per_hour_abroad":           atRestart,
		"notify.sms.smpp.address":              atRestart,
		"notify.sms.smpp.tls":                  atRestart,
		"notify.sms.smpp.system_id":            atRestart,
		"notify.sms.smpp.password":             atRestart,
		"notify.sms.smpp.password_file":        atRestart,
		"notify.sms.smpp.system_type":          atRestart,
		"notify.sms.smpp.source":               atRestart,
		"notify.sms.smpp.ca_file":              atRestart,
		"notify.sms.http.url":                  atRestart,
		"notify.sms.http.method":               atRestart,
		"notify.sms.http.format":               atRestart,
		"notify.sms.http.headers":              atRestart,
		"notify.sms.http.body":                 atRestart,
		"notify.sms.http.token":                atRestart,
		"notify.sms.http.token_file":           atRestart,
		"notify.sms.http.ca_file":              atRestart,
		"notify.sms.http.answer.path":          atRestart,
		"notify.sms.http.answer.sent":          atRestart,
		"notify.sms.http.answer.busy":          atRestart,
		"notify.sms.http.answer.refused":       atRestart,
		"metrics.listen":                       atRestart,
		"metrics.pprof":                        atRestart,
		"log.level":                            atReload,
		"log.format":                           atRestart,
		"clients":                              atReload,
		"sources":                              atReload,
		"account_system.methods.totp":          atRestart,
		"account_system.methods.sms":           atRestart,
		"account_system.methods.email":         atRestart,
		"account_system.methods.passkey":       atRestart,
		"account_system.methods.passkey_aal":   atRestart,
		"account_system.passwords.least":       atRestart,
		"account_system.passwords.leaked_file": atRestart,
	}
}

// Changes lists what differs, in the order of the keys.
func Changes(from, to *Config) []Change {
	var list []Change
	known := effects()
	each := func(path, key string) {
		list = append(list, Change{Path: path, Restart: known[key] == atRestart})
	}
	differ("", "", reflect.ValueOf(*from), reflect.ValueOf(*to), each)
	return list
}

// differ calls each for every key that differs at path and below. key is what
// effects calls it.
func differ(path, key string, from, to reflect.Value, each func(path, key string)) {
	if reflect.DeepEqual(from.Interface(), to.Interface()) {
		return
	}
	switch {
	case isBlock(from.Type()):
		for i, name := range keysOf(from.Type()) {
			differ(member(path, name), inside(key, name), from.Field(i), to.Field(i), each)
		}
	case from.Kind() == reflect.Pointer && !from.IsNil() && !to.IsNil():
		differ(path, key, from.Elem(), to.Elem(), each)
	case from.Kind() == reflect.Slice && (key == "clients" || key == "sources") && key == path:
		differByID(path, key, from, to, each)
	default:
		each(path, key)
	}
}

// isBlock reports whether a type is a block of keys.
func isBlock(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() > 0 && t.Field(0).Tag.Get("koanf") != ""
}

// inside is the key of effects for a name inside a block: clients and sources
// stand there as a whole.
func inside(key, name string) string {
	if key == "clients" || key == "sources" {
		return key
	}
	return member(key, name)
}

// differByID compares clients or sources by their ids. A new order is a change
// of nothing that the gateway does.
func differByID(path, key string, from, to reflect.Value, each func(path, key string)) {
	was, is := byID(from), byID(to)
	ids := slices.AppendSeq(slices.Collect(maps.Keys(was)), maps.Keys(is))
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		at := path + "[" + id + "]"
		before, had := was[id]
		after, has := is[id]
		if had && has {
			differ(at, key, before, after, each)
			continue
		}
		each(at, key)
	}
}

func byID(list reflect.Value) map[string]reflect.Value {
	found := make(map[string]reflect.Value, list.Len())
	for i := range list.Len() {
		element := list.Index(i)
		found[element.FieldByName("ID").String()] = element
	}
	return found
}

// Paths gives the paths of changes, so many at most.
func Paths(changes []Change, most int) []string {
	paths := make([]string, 0, min(len(changes), most+1))
	for i, c := range changes {
		if i == most {
			return append(paths, "…")
		}
		paths = append(paths, c.Path)
	}
	return paths
}

// NeedsRestart joins a *Fault for each change that a running gateway cannot take;
// nil when it can take them all.
func NeedsRestart(changes []Change) error {
	f := new(faults)
	for _, c := range changes {
		if c.Restart {
			f.add(c.Path, "changed, and takes effect at a start only", "restart the gateway, or put the old value back")
		}
	}
	return f.err()
}
