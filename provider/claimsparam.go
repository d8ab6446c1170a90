package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"eidgate/eid"
)

// maxRequestedClaims bounds each part of a claims parameter, in entries.
const maxRequestedClaims = 64

// requestedClaims are the claims asked for by name (OpenID Connect Core §5.5).
// Asking never widens what the party registered: see released.
type requestedClaims struct {
	IDToken  []string `json:"id_token,omitempty"`
	Userinfo []string `json:"userinfo,omitempty"`
}

type individualClaim struct {
	Essential bool     `json:"essential"`
	Value     any      `json:"value"`
	Values    []string `json:"values"`
}

var errClaims = errors.New("not a claims request")

// parseClaims reads the claims parameter. The acr member of id_token becomes
// part of the asking; every other member is noted by its name.
func parseClaims(text string) (eid.Asking, requestedClaims, error) {
	var asking eid.Asking
	var requested requestedClaims
	if text == "" {
		return asking, requested, nil
	}
	var parts struct {
		IDToken  map[string]json.RawMessage `json:"id_token"`
		Userinfo map[string]json.RawMessage `json:"userinfo"`
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	if err := d.Decode(&parts); err != nil {
		return asking, requested, errClaims
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return asking, requested, errClaims
	}
	if len(parts.IDToken) > maxRequestedClaims || len(parts.Userinfo) > maxRequestedClaims {
		return asking, requested, errClaims
	}
	if raw, ok := parts.IDToken["acr"]; ok {
		claim, err := parseACRClaim(raw)
		if err != nil {
			return asking, requested, err
		}
		asking.Claim = claim
		delete(parts.IDToken, "acr")
	}
	requested.IDToken = names(parts.IDToken)
	requested.Userinfo = names(parts.Userinfo)
	return asking, requested, nil
}

func parseACRClaim(raw json.RawMessage) (*eid.ACRClaim, error) {
	if string(raw) == "null" {
		return &eid.ACRClaim{}, nil
	}
	var c individualClaim
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, errClaims
	}
	claim := &eid.ACRClaim{Essential: c.Essential, Values: c.Values}
	switch v := c.Value.(type) {
	case nil:
	case string:
		claim.Values = append([]string{v}, claim.Values...)
	default:
		return nil, errClaims
	}
	return claim, nil
}

func names(m map[string]json.RawMessage) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
