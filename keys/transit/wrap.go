package transit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"path"

	"github.com/tink-crypto/tink-go/v2/tink"

	"eidgate/keys"
)

// Wrapping encrypts under a symmetric key of the engine, which never leaves it: the
// master key of the gateway.
type Wrapping struct {
	client *Client
	name   string
}

var _ tink.AEADWithContext = (*Wrapping)(nil)

// Wrapping names the key to encrypt with. It calls nobody.
func (c *Client) Wrapping(name string) (*Wrapping, error) {
	if !nameOf.MatchString(name) {
		return nil, errors.New("transit: not a key's name")
	}
	return &Wrapping{client: c, name: name}, nil
}

// Make makes the key if the engine has none of that name.
func (w *Wrapping) Make(ctx context.Context) error {
	at := path.Join(w.client.cfg.Mount, "keys", w.name)
	err := w.client.call(ctx, http.MethodGet, at, nil, nil)
	if errors.Is(err, errNotFound) {
		err = w.client.call(ctx, http.MethodPost, at, newKey{Type: "aes256-gcm96"}, nil)
	}
	if err != nil {
		return fmt.Errorf("making key %s: %w", w.name, err)
	}
	return nil
}

type wrapRequest struct {
	Plaintext  string `json:"plaintext,omitempty"`
	Ciphertext string `json:"ciphertext,omitempty"`
	Context    string `json:"associated_data"`
}

// EncryptWithContext implements tink.AEADWithContext.
func (w *Wrapping) EncryptWithContext(ctx context.Context, plaintext, associated []byte) ([]byte, error) {
	var answer struct {
		Ciphertext string `json:"ciphertext"`
	}
	ask := wrapRequest{Plaintext: base64.StdEncoding.EncodeToString(plaintext), Context: base64.StdEncoding.EncodeToString(associated)}
	if err := w.client.call(ctx, http.MethodPost, path.Join(w.client.cfg.Mount, "encrypt", w.name), ask, &answer); err != nil {
		return nil, fmt.Errorf("encrypting under %s: %w", w.name, err)
	}
	if answer.Ciphertext == "" {
		return nil, fmt.Errorf("encrypting under %s: %w: no ciphertext", w.name, keys.ErrCustody)
	}
	return []byte(answer.Ciphertext), nil
}

// DecryptWithContext implements tink.AEADWithContext.
func (w *Wrapping) DecryptWithContext(ctx context.Context, ciphertext, associated []byte) ([]byte, error) {
	var answer struct {
		Plaintext string `json:"plaintext"`
	}
	ask := wrapRequest{Ciphertext: string(ciphertext), Context: base64.StdEncoding.EncodeToString(associated)}
	if err := w.client.call(ctx, http.MethodPost, path.Join(w.client.cfg.Mount, "decrypt", w.name), ask, &answer); err != nil {
		return nil, fmt.Errorf("decrypting under %s: %w", w.name, err)
	}
	plaintext, err := base64.StdEncoding.DecodeString(answer.Plaintext)
	if err != nil {
		return nil, fmt.Errorf("decrypting under %s: %w: not base64", w.name, keys.ErrCustody)
	}
	return plaintext, nil
}
