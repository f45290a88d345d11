package projections

// All are the projectors of this program, one for each projection. dashboardPartitions is the partition
// count of the topic dashboards; it does nothing to names and versions.
func All(dashboardPartitions int32) []Projector {
	return []Projector{Dashboards{Partitions: dashboardPartitions}, AccountInsights{}, PostInsights{}, Contents{}, Directory{}, Operations{}}
}
