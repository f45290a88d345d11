package embedded

import (
	"os"
	"path/filepath"
	"strings"
)

const tailLines = 15

// tail returns the last lines that a log has gained since it had from bytes, "" when it cannot be read.
func tail(path string, from int64) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	if from > int64(len(raw)) { // begun anew by rotation
		from = 0
	}
	lines := strings.Split(strings.TrimSpace(string(raw[from:])), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}

// logSizes returns the server's log files and their present sizes in bytes.
func logSizes(dir string) map[string]int64 {
	paths, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	sizes := make(map[string]int64, len(paths))
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			sizes[path] = info.Size()
		}
	}
	return sizes
}
