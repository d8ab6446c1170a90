package provider

import (
	"errors"
	"slices"

	"github.com/go-jose/go-jose/v4/json"

	"eidgate/eid"
)

// maxRequestedClaims bounds each part of a claims parameter, in entries.
const maxRequestedClaims = 64

// requestedClaims are the claims asked for by name (OpenID Connect Core §5.5).
// Asking never widens what the party registered: see released.
type requestedClaims struct {
	IDToken  []string `json:"id_token,omitempty"`
	Userinfo []string `json:"userinfo,omitempty"`
	subject  string   // the value of sub, where one is named
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
	if len(text) > maxClaims {
		return asking, requested, errClaims
	}
	// This decoder takes member names exactly and refuses one given twice.
	members, err := object([]byte(text))
	if err != nil {
		return asking, requested, err
	}
	idToken, err := object(members["id_token"])
	if err != nil {
		return asking, requested, err
	}
	userinfo, err := object(members["userinfo"])
	if err != nil {
		return asking, requested, err
	}
	if len(idToken) > maxRequestedClaims || len(userinfo) > maxRequestedClaims {
		return asking, requested, errClaims
	}
	if raw, ok := idToken["acr"]; ok {
		claim, err := parseACRClaim(raw)
		if err != nil {
			return asking, requested, err
		}
		asking.Claim = claim
		delete(idToken, "acr")
	}
	for _, part := range []map[string]json.RawMessage{idToken, userinfo} {
		for name, raw := range part {
			if _, err := object(raw); err != nil && isClaim(name) {
				return asking, requested, err // null or an object: §5.5.1
			}
		}
		var sub struct {
			Value string `json:"value"`
		}
		if raw, ok := part["sub"]; ok && json.Unmarshal(raw, &sub) != nil {
			return asking, requested, errClaims
		}
		if requested.subject == "" {
			requested.subject = sub.Value
		}
	}
	requested.IDToken = names(idToken)
	requested.Userinfo = names(userinfo)
	return asking, requested, nil
}

// object reads a JSON object; null and nothing are an empty one.
func object(raw json.RawMessage) (map[string]json.RawMessage, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, errClaims
	}
	return members, nil
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

// names lists the members that name a claim of ours; the others are not kept.
func names(m map[string]json.RawMessage) []string {
	var list []string
	for name := range m {
		if isClaim(name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}
