package embedded

import (
	"os"
	"strings"
)

// readLine returns the trimmed text of a small file, "" when there is none.
func readLine(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}
