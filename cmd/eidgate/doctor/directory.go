package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Disk is what a file system says of itself.
type Disk struct {
	Kind     string // such as nfs; empty where SQLite can work on it
	ReadOnly bool
	Free     uint64 // bytes that a plain user may still write
}

const (
	mebibyte  = 1 << 20
	leastFree = 100 * mebibyte
	lowFree   = 1024 * mebibyte
)

// Directory looks at the data directory and who owns what is in it.
func Directory(path string) []Finding {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{absent(path)}
	case err != nil:
		return []Finding{fault("let the gateway's user reach "+path, "the data directory cannot be looked at: %v", bare(err))}
	case !info.IsDir():
		return []Finding{fault("set data to a directory", "%s is no directory", path)}
	}
	list := append(access(path, info), owners(path, info)...)
	disk, err := diskOf(path)
	if err != nil {
		list = append(list, warning("df "+path, "the file system does not say how much is free: %v", err))
	} else {
		list = append(list, judgeDisk(path, disk)...)
	}
	if len(list) == 0 {
		list = append(list, ok("%s: mode %04o, %s free", path, info.Mode().Perm(), size(disk.Free)))
	}
	return list
}

// absent is a directory that the first start makes, where it can.
func absent(path string) Finding {
	mend := "install -d -m 700 -o <the gateway's user> " + path
	above := filepath.Dir(path)
	for above != filepath.Dir(above) {
		if _, err := os.Stat(above); err == nil {
			break
		}
		above = filepath.Dir(above)
	}
	if unix.Access(above, unix.W_OK|unix.X_OK) != nil {
		return fault(mend, "%s is not there, and this user may not make it", path)
	}
	return warning("eidgate serve makes it, or: "+mend, "%s is not there: no gateway has run here", path)
}

func access(path string, info fs.FileInfo) []Finding {
	var list []Finding
	switch mode := info.Mode().Perm(); {
	case mode&0o022 != 0:
		list = append(list, fault("chmod 700 "+path, "others may write to %s (mode %04o), and so replace the databases and the master key", path, mode))
	case mode&0o077 != 0:
		list = append(list, warning("chmod 700 "+path, "others may look into %s (mode %04o)", path, mode))
	}
	if unix.Access(path, unix.R_OK|unix.W_OK|unix.X_OK) != nil {
		list = append(list, fault("run doctor as the gateway's user, or chown the directory to it",
			"this user (uid %d) may not write to %s", os.Getuid(), path))
	}
	return list
}

// owners finds files that a command left behind which ran as another user.
func owners(path string, info fs.FileInfo) []Finding {
	uid, known := owner(info)
	entries, err := os.ReadDir(path)
	if !known || err != nil {
		return nil
	}
	var list []Finding
	for _, entry := range entries {
		file, err := entry.Info()
		if err != nil || !file.Mode().IsRegular() {
			continue
		}
		if other, known := owner(file); known && other != uid {
			list = append(list, fault(fmt.Sprintf("chown -R --reference=%s %[1]s", path),
				"%s belongs to uid %d, its directory to uid %d: the gateway's user cannot write to it", entry.Name(), other, uid))
		}
	}
	const most = 5
	return list[:min(len(list), most)]
}

func owner(info fs.FileInfo) (uint32, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return stat.Uid, true
}

func judgeDisk(path string, d Disk) []Finding {
	var list []Finding
	if d.Kind != "" {
		list = append(list, fault("put data on a disk of this machine", "%s lies on %s: SQLite's log needs memory that processes share", path, d.Kind))
	}
	switch {
	case d.ReadOnly:
		list = append(list, fault("mount it for writing; if the system did this, look for a failing disk in dmesg", "the file system of %s is read-only", path))
	case d.Free < leastFree:
		list = append(list, fault("free some, or give data a larger disk", "%s free at %s: on a full disk nobody signs in", size(d.Free), path))
	case d.Free < lowFree:
		list = append(list, warning("free some, or give data a larger disk", "%s free at %s", size(d.Free), path))
	}
	return list
}

// size is a number of bytes as people read it.
func size(bytes uint64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= mebibyte:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/mebibyte)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}

// bare is an error of the file system without its path, which was said already.
func bare(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
