package needs

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// ecosystem is a language with a package registry.
type ecosystem struct {
	pins     []string // files of a folder that decide what is installed; the first tells the ecosystem
	made     string   // what the installation adds to the folder
	programs []string
	install  []string
	run      func(home, script string) *exec.Cmd
}

var ecosystems = []ecosystem{
	{
		pins: []string{"package-lock.json"}, made: "node_modules", programs: []string{"node", "npm"},
		install: []string{"npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"},
		run: func(home, script string) *exec.Cmd {
			text, _ := os.ReadFile(script)
			node := exec.Command("node", "-e", string(text), "--")
			node.Dir = home
			return node
		},
	},
	{
		pins: []string{"requirements.txt"}, made: "site", programs: []string{"python3", "pip3"},
		install: []string{"python3", "-m", "pip", "install", "--quiet", "--no-deps", "--target", "site", "-r", "requirements.txt"},
		run: func(home, script string) *exec.Cmd {
			python := exec.Command("python3", script)
			python.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(home, "site"))
			return python
		},
	},
	{
		pins: []string{"pom.xml"}, made: "libs", programs: []string{"javac", "mvn"},
		install: []string{"mvn", "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=libs"},
		run: func(home, script string) *exec.Cmd {
			return exec.Command("java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
				"-cp", filepath.Join(home, "libs", "*"), script)
		},
	},
	{
		pins: []string{"Cargo.toml", "main.rs"}, made: "target", programs: []string{"cargo"},
		install: []string{"cargo", "build", "--quiet"},
		run: func(home, _ string) *exec.Cmd {
			return exec.Command(filepath.Join(home, "target", "debug", "main"))
		},
	},
}

func ecosystemOf(t testing.TB, folder string) ecosystem {
	t.Helper()
	i := slices.IndexFunc(ecosystems, func(e ecosystem) bool {
		_, err := os.Stat(filepath.Join(folder, e.pins[0]))
		return err == nil
	})
	require.GreaterOrEqual(t, i, 0, "%s pins no packages", folder)
	return ecosystems[i]
}

var installing sync.Mutex

// Modules installs the packages that a folder pins, once for each content of the files that pin them,
// and returns the directory where they are.
func Modules(t testing.TB, folder string) (home string) {
	t.Helper()
	e := ecosystemOf(t, folder)
	Programs(t, e.programs...)
	installing.Lock()
	defer installing.Unlock()
	sum := sha256.New()
	for _, name := range e.pins {
		raw, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		_, _ = sum.Write(raw)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	home = filepath.Join(cache, "ledgerboard-test", filepath.Base(folder)+"-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(filepath.Join(home, e.made)); err == nil {
		return home
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(home), 0o755))
	building, err := os.MkdirTemp(filepath.Dir(home), "installing-")
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(building) }()
	require.NoError(t, os.CopyFS(building, os.DirFS(folder)))
	install := exec.Command(e.install[0], e.install[1:]...)
	install.Dir, install.Stderr = building, os.Stderr
	require.NoError(t, install.Run(), "these tests need %s, to install the stock clients", e.install[0])
	if err := os.Rename(building, home); err != nil {
		_, other := os.Stat(home)
		require.NoError(t, other, "%v", err) // else another test run was quicker
	}
	return home
}

// Script runs a script of a folder until the end of the test, with the folder's packages and a
// configuration as its last argument. It passes on each line of JSON that the script prints, prints
// all other lines, and returns the script's input, with which the script ends.
func Script[Line any](t testing.TB, folder, script string, config any, hear func(Line)) (input io.Writer) {
	t.Helper()
	home := Modules(t, folder)
	raw, err := json.Marshal(config)
	require.NoError(t, err)
	cmd := ecosystemOf(t, folder).run(home, filepath.Join(folder, script))
	cmd.Args, cmd.Stderr = append(cmd.Args, string(raw)), os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	read := make(chan struct{})
	go func() {
		defer close(read)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			var line Line
			if json.Unmarshal(scanner.Bytes(), &line) == nil {
				hear(line)
			} else {
				fmt.Fprintf(os.Stderr, "%s: %s\n", script, scanner.Bytes())
			}
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		<-read
		_ = cmd.Wait()
	})
	return stdin
}
