//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// Metrics keep Prometheus' conventions and are served at the second listener only. In a Prometheus that scrapes a demo, every panel
// of the dashboards has data, and no alert fires.
func TestMetricsUsedByAlertsAndDashboardsExist(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "prometheus")
	dir, address, admin := t.TempDir(), ledgertest.FreeAddress(t), ledgertest.FreeAddress(t)
	copySeeded(t, dir)
	p := launch(t, dir, []string{"demo", "--data-dir", dir, "--addr", address, "--admin-addr", admin}, nil)
	p.base = "http://" + address
	p.await(readyWithin, "a demo.json of this start", p.readInfo)
	require.Equal(t, "http://"+admin, p.info.HealthURL)
	probes := &program{t: t, base: "http://" + admin, Child: p.Child}
	probes.answers()
	for _, path := range []string{"/readyz", "/healthz", "/metrics", "/debug/pprof/"} {
		require.Equal(t, http.StatusNotFound, p.get("", path).Status, path)
		probes.get("", path).Says(t, http.StatusOK)
	}
	backup := exec.Command(programPath, "backup", "--to", t.TempDir())
	backup.Env = append(ledgertest.Environ(), "LEDGERBOARD_KAFKA_BROKERS="+strings.Join(p.info.Brokers, ","), "LEDGERBOARD_DATABASE_URL="+p.info.DatabaseURL)
	out, err := backup.CombinedOutput()
	require.NoError(t, err, "%s", out)

	p.do(http.MethodPost, "", "/console/sign-in/token", "token=wrong", "Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: same-origin", "Cookie: __Host-lb_probe=1")

	scrape := probes.get("", "/metrics").Body
	problems, err := promlint.New(strings.NewReader(scrape)).Lint()
	require.NoError(t, err)
	require.Empty(t, slices.DeleteFunc(problems, func(problem promlint.Problem) bool {
		return !strings.HasPrefix(problem.Metric, "ledgerboard_") || strings.HasPrefix(problem.Metric, "ledgerboard_kafka_buffered_") // named by kprom
	}))
	exported := regexp.MustCompile(`(?m)^ledgerboard_[a-z_]+`).FindAllString(scrape, -1)
	alerts, err := os.ReadFile("../../../deploy/prometheus/alerts.yaml")
	require.NoError(t, err)
	for _, name := range regexp.MustCompile(`ledgerboard_[a-z_]+`).FindAllString(string(alerts), -1) {
		require.Contains(t, exported, name)
	}

	prometheus := startPrometheus(t, admin)
	panels := grafanaPanels(t)
	var empty []string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("panels without data: %s", strings.Join(empty, "\n"))
		}
	})
	prometheus.await(patience, "every panel to have data", func() bool {
		empty = nil
		for _, panel := range panels {
			for _, target := range panel.Targets {
				query := "/api/v1/query?query=" + url.QueryEscape(strings.ReplaceAll(target.Expr, "$__rate_interval", "1m"))
				var answer struct {
					Data struct{ Result []any }
				}
				prometheus.get("", query).Says(t, http.StatusOK).Into(t, &answer)
				if len(answer.Data.Result) == 0 && !slices.Contains(panelsOfFaults, panel.Title) {
					empty = append(empty, panel.Title+": "+target.Expr)
				}
			}
		}
		return len(empty) == 0
	})
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, State string }
			}
		}
	}
	prometheus.await(patience, "an evaluation of every alert", func() bool {
		prometheus.get("", "/api/v1/rules").Says(t, http.StatusOK).Into(t, &rules)
		return len(rules.Data.Groups) > 0 && !strings.Contains(fmt.Sprint(rules), "unknown")
	})
	for _, rule := range rules.Data.Groups[0].Rules {
		require.Equal(t, "ok", rule.Health, rule.Name)
		require.NotEqual(t, "firing", rule.State, rule.Name)
	}
}

// panelsOfFaults are empty while nothing is wrong, and before the first daily check.
var panelsOfFaults = []string{"Degraded", "Errors by route", "Broker errors", "Failures by platform", "Time since the daily check"}

type grafanaPanel struct {
	Title   string
	Targets []struct{ Expr string }
}

func grafanaPanels(t *testing.T) (panels []grafanaPanel) {
	t.Helper()
	files, err := filepath.Glob("../../../deploy/grafana/*.json")
	require.NoError(t, err)
	for _, file := range files {
		var dashboard struct{ Panels []grafanaPanel }
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &dashboard))
		panels = append(panels, dashboard.Panels...)
	}
	require.NotEmpty(t, panels)
	return panels
}

// startPrometheus runs Prometheus with the deployed configuration and rules, but scrapes the target each second.
func startPrometheus(t *testing.T, target string) *program {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	require.NoError(t, err)
	dir, address := t.TempDir(), ledgertest.FreeAddress(t)
	config, err := os.ReadFile("../../../deploy/prometheus/demo.yaml")
	require.NoError(t, err)
	rules, err := filepath.Abs("../../../deploy/prometheus/alerts.yaml")
	require.NoError(t, err)
	config = []byte(strings.NewReplacer("5s", "1s", "alerts.yaml", rules, "127.0.0.1:6002", target).Replace(string(config)))
	file := filepath.Join(dir, "prometheus.yaml")
	require.NoError(t, os.WriteFile(file, config, 0o600))
	p := launch(t, dir, []string{"--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", address}, func(c *exec.Cmd) {
		c.Path = path
	})
	p.base = "http://" + address
	p.await(readyWithin, "Prometheus to be ready", func() bool { return p.get("", "/-/ready").Status == http.StatusOK })
	return p
}
