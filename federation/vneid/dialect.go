package vneid

import (
	"maps"

	"eidgate/eid"
)

// Dialect names a set of defaults: how one of the platform's interfaces was seen
// to speak in public code of portals. No official specification was found, so each
// name in it can be set apart.
type Dialect string

// The dialects.
const (
	// WSO2 is the National Public Service Portal on WSO2 Identity Server.
	WSO2 Dialect = "wso2"
	// SSO is the VNeID single sign-on.
	SSO Dialect = "sso"
	// Encrypted is the VNeID interface whose answers, and sometimes codes, are
	// encrypted to the portal.
	Encrypted Dialect = "encrypted"
)

// Claims are the names under which userinfo says what it says. An empty name
// takes the dialect's own; what a dialect has no name for is not looked for.
type Claims struct {
	Subject     string `json:"subject,omitempty"`      // an id that stays with the person, never the personal number
	Level       string `json:"level,omitempty"`        // the level of identity
	AccountType string `json:"account_type,omitempty"` // citizen, enterprise, organisation
	Number      string `json:"number,omitempty"`       // the personal number
	Name        string `json:"name,omitempty"`         // the full name
	BirthDate   string `json:"birth_date,omitempty"`
	Methods     string `json:"methods,omitempty"` // a list of amr values (RFC 8176); no dialect is known to say them
	Logout      string `json:"logout,omitempty"`  // where this person's browser ends its session there
}

// Parameters are the names of what else is sent and read. An empty name takes the
// dialect's own.
type Parameters struct {
	Level       string `json:"level,omitempty"`        // of the level wanted, at the authorization endpoint
	Code        string `json:"code,omitempty"`         // in the redirect back
	CodeKey     string `json:"code_key,omitempty"`     // in the redirect back: the wrapped key of an encrypted code
	AccessToken string `json:"access_token,omitempty"` // in the token endpoint's answer
	Data        string `json:"data,omitempty"`         // in an encrypted answer: what is encrypted
	DataKey     string `json:"data_key,omitempty"`     // in an encrypted answer: the wrapped key
	Return      string `json:"return,omitempty"`       // of the address to come back to, at the logout endpoint
}

// filled puts the dialect's own names and values where none are given.
func (s Settings) filled() Settings {
	claims := Claims{
		Subject: "TechID", Level: "loAs", AccountType: "LoaiTaiKhoan",
		Number: "SoDinhDanh", Name: "HoVaTen", BirthDate: "NgayThangNamSinh",
	}
	switch s.Dialect {
	case WSO2:
		if s.RequestLevels == nil {
			s.RequestLevels = map[eid.Level]string{eid.Level1: "LoA1", eid.Level2: "LoA2"}
		}
	case SSO:
		claims.Logout = "logoutUri"
	case Encrypted:
		claims = Claims{
			Subject: "TechID", Level: "accountLevel", AccountType: "accountType",
			Number: "citizenPid", Name: "fullName", BirthDate: "birthDate",
		}
		fill(&s.Cipher, ECB)
		if s.AESBits == 0 {
			s.AESBits = 256
		}
	}
	s.Claims.fill(claims)
	s.Parameters.fill(Parameters{
		Level: "acr_values", Code: "code", CodeKey: "encrypt_key", AccessToken: "access_token",
		Data: "data", DataKey: "key", Return: "post_logout_redirect_uri",
	})
	fill(&s.ClientAuth, Post)
	if len(s.Scopes) == 0 {
		s.Scopes = []string{"openid"}
	}
	if len(s.Citizens) == 0 {
		s.Citizens = []string{"1"}
	}
	s.Levels = maps.Clone(s.Levels)
	return s
}

func (c *Claims) fill(own Claims) {
	fill(&c.Subject, own.Subject)
	fill(&c.Level, own.Level)
	fill(&c.AccountType, own.AccountType)
	fill(&c.Number, own.Number)
	fill(&c.Name, own.Name)
	fill(&c.BirthDate, own.BirthDate)
	fill(&c.Logout, own.Logout)
}

func (p *Parameters) fill(own Parameters) {
	fill(&p.Level, own.Level)
	fill(&p.Code, own.Code)
	fill(&p.CodeKey, own.CodeKey)
	fill(&p.AccessToken, own.AccessToken)
	fill(&p.Data, own.Data)
	fill(&p.DataKey, own.DataKey)
	fill(&p.Return, own.Return)
}

func fill[T ~string](value *T, own T) {
	if *value == "" {
		*value = own
	}
}
