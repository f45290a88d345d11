package projectors

import (
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// All are the projectors of this program, one for each projection. dashboardPartitions is the partition
// count of the topic dashboards; it does nothing to names and versions.
func All(dashboardPartitions int32) []fold.Projector {
	return []fold.Projector{Dashboards{Partitions: dashboardPartitions}, AccountInsights{}, PostInsights{}, Contents{}, Directory{}, Operations{}}
}
