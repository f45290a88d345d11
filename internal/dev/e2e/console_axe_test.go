//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// axeSource is axe-core, at the version that testdata/axe pins.
var axeSource = sync.OnceValues(func() (string, error) {
	home, err := installNode("axe")
	if err != nil {
		return "", err
	}
	raw, err := os.ReadFile(filepath.Join(home, "node_modules", "axe-core", "axe.min.js"))
	return string(raw), err
})

// axeRun asks for what is serious or critical. [ours] judges the contrast, which is slow in axe.
const axeRun = `;
axe.run(document, { preload: false, resultTypes: ["violations"], rules: { "target-size": { enabled: true }, "color-contrast": { enabled: false } } }).then((found) => found.violations
	.filter((v) => v.impact === "serious" || v.impact === "critical")
	.map((v) => v.impact + " " + v.id + ": " + v.help + "\n" + v.nodes.slice(0, 5).map((n) => n.html + "\n  " + n.failureSummary).join("\n")))`

// axeSaw are the pages that axe has judged, by width, address, title and navigation.
var axeSaw sync.Map

// judgedByAxe has axe-core judge the open page once, by the browser's protocol, despite its policy.
func (w *consoleWindow) judgedByAxe() {
	w.t.Helper()
	var shown string
	w.eval(`document.title + (document.querySelector("nav")?.innerText ?? "")`, &shown)
	if _, before := axeSaw.LoadOrStore(fmt.Sprint(w.width, pattern(strings.TrimPrefix(w.at(), w.p.base)), shown), true); before {
		return
	}
	needs.Programs(w.t, "node", "npm")
	source, err := axeSource()
	require.NoError(w.t, err, "axe-core is installed by npm")
	var wrong []string
	for deadline := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		if err = w.try(source+axeRun, &wrong); err == nil {
			break
		}
		require.True(w.t, time.Now().Before(deadline), "axe did not come to its end: %v", err)
	}
	for _, what := range wrong {
		w.t.Errorf("%s, %d wide: %s", w.at(), w.width, what) // and goes on: one run finds what is wrong with all pages
	}
}
