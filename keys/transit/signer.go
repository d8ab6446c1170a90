package transit

import (
	"context"
	"crypto"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"eidgate/keys"
)

// signer is a private key in the engine.
type signer struct {
	client *Client
	name   string
	alg    keys.Algorithm
	public crypto.PublicKey
}

// Public implements crypto.Signer.
func (s *signer) Public() crypto.PublicKey { return s.public }

type signRequest struct {
	Input       string `json:"input"`
	Prehashed   bool   `json:"prehashed"`
	Hash        string `json:"hash_algorithm"`
	Version     int    `json:"key_version"`
	Signature   string `json:"signature_algorithm,omitempty"`
	SaltLength  string `json:"salt_length,omitempty"`
	Marshalling string `json:"marshaling_algorithm,omitempty"`
}

// Sign implements crypto.Signer over a SHA-256 digest, in the padding of the key's
// algorithm; keys.Checked sees to it that opts ask for nothing else. The deadline of
// the call is the client's, since an interface of the library has none.
func (s *signer) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	ask := signRequest{Input: base64.StdEncoding.EncodeToString(digest), Prehashed: true, Hash: "sha2-256", Version: firstVersion}
	switch s.alg {
	case keys.ES256:
		ask.Marshalling = "asn1"
	case keys.PS256:
		ask.Signature, ask.SaltLength = "pss", "hash"
	default:
		ask.Signature = "pkcs1v15"
	}
	ctx := context.Background() //nolint:forbidigo // crypto.Signer brings none
	var answer struct {
		Signature string `json:"signature"`
	}
	if err := s.client.call(ctx, http.MethodPost, path.Join(s.client.cfg.Mount, "sign", s.name), ask, &answer); err != nil {
		return nil, fmt.Errorf("signing with key %s: %w", s.name, err)
	}
	// vault:v1:BASE64, in OpenBao as in Vault.
	parts := strings.Split(answer.Signature, ":")
	signature, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(parts) != 3 || parts[1] != fmt.Sprintf("v%d", firstVersion) {
		return nil, fmt.Errorf("signing with key %s: %w: not a signature of its first version", s.name, keys.ErrCustody)
	}
	return signature, nil
}
