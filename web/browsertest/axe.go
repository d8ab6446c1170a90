package browsertest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The one axe-core that pages are held to: its version and what the npm registry
// publishes as dist.integrity of its tarball (Subresource Integrity, §3.1).
const (
	axeVersion   = "4.14.1"
	axeTarball   = "axe-core-" + axeVersion + ".tgz"
	axeIntegrity = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="

	axeFetch    = time.Minute
	axeMostSize = 8 << 20 // bytes, packed or not
)

// AxeSource gives the script of axe-core, MPL-2.0, which is not kept in the
// tree: from the cache, else from the npm registry that npm is set up for, else
// from the one that npm_config_registry names. Whatever its way, the tarball is
// checked against the pinned hash.
func AxeSource(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil { // no home: what is not ours to trust is checked below
		cache = os.TempDir()
	}
	return axeSource(ctx, filepath.Join(cache, "eidgate"), os.Getenv("npm_config_registry"))
}

func axeSource(ctx context.Context, cache, registry string) (string, error) {
	kept := filepath.Join(cache, axeTarball)
	tarball, err := os.ReadFile(kept)
	if err == nil && intact(tarball) == nil {
		return unpack(tarball)
	}
	ctx, cancel := context.WithTimeout(ctx, axeFetch)
	defer cancel()
	tarball, err = fetch(ctx, registry)
	if err != nil {
		return "", fmt.Errorf("axe-core %s is neither kept at %s nor to be had: put npm in the PATH, or name a registry "+
			"in npm_config_registry, or put its tarball there: %w", axeVersion, kept, err)
	}
	if err := intact(tarball); err != nil {
		return "", err
	}
	if err := keep(kept, tarball); err != nil {
		return "", fmt.Errorf("keeping axe-core: %w", err)
	}
	return unpack(tarball)
}

// intact fails unless the tarball is the pinned one.
func intact(tarball []byte) error {
	sum := sha512.Sum512(tarball)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != axeIntegrity {
		return fmt.Errorf("%s has integrity %s, want %s", axeTarball, got, axeIntegrity)
	}
	return nil
}

func fetch(ctx context.Context, registry string) ([]byte, error) {
	if registry != "" {
		return download(ctx, strings.TrimSuffix(registry, "/")+"/axe-core/-/"+axeTarball)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "eidgate-axe-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	pack := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination="+dir, "axe-core@"+axeVersion)
	pack.Dir = dir
	if out, err := pack.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm pack: %w: %s", err, bytes.TrimSpace(out))
	}
	return os.ReadFile(filepath.Join(dir, axeTarball))
}

func download(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil) //nolint:gosec // named by who runs the tests
	if err != nil {
		return nil, errors.New("npm_config_registry is no address") // it may hold a password
	}
	client := &http.Client{Timeout: axeFetch}
	w, err := client.Do(r) //nolint:gosec // see above
	if err != nil {
		return nil, fmt.Errorf("asking the registry at %s: %w", r.URL.Host, errors.Unwrap(err))
	}
	defer func() { _ = w.Body.Close() }()
	if w.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the registry at %s answered %s", r.URL.Host, w.Status)
	}
	return io.ReadAll(io.LimitReader(w.Body, axeMostSize))
}

// keep writes the tarball in one step: tests of other packages read it meanwhile.
func keep(name string, tarball []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(name), axeTarball+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(part.Name()) }()
	_, err = part.Write(tarball)
	if err := errors.Join(err, part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), name)
}

// unpack finds the script in the tarball.
func unpack(tarball []byte) (string, error) {
	zr, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		return "", fmt.Errorf("unpacking axe-core: %w", err)
	}
	for files := tar.NewReader(zr); ; {
		file, err := files.Next()
		if err != nil {
			return "", fmt.Errorf("finding axe.min.js in axe-core: %w", err)
		}
		if file.Name != "package/axe.min.js" {
			continue
		}
		script, err := io.ReadAll(io.LimitReader(files, axeMostSize))
		if err != nil {
			return "", fmt.Errorf("unpacking axe-core: %w", err)
		}
		return string(script), nil
	}
}
