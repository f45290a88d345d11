package needs

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var installing sync.Mutex

// Modules installs the npm packages of a folder, once for each lock file, and returns the directory
// with its node_modules.
func Modules(t testing.TB, folder string) (home string) {
	t.Helper()
	Programs(t, "node", "npm")
	installing.Lock()
	defer installing.Unlock()
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	require.NoError(t, err)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.Sum256(lock)
	home = filepath.Join(cache, "ledgerboard-test", filepath.Base(folder)+"-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(filepath.Join(home, "node_modules")); err == nil {
		return home
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(home), 0o755))
	building, err := os.MkdirTemp(filepath.Dir(home), "installing-")
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(building) }()
	require.NoError(t, os.CopyFS(building, os.DirFS(folder)))
	npm := exec.Command("npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	npm.Dir, npm.Stderr = building, os.Stderr
	require.NoError(t, npm.Run(), "these tests need npm, to install the stock clients")
	if err := os.Rename(building, home); err != nil {
		_, other := os.Stat(home)
		require.NoError(t, other, "%v", err) // else another test run was quicker
	}
	return home
}

// Node runs a script of a folder until the end of the test, with the folder's packages and a
// configuration as its last argument. It passes on each line of JSON that the script prints, and
// returns the script's input, with which the script ends.
func Node[Line any](t testing.TB, folder, script string, config any, hear func(Line)) (input io.Writer) {
	t.Helper()
	home := Modules(t, folder)
	raw, err := json.Marshal(config)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(folder, script))
	require.NoError(t, err)
	node := exec.Command("node", "-e", string(text), "--", string(raw))
	node.Dir, node.Stderr = home, os.Stderr
	stdin, err := node.StdinPipe()
	require.NoError(t, err)
	stdout, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	read := make(chan struct{})
	go func() {
		defer close(read)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			var line Line
			if json.Unmarshal(scanner.Bytes(), &line) == nil {
				hear(line)
			}
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		<-read
		_ = node.Wait()
	})
	return stdin
}
