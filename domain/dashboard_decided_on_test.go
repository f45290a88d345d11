package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func digested() domain.Dashboard {
	return domain.Dashboard{
		DocumentID: "d", SubAccountID: "c1", ParentAccount: "p", SubAccountIDs: []string{"c1", "c2"},
		Users: []string{"u1", "u2"}, MainPOC: []string{"u3"}, Scopes: []string{"posts"},
		AllowClientDashboard: true, CreatedAt: time.UnixMicro(1).UTC(), UpdatedAt: time.UnixMicro(2).UTC(), Version: 3,
	}
}

// Whatever is another in a dashboard makes another digest, also where only the border between two texts or lists moves.
func TestDigestTellsEveryFieldApart(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, change := range map[string]func(*domain.Dashboard){
		"none":                   func(*domain.Dashboard) {},
		"document":               func(d *domain.Dashboard) { d.DocumentID = "e" },
		"sub-account":            func(d *domain.Dashboard) { d.SubAccountID = "c2" },
		"agency":                 func(d *domain.Dashboard) { d.ParentAccount = "q" },
		"a text more in another": func(d *domain.Dashboard) { d.DocumentID, d.SubAccountID = "dc", "1" },
		"linked":                 func(d *domain.Dashboard) { d.SubAccountIDs = []string{"c1"} },
		"users":                  func(d *domain.Dashboard) { d.Users = []string{"u1"} },
		"a user of another list": func(d *domain.Dashboard) { d.Users, d.MainPOC = []string{"u1"}, []string{"u2", "u3"} },
		"users in one text":      func(d *domain.Dashboard) { d.Users = []string{"u1u2"} },
		"points of contact":      func(d *domain.Dashboard) { d.MainPOC = nil },
		"scopes":                 func(d *domain.Dashboard) { d.Scopes = []string{"analytics"} },
		"closed":                 func(d *domain.Dashboard) { d.AllowClientDashboard = false },
		"made":                   func(d *domain.Dashboard) { d.CreatedAt = d.CreatedAt.Add(time.Microsecond) },
		"changed":                func(d *domain.Dashboard) { d.UpdatedAt = d.UpdatedAt.Add(time.Microsecond) },
		"version":                func(d *domain.Dashboard) { d.Version++ },
	} {
		d := digested()
		change(&d)
		require.Empty(t, seen[d.Digest()], name)
		seen[d.Digest()] = name
	}
	same := digested()
	same.UpdatedAt = same.UpdatedAt.Add(time.Nanosecond).In(time.FixedZone("", 3600))
	require.Equal(t, "none", seen[same.Digest()], "tables hold whole microseconds, and no zone")
}

// A change tells on which dashboards it was decided; where the log gives others, the tables were edited.
func TestChangeToldWhatItWasDecidedOn(t *testing.T) {
	t.Parallel()
	board := digested()
	edited := board
	edited.Users = []string{"stranger"}
	decided := domain.DashboardChange{Primary: "c1", Linked: []string{"c1"}, DecidedOn: map[string]string{"c1": board.Digest()}}
	opened := domain.DashboardChange{Primary: "c1", Linked: []string{"c1"}, Created: map[string]string{"c1": "d"}}
	silent := domain.DashboardChange{Primary: "c1", Linked: []string{"c1"}}
	for name, c := range map[string]struct {
		change  domain.DashboardChange
		present map[string]domain.Dashboard
		others  []string
		told    bool
	}{
		"as the log has it":           {decided, map[string]domain.Dashboard{"c1": board}, nil, true},
		"on an edited one":            {decided, map[string]domain.Dashboard{"c1": edited}, []string{"c1"}, true},
		"on one that is not there":    {decided, nil, []string{"c1"}, true},
		"opened where there was none": {opened, nil, nil, true},
		"opened where there was one":  {opened, map[string]domain.Dashboard{"c1": board}, []string{"c1"}, true},
		"says nothing":                {silent, map[string]domain.Dashboard{"c1": board}, nil, false},
	} {
		others, told := c.change.DecidedOnOthers(c.present)
		require.Equal(t, c.others, others, name)
		require.Equal(t, c.told, told, name)
	}
}
