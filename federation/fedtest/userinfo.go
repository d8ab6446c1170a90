package fedtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// writeUserInfo answers as the client registered: JSON, a JWT, or a JWE of either
// (OpenID Connect Core §5.3.2).
func (p *OpenID) writeUserInfo(w http.ResponseWriter, g grant, claims map[string]any) {
	client, _ := p.client(g.client)
	if client.SignUserInfo {
		claims["iss"], claims["aud"] = p.cfg.Issuer, client.ID
	}
	p.mu.Lock()
	key, tampering, how := p.signing, p.faults.userInfo, p.faults.infoSigned
	p.mu.Unlock()
	for _, change := range tampering {
		change(claims)
	}
	if !client.SignUserInfo && client.EncryptUserInfo == nil {
		writeJSON(w, http.StatusOK, claims)
		return
	}
	body, err := wrapUserInfo(client, key, how, claims)
	if err != nil {
		writeError(w, http.StatusInternalServerError, "server_error")
		return
	}
	w.Header().Set("Content-Type", "application/jwt")
	_, _ = io.WriteString(w, body)
}

func wrapUserInfo(client Client, key signingKey, how Signing, claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("writing userinfo: %w", err)
	}
	text, options := string(payload), &jose.EncrypterOptions{}
	if client.SignUserInfo {
		if text, err = key.signAs(how, payload); err != nil {
			return "", err
		}
		options = options.WithContentType("JWT")
	}
	if client.EncryptUserInfo == nil {
		return text, nil
	}
	content := client.Encryption
	if content == "" {
		content = jose.A128GCM
	}
	encrypter, err := jose.NewEncrypter(content, jose.Recipient{
		Algorithm: jose.KeyAlgorithm(client.EncryptUserInfo.Algorithm), Key: client.EncryptUserInfo.Key, KeyID: client.EncryptUserInfo.KeyID,
	}, options)
	if err != nil {
		return "", fmt.Errorf("making an encrypter: %w", err)
	}
	sealed, err := encrypter.Encrypt([]byte(text))
	if err != nil {
		return "", fmt.Errorf("encrypting userinfo: %w", err)
	}
	return sealed.CompactSerialize()
}
