package app_test

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// Brokers refuse records, for example because the clock of this machine is ahead: the metric counts
// the reason, and the process is not ready for changes until a record is appended.
func TestBrokerRefusalsAreReportedByReadiness(t *testing.T) {
	t.Parallel()
	cluster := ledgertest.NewBroker(t, nil)
	refuses := false
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if !refuses {
			return nil, nil, false
		}
		return ledgertest.Refuse(request, kerr.InvalidTimestamp), nil, true
	})
	registry := prometheus.NewRegistry()
	s, err := app.Open(t.Context(), app.Config{
		Storage: app.Storage{KafkaBrokers: cluster.ListenAddrs(), DatabaseURL: pgtest.New(t).URL}, Logger: ledgertest.Quiet, Registerer: registry,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	ready := func() string { return textOf(t, s, "log") }
	draft := commands.EraseDraft(domain.KindUser, "a00000000000000000000001", time.Now())
	require.Empty(t, ready())
	refuses = true
	require.ErrorIs(t, s.Log.Append(t.Context(), draft), eventlog.ErrRefused)
	require.Equal(t, "the brokers refuse records of topic directory: INVALID_TIMESTAMP", ready())
	counted := ledgertest.Metrics(t, registry)
	maps.DeleteFunc(counted, func(name string, value float64) bool {
		return value == 0 || !strings.HasPrefix(name, "ledgerboard_append_failures_total ")
	})
	require.Equal(t, map[string]float64{"ledgerboard_append_failures_total INVALID_TIMESTAMP directory": 1}, counted)

	refuses = false
	require.NoError(t, s.Log.Append(t.Context(), draft))
	require.Empty(t, ready())
}

// After the password of the database user was changed, the process says that it must be checked,
// and is ready again with the new one.
func TestReadinessReportsRejectedDatabasePassword(t *testing.T) {
	t.Parallel()
	cluster := ledgertest.NewBroker(t, nil)
	db := pgtest.New(t)
	admin, err := pgxpool.New(t.Context(), db.Superuser())
	require.NoError(t, err)
	defer admin.Close()
	const name = "rotated"
	run := func(sql string) { ledgertest.Exec(t, admin, sql) }
	run("create role " + name + " login superuser password 'one'")
	u, err := url.Parse(db.Superuser())
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "url")
	write := func(password string) {
		u.User = url.UserPassword(name, password)
		require.NoError(t, os.WriteFile(file, []byte(u.String()), 0o600))
	}
	write("one")
	s, err := app.Open(t.Context(), app.Config{
		Storage: app.Storage{KafkaBrokers: cluster.ListenAddrs(), DatabaseURL: "file:" + file}, Logger: ledgertest.Quiet,
	})
	require.NoError(t, err)
	defer func() {
		require.NoError(t, s.Close())
		run("drop role " + name)
	}()
	database := func() string { return textOf(t, s, "database") }
	require.Empty(t, database())
	run("alter role " + name + " password 'two'")
	run("select pg_terminate_backend(pid, 60000) from pg_stat_activity where usename = '" + name + "'")
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		require.Equal(c, "no connection to the database: "+
			"check the user and the password in LEDGERBOARD_DATABASE_URL or its password file", database())
	}, time.Minute, time.Millisecond)
	write("two")
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		require.Empty(c, database())
	}, time.Minute, time.Millisecond)
}

// While a platform has switched off our app, every process names it. An account that is not read any
// more proves nothing.
func TestReadinessNamesDisabledPlatformApp(t *testing.T) {
	t.Parallel()
	cluster, db := ledgertest.NewBroker(t, nil), pgtest.New(t)
	s, err := app.Open(t.Context(), app.Config{
		Storage: app.Storage{KafkaBrokers: cluster.ListenAddrs(), DatabaseURL: db.URL}, Logger: ledgertest.Quiet,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	apps := func() string { return textOf(t, s, "platform apps") }
	failed := func(account int64, platform domain.Platform, code domain.StatusCode, before time.Duration) {
		ledgertest.Exec(t, s.KeptPool, `insert into fetch_state (kind, p_id, social_account_id, failures, reason, due_at, updated_at)
			values ('account_insights', $1, $2, 1, jsonb_build_object('code', $3::text), now(), now() - $4::interval)`, platform, account, code, before)
	}
	failed(1, domain.Facebook, "app_blocked", 3*time.Hour)
	failed(2, domain.TikTok, "expired", time.Minute)
	require.Empty(t, apps())
	failed(3, domain.LinkedIn, "app_blocked", time.Minute)
	require.Contains(t, apps(), "LinkedIn: The platform has switched off the app")
	require.NotContains(t, apps(), "Facebook")
	failed(4, domain.Instagram, "version", time.Minute)
	require.Contains(t, apps(), "LinkedIn: The platform has switched off the app")
	require.Contains(t, apps(), "Instagram: The platform no longer supports the version")
	ledgertest.Exec(t, s.KeptPool, "alter table fetch_state rename to gone")
	require.EventuallyWithT(t, func(c *assert.CollectT) { // a result is kept for a second
		require.Contains(c, apps(), "it is not known whether a platform has switched off an app")
	}, time.Minute, time.Millisecond)
}

// A version of a platform's API that ends soon is named, with what to do, if the platform is read.
func TestReadinessNamesExpiringAPIVersion(t *testing.T) {
	t.Parallel()
	cluster, db := ledgertest.NewBroker(t, nil), pgtest.New(t)
	months := func(ago int) string { return time.Now().UTC().AddDate(0, -ago, 0).Format("200601") }
	for version, soon := range map[string]bool{months(14): true, months(11): true, months(2): false} {
		registry := prometheus.NewRegistry()
		s, err := app.Open(t.Context(), app.Config{
			Storage: app.Storage{KafkaBrokers: cluster.ListenAddrs(), DatabaseURL: db.URL}, Platforms: app.Platforms{LinkedInVersion: version},
			Roles: []string{app.RoleAPI}, SecretsKey: ledgertest.Key, Logger: ledgertest.Quiet, Registerer: registry,
		})
		require.NoError(t, err)
		ends := func() string { return textOf(t, s, "platform versions") }
		ledgertest.Exec(t, s.KeptPool, `delete from fetch_state`)
		require.Empty(t, ends(), "LinkedIn is not read")
		ledgertest.Exec(t, s.KeptPool, `insert into fetch_state (kind, p_id, social_account_id, due_at, updated_at)
			values ('account_insights', $1, 1, now(), now())`, domain.LinkedIn)
		key := "ledgerboard_platform_version_left_seconds linkedin " + version
		require.Contains(t, ledgertest.Metrics(t, registry), key)
		require.Equal(t, soon, ledgertest.Metrics(t, registry)[key] < 60*24*60*60)
		if soon {
			require.Contains(t, ends(), "version "+version+" of the linkedin API ends about 20")
			require.Contains(t, ends(), "LEDGERBOARD_LINKEDIN_VERSION")
			require.NotContains(t, ends(), "graph")
		} else {
			require.Empty(t, ends())
		}
		require.NoError(t, s.Close())
	}
}

// textOf returns what a check of a process finds.
func textOf(t *testing.T, s *app.Service, check string) string {
	checks := s.Health().Checks
	i := slices.IndexFunc(checks, func(c api.Check) bool { return c.Name == check })
	return operator.TextOf(checks[i].Probe(t.Context()))
}
