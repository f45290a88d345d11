package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrDataVersion is returned by StartPostgres for a data directory that another major version made, when no server of
// that version is to be had.
var ErrDataVersion = errors.New("PostgreSQL data directory has another major version")

const oldestMajor = 14

// binaries is a directory with postgres and initdb.
type binaries struct {
	dir     string
	version string // as 15.18
	major   int
}

// findBinaries picks the server: of the data directory's major version if there is one, else the newest.
func findBinaries(ctx context.Context, cfg PostgresConfig, acct account, dataMajor string) (binaries, error) {
	var found []binaries
	if !cfg.skipInstalled {
		for _, dir := range installedDirs() {
			if b, err := inspectBinaries(ctx, dir, acct); err == nil {
				found = append(found, b)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b binaries) int { return cmp.Compare(b.major, a.major) })
	var others []string
	for _, b := range found {
		if dataMajor == "" || strconv.Itoa(b.major) == dataMajor {
			return b, nil
		}
		others = append(others, b.version+" in "+b.dir)
	}
	b, err := downloadBinaries(ctx, cfg, acct, cmp.Or(dataMajor, defaultDownload))
	if err == nil || ctx.Err() != nil {
		return b, err
	}
	if dataMajor == "" {
		return binaries{}, fmt.Errorf("no PostgreSQL server %d or newer was found (PATH, %s) and downloading one: %w: "+
			"install it (Debian: apt install postgresql), or use a running server by LEDGERBOARD_DATABASE_URL",
			oldestMajor, strings.Join(installPatterns(), ", "), err)
	}
	return binaries{}, fmt.Errorf("%w: it was made by PostgreSQL %s, here is %s (%w): install the server of version %s, "+
		"or with it dump what must stay (pg_dump) and start with an empty data directory: the read models are rebuilt from the log, "+
		"stored secrets are only in this one", ErrDataVersion, dataMajor, cmp.Or(strings.Join(others, ", "), "none"), err, dataMajor)
}

func installedDirs() []string {
	var dirs []string
	add := func(program string) {
		real, err := filepath.EvalSymlinks(program)
		if err == nil && !slices.Contains(dirs, filepath.Dir(real)) {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		add(filepath.Join(dir, "postgres"))
	}
	for _, pattern := range installPatterns() {
		programs, _ := filepath.Glob(filepath.Join(pattern, "postgres"))
		for _, program := range programs {
			add(program)
		}
	}
	return dirs
}

// installPatterns: Debian, Red Hat's PGDG, Alpine, source builds, Homebrew on both processors, Postgres.app.
func installPatterns() []string {
	return []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*", "/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	}
}

func inspectBinaries(ctx context.Context, dir string, acct account) (binaries, error) {
	for _, program := range []string{"postgres", "initdb"} {
		path := filepath.Join(dir, program)
		info, err := os.Stat(path)
		if err != nil {
			return binaries{}, fmt.Errorf("find server program: %w", err)
		}
		if info.IsDir() || info.Mode()&0o111 == 0 || !acct.reaches(path) {
			return binaries{}, fmt.Errorf("%s cannot be run by user id %d", path, acct.uid)
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("ask %s/postgres for its version: %w", dir, err)
	}
	b, err := parseVersion(string(out))
	if err != nil {
		return binaries{}, fmt.Errorf("ask %s/postgres for its version: %w", dir, err)
	}
	b.dir = dir
	return b, nil
}

// parseVersion reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
func parseVersion(text string) (binaries, error) {
	fields := strings.Fields(text)
	if len(fields) < 3 {
		return binaries{}, fmt.Errorf("unexpected answer %q", text)
	}
	version := fields[2]
	digits := version[:len(version)-len(strings.TrimLeft(version, "0123456789"))] // 17.5, 18beta1
	major, err := strconv.Atoi(digits)
	if err != nil || major < oldestMajor {
		return binaries{}, fmt.Errorf("version %s is older than %d", version, oldestMajor)
	}
	return binaries{version: version, major: major}, nil
}
