//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func buildNext(t *testing.T) string {
	t.Helper()
	path := filepath.Join(suiteDir, "ledgerboard-next")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	build := exec.Command("go", "build", "-tags", "ledgerboard_next", "-o", path, "github.com/ledgerboard/ledgerboard/cmd/ledgerboard")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// hammer asks everything until stop, and wants the same answers; one that starts may answer 503 first.
func (a *apart) hammer(p *program, starting bool) (stop func()) {
	ctx, cancel := context.WithCancel(a.t.Context())
	var asking sync.WaitGroup
	var wrong atomic.Pointer[string]
	var asked atomic.Int64
	questions := make([]string, 0, len(a.before))
	for question := range a.before {
		questions = append(questions, question)
	}
	slices.Sort(questions)
	asking.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			question := questions[n%len(questions)]
			role, path, _ := strings.Cut(question, " ")
			answer := p.get(p.info.Tokens[role], path)
			if starting && (answer.Err != nil || answer.Status == http.StatusServiceUnavailable) {
				select { // it is being made
				case <-ctx.Done():
				case <-time.After(50 * time.Millisecond):
				}
				continue
			}
			starting = false
			got := fmt.Sprintf("%v %d %s", answer.Err, answer.Status, answer.Body)
			if answer.Err == nil {
				got = fmt.Sprintf("%d %s", answer.Status, p.placeless(answer))
			}
			if want := a.before[question]; got != want && ctx.Err() == nil {
				text := fmt.Sprintf("%s\nwas %.300s\nis  %.300s", question, want, got)
				wrong.CompareAndSwap(nil, &text)
			}
			asked.Add(1)
		}
	})
	var once sync.Once
	return func() {
		once.Do(func() {
			cancel()
			asking.Wait()
			if text := wrong.Load(); text != nil {
				a.t.Errorf("an answer of %s differs from the earlier one: %s", p.base, *text)
			}
			a.t.Logf("%s was asked %d times", p.base, asked.Load())
		})
	}
}
