package leaks

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines have to end by themselves. Only a leak uses it up.
const patience = time.Minute

// Main is the TestMain of a package: it runs the tests, and fails if one of them has left a goroutine behind that no option excuses.
func Main(m goleak.TestingM, excused ...goleak.Option) {
	goleak.VerifyTestMain(patient{m, excused}, excused...)
}

// patient is a package's tests, and the wait for what they have left.
type patient struct {
	goleak.TestingM

	excused []goleak.Option
}

// Run runs the tests.
func (p patient) Run() int {
	code := p.TestingM.Run()
	if code == 0 {
		p.wait() // goleak looks once more, and reports
	}
	return code
}

// wait looks until nothing is left, or the time is over.
func (p patient) wait() {
	for until := time.Now().Add(patience); goleak.Find(p.excused...) != nil && time.Now().Before(until); { // it takes its time
	}
}

// Processes returns the ids of the processes that work in a directory or below it, as those of an embedded PostgreSQL do.
func Processes(dir string) (pids []int) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil
	}
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, entry := range entries {
		cwd, err := os.Readlink(filepath.Join(entry, "cwd"))
		if err == nil && (cwd == real || strings.HasPrefix(cwd, real+"/")) {
			pid, _ := strconv.Atoi(filepath.Base(entry))
			pids = append(pids, pid)
		}
	}
	return pids
}
