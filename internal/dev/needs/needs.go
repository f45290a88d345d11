package needs

import (
	"os"
	"os/exec"
	"testing"
)

// Programs leaves the test out if one of the programs is not on the path; with CI=true it fails.
func Programs(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := exec.LookPath(name)
		switch {
		case err == nil:
		case os.Getenv("CI") == "true":
			t.Fatalf("this test runs %s, which is not here: %v", name, err)
		default:
			t.Skipf("left out: this test runs %s, which is not here", name)
		}
	}
}
