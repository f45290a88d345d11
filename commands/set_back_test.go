package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// tablesOfDashboards are set back together with their checkpoints.
func tablesOfDashboards() []string {
	return append(projectors.Dashboards{}.Tables(), "checkpoints")
}

// keepTables copies the tables of dashboards as they are.
func (s *spine) keepTables() {
	s.t.Helper()
	s.exec("create schema kept_copy")
	for _, table := range tablesOfDashboards() {
		s.exec("create table kept_copy." + table + " as table " + table)
	}
}

// setBack makes them what they were, as a database that was restored.
func (s *spine) setBack() {
	s.t.Helper()
	sql := "begin; set local session_replication_role = replica;"
	for _, table := range tablesOfDashboards() {
		sql += "delete from " + table + "; insert into " + table + " select * from kept_copy." + table + ";"
	}
	s.exec(sql + "commit")
}

// While tables lack records of the log, nothing is acknowledged, refused or answered again.
func TestStaleTablesAcknowledgeNothing(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	d := s.process()
	update := func(u func() (domain.Dashboard, error)) domain.Dashboard {
		dashboard, err := u()
		require.NoError(t, err)
		return dashboard
	}
	change := func(user, k string) func() (domain.Dashboard, error) {
		return func() (domain.Dashboard, error) {
			r, err := d.Update(t.Context(), put(north, users(user), key(k)))
			return r.Dashboard, err
		}
	}
	update(change(nina, "first"))
	s.keepTables()
	update(change(sam, "second"))
	appended := s.appended()
	require.Equal(t, []string{sam}, update(change(sam, "third")).Users, "nothing to change, on tables that hold all")
	require.Equal(t, appended, s.appended())

	s.stop()
	s.setBack()
	for name, again := range map[string]func() (domain.Dashboard, error){
		"nothing to change": change(nina, "fourth"),
		"a repeated key":    change(nina, "first"),
		"a refusal":         change("d90000000000000000000000", "fifth"),
	} {
		_, err := again()
		e := asError(t, err)
		require.Equal(t, domain.CodeUnavailable, e.Code, "%s: %s", name, e.Message)
		require.Contains(t, e.Message, "records to go). Nothing was changed", name)
	}
	require.Equal(t, appended, s.appended())

	s.stop = s.follow(s.engine)
	again, err := patiently(func() (commands.Result, error) { return d.Update(t.Context(), put(north, users(nina), key("sixth"))) })
	require.NoError(t, err)
	require.Equal(t, []string{nina}, again.Dashboard.Users)
	require.Equal(t, appended+1, s.appended(), "it changes what the log holds")
	head, _ := s.judged()
	require.Equal(t, int64(3), head.Version)
}
