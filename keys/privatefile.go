package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// createPrivate writes a file beside path and links it into place: a link fails where
// the name is taken, so the first process wins, and no reader ever sees half a file.
// made is false when there was one.
func createPrivate(path string, text []byte) (made bool, err error) {
	beside, err := writeBeside(path, text)
	if err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(beside) }()
	switch err := os.Link(beside, path); {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, syncDir(filepath.Dir(path))
}

// replacePrivate puts what write returns in the place of a file, which keeps its owner
// and mode, and its links leading to it. Two processes at once do so one after the
// other.
func replacePrivate(path string, write func() ([]byte, error)) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("finding the file: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("locking the folder: %w", err)
	}
	defer func() { _ = dir.Close() }() // gives the lock back
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("locking the folder: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	text, err := write()
	if err != nil {
		return err
	}
	beside, err := writeBeside(path, text)
	if err != nil {
		return fmt.Errorf("writing beside %s, which cannot be changed here: %w", path, err)
	}
	defer func() { _ = os.Remove(beside) }()
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := os.Chown(beside, int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("giving the file its owner, as root or the gateway's user may: %w", err)
		}
	}
	if err := os.Chmod(beside, info.Mode().Perm()); err != nil {
		return err
	}
	if err := os.Rename(beside, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// writeBeside writes a file of mode 0600 in the folder of path, and returns its name.
func writeBeside(path string, text []byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".master-key-*") // O_EXCL, mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// syncDir makes a new name in dir survive a crash.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
