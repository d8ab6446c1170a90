package main

import (
	"time"

	"eidgate/cmd/eidgate/demo"
	"eidgate/config"
	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/fedtest"
)

// Dates of Decision 34/2021: in force from, transition until (row 34).
var (
	vietnam       = time.FixedZone("Asia/Ho_Chi_Minh", 7*3600)
	decision34    = time.Date(2021, 11, 9, 0, 0, 0, 0, vietnam)
	transitionEnd = time.Date(2023, 1, 1, 0, 0, 0, 0, vietnam)
)

// What the stand-ins call levels, by the level.
var (
	oldPortalLevels = map[eid.Level]string{eid.Level1: "LoA1"}
	insuranceLevels = map[eid.Level]string{eid.Level1: "urn:vn:synthetic:loa:1", eid.Level2: "urn:vn:synthetic:loa:2"}
	plainLevels     = map[eid.Level]string{eid.Level1: "1", eid.Level2: "2"}
)

// allSources are the ids of the demo's sources, in the order of the pages.
func allSources() []string {
	return []string{
		demo.SourceNational, demo.SourceVNeID, demo.SourceOldPortal, demo.SourceInsurance, demo.SourcePost, demo.SourceLibrary, demo.SourceClosed,
	}
}

// demoSources registers one source of each kind. Windows of legacy sources are open
// around today by the machine's clock, but for the one that the law closed.
func demoSources(p demoPorts, f *demoFiles, at *standIns, today time.Time) []config.Source {
	month := time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, vietnam)
	now := config.Window{From: month.AddDate(0, -1, 0), Until: month.AddDate(0, 6, 0)}
	always := config.Window{From: decision34}
	// Of what a legacy source states, no more than Level 1 is granted; number, name and
	// date of birth have to match the population registry.
	legacy := func(id, kind, name, nameEN string, w config.Window, may ...eid.Level) config.Source {
		return config.Source{
			ID: id, Kind: kind, Name: name, NameEN: nameEN, Provider: name + " (dữ liệu giả định)", Window: w, MayAssert: may,
			GrantsAtMost: config.Ceilings{{From: decision34, Level: eid.Level1}}, Reconcile: "registry",
		}
	}
	national := config.Source{
		ID: demo.SourceNational, Kind: federation.KindAccount, Name: "Tài khoản định danh điện tử", NameEN: "Electronic identity account", Provider: "eidgate",
		Window: always, MayAssert: []eid.Level{eid.Level1, eid.Level2}, GrantsAtMost: config.Ceilings{{From: decision34, Level: eid.Level2}},
	}
	vneid := config.Source{
		ID: demo.SourceVNeID, Kind: federation.KindVNeID, Name: "VNeID (bản mô phỏng)", NameEN: "VNeID (stand-in)", Provider: "VNeID (bản mô phỏng)", National: true,
		Window: always, MayAssert: []eid.Level{eid.Level1, eid.Level2}, GrantsAtMost: config.Ceilings{{From: decision34, Level: eid.Level2}},
		VNeID: demoVNeID(f, at.vneid.Endpoints(fedtest.DialectEncrypted)),
	}
	oldPortal := legacy(demo.SourceOldPortal, federation.KindOpenID, "Tài khoản cổng cũ", "Old portal account", now, eid.Level1)
	oldPortal.OpenID = demoOpenID(p, f, oldPortal.ID)
	oldPortal.Linking = &config.Linking{Cap: eid.Level1, Lasts: 365 * 24 * time.Hour}
	closed := legacy(demo.SourceClosed, federation.KindOpenID, "Tài khoản cổng cũ, giai đoạn 2021–2022", "", config.Window{From: decision34, Until: transitionEnd}, eid.Level1)
	closed.OpenID = demoOpenID(p, f, closed.ID)
	insurance := legacy(demo.SourceInsurance, federation.KindSAML, "Bảo hiểm thử nghiệm", "Trial insurance", now, eid.Level1, eid.Level2)
	insurance.SAML = demoSAML(p, f)
	post := legacy(demo.SourcePost, federation.KindCAS, "Bưu điện thử nghiệm", "Trial post", now, eid.Level1)
	post.CAS = &config.CAS{
		Server: p.standIn(demo.SourcePost), LevelAttribute: "loa", Levels: byName(plainLevels),
		NumberAttribute: attrNumber, NameAttribute: attrName, BirthDateAttribute: attrBirthDate,
	}
	library := legacy(demo.SourceLibrary, federation.KindLDAP, "Thư viện thử nghiệm", "Trial library", now, eid.Level1)
	library.LDAP = &config.LDAP{
		URL: at.directory.URL(), CA: at.directory.CA(), BindDN: directoryReader, BindPassword: eid.NewSecret(f.Sources[library.ID]),
		BaseDN: directoryBase, Filter: "(uid={login})", Subject: "entryUUID", LevelAttribute: "loa", Levels: byName(plainLevels),
		NumberAttribute: attrNumber, NameAttribute: attrName, BirthDateAttribute: attrBirthDate,
	}
	return []config.Source{national, vneid, oldPortal, insurance, post, library, closed}
}

func demoOpenID(p demoPorts, f *demoFiles, id string) *config.OpenID {
	return &config.OpenID{
		Issuer: p.standIn(demo.SourceOldPortal), ClientID: "eidgate-" + id, ClientSecret: eid.NewSecret(f.Sources[demo.SourceOldPortal]),
		Scopes: []string{"openid"}, ACR: byName(oldPortalLevels), RequestACR: oldPortalLevels,
		UserInfo: true, Person: config.PersonClaims{Number: attrNumber, Name: attrName, BirthDate: attrBirthDate},
	}
}

// demoVNeID speaks the encrypted dialect. The stand-in remembers nobody, so that it
// can serve a step-up.
func demoVNeID(f *demoFiles, at fedtest.VNeIDEndpoints) *config.VNeID {
	return &config.VNeID{
		Dialect: fedtest.DialectEncrypted, Authorize: at.Authorize, Token: at.Token, UserInfo: at.UserInfo,
		ClientID: "eidgate", ClientSecret: eid.NewSecret(f.Sources[demo.SourceVNeID]), PKCE: true, Levels: byName(plainLevels),
		AsksEachTime: true, DecryptionKeys: []eid.Secret{eid.NewSecret(f.DecryptionKey)},
	}
}

func demoSAML(p demoPorts, f *demoFiles) *config.SAML {
	entity := p.standIn(demo.SourceInsurance) + fedtest.PathSAMLMetadata
	return &config.SAML{
		Issuer: entity, MetadataURL: entity, Keys: []eid.Secret{eid.NewSecret(f.SAMLKey)}, ACR: byName(insuranceLevels), RequestACR: insuranceLevels,
		AMR:    map[string][]string{insuranceLevels[eid.Level1]: {"pwd"}, insuranceLevels[eid.Level2]: {"pwd"}},
		Person: config.SAMLPerson{Number: attrNumber, Name: attrName, BirthDate: attrBirthDate},
	}
}

// byName turns what a source calls levels into what its words mean.
func byName(names map[eid.Level]string) map[string]eid.Level {
	levels := make(map[string]eid.Level, len(names))
	for level, name := range names {
		levels[name] = level
	}
	return levels
}
