package web

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// assets serves the embedded files under names that carry their hash, so that
// browsers keep them for good.
type assets struct {
	paths map[string]string // by file name
	files map[string]asset  // by path
}

type asset struct {
	contentType string
	plain, gzip []byte
}

var _ http.Handler = (*assets)(nil)

// contentTypes are those of assets. Package mime would read the system's list, which
// differs from machine to machine and takes 0.4 MiB.
var contentTypes = map[string]string{".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

func loadAssets() (*assets, error) {
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, fmt.Errorf("reading assets: %w", err)
	}
	a := &assets{paths: make(map[string]string), files: make(map[string]asset)}
	for _, e := range entries {
		body, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("reading asset: %w", err)
		}
		ext := path.Ext(e.Name())
		sum := sha256.Sum256(body)
		hashed := "/assets/" + strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		a.paths[e.Name()] = hashed
		if contentTypes[ext] == "" {
			return nil, fmt.Errorf("asset %s: no content type for %q", e.Name(), ext)
		}
		a.files[hashed] = asset{contentType: contentTypes[ext], plain: body, gzip: compress(body, "")}
	}
	return a, nil
}

// path gives the address of an asset by its file name.
func (a *assets) path(name string) (string, error) {
	p, ok := a.paths[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return p, nil
}

// ServeHTTP answers GET and HEAD with a file or 404.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := a.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", file.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept-Encoding")
	body := file.plain
	if AcceptsGzip(r) {
		body = file.gzip
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a browser that left is nobody's error
}

// AcceptsGzip reports whether a caller takes gzip, by Accept-Encoding (RFC 9110 §12.5.3).
func AcceptsGzip(r *http.Request) bool {
	for _, part := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		weight, weighed := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q=")
		if !weighed {
			return true
		}
		q, err := strconv.ParseFloat(weight, 64)
		return err == nil && q > 0
	}
	return false
}

// zip compresses a page under a comment of random length, so that the size
// tells nobody whether a guess stood next to a secret on it (the BREACH attack).
func zip(body []byte) []byte {
	var n [1]byte
	_, _ = rand.Read(n[:]) // never fails
	return compress(body, strings.Repeat("x", int(n[0])%100))
}

func compress(body []byte, comment string) []byte {
	var b bytes.Buffer
	// Neither the level nor a write to memory can fail.
	zw, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	zw.Comment = comment
	_, _ = zw.Write(body)
	_ = zw.Close()
	return b.Bytes()
}
