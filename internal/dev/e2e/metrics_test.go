//go:build e2e

package e2e_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"
)

// The alerts and dashboards name metrics that a process exports, and all of these keep Prometheus' conventions. They are served at
// the second listener, and at the first no more.
func TestMetricsOfAlertsAndDashboards(t *testing.T) {
	dir, address, admin := t.TempDir(), freeAddress(t), freeAddress(t)
	copyDir(t, dir, seededDemo(t))
	p := launch(t, dir, []string{"demo", "--data-dir", dir, "--addr", address, "--admin-addr", admin}, nil)
	p.base = "http://" + address
	p.await(readyWithin, "a demo.json of this start", p.readInfo)
	probes := &program{t: t, base: "http://" + admin, output: p.output, exited: p.exited}
	probes.await(readyWithin, "/readyz to answer 200", func() bool { return probes.get("", "/readyz").status == http.StatusOK })
	for _, path := range []string{"/readyz", "/healthz", "/metrics", "/debug/pprof/"} {
		require.Equal(t, http.StatusNotFound, p.get("", path).status, path)
		probes.get("", path).ok(t, http.StatusOK)
	}
	backup := exec.Command(programPath, "backup", "--to", t.TempDir())
	backup.Env = append(cleanEnv(), "LEDGERBOARD_KAFKA_BROKERS="+strings.Join(p.info.Brokers, ","), "LEDGERBOARD_DATABASE_URL="+p.info.DatabaseURL)
	out, err := backup.CombinedOutput()
	require.NoError(t, err, "%s", out)

	p.do(http.MethodPost, "", "/console/sign-in/token", "token=wrong", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")

	scrape := probes.get("", "/metrics").body
	problems, err := promlint.New(bytes.NewReader(scrape)).Lint()
	require.NoError(t, err)
	require.Empty(t, slices.DeleteFunc(problems, func(problem promlint.Problem) bool {
		return !strings.HasPrefix(problem.Metric, "ledgerboard_") || strings.HasPrefix(problem.Metric, "ledgerboard_kafka_buffered_") // named by kprom
	}))
	exported := regexp.MustCompile(`(?m)^ledgerboard_[a-z_]+`).FindAllString(string(scrape), -1)
	files, err := filepath.Glob("../../../deploy/grafana/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range append(files, "../../../deploy/prometheus/alerts.yaml") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`ledgerboard_[a-z_]+`).FindAllString(string(text), -1) {
			if strings.HasPrefix(name, "ledgerboard_kafka_") && (strings.HasSuffix(name, "errors_total") || strings.HasSuffix(name, "disconnects_total")) {
				continue // exported once there was one
			}
			require.Contains(t, exported, name, file)
		}
	}
}
