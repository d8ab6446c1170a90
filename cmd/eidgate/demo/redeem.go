package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// clockSkew is how far the gateway's clock may stand from the portal's.
const clockSkew = 5 * time.Second

// redeem turns a code into tokens, checks them and asks for the holder's data.
// Its errors are of type *Failure.
func (p *Portal) redeem(ctx context.Context, l login, code string) (Result, error) {
	up, err := p.discover(ctx)
	if err != nil {
		return Result{}, &Failure{Stage: StageToken, Code: "provider_unreachable", Description: "discovery failed"}
	}
	ctx = p.outbound(ctx)
	tokens, err := up.oauth.Exchange(ctx, code, oauth2.VerifierOption(l.verifier))
	if err != nil {
		return Result{}, exchangeFailure(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := up.verifier.Verify(ctx, raw)
	if err != nil {
		return Result{}, &Failure{Stage: StageIDToken, Code: "id_token_invalid", Description: clip(err.Error(), maxDescription)}
	}
	granted, err := p.check(l, id, tokens.AccessToken)
	if err != nil {
		return Result{}, err
	}
	result := Result{idToken: raw, SignedIn: true, Asked: &l.asked, Granted: granted, TokenType: tokens.Type(), accessToken: tokens.AccessToken}
	if result.IDTokenHeader, err = jwtHeader(raw); err != nil {
		return Result{}, &Failure{Stage: StageIDToken, Code: "id_token_invalid", Description: "header is not JSON"}
	}
	if err := id.Claims(&result.IDTokenClaims); err != nil {
		return Result{}, &Failure{Stage: StageIDToken, Code: "id_token_invalid", Description: "claims are not JSON"}
	}

	info, err := up.provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return Result{}, &Failure{Stage: StageUserInfo, Code: "userinfo_failed", Description: "the userinfo endpoint gave no claims"}
	}
	// OpenID Connect Core §5.3.2: or else someone else's data may be shown.
	if info.Subject != id.Subject {
		return Result{}, &Failure{Stage: StageUserInfo, Code: "sub_mismatch", Description: "sub of userinfo is not the sub of the ID token"}
	}
	if err := info.Claims(&result.UserInfo); err != nil {
		return Result{}, &Failure{Stage: StageUserInfo, Code: "userinfo_failed", Description: "claims are not JSON"}
	}
	return result, nil
}

// check does what the library leaves to the client (OpenID Connect Core
// §3.1.3.7): nonce, further audiences, azp, at_hash, the level and the age.
func (p *Portal) check(l login, id *oidc.IDToken, accessToken string) (*Granted, error) {
	refuse := func(code, format string, args ...any) (*Granted, error) {
		return nil, &Failure{Stage: StageIDToken, Code: code, Description: fmt.Sprintf(format, args...)}
	}
	var claims struct {
		AZP      string   `json:"azp"`
		ACR      string   `json:"acr"`
		AMR      []string `json:"amr"`
		AuthTime int64    `json:"auth_time"`
		SID      string   `json:"sid"`
		AtHash   *string  `json:"at_hash"`
	}
	if err := id.Claims(&claims); err != nil {
		return refuse("id_token_invalid", "a claim has the wrong type")
	}
	switch {
	case !sameText(id.Nonce, l.nonce):
		return refuse("nonce_mismatch", "nonce is not the one this login sent")
	case id.Subject == "":
		return refuse("id_token_invalid", "sub is missing")
	case len(id.Audience) != 1:
		return refuse("id_token_invalid", "aud names others beside this portal")
	case claims.AZP != "" && claims.AZP != p.cfg.ClientID:
		return refuse("id_token_invalid", "azp is another client")
	case claims.AtHash != nil && id.VerifyAccessToken(accessToken) != nil:
		return refuse("id_token_invalid", "at_hash does not match the access token")
	}

	level := p.cfg.ACR.Level(claims.ACR)
	if needed := l.ask.needed(p.cfg.MinLevel); level < needed {
		return refuse("acr_too_low", "acr %q is level %v, this request needs at least %v", clip(claims.ACR, maxErrorCode), level, needed)
	}
	authTime := time.Unix(claims.AuthTime, 0)
	if age, ok := l.ask.freshWithin(); ok {
		oldest := l.started.Add(-time.Duration(age)*time.Second - clockSkew)
		if claims.AuthTime == 0 || authTime.Before(oldest) {
			return refuse("auth_time_too_old", "the sign-in is older than this request allows")
		}
	}
	return &Granted{
		ACR: claims.ACR, Level: level, AMR: claims.AMR,
		AuthTime: claims.AuthTime, Subject: id.Subject, SID: claims.SID,
	}, nil
}

// exchangeFailure keeps the error code of the token endpoint and drops the body,
// which may hold anything.
func exchangeFailure(err error) *Failure {
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode != "":
		return &Failure{Stage: StageToken, Code: clip(refused.ErrorCode, maxErrorCode),
			Description: clip(refused.ErrorDescription, maxDescription)}
	case errors.As(err, &refused):
		return &Failure{Stage: StageToken, Code: "token_failed",
			Description: fmt.Sprintf("the token endpoint answered %d without an error code", refused.Response.StatusCode)}
	}
	return &Failure{Stage: StageToken, Code: "token_failed", Description: "the token endpoint gave no usable answer"}
}

func jwtHeader(raw string) (json.RawMessage, error) {
	head, _, _ := strings.Cut(raw, ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return nil, fmt.Errorf("decoding a JWT header: %w", err)
	}
	var out json.RawMessage
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("reading a JWT header: %w", err)
	}
	return out, nil
}
