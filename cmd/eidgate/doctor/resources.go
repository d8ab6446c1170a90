package doctor

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// evaluation is what hashing one password takes: 19 MiB (package credential).
	evaluation = 19 * mebibyte
	// process is what the gateway takes beside it.
	process = 64 * mebibyte
	// otherFiles are descriptors beside those of connections: databases, sources,
	// Redis, logs.
	otherFiles = 256
)

// Files holds the limit of open files against that of connections. metrics is where a
// running gateway tells its own limit; empty for nowhere.
func Files(ctx context.Context, connections int, metrics string) []Finding {
	if body, err := fetch(ctx, &http.Transport{DisableKeepAlives: true}, "http://"+metrics+"/metrics"); metrics != "" && err == nil {
		if most, ok := metric(string(body), "process_max_fds"); ok {
			return judgeFiles(uint64(most), connections, "the running gateway")
		}
	}
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err != nil {
		return []Finding{warning("ulimit -Hn", "the limit of open files is not known: %v", err)}
	}
	return judgeFiles(own.Max, connections, "a process of this shell")
}

func judgeFiles(most uint64, connections int, who string) []Finding {
	need := uint64(connections) + otherFiles
	if most < need {
		return []Finding{warning("LimitNOFILE="+strconv.FormatUint(need, 10)+" in the unit, or a lower limits.connections",
			"%s may open %d files, and limits.connections wants %d", who, most, need)}
	}
	return []Finding{ok("%s may open %d files, and limits.connections wants %d", who, most, need)}
}

// metric is the value of a metric without labels.
func metric(text, name string) (float64, bool) {
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return n, err == nil
		}
	}
	return 0, false
}

// Memory holds what is free against what password hashing may take at once.
func Memory(evaluations int) []Finding {
	free, known := memoryFree()
	return judgeMemory(evaluations, free, known)
}

func judgeMemory(evaluations int, free uint64, known bool) []Finding {
	need := uint64(evaluations)*evaluation + process
	switch {
	case !known:
		return []Finding{warning("see that "+size(need)+" are free", "how much memory is free is not known here")}
	case free < need:
		return []Finding{warning("lower limits.password_evaluations, or give the machine more",
			"%s free, and the gateway wants %s with %s at a time", size(free), size(need), counted(evaluations, "password"))}
	}
	return []Finding{ok("%s free; the gateway wants %s with %s at a time", size(free), size(need), counted(evaluations, "password"))}
}
