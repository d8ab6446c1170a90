package doctor

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// diskOf asks the file system under a path.
func diskOf(path string) (Disk, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return Disk{}, err
	}
	d := Disk{ReadOnly: s.Flags&unix.ST_RDONLY != 0, Free: s.Bavail * uint64(s.Bsize)}
	switch uint32(s.Type) {
	case unix.NFS_SUPER_MAGIC:
		d.Kind = "NFS"
	case unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC:
		d.Kind = "SMB"
	case unix.V9FS_MAGIC:
		d.Kind = "9P"
	case unix.CEPH_SUPER_MAGIC:
		d.Kind = "CephFS"
	case unix.AFS_SUPER_MAGIC:
		d.Kind = "AFS"
	}
	return d, nil
}

// clockKept reports whether the kernel's clock is kept by NTP.
func clockKept() (kept, known bool) {
	var t unix.Timex // no modes: it is read only
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, false
	}
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, true
}

// memoryFree is how many bytes a process may still take, here and in its container.
func memoryFree() (uint64, bool) {
	free, known := memInfo("MemAvailable:")
	limit, limited := number("/sys/fs/cgroup/memory.max")
	if used, ok := number("/sys/fs/cgroup/memory.current"); limited && ok {
		left := limit - min(used, limit)
		if !known || left < free {
			return left, true
		}
	}
	return free, known
}

func memInfo(name string) (uint64, bool) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) == 3 && words[0] == name {
			kib, err := strconv.ParseUint(words[1], 10, 64)
			return kib << 10, err == nil
		}
	}
	return 0, false
}

// number reads a file that holds one number; the word max is none.
func number(path string) (uint64, bool) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 64)
	return n, err == nil
}
